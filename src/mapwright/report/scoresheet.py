"""The scores of a model on a sheet: one line per class, with intervals and the baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mapwright.metrics.summary import ClassScores, Scores
from mapwright.report.notes import caveat, score_notes
from mapwright.report.paper import (
    INK,
    LEAD,
    LINE,
    MARK,
    SOFT,
    STYLE,
    save_sheet,
    shorten,
    text_width,
    wrap,
)

_MARGIN, _ROW, _KEY, _SPACE = 0.4, 0.36, 0.17, 0.3
_NAME = (0.8, 2.6)  # inches, least and greatest room for the name of a class
_PLOT = 2.6  # inches from IoU 0 to IoU 1
_TITLE = 15.0  # points
_SMALL = 9.0  # points
_LEGEND = "Dot: IoU. Bar: its interval. Tick: IoU of the baseline."


@dataclass(frozen=True)
class _Column:
    """A column of figures: heading, what a class has there, and what the mean has."""

    heading: str
    of: Callable[[ClassScores], str]
    mean: str = ""


def draw_score_sheet(
    scores: Scores, colors: Sequence[str], title: str, subtitle: str, path: Path
) -> None:
    """Draw the score table as a JPEG (or PNG).

    Args:
        scores: What to show.
        colors: One `#rrggbb` per class.
        title: Headline, such as the data set and the split.
        subtitle: A line below it, such as the number of scenes and the model; may be empty.
        path: A `.jpg` or `.png` to write.

    Raises:
        OutputError: The file can't be written.
    """
    with mpl.rc_context(STYLE):
        columns = _columns(scores)
        edges = _right_edges(scores, columns)
        width = edges[-1] + _MARGIN
        room = width - 2 * _MARGIN
        told = (_LEGEND, *score_notes(scores), caveat(scores))
        notes = [line for note in told for line in wrap(note, room, _SMALL)]
        table = _MARGIN + (0.75 if subtitle else 0.45)
        foot = table + (len(scores.classes) + 2) * _ROW + 0.3
        size = (width, foot + len(notes) * LEAD + 0.8 * _MARGIN)
        figure = Figure(figsize=size)
        sheet = figure.add_axes((0, 0, 1, 1))
        sheet.set(xlim=(0, size[0]), ylim=(size[1], 0))  # inches from the top left
        sheet.axis("off")
        heading = shorten(title, room, _TITLE, bold=True)
        sheet.text(_MARGIN, _MARGIN + 0.15, heading, fontsize=_TITLE, weight="bold")
        sheet.text(_MARGIN, _MARGIN + 0.44, shorten(subtitle, room), color=SOFT)
        _draw_table(sheet, scores, colors, columns, edges, table)
        for number, line in enumerate(notes):
            sheet.text(_MARGIN, foot + (number + 0.5) * LEAD, line, fontsize=_SMALL, color=SOFT)
        save_sheet(figure, path)


def _columns(scores: Scores) -> list[_Column]:
    """The columns of figures, left to right; the first two stand around the plot."""
    columns = [
        _Column("IoU", lambda row: _number(row.iou), _number(scores.mean_iou)),
        _Column("95 %", lambda row: _range(row.iou_interval), _range(scores.mean_iou_interval)),
        _Column("F1", lambda row: _number(row.f1)),
        _Column("precision", lambda row: _number(row.precision)),
        _Column("recall", lambda row: _number(row.recall)),
        _Column(
            "baseline IoU", lambda row: _number(row.iou_baseline), _number(scores.mean_iou_baseline)
        ),
        _Column("pixels", lambda row: f"{row.pixels:,}", f"{scores.pixels:,}"),
    ]
    if scores.boundary_width:
        mean = _number(scores.mean_boundary_iou)
        columns.insert(5, _Column("boundary IoU", lambda row: _number(row.boundary_iou), mean))
    return columns


def _right_edges(scores: Scores, columns: Sequence[_Column]) -> list[float]:
    """Where each column ends, in inches; the plot of intervals stands after the first."""
    edges, left = [], _MARGIN + 1.6 * _KEY + _name_width(scores)
    for number, column in enumerate(columns):
        cells = [column.heading, column.mean, *(column.of(row) for row in scores.classes)]
        left += _SPACE + max(text_width(cell, bold=True) for cell in cells)
        edges.append(left)
        if not number:
            left += _SPACE + _PLOT
    return edges


def _name_width(scores: Scores) -> float:
    widest = max((text_width(row.name) for row in scores.classes), default=0.0)
    return min(max(widest, _NAME[0]), _NAME[1])


def _draw_table(
    sheet: Any,
    scores: Scores,
    colors: Sequence[str],
    columns: Sequence[_Column],
    edges: Sequence[float],
    top: float,
) -> None:
    left, right = _MARGIN, edges[-1]
    first, last = top + _ROW, top + (len(scores.classes) + 1) * _ROW
    sheet.text(left, top + _ROW / 2, "class", color=SOFT, va="center_baseline")
    for column, edge in zip(columns, edges, strict=True):
        middle = top + _ROW / 2
        sheet.text(edge, middle, column.heading, color=SOFT, ha="right", va="center_baseline")
    plot = edges[0] + _SPACE
    _draw_axis(sheet, plot, first, last + _ROW)
    for number, (row, color) in enumerate(zip(scores.classes, colors, strict=True)):
        line = first + (number + 0.5) * _ROW
        key = (left, line - _KEY / 2)
        sheet.add_patch(Rectangle(key, _KEY, _KEY, facecolor=color, edgecolor=SOFT, lw=0.4))
        name = shorten(row.name, _name_width(scores))
        sheet.text(left + 1.6 * _KEY, line, name, va="center_baseline")
        _draw_cells(sheet, [column.of(row) for column in columns], edges, line, bold=False)
        _draw_interval(sheet, plot, line, row.iou, row.iou_interval, row.iou_baseline)
        sheet.plot([left, right], [line + _ROW / 2] * 2, color=LINE, lw=0.6)
    line = last + 0.5 * _ROW
    sheet.plot([left, right], [first] * 2, color=INK, lw=0.9)
    sheet.plot([left, right], [last] * 2, color=INK, lw=0.9)
    sheet.text(left, line, "mean", weight="bold", va="center_baseline")
    _draw_cells(sheet, [column.mean for column in columns], edges, line, bold=True)
    means = (scores.mean_iou, scores.mean_iou_interval, scores.mean_iou_baseline)
    _draw_interval(sheet, plot, line, *means)


def _draw_cells(
    sheet: Any, cells: Sequence[str], edges: Sequence[float], line: float, *, bold: bool
) -> None:
    for number, (cell, edge) in enumerate(zip(cells, edges, strict=True)):
        weight = "bold" if bold or not number else "normal"
        sheet.text(edge, line, cell, ha="right", va="center_baseline", weight=weight)


def _draw_axis(sheet: Any, left: float, top: float, bottom: float) -> None:
    """Faint lines at IoU 0, 0.5 and 1, named above the table."""
    for share in (0.0, 0.5, 1.0):
        place = left + share * _PLOT
        sheet.plot([place, place], [top, bottom], color=LINE, lw=0.8, zorder=0)
        middle = top - _ROW / 2
        sheet.text(
            place, middle, f"{share:g}", fontsize=_SMALL, color=SOFT, ha="center",
            va="center_baseline",
        )  # fmt: skip


def _draw_interval(
    sheet: Any,
    left: float,
    line: float,
    score: float,
    bounds: tuple[float, float],
    baseline: float,
) -> None:
    """A dot for the score, a bar for its interval, a tick for the baseline."""
    if not math.isnan(baseline):
        place = left + baseline * _PLOT
        sheet.plot([place, place], [line - 0.09, line + 0.09], color=SOFT, lw=1.6)
    if not math.isnan(bounds[0]):
        ends = [left + bound * _PLOT for bound in bounds]
        sheet.plot(ends, [line, line], color=MARK, lw=3.2, alpha=0.4, solid_capstyle="butt")
    if not math.isnan(score):
        sheet.plot([left + score * _PLOT], [line], "o", color=MARK, ms=6.5, mec="white", mew=0.8)


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _range(bounds: tuple[float, float]) -> str:
    return "–" if math.isnan(bounds[0]) else f"{bounds[0]:.3f} to {bounds[1]:.3f}"
