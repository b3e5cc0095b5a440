"""Confusion counts and the scores that follow from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapwright.types import IGNORE, ClassIndex, Counts

Scores = NDArray[np.float64]
"""(..., K) float64, one per class; NaN where the score is not defined."""


def confusion(truth: ClassIndex, guess: ClassIndex, classes: int) -> Counts:
    """Count pixels by true and predicted class.

    Args:
        truth: uint8 class indices of any shape; `IGNORE` counts nowhere.
        guess: The same shape; `IGNORE` counts nowhere either.
        classes: Number of classes K.

    Returns:
        (K, K) int64, rows = truth, columns = prediction.
    """
    known = (truth != IGNORE) & (guess != IGNORE)
    pairs = truth[known].astype(np.int64) * classes + guess[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


# Each formula takes (..., K, K) counts, so one image, a pool, or many bootstrap draws go alike.
# A column more, (..., K, K + 1), holds pixels that were given no class: misses, no false alarms.


def iou(counts: Counts) -> Scores:
    """Intersection over union per class, TP / (TP + FP + FN); NaN for an absent class."""
    return ratio(_hits(counts), _truth(counts) + _guess(counts) - _hits(counts))


def f1(counts: Counts) -> Scores:
    """F1 (= Dice) per class, 2 TP / (2 TP + FP + FN); NaN for an absent class."""
    return ratio(2 * _hits(counts), _truth(counts) + _guess(counts))


def precision(counts: Counts) -> Scores:
    """TP / (TP + FP) per class; NaN for a class that is never predicted."""
    return ratio(_hits(counts), _guess(counts))


def recall(counts: Counts) -> Scores:
    """TP / (TP + FN) per class; NaN for a class that is never true."""
    return ratio(_hits(counts), _truth(counts))


def accuracy(counts: Counts) -> NDArray[np.float64]:
    """Share of pixels that are right; NaN when nothing was counted."""
    return ratio(_hits(counts).sum(-1), counts.sum((-2, -1)))


def present(counts: Counts) -> NDArray[np.bool_]:
    """(..., K) bool: classes that occur in truth or prediction (scikit-learn's default labels)."""
    return (_truth(counts) + _guess(counts)) > 0


def mean_over_present(scores: Scores) -> NDArray[np.float64]:
    """Mean over the classes whose score is defined; NaN when there is none."""
    defined = ~np.isnan(scores)
    return ratio(np.where(defined, scores, 0).sum(-1), defined.sum(-1))


def mean_iou(counts: Counts) -> NDArray[np.float64]:
    """Mean IoU over the classes present in truth or prediction."""
    return mean_over_present(iou(counts))


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> NDArray[np.float64]:
    """Part / whole, NaN where whole is 0."""
    top, bottom = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    share: NDArray[np.float64] = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=share, where=bottom != 0)
    return share


def _hits(counts: Counts) -> Counts:
    return np.asarray(np.diagonal(counts, axis1=-2, axis2=-1))


def _truth(counts: Counts) -> Counts:
    return np.asarray(counts.sum(-1))


def _guess(counts: Counts) -> Counts:
    return np.asarray(counts.sum(-2)[..., : counts.shape[-2]])
