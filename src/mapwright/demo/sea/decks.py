"""What stands on the decks of ships, seen from above."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from mapwright.demo.paint import RGB, Rng, chance, pick, shift
from mapwright.demo.sea.brush import Brush
from mapwright.demo.sea.town import BOXES
from mapwright.demo.sea.vessels import DARKS, GREYS, REDS, WHITES, WOODS, Vessel
from mapwright.demo.sea.weather import METRES

INK: Final[RGB] = (14.0, 17.0, 24.0)
"""Colour of shadows on a deck."""
BAY: Final = 13.2 / METRES
"""Pixels from one bay of containers to the next."""


class Deck:
    """Draws on a ship; u in pixels from its middle to the bow, v to starboard, heights in metres.

    Args:
        rng: Source of randomness.
        brush: What it is drawn with.
        vessel: The ship.
        sun: (x, y) pixels that a shadow's tip lies away, per metre of height.
        shine: Brightness of sunlit things, as a factor.
    """

    def __init__(
        self, rng: Rng, brush: Brush, vessel: Vessel, sun: tuple[float, float], shine: float
    ) -> None:
        self.rng, self.brush, self.vessel = rng, brush, vessel
        self.sun, self.shine = sun, shine
        self.u, self.v = vessel.length / 2, vessel.width / 2

    def block(
        self, along: tuple[float, float], across: tuple[float, float], rgb: RGB, high: float = 0.0
    ) -> None:
        """Put a box from `along[0]` to `along[1]` and across, `high` metres above the deck."""
        (a, b), (c, d) = along, across
        at = self.vessel.frame.at
        dots = [at(a, c), at(b, c), at(b, d), at(a, d)]
        for share in (0.5, 1.0) if high > 0 else ():
            dx, dy = (share * high * part for part in self.sun)
            self.brush.polygon([(x + dx, y + dy) for x, y, _ in dots], INK, 0.45)
        self.brush.polygon(dots, shift(rgb, self.shine))

    def house(self, middle: float, deep: float, wide: float, high: float) -> None:
        """Put a white deckhouse with its bridge, wings and funnel; sizes in shares of the ship."""
        rng, u, v = self.rng, self.u, self.v
        white = pick(rng, WHITES)
        a, b = (middle - deep / 2) * 2 * u, (middle + deep / 2) * 2 * u
        self.block((a, b), (-wide * v, wide * v), shift(white, 0.9), high)
        front = b - 0.35 * (b - a)
        self.block((front, b), (-0.98 * v, 0.98 * v), white, 2)
        self.block((a + 0.2 * (b - a), front), (-0.55 * v, 0.55 * v), shift(white, 0.97), 2)
        tall = max(0.18 * (b - a), 0.8)
        funnel = pick(rng, (*DARKS, *REDS, *GREYS))
        back = a + 0.1 * (b - a)
        self.block((back - tall, back + tall), (-0.25 * v, 0.25 * v), funnel, 4)

    def specks(self, along: tuple[float, float], count: int, size: float) -> None:
        """Scatter small things: winches, hatches, crates, people's gear."""
        rng = self.rng
        for _ in range(count):
            u, v = rng.uniform(*along), rng.uniform(-0.75, 0.75) * self.v
            rgb = pick(rng, (*GREYS, *WHITES, *DARKS, *WOODS))
            s, t = size * rng.uniform(0.4, 1), size * rng.uniform(0.4, 1)
            self.block((u - s, u + s), (v - t, v + t), rgb, 1)

    def disc(self, u: float, v: float, radius: float, rgb: RGB) -> None:
        """Put a circle."""
        self.brush.disc(self.vessel.frame.at(u, v), radius, shift(rgb, self.shine))


def draw_vessel(
    rng: Rng, brush: Brush, vessel: Vessel, sun: tuple[float, float], shine: float
) -> None:
    """Draw a ship and its shadow on the water."""
    outline = vessel.outline()
    shadows = []
    for share in (0.0, 0.35, 0.7, 1.0):
        dx, dy = (share * vessel.board * part for part in sun)
        shadows.append([(x + dx, y + dy) for x, y, _ in outline])
    brush.shade(shadows, 0.45)
    brush.polygon(outline, shift(vessel.side, shine))
    rim = min(0.8, 0.1 * vessel.width)
    brush.polygon(vessel.outline(rim), shift(vessel.deck, shine))
    _FITTINGS[vessel.kind.name](Deck(rng, brush, vessel, sun, shine))


