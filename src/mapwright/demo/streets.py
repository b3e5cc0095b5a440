"""The plan of a settlement: streets, the plots along them, and what each plot holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mapwright.demo.canvas import MARGIN, Canvas, Frame, Layer
from mapwright.demo.gardens import (
    EXTRAS,
    Rng,
    border,
    shrubs,
    car,
    lawn,
    odds,
    tree,
    wood,
)
from mapwright.demo.houses import house, row, shed
from mapwright.demo.paint import (
    ASPHALTS,
    CONCRETE,
    DARK,
    PAVINGS,
    SOIL,
    WHITE,
    Paint,
    Theme,
    chance,
    darker,
    pick,
    shift,
    vary,
    weighted,
)

STEP = 6.0
"""Metres between the points of a street's bend."""


@dataclass(frozen=True)
class Plan:
    """How a settlement is laid out; metres.

    Args:
        frame: The middle of the tile and the heading of the streets.
        reach: Metres from the middle to beyond the tile's corners.
        bend: How far the streets swing to each side.
        wave: Length of one swing.
        phase: Where on its swing the middle is, in radians.
        street: Width of a street between its verges.
        verge: Width of the strip beside it.
        depth: Of a plot, from the verge to its far end.
        plot: Mean width of a plot along the street.
        block: Length of the rows of plots between two cross streets.
        house: Mean area of a dwelling house, square metres.
        rows: Share of the plots with row houses.
        empty: Share of the plots without a house.
    """

    frame: Frame
    reach: float
    bend: float
    wave: float
    phase: float
    street: float
    verge: float
    depth: float
    plot: float
    block: float
    house: float
    rows: float
    empty: float

    def place(self, s: float, t: float, turn: float = 0.0) -> Frame:
        """The frame at `s` metres along the streets and `t` metres across them."""
        angle = 2 * math.pi * s / self.wave + self.phase
        tilt = math.atan(self.bend * 2 * math.pi / self.wave * math.cos(angle))
        return self.frame.child(s, t + self.bend * math.sin(angle), tilt + turn)


def roll_plan(rng: Rng, extent: float) -> Plan:
    """The plan of a settlement around a tile of `extent` metres."""
    kind = weighted(rng, ("villas", "suburb", "dense"), (0.35, 0.45, 0.2))
    depth, plot, area = {
        "villas": (rng.uniform(28, 40), rng.uniform(21, 30), rng.uniform(100, 190)),
        "suburb": (rng.uniform(24, 34), rng.uniform(16, 23), rng.uniform(90, 150)),
        "dense": (rng.uniform(20, 26), rng.uniform(13, 18), rng.uniform(80, 120)),
    }[kind]
    return Plan(
        frame=Frame(extent / 2, extent / 2, rng.uniform(-math.pi, math.pi)),
        reach=0.71 * extent + MARGIN,
        bend=rng.uniform(0, 6),
        wave=rng.uniform(120, 300),
        phase=rng.uniform(0, 2 * math.pi),
        street=rng.uniform(4.0, 7.5),
        verge=rng.uniform(0.8, 3.0),
        depth=depth,
        plot=plot,
        block=rng.uniform(110, 240),
        house=area,
        rows={"villas": 0.02, "suburb": 0.12, "dense": 0.45}[kind],
        empty=rng.uniform(0.0, 0.25),
    )


def settle(canvas: Canvas, rng: Rng, theme: Theme) -> None:
    """Put a whole settlement, or once in a while a forest or a field at its edge."""
    extent = canvas.extent
    side = extent + 4 * MARGIN
    middle = Frame(extent / 2, extent / 2, rng.uniform(-math.pi, math.pi))
    ground = vary(rng, Paint(theme.lawn, shift(theme.lawn, 0.8, (0.2, 0.0, 0.0)), 0.5, 0.13), 0.1)
    canvas.polygon(Frame(extent / 2, extent / 2).rectangle(side, side), ground, Layer.GROUND)
    if chance(rng, 0.09):
        outskirts(canvas, rng, middle, theme)
        return
    plan = roll_plan(rng, extent)
    streets(canvas, rng, plan, theme)


