"""One scene on a sheet: picture, truth, prediction and errors, with legend, scale and north."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from numpy.typing import NDArray
from PIL import Image as PilImage

from mapwright.io.picture import INVALID_COLOR, Rgb, color_classes
from mapwright.report.figures import error_keys, error_picture
from mapwright.report.ground import Ground
from mapwright.report.paper import (
    DPI,
    INK,
    LEAD,
    LINE,
    SOFT,
    STYLE,
    TEXT,
    save_sheet,
    shorten,
    text_width,
)
from mapwright.types import IGNORE, ClassIndex

_PAGE = (12.5, 11.0)  # inches that the four panels may fill, width and height
_MARGIN, _GAP, _HEAD = 0.35, 0.22, 0.3
_NARROWEST = 1.3  # inches: room for the name of a panel
_KEY = 0.17  # inches, side of a colour in the legend
_KEYS = (1.5, 3.2)  # inches, least and greatest width of the legend
_BAR = 1.3  # inches, longest scale bar
_TITLE = 15.0  # points
_ROWS_IN_FRONT = ((1, 4), (2, 2), (4, 1))


@dataclass(frozen=True)
class Panels:
    """What a sheet shows of one scene.

    Args:
        picture: (H, W, 3) uint8, the scene as people see it, see `as_rgb`.
        truth: (H, W) uint8 class indices, `IGNORE` where unlabelled or invalid.
        guess: (H, W) uint8 class indices, `IGNORE` where the map has none.
        names: The classes.
        colors: Their colours, `#rrggbb`.
        ground: Scale and north; None for a picture without a place.
    """

    picture: Rgb
    truth: ClassIndex
    guess: ClassIndex
    names: Sequence[str]
    colors: Sequence[str]
    ground: Ground | None = None


def draw_map_sheet(panels: Panels, title: str, subtitle: str, path: Path) -> None:
    """Draw the four panels of a scene as a JPEG (or PNG).

    The panels stand side by side, in a square or in a column, whichever shows them largest.
    Scenes with more pixels than the sheet are thinned out: classes by nearest neighbour.

    Args:
        panels: The scene.
        title: Headline, such as the data set and the scene.
        subtitle: A line below it, such as the model; may be empty.
        path: A `.jpg` or `.png` to write.

    Raises:
        OutputError: The file can't be written.
    """
    with mpl.rc_context(STYLE):
        layout = _Layout.of(panels, _MARGIN + (0.75 if subtitle else 0.45))
        figure = Figure(figsize=layout.size)
        sheet = figure.add_axes((0, 0, 1, 1))
        sheet.set(xlim=(0, layout.size[0]), ylim=(layout.size[1], 0))  # inches from the top left
        sheet.axis("off")
        room = layout.size[0] - 2 * _MARGIN
        heading = shorten(title, room, _TITLE, bold=True)
        sheet.text(_MARGIN, _MARGIN + 0.2, heading, fontsize=_TITLE, weight="bold")
        sheet.text(_MARGIN, _MARGIN + 0.47, shorten(subtitle, room), color=SOFT)
        _draw_panels(figure, sheet, panels, layout)
        bottom = _draw_legend(sheet, panels, layout)
        if panels.ground:
            _draw_scale(sheet, panels, panels.ground, layout, bottom)
        save_sheet(figure, path)


@dataclass(frozen=True)
class _Layout:
    """Inches: size of the sheet, of a panel, of the cell it stands in, and where things begin."""

    size: tuple[float, float]
    panel: tuple[float, float]
    cell: tuple[float, float]
    columns: int
    top: float
    keys: float  # left edge of the legend
    keys_width: float

    @classmethod
    def of(cls, panels: Panels, top: float) -> _Layout:
        """The arrangement that shows the panels largest, from `top` downwards."""
        height, width = _extent(panels)
        aspect = height / width
        sizes = {}
        for rows, columns in _ROWS_IN_FRONT:
            wide = (_PAGE[0] - (columns - 1) * _GAP) / columns
            tall = (_PAGE[1] - rows * _HEAD - (rows - 1) * _GAP) / rows
            sizes[rows, columns] = min(wide, tall / aspect)
        (rows, columns), wide = max(sizes.items(), key=lambda item: item[1])
        panel = (wide, wide * aspect)
        cell = (max(wide, _NARROWEST), panel[1] + _HEAD)
        across = columns * cell[0] + (columns - 1) * _GAP
        down = rows * cell[1] + (rows - 1) * _GAP
        words = max(text_width(text) for text, _ in _keys(panels))
        keys_width = min(max(words + 2 * _KEY, _KEYS[0]), _KEYS[1])
        keys = _MARGIN + across + 0.4
        below = max(down, _legend_height(panels))
        size = (keys + keys_width + _MARGIN, top + below + _MARGIN)
        return cls(size, panel, cell, columns, top, keys, keys_width)

    def corner(self, index: int) -> tuple[float, float]:
        """Top left corner of a panel's picture, from the top left of the sheet."""
        row, column = divmod(index, self.columns)
        left = _MARGIN + column * (self.cell[0] + _GAP)
        return left, self.top + row * (self.cell[1] + _GAP) + _HEAD


