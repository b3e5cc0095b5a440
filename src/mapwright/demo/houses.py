"""Houses, garages and sheds as flat faces in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mapwright.demo.canvas import Canvas, Frame, Layer, Point
from mapwright.demo.paint import (
    CONCRETE,
    DARK,
    GLASS,
    PANEL,
    WALLS,
    WHITE,
    WOOD,
    Paint,
    Theme,
    chance,
    darker,
    flat_paint,
    pick,
    roof_paint,
)

OVERHANG = 0.4
"""Metres from the wall to the eaves."""
SMALLEST_ROOF = 20.0
"""Square metres; a shed with a smaller roof is not in the mask."""


@dataclass(frozen=True)
class Body:
    """A house with a ridge along the u axis of its frame; all lengths in metres.

    Args:
        frame: Its centre and the heading of its ridge.
        length: Along the ridge, from eaves to eaves.
        width: Across the ridge, from eaves to eaves.
        eaves: Height of the eaves.
        rise: Height of the ridge above the eaves.
        hip: 0 for gables, 1 for full hips, between them for half hips.
        roof: The paint of its roof.
        wall: The paint of its walls.
    """

    frame: Frame
    length: float
    width: float
    eaves: float
    rise: float
    hip: float
    roof: Paint
    wall: Paint

    def inward(self, z: float) -> float:
        """Metres from the ridge line at which the slopes have height `z`."""
        return self.width / 2 * (1 - (z - self.eaves) / self.rise)

    def on_slope(self, u: float, share: float, side: int, lift: float = 0.06) -> Point:
        """A point `share` (0 to 1) of the way up the slope on `side` (-1 or 1)."""
        v = side * self.width / 2 * (1 - share)
        return self.frame.at(u, v, self.eaves + self.rise * share + lift)


@dataclass(frozen=True)
class Cross:
    """A part that stands crosswise on a slope: a wing, a gable or a dormer; metres.

    Args:
        u: Its middle, along the main ridge.
        width: Along the main ridge.
        front: Distance of its front from the main ridge.
        foot: Height at which its front wall begins.
        eaves: Height of its own eaves.
        rise: Height of its own ridge above its eaves; 0 for a flat dormer.
        side: The slope it stands on, -1 or 1.
        roof: The paint of its roof.
    """

    u: float
    width: float
    front: float
    foot: float
    eaves: float
    rise: float
    side: int
    roof: Paint


def box(
    canvas: Canvas,
    frame: Frame,
    size: Point,
    side: Paint,
    top: Paint,
    layer: Layer = Layer.BUILDING,
    foot: float = 0.0,
    roof: bool = False,
) -> None:
    """Put a box of `size` = (length, width, height) metres that begins at height `foot`."""
    length, width, height = size
    low = frame.rectangle(length, width, foot)
    high = frame.rectangle(length, width, foot + height)
    for i in range(4):
        j = (i + 1) % 4
        canvas.polygon([low[i], low[j], high[j], high[i]], side, layer, roof=roof and foot > 0)
    canvas.polygon(high, top, layer, frame.heading, roof)


def walls(canvas: Canvas, body: Body) -> None:
    """Put the four walls; the roof hides those that the camera can't see."""
    length, width = body.length / 2 - OVERHANG, body.width / 2 - OVERHANG
    at, top = body.frame.at, body.eaves + body.rise
    shoulder = body.width / 2 * body.hip
    peak = top - body.rise * body.hip
    for end in (-1, 1):
        u, v = end * length, end * width
        canvas.polygon(
            [at(-length, v), at(length, v), at(length, v, body.eaves), at(-length, v, body.eaves)],
            body.wall,
            Layer.BUILDING,
        )
        canvas.polygon(
            [
                at(u, -width),
                at(u, width),
                at(u, width, body.eaves),
                at(u, min(shoulder, width), peak),
                at(u, -min(shoulder, width), peak),
                at(u, -width, body.eaves),
            ],
            body.wall,
            Layer.BUILDING,
        )


