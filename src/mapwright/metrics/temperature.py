"""Temperature scaling: one number that makes probabilities neither too sure nor too unsure.

softmax(logits / T) of Guo et al. 2017 ("On Calibration of Modern Neural Networks", ICML, section
4.2) is softmax(log p / T), since softmax takes no notice of a constant that is added. So it acts on
any probabilities, here on those that all members, views and tiles have been averaged into: averages
of calibrated probabilities are not calibrated, but too unsure (Ranjan and Gneiting 2010, "Combining
probability forecasts"), so what is averaged is calibrated last (Rahaman and Thiery 2021,
"Uncertainty Quantification and Deep Ensembles"). The order of the classes of a pixel stays, and of
two classes so does that of pixels: maps are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.soft_counts import Points

Float = NDArray[np.float64]

TEMPERATURES: Final[Float] = 2.0 ** (np.arange(-16, 25) / 8)
"""What is tried: 1/4 to 8, each 9 % above the one before."""

_FLAT = 1e-9  # of a likelihood: what changes by less than this is fitted by any temperature


def temper(
    probabilities: NDArray[np.float32], temperature: float, axis: int = 0
) -> NDArray[np.float32]:
    """softmax(log p / T): what temperature scaling makes of probabilities; 1 / T undoes it.

    Args:
        probabilities: float32, summing to one over `axis`, or all 0, or NaN, which both stay.
        temperature: T, above 0; above 1 makes them less sure.
        axis: That of the classes.
    """
    if temperature == 1:
        return probabilities
    highest = probabilities.max(axis=axis, keepdims=True)
    raised = np.divide(
        probabilities, highest, out=np.zeros_like(probabilities), where=highest != 0
    ) ** (1 / temperature)
    total = raised.sum(axis=axis, keepdims=True)
    return np.asarray(np.divide(raised, total, out=np.zeros_like(raised), where=total != 0))


def temper_threshold(threshold: float, temperature: float) -> float:
    """What `temper` makes of a probability of the second of two classes."""
    if temperature == 1:
        return threshold
    highest = max(threshold, 1 - threshold)  # becomes 1, so that never both are rounded to 0
    second, first = ((p / highest) ** (1 / temperature) for p in (threshold, 1 - threshold))
    return float(second / (first + second))


def log_odds(probability: float) -> float:
    """Log p - log(1 - p), finite at 0 and 1 too: the smallest number above 0 stands for it."""
    second, first = (max(p, math.ulp(0.0)) for p in (probability, 1 - probability))
    return math.log(second) - math.log(first)


def nll_sums(points: Points, temperatures: Float = TEMPERATURES) -> Float:
    """Negative log-likelihood of the truth at each temperature, added up over pixels.

    Sums of several images can be added.

    Args:
        points: The pixels.
        temperatures: (G,) what to try.

    Returns:
        (G,) float64.
    """
    sums = np.zeros(len(temperatures))
    rows = np.arange(len(points.truth))
    for place, temperature in enumerate(temperatures if len(rows) else ()):
        scaled = points.logs * np.float32(1 / temperature)
        highest = scaled.max(axis=1)
        spread = np.log(np.exp(scaled - highest[:, None]).sum(axis=1)) + highest
        sums[place] = (points.weight * (spread - scaled[rows, points.truth])).sum()
    return sums


def best_temperature(sums: Float) -> float:
    """The temperature of the lowest negative log-likelihood, between those tried; 1 if any will do.

    The likelihood has one minimum over 1 / T; around it, a parabola over log T finds its place.

    Args:
        sums: (G,) as `nll_sums` gives them for `TEMPERATURES`.
    """
    if not np.ptp(sums) > _FLAT * abs(sums).max():
        return 1.0
    place = int(sums.argmin())
    if at_end(float(TEMPERATURES[place])):
        return float(TEMPERATURES[place])
    before, here, after = sums[place - 1 : place + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
    step = np.log(TEMPERATURES[1] / TEMPERATURES[0])
    return float(TEMPERATURES[place] * np.exp(step * shift))


def at_end(temperature: float) -> bool:
    """Whether a temperature is the first or the last that is tried."""
    return temperature in (TEMPERATURES[0], TEMPERATURES[-1])


def cross_fitted(parts: Sequence[Float]) -> list[float]:
    """For each part the best temperature of the others.

    Args:
        parts: `nll_sums` of each part, two parts or more.
    """
    return [
        best_temperature(np.sum([*parts[:own], *parts[own + 1 :]], axis=0))
        for own in range(len(parts))
    ]
