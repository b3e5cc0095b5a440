"""Colours and surfaces of a settlement, and the look that all of one tile share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

RGB = tuple[float, float, float]
Rng = np.random.Generator
Option = TypeVar("Option")


@dataclass(frozen=True)
class Paint:
    """Colour and texture of a surface.

    Args:
        rgb: Colour on level ground in full sun, 0 to 255.
        alt: Colour of its patches (moss, bare soil, mended asphalt).
        patches: Share of the surface that the patches cover, 0 to 1.
        grain: Standard deviation of its speckle, as a share of the colour.
        relief: Contrast between single tiles, slabs or furrows, as a share of the colour.
        course: Length and width in metres of one tile, slab or furrow.
    """

    rgb: RGB
    alt: RGB | None = None
    patches: float = 0.0
    grain: float = 0.06
    relief: float = 0.0
    course: tuple[float, float] = (1.0, 1.0)


def _tiled(rgb: RGB, alt: RGB, patches: float) -> Paint:
    """Clay or concrete tiles: courses along the eaves, moss or lichen in patches."""
    return Paint(rgb, alt, patches, grain=0.05, relief=0.035, course=(0.7, 0.36))


ORANGE = _tiled((168, 108, 80), (138, 94, 74), 0.35)
RED = _tiled((158, 74, 60), (134, 66, 56), 0.35)
MAROON = _tiled((108, 62, 54), (92, 60, 52), 0.4)
BROWN = _tiled((104, 78, 66), (84, 68, 56), 0.4)
UMBER = _tiled((78, 64, 60), (66, 58, 52), 0.4)
SLATE = _tiled((64, 64, 70), (74, 74, 74), 0.35)
BLACK = _tiled((46, 46, 52), (56, 56, 58), 0.35)
GREY = _tiled((98, 98, 100), (84, 84, 82), 0.4)
WEATHERED = _tiled((118, 110, 100), (92, 90, 76), 0.45)
STRAW = _tiled((146, 122, 96), (116, 96, 76), 0.45)
SHEET = Paint((150, 154, 158), (126, 124, 118), 0.3, grain=0.03, relief=0.05, course=(40.0, 0.5))
CORRUGATED = Paint(
    (176, 174, 168), (140, 132, 120), 0.35, grain=0.04, relief=0.07, course=(0.6, 30.0)
)
FELT = Paint((76, 76, 78), (98, 96, 92), 0.4, grain=0.06, relief=0.03, course=(8.0, 1.0))
GRAVEL = Paint((136, 132, 124), (112, 108, 98), 0.4, grain=0.1)
SEDUM = Paint((84, 82, 58), (106, 90, 66), 0.45, grain=0.14)

PITCHED = (ORANGE, RED, MAROON, BROWN, UMBER, SLATE, BLACK, GREY, WEATHERED, STRAW, SHEET)
PITCHED_WEIGHTS = (0.17, 0.1, 0.1, 0.12, 0.09, 0.15, 0.09, 0.08, 0.05, 0.03, 0.02)
FLAT = (FELT, GRAVEL, SHEET, CORRUGATED, SEDUM, SLATE, BROWN)
FLAT_WEIGHTS = (0.34, 0.18, 0.12, 0.12, 0.08, 0.1, 0.06)

WALLS = (
    Paint((212, 209, 202)),
    Paint((196, 186, 164)),
    Paint((176, 164, 146)),
    Paint((150, 104, 84), relief=0.06, course=(0.5, 0.3)),
)
PAVINGS = (
    Paint((142, 138, 130), (122, 118, 108), 0.4, grain=0.07, relief=0.05, course=(0.8, 0.8)),
    Paint((150, 134, 116), (128, 112, 94), 0.4, grain=0.08, relief=0.06, course=(0.5, 0.4)),
    Paint((144, 96, 80), (122, 88, 74), 0.4, grain=0.08, relief=0.06, course=(0.6, 0.4)),
    Paint((112, 112, 112), (98, 96, 92), 0.4, grain=0.07, relief=0.03),
    Paint((166, 156, 138), (142, 128, 106), 0.45, grain=0.11),
)
ASPHALTS = (
    Paint((122, 120, 117), (110, 108, 104), 0.35, grain=0.03, relief=0.02, course=(60.0, 0.7)),
    Paint((98, 98, 99), (110, 108, 105), 0.3, grain=0.03, relief=0.03, course=(60.0, 0.5)),
    Paint((134, 129, 120), (118, 112, 102), 0.4, grain=0.05, relief=0.03, course=(60.0, 0.9)),
    Paint((142, 133, 118), (124, 114, 98), 0.45, grain=0.08),
    Paint((132, 128, 121), (116, 112, 104), 0.4, grain=0.05, relief=0.03, course=(3.0, 1.5)),
)
SOIL = Paint((112, 94, 74), (92, 82, 60), 0.45, grain=0.13)
BED = Paint((84, 70, 54), (72, 82, 46), 0.45, grain=0.16, relief=0.12, course=(6.0, 0.6))
FIELD = Paint((110, 98, 70), (92, 98, 54), 0.5, grain=0.1, relief=0.05, course=(90.0, 1.2))
CONCRETE = Paint((160, 157, 150), grain=0.05)
WHITE = Paint((226, 226, 224), grain=0.02)
DARK = Paint((34, 35, 40), grain=0.02)
GLASS = Paint((70, 84, 104), grain=0.02)
PANEL = Paint((34, 40, 62), (30, 34, 50), 0.4, grain=0.02, relief=0.1, course=(1.7, 1.0))
POOL = Paint((60, 132, 196), (84, 156, 208), 0.4, grain=0.04)
WOOD = Paint((116, 100, 82), grain=0.08, relief=0.08, course=(6.0, 0.3))
BARK = Paint((94, 86, 76), grain=0.05)
CARS: tuple[RGB, ...] = (
    (214, 214, 214),
    (150, 152, 156),
    (44, 45, 50),
    (60, 64, 72),
    (40, 52, 88),
    (140, 36, 34),
    (92, 92, 90),
)
ODDS: tuple[RGB, ...] = (
    (222, 220, 214),
    (196, 190, 180),
    (60, 58, 56),
    (110, 96, 80),
    (150, 80, 62),
    (66, 92, 128),
    (136, 134, 128),
)
GREENS: tuple[RGB, ...] = (
    (60, 72, 46),
    (50, 66, 42),
    (68, 78, 48),
    (82, 88, 52),
    (56, 68, 56),
    (44, 58, 42),
)
CONIFERS: tuple[RGB, ...] = ((40, 58, 44), (34, 52, 38), (52, 70, 62))
WINTER: tuple[RGB, ...] = ((92, 82, 62), (80, 74, 56), (104, 88, 64))
AUTUMN: tuple[RGB, ...] = ((104, 92, 54), (92, 90, 52), (98, 78, 54))
LAWNS: tuple[RGB, ...] = ((82, 90, 60), (72, 88, 54), (90, 93, 66), (97, 93, 73), (80, 80, 62))


@dataclass(frozen=True)
class Theme:
    """What the plots of one tile have in common.

    Args:
        roofs: The paints that most of its pitched roofs have.
        lawn: Colour of its lawns.
        greens: Colours of its leaves.
        bare: Share of the broad-leaved trees that have no leaves.
        trees: Trees per square metre of garden.
        clutter: Small things per plot.
        order: How straight everything stands, 0 to 1.
    """

    roofs: tuple[Paint, ...]
    lawn: RGB
    greens: tuple[RGB, ...]
    bare: float
    trees: float
    clutter: float
    order: float


def pick(rng: Rng, options: Sequence[Option]) -> Option:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def weighted(rng: Rng, options: Sequence[Option], weights: Sequence[float]) -> Option:
    """One of the options; `weights` add up to one."""
    mark = rng.random()
    for option, weight in zip(options, weights, strict=True):
        mark -= weight
        if mark < 0:
            return option
    return options[-1]


def chance(rng: Rng, probability: float) -> bool:
    """True with the given probability."""
    return bool(rng.random() < probability)


def shift(rgb: RGB, factor: float, tint: Sequence[float] = (0.0, 0.0, 0.0)) -> RGB:
    """A colour made lighter or darker, then moved by a share of itself per band."""
    red, green, blue = (value * factor * (1 + t) for value, t in zip(rgb, tint, strict=True))
    return red, green, blue


def vary(rng: Rng, paint: Paint, amount: float = 0.1) -> Paint:
    """The same surface on another house: lighter or darker, a little redder or bluer."""
    factor = math.exp(amount * rng.standard_normal())
    tint = (0.25 * amount * rng.standard_normal(3)).tolist()
    return replace(
        paint,
        rgb=shift(paint.rgb, factor, tint),
        alt=None if paint.alt is None else shift(paint.alt, factor, tint),
        patches=paint.patches * rng.uniform(0.3, 1.3),
    )


def darker(paint: Paint, factor: float) -> Paint:
    """The same surface with all its colours multiplied by `factor`."""
    alt = None if paint.alt is None else shift(paint.alt, factor)
    return replace(paint, rgb=shift(paint.rgb, factor), alt=alt)


def roll_theme(rng: Rng) -> Theme:
    """What the plots of one tile will have in common."""
    count = int(rng.integers(2, 6))
    season = rng.random()
    greens = GREENS if season < 0.6 else GREENS + WINTER if season < 0.88 else GREENS + AUTUMN
    tone = math.exp(0.15 * rng.standard_normal())
    return Theme(
        roofs=tuple(weighted(rng, PITCHED, PITCHED_WEIGHTS) for _ in range(count)),
        lawn=shift(pick(rng, LAWNS), tone),
        greens=tuple(shift(green, tone) for green in greens),
        bare=0.0 if season < 0.45 else rng.uniform(0.1, 0.7),
        trees=float(rng.gamma(2.0, 0.006)),
        clutter=rng.uniform(3, 12),
        order=rng.uniform(0.5, 1.0),
    )


def roof_paint(rng: Rng, theme: Theme) -> Paint:
    """A pitched roof: most follow the theme, some don't."""
    if chance(rng, 0.75):
        return vary(rng, pick(rng, theme.roofs), 0.13)
    return vary(rng, weighted(rng, PITCHED, PITCHED_WEIGHTS), 0.13)


def flat_paint(rng: Rng) -> Paint:
    """A flat or gently sloping roof."""
    return vary(rng, weighted(rng, FLAT, FLAT_WEIGHTS), 0.15)
