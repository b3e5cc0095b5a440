"""What scoring held-out images costs beside predicting them; a budget leaves time for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mapwright.data.fingerprint import Record
from mapwright.metrics.kept import ROOM


@dataclass(frozen=True)
class ScoringCost:
    """Seconds of scoring.

    Args:
        pixel: For each pixel: it is read again, compared with the truth and counted.
        image: For each image: its part in tuning, calibration and the draws of intervals, once
            all are counted.
        kept: For each pixel that waits for a threshold: its outlines, once that is chosen.
        found: For each pixel of true objects: prediction is cut into objects by all that is tried.
        counted: The class of these objects.
    """

    pixel: float = 0.0
    image: float = 0.0
    kept: float = 0.0
    found: float = 0.0
    counted: int = 0

    def scoring(self, records: Sequence[Record]) -> float:
        """Seconds that some images take, but for what is kept of them."""
        pixels = sum(math.prod(record.size) for record in records)
        cost = self.pixel * pixels + self.image * len(records)
        if self.found:
            cost += self.found * sum(int(record.classes[self.counted]) for record in records)
        return cost

    def keeping(self, pixels: int) -> float:
        """Seconds for what is kept of the images of a fold; there is room for so much only."""
        return self.kept * min(pixels, ROOM)


# As `benchmarks/scoring.py` finds on a slow core, so that time is rather left over than lacking.
_COUNT, _COUNT_OBJECTS = 1.5e-7, 2.5e-7  # seconds a pixel; with objects the mask is read twice
_KEEP = 4e-8  # seconds a pixel
_IMAGE = 6e-4  # seconds
# Two to three dozen cuts: what lies outside of objects hardly costs anything, so the time goes with
# their pixels: 15 to 25 microseconds each for ships and roofs, 74 for lakes of 10 000 pixels.
_FIND = 2.5e-5


def scoring_cost(classes: int, *, counted: int | None, tuned: bool) -> ScoringCost:
    """What scoring costs.

    Args:
        classes: Number of classes.
        counted: The class whose objects are counted; None = none.
        tuned: Whether thresholds, and rules for objects, are chosen by the images that are scored.
    """
    return ScoringCost(
        pixel=_COUNT if counted is None else _COUNT_OBJECTS,
        image=_IMAGE,
        kept=_KEEP if tuned and classes == 2 else 0.0,
        found=_FIND if tuned and counted is not None else 0.0,
        counted=counted or 0,
    )
