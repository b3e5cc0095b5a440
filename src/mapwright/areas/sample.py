"""The reference sample by strata, fit for the estimator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mapwright.areas.census import Tally
from mapwright.areas.classmap import Values
from mapwright.areas.estimate import merge_small
from mapwright.areas.ground import Floats
from mapwright.areas.reference import Used
from mapwright.areas.result import Design
from mapwright.errors import DatasetError
from mapwright.types import Counts


@dataclass(frozen=True)
class Sample:
    """The sample by strata.

    Args:
        names: (H,) of the strata.
        weights: (H,) share of the area.
        counts: (H, K, K) points by stratum, map class and reference class.
        complete: (H,) whether every pixel of the stratum is in the sample.
        note: Which estimator serves it.
    """

    names: tuple[str, ...]
    weights: Floats
    counts: Counts
    complete: NDArray[np.bool_]
    note: str

    @property
    def points(self) -> NDArray[np.int64]:
        """(H,) points in each stratum."""
        total: NDArray[np.int64] = self.counts.sum(axis=(1, 2))
        return total


def sample_of(
    names: tuple[str, ...],
    tally: Tally,
    values: Values,
    used: Used,
    design: Design,
    other: str | None,
) -> Sample:
    """Sort the points into strata.

    Args:
        names: (H,) of the strata.
        tally: What the map holds.
        values: (K,) the classes of map and reference, ascending.
        used: The points.
        design: How they were drawn.
        other: Name of the raster of strata; None = the classes of the map.

    Raises:
        DatasetError: There are too few points for a variance.
    """
    ground = tally.ground.sum(axis=1)
    counts = _counts(tally, values, used)
    sample = Sample(names, ground / ground.sum(), counts, _complete(tally, used), "")
    if design == "random":
        return _poststratified(sample, used)
    _require_two(sample, used)
    if other is None:
        note = "stratified estimator (Olofsson et al. 2014); strata are the classes of the map"
    else:
        note = f"stratified estimator (Stehman 2014); strata are those of {other}"
    return replace(sample, note=note)


def _counts(tally: Tally, values: Values, used: Used) -> Counts:
    """(H, K, K) points by stratum, map class and reference class, in the order of `values`."""
    counts = np.zeros((len(tally.strata), len(values), len(values)), np.int64)
    stratum = np.searchsorted(tally.strata, used.strata)
    mapped, truth = (np.searchsorted(values, v) for v in (used.mapped, used.truth))
    np.add.at(counts, (stratum, mapped, truth), 1)
    return counts


def _complete(tally: Tally, used: Used) -> NDArray[np.bool_]:
    """(H,) whether every pixel of a stratum was looked at, as of a class of one pixel."""
    visited = [len(np.unique(used.pixels[used.strata == value])) for value in tally.strata]
    complete: NDArray[np.bool_] = np.array(visited) >= tally.pixels.sum(axis=1)
    return complete


def _require_two(sample: Sample, used: Used) -> None:
    """Fewer than two points say nothing of chance, and none nothing at all."""
    few = np.flatnonzero((sample.points < 2) & ~sample.complete)
    if len(few):
        found = ", ".join(f"{sample.names[h]} ({sample.points[h]})" for h in few)
        raise DatasetError(
            f"strata with fewer than 2 usable points: {found}",
            where=used.points.path,
            expected="at least 2 points in every stratum, better 50",
            fix="look at more points there (mapwright area MAP --draw N -o FILE), or say "
            "--design random if the points are a simple random or systematic sample",
        )


def _poststratified(sample: Sample, used: Used) -> Sample:
    """Classes of the map as poststrata; those with fewer than two points become one."""
    if sample.points.sum() < 2:
        raise DatasetError(
            "there is a single usable point",
            where=used.points.path,
            expected="at least 2, better some hundreds",
            fix="look at more points",
        )
    counts, weights, merged = merge_small(sample.counts, sample.weights)
    names = [name for h, name in enumerate(sample.names) if h not in merged]
    note = "poststratified estimator for a simple random sample (Olofsson et al. 2014)"
    if merged:
        together = " + ".join(sample.names[h] for h in merged)
        names.append(together)
        note += f"; poststrata with fewer than 2 points are joined: {together}"
    return Sample(tuple(names), weights, counts, np.zeros(len(names), bool), note)