def _boat(deck: Deck) -> None:
    u, v = deck.u, deck.v
    inside = pick(deck.rng, (*WHITES, *DARKS, *GREYS, *WOODS))
    deck.block((-0.8 * u, -0.1 * u), (-0.6 * v, 0.6 * v), inside)
    if chance(deck.rng, 0.6):
        deck.block((-0.15 * u, 0.3 * u), (-0.65 * v, 0.65 * v), pick(deck.rng, WHITES), 1.2)


def _yacht(deck: Deck) -> None:
    u, v = deck.u, deck.v
    deck.block((-0.45 * u, 0.25 * u), (-0.6 * v, 0.6 * v), pick(deck.rng, WHITES), 1.5)
    deck.block((-0.85 * u, -0.5 * u), (-0.6 * v, 0.6 * v), pick(deck.rng, (*WOODS, *GREYS)))
    if chance(deck.rng, 0.5):  # a mast's shadow
        x, y, _ = deck.vessel.frame.at(0.1 * u, 0)
        high = 2 * u * METRES
        tip = (x + 0.9 * high * deck.sun[0], y + 0.9 * high * deck.sun[1])
        deck.brush.line([(x, y), tip], 0.3, INK, 0.5)
        deck.brush.line([(x, y), deck.vessel.frame.at(-0.6 * u, 0)], 0.5, (236, 236, 232))


def _fishing(deck: Deck) -> None:
    u, v, rng = deck.u, deck.v, deck.rng
    back = chance(rng, 0.6)
    deck.specks((-0.85 * u, 0.6 * u), int(4 + u / 2), max(0.8, 0.1 * v))
    a, b = (-0.8, -0.3) if back else (0.15, 0.5)
    deck.block((a * u, b * u), (-0.6 * v, 0.6 * v), pick(rng, WHITES), 4)
    deck.block(((a + 0.12) * u, (b - 0.08) * u), (-0.4 * v, 0.4 * v), pick(rng, GREYS), 2)
    deck.block((-0.05 * u, 0.0), (-0.9 * v, 0.9 * v), pick(rng, (*GREYS, *WOODS)), 4)


def _tug(deck: Deck) -> None:
    u, v, rng = deck.u, deck.v, deck.rng
    deck.block((-0.05 * u, 0.6 * u), (-0.62 * v, 0.62 * v), pick(rng, WHITES), 4)
    deck.block((0.05 * u, 0.4 * u), (-0.42 * v, 0.42 * v), pick(rng, (*WHITES, *GREYS)), 3)
    deck.block((-0.2 * u, -0.08 * u), (-0.35 * v, 0.35 * v), pick(rng, (*DARKS, *REDS)), 5)
    deck.specks((-0.85 * u, -0.3 * u), 3, 0.7)


def _barge(deck: Deck) -> None:
    u, v, rng = deck.u, deck.v, deck.rng
    if chance(rng, 0.55):  # cargo in a hold: coal, sand, ore, nothing
        load = shift(pick(rng, ((40, 38, 38), (172, 148, 112), (110, 76, 60), (92, 84, 76))), 1.0)
        holds = int(rng.integers(1, 4))
        for i in range(holds):
            a, b = (-0.85 + 1.7 * (i + k) / holds for k in (0.04, 0.96))
            deck.block((a * u, b * u), (-0.78 * v, 0.78 * v), shift(load, rng.uniform(0.7, 1.2)))
            ridge = 0.3 * v * math.copysign(1, deck.sun[0] + 1e-9)
            light = shift(load, rng.uniform(1.15, 1.4))
            deck.block(((a + 0.05) * u, (b - 0.05) * u), (min(0, ridge), max(0, ridge)), light)
    else:
        deck.specks((-0.8 * u, 0.85 * u), int(rng.integers(4, 22)), max(0.8, 0.16 * v))
        if chance(rng, 0.4):  # a crane
            deck.block((0.3 * u, 0.5 * u), (-0.5 * v, 0.5 * v), (196, 150, 60), 6)
            boom = [deck.vessel.frame.at(0.4 * u, 0), deck.vessel.frame.at(-0.6 * u, 0.3 * v)]
            deck.brush.line(boom, 1.2, (200, 160, 80))
    if chance(rng, 0.4):
        deck.block((-0.97 * u, -0.87 * u), (-0.5 * v, 0.5 * v), pick(rng, WHITES), 4)


