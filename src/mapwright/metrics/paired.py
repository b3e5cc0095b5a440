"""Differences between two configurations, and how far chance could have made them.

Two things vary: which images were there to be scored, and which seeds were there to train with.
Both are common to the two configurations, so their difference is judged, not their scores. Its
variance is the sum of two parts:

- images: the delete-one jackknife over images, or groups of them (Efron and Stein 1981, "The
  jackknife estimate of variance", Annals of Statistics 9). It is no smaller than the truth in
  expectation.
- seeds: what remains of the scores per seed once the mean of each configuration and of each seed is
  taken out (two-way analysis of variance). Three seeds of a pair give two degrees of freedom, which
  could be anything, and one seed gives none. So noise starts from an assumption that counts like a
  few degrees of freedom, is drawn from there by all configurations together, and from that by the
  seeds of each (Smyth 2004, "Linear models and empirical Bayes methods", Statistical Applications
  in Genetics and Molecular Biology 3: the moderated t).

The sum is held against Student's t with degrees of freedom after Satterthwaite 1946. What belongs
to image and seed together is in both parts, so the sum is a little too large, as it is in the
bootstrap over both (Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1). That
bootstrap needs many units of each kind; percentiles over three seeds are far too narrow.

What training images there are is given here: their chance is in no interval.

Functions take further axes in front, so one study or a thousand made-up ones go alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from mapwright.metrics.trials import Measure, Values

ASSUMED_FREEDOM = 6
"""Degrees of freedom that the assumed noise of seeds counts like.

