"""Scores of objects beside those of pixels: rows for tables, and sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mapwright.metrics.object_result import ObjectScores

LABELS = {
    "f2": "F2",
    "dice_pooled": "Dice, all pixels together",
    "dice_mean": "Dice, mean over images",
    "dice_objects": "Dice, mean over images with objects",
    "presence_accuracy": "presence, accuracy",
    "presence_precision": "presence, precision",
    "presence_recall": "presence, recall",
}
"""Names of the scores of objects, for people."""


@dataclass(frozen=True)
class ObjectRow:
    """A line of one of the two tables.

    Args:
        label: Name of the score, or the sizes.
        value: The score; of sizes, the share that was found.
        interval: Its 95 % interval.
        other: The score had nothing been predicted; of sizes, the mean share outlined.
        count: Number of true objects; of scores 0.
    """

    label: str
    value: float
    interval: tuple[float, float]
    other: float
    count: int = 0


def score_rows(scores: ObjectScores) -> list[ObjectRow]:
    """One line for each score."""
    return [
        ObjectRow(LABELS[entry.name], entry.value, entry.interval, entry.baseline)
        for entry in scores.scores
    ]


def size_rows(scores: ObjectScores) -> list[ObjectRow]:
    """One line for each range of sizes that occurs, in square metres too where they are known."""
    rows = []
    for size in filter(lambda size: size.objects, scores.sizes):
        label = size.words()
        if scores.area:
            label += f" ({size.words(scores.area)})"
        rows.append(ObjectRow(label, size.found, size.interval, size.outlined, size.objects))
    return rows


def heading(scores: ObjectScores) -> str:
    """What was counted on how many images."""
    return (
        f"{scores.objects:,} objects of {scores.name!r} on {scores.with_objects:,} of "
        f"{scores.images:,} images; {scores.guesses:,} predicted"
    )


def object_notes(scores: ObjectScores) -> list[str]:
    """One sentence for each thing that a reader of these scores must know."""
    notes = [
        "F2 as in the Airbus Ship Detection Challenge: an object is found when its IoU is above a "
        "threshold; the mean over the thresholds 0.50, 0.55 .. 0.95, then over images; an image "
        "without objects has 1 when none is predicted, else 0.",
        "Presence is whether an image holds any object.",
        f"True objects are {scores.truth}.",
        f"Predicted objects are {scores.rule}.",
    ]
    drawn = not math.isnan(scores["f2"].interval[0])
    return [*notes, *([f"Intervals: 95 %, bootstrap over {scores.unit}."] if drawn else [])]


def told(scores: ObjectScores | None) -> dict[str, Any] | None:
    """What the pages of a report say of objects; None where they are not counted."""
    if scores is None:
        return None
    return {
        "name": scores.name,
        "heading": heading(scores),
        "scores": score_rows(scores),
        "sizes": size_rows(scores),
        "notes": object_notes(scores),
    }


def object_tables(scores: ObjectScores) -> RenderableType:
    """Both tables for a terminal."""
    table = _table(heading(scores), "objects")
    for name in ("score", "95 %", "nothing predicted"):
        table.add_column(name, justify="right")
    for row in score_rows(scores):
        value = f"[bold]{_number(row.value)}[/]"
        table.add_row(row.label, value, _range(row.interval), _number(row.other))
    sizes = _table("Objects found, by size", "size")
    for name in ("objects", "found (IoU above 0.5)", "95 %", "mean of IoU thresholds"):
        sizes.add_column(name, justify="right")
    for row in size_rows(scores):
        figures = _number(row.value), _range(row.interval), _number(row.other)
        sizes.add_row(row.label, f"{row.count:,}", *figures)
    parts: list[RenderableType] = [table]
    if scores.objects:
        parts += ["", sizes]
    return Group(*parts, *(Text(note, "dim") for note in object_notes(scores)))


def _table(title: str, first: str) -> Table:
    table = Table(title=escape(title), title_justify="left", title_style="bold", box=None)
    table.add_column(first, style="bold")
    return table


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _range(bounds: tuple[float, float]) -> str:
    return "-" if math.isnan(bounds[0]) else f"{bounds[0]:.3f} to {bounds[1]:.3f}"
