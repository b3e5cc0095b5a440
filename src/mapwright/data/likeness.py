"""Whether the values of an image are like those that a model learnt from.

A model given reflectance where it learnt from digital numbers, or values with an offset where it
learnt without, gives a map without a word; its statistics tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mapwright.data.fingerprint import PERCENTILES, BandStats
from mapwright.types import Image, Window

_FEWEST = 100  # pixels that must be valid to say anything
_GRID, _PATCH = 4, 64  # patches each way, and their side in pixels, that stand for an image
_SCALED = 30.0  # a factor that scenes of one sensor don't differ by in most bands at once
_ALIKE = 6.0  # and what bands may differ by beside the common factor
_MOST = 0.75  # of the bands
# largest value -> what stands for 1: reflectance, bytes, digital numbers, all of 16 bits
_UNITS = ((2.5, 1.0), (255.0, 255.0), (30_000.0, 10_000.0), (65_535.0, 65_535.0))
_OFFSET, _NEAR, _SPREAD = 1000.0, 400.0, 500.0  # Sentinel-2's, and how exactly it must show
_DIGITAL = (500.0, 20_000.0)  # 98th percentiles of digital numbers that can have that offset
_OUTSIDE = 0.5  # of the pixels beyond anything learnt

Values = NDArray[np.float32]


@dataclass(frozen=True)
class Doubt:
    """Something about the values of an image that a model can't be expected to cope with.

    Args:
        kind: `scale`: another unit. `offset`: shifted. `range`: beyond what was learnt from.
        amount: The factor, the shift, or the share of pixels.
        text: What it is, in words.
    """

    kind: Literal["scale", "offset", "range"]
    amount: float
    text: str

    def plain(self) -> dict[str, Any]:
        """The doubt as JSON-able built-in types."""
        return dict(vars(self))


def find_doubts(learnt: Sequence[BandStats], values: Values) -> tuple[Doubt, ...]:
    """Hold values of an image, or of several, against those learnt from.

    Args:
        learnt: Statistics of the bands.
        values: (C, n) valid file values of the same bands.

    Returns:
        The likeliest doubt, or none.
    """
    bands = [band for band in learnt if band.percentiles]
    if values.shape[1] < _FEWEST or len(bands) < len(learnt):
        return ()
    here = np.percentile(values.astype(np.float64), PERCENTILES, axis=1).T
    there = np.array([band.percentiles for band in bands])
    found = _scale(bands, here, there) or _offset(here, there) or _range(bands, values)
    return (found,) if found else ()


def _scale(
    bands: Sequence[BandStats], here: NDArray[np.float64], there: NDArray[np.float64]
) -> Doubt | None:
    """Most bands larger, or most smaller, by about the same factor."""
    size, learnt = (np.abs(part[:, [1, 3]]).max(axis=1) for part in (here, there))
    usable = np.flatnonzero((size > 0) & (learnt > 0))
    if len(usable) < _MOST * len(bands):
        return None
    ratios = np.log(size[usable] / learnt[usable])
    common = float(np.median(ratios))
    same = (np.sign(common) * ratios > np.log(_SCALED)) & (abs(ratios - common) < np.log(_ALIKE))
    if same.mean() < _MOST:
        return None
    factor = _factor(here[usable].max(), there[usable].max(), abs(common))
    shown = usable[np.argmin(abs(ratios - common))]
    example = f"{bands[shown].name} reaches {size[shown]:.4g} here, {learnt[shown]:.4g} there"
    times = f"{factor:g} times" if common > 0 else f"1/{factor:g} of"
    return Doubt(
        "scale",
        factor if common > 0 else 1 / factor,
        f"values are about {times} those learnt from ({example}): other units, or another depth",
    )


def _factor(here: float, there: float, measured: float) -> float:
    """The likely factor above 1 between two units, near a measured one (its logarithm).

    Between reflectance and other units, and between 8 and 16 bits, it is a given one.
    """
    smaller, larger = sorted((_unit(here), _unit(there)))
    known = smaller == 1 or (smaller, larger) == (255.0, 65_535.0)
    if known and abs(np.log(larger / smaller) - measured) < np.log(_SCALED):
        return larger / smaller
    return float(10 ** round(measured / np.log(10)))


def _unit(largest: float) -> float:
    """What stands for 1 among values up to `largest`; 0 when nothing known does."""
    return next((unit for top, unit in _UNITS if largest <= top), 0.0)


def _offset(here: NDArray[np.float64], there: NDArray[np.float64]) -> Doubt | None:
    """Digital numbers whose dark end lies about 1000 higher, or lower, in every band alike."""
    if not ((there[:, 3] > _DIGITAL[0]) & (there[:, 3] < _DIGITAL[1])).all():
        return None
    shifts = here[:, 0] - there[:, 0]
    middle = float(np.median(shifts))
    if abs(abs(middle) - _OFFSET) > _NEAR or float(np.ptp(shifts)) > _SPREAD:
        return None
    return Doubt(
        "offset",
        _OFFSET if middle > 0 else -_OFFSET,
        f"every band lies about {abs(middle):.0f} {'higher' if middle > 0 else 'lower'} than what "
        "was learnt from: Sentinel-2 files since processing baseline 04.00 carry 1000 more",
    )


def _range(bands: Sequence[BandStats], values: Values) -> Doubt | None:
    """Most pixels of a band beyond the lowest or highest value learnt from."""
    low, high = (np.array([[getattr(b, key)] for b in bands]) for key in ("minimum", "maximum"))
    outside = ((values < low) | (values > high)).mean(axis=1)
    worst = int(outside.argmax())
    if outside[worst] <= _OUTSIDE:
        return None
    band = bands[worst]
    return Doubt(
        "range",
        float(outside[worst]),
        f"{outside[worst]:.0%} of the values of {band.name} lie outside of {band.minimum:.4g} to "
        f"{band.maximum:.4g}, all that was learnt from",
    )


def sample_values(read: Callable[[Window], Image], size: tuple[int, int]) -> Values:
    """Valid values of patches that are spread evenly over an image.

    Args:
        read: Gives (C, h, w) float32 of a window, NaN where invalid.
        size: Height and width of the image, in pixels.

    Returns:
        (C, n) float32.
    """
    sides = [min(length, _PATCH) for length in size]
    rows, cols = (
        np.unique(np.linspace(0, length - side, _GRID).astype(int))
        for length, side in zip(size, sides, strict=True)
    )
    patches = [read(Window(int(row), int(col), *sides)) for row in rows for col in cols]
    pixels = np.concatenate([patch.reshape(len(patch), -1) for patch in patches], axis=1)
    return np.asarray(pixels[:, ~np.isnan(pixels).any(axis=0)])
