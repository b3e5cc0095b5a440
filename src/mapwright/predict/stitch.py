"""Blend overlapping tiles into rows, keeping only a band of rows in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapwright.types import Probabilities, Window

_LOWEST = 1e-3  # weight at a tile's corners: never zero, or the rim of a map would be empty


class Strip(NamedTuple):
    """Finished rows of a map.

    Args:
        row: First row.
        probabilities: (K, h, W) float32; all zero where no tile was predicted.
        border: (h, W) float32, probability that objects touch at a pixel; None where the model
            does not say it.
    """

    row: int
    probabilities: Probabilities
    border: NDArray[np.float32] | None = None

    def parted(self, classes: int) -> Strip:
        """The same rows; what was stitched beyond the classes is the border."""
        if len(self.probabilities) == classes:
            return self
        return Strip(self.row, self.probabilities[:classes], self.probabilities[classes])


def tile_weights(tile: int) -> NDArray[np.float32]:
    """(tile, tile) float32 Gaussian with sigma = tile / 8, as in nnU-Net; highest in the middle."""
    offsets = np.arange(tile) - (tile - 1) / 2
    line = np.exp(-0.5 * (offsets / (tile / 8)) ** 2)
    weights = np.outer(line, line)
    return np.asarray(np.maximum(weights / weights.max(), _LOWEST), np.float32)


def stitch(
    tiles: Iterable[tuple[Window, Probabilities]], height: int, width: int, classes: int
) -> Iterator[Strip]:
    """Average overlapping tiles, weighted towards their centres.

    Args:
        tiles: Windows in the order of `plan_windows`, each with its (K, tile, tile)
            probabilities. A window may be left out.
        height: Rows of the map.
        width: Columns of the map.
        classes: Number of classes K.

    Yields:
        Strips from the top, without gap, to the last row. Memory holds one row of tiles.
    """
    top = 0
    sums = np.zeros((classes, 0, width), np.float32)
    total = np.zeros((0, width), np.float32)
    weights: NDArray[np.float32] | None = None
    for window, probabilities in tiles:
        if weights is None:
            weights = tile_weights(window.height)
        if window.row > top:
            done = min(window.row - top, len(total))
            if done:
                yield Strip(top, _mean(sums[:, :done], total[:done]))
            if window.row > top + done:  # rows that no tile covered
                gap = np.zeros((classes, window.row - top - done, width), np.float32)
                yield Strip(top + done, gap)
            sums, total, top = sums[:, done:], total[done:], window.row
        inside = window.clip(height, width)
        sums, total = _grow(sums, total, inside.row + inside.height - top)
        rows = slice(inside.row - top, inside.row - top + inside.height)
        cols = slice(inside.col, inside.col + inside.width)
        weight = weights[: inside.height, : inside.width]
        sums[:, rows, cols] += probabilities[:, : inside.height, : inside.width] * weight
        total[rows, cols] += weight
    if len(total):
        yield Strip(top, _mean(sums, total))
    top += len(total)
    if top < height:
        yield Strip(top, np.zeros((classes, height - top, width), np.float32))


def _mean(sums: Probabilities, total: NDArray[np.float32]) -> Probabilities:
    return np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)


def _grow(
    sums: Probabilities, total: NDArray[np.float32], rows: int
) -> tuple[Probabilities, NDArray[np.float32]]:
    """Append empty rows up to `rows`."""
    missing = rows - len(total)
    if missing <= 0:
        return sums, total
    padding = ((0, missing), (0, 0))
    return np.pad(sums, ((0, 0), *padding)), np.pad(total, padding)
