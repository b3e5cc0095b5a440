"""Streets and houses, sheds, tanks and stacks of boxes on the land."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapwright.demo.geometry import Frame, Point
from mapwright.demo.paint import RGB, Rng, chance, pick, shift, weighted
from mapwright.demo.render import Floats, noise
from mapwright.demo.sea.brush import Brush
from mapwright.demo.sea.coast import Coast
from mapwright.demo.sea.weather import METRES, Weather

ROOFS: Final[tuple[RGB, ...]] = (
    (150, 96, 78), (128, 84, 72), (168, 150, 132), (186, 182, 174), (120, 116, 112), (96, 98, 102),
    (142, 138, 130), (110, 90, 80), (206, 202, 196), (92, 108, 126),
)  # fmt: skip
SHEDS: Final[tuple[RGB, ...]] = (
    (188, 186, 180), (160, 158, 152), (212, 208, 200), (132, 130, 128), (110, 122, 138),
    (150, 120, 100), (168, 156, 134), (84, 112, 150), (140, 82, 70),
)  # fmt: skip
BOXES: Final[tuple[RGB, ...]] = (
    (134, 78, 64), (78, 94, 120), (168, 162, 152), (116, 94, 72), (80, 106, 98), (176, 132, 86),
    (98, 100, 104), (198, 196, 188), (112, 60, 58), (56, 68, 90), (150, 128, 108),
)  # fmt: skip
HEAPS: Final[tuple[RGB, ...]] = ((150, 128, 98), (116, 90, 70), (70, 66, 62), (168, 156, 134))
ROADS: Final[tuple[RGB, ...]] = ((134, 128, 118), (112, 110, 108), (150, 136, 116), (96, 94, 92))
TREE: Final[RGB] = (42, 58, 38)
INSIDE: Final = 5.0
"""Pixels from the shore at which the first building stands."""


@dataclass(frozen=True)
class Estate:
    """Where building is done.

    Args:
        rng: Source of randomness.
        brush: What it is drawn with.
        ground: (H, W) float32, pixels to what can't be built on; negative where nothing can stand.
        sun: (x, y) pixels that a shadow's tip lies away, per metre of height.
        shine: Brightness of sunlit things, as a factor.
    """

    rng: Rng
    brush: Brush
    ground: Floats
    sun: tuple[float, float]
    shine: float

    def room(self, place: Frame) -> float:
        """Pixels from a place to where nothing can stand; negative outside."""
        rows, cols = self.ground.shape
        x, y = math.floor(place.x), math.floor(place.y)
        return float(self.ground[y, x]) if 0 <= x < cols and 0 <= y < rows else -1.0

    def roof(self, place: Frame, long: float, deep: float, high: float, rgb: RGB) -> None:
        """Put a building of `high` metres: its shadow, then two slopes that the sun lights."""
        dx, dy = (high * part for part in self.sun)
        base = place.rectangle(long, deep)
        shadow = [(x + dx, y + dy) for x, y, _ in base]
        ink = (18.0, 20.0, 26.0)
        self.brush.polygon(shadow, ink, 0.6)
        self.brush.polygon([(x + dx / 2, y + dy / 2) for x, y, _ in base], ink, 0.6)
        rgb = shift(rgb, self.shine)
        self.brush.polygon(base, rgb)
        lean = self.sun[0] * math.sin(place.heading) - self.sun[1] * math.cos(place.heading)
        slope = place.child(0, deep / 4).rectangle(long, deep / 2)
        self.brush.polygon(slope, shift(rgb, 1 + 0.16 * math.copysign(1, lean)))


def build(rng: Rng, brush: Brush, coast: Coast, weather: Weather) -> None:
    """Put what people have built ashore; on much of the land that is nothing."""
    zone = noise(rng, coast.shore.shape, {170: 1.0, 80: 0.5, 30: 0.2})
    sun = (weather.sun[0] / METRES, weather.sun[1] / METRES)
    heading = rng.uniform(0, math.pi)
    for _ in range(int(rng.integers(0, 4))):
        _road(rng, brush, heading, len(zone), weather.shine)
    if chance(rng, 0.75):
        field = np.minimum(-coast.shore, 40 * (zone - rng.uniform(-1.2, 1.2)))
        ground = np.minimum(field, coast.quay)
        estate = Estate(rng, brush, ground.astype(np.float32), sun, weather.shine)
        _streets(estate, heading, rng.uniform(0.65, 1.0))
    if coast.edges:
        estate = Estate(rng, brush, -coast.quay, sun, weather.shine)
        _works(estate, coast.edges[0][0].heading, "port")
    elif chance(rng, 0.35):
        field = np.minimum(-coast.shore, -30 * (zone + rng.uniform(-0.5, 1.0)))
        estate = Estate(rng, brush, field.astype(np.float32), sun, weather.shine)
        _works(estate, heading, "works")


def _road(rng: Rng, brush: Brush, heading: float, size: int, shine: float) -> None:
    """A road right across the land, with bends."""
    x, y = rng.uniform(0, size, 2).tolist()
    place = Frame(x, y, heading + math.pi / 2 * int(rng.integers(2))).child(-1.5 * size, 0)
    line: list[Point] = []
    bend = rng.normal(0, 0.02)
    while len(line) < 3 * size / 40 + 2:
        line.append(place.at(0, 0))
        bend = 0.8 * bend + rng.normal(0, 0.025)
        place = place.child(40, 0, bend)
    brush.line(line, rng.uniform(2, 7), shift(pick(rng, ROADS), shine), 0.95)


def _streets(estate: Estate, heading: float, full: float) -> None:
    """A town: rows of houses between streets."""
    rng, size = estate.rng, estate.ground.shape[0]
    base = Frame(size / 2, size / 2, heading)
    long, deep = rng.uniform(70, 140), rng.uniform(26, 44)
    road = pick(rng, ROADS)
    palette = [pick(rng, ROOFS) for _ in range(5)]
    house = rng.uniform(6.5, 11)
    reach = int(0.72 * size) + 1
    for v in np.arange(-reach, reach, deep).tolist():
        bend = rng.normal(0, 0.02)
        for u in np.arange(-reach, reach, long).tolist():
            block = base.child(u, v, bend)
            if estate.room(block) < 0.3 * deep:
                continue
            for street in (block.child(0, -deep / 2), block.child(long / 2, 0, math.pi / 2)):
                reach_of = long if street.heading == block.heading else deep
                ends = [street.at(-reach_of / 2, 0), street.at(reach_of / 2, 0)]
                estate.brush.line(ends, 3.2, shift(road, estate.shine), 0.9)
            _houses(estate, block, (long, deep, house), palette, full)


def _houses(
    estate: Estate,
    block: Frame,
    sides: tuple[float, float, float],
    palette: list[RGB],
    full: float,
) -> None:
    """The houses of one block; `sides` are its length and depth and the mean side of a house."""
    rng = estate.rng
    long, deep, house = sides
    rows = max(1, int((deep - 5) / (house + 1.5)))
    for row in range(rows):
        v = (row + 0.5) * (deep - 5) / rows - (deep - 5) / 2
        u = -long / 2 + 4
        while u < long / 2 - house:
            wide = house * rng.uniform(0.7, 1.6)
            place = block.child(u + wide / 2, v + rng.uniform(-1, 1), rng.normal(0, 0.04))
            u += wide + rng.uniform(0.3, 3)
            if rng.random() > full or estate.room(place) < INSIDE:
                continue
            if chance(rng, 0.35):
                at = place.at(rng.uniform(-0.8, 0.8) * wide, 0.8 * house)
                estate.brush.disc(at, rng.uniform(1, 2.6), shift(TREE, rng.uniform(0.7, 1.3)))
            rgb = shift(pick(rng, palette), rng.uniform(0.75, 1.2))
            estate.roof(place, wide, house * rng.uniform(0.7, 1.05), rng.uniform(3, 9), rgb)


def _works(estate: Estate, heading: float, kind: str) -> None:
    """A port or factory: sheds, tanks, stacks of boxes, heaps, on a coarse grid."""
    rng, size = estate.rng, estate.ground.shape[0]
    base = Frame(size / 2, size / 2, heading)
    side = rng.uniform(46, 80)
    things = ("sheds", "tanks", "boxes", "heaps", "nothing")
    shares = (0.28, 0.12, 0.26, 0.05, 0.29) if kind == "port" else (0.6, 0.15, 0.02, 0.04, 0.19)
    favourite = weighted(rng, things, shares)
    reach = int(0.72 * size) + 1
    for u in np.arange(-reach, reach, side).tolist():
        for v in np.arange(-reach, reach, side).tolist():
            yard = base.child(u, v)
            if estate.room(yard) < 0.42 * side:
                continue
            thing = favourite if chance(rng, 0.5) else weighted(rng, things, shares)
            _fill(estate, yard, 0.86 * side, thing)


def _fill(estate: Estate, yard: Frame, side: float, thing: str) -> None:
    rng = estate.rng
    if thing == "sheds":
        count = int(rng.integers(1, 4))
        for i in range(count):
            place = yard.child(0, ((i + 0.5) / count - 0.5) * side)
            rgb = shift(pick(rng, SHEDS), rng.uniform(0.8, 1.15))
            long = side * rng.uniform(0.6, 1.0)
            estate.roof(place, long, 0.85 * side / count, rng.uniform(5, 12), rgb)
    elif thing == "tanks":
        count = int(rng.integers(1, 4))
        for i in range(count * count):
            at = (((i % count) + 0.5) / count - 0.5, ((i // count) + 0.5) / count - 0.5)
            _tank(estate, yard.child(at[0] * side, at[1] * side), 0.4 * side / count)
    elif thing == "boxes":
        _boxes(estate, yard, side)
    elif thing == "heaps":
        _heap(estate, yard, side)


def _heap(estate: Estate, yard: Frame, side: float) -> None:
    """Sand, ore or coal in a ragged heap, one flank in shade."""
    rng = estate.rng
    tone = shift(pick(rng, HEAPS), estate.shine * rng.uniform(0.85, 1.15))
    ragged = rng.uniform(0.6, 1.1, 14).tolist()
    for scale, light in ((1.0, 0.85), (0.75, 1.0), (0.4, 1.15)):
        corners = zip(yard.ellipse(side, 0.7 * side), ragged, strict=True)
        dots = [
            (yard.x + scale * r * (x - yard.x), yard.y + scale * r * (y - yard.y))
            for (x, y, _), r in corners
        ]
        estate.brush.polygon(dots, shift(tone, light), 0.85)


def _tank(estate: Estate, place: Frame, radius: float) -> None:
    dx, dy = (10 * part for part in estate.sun)
    for share in (0.4, 0.7, 1.0):
        at = (place.x + share * dx, place.y + share * dy)
        estate.brush.disc(at, radius, (18, 20, 26), 0.35)
    rgb = shift(pick(estate.rng, ((214, 212, 206), (178, 174, 166), (150, 112, 96))), estate.shine)
    estate.brush.disc((place.x, place.y), radius, rgb)
    estate.brush.disc((place.x, place.y), 0.8 * radius, shift(rgb, 0.92))


def _boxes(estate: Estate, yard: Frame, side: float) -> None:
    """Rows of stacked containers."""
    rng = estate.rng
    long, wide = 8.0, 1.6
    full = rng.uniform(0.3, 0.95)
    mostly = [pick(rng, BOXES) for _ in range(3)]
    for v in np.arange(-side / 2 + 4, side / 2 - 4, 9.5).tolist():
        for u in np.arange(-side / 2, side / 2 - long, long + 0.3).tolist():
            rgb = pick(rng, mostly)
            for lane in range(5):
                if not chance(rng, full):
                    continue
                place = yard.child(u + long / 2, v + lane * wide)
                rgb = pick(rng, BOXES) if chance(rng, 0.25) else rgb
                rgb = shift(rgb, estate.shine * rng.uniform(0.9, 1.1))
                estate.brush.polygon(place.rectangle(long, wide), rgb)
