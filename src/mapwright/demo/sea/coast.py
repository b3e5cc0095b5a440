"""Where the land lies: natural shores, islands, banks of rivers, and filled-up harbour ground."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from mapwright.demo.geometry import Frame
from mapwright.demo.paint import Rng, chance, weighted
from mapwright.demo.render import Floats, noise

FAR: Final = 1e4
"""Distance to land, in pixels, where there is none."""

KINDS: Final = ("shore", "islands", "river", "inland")
SHARES: Final = (0.62, 0.14, 0.14, 0.10)


@dataclass(frozen=True)
class Coast:
    """The land of one picture.

    Args:
        shore: (H, W) float32, pixels to the nearest land of any kind, about; negative on land.
        quay: The same, to filled-up ground with straight edges alone.
        edges: The straight edges of that ground: each a frame at its middle whose u axis runs
            along the edge and whose v axis points to the water, and its length in pixels.
    """

    shore: Floats
    quay: Floats
    edges: tuple[tuple[Frame, float], ...]


def roll_coast(rng: Rng, size: int, harbour: float, inland: bool) -> Coast:
    """A coast somewhere in a picture.

    Args:
        rng: Source of randomness.
        size: Height and width in pixels.
        harbour: Probability that ground with straight edges is filled up in front of it.
        inland: Whether it may be all land.

    Returns:
        Where land is.
    """
    kind = weighted(rng, KINDS, SHARES)
    if kind == "inland" and not inland:
        kind = "shore"
    heading = rng.uniform(0, 2 * math.pi)  # from the land to the water
    line = Frame(size / 2, size / 2, heading).child(size * rng.uniform(-0.25, 0.35), 0)
    natural = _natural(rng, kind, line, size)
    quay = np.full((size, size), FAR, np.float32)
    edges: list[tuple[Frame, float]] = []
    if kind in ("shore", "river") and chance(rng, harbour):
        base = line.child(0, 0, math.pi / 2 + rng.normal(0, 0.15))  # v points to the land
        for _ in range(int(rng.integers(1, 4))):
            long, deep = size * rng.uniform(0.15, 0.7), size * rng.uniform(0.12, 0.5)
            out = size * rng.uniform(0.03, 0.14)
            block = base.child(size * rng.uniform(-0.45, 0.45), deep / 2 - out)
            np.minimum(quay, _box(block, long, deep, size), out=quay)
            edges += _sides(block, long, deep)
    return Coast(np.minimum(natural, quay), quay, tuple(edges))


def _natural(rng: Rng, kind: str, line: Frame, size: int) -> Floats:
    bend = noise(rng, (size, size), {200: 1.0, 80: 0.4, 34: 0.16, 14: 0.06, 6: 0.02})
    bend *= np.float32(math.exp(rng.uniform(math.log(6), math.log(70))))
    ahead, aside = _axes(line, size)
    if kind == "inland":
        return np.full((size, size), -FAR, np.float32)
    if kind == "river":
        width = size * rng.uniform(0.1, 0.35)
        return np.asarray(width + 0.5 * bend - np.abs(ahead), np.float32)
    if kind == "islands":
        away = np.full((size, size), FAR, np.float32)
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(-0.7, 0.7, 2) * size
            radius = math.exp(rng.uniform(math.log(8), math.log(0.22 * size + 9)))
            reach = np.hypot((ahead - x) * rng.uniform(0.5, 1.5), aside - y) - np.float32(radius)
            np.minimum(away, reach + bend * min(1.0, radius / 50), out=away)
        return away
    return np.asarray(ahead + bend, np.float32)


def _axes(frame: Frame, size: int) -> tuple[Floats, Floats]:
    """Each pixel's u and v in a frame, from its centre, (size, size) float32 each."""
    x = np.arange(size, dtype=np.float32)[None, :] + np.float32(0.5 - frame.x)
    y = np.arange(size, dtype=np.float32)[:, None] + np.float32(0.5 - frame.y)
    cos, sin = np.float32(math.cos(frame.heading)), np.float32(math.sin(frame.heading))
    return x * cos + y * sin, y * cos - x * sin


def _box(frame: Frame, length: float, depth: float, size: int) -> Floats:
    """Distance to a rectangle around the frame's origin, about; negative inside."""
    u, v = _axes(frame, size)
    return np.asarray(np.maximum(np.abs(u) - length / 2, np.abs(v) - depth / 2), np.float32)


def _sides(frame: Frame, length: float, depth: float) -> list[tuple[Frame, float]]:
    """The four sides of a rectangle, each with its v axis pointing outwards."""
    sides = []
    for quarter, (reach, long) in enumerate(((depth, length), (length, depth)) * 2):
        turned = Frame(frame.x, frame.y, frame.heading + quarter * math.pi / 2)
        sides.append((turned.child(0, reach / 2), long))
    return sides
