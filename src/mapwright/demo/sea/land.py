"""What lies ashore: soil, woods and fields, beaches and shallows."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image

from mapwright.demo.geometry import Frame
from mapwright.demo.paint import RGB, Rng, chance, pick, shift
from mapwright.demo.render import Floats, noise
from mapwright.demo.sea.brush import Brush, Bytes
from mapwright.demo.sea.coast import Coast
from mapwright.demo.sea.town import build
from mapwright.demo.sea.weather import Weather

SOILS: Final[tuple[RGB, ...]] = (
    (128, 112, 86), (150, 128, 96), (112, 104, 78), (96, 98, 66), (84, 92, 62), (138, 120, 100),
)  # fmt: skip
WOODS: Final[tuple[RGB, ...]] = ((36, 56, 38), (44, 64, 40), (30, 48, 36), (52, 66, 42))
SANDS: Final[tuple[RGB, ...]] = ((188, 168, 134), (204, 186, 152), (160, 144, 116), (126, 114, 98))
APRONS: Final[tuple[RGB, ...]] = (
    (150, 146, 138),
    (128, 126, 120),
    (170, 158, 138),
    (112, 110, 106),
)
FINE: Final = 2
"""Drawn pixels per pixel ashore."""


def paint_land(rng: Rng, water: Bytes, coast: Coast, weather: Weather) -> Bytes:
    """Put the land over the water.

    Args:
        rng: Source of randomness.
        water: (H, W, 3) uint8.
        coast: Where the land is.
        weather: The look.

    Returns:
        (H, W, 3) uint8.
    """
    water = _shallows(rng, water, coast, weather)
    solid = np.clip(0.5 - coast.shore / np.float32(1.5), 0, 1)
    ground = _ground(rng, coast, weather)
    brush = Brush(ground, (slice(0, len(ground)),) * 2, FINE)
    if chance(rng, 0.3):
        _fields(rng, brush, np.maximum(coast.shore, -coast.quay))
    build(rng, brush, coast, weather)
    brush.done()
    mask = Image.fromarray((solid * 255).astype(np.uint8))
    return np.array(Image.composite(Image.fromarray(ground), Image.fromarray(water), mask))


def _ground(rng: Rng, coast: Coast, weather: Weather) -> Bytes:
    """Soil, woods, beach and harbour ground, (H, W, 3) uint8."""
    shape = coast.shore.shape
    broad = noise(rng, shape, {140: 1.0, 60: 0.7, 24: 0.5, 9: 0.3})
    fine = noise(rng, shape, {8: 0.5, 4: 0.7, 2: 1.0})
    soil, other = (np.array(pick(rng, SOILS), np.float32) for _ in range(2))
    share = np.clip(0.5 + 0.5 * broad, 0, 1)[..., None]
    ground = soil + share * (other - soil)
    ground *= (1 + np.float32(0.09) * fine)[..., None]
    trees = np.array(shift(pick(rng, WOODS), rng.uniform(0.8, 1.3)), np.float32)
    bush = np.clip((broad + 0.45 * fine - rng.uniform(-0.8, 1.4)) * 3, 0, 1)[..., None]
    ground += bush * (trees * (0.95 - np.float32(0.22) * fine)[..., None] - ground)
    _beach(rng, ground, coast, fine)
    apron = np.array(pick(rng, APRONS), np.float32)
    filled = np.clip(0.5 - coast.quay, 0, 1)[..., None]
    filled = filled * np.float32(rng.uniform(0.75, 1.0))
    stained = (1 + np.float32(0.05) * fine + np.float32(0.06) * broad)[..., None]
    ground += filled * (apron * stained - ground)
    return np.asarray(np.clip(ground * np.float32(weather.shine), 0, 255), np.uint8)


def _beach(rng: Rng, ground: Floats, coast: Coast, fine: Floats) -> None:
    """Lay sand, wet at the water's edge, along the natural shore."""
    wide = rng.uniform(0, 26) if chance(rng, 0.7) else 2.0
    sand = np.array(pick(rng, SANDS), np.float32)
    depth = -coast.shore + 1.5 * fine
    share = np.clip((wide - depth) / 4, 0, 1)[..., None]
    wet = np.clip(1 - depth / (0.3 * wide + 1), 0, 1)[..., None]
    ground += share * (sand * (1 - np.float32(0.4) * wet) * (1 + 0.04 * fine)[..., None] - ground)


def _shallows(rng: Rng, water: Bytes, coast: Coast, weather: Weather) -> Bytes:
    """The water with its bottom shining through near the shore, and with surf."""
    reach = math.exp(rng.uniform(math.log(5), math.log(90)))
    away = np.maximum(coast.shore, 0)
    rough = noise(rng, away.shape, {60: 1.0, 24: 0.6, 9: 0.4})
    share = np.exp(-away / np.float32(reach) * (1 + np.float32(0.35) * np.tanh(rough)))
    share *= np.float32(rng.uniform(0.15, 0.9))
    light = water.astype(np.float32)
    light += share[..., None] * (np.array(weather.shallow, np.float32) - light)
    if chance(rng, 0.5):
        edge = rng.uniform(1, 4) + 2.5 * rough
        surf = np.exp(-np.square((away - np.maximum(edge, 0.5)) / rng.uniform(0.7, 2.2)))
        surf *= np.clip(0.2 + 0.8 * rough, 0, 1) * (coast.quay > 6)
        light += np.float32(rng.uniform(40, 150)) * surf[..., None]
    return np.clip(light, 0, 255).astype(np.uint8)


def _fields(rng: Rng, brush: Brush, shore: Floats) -> None:
    """Put parcels of different colours, all along one heading."""
    size = shore.shape[0]
    base = Frame(size / 2, size / 2, rng.uniform(0, math.pi))
    long, deep = rng.uniform(40, 110), rng.uniform(20, 60)
    reach = int(0.75 * size)
    for u in np.arange(-reach, reach, long).tolist():
        for v in np.arange(-reach, reach, deep).tolist():
            plot = base.child(u, v + rng.uniform(-4, 4))
            x, y = int(plot.x), int(plot.y)
            if not (0 <= x < size and 0 <= y < size) or shore[y, x] > -0.5 * deep:
                continue
            if chance(rng, 0.75):
                tone = shift(pick(rng, (*SOILS, *WOODS)), rng.uniform(0.85, 1.25))
                brush.polygon(plot.rectangle(long - 2, deep - 2), tone, rng.uniform(0.4, 0.85))
