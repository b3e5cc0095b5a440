"""Hills, and how the sun lights them."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from mapwright.demo.land.ground import Floats, Ground

STRETCH: Final = 2.2
"""Length of a ridge over its width: ice has drawn the land out one way."""
RIDGE: Final = 90.0
"""Pixels across the widest hills."""


def lie(ground: Ground) -> float:
    """Direction in radians, from the columns' towards the rows', in which the ridges run."""
    return math.pi * float(np.random.default_rng(ground.seed).random())


def relief(ground: Ground) -> Floats:
    """Height of the land, (H, W), mean about 0 and deviation about 1."""
    return ground.grain("relief", RIDGE, STRETCH, lie(ground), octaves=5)


def steepness(heights: Floats) -> Floats:
    """Rise of `heights` (H, W) per pixel, (H, W)."""
    down, right = _rises(heights)
    return np.asarray(np.hypot(down, right), np.float32)


def sunshine(heights: Floats, azimuth: float, elevation: float) -> Floats:
    """Sunlight on slopes as a multiple of that on level ground, (H, W).

    Args:
        heights: (H, W) in pixels.
        azimuth: Of the sun in radians, clockwise from north.
        elevation: Of the sun in radians.
    """
    down, right = _rises(heights)
    toward = (down * math.cos(azimuth) - right * math.sin(azimuth)) / math.tan(elevation)
    light = (1 + toward) / np.sqrt(1 + down**2 + right**2)
    return np.asarray(np.clip(light, 0.4, 1.6), np.float32)


def _rises(heights: Floats) -> tuple[Floats, Floats]:
    """Rise per pixel towards the rows' and the columns' end; 0 along an axis of one pixel."""
    rises = [
        np.gradient(heights, axis=axis) if heights.shape[axis] > 1 else np.zeros_like(heights)
        for axis in (0, 1)
    ]
    return rises[0], rises[1]
