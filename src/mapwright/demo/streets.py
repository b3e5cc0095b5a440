"""The plan of a settlement: its streets, and where the plots along them lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapwright.demo.canvas import MARGIN, Layer, Site
from mapwright.demo.gardens import car, lawn, tree, wood
from mapwright.demo.geometry import Frame
from mapwright.demo.paint import (
    ASPHALTS,
    CONCRETE,
    FIELD,
    PAVINGS,
    SOIL,
    Paint,
    Rng,
    chance,
    darker,
    pick,
    shift,
    vary,
    weighted,
)
from mapwright.demo.plots import holding, terraced

STEP: Final = 6.0
"""Metres between the points of a street's bend."""
OUTSKIRTS: Final = 0.09
"""Share of the tiles that show a forest or a field."""
LONELY: Final = (24.0, 26.0)
"""Width and depth in metres of the plot of a lonely house."""
KINDS: Final = {"villas": 0.42, "suburb": 0.42, "dense": 0.16}
"""Share of each kind of settlement."""
SHORTEST: Final = 0.6
"""Width of the narrowest plot, as a share of the mean."""


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
    kind = weighted(rng, tuple(KINDS), tuple(KINDS.values()))
    depth, plot, area = {
        "villas": (rng.uniform(28, 40), rng.uniform(21, 30), rng.uniform(95, 180)),
        "suburb": (rng.uniform(24, 34), rng.uniform(16, 23), rng.uniform(90, 150)),
        "dense": (rng.uniform(20, 26), rng.uniform(13, 18), rng.uniform(80, 120)),
    }[kind]
    return Plan(
        frame=Frame(extent / 2, extent / 2, rng.uniform(-math.pi, math.pi)),
        reach=math.sqrt(0.5) * extent + MARGIN,
        bend=rng.uniform(0, 6),
        wave=rng.uniform(120, 300),
        phase=rng.uniform(0, 2 * math.pi),
        street=rng.uniform(4.0, 7.5),
        verge=rng.uniform(0.8, 3.0),
        depth=depth,
        plot=plot,
        block=rng.uniform(110, 240),
        house=area,
        rows={"villas": 0.02, "suburb": 0.12, "dense": 0.4}[kind],
        empty=rng.uniform(0.0, 0.35),
    )


def settle(site: Site) -> None:
    """Put a whole settlement, or once in a while a forest or a field at its edge."""
    extent = site.canvas.extent
    middle = Frame(extent / 2, extent / 2)
    soil = shift(site.theme.lawn, 0.8, (0.2, 0.0, 0.0))
    ground = vary(site.rng, Paint(site.theme.lawn, soil, 0.5, grain=0.13), 0.1)
    side = extent + 4 * MARGIN
    site.canvas.polygon(middle.rectangle(side, side), ground, Layer.GROUND)
    if chance(site.rng, OUTSKIRTS):
        outskirts(site, middle.child(0, 0, site.between(-math.pi, math.pi)))
    else:
        streets(site, roll_plan(site.rng, extent))


def outskirts(site: Site, middle: Frame) -> None:
    """Put forest or field with a track, and one lonely house or none."""
    extent = site.canvas.extent
    long, deep = 1.5 * extent + 4 * MARGIN, 0.75 * extent + MARGIN
    track = middle.child(0, site.between(-0.3, 0.3) * extent)
    gravel = vary(site.rng, pick(site.rng, ASPHALTS[2:4]), 0.1)
    site.canvas.polygon(track.rectangle(long, site.between(2.5, 4.0)), gravel, Layer.ROAD)
    front = track.child(site.between(-0.3, 0.3) * extent, 6)
    wood(site, track.child(0, -deep / 2 - 5), (long, deep))
    if chance(site.rng, 0.5):
        clearing = (front.at(0, LONELY[1] / 2), 0.6 * max(LONELY))
        wood(site, track.child(0, deep / 2 + 5), (long, deep), clearing)
    else:
        field, furrows = track.child(0, deep / 2 + 3), vary(site.rng, FIELD, 0.2)
        site.canvas.polygon(field.rectangle(long, deep), furrows, Layer.GROUND, field.heading)
    if chance(site.rng, 0.6):
        holding(site, front, LONELY, site.between(90, 180))


