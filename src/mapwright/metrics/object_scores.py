"""Counts of objects per image become scores, each beside that of an empty prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.confusion import ratio
from mapwright.metrics.intervals import bootstrap_interval
from mapwright.metrics.objects import ObjectCounts, image_f2, is_hit, truth_table

SIZE_EDGES = (64, 256, 1024, 4096)
"""Pixels where one bin of sizes ends and the next begins: squares of a side of 8, 16, 32 and 64."""

Table = NDArray[np.float64]
"""(n, s, 2) float64: what each of n images adds to part and whole of each of s scores."""

SCORES = {
    "f2": "F2 of the competition: mean over IoU thresholds 0.50 .. 0.95, then over images",
    "dice_pooled": "Dice over the pixels of all images together",
    "dice_mean": "mean over images of each image's Dice; 1 where nothing is and nothing is found",
    "dice_objects": "the same over images that hold an object",
    "presence_accuracy": "share of images rightly said to hold an object, or none",
    "presence_precision": "share of images said to hold an object that do",
    "presence_recall": "share of images that hold an object said to do so",
}
"""The scores of a set of images, in words."""

_BLOCKS = 2000  # a bootstrap keeps its draws times this many numbers
_FINE = 2**20  # scores of an image are added up as whole numbers of this fraction


@dataclass(frozen=True)
class ObjectScore:
    """One score of a set of images.

    Args:
        name: One of `SCORES`.
        value: NaN where it is not defined.
        interval: 95 % bootstrap interval over images.
        baseline: The score, had nothing been predicted on any image.
    """

    name: str
    value: float
    interval: tuple[float, float]
    baseline: float


@dataclass(frozen=True)
class SizeRecall:
    """How many of the true objects of some size were found.

    Args:
        low: Pixels of the smallest.
        high: Pixels that the largest stays below; None = no bound.
        objects: Number of them.
        found: Share with an IoU above 0.5; NaN where there is none.
        interval: 95 % bootstrap interval of `found` over images.
        outlined: Mean share over the IoU thresholds 0.50 .. 0.95.
    """

    low: int
    high: int | None
    objects: int
    found: float
    interval: tuple[float, float]
    outlined: float


@dataclass(frozen=True)
class ObjectScores:
    """Scores of a set of images.

    Args:
        images: Number of images.
        with_objects: Number of those that hold an object.
        objects: Number of true objects.
        guesses: Number of predicted objects.
        scores: One entry for each of `SCORES`.
        sizes: Recall by size.
    """

    images: int
    with_objects: int
    objects: int
    guesses: int
    scores: tuple[ObjectScore, ...]
    sizes: tuple[SizeRecall, ...]

    def __getitem__(self, name: str) -> ObjectScore:
        """The score of this name."""
        return next(score for score in self.scores if score.name == name)


def object_scores(
    counts: Sequence[ObjectCounts], edges: Sequence[int] = SIZE_EDGES, *, seed: int = 0
) -> ObjectScores:
    """Scores of a set of images.

    Args:
        counts: What was counted on each.
        edges: Pixels where one bin of sizes ends and the next begins, ascending.
        seed: Seed of the bootstrap.
    """
    table = np.concatenate([score_table(counts), _size_table(counts, edges)], axis=1)
    values, bounds = pooled(table).tolist(), _interval(table, seed).T.tolist()
    empty = pooled(score_table([entry.without_guesses() for entry in counts])).tolist()
    scores = tuple(
        ObjectScore(name, values[k], (bounds[k][0], bounds[k][1]), empty[k])
        for k, name in enumerate(SCORES)
    )
    found = table[:, len(SCORES) :: 2, 1].sum(axis=0)
    sizes = tuple(
        SizeRecall(low, high, int(found[i]), values[k], (bounds[k][0], bounds[k][1]), values[k + 1])
        for i, (low, high) in enumerate(zip([1, *edges], [*edges, None], strict=True))
        for k in [len(SCORES) + 2 * i]
    )
    objects = [len(entry.truth) for entry in counts]
    guesses = sum(entry.guesses for entry in counts)
    return ObjectScores(
        len(counts), sum(n > 0 for n in objects), sum(objects), guesses, scores, sizes
    )


def score_table(counts: Sequence[ObjectCounts]) -> Table:
    """What each image adds to each of `SCORES`."""
    pixels = [(entry.truth_pixels, entry.guess_pixels, entry.both_pixels) for entry in counts]
    return score_parts(image_f2(counts), *np.array(pixels, np.float64).reshape(-1, 3).T)


def score_parts(
    f2: NDArray[np.float64],
    truth: NDArray[np.float64],
    guess: NDArray[np.float64],
    both: NDArray[np.float64],
) -> Table:
    """What images add to each of `SCORES`.

    Args:
        f2: (n,) F2 of each image.
        truth: (n,) pixels of true objects.
        guess: (n,) pixels of predicted objects.
        both: (n,) pixels of both.
    """
    one = np.ones(len(f2))
    any_truth, any_guess = (truth > 0).astype(np.float64), (guess > 0).astype(np.float64)
    dice = np.where(truth + guess > 0, 2 * both / np.maximum(truth + guess, 1), 1.0)
    parts = {
        "f2": (f2, one),
        "dice_pooled": (2 * both, truth + guess),
        "dice_mean": (dice, one),
        "dice_objects": (dice * any_truth, any_truth),
        "presence_accuracy": ((any_truth == any_guess).astype(np.float64), one),
        "presence_precision": (any_truth * any_guess, any_guess),
        "presence_recall": (any_truth * any_guess, any_truth),
    }
    return np.stack([np.stack(parts[name], axis=1) for name in SCORES], axis=1)


def pooled(table: Table) -> NDArray[np.float64]:
    """(..., s) scores of (n, ..., s, 2) parts and wholes; NaN where a whole is 0."""
    sums = table.sum(axis=0)
    return ratio(sums[..., 0], sums[..., 1])


def _size_table(counts: Sequence[ObjectCounts], edges: Sequence[int]) -> Table:
    """(n, 2 bins, 2): for each bin of sizes, share found and mean share outlined."""
    images, rows = truth_table(counts)
    hit = is_hit(rows)
    bins, n = len(edges) + 1, len(counts)
    place = images * bins + np.searchsorted(np.array(edges), rows[:, 0], side="right")
    columns = (hit[:, 0], hit.mean(axis=1))
    table = np.zeros((n, bins, 2, 2))
    for k, column in enumerate(columns):
        table[..., k, 0] = np.bincount(place, column, n * bins).reshape(n, bins)
        table[..., k, 1] = np.bincount(place, minlength=n * bins).reshape(n, bins)
    return table.reshape(n, 2 * bins, 2)


def _interval(table: Table, seed: int) -> NDArray[np.float64]:
    """(2, s) bounds of the pooled scores of (n, s, 2) parts and wholes.

    Many images are put together at random into blocks, which are then drawn: the spread of their
    mean is the same, and the draws stay small.
    """
    units = np.rint(table * _FINE).astype(np.int64)
    if len(units) > _BLOCKS:
        order = np.random.default_rng(seed).permutation(len(units))
        units = np.stack([units[order[k::_BLOCKS]].sum(axis=0) for k in range(_BLOCKS)])
    return bootstrap_interval(units, lambda sums: ratio(sums[..., 0], sums[..., 1]), seed=seed)
