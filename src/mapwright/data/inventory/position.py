"""Where in an image things lie: counts over a grid of relative positions, summed over images."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mapwright.types import ClassIndex, Valid

GRID = 16
"""Rows and columns of the grid that every image is laid over, whatever its size."""

Cells = NDArray[np.int64]


class Positions:
    """Counts of pixels by relative position.

    Args:
        classes: Number of classes K.

    Attributes:
        labelled: (K, GRID, GRID) valid, labelled pixels of each class.
        valid: (GRID, GRID) pixels that hold a measurement.
        pixels: (GRID, GRID) all pixels.
    """

    def __init__(self, classes: int) -> None:
        self.labelled: Cells = np.zeros((classes, GRID, GRID), np.int64)
        self.valid: Cells = np.zeros((GRID, GRID), np.int64)
        self.pixels: Cells = np.zeros((GRID, GRID), np.int64)

    def add(self, mask: ClassIndex, valid: Valid) -> None:
        """Count one image.

        Args:
            mask: (H, W) class indices, `IGNORE` where unlabelled or invalid.
            valid: (H, W) where the image holds a measurement.
        """
        cells = _cells(*mask.shape)
        self.pixels += _count(cells)
        self.valid += _count(cells[valid])
        for kind in range(len(self.labelled)):
            self.labelled[kind] += _count(cells[mask == kind])

    def share(self, kind: int) -> NDArray[np.float64]:
        """(GRID, GRID) share of the labelled pixels that are of a class; NaN where none is."""
        return _ratio(self.labelled[kind], self.labelled.sum(axis=0))

    @property
    def invalid_share(self) -> NDArray[np.float64]:
        """(GRID, GRID) share of the pixels without a measurement; NaN where no image has any."""
        return _ratio(self.pixels - self.valid, self.pixels)


@lru_cache(maxsize=8)
def _cells(height: int, width: int) -> NDArray[np.int16]:
    """(H, W) cell of each pixel, that which its centre lies in, row by row."""
    rows, cols = ((2 * np.arange(side) + 1) * GRID // (2 * side) for side in (height, width))
    return (rows[:, None] * GRID + cols).astype(np.int16)


def _count(cells: NDArray[np.int16]) -> Cells:
    return np.bincount(cells.reshape(-1), minlength=GRID * GRID).reshape(GRID, GRID)


def _ratio(part: Cells, whole: Cells) -> NDArray[np.float64]:
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), np.nan))
