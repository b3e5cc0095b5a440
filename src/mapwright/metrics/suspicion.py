"""How much speaks against a mask: what a model surely contradicts, by what is usual for its class.

A pixel contradicts with certainty where the model gives its class at least the probability that it
gives on the mean to pixels labelled so: the threshold t_j of confident learning (Northcutt, Jiang
and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, equation
2). It follows how difficult a class is and how well probabilities are calibrated. With n(i, j) the
pixels of a block that are labelled i where the model is sure of j, beyond outlines
(`disagreement`), and w(i, j) the excess of right over wrong where the model is sure of j and the
mask says i or j, over all blocks: (n(j, j) - n(i, j)) / (n(j, j) + n(i, j)), at least 0.05,

    score = max over classes k of  sum over pairs with k of w(i, j) n(i, j)  /  (U(k) + P(k))

where U(k) are the pixels of the block that mask or model call k, and P(k) a third of what a block
that holds k usually has of it, so that a speck against a speck does not make a score of 1. It is a
Jaccard distance of what is sure: about 0 for a mask that fits, towards 1 for one that does not.

Lad and Mueller 2023, "Estimating label quality and errors in semantic segmentation data via any
model" (arXiv 2307.05080), found the soft minimum of the probabilities of the masks' classes to be
best. Against masks that were made wrong on purpose (`benchmarks/suspects.py`), it is better for an
object too many, and worse for objects that are missing and for masks that are shifted: networks
that learnt from few images are unsure along every outline, and that is what it sees first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.confusion import ratio
from mapwright.metrics.disagreement import BINS, Compared, Region
from mapwright.types import IGNORE, ClassIndex, Probabilities

LEAST = 0.25
"""Score below which no mask is called probably wrong, however much better the others fit."""

_FAR = 3.0  # interquartile ranges beyond the upper quartile: Tukey 1977, "far out"
_PRIOR = 1 / 3  # of what a block that holds a class usually has of it
_LIGHTEST = 0.05  # weight; with none, masks that lack most objects could not be told apart

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Usual:
    """What is usual for each class, over all blocks.

    Args:
        sure_from: (K,) mean probability of a class where the mask says so; NaN where none does.
        weights: (K, K) w(i, j): what a contradiction of class i by class j says.
        shares: (K,) mean share of a class in the blocks that hold it; 0 where none does.
    """

    sure_from: Floats
    weights: Floats
    shares: Floats

    def sure(self, places: NDArray[np.integer]) -> NDArray[np.int64]:
        """Sure pixels of (..., K, BINS) pixels by class of the model and its probability."""
        first = np.array([first_step(p) for p in self.sure_from])
        return np.asarray((places * (np.arange(BINS) >= first[:, None])).sum(axis=-1), np.int64)

    def sure_of(self, region: Region) -> int:
        """Sure pixels of a region."""
        return int(region.places[first_step(self.sure_from[region.other]) :].sum())


def first_step(sure_from: float) -> int:
    """The first of the steps of a probability in which the model is sure; `BINS` for NaN: none."""
    return BINS if np.isnan(sure_from) else min(int(sure_from * BINS), BINS - 1)


class Gathered:
    """What all blocks together say of the classes, gathered strip by strip.

    Args:
        classes: Number of classes K.
    """

    def __init__(self, classes: int) -> None:
        self._sums, self._pixels = np.zeros(classes), np.zeros(classes, np.int64)
        self._agreed = np.zeros((classes, BINS), np.int64)

    def add(
        self,
        mask: ClassIndex,
        probabilities: Probabilities,
        guess: ClassIndex,
        sure: NDArray[np.uint8],
    ) -> None:
        """Take in a strip.

        Args:
            mask: (h, w) uint8 class indices; `IGNORE` counts nowhere.
            probabilities: (K, h, w).
            guess: (h, w) uint8 class indices.
            sure: (h, w) uint8, see `disagreement.steps`.
        """
        known, classes = mask != IGNORE, len(self._sums)
        labels = mask[known].astype(np.int64)
        own = np.take_along_axis(probabilities[:, known], labels[None], axis=0)[0]
        self._sums += np.bincount(labels, weights=own, minlength=classes)
        self._pixels += np.bincount(labels, minlength=classes)
        same = known & (mask == guess)
        flat = mask[same].astype(np.int64) * BINS + sure[same]
        self._agreed += np.bincount(flat, minlength=classes * BINS).reshape(classes, BINS)

    def usual(self, blocks: Sequence[Compared]) -> Usual:
        """What is usual, now that all blocks are known."""
        classes = len(self._sums)
        usual = Usual(ratio(self._sums, self._pixels), np.ones((classes, classes)), _shares(blocks))
        against = np.zeros((classes, classes, BINS), np.int64)
        for block in blocks:
            against += block.against.whole()
        right, wrong = usual.sure(self._agreed), usual.sure(against)
        excess = ratio(right - wrong, right + wrong)
        return Usual(usual.sure_from, np.nan_to_num(excess).clip(_LIGHTEST, 1), usual.shares)


def contradicted(block: Compared, usual: Usual) -> NDArray[np.int64]:
    """(K, K) pixels n(i, j) of a block that are labelled i where the model is sure of j."""
    return usual.sure(block.against.whole())


def suspicion(block: Compared, usual: Usual) -> tuple[float, int]:
    """What speaks against the mask of a block; see the module.

    Returns:
        The score, 0 to 1, and the class that it comes from.
    """
    against = usual.weights * contradicted(block, usual)
    part = against.sum(axis=0) + against.sum(axis=1)
    whole = block.union + _PRIOR * usual.shares * block.known
    scores = np.nan_to_num(ratio(part, whole))
    worst = int(scores.argmax())
    return float(min(scores[worst], 1.0)), worst


def fence(scores: Sequence[float]) -> float:
    """The score from which a mask is called probably wrong: far out of the family of the others.

    Above the upper quartile by more than three interquartile ranges (Tukey 1977, "Exploratory Data
    Analysis", chapter 2), and at least `LEAST`.
    """
    if not scores:
        return LEAST
    low, high = np.quantile(scores, [0.25, 0.75])
    return max(LEAST, float(high + _FAR * (high - low)))


def _shares(blocks: Sequence[Compared]) -> Floats:
    """(K,) mean share of each class in the blocks that hold it."""
    own = np.array([block.own for block in blocks], np.float64)
    known = np.array([[block.known] for block in blocks], np.float64)
    return np.nan_to_num(ratio((own / np.maximum(known, 1)).sum(axis=0), (own > 0).sum(axis=0)))
