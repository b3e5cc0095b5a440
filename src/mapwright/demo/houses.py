"""Dwelling houses, row houses, garages and sheds."""

from __future__ import annotations

import math
from typing import Final

from mapwright.demo.canvas import Layer, Site
from mapwright.demo.geometry import Frame
from mapwright.demo.paint import (
    CONCRETE,
    DARK,
    GLASS,
    PANEL,
    WALLS,
    WHITE,
    WOOD,
    Paint,
    chance,
    darker,
    flat_paint,
    pick,
    roof_paint,
)
from mapwright.demo.roofs import OVERHANG, Body, Cross, box, crosswise, slopes, walls

SMALLEST_ROOF: Final = 20.0
"""Square metres; a shed with a smaller roof is not in the mask."""
FLAT_HOUSES: Final = 0.06
"""Share of the dwelling houses with a flat roof."""


def house(site: Site, frame: Frame, size: tuple[float, float]) -> None:
    """Put a dwelling house with its ridge along u; `size` = (length, width) metres at the eaves."""
    length, width = max(size), min(size)
    if chance(site.rng, FLAT_HOUSES):
        slab(site, frame, (length, width), site.between(3.0, 6.5))
        return
    kind = site.rng.random()
    hip = 0.0 if kind < 0.55 else site.between(0.2, 0.45) if kind < 0.68 else 1.0
    pitch = site.between(0.4, 0.65) if hip == 1 else site.between(0.45, 1.0)
    body = Body(
        frame,
        length,
        width,
        eaves=site.between(2.8, 5.2),
        rise=width / 2 * pitch,
        hip=hip,
        roof=roof_paint(site.rng, site.theme),
        wall=pick(site.rng, WALLS),
    )
    walls(site.canvas, body)
    tone = site.between(0.75, 1.45)
    slopes(site.canvas, body, darker(body.roof, tone) if chance(site.rng, 0.75) else None)
    _wings(site, body, pick(site.rng, (0, 0, 1, 1, 2)))
    if chance(site.rng, 0.25):
        _dormers(site, body)
    _fittings(site, body)


def row(site: Site, frame: Frame, units: int, size: tuple[float, float]) -> None:
    """Put `units` row houses, each `size` = (length along the row, depth) metres."""
    rng, (unit, width) = site.rng, size
    eaves, rise = site.between(4.0, 6.5), width / 2 * site.between(0.45, 0.85)
    base, wall = roof_paint(rng, site.theme), pick(rng, WALLS)
    steps = 0.5 if chance(rng, 0.4) else 0.0
    alike, dormers, seams = chance(rng, 0.6), chance(rng, 0.3), chance(rng, 0.7)
    for i in range(units):
        u, v = (i - (units - 1) / 2) * unit, steps * site.between(-1.6, 1.6)
        paint = base if alike else roof_paint(rng, site.theme)
        aged = darker(paint, site.between(0.94, 1.06))
        low = eaves + steps * site.between(0, 1)
        body = Body(frame.child(u, v), unit, width, low, rise, 0.0, aged, wall)
        walls(site.canvas, body)
        slopes(site.canvas, body, darker(paint, 1.25))
        if dormers:
            _dormers(site, body)
        _fittings(site, body)
        if seams:
            ends = ((-1, 0.0), (-1, 1.0), (1, 0.0))
            seam = [body.on_slope(-unit / 2, share, side) for side, share in ends]
            site.canvas.stroke(seam, 0.15, darker(paint, 0.7), Layer.ROOF, roof=True)


def shed(site: Site, frame: Frame, size: tuple[float, float]) -> None:
    """Put a garage or a shed of `size` = (length, width) metres: flat, or with a low ridge.

    Its roof is in the mask if it is at least `SMALLEST_ROOF` large.
    """
    length, width = max(size), min(size)
    if chance(site.rng, 0.6):
        slab(site, frame, (length, width), site.between(2.2, 3.0))
        return
    pitched = chance(site.rng, 0.6)
    roof = roof_paint(site.rng, site.theme) if pitched else flat_paint(site.rng)
    rise = width / 2 * site.between(0.3, 0.8)
    body = Body(frame, length, width, 2.4, rise, 0.0, roof, pick(site.rng, WALLS))
    walls(site.canvas, body)
    slopes(site.canvas, body, roof=length * width >= SMALLEST_ROOF)


def slab(site: Site, frame: Frame, size: tuple[float, float], height: float) -> None:
    """Put a flat-roofed building `height` metres high: a rim, perhaps domes of glass or outlets.

    Its roof is in the mask if it is at least `SMALLEST_ROOF` large.
    """
    (length, width), canvas, rng = size, site.canvas, site.rng
    counted = length * width >= SMALLEST_ROOF
    paint, wall = flat_paint(rng), pick(rng, (*WALLS, WOOD))
    inner = (length - OVERHANG, width - OVERHANG, height - 0.05)
    box(canvas, frame, inner, wall, wall, Layer.WALL)
    top = frame.rectangle(length, width, height)
    canvas.polygon(top, paint, Layer.ROOF, frame.heading, roof=counted)
    if chance(rng, 0.6):
        rim = darker(paint, site.between(0.7, 1.7))
        canvas.stroke([*top, top[0]], 0.22, rim, Layer.ROOF, roof=counted)
    for _ in range(site.count(length * width / 60)):
        spot = frame.child(site.between(-0.35, 0.35) * length, site.between(-0.35, 0.35) * width)
        outlet = (site.between(0.4, 1.1), site.between(0.4, 1.0), 0.35)
        cover = pick(rng, (WHITE, DARK, GLASS, CONCRETE))
        box(canvas, spot, outlet, cover, cover, foot=height, roof=counted)


