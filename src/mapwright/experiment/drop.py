"""Which configurations to give up while a study runs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from mapwright.experiment.design import Cell
from mapwright.metrics.ranking import SURELY_WORSE
from mapwright.types import Counts


@dataclass(frozen=True)
class Result:
    """What a rule is told of a finished cell.

    Args:
        cell: Which.
        score: The study's metric over all held-out images of the cell; NaN where not defined.
        counts: (K, K) pixels of each held-out image by stem.
    """

    cell: Cell
    score: float
    counts: Mapping[str, Counts]


Drop = Callable[[Sequence[Result]], Mapping[str, str]]
"""Takes every finished cell; gives the configurations to give up, each with the reason in words."""

_FEWEST = 3  # turns in common; fewer say nothing of how much they differ
_LEVEL = 0.01  # risk of giving up one that is as good as the best, over all configurations


def surely_worse(
    names: Mapping[str, str], held_out: float, keep: Collection[str] = (), level: float = _LEVEL
) -> Drop:
    """Gives up what a corrected paired t-test says is worse than the best.

    The test is on differences of turns (seed, division, fold) that both have finished. Folds share
    training images, so their differences are not independent and the variance of their mean is
    set higher by the share of images held out (Nadeau and Bengio 2003, "Inference for the
    Generalization Error"). The risk is divided among the configurations (Bonferroni).

    Args:
        names: The configurations still in the study and what they are called.
        held_out: Held-out images per training image.
        keep: Never given up: what others are held against.
        level: Risk of giving up a configuration that is as good as the best.
    """

    def rule(results: Sequence[Result]) -> dict[str, str]:
        scores: dict[str, dict[tuple[int, int, int], float]] = defaultdict(dict)
        for result in results:
            if result.cell.configuration in names and not math.isnan(result.score):
                scores[result.cell.configuration][result.cell.turn] = result.score
        if len(scores) < 2:
            return {}
        best = max(scores, key=lambda name: _worth(scores[name]))
        found = {}
        for name in scores.keys() - {best, *keep}:
            turns = sorted(scores[best].keys() & scores[name].keys())
            lead = np.array([scores[best][turn] - scores[name][turn] for turn in turns])
            if _is_sure(lead, held_out, level / (len(scores) - 1)):
                found[name] = (
                    f"{lead.mean():.3f} below {names[best]} over {len(turns)} trainings, "
                    f"at a risk of {level:.0%} {SURELY_WORSE}"
                )
        return found

    return rule


def _worth(scores: Mapping[tuple[int, int, int], float]) -> tuple[int, float]:
    """The best is among those that have been tried often enough."""
    return min(len(scores), _FEWEST), float(np.mean(list(scores.values())))


def _is_sure(lead: np.ndarray[tuple[int], np.dtype[np.float64]], ratio: float, risk: float) -> bool:
    """Whether a mean of paired differences is surely above 0."""
    n = len(lead)
    if n < _FEWEST or lead.mean() <= 0:
        return False
    error = math.sqrt((1 / n + ratio) * float(lead.var(ddof=1)))
    return float(lead.mean()) > error * float(stdtrit(n - 1, 1 - risk))
