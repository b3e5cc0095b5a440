"""Which configurations can't be told apart from the best, and which are surely worse.

The best in a table is partly the luckiest, and comparing the others with it would be unfair to
them. Multiple comparisons with the best (Hsu 1984, "Constrained simultaneous confidence intervals
for multiple comparisons with the best", Annals of Statistics 12) ask of each configuration whether
any other is better than it. Only for one of them, the truly best, would that be a mistake, and it
is compared with C - 1 others; so each is tested one-sidedly at 5 % / (C - 1), and the truly best
one stays with a chance of at least 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import SettingError
from mapwright.metrics.paired import difference, seed_noise
from mapwright.metrics.trials import Trials, Values
from mapwright.metrics.undefined import with_nan, without_nan
from mapwright.metrics.verdicts import LEVEL

SURELY_WORSE = "surely worse"
"""What is said of a configuration that is given up for its scores, and of no other."""


@dataclass(frozen=True)
class Place:
    """Where one configuration stands.

    Args:
        name: The configuration.
        difference: Its score less that of the best in the table, over the cells that both have.
        p: One-sided and corrected: how well its results go with no other being better.
        against: The configuration that speaks most against it; empty if there is no other.
        behind: At most so much worse than the truly best (95 %, for all configurations at once);
            NaN where it shares too few cells with one that could be the best.
    """

    name: str
    difference: float
    p: float
    against: str
    behind: float


@dataclass(frozen=True)
class Ranking:
    """Configurations, the best in the table first.

    Args:
        measure: The score, in words.
        places: One entry per configuration.
        together: Those that are not detectably worse than the best; the truly best one is among
            them with a chance of at least 95 %.
        looks: How often such a ranking is made of one study; the chance is that of all together.
    """

    measure: str
    places: tuple[Place, ...]
    together: tuple[str, ...]
    looks: int = 1

    @property
    def best(self) -> str:
        """The best in the table."""
        return self.places[0].name

    @property
    def worse(self) -> tuple[str, ...]:
        """Those that are surely worse than the best, and may be dropped."""
        return tuple(place.name for place in self.places if place.name not in self.together)

    def __getitem__(self, name: str) -> Place:
        """Where this configuration stands."""
        return next(place for place in self.places if place.name == name)

    def sentence(self, name: str) -> str:
        """What is said of a configuration."""
        place = self[name]
        if self.together == (name,):
            return f"{name}: better than all others"
        if name not in self.together:
            gap = f"{place.difference:+.3f} {self.measure} against {self.best}, "
            return (
                f"{name}: {'' if np.isnan(place.difference) else gap}"
                f"{SURELY_WORSE} than the best (p = {place.p:.2g} against {place.against})"
            )
        if np.isnan(place.behind):
            return f"{name}: not detectably worse than the best, too little was scored to say more"
        return (
            f"{name}: not detectably worse than the best, "
            f"at most {place.behind:.3f} {self.measure} behind it"
        )

    def plain(self) -> dict[str, Any]:
        """The ranking as JSON-able built-in types; None where a value is not defined."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The ranking from what `plain` gave."""
        places = tuple(Place(**with_nan(entry)) for entry in plain["places"])
        return cls(**{**plain, "places": places, "together": tuple(plain["together"])})


def rank(trials: Trials, *, looks: int = 1) -> Ranking:
    """Rank configurations, whole or while a study is under way.

    Args:
        trials: What they scored, so far.
        looks: How often the study is looked at in all, this time included: dropping what is
            surely worse on several occasions must not drop the best one on any.

    Returns:
        The ranking; its `worse` may be dropped.

    Raises:
        SettingError: If `looks` is below one.
    """
    if looks < 1:
        raise SettingError(f"{looks} looks at a study", expected="1 or more")
    ahead, p, reach = _pairs(trials, looks)
    corrected = np.minimum(p.min(axis=1) * max(len(trials.names) - 1, 1) * looks, 1)
    # where cells are missing, each could be worse than another one: the last of them stays
    stays = (corrected >= 1 - LEVEL) | (corrected == corrected.max())
    best = _leader(trials.names, ahead, stays)
    places = [
        Place(
            name=name,
            difference=0.0 if k == best else float(ahead[k, best]),
            p=float(corrected[k]),
            against=trials.names[int(p[k].argmin())] if p[k].min() < 1 else "",
            behind=_behind(k, stays, reach - ahead),
        )
        for k, name in enumerate(trials.names)
    ]
    places.sort(key=lambda place: (place.name != trials.names[best], _low(-place.difference)))
    together = {name for name, may in zip(trials.names, stays, strict=True) if may}
    order = tuple(place.name for place in places if place.name in together)
    return Ranking(trials.measure.name, tuple(places), order, looks)


def _leader(names: Sequence[str], ahead: Values, stays: NDArray[np.bool_]) -> int:
    """The one that loses least against any other: the highest score if all have the same cells.

    Args:
        names: The configurations; the first in the alphabet where two are equal.
        ahead: (C, C) how far each is ahead of each other one; NaN where that is not known.
        stays: (C,) those that may be the best.
    """
    known = ~np.isnan(ahead)
    least = np.where(known, ahead, np.inf).min(axis=1)
    least[~known.any(axis=1)] = -np.inf
    return int(min(np.flatnonzero(stays), key=lambda k: (-least[k], names[int(k)])))


def _pairs(trials: Trials, looks: int) -> tuple[Values, Values, Values]:
    """Of every configuration against every other, each (C, C) with NaN, 1 and NaN on the diagonal.

    Returns:
        Differences, one-sided p of being worse, and how far the truth may be beyond a difference.
    """
    size = len(trials.names)
    ahead = np.full((size, size), np.nan)
    p, reach = np.ones_like(ahead), ahead.copy()
    noise = seed_noise(trials.cells, trials.measure)
    chance = 1 - (1 - LEVEL) / max(size - 1, 1) / looks
    for i, j in combinations(range(size), 2):
        one = difference(trials.cells, (j, i), trials.groups, trials.measure, noise)
        ahead[i, j], ahead[j, i] = one.value, -one.value
        p[i, j], p[j, i] = one.below(), one.above()
        reach[i, j] = reach[j, i] = one.reach(chance)
    return ahead, p, reach


def _behind(k: int, stays: NDArray[np.bool_], most: Values) -> float:
    """The most that configuration `k` is behind any that may be the best.

    Args:
        k: The configuration.
        stays: (C,) bool, those that may be the best.
        most: (C, C) upper bound of how far each is behind each other one.
    """
    rivals = [j for j in np.flatnonzero(stays) if j != k]
    return float(np.maximum(0, most[k, rivals].max())) if rivals else 0.0


def _low(value: float) -> float:
    """What is not known stands last."""
    return np.inf if np.isnan(value) else value
