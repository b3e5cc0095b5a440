"""Clouds of many kinds, the shadows that they throw, and how both change what a satellite sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from mapwright.demo.land.ground import Flags, Floats, Ground
from mapwright.demo.paint import Rng, chance, weighted

KINDS: Final = ("clear", "puffs", "broken", "bank", "veil", "ripples", "overcast")
SHARES: Final = (0.22, 0.22, 0.14, 0.14, 0.12, 0.08, 0.08)
_TILT: Final = (0.0, 0.01, 0.03, 0.02)  # how spectra of clouds vary: red, green, blue, nir


@dataclass(frozen=True)
class Sky:
    """The clouds over a tile; all (H, W) float32.

    Args:
        opacity: Share of the ground's light that they keep back, 0 to 1.
        light: What an opaque one reflects, 0 to about 1.
        shade: Share of the sun that their shadow takes.
    """

    opacity: Floats
    light: Floats
    shade: Floats


def make_sky(ground: Ground, rng: Rng) -> Sky:
    """The clouds of one tile: none, one layer, or a thin one above another."""
    layers = [_layer(ground, rng, weighted(rng, KINDS, SHARES), "low")]
    if chance(rng, 0.15):
        layers.append(_layer(ground, rng, "veil", "high"))
    clear = np.prod([1 - layer for layer in layers], axis=0)
    opacity = np.asarray(1 - clear, np.float32)
    turn, low = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(25, 65))
    sun = math.sin(turn), math.cos(turn)  # where the light goes: rows and columns
    far = rng.uniform(3, 22) / math.tan(low)
    shadow = _moved(gaussian_filter(layers[0], 0.8), (sun[0] * far, sun[1] * far))
    return Sky(
        opacity=opacity,
        light=_tops(ground, rng, layers[0], sun),
        shade=np.asarray(rng.uniform(0.3, 0.75) * shadow, np.float32),
    )


def look_through(land: Floats, sky: Sky, rng: Rng) -> Floats:
    """What arrives above the clouds, (4, H, W) reflectance.

    Args:
        land: (4, H, W) reflectance below a clear sky, red, green, blue, near infrared.
        sky: The clouds.
        rng: Their tint, and the sensor's noise.
    """
    tint = np.exp(rng.normal(0, 1, 4) * _TILT).astype(np.float32)[:, None, None]
    below = land * (1 - sky.shade)
    seen = below + sky.opacity * (sky.light * tint - below)
    width = rng.uniform(0.3, 0.8)
    seen = np.stack([gaussian_filter(band, width, mode="nearest") for band in seen])
    noise = rng.standard_normal(seen.shape, np.float32)
    return np.asarray(seen + noise * (np.float32(0.0008) + np.float32(0.004) * seen), np.float32)


def is_cloud(sky: Sky, rng: Rng) -> Flags:
    """Where a person would draw a cloud, thin ones included, (H, W).

    That is where it adds visible light, and a little around: outlines are drawn generously.
    """
    wide = gaussian_filter(sky.opacity * sky.light, rng.uniform(0.5, 1.5))
    return np.asarray(wide > rng.uniform(0.035, 0.08))


def _layer(ground: Ground, rng: Rng, kind: str, name: str) -> Floats:
    """Opacity of one layer, (H, W)."""
    if kind == "clear":
        return np.zeros((ground.height, ground.width), np.float32)
    if kind == "puffs":
        field = ground.fractal(name, rng.uniform(12, 45), 5, rng.uniform(0.5, 0.7))
        return _condensed(field, rng.uniform(0.03, 0.4), rng.uniform(1.5, 6), 1.0)
    if kind == "broken":
        field = ground.fractal(name, rng.uniform(40, 110), 6, rng.uniform(0.55, 0.75))
        return _condensed(field, rng.uniform(0.3, 0.8), rng.uniform(1, 5), 1.0)
    if kind == "bank":
        field = ground.fractal(name, rng.uniform(150, 320), 7, rng.uniform(0.45, 0.65))
        return _condensed(field, rng.uniform(0.15, 0.85), rng.uniform(0.7, 5), 1.2)
    turn = rng.uniform(0, math.pi)
    if kind == "ripples":
        field = ground.grain(name, rng.uniform(6, 22), rng.uniform(1.5, 4), turn, 4)
        field = field + np.float32(rng.uniform(0.3, 1.5)) * ground.fractal(f"{name} patch", 140, 3)
        return _condensed(field, rng.uniform(0.3, 1.0), rng.uniform(0.4, 2.5), 1.0)
    if kind == "veil":
        field = ground.grain(name, rng.uniform(40, 160), rng.uniform(1, 4), turn, 6)
        return _condensed(field, rng.uniform(0.2, 1.0), rng.uniform(0.08, 0.5), 1.1)
    field = ground.grain(name, rng.uniform(15, 150), rng.uniform(1, 3), turn, 6)
    return np.asarray(1 - np.exp(-rng.uniform(1, 5) * np.exp(0.35 * field)), np.float32)


def _condensed(field: Floats, cover: float, thick: float, power: float) -> Floats:
    """Opacity where a field is highest: optical depth grows from the edge of the cover inwards."""
    above = np.clip(field - np.quantile(field, 1 - cover), 0, None)
    return np.asarray(1 - np.exp(-thick * above**power), np.float32)


def _tops(ground: Ground, rng: Rng, opacity: Floats, sun: tuple[float, float]) -> Floats:
    """What an opaque cloud reflects: brighter where thick and towards the sun, (H, W)."""
    billows = ground.fractal("billows", rng.uniform(8, 40), 4)
    heights = gaussian_filter(opacity, 2) + np.float32(0.05) * billows
    down, right = np.gradient(heights)
    towards = -(down * sun[0] + right * sun[1])
    base = rng.uniform(0.45, 0.95)
    light = base * (1 + rng.uniform(0, 2.5) * np.clip(towards, -0.2, 0.2))
    light = light + rng.uniform(0, 0.25) * (opacity - 0.5) + rng.uniform(0, 0.05) * billows
    return np.asarray(np.clip(light, 0.2, 1.25), np.float32)


def _moved(field: Floats, shift: tuple[float, float]) -> Floats:
    """The field at another place; what comes in from outside mirrors what is inside."""
    rows, cols = np.indices(field.shape, np.float32)
    at = [rows - shift[0], cols - shift[1]]
    return np.asarray(map_coordinates(field, at, np.float32, order=1, mode="reflect"), np.float32)
