"""Kinds of ships: how long and slender they are, and the outlines of their hulls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from mapwright.demo.geometry import Frame, Point
from mapwright.demo.paint import RGB, Rng, pick, shift, weighted
from mapwright.demo.sea.weather import METRES

SMALLEST: Final = 2.0
"""Pixels that a hull is wide at least: less can't be seen."""


@dataclass(frozen=True)
class Kind:
    """One kind of ship.

    Args:
        name: What it is called.
        lengths: Shortest and longest, in metres.
        slender: Least and greatest length over width.
        board: Height of the deck above the water, as a share of the width.
        bow: Length of the tapering bow over the width.
        sharp: Exponent of the bow's curve; 2 is an ellipse, 1 a wedge.
        stern: Width of the stern over that of the hull.
        still: Share of those in open water that lie still.
        open: Share of this kind in open water.
        moored: Share of this kind along quays and piers.
    """

    name: str
    lengths: tuple[float, float]
    slender: tuple[float, float]
    board: float
    bow: float
    sharp: float
    stern: float
    still: float
    open: float
    moored: float


KINDS: Final = (
    Kind("boat", (6, 20), (2.3, 3.4), 0.3, 1.3, 1.5, 0.85, 0.4, 0.09, 0.06),
    Kind("yacht", (10, 30), (2.8, 3.9), 0.35, 2.0, 1.6, 0.75, 0.5, 0.05, 0.09),
    Kind("fishing", (15, 55), (2.8, 4.0), 0.35, 1.2, 1.7, 0.8, 0.35, 0.11, 0.12),
    Kind("tug", (20, 38), (2.4, 3.1), 0.3, 0.8, 1.9, 0.75, 0.4, 0.07, 0.10),
    Kind("barge", (32, 115), (3.0, 5.2), 0.18, 0.12, 1.5, 0.96, 0.7, 0.11, 0.20),
    Kind("ferry", (34, 190), (4.0, 6.2), 0.5, 1.4, 1.8, 0.9, 0.3, 0.10, 0.10),
    Kind("navy", (50, 155), (7.0, 9.0), 0.4, 2.8, 1.7, 0.7, 0.4, 0.03, 0.04),
    Kind("coaster", (55, 140), (4.6, 6.4), 0.35, 0.9, 2.0, 0.85, 0.45, 0.16, 0.14),
    Kind("bulk", (130, 300), (5.8, 7.0), 0.35, 0.6, 2.2, 0.75, 0.6, 0.10, 0.06),
    Kind("container", (120, 380), (6.0, 8.0), 0.55, 1.2, 1.8, 0.9, 0.4, 0.09, 0.06),
    Kind("tanker", (85, 340), (5.4, 6.7), 0.3, 0.6, 2.2, 0.75, 0.6, 0.09, 0.03),
)

WHITES: Final[tuple[RGB, ...]] = ((222, 222, 218), (206, 204, 198), (232, 232, 230))
DARKS: Final[tuple[RGB, ...]] = ((44, 46, 52), (58, 50, 46), (34, 44, 62), (70, 44, 40))
REDS: Final[tuple[RGB, ...]] = (
    (138, 72, 66), (164, 92, 84), (116, 64, 58), (184, 108, 98), (150, 98, 82), (126, 58, 54),
)  # fmt: skip
GREYS: Final[tuple[RGB, ...]] = ((120, 124, 126), (98, 102, 106), (142, 144, 142))
GREENS: Final[tuple[RGB, ...]] = ((70, 104, 90), (84, 116, 96), (62, 84, 72))
BLUES: Final[tuple[RGB, ...]] = ((62, 96, 140), (44, 72, 112), (90, 124, 150))
WOODS: Final[tuple[RGB, ...]] = ((120, 92, 66), (146, 116, 84), (96, 76, 58))

