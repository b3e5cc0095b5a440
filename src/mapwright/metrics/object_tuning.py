"""Choose how maps become objects, from records of held-out images and without the network.

A probability map is half a million numbers; a record is a few for each component that a cut makes
of it: its size, and how it meets the truth. Components share no pixel, so dropping one changes
nothing else: from one record follow the exact scores of every smallest size and every gate. What
must be named beforehand are the cuts, and the size below which a component is not even recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import SettingError
from mapwright.metrics.components import Cut, ObjectRule, drop_small, presence_of
from mapwright.metrics.confusion import ratio
from mapwright.metrics.object_scores import SCORES, score_parts
from mapwright.metrics.objects import THRESHOLDS, Ids, f2, is_hit, overlaps

GATES = tuple(k / 100 for k in range(100))
"""Presence from which an image is held to have any object; the first lets every image pass."""

CUTS = tuple(Cut(k / 20) for k in range(4, 19))
"""Thresholds 0.20, 0.25 .. 0.90."""

SIZES = (1, 10, 20, 40, 80, 160)
"""Smallest sizes in pixels."""

Sums = NDArray[np.float64]
"""(c, s, g, 2) float64: part and whole of a score for each cut, smallest size and gate."""

_NOTHING: Final = np.zeros((0, 6), np.int32)
_CUT, _SIZE, _KNOWN, _BOTH, _SHARED, _UNION = range(6)


@dataclass(frozen=True)
class Grid:
    """What is tried.

    Args:
        cuts: Ways to cut a map into components.
        sizes: Smallest sizes in pixels, ascending; smaller than the first is not recorded.
        gates: Presence from which an image is held to have any object, ascending.
    """

    cuts: tuple[Cut, ...] = CUTS
    sizes: tuple[int, ...] = SIZES
    gates: tuple[float, ...] = GATES

    def __post_init__(self) -> None:
        ascending = self.sizes == tuple(sorted(self.sizes)) and self.gates == tuple(
            sorted(self.gates)
        )
        if not (self.cuts and self.sizes and self.gates and ascending):
            raise SettingError(
                f"a grid of {len(self.cuts)} cuts, sizes {self.sizes}, gates {self.gates}",
                where="the rules to try",
                expected="one or more of each, sizes and gates in ascending order",
            )

    def rule(self, place: tuple[int, int, int]) -> ObjectRule:
        """The rule at a place of the grid."""
        cut, size, gate = place
        return ObjectRule(self.cuts[cut], self.sizes[size], self.gates[gate])


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of one image: about 200 bytes, and 24 for each component of each cut.

    Args:
        presence: Probability that there is any object.
        objects: Number of true objects.
        truth_pixels: Their pixels.
        components: (m, 6) int32, one row for each component of each cut: cut; pixels; of these
            the ones that count; of these the ones on any true object; pixels shared with the true
            object that it pairs with; their union, else 0 and 1.
    """

    presence: float
    objects: int
    truth_pixels: int
    components: NDArray[np.int32]


def record(
    truth: Ids,
    probability: NDArray[np.float32],
    grid: Grid,
    *,
    border: NDArray[np.float32] | None = None,
    presence: float | None = None,
) -> Record:
    """Record one image that the network did not learn from.

    Args:
        truth: (H, W) true objects; below 0 what counts nowhere.
        probability: (H, W) of an object, NaN where the image is invalid.
        grid: What is to be tried.
        border: (H, W) probability of a border between objects, if there is such a map.
        presence: Probability that the image holds an object; None = that of the map.
    """
    sizes = np.unique(truth[truth > 0], return_counts=True)[1]
    box = _box(truth, probability, min(cut.threshold for cut in grid.cuts))
    inner = None if border is None else border[box]
    found = np.concatenate(
        [_components(truth[box], probability[box], inner, k, grid) for k in range(len(grid.cuts))]
    )
    return Record(
        presence_of(probability) if presence is None else float(presence),
        len(sizes),
        int(sizes.sum()),
        found if len(found) else _NOTHING,  # one for all empty images
    )


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
    rows = np.concatenate([_NOTHING, *(entry.components for entry in records)])
    facts = np.array([(e.objects, e.truth_pixels) for e in records], np.int64).reshape(-1, 2)
    presence = np.array([entry.presence for entry in records])
    passed = np.searchsorted(np.array(grid.gates), presence, side="right")
    nothing = _parts(facts, images[:0], rows[:0], column)
    sums = np.zeros((len(grid.cuts), len(grid.sizes), len(grid.gates), 2))
    for c, s in np.ndindex(sums.shape[:2]):
        kept = (rows[:, _CUT] == c) & (rows[:, _SIZE] >= grid.sizes[s])
        sums[c, s] = _behind_gates(
            _parts(facts, images[kept], rows[kept], column), nothing, passed, len(grid.gates)
        )
    return sums


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


def _box(truth: Ids, probability: NDArray[np.float32], threshold: float) -> tuple[slice, slice]:
    """The smallest window with all true objects and all that any cut finds: most is empty."""
    anything = (truth > 0) | (probability >= np.float32(threshold))
    rows, cols = (np.flatnonzero(anything.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0), slice(0)
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def _components(
    truth: Ids,
    probability: NDArray[np.float32],
    border: NDArray[np.float32] | None,
    cut: int,
    grid: Grid,
) -> NDArray[np.int32]:
    """Rows of `Record.components` for one cut."""
    ids = drop_small(grid.cuts[cut].objects(probability, border), grid.sizes[0])
    laid = overlaps(truth, ids)
    rows = np.zeros((len(laid.guess), 6), np.int32)
    rows[:, _CUT] = cut
    rows[:, _SIZE] = np.bincount(ids[ids > 0])[laid.names]
    rows[:, _BOTH] = np.bincount(laid.pairs[:, 1], laid.shared, len(rows))
    rows[:, [_KNOWN, _SHARED, _UNION]] = laid.hits(1)
    return rows


def _parts(
    facts: NDArray[np.int64], images: NDArray[np.int64], rows: NDArray[np.int32], column: int
) -> NDArray[np.float64]:
    """(n, 2) part and whole that each image adds to a score, when these components are kept.

    Args:
        facts: (n, 2) true objects of each image and their pixels.
        images: (m,) the image of each component.
        rows: (m, 6) components.
        column: Place of the score among `SCORES`.
    """
    n = len(facts)
    hit = is_hit(rows[:, [_KNOWN, _SHARED, _UNION]], THRESHOLDS)
    tp = np.stack([np.bincount(images[each], minlength=n) for each in hit.T], axis=1)
    guesses = np.bincount(images, minlength=n)
    score = f2(tp, facts[:, :1], guesses[:, None]).mean(axis=1)
    pixels = np.zeros((3, n))
    pixels[0] = facts[:, 1]
    pixels[1:] = [np.bincount(images, rows[:, k], n) for k in (_KNOWN, _BOTH)]
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
