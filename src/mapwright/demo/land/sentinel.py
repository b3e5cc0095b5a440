"""From labels to a made-up Sentinel-2 scene: ground, slopes, air, optics, sensor, numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mapwright.demo.land.ground import Flags, Floats, Ground
from mapwright.demo.land.surfaces import (
    CROPLAND,
    FOREST,
    URBAN,
    WATER,
    Labels,
    fill,
    reflectance,
    to_water,
)
from mapwright.demo.land.terrain import relief, sunshine

QUANTUM: Final = 10_000
"""Digital numbers per unit of reflectance, and per unit of NDVI."""
_HAZE: Final = (0.55, 0.75, 1.0, 0.3, 0.08)
"""Path radiance of thin haze relative to that in blue; it falls with the wavelength."""
_HILLS: Final = 3.5  # pixels of height per deviation of the relief
_BANK: Final = 20.0  # pixels from the water over which hills rise
_FLATTER: Final = {URBAN: 0.6, CROPLAND: 0.35}
_TREES: Final = 1.3  # pixels of height
_SHADE: Final = 0.3  # share of the light that their shadow takes
_BLUR: Final = 0.75  # pixels, deviation: half the light of a point falls within 1.8 pixels
_COARSE_BLUR: Final = 1.2  # pixels of 10 m
_ASKEW: Final = (0.5, 25.0)  # deviation of how far a map is off, and how far that reaches, pixels
_AROUND: Final = (0.06, 9.0)  # share and reach in pixels of light from beside a pixel


@dataclass(frozen=True)
class Overpass:
    """One date: sun, air and sensor.

    Args:
        day: Of the year.
        azimuth: Of the sun in radians, clockwise from north.
        elevation: Of the sun in radians.
        haze: Reflectance that the air adds in blue.
        gains: Factor per band in the order of `REFLECTIVE`.
        glint: Reflectance that the water's surface adds in all bands.
    """

    day: float
    azimuth: float
    elevation: float
    haze: float
    gains: tuple[float, ...]
    glint: float


def roll_overpass(rng: np.random.Generator, season: float) -> Overpass:
    """A clear morning near day `season` of the year, at 60 degrees north."""
    day = season + float(rng.normal(0, 8))
    declination = math.radians(23.4) * math.cos(2 * math.pi * (day - 172) / 365)
    return Overpass(
        day=day,
        azimuth=math.radians(rng.uniform(162, 174)),
        elevation=math.radians(30) + declination - math.radians(rng.uniform(1, 3)),
        haze=float(rng.gamma(2.0, 0.003)),
        gains=tuple(np.exp(rng.normal(0, 0.03) + rng.normal(0, 0.02, 5)).tolist()),
        glint=float(rng.gamma(1.5, 0.002)),
    )


@dataclass(frozen=True)
class Scene:
    """Digital numbers: reflectance x 10000, and the same of NDVI.

    Args:
        pixels: (6, H, W) int32 red, green, blue, nir, swir1, ndvi at 10 m.
        coarse: (ceil(H / 2), ceil(W / 2)) int32, swir1 as it was measured, at 20 m.
    """

    pixels: NDArray[np.int32]
    coarse: NDArray[np.int32]


def make_scene(labels: Labels, ground: Ground, date: Overpass, rng: np.random.Generator) -> Scene:
    """Show labelled land as Sentinel-2 might.

    Args:
        labels: (H, W), 0 to 6; where it is 0, the land looks as beside it.
        ground: What the land is made of; the same height and width.
        date: Sun, air and sensor.
        rng: Source of the sensor's noise.
    """
    land = _askew(fill(labels), ground)
    light = reflectance(land, ground, date.day) * _sunlight(land, ground, date)
    light = _through_air(light, land, ground, date)
    fine = _quantise(_noisy(_blurred(light[:4], _BLUR), rng))
    coarse = _quantise(_noisy(_halved(_blurred(light[4:], _COARSE_BLUR)), rng))
    wide = coarse.repeat(2, 1).repeat(2, 2)[:, : labels.shape[0], : labels.shape[1]]
    pixels = np.concatenate([fine, wide, ndvi(fine[0], fine[3])[None]])
    return Scene(pixels, coarse[0])


def ndvi(red: NDArray[np.int32], nir: NDArray[np.int32]) -> NDArray[np.int32]:
    """(nir - red) / (nir + red) x 10000, rounded; 0 where both are 0 (Rouse et al., 1974)."""
    total = np.maximum(nir + red, 1)
    return np.asarray(np.rint(QUANTUM * (nir - red) / total), np.int32)


def swath_edge(shape: tuple[int, int], share: float) -> Flags:
    """Which pixels lie beyond the edge of the swath: a wedge at the right, (H, W) bool."""
    rows, cols = np.indices(shape)
    beyond = cols + 0.28 * rows  # the orbit crosses 60 degrees north 16 degrees off the meridian
    order = np.argsort(beyond, axis=None, kind="stable")
    out = np.zeros(shape, bool)
    out.flat[order[len(order) - round(share * len(order)) :]] = True
    return out


def _askew(labels: Labels, ground: Ground) -> Labels:
    """The land as it lies under the map, which is never drawn quite where things are, (H, W)."""
    amount, reach = _ASKEW
    height, width = labels.shape
    down, right = (np.rint(amount * ground.noise(f"askew {axis}", reach)) for axis in "yx")
    rows = np.clip(np.arange(height)[:, None] + down.astype(int), 0, height - 1)
    cols = np.clip(np.arange(width)[None, :] + right.astype(int), 0, width - 1)
    return np.asarray(labels[rows, cols])


def _sunlight(labels: Labels, ground: Ground, date: Overpass) -> Floats:
    """Light on slopes, and the shadow that a forest throws on what lies before it, (H, W)."""
    heights = _HILLS * relief(ground) * (1 - np.exp(-to_water(labels) / _BANK))
    sun = sunshine(heights, date.azimuth, date.elevation) - 1
    flatter = np.ones(7, np.float32)
    flatter[list(_FLATTER)] = list(_FLATTER.values())
    trees = labels == FOREST
    shaded = np.zeros_like(trees)
    shaded[:-1] = trees[1:] & ~trees[:-1]  # the sun stands in the south
    dark = _SHADE * min(1.0, _TREES / math.tan(date.elevation)) * shaded
    return np.asarray((1 + sun * flatter[labels]) * (1 - dark), np.float32)


def _through_air(light: Floats, labels: Labels, ground: Ground, date: Overpass) -> Floats:
    """What arrives at the sensor: some of it from beside the pixel, some from the air."""
    share, reach = _AROUND
    around = np.stack([gaussian_filter(band, reach, mode="nearest") for band in light])
    light = (1 - share) * light + share * around + np.float32(date.glint) * (labels == WATER)
    veil = np.float32(date.haze) * (1 + 0.25 * ground.noise("haze", 280))
    path = np.array(_HAZE, np.float32)[:, None, None] * veil
    gains = np.array(date.gains, np.float32)[:, None, None]
    return np.asarray(gains * (light * (1 - path) + path), np.float32)


def _blurred(light: Floats, width: float) -> Floats:
    return np.stack([gaussian_filter(band, width, mode="nearest") for band in light])


def _halved(light: Floats) -> Floats:
    """Means of 2 x 2 pixels; an odd last row or column stands for two."""
    bands, height, width = light.shape
    even = np.pad(light, ((0, 0), (0, height % 2), (0, width % 2)), "edge")
    return np.asarray(even.reshape(bands, -(-height // 2), 2, -(-width // 2), 2).mean((2, 4)))


def _noisy(light: Floats, rng: np.random.Generator) -> Floats:
    """Add the sensor's noise: a floor, and a share of the signal."""
    noise = rng.standard_normal(light.shape, np.float32)
    return light + noise * (np.float32(0.0006) + np.float32(0.008) * light)


def _quantise(light: Floats) -> NDArray[np.int32]:
    """Whole numbers from 1, as 0 means that nothing was measured."""
    return np.asarray(np.clip(np.rint(QUANTUM * light), 1, 20_000), np.int32)
