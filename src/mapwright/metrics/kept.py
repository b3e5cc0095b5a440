"""A binary prediction that waits for its threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.boundary import BandCounts, boundary_counts
from mapwright.metrics.threshold import BINS
from mapwright.types import IGNORE, ClassIndex

ROOM = 2**26
"""Pixels of all images together; of more, none is kept."""


@dataclass(frozen=True)
class Kept:
    """Truth and prediction of an image.

    Args:
        truth: (H, W) uint8 class indices.
        places: (H, W) uint16 probability of the second class in steps of 1 / `BINS`.
    """

    truth: ClassIndex
    places: NDArray[np.uint16]

    def bands(self, threshold: float) -> BandCounts:
        """(2, 2) boundary bands at a threshold."""
        guess = (self.places >= round(threshold * BINS)).astype(np.uint8)
        return boundary_counts(self.truth, np.where(self.truth == IGNORE, IGNORE, guess), 2)
