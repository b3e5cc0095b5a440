"""What one plot holds: a house or a row of them, its yard, its garden."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

from mapwright.demo.canvas import Layer, Site
from mapwright.demo.gardens import (
    EXTRAS,
    border,
    car,
    lawn,
    odds,
    paving,
    pergola,
    shrubs,
    terrace,
    tree,
    wood,
)
from mapwright.demo.geometry import Frame
from mapwright.demo.houses import house, row, shed
from mapwright.demo.paint import chance, pick

Taken = list[tuple[float, float, float, float]]
"""Rectangles that are built on: middle u, middle v, half length, half width, metres."""

TRIES: Final = 4
"""How often a free place is looked for."""
SHRUBS: Final = 0.01
"""Groups of bushes per square metre of garden."""


def holding(site: Site, front: Frame, size: tuple[float, float], area: float) -> None:
    """Put one plot with its house and garden.

    Args:
        site: Where.
        front: The middle of its front; v points away from the street.
        size: Width along the street and depth, metres.
        area: Mean area of the house in square metres; 0 for a plot without one.
    """
    width, depth = size
    middle = front.child(0, depth / 2)
    site.canvas.polygon(middle.rectangle(width, depth), lawn(site), Layer.GROUND)
    taken = [(0.0, 0.0, 0.0, 0.0)]
    if area:
        taken = _dwelling(site, front, size, area * math.exp(site.bell(0.2)))
    elif chance(site.rng, 0.3):
        wood(site, middle, (width - 3, depth - 3))
    _garden(site, front, size, taken)


def terraced(site: Site, front: Frame, size: tuple[float, float]) -> None:
    """Put a plot with a row of houses and narrow gardens behind it; arguments as in `holding`."""
    width, depth = size
    site.canvas.polygon(front.child(0, depth / 2).rectangle(width, depth), lawn(site), Layer.GROUND)
    unit, deep, setback = site.between(5.5, 8.5), site.between(8.5, 12.0), site.between(3.0, 6.0)
    units, back = max(2, int((width - 2) / unit)), setback + deep
    if chance(site.rng, 0.6):
        yard = front.child(0, setback / 2).rectangle(width - 2, setback)
        site.canvas.polygon(yard, paving(site), Layer.YARD, front.heading)
    row(site, front.child(0, setback + deep / 2), units, (unit, deep))
    for i in range(units):
        u = (i - (units - 1) / 2) * unit
        border(site, front.at(u - unit / 2, back), front.at(u - unit / 2, depth))
        if chance(site.rng, 0.5) and depth > back + 7:
            hut = (site.between(2.0, 3.0), site.between(2.0, 3.0))
            shed(site, front.child(u - 0.25 * unit, depth - 2.0), hut)
        if chance(site.rng, 0.7):
            pick(site.rng, (terrace, terrace, pergola))(site, front.child(u, back + 2.0))
    _garden(site, front, size, [(0.0, setback + deep / 2, units * unit / 2, deep / 2)])


def _dwelling(site: Site, front: Frame, size: tuple[float, float], area: float) -> Taken:
    """House, yard, garage and shed; returns the ground that they take."""
    width, depth = size
    long = math.sqrt(area * site.between(1.0, 1.55))
    along = chance(site.rng, 0.6) and long < width - 2
    face = min(long if along else area / long, width - 2.5)
    deep = min(area / long if along else long, 0.6 * depth)
    setback = site.between(3.0, 0.25 * depth)
    spare = max((width - face) / 2 - 0.8, 0)
    u, v = site.between(-1, 1) * spare, setback + deep / 2
    turn = site.bell(0.06) * (1.5 - site.theme.order) + (0.0 if face >= deep else math.pi / 2)
    taken = [(u, v, face / 2, deep / 2)]
    _yard(site, front, taken[0], width)
    house(site, front.child(u, v, turn), (face, deep))
    return taken + _garage(site, front, taken[0], width) + _hut(site, front, taken[0], size)


def _garage(
    site: Site, front: Frame, built: tuple[float, float, float, float], width: float
) -> Taken:
    """Perhaps a garage in the wider gap beside the house."""
    u, v, half, other = built
    side = -1 if u > 0 else 1
    gap = width / 2 - side * u - half
    if gap < 3.2 or not chance(site.rng, 0.65):
        return []
    long, wide = site.between(5.0, 8.0), min(gap - 0.2, site.between(3.0, 6.5))
    spot = (side * (width / 2 - wide / 2 - 0.2), v - other + site.between(0, 6) + long / 2)
    across = math.pi / 2 if long > wide else 0.0
    shed(site, front.child(*spot, across), (long, wide))
    return [(*spot, wide / 2, long / 2)]


def _hut(
    site: Site,
    front: Frame,
    built: tuple[float, float, float, float],
    size: tuple[float, float],
) -> Taken:
    """Perhaps a shed at the far end of the garden."""
    (width, depth), (_, v, _, other) = size, built
    long, wide = site.between(2.5, 8.0), site.between(2.0, 5.0)
    u = site.between(-0.5, 0.5) * (width - long)
    far = depth - wide / 2 - site.between(0.3, 3.0)
    if far - wide / 2 < v + other + 2 or not chance(site.rng, 0.45):
        return []
    across = math.pi / 2 if wide > long else 0.0
    shed(site, front.child(u, far, site.bell(0.05) + across), (long, wide))
    return [(u, far, long / 2, wide / 2)]


def _yard(site: Site, front: Frame, built: tuple[float, float, float, float], width: float) -> None:
    """A drive beside the house, a path to its door, a paved rim, a terrace behind it."""
    (u, v, half, other), canvas, paint = built, site.canvas, paving(site)
    side = -1 if u > 0 else 1
    gap = width / 2 - side * u - half
    wide = min(max(gap - 0.4, 2.2), site.between(2.5, 6.0))
    long = v + site.between(-0.6, 1.2) * other
    drive = front.child(side * (width / 2 - wide / 2 - 0.2), long / 2)
    canvas.polygon(drive.rectangle(wide, long), paint, Layer.YARD, front.heading)
    path = front.child(u + site.between(-0.6, 0.6) * half, (v - other) / 2)
    canvas.polygon(path.rectangle(1.3, v - other + 1), paint, Layer.YARD, front.heading)
    if chance(site.rng, 0.6):
        car(site, drive.child(0, site.between(-0.3, 0.2) * long, math.pi / 2))
    if chance(site.rng, 0.75):
        rim = 2 * site.between(0.4, 1.6)
        around = front.child(u, v).rectangle(2 * half + rim, 2 * other + rim)
        canvas.polygon(around, paving(site), Layer.YARD, front.heading)
    terrace(site, front.child(u + site.between(-0.4, 0.4) * half, v + other + 1.5))


def _garden(site: Site, front: Frame, size: tuple[float, float], taken: Taken) -> None:
    """Borders, trees, bushes and extras, clear of what is built."""
    width, depth = size
    corners = [front.at(u * width / 2, v) for u, v in ((-1, 0), (-1, depth), (1, depth), (1, 0))]
    for start, end in pairwise(corners):
        border(site, start, end)
    if chance(site.rng, 0.6):
        border(site, front.at(-width / 2, 0.3), front.at(0.1 * width, 0.3))
    u, v, half, other = taken[0]
    odds(site, front.child(0, depth / 2), size, site.count(site.theme.clutter))
    around = (2 * half + 7, 2 * other + 7)
    odds(site, front.child(u, v), around, site.count(2 * site.theme.clutter))
    for _ in range(site.count(1.6)):
        if spot := _free(site, size, taken, 2.6):
            taken = [*taken, (*spot, 1.5, 1.5)]
            turn = site.bell(0.1) + math.pi / 2 * int(site.rng.integers(2))
            pick(site.rng, EXTRAS)(site, front.child(*spot, turn))
    for _ in range(site.count(site.theme.trees * width * depth)):
        if spot := _free(site, size, taken, 0.5):
            tree(site, *front.at(*spot)[:2])
    for _ in range(site.count(SHRUBS * width * depth)):
        if spot := _free(site, size, taken, 0.2):
            shrubs(site, front.child(*spot))


def _free(
    site: Site, size: tuple[float, float], taken: Taken, clear: float
) -> tuple[float, float] | None:
    """A place (u, v) at least `clear` metres from what is built, or None."""
    width, depth = size
    for _ in range(TRIES):
        u, v = site.between(-0.48, 0.48) * width, site.between(0.02, 0.98) * depth
        if all(
            abs(u - a) > half + clear or abs(v - b) > other + clear for a, b, half, other in taken
        ):
            return u, v
    return None
