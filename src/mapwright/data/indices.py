"""Bands that are an index of two others, recognised by their values: s (a - b) / (a + b) + o."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_MOST = 4096  # pixels; more would cost time and decide nothing
_QUICK = 400  # pixels to sort out what is far from fitting
_FEWEST = 100  # pixels that must say something, and
_TELLING = 0.2  # the share of all pixels that they must be
_SHARE = 0.9  # of those must fit
_SIMILAR = 0.75  # rank correlation below which no fit is tried
_LEVELS = 25.0  # steps: a band that spreads over fewer can't be told from any other
_FLOOR = 0.003  # of the spread of a band: what a pixel may be off for reasons other than rounding
_FLOAT = 2.0**-21  # relative error of a ratio that was calculated and kept in float32
_SHIFTS = (0.0, -1000.0)  # added to both bands first; the second takes off Sentinel-2's offset
_ROUNDS = 3  # of fitting anew to the pixels that are near

Values = NDArray[np.float64]


@dataclass(frozen=True)
class IndexFit:
    """One band as an index of two others.

    Where p and m are the bands `plus` and `minus` with `shift` added to both, the band is
    scale * (p - m) / (p + m) + offset.

    Args:
        band: Position of the index.
        plus: Position of the band that raises it.
        minus: Position of the band that lowers it.
        scale: Above 0.
        offset: In values of the index.
        shift: In values of the two bands: 0, or -1000 for Sentinel-2's offset.
        cut: Whether values were cut to whole steps towards 0, not rounded.
        share: Share of the telling pixels that fit as well as rounding allows.
        error: Root mean square of what is left over, as a share of the spread of the band.
    """

    band: int
    plus: int
    minus: int
    scale: float
    offset: float
    shift: float
    cut: bool
    share: float
    error: float


@dataclass(frozen=True)
class _Band:
    """One band.

    Args:
        values: (n,) values.
        inner: (n,) bool, False at the lowest and the highest value, which may be clipped or mean
            something else.
        step: What values are rounded to.
        spread: Range of most inner values.
    """

    values: Values
    inner: NDArray[np.bool_]
    step: float
    spread: float

    @classmethod
    def of(cls, values: Values) -> Self:
        inner = (values > values.min()) & (values < values.max())
        low, high = np.percentile(values[inner], (5, 95)) if inner.any() else (0.0, 0.0)
        return cls(values, inner, _step(values), float(high - low))

    @property
    def telling(self) -> bool:
        """Whether it has enough different values to be recognised."""
        return self.spread > _LEVELS * self.step

    def uncut(self) -> _Band:
        """Values in the middle of what is cut to them towards 0."""
        return replace(self, values=self.values + np.sign(self.values) * self.step / 2)


@dataclass(frozen=True)
class _Ratio:
    """(a - b) / (a + b) of those pixels that tell it, and how far off rounding may put each."""

    pixels: NDArray[np.intp]
    values: Values
    off: Values


def find_indices(pixels: NDArray[Any]) -> list[IndexFit]:
    """Find every band that is an index of two others.

    Args:
        pixels: (C, ...) band values, NaN where invalid.

    Returns:
        By band, the best fit of each first. A band that is as well a weighted sum of the two is
        no index of them.
    """
    bands = _bands(pixels)
    telling = [position for position, band in enumerate(bands) if band.telling]
    found = []
    for pair in combinations(telling, 2):
        for shift in _SHIFTS:
            if ratio := _ratio(bands[pair[0]], bands[pair[1]], shift):
                others = [k for k in telling if k not in pair and _similar(bands[k], ratio)]
                fits = [_best(k, bands[k], pair, shift, ratio) for k in others]
                found += [fit for fit in fits if fit and _holds(bands, fit, ratio)]
    return sorted(found, key=lambda fit: (fit.band, -round(fit.share, 2), fit.error))


def fit_pair(pixels: NDArray[Any], band: int, plus: int, minus: int) -> IndexFit | None:
    """How well one band fits as an index of two others; None: can't tell.

    Args:
        pixels: (C, ...) band values, NaN where invalid.
        band: Position of the index.
        plus: Position of the band that should raise it.
        minus: Position of the band that should lower it.
    """
    bands = _bands(np.asarray(pixels)[[band, plus, minus]])
    if not bands or not all(one.telling for one in bands):
        return None
    fits = []
    for shift in _SHIFTS:
        if ratio := _ratio(bands[1], bands[2], shift):
            fits.append(_best(band, bands[0], (plus, minus), shift, ratio))
    best = max((fit for fit in fits if fit), key=lambda fit: fit.share, default=None)
    if best is None or best.plus == plus:
        return best
    return replace(best, plus=plus, minus=minus, share=0.0)  # it falls where it should rise


def share_that_fits(pixels: NDArray[Any], fit: IndexFit) -> float | None:
    """Share of the pixels of one image that fit an index found elsewhere; None: can't tell.

    Args:
        pixels: (C, ...) band values, NaN where invalid.
        fit: What was found.
    """
    bands = _bands(np.asarray(pixels)[[fit.band, fit.plus, fit.minus]])
    if not bands or not bands[0].telling:
        return None
    ratio = _ratio(bands[1], bands[2], fit.shift)
    if ratio is None:
        return None
    band = bands[0].uncut() if fit.cut else bands[0]
    inner = band.inner[ratio.pixels]
    if inner.sum() < _FEWEST:
        return None
    left = np.abs(band.values[ratio.pixels] - fit.scale * ratio.values - fit.offset)
    return float((left <= _allowed(band, ratio.off, fit.scale))[inner].mean())


def _bands(pixels: NDArray[Any]) -> list[_Band]:
    """Valid pixels, evenly spread; nothing when they are too few."""
    flat = np.asarray(pixels).reshape(len(pixels), -1)
    flat = flat[:, np.isfinite(flat).all(axis=0)]
    flat = flat[:, :: -(-flat.shape[1] // _MOST) | 1]
    return [_Band.of(b) for b in flat.astype(np.float64)] if flat.shape[1] >= _FEWEST else []


def _step(values: Values) -> float:
    """The step that all values are whole multiples of, from the lowest on; else float32's own."""
    steps = np.diff(np.unique(values))
    if not len(steps):
        return 0.0
    multiples = steps / steps.min()
    if np.abs(multiples - np.round(multiples)).max() < 1e-3:
        return float(steps.min())
    return float(np.abs(values).max()) * _FLOAT


