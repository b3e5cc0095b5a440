"""The plane cut into pieces that stay where they are: stands, quarters, fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapwright.demo.land.ground import Ground, Keys, Places, cells, even, scramble

_WANDER: Final = 0.8  # how far a centre strays, as a share of the distance between centres
_UNEVEN: Final = 0.6  # how far the end of a parcel strays, as a share of its side


def patches(ground: Ground, name: str, rows: Places, cols: Places, size: float) -> Keys:
    """Divide the plane into cells with straight borders around scattered centres.

    Args:
        ground: Its seed is used, its window is not.
        name: Which division.
        rows: Where to look, any shape.
        cols: As `rows`.
        size: Mean distance between centres.

    Returns:
        The key of the cell that each place is in (Worley, 1996).
    """
    row, col = np.floor(rows / size).astype(np.int64), np.floor(cols / size).astype(np.int64)
    key, best = ground.key(name), np.full(rows.shape, np.inf)
    found = np.zeros(rows.shape, np.uint64)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            cell = cells(key, row + down, col + right)
            off_row = 0.5 + _WANDER * (even(ground, "down", cell) - 0.5)
            off_col = 0.5 + _WANDER * (even(ground, "right", cell) - 0.5)
            far = (row + down + off_row - rows / size) ** 2
            far += (col + right + off_col - cols / size) ** 2
            found = np.where(far < best, cell, found)
            best = np.minimum(far, best)
    return found


@dataclass(frozen=True)
class Parcels:
    """Rectangular plots, in districts that each lie their own way; arrays share one shape.

    Args:
        keys: Which plot a place is in.
        border: Pixels to the nearest border of the plot.
    """

    keys: Keys
    border: Places


def parcels(
    ground: Ground, name: str, rows: Places, cols: Places, side: tuple[float, float], size: float
) -> Parcels:
    """Divide the plane into districts, and each of them into rows of plots.

    Args:
        ground: Its seed is used, its window is not.
        name: Which division.
        rows: Where to look, any shape.
        cols: As `rows`.
        side: Mean length and width of a plot.
        size: Mean distance between the centres of districts.
    """
    district = patches(ground, name, rows, cols, size)
    turn = np.pi * even(ground, "turn", district).astype(np.float64)
    length, width = (
        part * (0.75 + 0.5 * even(ground, f"side{i}", district).astype(np.float64))
        for i, part in enumerate(side)
    )
    along = cols * np.cos(turn) + rows * np.sin(turn)
    across = rows * np.cos(turn) - cols * np.sin(turn)
    strip, near = _cut(ground, district, across / width)
    strips = scramble(district + strip.view(np.uint64))
    plot, end = _cut(ground, strips, along / length)
    keys = scramble(strips + plot.view(np.uint64))
    return Parcels(keys, np.minimum(near * width, end * length))


def _cut(ground: Ground, keys: Keys, at: Places) -> tuple[NDArray[np.int64], Places]:
    """Cut lines at uneven places: the number of each piece, and how far its nearer end is."""
    whole = np.floor(at).astype(np.int64)
    start = whole + _UNEVEN * (_end(ground, keys, whole) - 0.5)
    stop = whole + 1 + _UNEVEN * (_end(ground, keys, whole + 1) - 0.5)
    piece = whole - (at < start) + (at >= stop)
    near = np.minimum(np.abs(at - start), np.abs(at - stop))
    return piece, near


def _end(ground: Ground, keys: Keys, number: NDArray[np.int64]) -> Places:
    return even(ground, "end", scramble(keys ^ number.view(np.uint64))).astype(np.float64)