_DECKS: Final[dict[str, tuple[tuple[RGB, ...], ...]]] = {
    "boat": (WHITES, WHITES, WHITES, GREYS, WOODS, BLUES),
    "yacht": (WHITES, WHITES, WOODS),
    "fishing": (WOODS, GREYS, BLUES, GREENS, WHITES, REDS),
    "tug": (DARKS, REDS, GREENS, GREYS, BLUES),
    "barge": (WOODS, GREYS, DARKS, REDS),
    "ferry": (WHITES, WHITES, GREYS, GREENS, BLUES),
    "navy": (GREYS,),
    "coaster": (REDS, GREENS, GREYS, BLUES, WOODS),
    "bulk": (REDS, GREYS, GREENS, BLUES, WOODS),
    "container": (DARKS, REDS, GREYS, BLUES),
    "tanker": (REDS, REDS, GREENS, GREYS, WOODS),
}
_SIDES: Final = (DARKS, DARKS, REDS, BLUES, GREYS)


@dataclass(frozen=True)
class Vessel:
    """One ship; lengths in pixels.

    Args:
        kind: Its kind.
        frame: Its middle, and the heading of its bow.
        length: From stern to bow.
        width: Of the hull.
        deck: Colour of the deck.
        side: Colour of the hull's rim.
        speed: 0 when it lies still, 1 when it is fast.
    """

    kind: Kind
    frame: Frame
    length: float
    width: float
    deck: RGB
    side: RGB
    speed: float

    @property
    def board(self) -> float:
        """Height of the deck above the water, in metres."""
        return self.kind.board * self.width * METRES

    def outline(self, inset: float = 0.0) -> list[Point]:
        """Corners of the hull as it is seen from above, or of what lies `inset` pixels inside."""
        u, v = self.length / 2 - inset, self.width / 2 - inset
        kind = self.kind
        bow = min(kind.bow * self.width, 0.7 * self.length)
        turn = min(0.5 * self.width, 0.25 * self.length)
        side = [(-u, kind.stern * v), (-u + turn, v)]
        for step in range(7):
            share = step / 6
            side.append((u - bow + share * bow, v * (1 - share**kind.sharp) ** (1 / kind.sharp)))
        side = [(max(along, -u), max(across, 0.0)) for along, across in side]
        return [
            *(self.frame.at(along, across) for along, across in side),
            *(self.frame.at(along, -across) for along, across in side[-2::-1]),
        ]

    def box(self, margin: float = 0.0) -> list[Point]:
        """Corners of the rotated rectangle around the hull, `margin` pixels wider on each side."""
        return self.frame.rectangle(self.length + 2 * margin, self.width + 2 * margin)


def roll_kind(rng: Rng, moored: bool, longest: float) -> Kind:
    """A kind of which some fit into `longest` pixels."""
    kinds = [kind for kind in KINDS if kind.lengths[0] < longest * METRES] or [KINDS[0]]
    shares = [kind.moored if moored else kind.open for kind in kinds]
    return weighted(rng, kinds, [share / sum(shares) for share in shares])


def roll_vessel(rng: Rng, kind: Kind, frame: Frame, longest: float, speed: float = 0.0) -> Vessel:
    """A ship of one kind, its middle at the origin of `frame`.

    Args:
        rng: Source of randomness.
        kind: What it is.
        frame: Its middle and heading.
        longest: Pixels that it may be long.
        speed: 0 when it lies still, 1 when it is fast.
    """
    low, high = kind.lengths
    high = max(min(high, longest * METRES), low)
    length = math.exp(rng.uniform(math.log(low), math.log(high))) / METRES
    return Vessel(
        kind=kind,
        frame=frame,
        length=max(length, SMALLEST + 1),
        width=max(length / rng.uniform(*kind.slender), SMALLEST),
        deck=shift(pick(rng, pick(rng, _DECKS[kind.name])), rng.uniform(0.8, 1.15)),
        side=shift(pick(rng, pick(rng, _SIDES)), rng.uniform(0.8, 1.2)),
        speed=speed,
    )