def outskirts(canvas: Canvas, rng: Rng, middle: Frame, theme: Theme) -> None:
    """Put forest or field with a track, and one lonely house or none."""
    side = canvas.extent * 1.5 + 4 * MARGIN
    track = middle.child(0, rng.uniform(-0.3, 0.3) * canvas.extent)
    canvas.polygon(
        track.rectangle(side, rng.uniform(2.5, 4.0)),
        vary(rng, pick(rng, ASPHALTS[2:4]), 0.1),
        Layer.ROAD,
    )
    shade = 0.7 * canvas.extent
    if chance(rng, 0.5):
        for end in (-1, 1):
            wood(canvas, rng, track.child(0, end * (shade / 2 + 5)), (side, shade), theme)
    else:
        furrow = vary(rng, Paint((110, 98, 70), (92, 98, 54), 0.5, 0.1, 0.05, (90.0, 1.2)), 0.2)
        field = track.child(0, shade / 2 + 3)
        canvas.polygon(field.rectangle(side, shade), furrow, Layer.GROUND, field.heading)
        wood(canvas, rng, track.child(0, -shade / 2 - 6), (side, shade * 0.8), theme)
    if chance(rng, 0.6):
        plot = track.child(rng.uniform(-0.3, 0.3) * canvas.extent, 6, 0)
        holding(canvas, rng, plot, (24.0, 26.0), rng.uniform(90, 180), theme)


def streets(canvas: Canvas, rng: Rng, plan: Plan, theme: Theme) -> None:
    """Put all streets that cross the tile, and the plots on both sides of each."""
    spacing = 2 * (plan.depth + plan.verge) + plan.street
    first = rng.uniform(0, spacing)
    crossing = rng.uniform(0, plan.block)
    asphalt, kerb = (
        darker(pick(rng, ASPHALTS), rng.uniform(0.85, 1.15)),
        pick(rng, (*PAVINGS, SOIL, SOIL, lawn(rng, theme), lawn(rng, theme))),
    )
    cuts = np.arange(-plan.reach - 2 * plan.block + crossing, plan.reach + plan.block, plan.block)
    for t in np.arange(-plan.reach - spacing + first, plan.reach + spacing, spacing).tolist():
        line = np.arange(-plan.reach - STEP, plan.reach + 2 * STEP, STEP).tolist()
        _strip(canvas, [plan.place(s, t) for s in line], plan, (asphalt, kerb))
        _traffic(canvas, rng, plan, t, theme)
        for s in cuts.tolist():
            ends = (s + plan.street / 2 + plan.verge, s + plan.block - plan.street / 2 - plan.verge)
            for side in (-1, 1):
                _plots(canvas, rng, plan, (t, side), ends, theme)
    quarter = math.pi / 2
    line = np.arange(-plan.reach - STEP, plan.reach + 2 * STEP, STEP).tolist()
    for s in cuts.tolist():
        _strip(canvas, [plan.place(s, t, quarter) for t in line], plan, (asphalt, kerb))


def _strip(canvas: Canvas, line: list[Frame], plan: Plan, paints: tuple[Paint, Paint]) -> None:
    """A street along the u axes of `line`: verges below, asphalt above."""
    asphalt, kerb = paints
    for width, paint, layer in (
        (plan.street + 2 * plan.verge, kerb, Layer.YARD),
        (plan.street, asphalt, Layer.ROAD),
    ):
        edges = [(frame.at(0, -width / 2), frame.at(0, width / 2)) for frame in line]
        for frame, a, b in zip(line, edges[:-1], edges[1:], strict=False):
            canvas.polygon([*a, *b[::-1]], paint, layer, frame.heading)


def _traffic(canvas: Canvas, rng: Rng, plan: Plan, t: float, theme: Theme) -> None:
    """Cars at the kerb, lamps, and trees on the verge."""
    busy, alley = rng.uniform(0, 0.22), chance(rng, 0.3)
    for s in np.arange(-plan.reach, plan.reach, 5.5).tolist():
        side = int(rng.choice([-1, 1]))
        place = plan.place(s, t)
        if chance(rng, busy):
            spot = place.child(0, side * (plan.street / 2 - 0.9), rng.normal(0, 0.04))
            car(canvas, rng, spot)
        if alley and chance(rng, 0.4):
            x, y, _ = place.at(0, side * (plan.street / 2 + 0.6 * plan.verge + 0.3))
            tree(canvas, rng, x, y, theme, 0.8)
        if chance(rng, 0.08):
            x, y, _ = place.at(0, side * (plan.street / 2 + 0.4))
            canvas.stroke([(x, y, 0.2), (x, y, 6.0)], 0.12, CONCRETE, Layer.OBJECT)


