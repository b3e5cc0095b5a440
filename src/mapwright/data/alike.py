"""Images that are nearly the same, and images that are unlike all others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapwright.types import Image

SIDE = 32  # pixels of a thumbnail
_HASH = 8  # rows and columns of the perceptual hash
_PARTS = 8  # bytes of the hash: images that share none of them are not compared
_ALIKE = 0.985  # correlation of two thumbnails from which images count as nearly the same
_FLAT = 2.0  # grey levels: below this deviation a thumbnail shows nothing to compare
_FEWEST = 8  # images; fewer are no family to be out of
_FAR = 8.0  # robust deviations from the median of all images
_FEW = 0.1  # of the images at most; what more of them have is no exception

Thumbnail = NDArray[np.uint8]
"""(SIDE, SIDE) uint8, the image in grey, stretched to its own range."""


class Pair(NamedTuple):
    """Two images that are nearly the same, by position, with the correlation of their pixels."""

    first: int
    second: int
    correlation: float


class Outlier(NamedTuple):
    """An image whose band is unlike that of all others.

    Args:
        image: Position of the image.
        band: Position of the band.
        value: Its mean there, in file values.
        usual: Median over all images.
    """

    image: int
    band: int
    value: float
    usual: float


def thumbnail(image: Image) -> Thumbnail:
    """A small grey picture of (C, H, W), NaN where invalid; what is invalid takes the mean."""
    grey = _mean(image, axis=0)
    known = ~np.isnan(grey)
    small = _cells(np.where(known, grey, 0)) / np.maximum(_cells(known), 1e-9)
    small = np.where(_cells(known) > 0, small, np.nan)
    if np.isnan(small).all():
        return np.zeros((SIDE, SIDE), np.uint8)
    low, high = np.nanmin(small), np.nanmax(small)
    small = np.where(np.isnan(small), np.nanmean(small), small)
    return ((small - low) / max(high - low, 1e-9) * 255).round().astype(np.uint8)


def near_duplicates(thumbnails: Sequence[Thumbnail]) -> list[Pair]:
    """Pairs that are nearly the same.

    A difference hash (neighbouring cells: which is brighter?) finds candidates that share at
    least one of its eight bytes; their thumbnails then decide by correlation.
    """
    hashes = [_difference_hash(small) for small in thumbnails]
    pairs = []
    for first, second in sorted(_candidates(hashes)):
        a, b = (thumbnails[k].astype(np.float64).ravel() for k in (first, second))
        if min(a.std(), b.std()) < _FLAT:
            continue
        correlation = float(np.corrcoef(a, b)[0, 1])
        if correlation >= _ALIKE:
            pairs.append(Pair(first, second, correlation))
    return pairs


def outliers(means: NDArray[np.float64]) -> list[Outlier]:
    """Images with a band whose mean is far out of the family of all images.

    Args:
        means: (n, C) mean per image and band over valid pixels, NaN where nothing is valid.

    Returns:
        Entries that are far from the median both as they are and as logarithms (so that a band
        with a long tail, such as elevation, has no outliers by nature), in a band where few are.
    """
    if len(means) < _FEWEST:
        return []
    usual = np.nanmedian(means, axis=0)
    far = _far(means) & (np.abs(means - usual) > 0.5 * np.abs(usual))
    positive = np.all((means > 0) | np.isnan(means), axis=0)
    logarithms = np.log(means, out=np.zeros_like(means), where=means > 0)
    far &= ~positive | _far(logarithms)
    far &= far.mean(axis=0) <= _FEW
    return [
        Outlier(int(i), int(k), float(means[i, k]), float(usual[k])) for i, k in np.argwhere(far)
    ]


def _far(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each of (n, C) is further than `_FAR` robust deviations from its band's median.

    The robust deviation is 1.4826 times the median absolute one (Rousseeuw and Croux 1993).
    """
    distance = np.abs(values - np.nanmedian(values, axis=0))
    return np.asarray(distance > _FAR * 1.4826 * np.nanmedian(distance, axis=0))


def _candidates(hashes: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Pairs of positions whose hashes share a byte in the same place, each once."""
    seen: set[tuple[int, int]] = set()
    for part in range(_PARTS):
        buckets: dict[int, list[int]] = defaultdict(list)
        for position, value in enumerate(hashes):
            buckets[value[part]].append(position)
        for bucket in buckets.values():
            for pair in combinations(bucket, 2):
                if pair not in seen and _near(hashes[pair[0]], hashes[pair[1]]):
                    seen.add(pair)
                    yield pair


def _near(first: bytes, second: bytes) -> bool:
    """At most 12 of the 64 bits differ."""
    return (int.from_bytes(first) ^ int.from_bytes(second)).bit_count() <= 12


def _difference_hash(small: Thumbnail) -> bytes:
    """64 bits: is each of 8 x 9 cells brighter than its right neighbour (Krawetz 2013)?"""
    rows = small.reshape(_HASH, SIDE // _HASH, SIDE).mean(axis=1)
    edges = np.linspace(0, SIDE, _HASH + 2).astype(int)
    cells = np.stack([rows[:, a:b].mean(axis=1) for a, b in pairwise(edges)], axis=1)
    return np.packbits(cells[:, :-1] > cells[:, 1:]).tobytes()


def _cells(grey: NDArray[Any]) -> NDArray[np.float64]:
    """Sums of (H, W) over a grid of SIDE x SIDE cells; a smaller image repeats its pixels."""
    for axis in (0, 1):
        side = grey.shape[axis]
        if side < SIDE:
            grey = np.take(grey, np.arange(SIDE) * side // SIDE, axis=axis)
        starts = np.arange(SIDE) * grey.shape[axis] // SIDE
        grey = np.add.reduceat(grey.astype(np.float64), starts, axis=axis)
    return grey


def _mean(values: NDArray[np.float32], axis: int) -> NDArray[np.float64]:
    """Mean that leaves NaN out and gives NaN, without a warning, where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis, dtype=np.float64)
    return np.asarray(np.where(count, total / np.maximum(count, 1), np.nan))
