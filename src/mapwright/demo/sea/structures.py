"""What stands in the water and is no ship: piers, breakwaters, rigs, rocks, farms, buoys."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from mapwright.demo.geometry import Frame
from mapwright.demo.paint import RGB, chance, pick, shift
from mapwright.demo.sea.brush import Dot
from mapwright.demo.sea.stage import Berth, Stage
from mapwright.demo.sea.town import BOXES

CONCRETES: Final[tuple[RGB, ...]] = (
    (168, 162, 150),
    (142, 138, 130),
    (186, 178, 162),
    (118, 112, 104),
)
STONES: Final[tuple[RGB, ...]] = ((118, 110, 98), (92, 88, 82), (138, 128, 112), (74, 70, 66))
STEELS: Final[tuple[RGB, ...]] = ((196, 158, 70), (150, 150, 146), (176, 96, 66), (206, 204, 196))
FOAM: Final[RGB] = (222, 228, 228)


def slab(stage: Stage, place: Frame, sides: tuple[float, float], rgb: RGB, high: float) -> None:
    """Put a flat rectangular thing of `high` metres into the water, and keep ships from it."""
    dots = place.rectangle(*sides)
    brush = stage.brush(dots, high)
    if brush is not None:
        brush.shade([_moved(dots, stage, share * high) for share in (0.3, 0.65, 1.0)], 0.5)
        brush.polygon(dots, shift(rgb, stage.weather.shine))
        for _ in range(int(sides[0] * sides[1] / 160)):  # what lies about on it
            u, v = (stage.rng.uniform(-0.45, 0.45) * side for side in sides)
            thing = place.child(u, v).rectangle(stage.rng.uniform(1, 4), stage.rng.uniform(1, 2))
            tone = pick(stage.rng, (*BOXES, *CONCRETES))
            brush.polygon(thing, shift(tone, stage.weather.shine), 0.8)
        brush.done()
    stage.block(dots)


def pier(stage: Stage, edge: Frame, narrow: bool) -> None:
    """Put a pier that runs out from an edge (v to the water), with a head on some."""
    rng = stage.rng
    long, wide = rng.uniform(40, 190), rng.uniform(3, 6) if narrow else rng.uniform(7, 20)
    rgb = shift(pick(rng, CONCRETES), rng.uniform(0.8, 1.1))
    body = edge.child(0, long / 2 - 4, math.pi / 2)
    slab(stage, body, (long + 8, wide), rgb, 3)
    for side in (-1, 1):
        stage.berths.append(Berth(body.child(4, side * wide / 2, (side - 1) * math.pi / 2), long))
    if chance(rng, 0.4):
        head, deep = rng.uniform(25, 110), rng.uniform(6, 14)
        place = edge.child(0, long + deep / 2)
        slab(stage, place, (head, deep), rgb, 3)
        stage.berths.append(Berth(place.child(0, deep / 2), head))


def pontoons(stage: Stage, edge: Frame) -> None:
    """Put the floating bridges of a marina, a few parallel ones."""
    rng = stage.rng
    gap, long, wide = rng.uniform(24, 44), rng.uniform(50, 130), rng.uniform(1.8, 3.2)
    for row in range(int(rng.integers(2, 5))):
        body = edge.child(row * gap, long / 2, math.pi / 2)
        slab(stage, body, (long + 6, wide), pick(rng, CONCRETES), 1)
        for side in (-1, 1):
            berth = body.child(0, side * wide / 2, (side - 1) * math.pi / 2)
            stage.berths.append(Berth(berth, long))


def breakwater(stage: Stage, start: Frame) -> None:
    """Heap stones along a bending line that runs out from `start` along its v axis."""
    rng = stage.rng
    place = start.child(0, -6, math.pi / 2)
    bend, wide = rng.normal(0, 0.06), rng.uniform(4, 9)
    line = [place]
    for _ in range(int(rng.integers(8, 26))):
        place = place.child(rng.uniform(8, 12), 0, bend + rng.normal(0, 0.02))
        line.append(place)
    stone = pick(rng, STONES)
    dots = [frame.at(0, side * wide) for frame in line for side in (-1, 1)]
    brush = stage.brush(dots, 3)
    for frame in line:
        stage.block(frame.rectangle(14, 2 * wide))
    if brush is None:
        return
    surf = rng.uniform(0, 0.6)
    for frame in line:
        brush.disc(frame.at(0, 0), 0.75 * wide + rng.uniform(0, 1.5), FOAM, surf * rng.random())
    for _ in range(len(line) * 22):
        frame = pick(rng, line)
        at = frame.at(rng.uniform(-6, 6), 0.5 * wide * np.tanh(rng.normal(0, 0.8)))
        tone = shift(stone, stage.weather.shine * rng.uniform(0.55, 1.35))
        brush.disc(at, rng.uniform(0.7, 1.7), tone)
    brush.done()


def rig(stage: Stage, place: Frame) -> None:
    """Put a platform on legs: decks, a crane, a landing circle, a boom; its shadow lies apart."""
    rng = stage.rng
    side, high = rng.uniform(14, 36), rng.uniform(18, 32)
    base = place.rectangle(side, side * rng.uniform(0.6, 1.0))
    boom = place.at(side * rng.uniform(1.0, 1.7), 0)
    brush = stage.brush([*base, boom], high + 20)
    stage.block(base)
    if brush is None:
        return
    brush.shade([_moved(base, stage, high)], 0.5)
    for corner in base:
        tip = _moved([corner], stage, high)[0]
        brush.line([corner, tip], 1.4, (20, 24, 28), 0.6)
    steel = shift(pick(rng, STEELS), stage.weather.shine)
    brush.polygon(base, shift(steel, 0.7))
    for _ in range(int(side)):
        spot = place.child(*(rng.uniform(-0.4, 0.4, 2) * side).tolist())
        tone = shift(pick(rng, (*STEELS, *STONES, *BOXES)), rng.uniform(0.5, 1.1))
        brush.polygon(spot.rectangle(*rng.uniform(1.5, 0.35 * side, 2).tolist()), tone)
    brush.line([place.at(0, 0), boom], 1.2, shift(steel, 0.9))
    deck = place.at(-0.45 * side, 0.3 * side)
    brush.disc(deck, 0.26 * side, (96, 112, 100))
    brush.disc(deck, 0.13 * side, (190, 190, 176))
    brush.disc(deck, 0.09 * side, (96, 112, 100))
    brush.done()


def rocks(stage: Stage, place: Frame) -> None:
    """Put rocks or islets with surf around them."""
    rng = stage.rng
    stone = pick(rng, STONES)
    for _ in range(int(rng.integers(1, 9))):
        u, v = rng.normal(0, 22, 2).tolist()
        spot = place.child(u, v, rng.uniform(0, 3))
        radius = math.exp(rng.uniform(math.log(1.2), math.log(14)))
        ragged = rng.uniform(0.65, 1.3, 11)
        turns = [2 * math.pi * i / 11 for i in range(11)]
        shape = [
            (radius * r * math.cos(t), 0.7 * radius * r * math.sin(t))
            for r, t in zip(ragged.tolist(), turns, strict=True)
        ]
        around = [spot.at(1.3 * u + math.copysign(1, u), 1.3 * v) for u, v in shape]
        brush = stage.brush(around, 4)
        stage.block(around)
        if brush is None:
            continue
        brush.polygon(around, FOAM, rng.uniform(0.1, 0.8))
        for scale, tone in ((1.0, 0.75), (0.8, 1.0), (0.45, 1.15)):
            dots = [spot.at(scale * u, scale * v) for u, v in shape]
            brush.polygon(dots, shift(stone, tone * stage.weather.shine))
        if radius > 8:
            brush.polygon([spot.at(0.5 * u, 0.5 * v) for u, v in shape], (58, 70, 44), 0.8)
        brush.done()


def buoys(stage: Stage, place: Frame) -> None:
    """Put a line of buoys, each a pixel or two wide."""
    rng = stage.rng
    step = rng.uniform(12, 70)
    tone = pick(rng, ((226, 224, 216), (204, 90, 60), (220, 190, 70), (60, 120, 80)))
    for i in range(int(rng.integers(1, 12))):
        at = place.at(i * step + rng.normal(0, 2), rng.normal(0, 2))
        brush = stage.brush([at], 2, 4)
        if brush is not None:
            brush.disc(at, rng.uniform(0.4, 0.8), shift(tone, stage.weather.shine))
            brush.done()
            stage.block(Frame(at[0], at[1]).rectangle(4, 4))


def farm(stage: Stage, place: Frame) -> None:
    """Put a fish farm: rows of rings or of rafts."""
    rng = stage.rng
    round_ones, radius = chance(rng, 0.5), rng.uniform(4, 9)
    step = radius * rng.uniform(2.3, 3.2)
    tone = shift(pick(rng, ((150, 156, 156), (60, 66, 70), (176, 160, 130))), stage.weather.shine)
    for row in range(int(rng.integers(1, 4))):
        for col in range(int(rng.integers(2, 9))):
            spot = place.child(col * step, row * step)
            dots = spot.rectangle(2 * radius, 1.6 * radius)
            brush = stage.brush(dots, 2)
            stage.block(dots)
            if brush is None:
                continue
            if round_ones:
                brush.disc(spot.at(0, 0), radius, tone, 0.8)
                brush.disc(spot.at(0, 0), radius - 1, shift(stage.weather.deep, 0.8), 0.8)
            else:
                for k in range(5):
                    bar = spot.child(0, (k / 2 - 1) * 0.75 * radius)
                    brush.polygon(bar.rectangle(2 * radius, 0.7), tone, 0.85)
            brush.done()


def bridge(stage: Stage, place: Frame) -> None:
    """Put a bridge from border to border along the u axis of `place`."""
    rng = stage.rng
    rgb = shift(pick(rng, CONCRETES), rng.uniform(0.75, 1.05))
    long, wide = 3 * stage.size, rng.uniform(6, 16)
    slab(stage, place, (long, wide), rgb, rng.uniform(8, 30))
    brush = stage.brush(place.rectangle(long, wide), 1, 2)
    if brush is not None:
        brush.line([place.at(-long / 2, 0), place.at(long / 2, 0)], 0.7, shift(rgb, 1.3), 0.7)
        brush.done()


def _moved(dots: list[tuple[float, float, float]], stage: Stage, high: float) -> list[Dot]:
    """Where the shadow of a flat thing lies that stands `high` metres above the water."""
    dx, dy = (high * part for part in stage.sun)
    return [(x + dx, y + dy) for x, y, _ in dots]
