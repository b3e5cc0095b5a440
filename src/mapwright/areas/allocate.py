"""How many points each stratum gets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapwright.areas.ground import Floats
from mapwright.errors import SettingError

MINIMUM = 50
"""Points in a small stratum: 50 to 100 by Olofsson et al. (2014, section 5.1.1)."""


def allocate(
    count: int, ground: Floats, pixels: NDArray[np.int64], minimum: int | None = None
) -> NDArray[np.int64]:
    """Share points out in proportion to area, but not below a minimum.

    The mixed allocation of Olofsson et al. (2014, section 5.1.1): strata whose proportional share
    is too small get the minimum; the others share the rest in proportion, until none is too
    small. Fractions are rounded by largest remainder.

    Args:
        count: Points.
        ground: (H,) area of the strata.
        pixels: (H,) their pixels; no stratum gets more points than that.
        minimum: Points in each; None = 50, or an equal share of `count` if that is less.

    Returns:
        (H,) points, summing to `count`.

    Raises:
        SettingError: `count` is too small or too large.
    """
    strata = len(ground)
    least = min(MINIMUM, count // strata) if minimum is None else minimum
    if least < 2 or least * strata > count:
        raise SettingError(
            f"{count} points are too few for {strata} strata of at least {max(least, 2)} points",
            where="--draw",
            expected=f"{max(least, 2) * strata} or more",
            fix="draw more points" + ("" if minimum is None else ", or lower --minimum"),
        )
    if count > pixels.sum():
        raise SettingError(
            f"{count} points are more than the map has pixels with a class",
            where="--draw",
            expected=f"{pixels.sum()} or fewer",
            fix="draw fewer points",
        )
    low = np.minimum(least, pixels)
    fixed = np.full(strata, -1)  # points of the strata whose number is settled
    while True:
        free = fixed < 0
        rest = count - fixed[~free].sum()
        ideal = np.where(free, rest * ground / max(ground[free].sum(), 1e-300), fixed)
        small, large = free & (ideal < low), free & (ideal > pixels)
        if not small.any() and not large.any():
            return _rounded(ideal, count)
        # settling the one side may repair the other, so the side that weighs more goes first
        if (low - ideal)[small].sum() >= (ideal - pixels)[large].sum():
            fixed[small] = low[small]
        else:
            fixed[large] = pixels[large]


def _rounded(ideal: Floats, count: int) -> NDArray[np.int64]:
    whole = np.floor(ideal).astype(np.int64)
    first = np.argsort(whole - ideal, kind="stable")[: count - whole.sum()]
    whole[first] += 1
    return whole