def slopes(canvas: Canvas, body: Body, trim: Paint | None = None) -> None:
    """Put the roof: two slopes, the hips if it has any, and ridge tiles of paint `trim`."""
    u, v = body.length / 2, body.width / 2
    inset, low = v * body.hip, body.eaves
    shoulder, top = low + body.rise * (1 - body.hip), low + body.rise
    at, heading = body.frame.at, body.frame.heading
    ends = [at(-u + inset, 0, top), at(u - inset, 0, top)]
    for side in (-1, 1):
        face = [
            at(-u, side * v, low),
            at(u, side * v, low),
            at(u, side * inset, shoulder),
            ends[1],
            ends[0],
            at(-u, side * inset, shoulder),
        ]
        canvas.polygon(face, body.roof, Layer.BUILDING, heading, roof=True)
    hips = []
    for end, peak in zip((-1, 1), ends, strict=True):
        corners = [at(end * u, -inset, shoulder), at(end * u, inset, shoulder)]
        if body.hip > 0:
            across = heading + np.pi / 2
            canvas.polygon([*corners, peak], body.roof, Layer.BUILDING, across, roof=True)
            hips += [(corner, peak) for corner in corners]
    for line in [(ends[0], ends[1]), *hips] if trim else []:
        canvas.stroke(line, 0.2, trim or body.roof, Layer.BUILDING, roof=True)


def crosswise(canvas: Canvas, body: Body, cross: Cross) -> None:
    """Put a wing or a dormer: front and cheeks, then its two slopes or its lid."""

    def at(u: float, v: float, z: float) -> Point:
        return body.frame.at(u, cross.side * v, z)

    left, right = cross.u - cross.width / 2, cross.u + cross.width / 2
    back, front, z = max(body.inward(cross.eaves), 0.0), cross.front, cross.eaves
    top = z + cross.rise
    for u in (left, right):
        cheek = [at(u, front, cross.foot), at(u, front, z), at(u, back, z)]
        canvas.polygon(cheek, body.wall, Layer.BUILDING)
    face = [at(left, front, cross.foot), at(right, front, cross.foot), at(right, front, z)]
    canvas.polygon([*face, at(cross.u, front, top), at(left, front, z)], body.wall, Layer.BUILDING)
    if cross.rise == 0:
        lift = 0.4 * body.rise / max(body.width / 2, 1)
        back = max(body.inward(z + lift), 0.0)
        lid = [at(left, front, z), at(right, front, z)]
        lid += [at(right, back, z + lift), at(left, back, z + lift)]
        canvas.polygon(lid, cross.roof, Layer.BUILDING, body.frame.heading, roof=True)
        return
    peak = max(body.inward(top), 0.0)
    across = body.frame.heading + np.pi / 2
    for u in (left, right):
        slope = [at(u, back, z), at(u, front, z), at(cross.u, front, top), at(cross.u, peak, top)]
        canvas.polygon(slope, cross.roof, Layer.BUILDING, across, roof=True)


def _wings(rng: np.random.Generator, body: Body, most: int) -> list[Cross]:
    """Up to `most` wings that reach out of the main body."""
    room = body.length / 2 - body.hip * body.width / 4
    wings = []
    for side in rng.permutation([-1, 1])[:most]:
        width = rng.uniform(3.5, min(0.6 * body.length, 7.0))
        if room - width / 2 < 0.2:
            continue
        u = rng.uniform(-1, 1) * (room - width / 2)
        reach = weighted_reach(rng)
        rise = min(width / 2 * body.rise / (body.width / 2), 0.92 * body.rise)
        front = body.width / 2 + reach
        wings.append(Cross(u, width, front, 0.0, body.eaves, rise, int(side), body.roof))
    return wings


def weighted_reach(rng: np.random.Generator) -> float:
    """Metres that a wing reaches beyond the eaves: often little, sometimes a whole room."""
    return float(rng.uniform(0.3, 1.2) if chance(rng, 0.5) else rng.uniform(1.5, 5.0))


def _dormers(canvas: Canvas, rng: np.random.Generator, body: Body) -> None:
    """A row of small dormers or one wide one, on one or both slopes."""
    room = body.length / 2 - body.hip * body.width / 2 - 1.0
    if room < 1.2 or body.rise < 2.5:
        return
    flat, wide = chance(rng, 0.5), chance(rng, 0.35)
    paint = flat_paint(rng) if flat and chance(rng, 0.6) else body.roof
    width = rng.uniform(1.0, 1.8) * room if wide else rng.uniform(1.4, 2.4)
    count = 1 if wide else int(rng.integers(1, max(2, int(2 * room / (width + 1.2)) + 1)))
    front = body.width / 2 * rng.uniform(0.55, 0.85)
    foot = body.eaves + body.rise * (1 - front / (body.width / 2))
    eaves = min(foot + rng.uniform(0.9, 1.5), body.eaves + 0.85 * body.rise)
    rise = 0.0 if flat or wide else min(width * 0.4, body.eaves + body.rise - eaves - 0.1)
    for side in (-1, 1) if chance(rng, 0.4) else (int(rng.choice([-1, 1])),):
        for i in range(count):
            u = (2 * (i + 0.5) / count - 1) * room
            cross = Cross(u, width, front, foot, eaves, max(rise, 0.0), side, paint)
            crosswise(canvas, body, cross)


