"""Counts of objects per image become scores, each beside that of an empty prediction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.confusion import ratio
from mapwright.metrics.intervals import bootstrap_interval
from mapwright.metrics.object_result import SCORES, ObjectScore, ObjectScores, SizeRecall
from mapwright.metrics.objects import ObjectCounts, image_f2, is_hit, truth_table

SIZE_EDGES = (64, 256, 1024, 4096)
"""Pixels where one bin of sizes ends and the next begins: squares of a side of 8, 16, 32 and 64."""

Table = NDArray[np.float64]
"""(n, s, 2) float64: what each of n images adds to part and whole of each of s scores."""

_FINE = 2**20  # scores of an image are added up as whole numbers of this fraction


def object_scores(
    counts: Sequence[ObjectCounts],
    edges: Sequence[int] = SIZE_EDGES,
    *,
    groups: Sequence[str] = (),
    seed: int = 0,
) -> ObjectScores:
    """Scores of a set of images.

    Args:
        counts: What was counted on each.
        edges: Pixels where one bin of sizes ends and the next begins, ascending.
        groups: The group of each image, such as its place; images of one are no independent draws.
            None given = each image stands alone.
        seed: Seed of the bootstrap.
    """
    table = np.concatenate([score_table(counts), _size_table(counts, edges)], axis=1)
    units = _grouped(table, groups)
    values, bounds = pooled(table).tolist(), _interval(units, seed).T.tolist()
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
        len(counts),
        sum(n > 0 for n in objects),
        sum(objects),
        guesses,
        scores,
        sizes,
        unit="images" if len(units) == len(counts) else "groups of images",
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


def _grouped(table: Table, groups: Sequence[str]) -> Table:
    """The rows of each group added up, in order of appearance."""
    places = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    if len(places) in (0, len(table)):
        return table
    sums = np.zeros((len(places), *table.shape[1:]))
    np.add.at(sums, [places[name] for name in groups], table)
    return sums


def _interval(units: Table, seed: int) -> NDArray[np.float64]:
    """(2, s) bounds of the pooled scores of (n, s, 2) parts and wholes."""
    whole = np.rint(units * _FINE).astype(np.int64)
    return bootstrap_interval(whole, lambda sums: ratio(sums[..., 0], sums[..., 1]), seed=seed)
