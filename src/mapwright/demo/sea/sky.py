"""Clouds, their shadows and haze, and the camera below which they drift."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from mapwright.demo.paint import Rng, chance, weighted
from mapwright.demo.render import Floats, noise
from mapwright.demo.sea.brush import Bytes
from mapwright.demo.sea.weather import Weather

AIR: Final = (148.0, 163.0, 170.0)
"""Colour of haze."""
HIDING: Final = 0.8
"""Opacity of a cloud from which nothing below it can be made out."""
REACH: Final = 3
"""Pixels on each side that the focus takes in."""
UNSHARP: Final = 1.2
"""Standard deviation in pixels of the blur that sharpening subtracts."""

KINDS: Final = ("clear", "puffs", "thin", "bank", "veil")
SHARES: Final = (0.68, 0.12, 0.12, 0.04, 0.04)


def roll_clouds(rng: Rng, size: int) -> tuple[Floats, Floats] | None:
    """The clouds of one picture.

    Returns:
        Opacity and brightness of the clouds, each (size, size) float32, 0 to 1; None when the sky
        is clear.
    """
    kind = weighted(rng, KINDS, SHARES)
    if kind == "clear":
        return None
    shape = (size, size)
    if kind == "thin":
        field = noise(rng, shape, {200: 1.0, 90: 0.6, 40: 0.35, 16: 0.2, 6: 0.1, 3: 0.05})
        ramp = np.clip(field - rng.uniform(-1.0, 1.0), 0, None)
        opacity = rng.uniform(0.08, 0.28) * ramp / (1 + 0.15 * ramp)
    elif kind == "veil":
        field = noise(rng, shape, {300: 1.0, 120: 0.4, 50: 0.15, 20: 0.04})
        opacity = np.clip(rng.uniform(0.3, 0.65) + 0.05 * field, 0, 0.75)
    else:
        field = noise(rng, shape, {150: 1.0, 70: 0.5, 34: 0.32, 16: 0.2, 8: 0.11, 4: 0.06})
        edge = rng.uniform(1.2, 2.0) if kind == "puffs" else rng.uniform(-0.3, 0.8)
        ramp = np.clip(field - edge, 0, None)
        opacity = 1.02 * (1 - np.exp(-rng.uniform(2, 6) * ramp**1.5))
    bright = 0.9 + 0.05 * np.clip(field, -2, 2) + 0.025 * noise(rng, shape, {24: 1.0, 9: 0.7})
    return np.asarray(np.clip(opacity, 0, 1), np.float32), np.asarray(bright, np.float32)


def cloud_over(
    rng: Rng, picture: Floats, clouds: tuple[Floats, Floats], weather: Weather
) -> Floats:
    """The picture below its clouds and their shadows, (H, W, 3) float32."""
    opacity, bright = clouds
    if opacity.max() > 0.5 and chance(rng, 0.8):
        height = rng.uniform(40, 220) / math.hypot(*weather.sun)  # cloud base over pixels
        dx, dy = (round(height * part) for part in weather.sun)
        shadow = _shifted(opacity, dx, dy)
        picture = picture * (1 - np.float32(0.35) * shadow[..., None])
    white = np.float32(225 + 25 * weather.shine) * bright[..., None]
    return np.asarray(picture + opacity[..., None] * (white - picture), np.float32)


def expose(rng: Rng, light: Floats, weather: Weather) -> Bytes:
    """From light to picture: haze, warmth, grain, focus and sharpening.

    Args:
        rng: Source of the sensor's noise.
        light: (H, W, 3) float32, about 0 to 255; it is used up.
        weather: The look.

    Returns:
        (H, W, 3) uint8.
    """
    tint = np.array([1 + weather.warmth, 1, 1 - weather.warmth], np.float32)
    light *= tint * np.float32(1 - weather.haze)
    light += np.array(AIR, np.float32) * np.float32(weather.haze)
    light += np.float32(weather.grain) * rng.standard_normal((*light.shape[:2], 1), np.float32)
    for axis in (0, 1):
        light = convolve1d(light, _focus(weather), axis, mode="nearest")
    return np.clip(light, 0, 255, out=light).astype(np.uint8)


def _focus(weather: Weather) -> Floats:
    """Weights of the camera's blur and the sharpening after it, along one axis; sum 1."""
    steps = np.arange(-REACH, REACH + 1)
    blur = np.exp(-(steps**2) / (2 * weather.blur**2))
    wide = np.exp(-(steps**2) / (2 * (weather.blur**2 + UNSHARP**2)))
    strength = weather.sharpen
    weights = (1 + strength) * blur / blur.sum() - strength * wide / wide.sum()
    return np.asarray(weights, np.float32)


def _shifted(source: Floats, dx: int, dy: int) -> Floats:
    """The field moved by dx and dy pixels; what comes in from outside mirrors what is inside."""
    size = len(source)
    rows, cols = (_mirrored(np.arange(size) - step, size) for step in (dy, dx))
    return np.asarray(source[rows][:, cols], np.float32)


def _mirrored(places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Indices beyond 0 and `size` - 1, folded back."""
    folded = np.abs(places) % (2 * size)
    return np.asarray(np.minimum(folded, 2 * size - 1 - folded))
