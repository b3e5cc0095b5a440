"""Whether an image holds any object: the highest of what its tiles say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Presence:
    """Collects what a gate says of the tiles of one image.

    Args:
        highest: Highest probability of an object in any tile so far; None without a gate.
    """

    highest: float | None = None

    def note(self, tiles: NDArray[np.float32] | None) -> None:
        """Take in (N,) probabilities of some tiles; None without a gate."""
        if tiles is not None and len(tiles):
            self.highest = max(self.highest or 0.0, float(np.nan_to_num(tiles).max()))