def _on_slope(
    canvas: Canvas, body: Body, side: int, u: Sequence[float], share: Sequence[float], paint: Paint
) -> None:
    """A flat rectangle that lies on a slope, between two u (metres) and two shares of the way."""
    corners = [(u[0], share[0]), (u[1], share[0]), (u[1], share[1]), (u[0], share[1])]
    points = [body.on_slope(a, b, side) for a, b in corners]
    canvas.polygon(points, paint, Layer.BUILDING, body.frame.heading, roof=True)


def fittings(canvas: Canvas, rng: np.random.Generator, body: Body) -> None:
    """Put skylights, solar panels and chimneys."""
    room = body.length / 2 - body.hip * body.width / 3 - 0.5
    if room < 1:
        return
    slope = float(np.hypot(body.width / 2, body.rise))
    for side in (-1, 1):
        if chance(rng, 0.13):
            low, width = rng.uniform(0.1, 0.3), rng.uniform(0.5, 0.95) * room
            middle = rng.uniform(-1, 1) * (room - width)
            span = (middle - width, middle + width)
            _on_slope(canvas, body, side, span, (low, rng.uniform(0.55, 0.85)), PANEL)
            continue
        share, glass = rng.uniform(0.3, 0.6), WHITE if chance(rng, 0.25) else GLASS
        for _ in range(int(rng.poisson(1.0))):
            u = rng.uniform(-1, 1) * room
            height, width = rng.uniform(0.8, 1.3) / slope, rng.uniform(0.35, 0.5)
            span = (u - width, u + width)
            _on_slope(canvas, body, side, span, (share - 0.03, share + height + 0.03), CONCRETE)
            span = (u - width + 0.13, u + width - 0.13)
            _on_slope(canvas, body, side, span, (share, share + height), glass)
    for _ in range(int(rng.integers(0, 3))):
        chimney(canvas, rng, body, rng.uniform(-0.8, 0.8) * room)


def chimney(canvas: Canvas, rng: np.random.Generator, body: Body, u: float) -> None:
    """Put a chimney or a vent near the ridge."""
    share, side = rng.uniform(0.75, 1.0), int(rng.choice([-1, 1]))
    x, y, z = body.on_slope(u, share, side)
    size = (rng.uniform(0.4, 1.0), rng.uniform(0.4, 0.6), rng.uniform(0.7, 1.3))
    brick = pick(rng, (*WALLS, CONCRETE, darker(CONCRETE, 0.5)))
    frame = Frame(x, y, body.frame.heading)
    box(canvas, frame, size, brick, darker(brick, 0.8), foot=z - 0.2, roof=True)


def house(
    canvas: Canvas, rng: np.random.Generator, frame: Frame, size: tuple[float, float], theme: Theme
) -> None:
    """Put a dwelling house.

    Args:
        canvas: What it is put on.
        rng: Source of randomness.
        frame: Its centre; the ridge runs along u.
        size: Length and width in metres, eaves to eaves.
        theme: The look of its neighbours.
    """
    if chance(rng, 0.06):
        slab(canvas, rng, frame, size, rng.uniform(3.0, 6.5))
        return
    length, width = max(size), min(size)
    kind = rng.random()
    hip = 0.0 if kind < 0.55 else rng.uniform(0.2, 0.45) if kind < 0.68 else 1.0
    pitch = rng.uniform(0.4, 0.65) if hip == 1 else rng.uniform(0.45, 1.0)
    body = Body(
        frame,
        length,
        width,
        eaves=rng.uniform(2.8, 5.2),
        rise=width / 2 * pitch,
        hip=hip,
        roof=roof_paint(rng, theme),
        wall=pick(rng, WALLS),
    )
    walls(canvas, body)
    tone = rng.uniform(0.75, 1.45)
    slopes(canvas, body, darker(body.roof, tone) if chance(rng, 0.75) else None)
    for wing in _wings(rng, body, int(rng.choice([0, 0, 1, 1, 2]))):
        crosswise(canvas, body, wing)
    if chance(rng, 0.25):
        _dormers(canvas, rng, body)
    fittings(canvas, rng, body)


