"""What the reader of an estimate must beware of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mapwright.areas.census import Tally
from mapwright.areas.ground import Floats
from mapwright.areas.result import Z95, Areas, ClassArea
from mapwright.areas.sample import Sample

_FEW = 20  # points; Cochran (1977, section 5A.9) wants as many in each poststratum
_DIFFERENT = 5  # points of either kind that a normal interval of a share needs, as a rule
_UNEQUAL = 0.02  # relative difference in area of pixels from which it matters how points fell


def doubts(
    counted: Areas, entries: tuple[ClassArea, ...], sample: Sample, tally: Tally
) -> Iterator[str]:
    """Say where intervals are rough, where a class may lie unseen, and what was assumed.

    Args:
        counted: The mapped areas.
        entries: (K,) the classes with their estimates.
        sample: The sample.
        tally: What the map holds.
    """
    few = np.flatnonzero((sample.points < _FEW) & ~sample.complete)
    if len(few):
        found = ", ".join(f"{sample.names[h]} ({sample.points[h]})" for h in few)
        yield f"strata with fewer than {_FEW} points, whose intervals are rough: {found}"
    rough = [entry.name for entry, bad in zip(entries, _rough(sample), strict=True) if bad]
    if rough:
        yield (
            "areas whose uncertainty rests on fewer than 5 points, so that their intervals hold "
            f"the truth less often than 95 times in 100: {', '.join(rough)}"
        )
    unseen = _unseen(sample) * counted.total
    hidden = [
        f"{entry.name} up to {counted.amount(most)} {counted.unit}"
        for entry, most in zip(entries, unseen, strict=True)
        if entry.estimated and most > Z95 * entry.estimated.standard_error
    ]
    if hidden:
        yield (
            "where no point showed a class, some of it may lie unseen, beyond its interval (95 %): "
            + ", ".join(hidden)
        )
    if tally.largest > (1 + _UNEQUAL) * tally.smallest:
        excess = tally.largest / tally.smallest - 1
        yield (
            f"pixels of this map differ in area by up to {excess:.0%}: points must lie uniformly "
            "over the ground, as --draw puts them, not uniformly over pixels"
        )


def _rough(sample: Sample) -> NDArray[np.bool_]:
    """(K,) whether most of an area's variance comes from strata where few points differ."""
    hits, points = sample.counts.sum(axis=1), sample.points[:, None]
    share = hits / points
    part = (sample.weights**2)[:, None] * share * (1 - share) / np.maximum(points - 1, 1)
    part[sample.complete] = 0.0
    few = np.minimum(hits, points - hits) < _DIFFERENT
    bad: NDArray[np.bool_] = np.where(few, part, 0.0).sum(axis=0) > part.sum(axis=0) / 2
    return bad


def _unseen(sample: Sample) -> Floats:
    """(K,) how much of each class may lie in strata where no point was of it.

    The largest share W p that still leaves no hit among n points a chance of 5 %:
    (1 - p)^n = 0.05, the rule of three. Over several strata the largest one counts, since
    the chances multiply.
    """
    never = (sample.counts.sum(axis=1) == 0) & ~sample.complete[:, None]
    most = sample.weights * (1 - 0.05 ** (1 / sample.points))
    share: Floats = np.where(never, most[:, None], 0.0).max(axis=0)
    return share
