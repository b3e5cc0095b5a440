"""Sums and extremes over squares, exact under shifts.

Every output is made from its square alone and always in the same order, so that the part that two
crops of one picture share gives bit for bit the same values in both. Running sums, which would
carry rounding from the border, don't.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mapwright.types import Image

Grey = NDArray[np.float32]
"""(H, W) float32, NaN where invalid."""


def grey(image: Image) -> Grey:
    """Mean of the bands of (C, H, W); NaN where a band is."""
    total = image[0].astype(np.float32)
    for band in image[1:]:
        total += band
    total /= np.float32(len(image))
    return np.asarray(total)


def smooth_finely(picture: Grey) -> Grey:
    """Mean over 4 x 4 pixels, twice; 6 rows and columns fewer, and NaN where one was near."""
    total = _fold(np.add, picture, (1, 2, 1, 2))
    total *= np.float32(4**-4)
    return total


def smooth_coarsely(fine: Grey) -> Grey:
    """From what `smooth_finely` gives, the mean over 8 x 8 pixels, twice; 8 rows fewer again."""
    total = _fold(np.add, fine, (4, 4))
    total *= np.float32(2**-4)
    return total


def detail(fine: Grey) -> Grey:
    """What `smooth_finely` gives less its mean over 16 x 16; 15 rows and columns fewer."""
    mean = _fold(np.add, fine, (1, 2, 4, 8))
    mean *= np.float32(-(16**-2))
    mean += fine[8:-7, 8:-7]
    return mean


def highest(values: Grey, radius: int) -> Grey:
    """Maximum over (2 `radius` + 1)², `radius` a power of two; `radius` fewer at each border."""
    return _fold(np.maximum, values, _odd(radius))


def lowest(values: Grey, radius: int) -> Grey:
    """Minimum; see `highest`."""
    return _fold(np.minimum, values, _odd(radius))


def _odd(radius: int) -> list[int]:
    """Shifts that fold 2 `radius` + 1 pixels: doubled up to an even number, then one more."""
    return [1 << k for k in range(radius.bit_length())] + [1]


def _fold(function: np.ufunc, values: Grey, shifts: Sequence[int]) -> Grey:
    """Fold an image with itself, shifted down by each of `shifts` in turn, then to the right.

    Two arrays take turns: fresh memory for each step would cost more time than the sums.
    """
    spare = [np.empty(values.shape, np.float32) for _ in range(2)]
    height, width = values.shape
    for number, shift in enumerate(shifts):
        height -= shift
        out = spare[number % 2][:height, :width]
        values = np.asarray(function(values[:-shift], values[shift:], out=out))
    for number, shift in enumerate(shifts, len(shifts)):
        width -= shift
        out = spare[number % 2][:height, :width]
        values = np.asarray(function(values[:, :-shift], values[:, shift:], out=out))
    return values