def _ferry(deck: Deck) -> None:
    u, v, rng = deck.u, deck.v, deck.rng
    white = pick(rng, WHITES)
    deck.block((-0.75 * u, 0.62 * u), (-0.86 * v, 0.86 * v), shift(white, 0.93), 6)
    roof = shift(pick(rng, (*WHITES, *WHITES, *GREYS)), rng.uniform(0.8, 1.0))
    deck.block((-0.6 * u, 0.45 * u), (-0.6 * v, 0.6 * v), roof, 3)
    deck.block((0.4 * u, 0.55 * u), (-0.8 * v, 0.8 * v), shift(white, 1.03), 3)
    for side in (-0.75, 0.62):  # lifeboats
        for a in np.arange(-0.45 * u, 0.3 * u, max(6.0, 0.14 * u)).tolist():
            deck.block((a, a + 3.5), (side * v, (side + 0.13) * v), (214, 116, 60))
    deck.block((-0.4 * u, -0.25 * u), (-0.25 * v, 0.25 * v), pick(rng, (*DARKS, *REDS, *GREYS)), 5)
    deck.specks((-0.2 * u, 0.35 * u), int(u / 5), max(0.7, 0.08 * v))


def _navy(deck: Deck) -> None:
    u, v, rng = deck.u, deck.v, deck.rng
    grey = shift(deck.vessel.deck, 1.12)
    deck.block((-0.35 * u, 0.3 * u), (-0.7 * v, 0.7 * v), grey, 7)
    deck.block((0.02 * u, 0.2 * u), (-0.5 * v, 0.5 * v), shift(grey, 1.1), 6)
    deck.block((-0.25 * u, -0.12 * u), (-0.35 * v, 0.35 * v), shift(grey, 0.7), 5)
    deck.disc(-0.68 * u, 0, 0.5 * v, shift(grey, 1.15))
    deck.disc(-0.68 * u, 0, 0.38 * v, shift(grey, 0.85))
    deck.disc(0.5 * u, 0, max(0.25 * v, 0.7), shift(grey, 0.8))
    deck.specks((0.3 * u, 0.6 * u), int(rng.integers(1, 4)), 0.8)


def _cargo(deck: Deck) -> None:
    """Hatches in a row, cranes between them on some, the house astern."""
    u, v, rng = deck.u, deck.v, deck.rng
    cranes = chance(rng, 0.5)
    count = max(2, round(2 * u / rng.uniform(17, 26)))
    start, end = -0.62, 0.84
    lid = shift(deck.vessel.deck, rng.uniform(0.75, 1.25))
    if chance(rng, 0.35):
        lid = pick(rng, (*GREYS, *WOODS))
    step = (end - start) / count
    for i in range(count):
        a = start + i * step
        deck.block(((a + 0.15 * step) * u, (a + 0.88 * step) * u), (-0.6 * v, 0.6 * v), lid, 2)
        ridge = (a + 0.5 * step) * u
        deck.block((ridge, ridge + 0.4), (-0.6 * v, 0.6 * v), shift(lid, 0.75))
        if cranes and i:
            deck.block((a * u - 1, a * u + 1.2), (-0.15 * v, 0.15 * v), (198, 176, 130), 12)
            reach = deck.vessel.frame.at(a * u + 0.7 * step * u, 0.2 * v)
            deck.brush.line([deck.vessel.frame.at(a * u, 0), reach], 0.8, (206, 188, 150))
    deck.specks((0.84 * u, 0.93 * u), 3, max(0.7, 0.06 * v))
    deck.house(-0.41, max(0.09, 4.5 / u / 2), 0.85, 12)


