"""Bootstrap intervals over independent units: images, or blocks of a scene."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mapwright.types import Counts

DRAWS = 1000
LEVEL = 0.95


def bootstrap_interval(
    units: Counts,
    score: Callable[[Counts], NDArray[np.float64]],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> NDArray[np.float64]:
    """Percentile bootstrap of a pooled score (Efron and Tibshirani 1993, chapter 13).

    Args:
        units: (n, K, K) counts, one matrix per unit that was drawn independently.
        score: Takes pooled counts (draws, K, K), gives (draws,) or (draws, K).
        seed: Seed of the draws.
        draws: Number of resamples.
        level: Share that the interval covers.

    Returns:
        (2,) or (2, K) lower and upper bound; NaN with fewer than two units.
    """
    n = len(units)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(n, np.full(n, 1 / n), size=draws) if n else np.zeros((draws, 0))
    scores = score(np.tensordot(times, units, axes=1).astype(np.int64))
    flat = scores.reshape(draws, -1)
    bounds = np.full((2, flat.shape[1]), np.nan)
    defined = ~np.isnan(flat).all(axis=0)
    if n >= 2 and defined.any():
        tail = (1 - level) / 2
        bounds[:, defined] = np.nanquantile(flat[:, defined], [tail, 1 - tail], axis=0)
    return bounds.reshape(2, *scores.shape[1:])
