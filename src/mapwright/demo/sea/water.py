"""Open water from above: its tint, its waves, slicks and whitecaps."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.fft import irfft2

from mapwright.demo.paint import Rng, chance
from mapwright.demo.render import Floats, noise
from mapwright.demo.sea.weather import Weather

CAP: Final = 2.5
"""Standard deviations above the mean from which a crest breaks."""


def paint_water(rng: Rng, weather: Weather, size: int) -> Floats:
    """Deep water everywhere.

    Args:
        rng: Source of randomness.
        weather: The look.
        size: Height and width in pixels.

    Returns:
        (size, size, 3) float32, about 0 to 255.
    """
    crests = _skewed(waves(rng, weather, size), weather.skew)
    broad = noise(rng, (size, size), {256: 1.0, 96: 0.5, 40: 0.15})
    light = crests * np.float32(weather.rough)
    if chance(rng, 0.6):  # gusts
        light *= 1 + np.float32(rng.uniform(0.05, 0.3)) * np.clip(broad, -2, 2)
    level = broad * np.float32(rng.uniform(0.3, 1.2) + 0.1 * weather.rough)
    if chance(rng, 0.08 + 0.02 * min(weather.rough, 20)):
        smooth = _slicks(rng, size)
        light *= 1 - np.float32(rng.uniform(0.4, 0.75)) * smooth
        level -= np.float32(rng.uniform(0.2, 0.9) * weather.rough) * smooth
    if chance(rng, 0.35 if weather.rough > 4 else 0.1 if weather.rough > 2 else 0.0):
        light += _whitecaps(rng, crests, broad)
    level += light
    water = _tinted(rng, weather, size)
    if weather.rough > 9 and chance(rng, 0.4):  # the bands are taken one after the other
        red, blue = (np.roll(level, int(rng.integers(-1, 2)), int(rng.integers(2))) for _ in "rb")
        return np.asarray(water + np.stack([red, level, blue], axis=-1), np.float32)
    return np.asarray(water + level[..., None], np.float32)


def waves(rng: Rng, weather: Weather, size: int) -> Floats:
    """Brightness of the waves, (size, size) float32, mean 0, standard deviation 1."""
    radius, fx, fy = _frequencies(size)
    along = (fx * np.float32(math.cos(weather.wind)) + fy * np.float32(math.sin(weather.wind))) ** 2
    along /= radius * radius
    bands = (
        (1 / weather.wave, 0.45, along, 1.0 - weather.swell),
        (0.4 / weather.wave, 0.3, along * along * along, weather.swell),
        (0.16, 0.6, None, 0.35),
    )
    power = np.zeros_like(radius)
    logs = np.log(radius)
    for centre, width, spread, weight in bands:
        part = np.exp(np.square(logs - np.float32(math.log(centre))) / np.float32(-2 * width**2))
        part /= radius  # as many waves of each length, whatever their direction
        if spread is not None:
            part *= spread
        power += part * np.float32(weight / max(float(part.sum()), 1e-9))
    power[0, 0] = 0
    wave = rng.standard_normal((*power.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    field = irfft2(wave * np.sqrt(power), (size, size))
    return np.asarray(field / max(float(field.std()), 1e-9), np.float32)


@lru_cache(maxsize=4)
def _frequencies(size: int) -> tuple[Floats, Floats, Floats]:
    """Frequency in cycles per pixel, its x and its y, as `irfft2` orders them; none is 0."""
    fx = np.fft.rfftfreq(size).astype(np.float32)[None, :]
    fy = np.fft.fftfreq(size).astype(np.float32)[:, None]
    radius = np.hypot(fx, fy)
    radius[0, 0] = 1 / size
    return radius, fx, fy


def _skewed(crests: Floats, skew: float) -> Floats:
    """Waves with sharp bright crests and broad dark troughs."""
    if skew < 0.02:
        return crests
    sharp = np.exp(np.float32(skew) * np.minimum(crests, 4))
    return np.asarray((sharp - sharp.mean()) / max(float(sharp.std()), 1e-9), np.float32)


def _slicks(rng: Rng, size: int) -> Floats:
    """Where a film or a current calms the waves: winding bands, (size, size) float32, 0 to 1."""
    field = noise(rng, (size, size), {220: 1.0, 80: 0.35, 28: 0.12, 9: 0.05})
    level = rng.normal(0, 0.7)
    distance = np.abs(field - np.float32(level)) / np.float32(rng.uniform(0.02, 0.09))
    patchy = noise(rng, (size, size), {60: 1.0, 12: 0.6})
    return np.asarray(np.clip(1.6 - distance + 0.4 * patchy, 0, 1), np.float32)


def _whitecaps(rng: Rng, crests: Floats, broad: Floats) -> Floats:
    """Brightness that broken crests add, (H, W) float32."""
    patchy = noise(rng, crests.shape, {14: 1.0, 5: 0.6})
    above = crests + np.float32(0.7) * patchy + np.float32(0.3) * broad
    above -= np.float32(CAP + rng.uniform(0.2, 1.2))
    return np.asarray(np.clip(above, 0, 1) * np.float32(rng.uniform(50, 120)), np.float32)


def _tinted(rng: Rng, weather: Weather, size: int) -> Floats:
    """The water's own colour, (size, size, 3) float32: now and then a plume of another."""
    water = np.broadcast_to(np.array(weather.deep, np.float32), (size, size, 3))
    if not chance(rng, 0.15):
        return water
    field = noise(rng, (size, size), {300: 1.0, 110: 0.5, 40: 0.2, 16: 0.08})
    edge = np.float32(rng.uniform(0.3, 1.6))
    ramp = np.clip(field - edge, 0, None) / np.float32(rng.uniform(0.3, 1.2))
    share = np.float32(rng.uniform(0.15, 0.7)) * (1 - np.exp(-ramp * ramp))
    other = np.array(weather.shallow, np.float32)
    return np.asarray(water + share[..., None] * (other - water), np.float32)