Six say that noise lies between 0.65 and 2.2 times the assumed one in 95 % of studies: between 0.013
and 0.044 for 0.02. `benchmarks/study_level.py` holds the false alarms that follow.
"""


@dataclass(frozen=True)
class Noise:
    """How far the score of each configuration varies from seed to seed.

    Args:
        variance: (..., C) of the score of one seed, all images together.
        freedom: (C,) degrees of freedom that a configuration's own seeds add to those assumed.
        images: Number of images that a seed scores when it is complete.
    """

    variance: Values
    freedom: Values
    images: int


@dataclass(frozen=True)
class Difference:
    """The score of the second configuration less that of the first, where both have cells.

    Args:
        value: (...) the difference; NaN where a score is undefined.
        images: (...) its variance from images; NaN with fewer than two images, or groups.
        seeds: (...) its variance from seeds.
        mixed: (...) what the part of images would lose with very many seeds.
        freedom: (...) degrees of freedom of the sum of both.
    """

    value: Values
    images: Values
    seeds: Values
    mixed: Values
    freedom: Values

    @property
    def error(self) -> Values:
        """(...) standard error."""
        return np.asarray(np.sqrt(self.images + self.seeds))

    def above(self) -> Values:
        """(...) one-sided p: the chance of this much or more if the truth were 0."""
        return self._chance(-self.value)

    def below(self) -> Values:
        """(...) one-sided p: the chance of this much or less if the truth were 0."""
        return self._chance(self.value)

    def apart(self) -> Values:
        """(...) two-sided p."""
        return self._chance(-np.abs(self.value), 2)

    def reach(self, chance: float) -> Values:
        """(...) how far the estimate lies above the truth at most, with this chance."""
        return np.asarray(stdtrit(self.freedom, chance) * self.error)

    def _chance(self, value: Values, sides: int = 1) -> Values:
        """(...) the chance of at most this value, on one side or both; 1 where undefined."""
        with np.errstate(invalid="ignore", divide="ignore"):
            p = sides * stdtr(self.freedom, value / self.error)
        return np.where(np.isnan(p), 1, p)


def seed_noise(cells: Values, measure: Measure) -> Noise:
    """How far scores vary from seed to seed.

    Only configurations and seeds with all images count. The effect of a seed that all
    configurations share, such as its split, cancels in differences and is taken out.

    Args:
        cells: (..., C, S, N, m) with NaN where nothing is, the same places along the axes in front.
        measure: The score.
    """
    seen = ~np.isnan(cells[..., 0])
    seen = seen.reshape(-1, *seen.shape[-3:])[0]
    scored = seen.any(axis=(0, 1))
    complete = seen[..., scored].all(axis=-1) & bool(scored.any())
    scores = measure.of(cells[..., scored, :].sum(axis=-2))[..., complete]
    squares, freedom = _residuals(scores, complete)
    pooled = ASSUMED_FREEDOM * measure.noise**2 + squares.sum(axis=-1, keepdims=True)
    pooled = pooled / (ASSUMED_FREEDOM + freedom.sum())
    own = (ASSUMED_FREEDOM * pooled + squares) / (ASSUMED_FREEDOM + freedom)
    return Noise(own, freedom, int(scored.sum()))


def _residuals(scores: Values, where: NDArray[np.bool_]) -> tuple[Values, Values]:
    """What is left beside additive effects of configurations and of seeds.

    Args:
        scores: (..., k) scores of the cells that are there.
        where: (C, S) bool, k of them true.

    Returns:
        (..., C) sums of squares and (C,) their degrees of freedom.
    """
    rows, columns = np.nonzero(where)
    of = np.eye(len(where))[rows]
    if np.isnan(scores).any():
        return np.zeros((*scores.shape[:-1], len(where))), np.zeros(len(where))
    design = np.hstack([of, np.eye(where.shape[1])[columns]])
    rest = np.eye(len(rows)) - design @ np.linalg.pinv(design)
    # what additive effects explain wholly leaves rounding errors
    freedom = np.round(np.diagonal(rest) @ of, 9) + 0.0
    return (scores @ rest) ** 2 @ of * (freedom > 0), freedom


def difference(
    cells: Values, pair: tuple[int, int], groups: NDArray[np.intp], measure: Measure, noise: Noise
) -> Difference:
    """The second configuration less the first, over the cells that both have.

    Args:
        cells: (..., C, S, N, m) with NaN where nothing is, the same places along the axes in front.
        pair: First and second configuration.
        groups: (N,) index of the group of each image.
        measure: The score.
        noise: Variation between seeds, from `seed_noise`.
    """
    first, second = (cells[..., k, :, :, :] for k in pair)
    both = ~np.isnan(first[..., 0]) & ~np.isnan(second[..., 0])
    flat = both.reshape(-1, *both.shape[-2:])[0]
    used = np.flatnonzero(flat.any(axis=0))
    used = used[np.argsort(groups[used], kind="stable")]
    starts = np.unique(groups[used], return_index=True)[1]
    first, second = (
        np.add.reduceat(np.where(both[..., None], table, 0)[..., used, :], starts, axis=-2)
        for table in (first, second)
    )
    value = _less(measure, first.sum(axis=(-3, -2)), second.sum(axis=(-3, -2)))
    images, own = _jackknife(measure, first.sum(axis=-3), second.sum(axis=-3))
    # trainings are taken as independent, so a seed with one fold of five counts for a fifth
    passes = flat.sum() / max(noise.images, 1)
    known = ASSUMED_FREEDOM + noise.freedom[list(pair)].sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        seeds = noise.variance[..., list(pair)].sum(axis=-1) / passes
        freedom = (images + seeds) ** 2 / (images**2 / own + seeds**2 / known)
    return Difference(value, images, seeds, _mixed(measure, first, second, value), freedom)


def _less(measure: Measure, first: Values, second: Values) -> Values:
    return np.asarray(measure.of(second) - measure.of(first))


def _jackknife(measure: Measure, first: Values, second: Values) -> tuple[Values, Values]:
    """Variance of the difference over units, and its degrees of freedom.

    Where few of many units make most of the variance, it is known no better than from those few.
    Degrees of freedom are twice the squared variance over the variance of the variance
    (Satterthwaite 1946), here from fourth moments: n - 1 on the mean where all are alike.

    Args:
        measure: The score.
        first: (..., n, m) counts of the units.
        second: The same of the second configuration.
    """
    n = first.shape[-2]
    if n < 2:
        return np.full(first.shape[:-2], np.nan), np.ones(first.shape[:-2])
    without = [table.sum(axis=-2, keepdims=True) - table for table in (first, second)]
    left = _less(measure, *without)
    squares = (left - left.mean(axis=-1, keepdims=True)) ** 2
    total, fourth = squares.sum(axis=-1), (squares**2).sum(axis=-1)
    alike = np.divide(3 * total**2, fourth, out=np.full_like(total, 4), where=fourth > 0) - 3
    return (n - 1) / n * total, np.clip(alike, 1, n - 1)


def _mixed(measure: Measure, first: Values, second: Values, value: Values) -> Values:
    """Variance from what belongs to image and seed together: (..., S, G, m) counts of both.

    The residual of a two-way analysis of variance of the influence of each cell, which is what
    the difference loses without it; 0 where cells are missing, or there is one seed or group.
    """
    seeds, units = first.shape[-3:-1]
    if min(seeds, units) < 2 or not (first.any(axis=-1) & second.any(axis=-1)).all():
        return np.zeros_like(value)
    without = [table.sum(axis=(-3, -2), keepdims=True) - table for table in (first, second)]
    left = _less(measure, *without)
    rest = left - left.mean(axis=-1, keepdims=True)
    rest = rest - rest.mean(axis=-2, keepdims=True)
    cells = seeds * units
    scale = (cells - 1) ** 2 / cells / ((seeds - 1) * (units - 1))
    return np.asarray((rest**2).sum(axis=(-2, -1)) * scale)
