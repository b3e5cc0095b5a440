"""How well probabilities agree with the truth: of what is 80 % sure, are 80 % right?

Expected calibration error, ECE: pixels in 15 bins of equal width by the probability of their most
probable class; the mean distance between that probability and the share of pixels that are right,
each bin weighing as many pixels as it holds (Guo et al. 2017, "On Calibration of Modern Neural
Networks", section 2; Naeini et al. 2015). Where most pixels are easy background it looks good
whatever the rest is like. So it stands beside the error of each class: that of its own probability
over all pixels, whose mean is the classwise ECE (Nixon et al. 2019, "Measuring Calibration in Deep
Learning", static calibration error), and that of the pixels for which it is the most probable
class. The Brier score is the squared distance between probabilities and truth, added up over
classes, so 0 to 2 (Brier 1950).

Noise of bins only adds to an ECE, which can't be below 0: near 0 its interval leans upwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.blocks import block_units
from mapwright.metrics.calibration_result import Bins, Calibration, ClassCalibration, Side
from mapwright.metrics.confusion import ratio
from mapwright.metrics.intervals import bootstrap_interval
from mapwright.metrics.soft_counts import Points, Soft

BINS: Final = 15

_PIXELS, _NLL, _BRIER, _TOP = 0, 1, 2, 3  # columns of the sums of a block; then BINS, K x BINS
_AT_A_TIME = 4096  # images

Float = NDArray[np.float64]


def assess_calibration(
    softs: Sequence[Soft],
    temperatures: Sequence[float],
    names: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    groups: Sequence[str],
    *,
    parts: bool = False,
) -> Calibration:
    """How good the probabilities are, as the networks give them and after temperature scaling.

    Args:
        softs: What was kept of each image.
        temperatures: The temperature to use on each, which must not be fitted on it.
        names: The classes.
        sizes: Rows and columns of each image.
        groups: The group of each image; see `block_units`.
        parts: The images are parts of scenes themselves.
    """
    classes = len(names)
    totals = np.zeros((2, 2 * classes, 3, BINS))
    sums: list[Any] = []
    for start in range(0, len(softs), _AT_A_TIME):
        some = slice(start, start + _AT_A_TIME)
        found, blocks = _measured(softs[some], temperatures[some], classes)
        totals += found
        sums += blocks
    units = block_units(sums, sizes, groups, parts=parts)
    bounds = bootstrap_interval(units.counts, _drawn_scores)
    whole = np.sum([part.sum(axis=0) for part in sums], axis=0)
    sides = [_side(totals[k, :classes], whole[k], bounds[:, k]) for k in range(2)]
    return Calibration(
        temperature=float(temperatures[0]) if len(set(temperatures)) == 1 else float("nan"),
        used=tuple(sorted(set(map(float, temperatures)))),
        pixels=round(float(whole[0, _PIXELS])),
        images=len(softs),
        unit=units.name,
        before=sides[0],
        after=sides[1],
        gain=(float(bounds[0, 2]), float(bounds[1, 2])),
        classes=tuple(
            ClassCalibration(
                name,
                before=_bins(totals[0, classes + k]),
                after=_bins(totals[1, classes + k]),
                mapped_before=_bins(totals[0, k]).ece,
                mapped_after=_bins(totals[1, k]).ece,
            )
            for k, name in enumerate(names)
        ),
    )


def softened(points: Points, temperature: float | Float) -> Float:
    """(n, K) float64 probabilities of points at a temperature, or one for each."""
    scaled = points.logs.astype(np.float64) / np.reshape(temperature, (-1, 1))
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def bin_of(probability: Float) -> NDArray[np.int64]:
    """The bin of each probability: the first from 0 to 1/15, the next above that to 2/15."""
    return np.clip(np.ceil(probability * BINS).astype(np.int64) - 1, 0, BINS - 1)


def _measured(
    softs: Sequence[Soft], temperatures: Sequence[float], classes: int
) -> tuple[Float, list[Float]]:
    """What is added up over images, before and after.

    Returns:
        (2, 2 K, 3, BINS) pixels, probabilities and right ones: first by most probable class,
        then of the probability of each class; and for each image (blocks, 2, R) sums.
    """
    points = [soft.points for soft in softs]
    firsts = np.cumsum([0, *(soft.blocks for soft in softs)])
    lengths = [len(one.truth) for one in points]
    together = Points(
        np.concatenate([one.logs for one in points]),
        np.concatenate([one.truth for one in points]),
        np.concatenate([one.weight for one in points]),
        np.concatenate([one.block + first for one, first in zip(points, firsts, strict=False)]),
    )
    own = np.repeat(np.asarray(temperatures, np.float64), lengths)
    totals, sums = [], []
    for temperature in (np.ones_like(own), own):
        total, blocks = _sums(together, softened(together, temperature), int(firsts[-1]), classes)
        totals.append(total)
        sums.append(blocks)
    return np.stack(totals), np.split(np.stack(sums, axis=1), firsts[1:-1])


def _sums(points: Points, soft: Float, blocks: int, classes: int) -> tuple[Float, Float]:
    """(2 K, 3, BINS) and (blocks, R): see `_measured`."""
    rows, truth, weight = np.arange(len(soft)), points.truth, points.weight
    total = np.zeros((2 * classes, 3, BINS))
    sums = np.zeros((blocks, _TOP + (1 + classes) * BINS))
    likely = soft[rows, truth]
    brier = (soft**2).sum(axis=1) - 2 * likely + 1
    nll = -np.log(np.maximum(likely, np.finfo(np.float64).tiny))
    for column, values in ((_PIXELS, 1.0), (_NLL, nll), (_BRIER, brier)):
        sums[:, column] = np.bincount(points.block, weight * values, blocks)
    top = soft.argmax(axis=1)
    best = soft[rows, top]
    total[:classes] = _binned(top * BINS + bin_of(best), weight, best, top == truth, classes)
    gap = np.bincount(points.block * BINS + bin_of(best), weight * (best - (top == truth)),
                      blocks * BINS)  # fmt: skip
    sums[:, _TOP : _TOP + BINS] = gap.reshape(blocks, BINS)
    for k in range(classes):
        own, hit = bin_of(soft[:, k]), truth == k
        total[classes + k] = _binned(own, weight, soft[:, k], hit, 1)[0]
        gap = np.bincount(points.block * BINS + own, weight * (soft[:, k] - hit), blocks * BINS)
        first = _TOP + (1 + k) * BINS
        sums[:, first : first + BINS] = gap.reshape(blocks, BINS)
    return total, sums


def _binned(
    place: NDArray[np.int64], weight: Float, value: Float, hit: NDArray[np.bool_], rows: int
) -> Float:
    """(rows, 3, BINS) pixels, probabilities and right ones by place."""
    columns = (weight, weight * value, weight * hit)
    return np.stack(
        [np.bincount(place, column, rows * BINS).reshape(rows, BINS) for column in columns], axis=1
    )


def _drawn_scores(sums: NDArray[Any]) -> Float:
    """(draws, 2, R) sums to (draws, 3): ECE before, after, and how much less it is after."""
    gaps = abs(sums[..., _TOP : _TOP + BINS]).sum(axis=-1)
    ece = ratio(gaps, sums[..., _PIXELS])
    return np.concatenate([ece, ece[:, :1] - ece[:, 1:]], axis=1)


def _side(by_class: Float, sums: Float, bounds: Float) -> Side:
    """One side of the comparison: (K, 3, BINS) by most probable class, (R,) sums."""
    pixels = sums[_PIXELS]
    gaps = abs(sums[_TOP + BINS :].reshape(-1, BINS)).sum(axis=-1)
    return Side(
        bins=_bins(by_class.sum(axis=0)),
        interval=(float(bounds[0]), float(bounds[1])),
        classwise=float(ratio(gaps.mean(), pixels)),
        brier=float(ratio(sums[_BRIER], pixels)),
        nll=float(ratio(sums[_NLL], pixels)),
    )


def _bins(sums: Float) -> Bins:
    """(3, BINS) pixels, probabilities and right ones."""
    pixels = sums[0].sum()
    return Bins(
        pixels=tuple(np.round(sums[0], 1).tolist()),
        probability=tuple(ratio(sums[1], sums[0]).tolist()),
        share=tuple(ratio(sums[2], sums[0]).tolist()),
        ece=float(ratio(abs(sums[1] - sums[2]).sum(), pixels)),
    )
