"""The most suspect masks as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mapwright.auditing.result import Audit

_NAMED = 6  # images that were not audited and are named


def audit_table(audit: Audit, top: int) -> RenderableType:
    """The ranking, what was left out, and how to read it.

    Args:
        audit: What was found.
        top: How many of the most suspect are listed.
    """
    table = Table(
        title=f"Masks to look at, of {len(audit.suspects)} {audit.unit}s judged",
        title_justify="left",
        title_style="bold",
        box=None,
    )
    table.add_column("", justify="right")
    table.add_column(audit.unit, style="bold", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("what is suspected", overflow="fold")
    for suspect in audit.suspects[:top]:
        words = "; ".join(suspect.suspected)
        told = (
            f"[bold red]probably wrong[/]; {escape(words)}" if suspect.probable else escape(words)
        )
        table.add_row(str(suspect.rank), escape(suspect.name), f"{suspect.score:.3f}", told)
    style = "bold red" if audit.probable else "bold green"
    return Group(table, *_notes(audit), Text(audit.summary, style))


def reading(audit: Audit) -> str:
    """How to read a score, in a sentence or two."""
    sure = ", ".join(
        f"{name} from {value:.2f}" for name, value in audit.sure_from.items() if value is not None
    )
    return (
        "Score: what the model surely contradicts, as a share of what mask or model give to the "
        f"class; probably wrong from {audit.threshold:.2f} on, far out of the family of the "
        f"others. The model is sure of {sure}: the mean probability where masks say so."
    )


def skipped_words(audit: Audit) -> list[str]:
    """By reason, which images were not audited."""
    reasons: dict[str, list[str]] = {}
    for entry in audit.skipped:
        reasons.setdefault(entry.reason, []).append(entry.name)
    return [
        f"{len(names)} not audited, since {reason}: {', '.join(names[:_NAMED])}"
        + (", ..." if len(names) > _NAMED else "")
        for reason, names in reasons.items()
    ]


def _notes(audit: Audit) -> list[RenderableType]:
    notes: list[RenderableType] = [Text(reading(audit), "dim")]
    return notes + [Text(note, "yellow") for note in (*skipped_words(audit), *audit.notes)]
