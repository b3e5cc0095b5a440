"""One sea while it is put together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapwright.demo.geometry import Frame
from mapwright.demo.paint import Rng
from mapwright.demo.render import Floats
from mapwright.demo.sea.brush import Brush, Bytes, Dot, Span, coverage, span_of
from mapwright.demo.sea.vessels import Vessel
from mapwright.demo.sea.weather import METRES, Weather

CLEAR: Final = 1.5
"""Pixels that ships keep from land and from what stands in the water."""
LEAST_SEEN: Final = 0.3
"""Share of a ship that must be free of clouds, unless all of it is hidden."""
LEAST_INSIDE: Final = 0.08
"""Share of a ship that must lie within the picture."""


@dataclass(frozen=True)
class Berth:
    """Where ships moor.

    Args:
        frame: The middle of the edge; u along it, v to the water.
        length: Of the edge, in pixels.
    """

    frame: Frame
    length: float


@dataclass
class Stage:
    """A sea as it grows.

    Args:
        rng: Source of randomness.
        weather: The look.
        picture: (H, W, 3) uint8, painted on.
        shore: (H, W) float32, pixels to land and to what stands in the water; negative there.
        hidden: (H, W) bool, where clouds hide everything; None when there are none.
        berths: Where ships can moor.
        fleet: The ships, in the order in which they came.
        taken: (H, W) bool, where ships lie.
    """

    rng: Rng
    weather: Weather
    picture: Bytes
    shore: Floats
    hidden: NDArray[np.bool_] | None
    berths: list[Berth] = field(default_factory=list)
    fleet: list[Vessel] = field(default_factory=list)
    taken: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = np.zeros(self.shore.shape, np.bool_)

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return len(self.picture)

    @property
    def sun(self) -> tuple[float, float]:
        """(x, y) pixels that a shadow's tip lies away, per metre of height."""
        return self.weather.sun[0] / METRES, self.weather.sun[1] / METRES

    def brush(self, dots: Sequence[Dot], high: float, fine: int = 3) -> Brush | None:
        """A brush for the part around `dots`, with room for shadows of `high` metres."""
        span = span_of(dots, 3 + high * math.hypot(*self.sun), self.picture.shape)
        return None if span is None else Brush(self.picture, span, fine)

    def block(self, dots: Sequence[Dot]) -> None:
        """Keep ships and wakes from a polygon."""
        span = span_of(dots, 1, self.picture.shape)
        if span is not None:
            part = self.shore[span]
            part[coverage(dots, span, 2) > 0] = -1

    def fits(self, vessel: Vessel, gap: float) -> bool:
        """Whether a ship floats free of all else by `gap` pixels, and enough of it can be seen."""
        span = span_of(vessel.box(gap), 1, self.picture.shape)
        if span is None:
            return False
        around = in_box(vessel, span, gap)
        if self.taken[span][around].any() or (self.shore[span][around] < CLEAR).any():
            return False
        box = in_box(vessel, span)
        if np.count_nonzero(box) < max(4.0, LEAST_INSIDE * vessel.length * vessel.width):
            return False
        seen = self._seen(box, span)
        return seen == 0 or seen >= LEAST_SEEN

    def launch(self, vessel: Vessel) -> None:
        """Put a ship that fits."""
        span = span_of(vessel.box(), 1, self.picture.shape)
        assert span is not None, "only what fits is launched"
        self.taken[span] |= in_box(vessel, span)
        self.fleet.append(vessel)

    def visible(self, vessel: Vessel) -> bool:
        """Whether any of a ship can be seen past the clouds."""
        span = span_of(vessel.box(), 1, self.picture.shape)
        return span is not None and self._seen(in_box(vessel, span), span) > 0

    def _seen(self, box: NDArray[np.bool_], span: Span) -> float:
        if self.hidden is None:
            return 1.0
        return 1 - float(self.hidden[span][box].mean())


def in_box(vessel: Vessel, span: Span, margin: float = 0.0) -> NDArray[np.bool_]:
    """The pixels of a part of a picture whose centres the ship's rotated rectangle holds.

    Args:
        vessel: The ship.
        span: The part.
        margin: Pixels by which the rectangle is wider on each side.

    Returns:
        (rows, columns) bool.
    """
    rows, cols = (np.arange(part.start, part.stop) + 0.5 for part in span)
    x, y = cols[None, :] - vessel.frame.x, rows[:, None] - vessel.frame.y
    cos, sin = math.cos(vessel.frame.heading), math.sin(vessel.frame.heading)
    along, aside = np.abs(x * cos + y * sin), np.abs(y * cos - x * sin)
    box: NDArray[np.bool_] = along <= vessel.length / 2 + margin
    return box & (aside <= vessel.width / 2 + margin)
