"""Areas and accuracies of a map from a probability sample, with their standard errors.

One estimator serves all: the stratified ratio estimator of Stehman (2014, International Journal of
Remote Sensing 35, 4923-4939), which knows strata that differ from the map's classes. Where the
strata are the classes it is term by term that of Olofsson et al. (2014, Remote Sensing of
Environment 148, 42-57), whose equation numbers stand below. Like theirs it leaves out the finite
population correction: a sample is a small part of a map.

For a simple random or systematic sample with the map's classes as poststrata the same formulas
give the poststratified estimator, with its variance given the points that fell into each class
(Olofsson et al. 2014, section 4; Holt and Smith 1979). For a systematic sample that variance is an
approximation, as a rule a little too large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.areas.ground import Floats
from mapwright.types import Counts


@dataclass(frozen=True)
class Estimated:
    """Estimates with standard errors.

    Args:
        value: Estimates, NaN where not defined.
        error: Their standard errors, of the same shape.
    """

    value: Floats
    error: Floats


@dataclass(frozen=True)
class Estimates:
    """What a sample says of a map of K classes.

    Args:
        matrix: (K, K) share of the area that is map class i (row) and reference class j (column).
        area: (K,) share of the area that truly is of each class.
        users: (K,) user's accuracy: of what the map calls the class, the share that is.
        producers: (K,) producer's accuracy: of what is the class, the share that the map calls so.
        overall: () share of the area that the map has right.
    """

    matrix: Floats
    area: Estimated
    users: Estimated
    producers: Estimated
    overall: Estimated


def estimate(
    counts: Counts, weights: Floats, complete: NDArray[np.bool_] | None = None
) -> Estimates:
    """Estimate area shares and accuracies.

    With strata that are the map's classes: the matrix is Olofsson et al. (2014) eq. 4; area
    eq. 9 with standard error eq. 10; user's accuracy eq. 2 and 6; producer's accuracy eq. 3 and 7;
    overall accuracy eq. 1 and 5.

    Args:
        counts: (H, K, K) points by stratum, map class and reference class.
        weights: (H,) share of the area in each stratum, summing to 1.
        complete: (H,) True for a stratum of which every pixel is in the sample; it brings no
            sampling error. None = no such stratum.

    Returns:
        Shares of the total area, and accuracies; 0..1.
    """
    points = counts.sum(axis=(1, 2)).astype(float)
    share = counts / points[:, None, None]
    known = np.zeros(len(points), bool) if complete is None else complete
    scale = np.where(known, 0.0, weights**2 / np.maximum(points - 1, 1))
    right = np.einsum("hkk->hk", share)
    mapped, true = share.sum(axis=2), share.sum(axis=1)
    whole = np.ones_like(true)

    def ratio(y: Floats, x: Floats) -> Estimated:
        return _ratio(y, x, weights, scale)

    overall = ratio(right.sum(axis=1, keepdims=True), whole[:, :1])
    return Estimates(
        matrix=np.einsum("h,hij->ij", weights, share),
        area=ratio(true, whole),
        users=ratio(right, mapped),
        producers=ratio(right, true),
        overall=Estimated(overall.value[0], overall.error[0]),
    )


def _ratio(y: Floats, x: Floats, weights: Floats, scale: Floats) -> Estimated:
    """The ratio of two totals of 0-1 variables, y never above x (Stehman 2014, eq. 27 and 28).

    The variance is that of the residuals e = y - R x within the strata. Over points, e is 1 - R
    where both are 1, -R where only x is, else 0.

    Args:
        y: (H, K) mean of y in each stratum.
        x: (H, K) mean of x in each stratum.
        weights: (H,) share of the area.
        scale: (H,) weights squared over n - 1.
    """
    total = weights @ x
    with np.errstate(invalid="ignore", divide="ignore"):
        value = (weights @ y) / total
        mean = y - value * x
        square = y * (1 - value) ** 2 + (x - y) * value**2
        variance = (scale @ np.maximum(square - mean**2, 0.0)) / total**2
    return Estimated(value, np.sqrt(variance))


def merge_small(
    counts: Counts, weights: Floats, least: int = 2
) -> tuple[Counts, Floats, tuple[int, ...]]:
    """Merge the poststrata that hold too few points for a variance.

    For poststrata only: all points of a simple random sample had the same chance, so poststrata
    may be joined at will, as strata that were drawn from at different rates may not. The small
    ones become one; if that is still too small, the one with the next fewest points joins them.

    Args:
        counts: (H, K, K) points by poststratum, map class and reference class.
        weights: (H,) share of the area in each.
        least: Points that a poststratum must hold.

    Returns:
        Counts and weights with the merged one last, and the indices that went into it.
    """
    points = counts.sum(axis=(1, 2))
    order = np.argsort(points, kind="stable")
    number = int((points < least).sum())
    while 0 < number < len(points) and (points[order[:number]].sum() < least or number < 2):
        number += 1
    merged = np.sort(order[:number])
    if not number:
        return counts, weights, ()
    rest = np.sort(order[number:])
    joined = counts[merged].sum(axis=0, keepdims=True)
    return (
        np.concatenate([counts[rest], joined]),
        np.append(weights[rest], weights[merged].sum()),
        tuple(merged.tolist()),
    )