def row(canvas: Canvas, rng: np.random.Generator, frame: Frame, units: int, theme: Theme) -> None:
    """Put `units` row houses under one long roof, each with its own tiles and roof windows."""
    width, unit = rng.uniform(9.0, 13.0), rng.uniform(5.5, 8.5)
    eaves, rise = rng.uniform(4.0, 6.5), width / 2 * rng.uniform(0.45, 0.85)
    base, wall, steps = roof_paint(rng, theme), pick(rng, WALLS), chance(rng, 0.4)
    alike, dormers = chance(rng, 0.6), chance(rng, 0.3)
    for i in range(units):
        u = (i - (units - 1) / 2) * unit
        v = rng.uniform(-0.8, 0.8) if steps else 0.0
        lift = rng.uniform(0, 0.5) if steps else 0.0
        paint = base if alike else roof_paint(rng, theme)
        body = Body(
            frame.child(u, v), unit, width, eaves + lift, rise, 0.0, vary_little(rng, paint), wall
        )
        walls(canvas, body)
        slopes(canvas, body, darker(paint, 1.25))
        if dormers:
            _dormers(canvas, rng, body)
        fittings(canvas, rng, body)
        if chance(rng, 0.7):
            seam = [
                body.on_slope(-unit / 2, share, side)
                for side, share in ((-1, 0.0), (-1, 1.0), (1, 0.0))
            ]
            canvas.stroke(seam, 0.15, darker(paint, 0.7), Layer.BUILDING, roof=True)


def vary_little(rng: np.random.Generator, paint: Paint) -> Paint:
    """The same roof, a few years older or younger."""
    return darker(paint, rng.uniform(0.94, 1.06))


def slab(
    canvas: Canvas,
    rng: np.random.Generator,
    frame: Frame,
    size: tuple[float, float],
    height: float,
) -> None:
    """Put a building with a flat roof: a rim, perhaps a dome of glass or an outlet.

    Its roof is in the mask if it is at least `SMALLEST_ROOF` large.
    """
    length, width = size
    counted = length * width >= SMALLEST_ROOF
    paint, wall = flat_paint(rng), pick(rng, (*WALLS, WOOD))
    inner = frame.rectangle(length - 2 * OVERHANG / 2, width - 2 * OVERHANG / 2)
    top = frame.rectangle(length, width, height)
    for i in range(4):
        a, b = inner[i], inner[(i + 1) % 4]
        face = [a, b, (b[0], b[1], height), (a[0], a[1], height)]
        canvas.polygon(face, wall, Layer.BUILDING)
    canvas.polygon(top, paint, Layer.BUILDING, frame.heading, roof=counted)
    if chance(rng, 0.6):
        rim = darker(paint, rng.uniform(0.7, 1.7))
        canvas.stroke([*top, top[0]], 0.22, rim, Layer.BUILDING, roof=counted)
    for _ in range(int(rng.poisson(length * width / 60))):
        u, v = rng.uniform(-0.35, 0.35) * length, rng.uniform(-0.35, 0.35) * width
        spot = pick(rng, (WHITE, DARK, GLASS, CONCRETE))
        size3 = (rng.uniform(0.4, 1.1), rng.uniform(0.4, 1.0), 0.35)
        box(canvas, frame.child(u, v), size3, spot, spot, foot=height, roof=counted)


def shed(
    canvas: Canvas, rng: np.random.Generator, frame: Frame, size: tuple[float, float], theme: Theme
) -> None:
    """Put a garage or a shed: flat, or with a low ridge."""
    length, width = max(size), min(size)
    if chance(rng, 0.6):
        slab(canvas, rng, frame, size, rng.uniform(2.2, 3.0))
        return
    roof = roof_paint(rng, theme) if chance(rng, 0.6) else flat_paint(rng)
    body = Body(
        frame, length, width, 2.4, width / 2 * rng.uniform(0.3, 0.8), 0.0, roof, pick(rng, WALLS)
    )
    walls(canvas, body)
    small = length * width < SMALLEST_ROOF
    slopes_of_shed(canvas, body, not small)


def slopes_of_shed(canvas: Canvas, body: Body, roof: bool) -> None:
    """Put two plain slopes."""
    u, v, at = body.length / 2, body.width / 2, body.frame.at
    for side in (-1, 1):
        low, high = body.eaves, body.eaves + body.rise
        face = [at(-u, side * v, low), at(u, side * v, low), at(u, 0, high), at(-u, 0, high)]
        canvas.polygon(face, body.roof, Layer.BUILDING, body.frame.heading, roof)
