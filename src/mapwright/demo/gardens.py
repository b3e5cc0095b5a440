"""What stands and grows around houses: plants, yards, cars, pools and odds and ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mapwright.demo.canvas import Canvas, Crown, Frame, Layer, Point
from mapwright.demo.houses import box
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
    Theme,
    chance,
    darker,
    pick,
    shift,
    vary,
)

Rng = np.random.Generator


def lawn(rng: Rng, theme: Theme) -> Paint:
    """The ground of one garden: mown, wild, dry or dug over."""
    if chance(rng, 0.12):
        return vary(rng, SOIL, 0.15)
    dry = shift(theme.lawn, rng.uniform(0.75, 1.1), (0.14, -0.06, -0.02))
    paint = Paint(theme.lawn, dry, rng.uniform(0.1, 0.6), grain=rng.uniform(0.06, 0.16))
    return vary(rng, paint, 0.14)


def leaves(rng: Rng, rgb: RGB) -> Paint:
    """Leaves around one colour, with a second tone in clumps."""
    factor = math.exp(0.16 * rng.standard_normal())
    tint = (0.08 * rng.standard_normal(3)).tolist()
    base = shift(rgb, factor, tint)
    return Paint(base, shift(base, 1.12, (0.06, 0.0, -0.1)), 0.4, grain=0.13)


def tree(canvas: Canvas, rng: Rng, x: float, y: float, theme: Theme, scale: float = 1.0) -> None:
    """Put one tree at x, y metres: broad-leaved, conifer or bare."""
    if chance(rng, theme.bare):
        bare_tree(canvas, rng, x, y, scale)
        return
    pointed = chance(rng, 0.2)
    radius = scale * (rng.uniform(1.2, 2.8) if pointed else rng.gamma(5.0, 0.5) + 0.5)
    depth = radius * (rng.uniform(1.8, 3.0) if pointed else rng.uniform(0.9, 1.5))
    foot = rng.uniform(0.3, 1.0) if pointed else radius * rng.uniform(0.2, 0.6)
    paint = leaves(rng, pick(rng, CONIFERS if pointed else theme.greens))
    canvas.crown(Crown((x, y), (x, y), radius, foot, depth, pointed, paint))


def bush(canvas: Canvas, rng: Rng, x: float, y: float, theme: Theme) -> None:
    """Put one bush at x, y metres."""
    radius = 0.35 + rng.gamma(2.0, 0.22)
    paint = leaves(rng, pick(rng, theme.greens))
    depth = radius * rng.uniform(0.8, 1.4)
    canvas.crown(Crown((x, y), (x, y), radius, 0.1, depth, False, paint))


def shrubs(canvas: Canvas, rng: Rng, frame: Frame, theme: Theme) -> None:
    """Put a handful of bushes that stand together."""
    spread = rng.uniform(0.5, 2.0)
    for _ in range(int(rng.integers(1, 9))):
        u, v = (spread * rng.standard_normal(2)).tolist()
        bush(canvas, rng, *frame.at(2 * u, v)[:2], theme)


def bare_tree(canvas: Canvas, rng: Rng, x: float, y: float, scale: float = 1.0) -> None:
    """Put a tree without leaves: branches that fork twice, and their shadows."""
    radius, height = scale * rng.uniform(2.0, 4.5), rng.uniform(5.0, 10.0)
    bark = vary(rng, BARK, 0.2)
    twigs = int(rng.integers(7, 12))
    for i in range(twigs):
        turn = 2 * math.pi * (i + rng.uniform(-0.3, 0.3)) / twigs
        _branch(canvas, rng, (x, y, 0.45 * height), turn, radius, 0.55 * height, bark, 2)


def _branch(
    canvas: Canvas,
    rng: Rng,
    start: Point,
    turn: float,
    reach: float,
    rise: float,
    bark: Paint,
    forks: int,
) -> None:
    share = rng.uniform(0.4, 0.6) if forks else 1.0
    x, y, z = start
    end = (
        x + share * reach * math.cos(turn),
        y + share * reach * math.sin(turn),
        z + share * rise,
    )
    canvas.twig(start, end, 0.08, bark)
    for side in (-1, 1) if forks else ():
        bend = turn + side * rng.uniform(0.15, 0.6)
        _branch(canvas, rng, end, bend, (1 - share) * reach, (1 - share) * rise, bark, forks - 1)


def hedge(canvas: Canvas, rng: Rng, start: Point, end: Point, theme: Theme) -> None:
    """Put a hedge from `start` to `end`."""
    paint = leaves(rng, pick(rng, theme.greens))
    radius, depth = rng.uniform(0.4, 0.8), rng.uniform(0.5, 1.4)
    canvas.crown(Crown(start[:2], end[:2], radius, 0.3, depth, False, paint))


def fence(canvas: Canvas, rng: Rng, start: Point, end: Point) -> None:
    """Put a fence or a low wall from `start` to `end`."""
    height = rng.uniform(0.8, 1.8)
    paint = vary(rng, pick(rng, (WOOD, CONCRETE, DARK, WALLS[0])), 0.2)
    line = [(x, y, height) for x, y, _ in (start, end)]
    canvas.stroke(line, rng.uniform(0.1, 0.25), paint, Layer.OBJECT)


def border(canvas: Canvas, rng: Rng, start: Point, end: Point, theme: Theme) -> None:
    """Put whatever parts two plots: a hedge, a fence, bushes or nothing."""
    kind = rng.random()
    if kind < 0.3:
        hedge(canvas, rng, start, end, theme)
    elif kind < 0.7:
        fence(canvas, rng, start, end)
    if kind > 0.55:
        length = math.dist(start, end)
        for share in rng.random(int(rng.poisson(length * 0.15))).tolist():
            x, y, _ = ((1 - share) * a + share * b for a, b in zip(start, end, strict=True))
            bush(canvas, rng, x, y, theme)


def car(canvas: Canvas, rng: Rng, frame: Frame) -> None:
    """Put a car that looks along u: body, windows, roof."""
    rgb = shift(pick(rng, CARS), rng.uniform(0.85, 1.1))
    paint, length = Paint(rgb, grain=0.02), rng.uniform(4.0, 4.8)
    van = chance(rng, 0.08)
    height, width = 2.3 if van else 1.45, 2.0 if van else 1.75
    u, v = length / 2, width / 2
    low = 0.8 * height
    outline = [(-u, -0.7 * v), (-u + 0.4, -v), (u - 0.6, -v), (u, -0.6 * v)]
    outline += [(a, -b) for a, b in reversed(outline)]
    canvas.polygon([frame.at(a, b, low) for a, b in outline], paint, Layer.OBJECT)
    if van:
        canvas.polygon(frame.child(0.75 * u, 0).rectangle(0.5, 1.5, height), GLASS, Layer.OBJECT)
        return
    cabin = frame.child(-0.1 * u, 0)
    canvas.polygon(cabin.rectangle(0.58 * length, 0.74 * width, height - 0.1), DARK, Layer.OBJECT)
    canvas.polygon(cabin.rectangle(0.36 * length, 0.74 * width, height), paint, Layer.OBJECT)


def pool(canvas: Canvas, rng: Rng, frame: Frame, theme: Theme) -> None:
    """Put a pool, round or long, with a pale rim."""
    del theme
    length, width = rng.uniform(3.0, 5.0), 0.0
    width = length if chance(rng, 0.6) else length * rng.uniform(0.45, 0.7)
    rim = 0.6 if chance(rng, 0.6) else 0.05
    canvas.polygon(frame.ellipse(length + 0.6, width + 0.6, rim), CONCRETE, Layer.OBJECT)
    canvas.polygon(frame.ellipse(length, width, rim), vary(rng, POOL, 0.15), Layer.OBJECT)


def trampoline(canvas: Canvas, rng: Rng, frame: Frame, theme: Theme) -> None:
    """Put a trampoline: a dark round with a coloured ring."""
    del theme
    size, ring = rng.uniform(2.6, 4.2), Paint(pick(rng, ODDS))
    canvas.polygon(frame.ellipse(size, size, 0.9), ring, Layer.OBJECT)
    canvas.polygon(frame.ellipse(size - 0.7, size - 0.7, 0.9), DARK, Layer.OBJECT)


def pergola(canvas: Canvas, rng: Rng, frame: Frame, theme: Theme) -> None:
    """Put a pergola: pale slats over a dark terrace. It is no roof."""
    del theme
    length, width = rng.uniform(3.0, 6.0), rng.uniform(2.5, 4.0)
    slats = int(length / 0.75)
    paint = vary(rng, pick(rng, (WHITE, WOOD, CONCRETE)), 0.15)
    canvas.polygon(frame.rectangle(length, width), darker(SOIL, 0.7), Layer.YARD)
    for i in range(slats + 1):
        u = (i / slats - 0.5) * length
        line = [frame.at(u, -width / 2, 2.4), frame.at(u, width / 2, 2.4)]
        canvas.stroke(line, 0.25, paint, Layer.BUILDING)


def beds(canvas: Canvas, rng: Rng, frame: Frame, theme: Theme) -> None:
    """Put a kitchen garden: furrows of soil and rows of small plants."""
    length, width = rng.uniform(3.0, 8.0), rng.uniform(2.0, 5.0)
    bed = frame.rectangle(length, width)
    canvas.polygon(bed, vary(rng, BED, 0.15), Layer.YARD, frame.heading)
    for v in np.arange(-width / 2 + 0.6, width / 2, 1.3).tolist():
        if chance(rng, 0.5):
            a, b = frame.at(-length / 2, v), frame.at(length / 2, v)
            paint = leaves(rng, pick(rng, theme.greens))
            canvas.crown(Crown(a[:2], b[:2], 0.35, 0.0, 0.4, False, paint))


def greenhouse(canvas: Canvas, rng: Rng, frame: Frame, theme: Theme) -> None:
    """Put a small greenhouse. It is no roof."""
    del theme
    glass = Paint(shift((150, 162, 166), rng.uniform(0.7, 1.1)), relief=0.1, course=(0.7, 20.0))
    size = (rng.uniform(2.5, 4.5), rng.uniform(2.0, 2.8), 2.0)
    box(canvas, frame, size, glass, glass)


def terrace(canvas: Canvas, rng: Rng, frame: Frame, theme: Theme) -> None:
    """Put a paved place with a table, chairs or a parasol."""
    del theme
    length, width = rng.uniform(3.0, 7.0), rng.uniform(2.5, 5.0)
    paint = vary(rng, pick(rng, PAVINGS), 0.15)
    canvas.polygon(frame.rectangle(length, width), paint, Layer.YARD, frame.heading)
    if chance(rng, 0.35):
        round_ = frame.child(rng.uniform(-1, 1), rng.uniform(-0.5, 0.5)).ellipse(2.6, 2.6, 2.2, 8)
        canvas.polygon(round_, vary(rng, Paint(pick(rng, ODDS)), 0.2), Layer.OBJECT)
    odds(canvas, rng, frame, (length, width), int(rng.integers(2, 7)))


def odds(canvas: Canvas, rng: Rng, frame: Frame, size: tuple[float, float], count: int) -> None:
    """Put `count` small things within a rectangle of `size` metres: bins, chairs, boards."""
    for _ in range(count):
        u, v = (rng.uniform(-0.5, 0.5) * side for side in size)
        length, width = rng.uniform(0.25, 1.6), rng.uniform(0.2, 0.7)
        paint = vary(rng, Paint(pick(rng, ODDS), grain=0.05), 0.2)
        spot = frame.child(u, v, rng.uniform(0, math.pi))
        height = rng.uniform(0.1, 0.9)
        canvas.polygon(spot.rectangle(length, width, height), paint, Layer.OBJECT)


EXTRAS: tuple[Callable[[Canvas, Rng, Frame, Theme], None], ...] = (
    pool,
    trampoline,
    pergola,
    beds,
    beds,
    greenhouse,
    terrace,
    terrace,
)
"""What a garden may hold besides plants."""


def wood(canvas: Canvas, rng: Rng, frame: Frame, size: tuple[float, float], theme: Theme) -> None:
    """Put a piece of forest in a rectangle of `size` metres: crowns that close."""
    length, width = size
    spacing = rng.uniform(3.2, 4.6)
    thick = replace(theme, bare=theme.bare * 0.4)
    for u in np.arange(-length / 2, length / 2, spacing).tolist():
        for v in np.arange(-width / 2, width / 2, spacing).tolist():
            du, dv = (0.5 * spacing * rng.uniform(-1, 1) for _ in range(2))
            x, y, _ = frame.at(u + du, v + dv)
            if rng.random() < 0.93:
                tree(canvas, rng, x, y, thick, 1.15)
