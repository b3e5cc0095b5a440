"""What is kept of the probabilities of an image to calibrate them: little, however large it is.

Of two classes a histogram of log odds is all there is to know. Of more, a vector of probabilities
stands for each pixel, so pixels are drawn: the same ones whatever strips an image comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.blocks import BlockCounter
from mapwright.metrics.threshold import Packed
from mapwright.types import IGNORE, ClassIndex, Probabilities, Window

_HALF: Final = 400
_CELLS: Final = 2 * _HALF + 1
_SLOPE, _STEP = 4.0, 0.01
_ODDS: Final[NDArray[np.float64]] = _SLOPE * np.sinh(_STEP * np.arange(-_HALF, _HALF + 1))
"""(801,) log odds in the middle of each cell: 0.04 apart near 0, 1 % of their size far from it, up
to 109, which is beyond what single precision holds."""

_LOWEST = np.float32(1e-38)  # a probability below is taken for this
_KEPT = 2**20  # numbers; so many are drawn of all images together


@dataclass(frozen=True)
class Points:
    """Pixels with a label, or several that are alike.

    Args:
        logs: (n, K) float32 logarithms of the probabilities.
        truth: (n,) class indices.
        weight: (n,) float64 how many pixels each stands for.
        block: (n,) the block of the image that it lies in.
    """

    logs: NDArray[np.float32]
    truth: NDArray[np.integer]
    weight: NDArray[np.float64]
    block: NDArray[np.integer]


@dataclass(frozen=True)
class Soft:
    """What is kept of an image.

    Args:
        blocks: Number of blocks of the image.
        kept: Of two classes (blocks, 2, 801) pixels by true class and log odds, else points.
    """

    blocks: int
    kept: Packed | Points

    @property
    def points(self) -> Points:
        """Its pixels."""
        if isinstance(self.kept, Points):
            return self.kept
        block, truth, cell = np.unravel_index(self.kept.places.astype(np.int64), self.kept.shape)
        return _points(block, truth, cell, self.kept.counts)


def share_of_pixels(pixels: int, classes: int) -> float:
    """The share of the pixels that are drawn of images of more than two classes.

    Args:
        pixels: Those of all images together.
        classes: Number of classes K.
    """
    return min(1.0, _KEPT / classes / max(pixels, 1))


class SoftCounter:
    """Takes the probabilities of one image strip by strip.

    Args:
        windows: The blocks of the image.
        classes: Number of classes K.
        share: The share of the pixels to draw, of more than two classes.
        seed: Seed of the draw.
    """

    def __init__(
        self, windows: Sequence[Window], classes: int, share: float = 1.0, seed: int = 0
    ) -> None:
        self._windows, self._classes, self._share = windows, classes, share
        self._random = np.random.default_rng(seed)
        self._cells = BlockCounter(windows, _histogram) if classes == 2 else None
        self._drawn: list[Points] = []

    def add(self, row: int, truth: ClassIndex, probabilities: Probabilities) -> None:
        """Take the next strip, from the top.

        Args:
            row: Its first row in the image.
            truth: (h, W) class indices; `IGNORE` counts nowhere.
            probabilities: (K, h, W); where they are NaN or all 0, a pixel counts nowhere either.
        """
        known = (truth != IGNORE) & (probabilities.sum(axis=0) > 0)
        if self._cells is not None:
            seen = np.where(known, truth, IGNORE).astype(np.uint8)
            self._cells.add(row, seen, _cell(probabilities))
            return
        rows, cols = np.nonzero(known & (self._random.random(truth.shape) < self._share))
        logs = np.log(np.maximum(probabilities[:, rows, cols].T, _LOWEST))
        block = np.zeros(len(rows), np.int32)
        for number, window in enumerate(self._windows):
            down, right = row + rows - window.row, cols - window.col
            inside = (down >= 0) & (down < window.height) & (right >= 0) & (right < window.width)
            block[inside] = number
        weight = np.full(len(rows), 1 / self._share)
        self._drawn.append(Points(logs, truth[rows, cols], weight, block))

    def soft(self) -> Soft:
        """What is kept."""
        if self._cells is not None:
            return Soft(len(self._windows), Packed.of(self._cells.counts))
        return Soft(len(self._windows), _joined(self._drawn, self._classes))


def pooled(softs: Sequence[Soft]) -> Points:
    """The pixels of several images together, alike ones as one; blocks are forgotten."""
    packed = [soft.kept for soft in softs if isinstance(soft.kept, Packed)]
    if not packed:
        points = [soft.kept for soft in softs if isinstance(soft.kept, Points)]
        return _joined(points, points[0].logs.shape[1] if points else 2)
    total = np.zeros((2, _CELLS), np.int64)
    for one in packed:
        total += one.whole().sum(axis=0)
    truth, cell = np.nonzero(total)
    return _points(np.zeros_like(truth), truth, cell, total[truth, cell])


def _cell(probabilities: Probabilities) -> NDArray[np.uint16]:
    """The cell of the log odds of the second of two classes; (2, h, W) -> (h, W)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.log(probabilities[1]) - np.log(probabilities[0])
        places = np.rint(np.arcsinh(odds / np.float32(_SLOPE)) / np.float32(_STEP))
    inside = np.nan_to_num(np.clip(places, -_HALF, _HALF))
    return np.asarray(inside + _HALF, np.uint16)


def _histogram(truth: ClassIndex, cells: NDArray[np.uint16]) -> NDArray[np.int64]:
    """(2, 801) pixels by true class and cell."""
    known = truth != IGNORE
    flat = truth[known].astype(np.int64) * _CELLS + cells[known]
    return np.bincount(flat, minlength=2 * _CELLS).reshape(2, _CELLS)


def _points(
    block: NDArray[np.integer],
    truth: NDArray[np.integer],
    cell: NDArray[np.integer],
    counts: NDArray[np.integer],
) -> Points:
    """Cells of a histogram as points."""
    odds = _ODDS[cell]
    logs = -np.stack([np.logaddexp(0, odds), np.logaddexp(0, -odds)], axis=1)
    return Points(logs.astype(np.float32), truth, counts.astype(np.float64), block)


def _joined(points: Sequence[Points], classes: int) -> Points:
    nothing = np.zeros(0, np.int64)
    return Points(
        np.concatenate([np.zeros((0, classes), np.float32), *(p.logs for p in points)]),
        np.concatenate([nothing, *(p.truth for p in points)]).astype(np.uint8),
        np.concatenate([np.zeros(0), *(p.weight for p in points)]),
        np.concatenate([nothing, *(p.block for p in points)]).astype(np.int32),
    )
