"""Choose how maps become objects, from records of held-out images and without the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import SettingError
from mapwright.metrics.components import ObjectRule
from mapwright.metrics.confusion import ratio
from mapwright.metrics.object_records import (
    BOTH,
    CUT,
    KNOWN,
    NOTHING,
    SHARED,
    SIZE,
    UNION,
    Grid,
    Record,
)
from mapwright.metrics.object_result import SCORES
from mapwright.metrics.object_scores import score_parts
from mapwright.metrics.objects import THRESHOLDS, f2, is_hit

Sums = NDArray[np.float64]
"""(c, s, g, 2) float64: part and whole of a score for each cut, smallest size and gate."""


def grid_sums(records: Sequence[Record], grid: Grid, score: str) -> Sums:
    """Part and whole of a score over some images, for every rule of a grid; sums can be added.

    Args:
        records: One for each image.
        grid: What is tried; the one that the records were made for.
        score: One of `SCORES`.

    Raises:
        SettingError: There is no such score.
    """
    if score not in SCORES:
        raise SettingError(
            f"no score {score!r}",
            where="score",
            expected=f"one of {', '.join(SCORES)}",
        )
    column = list(SCORES).index(score)
    images = np.repeat(np.arange(len(records)), [len(entry.components) for entry in records])
    rows = np.concatenate([NOTHING, *(entry.components for entry in records)])
    facts = np.array([(len(e.truth), e.truth.sum()) for e in records], np.int64).reshape(-1, 2)
    presence = np.array([entry.presence for entry in records])
    passed = np.searchsorted(np.array(grid.gates), presence, side="right")
    nothing = _parts(facts, images[:0], rows[:0], column)
    sums = np.zeros((len(grid.cuts), len(grid.sizes), len(grid.gates), 2))
    for c, s in np.ndindex(sums.shape[:2]):
        kept = (rows[:, CUT] == c) & (rows[:, SIZE] >= grid.sizes[s])
        sums[c, s] = _behind_gates(
            _parts(facts, images[kept], rows[kept], column), nothing, passed, len(grid.gates)
        )
    return sums


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Args:
        rule: The best rule on all images.
        score: Its score on them, which flatters.
        plain: The score of the first rule of the grid, which nothing was tuned for.
        parts: For each part the best rule of the others.
        honest: The score of all parts with these.
    """

    rule: ObjectRule
    score: float
    plain: float
    parts: tuple[ObjectRule, ...]
    honest: float


def tune_on(parts: Sequence[Sequence[Record]], grid: Grid, score: str) -> Tuned:
    """Tune on images in parts that are independent of each other, such as folds.

    Args:
        parts: The records of each part, two parts or more.
        grid: What is tried; the one that the records were made for.
        score: One of `SCORES`.
    """
    sums = [grid_sums(records, grid, score) for records in parts]
    total = np.sum(sums, axis=0)
    rule, best = tune(total, grid)
    rules, honest = cross_fitted(sums, grid)
    return Tuned(rule, best, float(ratio(*total[0, 0, 0])), tuple(rules), honest)


def tune(sums: Sums, grid: Grid) -> tuple[ObjectRule, float]:
    """The rule of the highest score, and that score; NaN and the first rule where it is undefined.

    Of equally good ones the first cut and the first size, and the middle one of their gates.
    """
    place = _best(sums)
    return grid.rule(place), float(ratio(*sums[place]))


def cross_fitted(folds: Sequence[Sums], grid: Grid) -> tuple[list[ObjectRule], float]:
    """For each fold the best rule of the others, and the score of all folds with these rules.

    That score is not flattered: no image had a say in the rule that it is scored with.
    """
    total = np.sum(folds, axis=0)
    places = [_best(total - own) for own in folds]
    sums = np.sum([own[place] for own, place in zip(folds, places, strict=True)], axis=0)
    return [grid.rule(place) for place in places], float(ratio(*sums))


def _best(sums: Sums) -> tuple[int, int, int]:
    scores = ratio(sums[..., 0], sums[..., 1])
    if np.isnan(scores).all():
        return 0, 0, 0
    # the last digits of sums over many images mean nothing
    equal = np.argwhere(scores >= np.nanmax(scores) - 1e-9)
    gates = equal[(equal[:, :2] == equal[0, :2]).all(axis=1)]
    cut, size, gate = gates[len(gates) // 2].tolist()
    return cut, size, gate


def _parts(
    facts: NDArray[np.int64], images: NDArray[np.int64], rows: NDArray[np.int32], column: int
) -> NDArray[np.float64]:
    """(n, 2) part and whole that each image adds to a score, when these components are kept.

    Args:
        facts: (n, 2) true objects of each image and their pixels.
        images: (m,) the image of each component.
        rows: (m, 7) components.
        column: Place of the score among `SCORES`.
    """
    n = len(facts)
    hit = is_hit(rows[:, [KNOWN, SHARED, UNION]], THRESHOLDS)
    tp = np.stack([np.bincount(images[each], minlength=n) for each in hit.T], axis=1)
    guesses = np.bincount(images, minlength=n)
    score = f2(tp, facts[:, :1], guesses[:, None]).mean(axis=1)
    pixels = np.zeros((3, n))
    pixels[0] = facts[:, 1]
    pixels[1:] = [np.bincount(images, rows[:, k], n) for k in (KNOWN, BOTH)]
    return score_parts(score, *pixels)[:, column]


def _behind_gates(
    passing: NDArray[np.float64],
    stopped: NDArray[np.float64],
    passed: NDArray[np.int64],
    gates: int,
) -> NDArray[np.float64]:
    """(gates, 2) sums over images, each of which passes its first `passed` gates.

    Args:
        passing: (n, 2) what each image adds when it passes a gate.
        stopped: (n, 2) what it adds when it does not.
        passed: (n,) number of gates that it passes.
        gates: Number of gates.
    """
    gains = np.stack(
        [np.bincount(passed, gain, gates + 1) for gain in (passing - stopped).T], axis=1
    )
    return np.asarray(stopped.sum(axis=0) + np.cumsum(gains[::-1], axis=0)[::-1][1:])
