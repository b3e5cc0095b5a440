"""From light to picture: tone, haze, focus, sharpening, compression, redaction."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from mapwright.demo.canvas import View
from mapwright.demo.paint import RGB, Rng, chance, weighted
from mapwright.demo.render import Floats

MOST_REDACTED: Final = 0.22
"""Share of a tile's pixels that redaction may take."""


@dataclass(frozen=True)
class Grade:
    """How one provider's pictures look.

    Args:
        gain: Brightness, as a factor.
        gamma: Below 1 lifts the shadows, above 1 deepens them.
        saturation: Distance of the colours from grey, as a factor.
        tint: Factor per band.
        haze: Share of pale air, 0 to 1.
        blur: Standard deviation of the focus in pixels.
        sharpen: Strength of the sharpening.
        grain: Standard deviation of the sensor's noise, in grey levels.
        quality: Of the JPEG compression, 0 to 100.
    """

    gain: float
    gamma: float
    saturation: float
    tint: RGB
    haze: float
    blur: float
    sharpen: float
    grain: float
    quality: int


@dataclass(frozen=True)
class Look:
    """From where to where the settings of one provider's pictures reach, (lowest, highest).

    Args:
        gain: As in `Grade`.
        gamma: As in `Grade`.
        saturation: As in `Grade`.
        tint: As in `Grade`; one value per band.
        sky: Share of the light that comes from the sky, 0 to 1.
        blue: How blue the sky is, and with it the shadows, 0 to 1.
    """

    gain: tuple[float, float]
    gamma: tuple[float, float]
    saturation: tuple[float, float]
    tint: RGB
    sky: tuple[float, float]
    blue: tuple[float, float]


LOOKS: Final = (
    # Muted and dark, as most early spring flights are.
    Look((0.85, 1.2), (0.98, 1.15), (0.42, 0.8), (0.99, 1.0, 0.985), (0.2, 0.34), (0.0, 0.15)),
    # Vivid, with warm light and blue shadows.
    Look((1.0, 1.35), (0.9, 1.1), (0.9, 1.25), (0.99, 1.0, 1.05), (0.2, 0.36), (0.35, 0.75)),
    # Fresh: high sun, pale and a little green.
    Look((1.0, 1.35), (0.9, 1.05), (0.55, 0.9), (0.95, 1.03, 1.0), (0.26, 0.42), (0.05, 0.3)),
)
LOOK_SHARES: Final = (0.58, 0.26, 0.16)


def roll_view(rng: Rng) -> tuple[View, Grade]:
    """One flight: the sun, the angle of the camera, and the look of its pictures."""
    look = weighted(rng, LOOKS, LOOK_SHARES)
    azimuth = rng.normal(0, 0.7)  # from due south, in radians
    elevation = math.radians(rng.uniform(30, 55))
    level = math.cos(elevation)
    lean, turn = rng.uniform(0, 0.35), rng.uniform(0, 2 * math.pi)
    share, blue = rng.uniform(*look.sky), rng.uniform(*look.blue)
    sky = (1 - 0.6 * blue, 1 - 0.2 * blue, 1 + 0.8 * blue)
    # Sky and sun together are white, so that only the shadows are blue.
    sun_red, sun_green, sun_blue = ((1 - share * band) / (1 - share) for band in sky)
    view = View(
        sun=(level * math.sin(azimuth), level * math.cos(azimuth), math.sin(elevation)),
        lean=(lean * math.cos(turn), lean * math.sin(turn)),
        sky=share,
        sky_rgb=sky,
        sun_rgb=(sun_red, sun_green, sun_blue),
    )
    return view, _roll_grade(rng, look)


def _roll_grade(rng: Rng, look: Look) -> Grade:
    red, green, blue = look.tint
    warm = rng.normal(0, 0.025)
    return Grade(
        gain=rng.uniform(*look.gain),
        gamma=rng.uniform(*look.gamma),
        saturation=rng.uniform(*look.saturation),
        tint=(red + warm, green, blue - warm),
        haze=abs(rng.normal(0, 0.03)),
        blur=rng.uniform(0.3, 0.7),
        sharpen=rng.uniform(0.6, 1.7),
        grain=rng.uniform(0.5, 3.0),
        quality=int(rng.integers(60, 93)),
    )


def develop(light: Floats, grade: Grade, rng: Rng) -> NDArray[np.uint8]:
    """The picture of a scene.

    Args:
        light: (H, W, 3) float32, about 0 to 255.
        grade: The look.
        rng: Source of the sensor's noise.

    Returns:
        (H, W, 3) uint8 red, green, blue.
    """
    value = np.clip(light * np.float32(grade.gain / 255), 0, 1.2) ** np.float32(grade.gamma)
    grey = value.mean(axis=2, keepdims=True)
    value = grey + (value - grey) * np.float32(grade.saturation)
    value = value * np.array(grade.tint, np.float32) * np.float32(255)
    value += np.float32(grade.haze) * (np.float32(190) - value)
    value = gaussian_filter(value, (grade.blur, grade.blur, 0))
    value += np.float32(grade.sharpen) * (value - gaussian_filter(value, (1.1, 1.1, 0)))
    value += np.float32(grade.grain) * rng.standard_normal(value.shape[:2], np.float32)[..., None]
    return _compress(np.clip(value, 0, 255).astype(np.uint8), grade.quality)


def _compress(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """The picture after a JPEG file has held it."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def redact(size: int, rng: Rng) -> NDArray[np.bool_]:
    """Which pixels of a `size` x `size` tile are taken out: 1 to 4 rectangles near its borders.

    Returns:
        (size, size) bool.
    """
    gone = np.zeros((size, size), np.bool_)
    for _ in range(int(rng.integers(1, 5))):
        trial = gone.copy()
        deep, wide = (max(2, round(size * rng.uniform(0.05, share))) for share in (0.22, 0.36))
        inset = 0 if chance(rng, 0.75) else int(rng.integers(0, max(1, size // 8)))
        start = int(rng.integers(0, size - wide + 1))
        trial[inset : inset + deep, start : start + wide] = True
        if chance(rng, 0.4):  # a second step, as if two blocks had been joined
            trial[inset : inset + deep // 2, max(0, start - wide // 3) : start + wide] = True
        trial = np.rot90(trial, int(rng.integers(4)))
        if trial.mean() <= MOST_REDACTED:
            gone = trial
    return gone
