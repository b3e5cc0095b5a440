"""Where the network sees objects that are not there, so that such places are learnt from again."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from mapwright.types import Window

Place = tuple[str, int, int]
"""Stem, and first row and column of the source of a tile."""

Heard = tuple[str, int, int, float]
"""A place, and how loud the false alarm there was: the highest probability of an object, 0..1."""

LAG = 2
"""Steps for which no batch is chosen by what a step found.

So many batches can be chosen, and their files read, before it is known. It holds for every machine,
however fast its files are read: else the places would depend on it.
"""

_KEPT = 512  # places; each is drawn again some times before the network has changed much
_FADE = 0.995  # a step; the network changes, so what it thought 140 steps ago counts half


class HardTiles:
    """The tiles without object on which the network raised the loudest false alarms of late.

    It learns from training batches alone, no pass of its own, and is part of the state of a
    training: the same batches in the same order give the same places.

    Args:
        known: Every place and its alarm, as `plain` gave them.
    """

    def __init__(self, known: Iterable[Sequence[Any]] = ()) -> None:
        self._alarms = {(stem, row, col): alarm for stem, row, col, alarm in map(_heard, known)}

    def __len__(self) -> int:
        return len(self._alarms)

    def learn(self, found: Iterable[Heard]) -> None:
        """Learn what a step found; what was known fades."""
        self._alarms = {place: alarm * _FADE for place, alarm in self._alarms.items()}
        for stem, row, col, alarm in found:
            self._keep((stem, row, col), alarm)

    def draw(self, rng: np.random.Generator) -> Place:
        """A place, the more likely the louder its alarm; there must be one."""
        alarms = np.fromiter(self._alarms.values(), np.float64, len(self._alarms))
        total = alarms.sum()
        shares = alarms / total if total > 0 else None
        return list(self._alarms)[int(rng.choice(len(alarms), p=shares))]

    def plain(self) -> list[Heard]:
        """Every place with its alarm, as JSON-able values; their order counts."""
        return [(*place, alarm) for place, alarm in self._alarms.items()]

    def _keep(self, place: Place, alarm: float) -> None:
        """Note a place; of too many, the quietest goes."""
        self._alarms[place] = alarm
        if len(self._alarms) > _KEPT:
            del self._alarms[min(self._alarms, key=self._alarms.__getitem__)]


class Alarms:
    """What each step found, from the first on; it counts for batches that are `LAG` steps later.

    Args:
        hard: What counts for the next batch: every place and its alarm.
        waiting: What each of the last steps found, which counts later; the oldest comes first.
    """

    def __init__(
        self,
        hard: Iterable[Sequence[Any]] = (),
        waiting: Iterable[Iterable[Sequence[Any]]] = (),
    ) -> None:
        self._hard = HardTiles(hard)
        self._waiting = deque([_heard(entry) for entry in found] for found in waiting)

    def note(self, places: Sequence[tuple[str, Window]], alarms: Sequence[float]) -> None:
        """Note what a step found.

        Args:
            places: Stem and window of the source of each tile.
            alarms: The highest probability of an object in each tile, 0..1; NaN for a tile that
                holds one, or of which nothing is known.
        """
        self._waiting.append(heard(places, alarms))
        if len(self._waiting) > LAG:
            self._hard.learn(self._waiting.popleft())

    def known(self, ahead: int = 0) -> HardTiles:
        """What counts for a batch, whether it is chosen now or later; not to be changed.

        Args:
            ahead: Steps between the next one and that of the batch, at most `LAG`.
        """
        hard = HardTiles(self._hard.plain())
        for found in islice(self._waiting, max(0, len(self._waiting) + ahead - LAG)):
            hard.learn(found)
        return hard

    def plain(self) -> dict[str, Any]:
        """The two arguments, as JSON-able values."""
        return {"hard": self._hard.plain(), "waiting": list(self._waiting)}


def heard(places: Sequence[tuple[str, Window]], alarms: Sequence[float]) -> list[Heard]:
    """The alarms of a batch with their places; see `Alarms.note`."""
    return [
        (stem, window.row, window.col, alarm)
        for (stem, window), alarm in zip(places, alarms, strict=True)
        if not math.isnan(alarm)
    ]


def _heard(entry: Sequence[Any]) -> Heard:
    stem, row, col, alarm = entry
    return str(stem), int(row), int(col), float(alarm)