def _wings(site: Site, body: Body, most: int) -> None:
    """Up to `most` wings that reach out of the main body: often little, sometimes a whole room."""
    room = body.length / 2 - body.hip * body.width / 4
    first = site.side()
    for side in (first, -first)[:most]:
        width = site.between(3.5, max(min(0.6 * body.length, 7.0), 3.6))
        if room - width / 2 < 0.2:
            continue
        u = site.between(-1, 1) * (room - width / 2)
        reach = site.between(0.3, 1.2) if chance(site.rng, 0.5) else site.between(1.5, 5.0)
        # The same pitch as the main roof, and always below its ridge.
        rise = body.rise * min(width / body.width, 0.92)
        front = body.width / 2 + reach
        wing = Cross(u, width, front, 0.0, body.eaves, rise, side, body.roof)
        crosswise(site.canvas, body, wing)


def _dormers(site: Site, body: Body) -> None:
    """A row of small dormers or one wide one, on one or both slopes."""
    room = body.length / 2 - body.hip * body.width / 2 - 1.0
    if room < 1.2 or body.rise < 2.5:
        return
    flat, wide = chance(site.rng, 0.5), chance(site.rng, 0.35)
    paint = flat_paint(site.rng) if flat and chance(site.rng, 0.6) else body.roof
    width = site.between(1.0, 1.8) * room if wide else site.between(1.4, 2.4)
    most = max(1, int(2 * room / (width + 1.2)))
    count = 1 if wide else int(site.rng.integers(1, most + 1))
    front = body.width / 2 * site.between(0.55, 0.85)
    foot = body.eaves + body.rise * (1 - front / (body.width / 2))
    top = body.eaves + body.rise
    eaves = min(foot + site.between(0.9, 1.5), top - 0.15 * body.rise)
    rise = 0.0 if flat or wide else min(width * 0.4, top - eaves - 0.1)
    for side in (-1, 1) if chance(site.rng, 0.4) else (site.side(),):
        for i in range(count):
            u = (2 * (i + 0.5) / count - 1) * room
            crosswise(site.canvas, body, Cross(u, width, front, foot, eaves, rise, side, paint))


def _fittings(site: Site, body: Body) -> None:
    """Solar panels or skylights on each slope, chimneys and vents near the ridge."""
    room = body.length / 2 - body.hip * body.width / 3 - 0.5
    if room < 1:
        return
    for side in (-1, 1):
        if chance(site.rng, 0.13):
            width = site.between(0.5, 0.95) * room
            u = site.between(-1, 1) * (room - width)
            shares = (site.between(0.1, 0.3), site.between(0.55, 0.85))
            _lay(site, body, side, (u - width, u + width), shares, PANEL)
        else:
            _skylights(site, body, side, room)
    for _ in range(int(site.rng.integers(0, 3))):
        _chimney(site, body, site.between(-0.8, 0.8) * room)


def _skylights(site: Site, body: Body, side: int, room: float) -> None:
    slope = math.hypot(body.width / 2, body.rise)
    low, glass = site.between(0.3, 0.6), WHITE if chance(site.rng, 0.25) else GLASS
    for _ in range(site.count(1.0)):
        u, width = site.between(-1, 1) * room, site.between(0.35, 0.5)
        high = low + site.between(0.8, 1.3) / slope
        _lay(site, body, side, (u - width, u + width), (low - 0.03, high + 0.03), CONCRETE)
        _lay(site, body, side, (u - width + 0.13, u + width - 0.13), (low, high), glass)


def _lay(
    site: Site,
    body: Body,
    side: int,
    span: tuple[float, float],
    shares: tuple[float, float],
    paint: Paint,
) -> None:
    """A flat rectangle that lies on a slope, between two u (metres) and two shares of the way."""
    (left, right), (low, high) = span, shares
    corners = ((left, low), (right, low), (right, high), (left, high))
    points = [body.on_slope(u, share, side) for u, share in corners]
    site.canvas.polygon(points, paint, Layer.ROOF, body.frame.heading, roof=True)


def _chimney(site: Site, body: Body, u: float) -> None:
    x, y, z = body.on_slope(u, site.between(0.75, 1.0), site.side())
    size = (site.between(0.4, 1.0), site.between(0.4, 0.6), site.between(0.7, 1.3))
    brick = pick(site.rng, (*WALLS, CONCRETE, darker(CONCRETE, 0.5)))
    frame = Frame(x, y, body.frame.heading)
    box(site.canvas, frame, size, brick, darker(brick, 0.8), foot=z - 0.2, roof=True)
