"""Bootstrap intervals over independent units: images, or blocks of a scene."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from mapwright.types import Counts

DRAWS = 1000
LEVEL = 0.95

_MOST = 2000  # units; a bootstrap keeps its draws times this many numbers


@dataclass(frozen=True)
class Units:
    """What a bootstrap draws.

    Args:
        counts: (n, K, K) pixels per unit; all units together hold the pixels that are scored.
        name: What they are, in words: `images`, `blocks of 106 pixels`.
    """

    counts: Counts
    name: str


def bootstrap_interval(
    units: NDArray[Any],
    score: Callable[[NDArray[Any]], NDArray[np.float64]],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> NDArray[np.float64]:
    """Expanded percentile bootstrap of a pooled score.

    Percentiles of the draws (Efron and Tibshirani 1993, chapter 13), taken further out the fewer
    units there are, as Student's t asks for (Hesterberg 2014, "What Teachers Should Know about the
    Bootstrap", arXiv:1411.5279, the expanded percentile interval): plain ones are too narrow.

    Many units are put together at random, which are then drawn: the spread of their mean is the
    same, and the draws stay small.

    Args:
        units: (n, K, K) counts, one matrix per unit that was drawn independently; or other sums.
        score: Takes pooled counts (draws, K, K), gives (draws,) or (draws, K).
        seed: Seed of the draws.
        draws: Number of resamples.
        level: Share that the interval covers.

    Returns:
        (2,) or (2, K) lower and upper bound; NaN with fewer than two units.
    """
    units = _few(units, seed)
    n = len(units)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(n, np.full(n, 1 / n), size=draws) if n else np.zeros((draws, 0))
    scores = score(np.tensordot(times, units, axes=1).astype(units.dtype))
    flat = scores.reshape(draws, -1)
    bounds = np.full((2, flat.shape[1]), np.nan)
    defined = ~np.isnan(flat).all(axis=0)
    if n >= 2 and defined.any():
        tail = _tail(n, level)
        bounds[:, defined] = np.nanquantile(flat[:, defined], [tail, 1 - tail], axis=0)
    return bounds.reshape(2, *scores.shape[1:])


def _few(units: NDArray[Any], seed: int) -> NDArray[Any]:
    """At most `_MOST` units, each the sum of as many of these, give or take one."""
    if len(units) <= _MOST:
        return units
    order = np.random.default_rng(seed).permutation(len(units))
    return np.stack([units[order[k::_MOST]].sum(axis=0) for k in range(_MOST)])


def _tail(n: int, level: float) -> float:
    """Share of draws beyond either bound; (1 - level) / 2 for very many units."""
    far = math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + level) / 2)
    return float(ndtr(-far))
