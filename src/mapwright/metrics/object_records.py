"""What is kept of a held-out image to try rules on: how its components meet the truth.

A probability map is half a million numbers; a record is a few for each component that a cut makes
of it: its size, and how it meets the truth. Components share no pixel, so dropping one changes
nothing else: from one record follow the exact scores of every smallest size and every gate. What
must be named beforehand are the cuts, and the size below which a component is not even recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import SettingError
from mapwright.metrics.components import Cut, ObjectRule, drop_small, presence_of
from mapwright.metrics.objects import Ids, ObjectCounts, no_hits, overlaps

GATES = (*(k / 100 for k in range(100)), 0.995, 0.998, 0.999)
"""Presence from which an image is held to have any object; the first lets every image pass."""

_LEVELS = tuple(sorted((k / 20 for k in range(4, 19)), key=lambda t: (abs(t - 0.5), t)))
"""Thresholds 0.20, 0.25 .. 0.90, those near one half first: of equally good rules the first wins.
"""

CUTS = (
    *(Cut(threshold) for threshold in _LEVELS),
    *(Cut(threshold, neck=0.7) for threshold in (0.5, 0.4, 0.6, 0.3, 0.7)),
    *(Cut(threshold, core=0.8) for threshold in (0.5, 0.4, 0.6, 0.3)),
)
"""Plain cuts, then those that divide at necks or among cores."""

BORDER_CUTS = tuple(
    Cut(threshold, border=border)
    for border in (0.5, 0.3, 0.7)
    for threshold in (0.5, 0.4, 0.6, 0.3)
)
"""Those that divide at borders; for a model that learnt where objects touch."""

SIZES = (1, 10, 20, 40, 80, 160)
"""Smallest sizes in pixels."""

COLUMNS: Final = 7
CUT, SIZE, KNOWN, BOTH, SHARED, UNION, OWNER = range(COLUMNS)
NOTHING: Final = np.zeros((0, COLUMNS), np.int32)


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

    @classmethod
    def usual(cls, *, border: bool) -> Self:
        """What is tried of a model; `border`: whether it says where objects touch."""
        return cls((*CUTS, *BORDER_CUTS)) if border else cls()

    def rule(self, place: tuple[int, int, int]) -> ObjectRule:
        """The rule at a place of the grid."""
        cut, size, gate = place
        return ObjectRule(self.cuts[cut], self.sizes[size], self.gates[gate])


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of one image: about 200 bytes, and 28 for each component of each cut.

    Args:
        grid: What it was made to try.
        presence: Probability that there is any object.
        truth: (n,) int32 pixels of each true object.
        components: (m, 7) int32, one row for each component of each cut: cut; pixels; of these
            the ones that count; of these the ones on any true object; pixels shared with the true
            object that it pairs with; their union, else 0 and 1; the place of that object in
            `truth`, else -1.
    """

    grid: Grid
    presence: float
    truth: NDArray[np.int32]
    components: NDArray[np.int32]

    def counts(self, rule: ObjectRule) -> ObjectCounts:
        """What would have been counted, had a rule of the grid been applied."""
        rows = self.components
        kept = (rows[:, CUT] == self.grid.cuts.index(rule.cut)) & (rows[:, SIZE] >= rule.smallest)
        rows = rows[kept & (self.presence >= rule.gate)]
        truth = no_hits(self.truth)
        paired = rows[rows[:, OWNER] >= 0]
        truth[paired[:, OWNER], 1:] = paired[:, [SHARED, UNION]]
        pixels = rows[:, [KNOWN, BOTH]].sum(axis=0, dtype=np.int64).tolist()
        return ObjectCounts(truth, len(rows), int(self.truth.sum()), *pixels)


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
        border: (H, W) probability of a border between objects, if anything tries it.
        presence: Probability that the image holds an object; None = that of the map.
    """
    sizes = np.unique(truth[truth > 0], return_counts=True)[1]
    box = _box(truth, probability, min(cut.threshold for cut in grid.cuts))
    inner = None if border is None else border[box]
    found = [
        _components(truth[box], probability[box], inner, k, grid)
        for k in range(len(grid.cuts) if truth[box].size else 0)
    ]
    rows = np.concatenate([NOTHING, *found])
    return Record(
        grid,
        presence_of(probability) if presence is None else float(presence),
        sizes.astype(np.int32),
        rows if len(rows) else NOTHING,  # one for all empty images
    )


def _box(truth: Ids, probability: NDArray[np.float32], threshold: float) -> tuple[slice, slice]:
    """The smallest window with all true objects and all that any cut finds: most is empty.

    A pixel wider, so that only what the image cuts off reaches its border.
    """
    anything = (truth > 0) | (probability >= np.float32(threshold))
    rows, cols = (np.flatnonzero(anything.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0), slice(0)
    return slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(cols[0] - 1, 0), cols[-1] + 2)


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
    rows = np.zeros((len(laid.guess), COLUMNS), np.int32)
    rows[:, CUT], rows[:, OWNER] = cut, -1
    rows[:, SIZE] = np.bincount(ids[ids > 0])[laid.names]
    rows[:, BOTH] = np.bincount(laid.pairs[:, 1], laid.shared, len(rows))
    rows[:, [KNOWN, SHARED, UNION]] = laid.hits(1)
    owner, found = laid.pairs[2 * laid.shared > laid.unions].T
    rows[found, OWNER] = owner
    return rows
