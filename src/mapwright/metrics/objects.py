"""Objects found, missed and invented: what is counted on one image, and F2 from it.

The score of the Airbus Ship Detection Challenge (Kaggle 2018, page "Evaluation"): a predicted
object hits a true one when their IoU is above a threshold, strictly; for each image and each of the
thresholds 0.50, 0.55 .. 0.95, F2 = 5 TP / (5 TP + 4 FN + FP); the mean over thresholds is the score
of the image, the mean over images that of the set. No object where none is scores 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import SettingError

THRESHOLDS = tuple(range(50, 100, 5))
"""IoU thresholds in percent: whole numbers, so that "greater than" is exact."""

Ids = NDArray[np.integer]
"""(H, W) whole numbers: 0 where no object is, another number for each object, below 0 in truth
what counts nowhere."""

Hits = NDArray[np.int32]
"""(n, 3) int32, one row for each object: its pixels; then, where an object of the other side has
an IoU above 0.5 with it, the pixels of their intersection and of their union, else 0 and 1."""


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """What was counted on one image; a few dozen bytes where it holds few objects.

    An IoU above 0.5 is reached by one pair at most, as objects of one side share no pixel. So the
    pair of each true object is all there is to know for thresholds from 0.5.

    Args:
        truth: (n, 3) the true objects.
        guesses: Number of predicted objects.
        truth_pixels: Pixels of true objects.
        guess_pixels: Pixels of predicted objects.
        both_pixels: Pixels of both.
    """

    truth: Hits
    guesses: int
    truth_pixels: int
    guess_pixels: int
    both_pixels: int

    def without_guesses(self) -> ObjectCounts:
        """The counts, had nothing been predicted."""
        return ObjectCounts(no_hits(self.truth[:, 0]), 0, self.truth_pixels, 0, 0)


@dataclass(frozen=True)
class Overlaps:
    """Two maps of objects laid over each other, without a mask for each object.

    Args:
        truth: (n,) pixels of each true object.
        guess: (m,) pixels of each predicted object.
        names: (m,) the number of each predicted object in its map.
        pairs: (p, 2) int64 places of the pairs that share pixels, in `truth` and in `guess`.
        shared: (p,) pixels that they share.
    """

    truth: NDArray[np.int64]
    guess: NDArray[np.int64]
    names: NDArray[np.int64]
    pairs: NDArray[np.int64]
    shared: NDArray[np.int64]

    @property
    def unions(self) -> NDArray[np.int64]:
        """(p,) pixels of either object of each pair."""
        return self.truth[self.pairs[:, 0]] + self.guess[self.pairs[:, 1]] - self.shared

    def hits(self, side: int) -> Hits:
        """The objects of a side, 0 = truth, 1 = prediction, each with the one it pairs with."""
        rows = no_hits(self.guess if side else self.truth)
        unions = self.unions
        paired = 2 * self.shared > unions
        rows[self.pairs[paired, side], 1:] = np.stack([self.shared, unions], axis=1)[paired]
        return rows


def no_hits(pixels: NDArray[np.integer]) -> Hits:
    """Rows of objects that pair with none; `pixels` (n,) are their sizes."""
    rows = np.zeros((len(pixels), 3), np.int32)
    rows[:, 0], rows[:, 2] = pixels, 1
    return rows


def overlaps(truth: Ids, guess: Ids) -> Overlaps:
    """Lay a map of predicted objects over a map of true ones.

    Args:
        truth: (H, W); pixels below 0 count nowhere, as if the image ended there.
        guess: (H, W); what is 0 or below is no object.
    """
    if truth.shape != guess.shape:
        raise SettingError(
            f"a map of {guess.shape[0]} x {guess.shape[1]} pixels over one of "
            f"{truth.shape[0]} x {truth.shape[1]}",
            where="overlaps",
            expected="two maps of one image",
        )
    anything = np.flatnonzero((truth != 0) | (guess > 0))  # a small part of most images
    true, found = truth.reshape(-1)[anything], guess.reshape(-1)[anything]
    is_true, is_found = true > 0, (found > 0) & (true >= 0)
    _, true_at, true_sizes = _numbered(true[is_true])
    names, found_at, found_sizes = _numbered(found[is_found])
    stride = max(len(found_sizes), 1)
    keys = true_at[is_found[is_true]] * stride + found_at[is_true[is_found]]
    pairs, shared = np.unique(keys, return_counts=True)
    places = np.stack(np.divmod(pairs, stride), axis=1)
    return Overlaps(true_sizes, found_sizes, names, places, shared)


def count_objects(truth: Ids, guess: Ids) -> ObjectCounts:
    """Count one image; see `overlaps` for the arguments."""
    laid = overlaps(truth, guess)
    sums = (int(part.sum()) for part in (laid.truth, laid.guess, laid.shared))
    return ObjectCounts(laid.hits(0), len(laid.guess), *sums)


def image_f2(
    counts: Sequence[ObjectCounts], thresholds: Sequence[int] = THRESHOLDS
) -> NDArray[np.float64]:
    """(n,) F2 of each image, the mean over the thresholds (in percent, from 50).

    Raises:
        SettingError: A threshold below 50: pairs would no longer be unique.
    """
    images, hits = truth_table(counts)
    hit = is_hit(hits, thresholds)
    tp = np.stack([np.bincount(images[column], minlength=len(counts)) for column in hit.T], axis=1)
    truth = np.array([len(entry.truth) for entry in counts], np.int64)
    guess = np.array([entry.guesses for entry in counts], np.int64)
    return np.asarray(f2(tp, truth[:, None], guess[:, None]).mean(axis=1))


def f2(
    tp: NDArray[np.integer], truth: NDArray[np.integer], guess: NDArray[np.integer]
) -> NDArray[np.float64]:
    """F2 = 5 TP / (5 TP + 4 FN + FP), and 1 where there is nothing and nothing is found.

    Args:
        tp: Hits, of any shape.
        truth: True objects; TP + FN.
        guess: Predicted objects; TP + FP.
    """
    whole = 4 * truth + guess  # 5 TP + 4 FN + FP
    return np.where(whole > 0, 5 * tp / np.maximum(whole, 1), 1.0)


def is_hit(hits: Hits, thresholds: Sequence[int] = THRESHOLDS) -> NDArray[np.bool_]:
    """(n, t) whether the IoU of each object's pair is above each threshold, in percent.

    Raises:
        SettingError: A threshold below 50.
    """
    if min(thresholds) < 50:
        raise SettingError(
            f"an IoU threshold of {min(thresholds)} %",
            where="thresholds",
            expected="50 or more: below, an object can pair with several",
        )
    shared, union = hits[:, 1:2].astype(np.int64), hits[:, 2:].astype(np.int64)
    return np.asarray(100 * shared > np.array(thresholds) * union)


def truth_table(counts: Sequence[ObjectCounts]) -> tuple[NDArray[np.int64], Hits]:
    """The true objects of all images in one table.

    Returns:
        (n,) the image of each object, and (n, 3) its row.
    """
    sizes = [len(entry.truth) for entry in counts]
    images = np.repeat(np.arange(len(counts)), sizes)
    return images, np.concatenate([no_hits(images[:0]), *(entry.truth for entry in counts)])


def _numbered(
    ids: NDArray[np.integer],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The numbers that occur, the place of each pixel's among them, and the pixels of each."""
    names, places, sizes = np.unique(ids, return_inverse=True, return_counts=True)
    return names.astype(np.int64), places, sizes
