"""The probability from which a pixel is the second class: every threshold at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.confusion import mean_iou
from mapwright.types import IGNORE, ClassIndex, Counts

BINS = 1000
"""Thresholds are multiples of 1 / BINS."""

_STEPS = (np.arange(BINS + 1) / BINS).astype(np.float32)

Histogram = NDArray[np.int64]
"""(..., 2, BINS + 1) pixels by true class and probability of the second class, in bins."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Counts of which most are 0, such as the histograms of an image whose class is sure.

    Args:
        shape: Shape of the whole array.
        places: (n,) places in the flat array that are not 0, in the smallest type that holds them.
        counts: (n,) what is there, likewise.
    """

    shape: tuple[int, ...]
    places: NDArray[np.integer]
    counts: NDArray[np.integer]

    @classmethod
    def of(cls, counts: NDArray[np.int64]) -> Self:
        """Pack an array; no count is below 0."""
        places = np.flatnonzero(counts)
        found = counts.reshape(-1)[places]
        small, least = (np.min_scalar_type(n) for n in (counts.size, found.max(initial=0)))
        return cls(counts.shape, places.astype(small), found.astype(least))

    def whole(self) -> NDArray[np.int64]:
        """The array."""
        counts = np.zeros(self.shape, np.int64)
        counts.reshape(-1)[self.places] = self.counts
        return counts


def histogram(truth: ClassIndex, second: NDArray[np.float32]) -> Histogram:
    """Count the pixels of a binary task.

    Args:
        truth: Class indices 0, 1 or `IGNORE`, any shape.
        second: Probability of the second class, the same shape.

    Returns:
        (2, BINS + 1) int64.
    """
    known = truth != IGNORE
    flat = truth[known].astype(np.int64) * (BINS + 1) + places(second[known])
    return np.bincount(flat, minlength=2 * (BINS + 1)).reshape(2, BINS + 1)


def places(second: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The bin of each probability: p >= t exactly where the bin is at least t * `BINS`.

    Compared in single precision, so that this holds for the same pixels as in a map.
    """
    return (np.searchsorted(_STEPS, second, side="right") - 1).astype(np.uint16)


def counts_at(histograms: Histogram, threshold: float) -> Counts:
    """(..., 2, 2) confusion counts when the second class begins at `threshold`."""
    start = round(threshold * BINS)
    below = histograms[..., :start].sum(axis=-1)
    return np.stack([below, histograms.sum(axis=-1) - below], axis=-1)


def best_threshold(pooled: Histogram) -> float:
    """The threshold with the highest mean IoU of a pooled (2, BINS + 1) histogram.

    Of equally good ones the middle, and 0.5 when nothing was counted.
    """
    below = np.concatenate([np.zeros((2, 1), np.int64), np.cumsum(pooled, axis=-1)], axis=-1)
    counts = np.stack([below, pooled.sum(axis=-1, keepdims=True) - below], axis=-1)
    scores = mean_iou(counts.transpose(1, 0, 2)[1 : BINS + 1])
    if np.isnan(scores).all():
        return 0.5
    best = np.flatnonzero(scores >= np.nanmax(scores) - 1e-12)
    return float(best[len(best) // 2] + 1) / BINS


def cross_fitted(folds: Sequence[Histogram]) -> list[float]:
    """For each fold, the best threshold of the others: scores that use it are not flattered.

    Args:
        folds: One pooled (2, BINS + 1) histogram per fold.
    """
    total = np.sum(folds, axis=0)
    return [best_threshold(total - own) for own in folds]
