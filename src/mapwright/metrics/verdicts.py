"""Which configuration is really better than another, in words.

Many comparisons are corrected by Holm 1979, "A simple sequentially rejective multiple test
procedure" (Scandinavian Journal of Statistics 6): the chance of any false alarm among them stays
below 5 %, however they depend on each other. A maximum over a joint bootstrap would find little
more (with five comparisons against a baseline a bound 2 % lower) and needs many seeds and images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal, Self

import numpy as np
from scipy.special import ndtri

from mapwright.errors import SettingError
from mapwright.metrics.paired import Difference, Noise, difference, seed_noise
from mapwright.metrics.trials import Trials, Values
from mapwright.metrics.undefined import with_nan, without_nan

Verdict = Literal["better", "worse", "no detectable difference", "needs more seeds"]

LEVEL = 0.95
INTERESTING = 0.01
POWER = 0.8

MOST_SEEDS = 50
"""No verdict asks for more seeds than this."""


@dataclass(frozen=True)
class Comparison:
    """One configuration against another, over the cells that both have.

    Args:
        name: The configuration.
        baseline: What it is compared with.
        measure: The score, in words.
        score: That of the configuration.
        baseline_score: That of the baseline.
        difference: The former less the latter.
        interval: 95 % interval of the difference, for this comparison alone.
        joint_interval: The same, wide enough to hold for all comparisons at once (Bonferroni).
        p: Two-sided, corrected for all comparisons; 1 where nothing can be said.
        comparisons: Number of comparisons that it is corrected for.
        images: Images that both have scored.
        groups: Groups that these are in; as many as images where each is its own.
        seeds: Seeds that both were trained with.
        noise: Standard deviation from seed to seed that is reckoned with, of one configuration.
        noise_freedom: Degrees of freedom that were measured of it; 0 = it is assumed.
        interesting: The smallest difference of interest.
        detectable: The smallest difference that would be found with a chance of 80 %.
        verdict: In words.
        seeds_needed: About how many seeds would find a difference of interest with that chance;
            None = none would, or more than `MOST_SEEDS`, since images vary too much.
        same: Every cell of the two is the same.
    """

    name: str
    baseline: str
    measure: str
    score: float
    baseline_score: float
    difference: float
    interval: tuple[float, float]
    joint_interval: tuple[float, float]
    p: float
    comparisons: int
    images: int
    groups: int
    seeds: int
    noise: float
    noise_freedom: float
    interesting: float
    detectable: float
    verdict: Verdict
    seeds_needed: int | None
    same: bool = False

    def words(self) -> str:
        """The verdict with all that belongs to it."""
        if self.same:
            return f"{self.verdict}, the same in every cell"
        if math.isnan(self.detectable):
            return f"{self.verdict}, too little was scored by both"
        about = f" (about {self.seeds_needed})" if self.verdict == "needs more seeds" else ""
        more = f", corrected for {self.comparisons} comparisons" if self.comparisons > 1 else ""
        seen = self.verdict != "no detectable difference"
        missed = "" if seen else f"; one below {self.detectable:.3f} may be missed"
        return f"{self.verdict}{about}{more}{missed}"

    def sentence(self) -> str:
        """What was compared, the difference, and the verdict."""
        values = [round(value, 3) + 0.0 for value in (self.difference, *self.interval)]
        between = "no interval" if math.isnan(values[1]) else f"{values[1]:.3f} to {values[2]:.3f}"
        groups = f" in {_several(self.groups, 'group')}" if self.groups < self.images else ""
        assumed = "" if self.noise_freedom else ", noise of seeds assumed"
        return (
            f"{self.name} instead of {self.baseline}: {values[0]:+.3f} ({between}) {self.measure} "
            f"over {_several(self.images, 'image')}{groups} and {_several(self.seeds, 'seed')}"
            f"{assumed}: {self.words()}"
        )

    def plain(self) -> dict[str, Any]:
        """The comparison as JSON-able built-in types; None where a value is not defined."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The comparison from what `plain` gave."""
        values = {**with_nan(plain), "seeds_needed": plain["seeds_needed"]}
        for key in ("interval", "joint_interval"):
            values[key] = tuple(values[key])
        return cls(**values)