def _plots(
    canvas: Canvas,
    rng: Rng,
    plan: Plan,
    street: tuple[float, int],
    ends: tuple[float, float],
    theme: Theme,
) -> None:
    """The plots on one side of a street (its t, and -1 or 1) between two cross streets."""
    t, side = street
    s, end = ends
    while end - s > 0.6 * plan.plot:
        rows = chance(rng, plan.rows)
        width = plan.plot * (rng.uniform(1.6, 3.0) if rows else rng.uniform(0.8, 1.25))
        width = min(width, end - s) if end - s - width > 0.6 * plan.plot else end - s
        front = plan.place(
            s + width / 2, t + side * (plan.street / 2 + plan.verge), 0 if side > 0 else math.pi
        )
        s += width
        x, y, _ = front.at(0, plan.depth / 2)
        far = max(abs(x - plan.frame.x), abs(y - plan.frame.y)) - max(width, plan.depth)
        if far > plan.reach / 1.42 + MARGIN:
            continue
        if rows:
            terraced(canvas, rng, front, (width, plan.depth), theme)
        else:
            area = 0.0 if chance(rng, plan.empty) else plan.house
            holding(canvas, rng, front, (width, plan.depth), area, theme)


def holding(
    canvas: Canvas,
    rng: Rng,
    front: Frame,
    size: tuple[float, float],
    area: float,
    theme: Theme,
) -> None:
    """Put one plot with its house and garden.

    Args:
        canvas: What it is put on.
        rng: Source of randomness.
        front: The middle of its front; v points away from the street.
        size: Width along the street and depth, metres.
        area: Mean area of the house in square metres; 0 for a plot without one.
        theme: The look of its neighbours.
    """
    width, depth = size
    middle = front.child(0, depth / 2)
    canvas.polygon(middle.rectangle(width, depth), lawn(rng, theme), Layer.GROUND)
    taken = [(0.0, 0.0, 0.0, 0.0)]
    if area:
        taken = _dwelling(canvas, rng, front, size, area, theme)
    elif chance(rng, 0.3):
        wood(canvas, rng, middle, (width - 3, depth - 3), theme)
    _garden(canvas, rng, front, size, taken, theme)


Taken = list[tuple[float, float, float, float]]
"""Rectangles that are built on: middle u, middle v, half length, half width, metres."""


def _dwelling(
    canvas: Canvas,
    rng: Rng,
    front: Frame,
    size: tuple[float, float],
    area: float,
    theme: Theme,
) -> Taken:
    """House, drive, garage and shed; returns the ground that they take."""
    width, depth = size
    area *= math.exp(0.2 * rng.standard_normal())
    aspect = rng.uniform(1.0, 1.55)
    long = math.sqrt(area * aspect)
    along = chance(rng, 0.6) and long < width - 2
    face = min(long if along else area / long, width - 2.5)
    deep = min(area / long if along else long, 0.6 * depth)
    setback = rng.uniform(3.0, 0.25 * depth)
    spare = (width - face) / 2 - 0.8
    u, v = rng.uniform(-1, 1) * max(spare, 0), setback + deep / 2
    turn = rng.normal(0, 0.06) * (1.5 - theme.order)
    quarter = 0.0 if face >= deep else math.pi / 2
    _yard(canvas, rng, front, (u, v, face, deep), width)
    house(canvas, rng, front.child(u, v, turn + quarter), (face, deep), theme)
    taken = [(u, v, face / 2, deep / 2)]
    side = -1 if u > 0 else 1
    gap = width / 2 - side * u - face / 2
    if gap > 3.2 and chance(rng, 0.65):
        long, wide = rng.uniform(5.0, 8.0), min(gap - 0.2, rng.uniform(3.0, 6.5))
        spot = (side * (width / 2 - wide / 2 - 0.2), setback + rng.uniform(0, 6) + long / 2)
        shed(canvas, rng, front.child(*spot, math.pi / 2), (long, wide), theme)
        taken.append((*spot, wide / 2, long / 2))
    if chance(rng, 0.45):
        long, wide = rng.uniform(2.5, 8.0), rng.uniform(2.0, 5.0)
        spot = (rng.uniform(-0.5, 0.5) * (width - long), depth - wide / 2 - rng.uniform(0.3, 3.0))
        if spot[1] - wide / 2 > v + deep / 2 + 2:
            shed(canvas, rng, front.child(*spot, rng.normal(0, 0.05)), (long, wide), theme)
            taken.append((*spot, long / 2, wide / 2))
    return taken