def _ratio(first: _Band, second: _Band, shift: float) -> _Ratio | None:
    """The ratio where both bands, rounded as they are, leave it well defined.

    |d ratio| <= 2 (|b| |da| + |a| |db|) / (a + b)^2: the first order of its Taylor series, with
    da and db half a step.
    """
    a, b = first.values + shift, second.values + shift
    total = np.where(a + b > 0, a + b, np.nan)
    values = (a - b) / total
    off = (np.abs(b) * first.step + np.abs(a) * second.step) / total**2
    known = np.isfinite(values) & (np.abs(values) <= 2)
    if known.sum() < _FEWEST:
        return None
    low, high = np.percentile(values[known], (5, 95))
    telling = np.flatnonzero(known & (off * _LEVELS < high - low))
    if len(telling) < max(_FEWEST, _TELLING * len(a)):
        return None
    return _Ratio(telling, values[telling], off[telling])


def _similar(band: _Band, ratio: _Ratio) -> bool:
    """Whether band and ratio rise or fall together; decided on few pixels (Spearman)."""
    step = -(-len(ratio.pixels) // _QUICK)
    pair = ratio.values[::step], band.values[ratio.pixels][::step]
    ranks = [np.argsort(np.argsort(values, kind="stable")) for values in pair]
    return bool(abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) >= _SIMILAR)


def _best(
    position: int, band: _Band, pair: tuple[int, int], shift: float, ratio: _Ratio
) -> IndexFit | None:
    """The better of the fits to values that were rounded or cut."""
    fits = [_fit(position, band, pair, shift, ratio, cut=False)]
    fits += [_fit(position, band.uncut(), pair, shift, ratio, cut=True)]
    return max((fit for fit in fits if fit), key=lambda fit: fit.share, default=None)


def _fit(
    position: int, band: _Band, pair: tuple[int, int], shift: float, ratio: _Ratio, *, cut: bool
) -> IndexFit | None:
    """Fit a line to values over ratios that outliers can't pull away; count what fits."""
    values = band.values[ratio.pixels]
    inner = band.inner[ratio.pixels]
    if inner.sum() < max(_FEWEST, _TELLING * len(band.values)):
        return None
    q, v, off = ratio.values[inner], values[inner], ratio.off[inner]
    slope, start = _robust_line(q, v)
    for _ in range(_ROUNDS):
        allowed = _allowed(band, off, slope)
        near = np.abs(v - slope * q - start) <= 3 * allowed
        if near.sum() < _FEWEST:
            break
        slope, start = map(float, np.polyfit(q[near], v[near], 1, w=1 / allowed[near]))
    left = np.abs(v - slope * q - start)
    fits = left <= _allowed(band, off, slope)
    plus, minus = pair if slope > 0 else pair[::-1]
    error = float(np.sqrt((left**2).mean(where=fits))) / band.spread if fits.any() else 1.0
    share = float(fits.mean())
    return IndexFit(position, plus, minus, abs(slope), start, shift, cut, share, error)


def _allowed(band: _Band, off: Values, slope: float) -> Values:
    """How far a value may be from slope * ratio + start: its own rounding and the ratio's."""
    return 0.51 * band.step + abs(slope) * off + _FLOOR * band.spread


def _robust_line(q: Values, v: Values) -> tuple[float, float]:
    """Slope and start of a line; up to 29 % of the points may lie anywhere.

    The slope is the median over pairs of one point of the lower and one of the upper half
    (after Theil 1950 and Sen 1968, who take every pair).
    """
    order, half = np.argsort(q, kind="stable"), len(q) // 2
    low, high = order[:half], order[-half:]
    apart = q[high] > q[low]
    if not apart.any():
        return 0.0, float(np.median(v))
    slope = float(np.median((v[high] - v[low])[apart] / (q[high] - q[low])[apart]))
    return slope, float(np.median(v - slope * q))


def _holds(bands: list[_Band], fit: IndexFit, ratio: _Ratio) -> bool:
    """Whether enough pixels fit, and fewer fit a weighted sum of the two bands."""
    if fit.share < _SHARE:
        return False
    band = bands[fit.band].uncut() if fit.cut else bands[fit.band]
    inner = band.inner[ratio.pixels]
    values = band.values[ratio.pixels][inner]
    pair = [bands[k].values[ratio.pixels][inner] for k in (fit.plus, fit.minus)]
    columns = np.stack([*pair, np.ones_like(values)], axis=1)
    allowed = _allowed(band, ratio.off[inner], fit.scale)
    weights = np.linalg.lstsq(columns / allowed[:, None], values / allowed, rcond=None)[0]
    return bool((np.abs(values - columns @ weights) <= allowed).mean() < _SHARE)