def _extent(panels: Panels) -> tuple[float, float]:
    """Height and width of the scene: on the ground where that is known, else in pixels."""
    height, width = panels.truth.shape
    ground = panels.ground
    return (height * ground.height, width * ground.width) if ground else (height, width)


def _draw_panels(figure: Figure, sheet: Any, panels: Panels, layout: _Layout) -> None:
    colors = tuple(panels.colors)
    rows, cols = (
        _nearest(length, round(side * DPI))
        for length, side in zip(panels.truth.shape, layout.panel[::-1], strict=True)
    )
    truth, guess = (labels[rows][:, cols] for labels in (panels.truth, panels.guess))
    pictures = {
        "scene": _shrunk(panels.picture, len(rows), len(cols)),
        "truth": color_classes(truth, colors),
        "prediction": color_classes(guess, colors),
        "errors": error_picture(truth, guess, len(colors)),
    }
    width, height = layout.size
    for index, (name, picture) in enumerate(pictures.items()):
        left, top = layout.corner(index)
        wide, tall = layout.panel
        place = (left / width, 1 - (top + tall) / height, wide / width, tall / height)
        axis = figure.add_axes(place)
        axis.imshow(picture, interpolation="nearest", aspect="auto")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(color=LINE, linewidth=0.8)
        sheet.text(left, top - 0.09, name, fontsize=TEXT + 1)


def _nearest(length: int, pixels: int) -> NDArray[np.int64]:
    """Indices of rows or columns to show, at most `pixels` of them, evenly spread."""
    shown = max(min(length, pixels), 1)
    return (np.arange(shown) * 2 + 1) * length // (2 * shown)


def _shrunk(picture: Rgb, height: int, width: int) -> Rgb:
    """A picture at a smaller size, each pixel the mean of those it stands for."""
    if picture.shape[:2] == (height, width):
        return picture
    image = PilImage.fromarray(picture).resize((width, height), PilImage.Resampling.BOX)
    return np.asarray(image)


def _keys(panels: Panels) -> list[tuple[str, str]]:
    """Words and colours of the legend, top to bottom; a heading has no colour."""
    errors = zip(error_keys(panels.names), _shares(panels), strict=True)
    return [
        ("Classes", ""),
        *zip(panels.names, panels.colors, strict=True),
        ("no data, not labelled", INVALID_COLOR),
        ("Errors", ""),
        *((f"{words}, {share}", color) for (words, color), share in errors),
    ]


def _shares(panels: Panels) -> list[str]:
    """What part of the labelled pixels each entry of `error_keys` has, in words."""
    known = (panels.truth != IGNORE) & (panels.guess != IGNORE)
    truth, guess = panels.truth[known], panels.guess[known]
    if not truth.size:
        return ["none"] * len(error_keys(panels.names))
    wrong = truth != guess
    parts = [~wrong, wrong & (truth == 0), wrong & (truth == 1)]
    return [f"{part.mean():.1%}" for part in (parts if len(panels.names) == 2 else [~wrong, wrong])]


def _legend_height(panels: Panels) -> float:
    scale = 1.0 if panels.ground else 0.0
    return _HEAD + (len(_keys(panels)) + 1) * LEAD + scale


def _draw_legend(sheet: Any, panels: Panels, layout: _Layout) -> float:
    """Draw the legend and return where it ends, in inches from the top."""
    line = layout.top + _HEAD + 0.12
    for number, (words, color) in enumerate(_keys(panels)):
        if not color:
            line += 0.5 * LEAD if number else 0.0
            sheet.text(layout.keys, line, words, weight="bold", va="center")
        else:
            key = (layout.keys, line - _KEY / 2)
            sheet.add_patch(Rectangle(key, _KEY, _KEY, facecolor=color, edgecolor=SOFT, lw=0.4))
            text = shorten(words, layout.keys_width - 1.6 * _KEY)
            sheet.text(layout.keys + 1.6 * _KEY, line, text, va="center_baseline")
        line += LEAD
    return line


def _draw_scale(sheet: Any, panels: Panels, ground: Ground, layout: _Layout, bottom: float) -> None:
    """A bar of a round length and an arrow to the north, below the legend."""
    metres = _extent(panels)[1] / layout.panel[0]  # of ground per inch of paper
    length = _round_length(_BAR * metres)
    left, line = layout.keys, bottom + 0.35 * LEAD + 0.55
    sheet.plot(
        [left, left + length / metres], [line, line], color=INK, lw=2.5, solid_capstyle="butt"
    )
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    sheet.text(left, line + 0.2, words, va="center")
    turn = math.radians(ground.north)
    points = np.array([(0, -0.26), (0.11, 0.2), (0, 0.1), (-0.11, 0.2)])
    turned = points @ [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]
    middle = np.array([left + max(_BAR * 0.2 + length / metres, 0.9), line - 0.05])
    sheet.add_patch(Polygon(turned + middle, closed=True, facecolor=INK))
    tip = middle + 0.42 * np.array([math.sin(turn), -math.cos(turn)])
    sheet.text(*tip, "N", ha="center", va="center", fontsize=TEXT - 1)


def _round_length(most: float) -> float:
    """The longest of 1, 2 or 5 times a power of ten that is not above `most`."""
    power = 10.0 ** math.floor(math.log10(most))
    return max(step for step in (power, 2 * power, 5 * power) if step <= most)