def streets(site: Site, plan: Plan) -> None:
    """Put all streets that cross the tile, and the plots on both sides of each."""
    spacing = 2 * (plan.depth + plan.verge) + plan.street
    asphalt = darker(pick(site.rng, ASPHALTS), site.between(0.85, 1.15))
    verge = pick(site.rng, (*PAVINGS, SOIL, SOIL, lawn(site), lawn(site)))
    first, crossing = site.between(0, spacing), site.between(0, plan.block)
    line = np.arange(-plan.reach - STEP, plan.reach + 2 * STEP, STEP).tolist()
    cuts = np.arange(-plan.reach - 2 * plan.block + crossing, plan.reach + plan.block, plan.block)
    for t in np.arange(-plan.reach - spacing + first, plan.reach + spacing, spacing).tolist():
        _strip(site, [plan.place(s, t) for s in line], plan, (asphalt, verge))
        _traffic(site, plan, t)
        for s in cuts.tolist():
            corner = plan.street / 2 + plan.verge
            for side in (-1, 1):
                _plots(site, plan, (t, side), (s + corner, s + plan.block - corner))
    for s in cuts.tolist():
        crossroad = [plan.place(s, t, math.pi / 2) for t in line]
        _strip(site, crossroad, plan, (asphalt, verge))


def _strip(site: Site, line: list[Frame], plan: Plan, paints: tuple[Paint, Paint]) -> None:
    """A street along the u axes of `line`: asphalt, and the verges under it."""
    asphalt, verge = paints
    for width, paint, layer in (
        (plan.street + 2 * plan.verge, verge, Layer.YARD),
        (plan.street, asphalt, Layer.ROAD),
    ):
        edges = [(frame.at(0, -width / 2), frame.at(0, width / 2)) for frame in line]
        for frame, start, end in zip(line[:-1], edges[:-1], edges[1:], strict=True):
            site.canvas.polygon([*start, *end[::-1]], paint, layer, frame.heading)


def _traffic(site: Site, plan: Plan, t: float) -> None:
    """Cars at the kerb, lamps, and trees on the verge, of the street at `t`."""
    busy, alley = site.between(0, 0.22), chance(site.rng, 0.3)
    for s in np.arange(-plan.reach, plan.reach, 5.5).tolist():
        place, side = plan.place(s, t), site.side()
        if chance(site.rng, busy):
            car(site, place.child(0, side * (plan.street / 2 - 0.9), site.bell(0.04)))
        if alley and chance(site.rng, 0.4):
            out = side * (plan.street / 2 + 0.6 * plan.verge + 0.3)
            tree(site, *place.at(0, out)[:2], scale=0.8)
        if chance(site.rng, 0.08):
            lamp = place.child(0, side * (plan.street / 2 + 0.4))
            post = [lamp.at(0, 0, 0.2), lamp.at(0, 0, 6.0)]
            site.canvas.stroke(post, 0.12, CONCRETE, Layer.OBJECT)


def _plots(site: Site, plan: Plan, street: tuple[float, int], ends: tuple[float, float]) -> None:
    """The plots on one side of a street (its t, and -1 or 1) between two cross streets."""
    t, side = street
    s, end = ends
    while end - s > SHORTEST * plan.plot:
        rows = chance(site.rng, plan.rows)
        width = plan.plot * (site.between(1.6, 3.0) if rows else site.between(0.8, 1.25))
        if end - s - width < SHORTEST * plan.plot:  # too little would be left: take it all
            width = end - s
        out = t + side * (plan.street / 2 + plan.verge)
        front = plan.place(s + width / 2, out, 0 if side > 0 else math.pi)
        s += width
        x, y, _ = front.at(0, plan.depth / 2)
        if not site.canvas.near(x, y, math.hypot(width, plan.depth) / 2):
            continue
        if rows:
            terraced(site, front, (width, plan.depth))
        else:
            area = 0.0 if chance(site.rng, plan.empty) else plan.house
            holding(site, front, (width, plan.depth), area)
