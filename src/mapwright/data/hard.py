"""Where the network sees objects that are not there, so that such places are learnt from again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from mapwright.types import Window

Place = tuple[str, int, int]
"""Stem, and first row and column of the source of a tile."""

_KEPT = 512  # places; each is drawn again some times before the network has changed much
_FADE = 0.995  # a step; the network changes, so what it thought 140 steps ago counts half


class HardTiles:
    """The tiles without object on which the network raised the loudest false alarms of late.

    It learns from training batches alone, no pass of its own, and is part of the state of a
    training: the same batches in the same order give the same places.

    Args:
        known: Stem, row, column and alarm of each place, as `plain` gave them.
    """

    def __init__(self, known: Iterable[Sequence[str | int | float]] = ()) -> None:
        self._alarms: dict[Place, float] = {
            (str(stem), int(row), int(col)): float(alarm) for stem, row, col, alarm in known
        }

    def __len__(self) -> int:
        return len(self._alarms)

    def note(self, places: Sequence[tuple[str, Window]], alarms: Sequence[float]) -> None:
        """Learn what a step found.

        Args:
            places: Stem and window of the source of each tile.
            alarms: The highest probability of an object in each tile, 0..1; NaN for a tile that
                holds one, or of which nothing is known.
        """
        self._alarms = {place: alarm * _FADE for place, alarm in self._alarms.items()}
        for (stem, window), alarm in zip(places, alarms, strict=True):
            if not math.isnan(alarm):
                self._keep((stem, window.row, window.col), alarm)

    def draw(self, rng: np.random.Generator) -> Place:
        """A place, the more likely the louder its alarm; there must be one."""
        alarms = np.fromiter(self._alarms.values(), np.float64, len(self._alarms))
        total = alarms.sum()
        shares = alarms / total if total > 0 else None
        return list(self._alarms)[int(rng.choice(len(alarms), p=shares))]

    def plain(self) -> list[tuple[str, int, int, float]]:
        """Every place with its alarm, as JSON-able values; their order counts."""
        return [(*place, alarm) for place, alarm in self._alarms.items()]

    def _keep(self, place: Place, alarm: float) -> None:
        """Note a place; of too many, the quietest goes."""
        self._alarms[place] = alarm
        if len(self._alarms) > _KEPT:
            del self._alarms[min(self._alarms, key=self._alarms.__getitem__)]
