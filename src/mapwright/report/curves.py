"""Curves of a training and a confusion matrix, as PNG and as SVG that follows a page's colours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from mapwright.io.files import replacing
from mapwright.metrics.summary import Scores

_PAGE_INK = "#010203"  # a colour that nothing else has: becomes the page's text colour
_PAPER_INK = "#333333"
_LINE, _FOLD = "#d9480f", "#1971c2"


def _style(ink: str) -> Any:
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys((*inked, "grid.color"), ink),
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "grid.alpha": 0.15,
        "svg.fonttype": "none",
        "text.parse_math": False,  # a name may hold a dollar sign
        "svg.hashsalt": "mapwright",
    }


def curves_figure(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Training loss and held-out mean IoU by step; a thin line per fold, a thick one for all.

    Args:
        rows: The training log.
    """
    has_score = any("score" in row for row in rows)
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    axes = figure.subplots(1, 2 if has_score else 1, squeeze=False)[0]
    _lines(axes[0], rows, "loss", "training loss")
    if has_score:
        _lines(axes[1], rows, "score", "held-out mean IoU")
    return figure


def confusion_figure(scores: Scores) -> Figure:
    """Share of each true class by predicted class."""
    counts = np.array(scores.confusion, np.float64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [entry.name for entry in scores.classes]
    side = 1.2 + 0.62 * len(names)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axis = figure.subplots()
    axis.imshow(share, cmap="Oranges", vmin=0, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="predicted", ylabel="true")
    axis.tick_params(length=0)
    for row, col in np.ndindex(share.shape):
        dark = "white" if share[row, col] > 0.55 else "#222222"
        axis.text(col, row, f"{share[row, col]:.1%}", ha="center", va="center", color=dark)
    return figure


def save_figure(draw: Callable[[], Figure], path: Path) -> str:
    """Write a figure as PNG, on white, and return it as SVG, on nothing, in the page's ink.

    Args:
        draw: Makes the figure; called once for each.
        path: The PNG.
    """
    with mpl.rc_context(_style(_PAPER_INK)), replacing(path) as temporary:
        draw().savefig(temporary, dpi=160, facecolor="white")
    text = StringIO()
    with mpl.rc_context(_style(_PAGE_INK)):
        draw().savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :].replace(_PAGE_INK, "currentColor")


def _lines(axis: Any, rows: Sequence[Mapping[str, float]], key: str, title: str) -> None:
    folds: dict[float, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        folds[row["fold"]].append((row["step"], row[key]))
    for points in folds.values():
        steps, values = zip(*points, strict=True)
        many = len(folds) > 1
        axis.plot(
            steps, values, color=_FOLD, linewidth=0.9 if many else 1.8, alpha=0.55 if many else 1
        )
    shortest = min(len(points) for points in folds.values())
    if len(folds) > 1:
        stacked = np.array([points[:shortest] for points in folds.values()])
        steps, values = stacked[..., 0].mean(axis=0), stacked[..., 1].mean(axis=0)
        axis.plot(steps, values, color=_LINE, linewidth=2.2, label="mean of the folds")
        axis.legend(frameon=False)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("step")
    axis.grid(True)
