"""Figures as PNG or JPEG files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mapwright.io.files import replacing
from mapwright.io.picture import INVALID_COLOR, Rgb, color_classes
from mapwright.types import IGNORE, ClassIndex

_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "text.parse_math": False,  # a name may hold a dollar sign
}
_RIGHT, _FALSE, _MISSED = "#d9dee4", "#e8590c", "#1971c2"
_DPI = 160
_SIDE = 2.2  # inches per picture


@dataclass(frozen=True)
class Comparison:
    """One row of a comparison figure.

    Args:
        title: Name of the image.
        picture: (H, W, 3) uint8.
        truth: (H, W) uint8 class indices, `IGNORE` where unknown.
        guess: (H, W) uint8 class indices.
    """

    title: str
    picture: Rgb
    truth: ClassIndex
    guess: ClassIndex


def comparison_figure(
    rows: Sequence[Comparison], names: Sequence[str], colors: Sequence[str], path: Path
) -> None:
    """Draw image, truth, prediction and errors, one image per row.

    Args:
        rows: What to show.
        names: The classes.
        colors: Their colours, `#rrggbb`.
        path: A `.png` or `.jpg` to write.
    """
    with mpl.rc_context(_STYLE):
        size = (4 * _SIDE + 0.3, len(rows) * _SIDE + 0.75)
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained", facecolor="white")
        axes = figure.subplots(len(rows), 4, squeeze=False)
        for line, row in zip(axes, rows, strict=True):
            _draw_row(line, row, tuple(colors))
        for axis, title in zip(axes[0], ("image", "truth", "prediction", "errors"), strict=True):
            axis.set_title(title)
        figure.legend(
            handles=_legend(names, colors),
            loc="outside lower center",
            ncols=min(len(names) + 4, 8),
            frameon=False,
        )
        with replacing(path) as temporary:
            figure.savefig(temporary)


def error_picture(truth: ClassIndex, guess: ClassIndex, classes: int) -> Rgb:
    """Where a prediction is right or wrong, (H, W, 3) uint8.

    With two classes, false and missed pixels of the second have colours of their own; with
    more, every wrong pixel has that of false ones.
    """
    code = np.zeros(truth.shape, np.uint8)
    wrong = truth != guess
    code[wrong] = 1
    if classes == 2:
        code[wrong & (truth == 1)] = 2
    code[(truth == IGNORE) | (guess == IGNORE)] = IGNORE
    return color_classes(code, (_RIGHT, _FALSE, _MISSED))


def error_keys(names: Sequence[str]) -> list[tuple[str, str]]:
    """What the colours of `error_picture` mean: words and `#rrggbb`."""
    if len(names) == 2:
        false, missed = f"false {names[1]}", f"missed {names[1]}"
        return [("right", _RIGHT), (false, _FALSE), (missed, _MISSED)]
    return [("right", _RIGHT), ("wrong", _FALSE)]


def _draw_row(axes: Any, row: Comparison, colors: tuple[str, ...]) -> None:
    pictures = (
        row.picture,
        color_classes(row.truth, colors),
        color_classes(row.guess, colors),
        error_picture(row.truth, row.guess, len(colors)),
    )
    for axis, picture in zip(axes, pictures, strict=True):
        axis.imshow(picture, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    axes[0].set_ylabel(row.title)


def _legend(names: Sequence[str], colors: Sequence[str]) -> list[Patch]:
    keys = [*zip(names, colors, strict=True), *error_keys(names), ("invalid", INVALID_COLOR)]
    return [Patch(color=color, label=words) for words, color in keys]
