"""Roads and rivers: the cheapest ways over a landscape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from mapwright.demo.land.ground import Flags, Floats

Place = tuple[int, int]
"""Row and column."""

_STEPS: Final = ((0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.4142), (1, -1, 1.4142))
"""To the right, down, and both ways aslant: rows, columns, length."""


def cheapest_ways(cost: Floats, start: Place, ends: Sequence[Place]) -> list[list[Place]]:
    """The cheapest ways from one place to others (Dijkstra, 1959).

    Args:
        cost: (H, W), of crossing a pixel; above 0.
        start: Where all ways begin.
        ends: Where they end.

    Returns:
        For each end, the pixels from there back to `start`.
    """
    width = cost.shape[1]
    first = start[0] * width + start[1]
    _, before = dijkstra(_graph(cost), False, first, return_predecessors=True)
    ways = []
    for row, col in ends:
        at, way = row * width + col, []
        while at >= 0:
            way.append((int(at // width), int(at % width)))
            at = before[at]
        ways.append(way)
    return ways


def draw_ways(
    shape: tuple[int, int], ways: Sequence[Sequence[Place]], step: int, width: int
) -> Flags:
    """Draw ways found on a grid of every `step`-th pixel as smooth lines, (H, W) bool."""
    image = Image.new("1", (shape[1], shape[0]))
    pen = ImageDraw.Draw(image)
    for way in ways:
        if len(way) < 2:
            continue
        points = (np.array(way, np.float64) + 0.5) * step
        smooth = gaussian_filter1d(points, 1.5, axis=0, mode="nearest")
        smooth[[0, -1]] = points[[0, -1]]
        pen.line([(float(col), float(row)) for row, col in smooth], fill=1, width=width)
    return np.array(image, bool)


def _graph(cost: Floats) -> Any:
    """Which pixels touch, and what a step from one to the other costs."""
    number = np.arange(cost.size).reshape(cost.shape)
    rows, cols, prices = [], [], []
    for down, right, length in _STEPS:
        here, there = _shifted(number, down, right)
        rows.append(here.ravel())
        cols.append(there.ravel())
        one, other = _shifted(cost, down, right)
        prices.append((length * (one + other) / 2).ravel())
    parts = (np.concatenate(prices), (np.concatenate(rows), np.concatenate(cols)))
    return coo_array(parts, shape=(cost.size, cost.size)).tocsr()


def _shifted(grid: NDArray[Any], down: int, right: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The pixels that have a neighbour `down` and `right` of them, and those neighbours."""
    height, width = grid.shape
    left, stop = max(0, -right), width - max(0, right)
    here = grid[: height - down, left:stop]
    return here, grid[down:, left + right : stop + right]
