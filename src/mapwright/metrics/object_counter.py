"""Count the objects of one image, while its probabilities flow by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.components import ObjectRule
from mapwright.metrics.object_records import Grid, Record, record
from mapwright.metrics.objects import Ids, ObjectCounts, count_objects

NOWHERE = -1
"""The number of a pixel of truth that counts nowhere."""


class ObjectCounter:
    """Takes an image strip by strip; its objects are found when all of it is there.

    An object may lie anywhere, so one image is held in memory: five bytes a pixel, and four more
    where there are borders.

    Args:
        how: The rule that makes objects of probabilities, or the rules to choose from later.
    """

    def __init__(self, how: ObjectRule | Grid) -> None:
        self._how = how
        self._probability: list[NDArray[np.float32]] = []
        self._unknown: list[NDArray[np.bool_]] = []
        self._border: list[NDArray[np.float32]] = []

    def add(
        self,
        probability: NDArray[np.float32],
        unknown: NDArray[np.bool_],
        border: NDArray[np.float32] | None = None,
    ) -> None:
        """Take the next strip, from the top.

        Args:
            probability: (h, W) of the class that is counted, NaN where the image is invalid.
            unknown: (h, W) where truth says nothing, or the image is invalid.
            border: (h, W) probability that objects touch, where the model says it.
        """
        self._probability.append(probability)
        self._unknown.append(unknown)
        if border is not None:
            self._border.append(border)

    def count(self, truth: Ids, presence: float | None = None) -> ObjectCounts | Record:
        """Counts, of a rule, or a record, of a grid.

        Args:
            truth: (H, W) true objects.
            presence: Probability that the image holds an object; None = that of the map.
        """
        known = np.where(np.concatenate(self._unknown), NOWHERE, truth)
        probability = np.concatenate(self._probability)
        border = np.concatenate(self._border) if self._border else None
        if isinstance(self._how, Grid):
            return record(known, probability, self._how, border=border, presence=presence)
        return count_objects(known, self._how.objects(probability, border, presence))