def _yard(
    canvas: Canvas,
    rng: Rng,
    front: Frame,
    place: tuple[float, float, float, float],
    width: float,
) -> None:
    """A drive beside the house, a path to its door, a terrace behind it."""
    u, v, face, deep = place
    paint = vary(rng, pick(rng, PAVINGS), 0.15)
    side = -1 if u > 0 else 1
    gap = width / 2 - side * u - face / 2
    drive = min(max(gap - 0.4, 2.2), rng.uniform(2.5, 6.0))
    long = v + rng.uniform(-0.3, 0.6) * deep
    spot = front.child(side * (width / 2 - drive / 2 - 0.2), long / 2)
    canvas.polygon(spot.rectangle(drive, long), paint, Layer.YARD, front.heading)
    path = front.child(u + rng.uniform(-0.3, 0.3) * face, (v - deep / 2) / 2)
    canvas.polygon(path.rectangle(1.3, v - deep / 2 + 1), paint, Layer.YARD, front.heading)
    if chance(rng, 0.6):
        car(canvas, rng, spot.child(0, rng.uniform(-0.3, 0.2) * long, math.pi / 2))
    if chance(rng, 0.75):
        rim = rng.uniform(0.4, 1.6)
        around = front.child(u, v).rectangle(face + 2 * rim, deep + 2 * rim)
        canvas.polygon(around, vary(rng, pick(rng, PAVINGS), 0.15), Layer.YARD, front.heading)
    back = front.child(u + rng.uniform(-0.2, 0.2) * face, v + deep / 2 + 1.5)
    EXTRAS[-1](canvas, rng, back, _PLAIN)


def _garden(
    canvas: Canvas, rng: Rng, front: Frame, size: tuple[float, float], taken: Taken, theme: Theme
) -> None:
    """Borders, trees, bushes and extras, clear of what is built."""
    width, depth = size
    corners = [front.at(u * width / 2, v) for u, v in ((-1, 0), (-1, depth), (1, depth), (1, 0))]
    for start, end in zip(corners[:-1], corners[1:], strict=True):
        border(canvas, rng, start, end, theme)
    if chance(rng, 0.6):
        border(canvas, rng, front.at(-width / 2, 0.3), front.at(0.1 * width, 0.3), theme)
    for _ in range(int(rng.poisson(1.6))):
        if spot := _free(rng, size, taken, 2.6):
            taken = [*taken, (*spot, 1.5, 1.5)]
            frame = front.child(*spot, rng.normal(0, 0.1) + math.pi / 2 * rng.integers(2))
            pick(rng, EXTRAS)(canvas, rng, frame, theme)
    u, v, half, other = taken[0]
    odds(canvas, rng, front.child(0, depth / 2), size, int(rng.poisson(theme.clutter)))
    around = (2 * half + 7, 2 * other + 7)
    odds(canvas, rng, front.child(u, v), around, int(rng.poisson(2 * theme.clutter)))
    for _ in range(int(rng.poisson(theme.trees * width * depth))):
        if spot := _free(rng, size, taken, 0.5):
            tree(canvas, rng, *front.at(*spot)[:2], theme)
    for _ in range(int(rng.poisson(0.01 * width * depth))):
        if spot := _free(rng, size, taken, 0.2):
            shrubs(canvas, rng, front.child(*spot), theme)


def _free(
    rng: Rng, size: tuple[float, float], taken: Taken, clear: float
) -> tuple[float, float] | None:
    """A place (u, v) at least `clear` metres from what is built, or None."""
    width, depth = size
    for _ in range(4):
        u, v = rng.uniform(-0.48, 0.48) * width, rng.uniform(0.02, 0.98) * depth
        if all(
            abs(u - a) > half + clear or abs(v - b) > other + clear for a, b, half, other in taken
        ):
            return u, v
    return None


def terraced(
    canvas: Canvas, rng: Rng, front: Frame, size: tuple[float, float], theme: Theme
) -> None:
    """Put a plot with a row of houses and narrow gardens behind it."""
    width, depth = size
    canvas.polygon(
        front.child(0, depth / 2).rectangle(width, depth), lawn(rng, theme), Layer.GROUND
    )
    units = max(2, int((width - 3) / 7.0))
    setback = rng.uniform(3.0, 6.0)
    v = setback + 5.5
    yard = front.child(0, setback / 2).rectangle(width - 2, setback)
    if chance(rng, 0.6):
        canvas.polygon(yard, vary(rng, pick(rng, PAVINGS), 0.15), Layer.YARD, front.heading)
    row(canvas, rng, front.child(0, v), units, theme)
    taken = [(0.0, v, units * 3.6, 6.0)]
    for i in range(units + 1):
        u = (i - units / 2) * 7.0
        border(canvas, rng, front.at(u, v + 6), front.at(u, depth), theme)
        if chance(rng, 0.5) and depth > v + 13:
            long, wide = rng.uniform(2.0, 3.0), rng.uniform(2.0, 3.0)
            shed(canvas, rng, front.child(u + 1.8, depth - 2.0), (long, wide), theme)
        terrace_at = front.child(u + 3.5, v + 7.5)
        if i < units and chance(rng, 0.7):
            pick(rng, EXTRAS[-2:])(canvas, rng, terrace_at, theme)
    _garden(canvas, rng, front, size, taken, theme)


_PLAIN = Theme((), (0, 0, 0), (), 0, 0, 0, 0)
