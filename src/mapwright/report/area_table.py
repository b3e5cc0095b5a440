"""Areas of a map, and samples drawn from it, as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mapwright.areas.result import Z95

if TYPE_CHECKING:
    from mapwright.areas.draw import Drawn
    from mapwright.areas.result import Areas, Estimate

_SHOWN = 10  # names of points that are listed before the rest is summed up


def area_table(areas: Areas) -> RenderableType:
    """Areas per class, the estimates beside them, and each class in words."""
    total = f"{areas.amount(areas.total)} {areas.unit}"
    head = Text(f"{areas.path.name}: {total} with a class, {areas.crs or 'no CRS'}", "bold")
    table = _estimates(areas) if areas.design else _counts(areas)
    parts: list[RenderableType] = [head, table]
    if areas.design:
        parts.append(Text(f"overall accuracy {_accuracy(areas.overall)}", "bold"))
        parts += [Text(sentence) for sentence in areas.sentences()]
    parts += [Text(note, "dim") for note in areas.notes]
    parts += [Text(warning, "yellow") for warning in areas.warnings]
    parts += [
        Text(f"left out: {len(ids)} points {reason}: {_some(ids)}", "yellow")
        for reason, ids in areas.left_out.items()
    ]
    return Group(*parts)


def _counts(areas: Areas) -> Table:
    table = _table("class", "pixels", f"mapped {areas.unit}", "share")
    for entry in areas.classes:
        pixels = f"{entry.pixels:,}".replace(",", " ")
        share = f"{entry.mapped / areas.total:.1%}"
        table.add_row(escape(entry.name), pixels, areas.amount(entry.mapped), share)
    return table


def _estimates(areas: Areas) -> Table:
    columns = ("mapped", "estimated", "± 95 %", "user's", "producer's", "points")
    table = _table(f"in {areas.unit}", *columns)
    for entry in areas.classes:
        assert entry.estimated is not None
        sizes = entry.mapped, entry.estimated.value, Z95 * entry.estimated.standard_error
        accuracies = _accuracy(entry.users), _accuracy(entry.producers)
        cells = (*map(areas.amount, sizes), *accuracies, str(entry.map_points))
        table.add_row(escape(entry.name), *cells)
    return table


def drawn_table(drawn: Drawn) -> RenderableType:
    """How many points were drawn in each stratum, and what to do with them."""
    head = Text(f"{sum(drawn.points)} points in {drawn.path}, seed {drawn.seed}", "bold")
    table = _table("stratum", "share of area", "points")
    for name, share, points in zip(drawn.strata, drawn.areas, drawn.points, strict=True):
        table.add_row(escape(name), f"{share:.2%}", str(points))
    design = "" if drawn.design == "stratified" else f" --design {drawn.design}"
    text = (
        "fill the column 'class' with what is really there, without looking at the map, then:  "
        f"mapwright area MAP --reference {drawn.path}{design}  (and --nodata, --strata as here)"
    )
    return Group(head, table, Text(text, "dim"))


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None)
    table.add_column(first, style="bold")
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _accuracy(estimate: Estimate | None) -> str:
    """With half the width of the 95 % interval, as the literature gives accuracies."""
    if estimate is None:
        return "-"
    return f"{estimate.value:.2f} ± {Z95 * estimate.standard_error:.2f}"


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
