"""Names for the arrays and windows that flow through the house.

Axis order is always (bands, rows, columns) for one image, (batch, bands, rows, columns) for many.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T", bound=np.generic)

IGNORE: Final = 255
"""The class index of a pixel that counts nowhere: unlabelled, nodata or padding."""

MAX_CLASSES: Final = 255
"""Class indices are stored as uint8 and `IGNORE` takes the last one."""

Pixels = NDArray[Any]
"""(C, H, W), values as they stand in the file."""

Image = NDArray[np.float32]
"""(C, H, W) float32, values as they stand in the file, NaN where a pixel is invalid."""

Valid = NDArray[np.bool_]
"""(H, W) bool, True where every used band holds a measurement."""

ClassIndex = NDArray[np.uint8]
"""(H, W) uint8, class index 0..K-1, or `IGNORE`."""

Probabilities = NDArray[np.float32]
"""(K, H, W) float32, summing to one over K."""

Tta = Literal["none", "flips", "d4"]
"""Test-time augmentation: none, four flips, or all eight flips and quarter turns."""

TuneFor = Literal["mean_iou", "f2", "dice_pooled", "dice_mean", "dice_objects"]
"""Scores that decisions may be tuned for; all but the first are about objects."""

LossName = Literal["dice+cross_entropy", "dice+focal", "cross_entropy", "focal", "dice"]
"""Losses that a plan may name."""

Counts = NDArray[np.int64]
"""(K, K) int64 pixel counts, rows = truth, columns = prediction."""


class Window(NamedTuple):
    """A rectangle of pixels; it may reach over the border of its image.

    Args:
        row: First row, in pixels, 0 at the top; may be negative.
        col: First column, in pixels, 0 at the left; may be negative.
        height: Rows.
        width: Columns.
    """

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as slices; only for a window that lies inside its array."""
        return (
            slice(self.row, self.row + self.height),
            slice(self.col, self.col + self.width),
        )

    def clip(self, height: int, width: int) -> Window:
        """The part that lies inside an image of `height` x `width` pixels (may be empty)."""
        row, col = max(self.row, 0), max(self.col, 0)
        bottom = min(self.row + self.height, height)
        right = min(self.col + self.width, width)
        return Window(row, col, max(bottom - row, 0), max(right - col, 0))

    def meets(self, other: Window, buffer: int = 0) -> bool:
        """Whether two windows of one image share a pixel, or come nearer than `buffer` pixels."""
        return (
            self.row < other.row + other.height + buffer
            and other.row < self.row + self.height + buffer
            and self.col < other.col + other.width + buffer
            and other.col < self.col + self.width + buffer
        )

    def moved(self, row: int, col: int) -> Window:
        """The same size, `row` and `col` further."""
        return Window(self.row + row, self.col + col, self.height, self.width)

    def cut(self, array: NDArray[_T], outside: float) -> NDArray[_T]:
        """Cut this window from (..., H, W); what lies outside the array becomes `outside`."""
        whole = np.full((*array.shape[:-2], self.height, self.width), outside, array.dtype)
        inside = self.clip(*array.shape[-2:])
        if inside.height and inside.width:
            rows, cols = inside.slices
            place = Window(inside.row - self.row, inside.col - self.col, *inside[2:])
            whole[(..., *place.slices)] = array[(..., rows, cols)]
        return whole