def compare(
    trials: Trials, baseline: str | None = None, *, interesting: float = INTERESTING
) -> tuple[Comparison, ...]:
    """Compare configurations.

    Args:
        trials: What they scored.
        baseline: Compare every other one with this; None = every pair, the later with the earlier.
        interesting: The smallest difference of interest, in units of the score; above 0.

    Returns:
        One entry per comparison, in the order of the study.

    Raises:
        SettingError: If there is no such baseline, or nothing is of interest.
    """
    if not interesting > 0:
        raise SettingError(f"{interesting} as smallest difference of interest", expected="above 0")
    noise = seed_noise(trials.cells, trials.measure)
    pairs = list(combinations(range(len(trials.names)), 2))
    if baseline is not None:
        fixed = trials.index(baseline)
        pairs = [(fixed, k) for k in range(len(trials.names)) if k != fixed]
    found = [difference(trials.cells, pair, trials.groups, trials.measure, noise) for pair in pairs]
    # what can't be judged is no comparison, and costs the others nothing
    judged = np.array([bool(np.isfinite(one.error) & np.isfinite(one.value)) for one in found])
    corrected = np.ones(len(found))
    if judged.any():
        corrected[judged] = holm(np.array([one.apart() for one in found])[judged])
    return tuple(
        _comparison(trials, pair, one, noise, float(p), int(judged.sum()), interesting)
        for pair, one, p in zip(pairs, found, corrected, strict=True)
    )


def holm(p: Values) -> Values:
    """Corrected p-values after Holm 1979: (..., m) of as many comparisons."""
    order = np.argsort(p, axis=-1)
    times = np.take_along_axis(p, order, axis=-1) * np.arange(p.shape[-1], 0, -1)
    corrected = np.empty_like(times)
    np.put_along_axis(corrected, order, np.maximum.accumulate(times, axis=-1), axis=-1)
    return np.minimum(corrected, 1)


def seeds_needed(
    found: Difference, passes: float, interesting: float, comparisons: int = 1
) -> int | None:
    """About how many seeds would find a difference of interest with a chance of 80 %.

    The difference has to reach the sum of two normal quantiles, of the corrected level and of the
    power, times a standard error of which only the part of seeds shrinks.

    Args:
        found: The difference with its variances.
        passes: Number of seeds, in times that all images were scored.
        interesting: The smallest difference of interest.
        comparisons: Number of comparisons that the level is corrected for.

    Returns:
        The number, at least 2; None where images alone vary too much, or it is above `MOST_SEEDS`.
    """
    quantiles = ndtri(_chance(comparisons)) + ndtri(POWER)
    stays = max(float(found.images - found.mixed), 0)
    room = (interesting / quantiles) ** 2 - stays
    if not room > 0:
        return None
    number = math.ceil(passes * float(found.seeds + found.mixed) / room)
    return max(number, 2) if number <= MOST_SEEDS else None


def _comparison(
    trials: Trials,
    pair: tuple[int, int],
    found: Difference,
    noise: Noise,
    p: float,
    comparisons: int,
    interesting: float,
) -> Comparison:
    """All that is said of a pair of configurations."""
    both = np.logical_and(*trials.seen[list(pair)])
    first, second = (trials.cells[k][both] for k in pair)
    same = bool(len(first)) and bool((first == second).all())
    passes = both.sum() / max(noise.images, 1)
    needed = seeds_needed(found, passes, interesting, comparisons)
    value = float(found.value)
    interval = (0.0, 0.0) if same else _around(found, 1)
    reach = found.reach(_chance(comparisons)) + found.reach(POWER)
    return Comparison(
        name=trials.names[pair[1]],
        baseline=trials.names[pair[0]],
        measure=trials.measure.name,
        score=float(trials.measure.of(second.sum(axis=0))),
        baseline_score=float(trials.measure.of(first.sum(axis=0))),
        difference=value,
        interval=interval,
        joint_interval=(0.0, 0.0) if same else _around(found, comparisons),
        p=p,
        comparisons=comparisons,
        images=int(both.any(axis=0).sum()),
        groups=len(np.unique(trials.groups[both.any(axis=0)])),
        seeds=int(both.any(axis=1).sum()),
        noise=float(np.sqrt(noise.variance[list(pair)].mean())),
        noise_freedom=round(float(noise.freedom.sum()), 6),
        interesting=interesting,
        detectable=float(reach),
        verdict=_verdict(value, p, interval, passes, needed, interesting),
        seeds_needed=needed,
        same=same,
    )


def _verdict(
    value: float,
    p: float,
    interval: tuple[float, float],
    passes: float,
    needed: int | None,
    interesting: float,
) -> Verdict:
    """The word for a difference with its corrected p."""
    if p < 1 - LEVEL:
        return "better" if value > 0 else "worse"
    small = -interesting < interval[0] and interval[1] < interesting
    if needed is not None and needed > passes and not small:
        return "needs more seeds"
    return "no detectable difference"


def _around(found: Difference, comparisons: int) -> tuple[float, float]:
    """Interval of a difference, for as many comparisons at once."""
    reach = float(found.reach(_chance(comparisons)))
    return float(found.value) - reach, float(found.value) + reach


def _chance(comparisons: int) -> float:
    """The quantile that a two-sided interval ends at, for as many comparisons at once."""
    return 1 - (1 - LEVEL) / 2 / max(comparisons, 1)


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