def _container(deck: Deck) -> None:
    u, v, rng = deck.u, deck.v, deck.rng
    bridge = -0.55 if u < 90 or chance(rng, 0.5) else 0.25
    gaps = [bridge * u] if bridge < 0 else [bridge * u, -0.55 * u]
    mostly = [pick(rng, BOXES) for _ in range(3)]
    full = rng.uniform(0.55, 1.0)
    for a in np.arange(-0.92 * u, 0.8 * u - BAY, BAY).tolist():
        if any(abs(a + BAY / 2 - gap) < 0.9 * BAY for gap in gaps):
            continue
        deck.block((a + 0.4, a + BAY - 0.4), (-0.9 * v, 0.9 * v), (62, 62, 64))
        high = 3 * int(rng.integers(1, 5))
        fine = 0.9 * v if a < 0.55 * u else 0.65 * v
        edge = -fine
        while edge < fine - 0.8 and chance(rng, 0.97):
            lanes = int(rng.integers(1, 5)) * 2.44 / METRES
            if chance(rng, full):
                rgb = pick(rng, mostly) if chance(rng, 0.6) else pick(rng, BOXES)
                rgb = shift(rgb, rng.uniform(0.85, 1.1))
                side = (edge, min(edge + lanes, fine))
                deck.block((a + 0.5, a + BAY - 0.6), side, rgb, high)
            edge += lanes
    deck.house(bridge / 2, max(0.045, 5 / u / 2), 0.95, 20)
    if len(gaps) > 1:
        deck.block((gaps[1] - 4, gaps[1] + 3), (-0.4 * v, 0.4 * v), pick(rng, (*DARKS, *BOXES)), 18)


def _tanker(deck: Deck) -> None:
    u, v, rng = deck.u, deck.v, deck.rng
    if chance(rng, 0.05):  # gas in spheres
        for i in range(4):
            for radius, tone in ((0.82, 0.8), (0.72, 0.95), (0.45, 1.06)):
                deck.disc((-0.42 + 0.33 * i) * u, 0, radius * v, shift((216, 214, 208), tone))
    else:
        pipe = shift(deck.vessel.deck, rng.uniform(0.65, 0.8))
        deck.block((-0.6 * u, 0.85 * u), (-0.1 * v, 0.1 * v), pipe, 2)
        deck.block((-0.58 * u, 0.82 * u), (0.13 * v, 0.2 * v), shift(deck.vessel.deck, 1.2))
        frames = rng.uniform(9, 16)
        for a in np.arange(-0.55 * u, 0.85 * u, frames).tolist():
            rib = shift(deck.vessel.deck, 0.86)
            deck.block((a, a + 0.5), (-0.85 * v, 0.85 * v), rib)
        middle = rng.uniform(-0.05, 0.15) * u
        thick = max(1.0, 0.03 * u)
        deck.block((middle - thick, middle + thick), (-0.75 * v, 0.75 * v), pipe, 3)
        for side in (-0.5, 0.5):
            spot = (side * v - 0.1 * v, side * v + 0.1 * v)
            deck.block((middle - 2 * thick, middle + 2 * thick), spot, pick(rng, WHITES), 2)
        if chance(rng, 0.4):
            deck.disc(0.55 * u, 0.3 * v, 0.3 * v, shift(deck.vessel.deck, 1.3))
            deck.disc(0.55 * u, 0.3 * v, 0.2 * v, deck.vessel.deck)
    deck.specks((0.75 * u, 0.92 * u), 4, max(0.7, 0.06 * v))
    deck.house(-0.41, max(0.07, 4.5 / u / 2), 0.9, 16)


_FITTINGS: Final[dict[str, Callable[[Deck], None]]] = {
    "boat": _boat,
    "yacht": _yacht,
    "fishing": _fishing,
    "tug": _tug,
    "barge": _barge,
    "ferry": _ferry,
    "navy": _navy,
    "coaster": _cargo,
    "bulk": _cargo,
    "container": _container,
    "tanker": _tanker,
}
