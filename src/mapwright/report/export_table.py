"""What was exported and how it was proved, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mapwright.report.contract import tried

if TYPE_CHECKING:
    from mapwright.exporting.write import Export


def export_table(export: Export) -> RenderableType:
    """The file, what goes in and out, its cost, and how well it agreed with its model."""
    proof, cost = export.proof, export.cost
    table = Table(
        title="Proof: the same tiles through the file and through its model",
        title_justify="left",
        title_style="bold",
        box=None,
    )
    table.add_column("tiles", style="bold")
    for name in ("number", "pixels", "largest logit", "difference", "of what it may be"):
        table.add_column(name, justify="right")
    table.add_column("class or validity differs", justify="right")
    for kind, one in proof.kinds.items():
        table.add_row(
            kind,
            str(one.tiles),
            f"{one.pixels:,}",
            f"{one.largest_logit:.3g}",
            f"{one.largest_difference:.2g}",
            f"{one.largest_share:.1%}",
            f"{one.unequal} of {one.close} too close to call",
        )
    notes = [
        "On these tiles every pixel whose decision is not too close to call is equal. "
        + tried(proof.plain()),
        f"{cost.megabytes:.1f} MB; {cost.milliseconds:.0f} ms a tile on this machine "
        f"({cost.processor}, {cost.threads} threads); networks averaged: {export.members}.",
    ]
    return Group(
        Text(export.about),
        "",
        table,
        *(Text(note, "dim") for note in notes),
        escape(_files(export)),
    )


def _files(export: Export) -> str:
    return f"written to {export.path}, and {export.item.name} beside it"
