"""What stands and grows around houses: plants, yards, cars, pools and odds and ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from mapwright.demo.canvas import Crown, Layer, Site
from mapwright.demo.geometry import Frame, Point
from mapwright.demo.paint import (
    BARK,
    BED,
    CARS,
    CONCRETE,
    CONIFERS,
    DARK,
    GLASS,
    ODDS,
    PAVINGS,
    POOL,
    RGB,
    SOIL,
    WALLS,
    WHITE,
    WOOD,
    Paint,
    chance,
    darker,
    pick,
    shift,
    vary,
)
from mapwright.demo.roofs import box

LARGEST_TREE: Final = 8.0
"""Metres from a trunk within which all leaves lie, or nearly all."""

FOREST_BARE: Final = 0.4
"""Share of bare trees in a forest, as a factor on that in gardens."""


def lawn(site: Site) -> Paint:
    """The ground of one garden: mown, wild, dry or dug over."""
    if chance(site.rng, 0.12):
        return vary(site.rng, SOIL, 0.15)
    dry = shift(site.theme.lawn, site.between(0.75, 1.1), (0.14, -0.06, -0.02))
    grass = Paint(site.theme.lawn, dry, site.between(0.1, 0.6), grain=site.between(0.06, 0.16))
    return vary(site.rng, grass, 0.14)


def paving(site: Site) -> Paint:
    """The slabs or stones of one yard."""
    return vary(site.rng, pick(site.rng, PAVINGS), 0.15)


def leaves(site: Site, rgb: RGB) -> Paint:
    """Leaves around one colour, with a second tone in clumps."""
    tint = (0.08 * site.rng.standard_normal(3)).tolist()
    base = shift(rgb, math.exp(site.bell(0.16)), tint)
    return Paint(base, shift(base, 1.12, (0.06, 0.0, -0.1)), 0.4, grain=0.13)


def tree(site: Site, x: float, y: float, scale: float = 1.0) -> None:
    """Put one tree at x, y metres: broad-leaved, conifer or bare."""
    if not site.canvas.near(x, y, LARGEST_TREE):
        return
    if chance(site.rng, site.theme.bare):
        bare_tree(site, x, y, scale)
        return
    pointed = chance(site.rng, 0.2)
    spread = site.between(1.2, 2.8) if pointed else 0.5 + float(site.rng.gamma(5.0, 0.5))
    radius = scale * spread
    depth = radius * (site.between(1.8, 3.0) if pointed else site.between(0.9, 1.5))
    foot = site.between(0.3, 1.0) if pointed else radius * site.between(0.2, 0.6)
    paint = leaves(site, pick(site.rng, CONIFERS if pointed else site.theme.greens))
    site.canvas.crown(Crown((x, y), (x, y), radius, foot, depth, pointed, paint))


def bush(site: Site, x: float, y: float) -> None:
    """Put one bush at x, y metres."""
    radius = 0.35 + float(site.rng.gamma(2.0, 0.22))
    paint = leaves(site, pick(site.rng, site.theme.greens))
    depth = radius * site.between(0.8, 1.4)
    site.canvas.crown(Crown((x, y), (x, y), radius, 0.1, depth, False, paint))


def shrubs(site: Site, frame: Frame) -> None:
    """Put a handful of bushes that stand together."""
    spread = site.between(0.5, 2.0)
    for _ in range(int(site.rng.integers(1, 9))):
        bush(site, *frame.at(site.bell(2 * spread), site.bell(spread))[:2])


def bare_tree(site: Site, x: float, y: float, scale: float = 1.0) -> None:
    """Put a tree without leaves: boughs that fork twice, and their shadows."""
    radius, height = scale * site.between(2.0, 4.5), site.between(5.0, 10.0)
    bark = vary(site.rng, BARK, 0.2)
    boughs = int(site.rng.integers(7, 12))
    for i in range(boughs):
        turn = 2 * math.pi * (i + site.between(-0.3, 0.3)) / boughs
        _bough(site, (x, y, 0.45 * height), turn, (radius, 0.55 * height), bark, forks=2)


def _bough(
    site: Site, start: Point, turn: float, reach: tuple[float, float], bark: Paint, forks: int
) -> None:
    """One bough and what grows from it; `reach` = (metres outwards, metres upwards)."""
    out, up = reach
    share = site.between(0.4, 0.6) if forks else 1.0
    x, y, z = start
    end = (x + share * out * math.cos(turn), y + share * out * math.sin(turn), z + share * up)
    site.canvas.twig(start, end, bark)
    for side in (-1, 1) if forks else ():
        bend = turn + side * site.between(0.15, 0.6)
        _bough(site, end, bend, ((1 - share) * out, (1 - share) * up), bark, forks - 1)


def hedge(site: Site, start: Point, end: Point) -> None:
    """Put a hedge from `start` to `end`."""
    paint = leaves(site, pick(site.rng, site.theme.greens))
    radius, depth = site.between(0.4, 0.8), site.between(0.5, 1.4)
    site.canvas.crown(Crown(start[:2], end[:2], radius, 0.3, depth, False, paint))


def fence(site: Site, start: Point, end: Point) -> None:
    """Put a fence or a low wall from `start` to `end`."""
    height = site.between(0.8, 1.8)
    paint = vary(site.rng, pick(site.rng, (WOOD, CONCRETE, DARK, WALLS[0])), 0.2)
    line = [(x, y, height) for x, y, _ in (start, end)]
    site.canvas.stroke(line, site.between(0.1, 0.25), paint, Layer.OBJECT)


def border(site: Site, start: Point, end: Point) -> None:
    """Put whatever parts two plots: a hedge, a fence, bushes or nothing."""
    kind = site.rng.random()
    if kind < 0.3:
        hedge(site, start, end)
    elif kind < 0.7:
        fence(site, start, end)
    if kind > 0.55:
        for _ in range(site.count(0.15 * math.dist(start, end))):
            share = site.rng.random()
            x, y, _ = ((1 - share) * a + share * b for a, b in zip(start, end, strict=True))
            bush(site, x, y)


def car(site: Site, frame: Frame) -> None:
    """Put a car that looks along u: body, windows, roof."""
    canvas, van = site.canvas, chance(site.rng, 0.08)
    paint = Paint(shift(pick(site.rng, CARS), site.between(0.85, 1.1)), grain=0.02)
    length, width, height = site.between(4.0, 4.8), 2.0 if van else 1.75, 2.3 if van else 1.45
    u, v = length / 2, width / 2
    outline = [(-u, -0.7 * v), (-u + 0.4, -v), (u - 0.6, -v), (u, -0.6 * v)]
    outline += [(a, -b) for a, b in reversed(outline)]
    canvas.polygon([frame.at(a, b, 0.8 * height) for a, b in outline], paint, Layer.OBJECT)
    if van:
        canvas.polygon(frame.child(0.75 * u, 0).rectangle(0.5, 1.5, height), GLASS, Layer.OBJECT)
        return
    cabin = frame.child(-0.1 * u, 0)
    canvas.polygon(cabin.rectangle(0.58 * length, 0.74 * width, height - 0.1), DARK, Layer.OBJECT)
    canvas.polygon(cabin.rectangle(0.36 * length, 0.74 * width, height), paint, Layer.OBJECT)


def odds(site: Site, frame: Frame, size: tuple[float, float], count: int) -> None:
    """Put `count` small things within a rectangle of `size` metres: bins, chairs, boards."""
    for _ in range(count):
        u, v = (site.between(-0.5, 0.5) * side for side in size)
        paint = vary(site.rng, Paint(pick(site.rng, ODDS), grain=0.05), 0.2)
        spot = frame.child(u, v, site.between(0, math.pi))
        thing = spot.rectangle(site.between(0.25, 1.6), site.between(0.2, 0.7), 0.6)
        site.canvas.polygon(thing, paint, Layer.OBJECT)


def pool(site: Site, frame: Frame) -> None:
    """Put a pool, round or long, with a pale rim."""
    length = site.between(3.0, 5.0)
    width = length if chance(site.rng, 0.6) else length * site.between(0.45, 0.7)
    high = 0.6 if chance(site.rng, 0.6) else 0.05
    rim, water = frame.ellipse(length + 0.6, width + 0.6, high), frame.ellipse(length, width, high)
    site.canvas.polygon(rim, CONCRETE, Layer.OBJECT)
    site.canvas.polygon(water, vary(site.rng, POOL, 0.15), Layer.OBJECT)


def trampoline(site: Site, frame: Frame) -> None:
    """Put a trampoline: a dark round with a coloured ring."""
    size, ring = site.between(2.6, 4.2), Paint(pick(site.rng, ODDS))
    site.canvas.polygon(frame.ellipse(size, size, 0.9), ring, Layer.OBJECT)
    site.canvas.polygon(frame.ellipse(size - 0.7, size - 0.7, 0.9), DARK, Layer.OBJECT)


def pergola(site: Site, frame: Frame) -> None:
    """Put a pergola: pale slats over a dark terrace. It is no roof."""
    length, width = site.between(3.0, 6.0), site.between(2.5, 4.0)
    slats = int(length / 0.75)
    paint = vary(site.rng, pick(site.rng, (WHITE, WOOD, CONCRETE)), 0.15)
    site.canvas.polygon(frame.rectangle(length, width), darker(SOIL, 0.7), Layer.YARD)
    for i in range(slats + 1):
        u = (i / slats - 0.5) * length
        line = [frame.at(u, -width / 2, 2.4), frame.at(u, width / 2, 2.4)]
        site.canvas.stroke(line, 0.25, paint, Layer.WALL)


def beds(site: Site, frame: Frame) -> None:
    """Put a kitchen garden: furrows of soil and rows of small plants."""
    length, width = site.between(3.0, 8.0), site.between(2.0, 5.0)
    soil = vary(site.rng, BED, 0.15)
    site.canvas.polygon(frame.rectangle(length, width), soil, Layer.YARD, frame.heading)
    for v in np.arange(-width / 2 + 0.6, width / 2, 1.3).tolist():
        if chance(site.rng, 0.5):
            start, end = frame.at(-length / 2, v)[:2], frame.at(length / 2, v)[:2]
            paint = leaves(site, pick(site.rng, site.theme.greens))
            site.canvas.crown(Crown(start, end, 0.35, 0.0, 0.4, False, paint))


def greenhouse(site: Site, frame: Frame) -> None:
    """Put a small greenhouse. It is no roof."""
    rgb = shift((150, 162, 166), site.between(0.7, 1.1))
    glass = Paint(rgb, relief=0.1, course=(0.7, 20.0))
    size = (site.between(2.5, 4.5), site.between(2.0, 2.8), 2.0)
    box(site.canvas, frame, size, glass, glass, Layer.WALL)


def terrace(site: Site, frame: Frame) -> None:
    """Put a paved place with a table, chairs or a parasol."""
    size = (site.between(3.0, 7.0), site.between(2.5, 5.0))
    site.canvas.polygon(frame.rectangle(*size), paving(site), Layer.YARD, frame.heading)
    if chance(site.rng, 0.35):
        parasol = frame.child(site.between(-1, 1), site.between(-0.5, 0.5))
        cloth = vary(site.rng, Paint(pick(site.rng, ODDS)), 0.2)
        site.canvas.polygon(parasol.ellipse(2.6, 2.6, 2.2, 8), cloth, Layer.OBJECT)
    odds(site, frame, size, int(site.rng.integers(2, 7)))


EXTRAS: Final[tuple[Callable[[Site, Frame], None], ...]] = (
    *(pool, trampoline, pergola, greenhouse),
    *(beds, beds, beds),
    *(terrace, terrace, terrace),
)
"""What a garden may hold besides plants."""


def wood(
    site: Site,
    frame: Frame,
    size: tuple[float, float],
    clearing: tuple[Point, float] | None = None,
) -> None:
    """Put a piece of forest in a rectangle of `size` metres: crowns that close.

    Args:
        site: Where.
        frame: Its middle.
        size: Length and width in metres.
        clearing: Middle and radius in metres of a round without trees.
    """
    length, width = size
    middle, radius = clearing or ((0.0, 0.0, 0.0), 0.0)
    # Conifers and late leaves: a forest is never as bare as the gardens around it.
    theme = replace(site.theme, bare=FOREST_BARE * site.theme.bare)
    forest = replace(site, theme=theme)
    spacing = site.between(3.2, 4.6)
    for u in np.arange(-length / 2, length / 2, spacing).tolist():
        for v in np.arange(-width / 2, width / 2, spacing).tolist():
            stray = 0.5 * spacing
            place = frame.at(u + stray * site.between(-1, 1), v + stray * site.between(-1, 1))
            if math.dist(place, middle) > radius and chance(site.rng, 0.93):
                tree(forest, *place[:2], scale=1.15)
