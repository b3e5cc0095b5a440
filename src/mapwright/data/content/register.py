"""Whether two images show the same content at a given shift, by the pixels of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import fft2, irfft2, rfft2

from mapwright.data.content.smooth import Grey, detail, smooth_finely

LEAST = 64
"""Rows and columns that two images must share, in pixels."""

_LOST = 21  # rows and columns that `detail` lacks
_SIDE = 32  # of a patch, in pixels
_PATCHES = 16  # that are compared, those with the most texture
_REACH = 24  # pixels around the expected place that a patch is looked for in
_NEAR = 4  # pixels by which the expected place may be wrong
_PEAK = 3  # pixels around the best place that belong to it
_ELSEWHERE = 0.75  # of the best correlation that the best one near may have
_EVIDENCE = 40.0  # what is needed: other places reach about 15, the same place 250 and more
_AGREE = 0.5  # of the texture that must agree
_SURE = 2.5  # deviations from which a patch agrees
_EXACT = 1 - 1e-6  # largest squared correlation: rounding allows no more
_TINY = 1e-30

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """How two images lie to each other.

    Args:
        rows: By which the second lies below the first, in pixels.
        cols: By which it lies to the right.
        correlation: Of the details that they share.
        evidence: Logarithm of the likelihood ratio of this content against any other: the sum of
            -n/2 ln(1 - r²) over patches with correlation r of n independent values; negative
            where r is.
        agreeing: Share of the texture that agrees.
        elsewhere: Best correlation at another place near, relative to that here.
    """

    rows: int
    cols: int
    correlation: float
    evidence: float
    agreeing: float
    elsewhere: float

    @property
    def sure(self) -> bool:
        """Whether it is the same content beyond doubt."""
        return (
            self.evidence >= _EVIDENCE and self.agreeing >= _AGREE and self.elsewhere <= _ELSEWHERE
        )


def texture(picture: Grey) -> Grey:
    """What `compare` takes of an image: its details, without noise and slow changes of light."""
    if min(picture.shape) < LEAST:
        return np.empty((0, 0), np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.ascontiguousarray(detail(smooth_finely(picture)))


def compare(first: Grey, second: Grey, rows: int, cols: int) -> Match | None:
    """Compare two images where one is expected to lie on the other.

    Args:
        first: Its `texture`.
        second: That of the other.
        rows: By which the second is expected to lie below the first, in pixels.
        cols: By which it is expected to lie to the right.

    Returns:
        Where it lies, or None where they share too little, or too little is known there.
    """
    a, b = _shared(first, second, rows, cols), _shared(second, first, -rows, -cols)
    if min(a.shape, default=0) < LEAST - _LOST:
        return None
    corner = np.array([max(-rows, 0), max(-cols, 0)])
    wide = np.pad(second, _REACH)  # what lies around the shared part shows periods too
    places = _patches(a, b)
    windows = _cut(wide, places + corner, _SIDE + 2 * _REACH)
    known = np.isfinite(windows).all(axis=(1, 2))
    places, windows = places[known], windows[known]
    if not len(places):
        return None
    parts = _cut(a, places, _SIDE)
    step, elsewhere = _best(_surface(parts, windows))
    others = _cut(b, places + step, _SIDE)
    alike, free = _alike(parts, others)
    weights = np.sqrt(np.linalg.norm(parts, axis=(1, 2)) * np.linalg.norm(others, axis=(1, 2)))
    gain = -0.5 * free * np.log1p(-np.minimum(alike**2, _EXACT)) * np.sign(alike)
    agrees = alike * np.sqrt(free) > _SURE
    return Match(
        rows=rows - int(step[0]),
        cols=cols - int(step[1]),
        correlation=float((weights * alike).sum() / weights.sum()),
        evidence=float(gain.sum()),
        agreeing=float(weights[agrees].sum() / weights.sum()),
        elsewhere=elsewhere,
    )


def _shared(image: Grey, other: Grey, rows: int, cols: int) -> Grey:
    """The part of an image that another, `rows` below and `cols` to the right, covers."""
    top, left = max(rows, 0), max(cols, 0)
    bottom, right = rows + other.shape[0], cols + other.shape[1]
    return image[top : max(bottom, top), left : max(right, left)]


def _patches(first: Grey, second: Grey) -> NDArray[np.intp]:
    """(n, 2) places of the patches with the most texture; none where a pixel is unknown."""
    count = (np.array(first.shape) - 2 * _NEAR) // _SIDE
    end = _NEAR + count * _SIDE
    total = np.zeros(count, np.float32)
    for image in (first, second):
        whole = image[_NEAR : end[0] : 2, _NEAR : end[1] : 2]  # every second shows enough
        blocks = whole.reshape(count[0], _SIDE // 2, count[1], _SIDE // 2)
        total += np.einsum("ikjl,ikjl->ij", blocks, blocks)
    order = np.argsort(-total, axis=None, kind="stable")[:_PATCHES]  # NaN is sorted last
    places = np.stack(np.unravel_index(order, total.shape), axis=1) * _SIDE + _NEAR
    known = np.isfinite(_cut(first, places, _SIDE)).all(axis=(1, 2))
    return np.asarray(places[known & (total.ravel()[order] > 0)])


def _cut(image: Grey, corners: NDArray[np.intp], side: int) -> Grey:
    """(n, side, side) squares of an image by their upper left corners."""
    views = sliding_window_view(image, (side, side))
    return np.asarray(views[corners[:, 0], corners[:, 1]])


def _surface(parts: Grey, windows: Grey) -> Grey:
    """Correlation of all patches together at each place in the windows, up to a factor.

    Patches count by the root of their contrast, so that neither the strongest nor noise decides.
    """
    parts = parts - parts.mean(axis=(1, 2), keepdims=True)
    scale = np.linalg.norm(parts, axis=(1, 2)) * np.linalg.norm(windows, axis=(1, 2))
    parts /= np.sqrt(np.maximum(scale, _TINY))[:, None, None]
    shape = windows.shape[1:]
    pooled = (rfft2(windows) * rfft2(parts, shape).conj()).sum(axis=0)
    room = np.array(shape) - _SIDE + 1
    return np.asarray(irfft2(pooled, shape)[: room[0], : room[1]])


def _best(surface: Grey) -> tuple[NDArray[np.intp], float]:
    """The best step near the middle, and the best value away from it relative to the one there."""
    steps = np.indices(surface.shape) - _REACH
    near = np.abs(steps).max(axis=0) <= _NEAR
    best = np.where(near, surface, -np.inf).argmax()
    step = steps.reshape(2, -1)[:, best]
    apart = np.abs(steps - step[:, None, None]).max(axis=0) > _PEAK
    peak, other = float(surface.ravel()[best]), float(surface[apart].max(initial=0))
    return step, other / peak if peak > 0 else np.inf


def _alike(first: Grey, second: Grey) -> tuple[Floats, Floats]:
    """Correlation of each of n patches, and how many independent values stand behind it.

    The variance of the correlation of two unrelated fields is the sum of the product of their
    power spectra over the product of their sums, as for time series (Bartlett 1935): for smooth or
    periodic texture it is large, and a high correlation says little.
    """
    spectra = []
    for patches in (first, second):
        free = patches - patches.mean(axis=(1, 2), keepdims=True)
        spectra.append(fft2(free))
    one, other = (np.abs(spectrum).astype(np.float64) ** 2 for spectrum in spectra)
    energy = one.sum(axis=(1, 2)) * other.sum(axis=(1, 2))
    cross = (spectra[0] * spectra[1].conj()).real.sum(axis=(1, 2))
    alike = np.clip(cross / np.sqrt(np.maximum(energy, _TINY)), -1, 1)
    return alike, energy / np.maximum((one * other).sum(axis=(1, 2)), _TINY)
