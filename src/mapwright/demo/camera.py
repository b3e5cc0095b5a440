"""From light to picture: tone, haze, focus, sharpening, compression, redaction."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from mapwright.demo.canvas import Floats, View
from mapwright.demo.paint import RGB, chance

MOST_REDACTED = 0.22
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


def roll_view(rng: np.random.Generator) -> tuple[View, Grade]:
    """One flight: the sun, the angle of the camera, and the look of its pictures."""
    vivid = chance(rng, 0.28)
    azimuth = rng.normal(0, 0.7)  # from due south, in radians
    elevation = math.radians(rng.uniform(30, 55))
    level = math.cos(elevation)
    sun = (level * math.sin(azimuth), level * math.cos(azimuth), math.sin(elevation))
    lean, turn = rng.uniform(0, 0.3), rng.uniform(0, 2 * math.pi)
    blue = rng.uniform(0.15, 0.45) if vivid else rng.uniform(0.0, 0.12)
    share = rng.uniform(0.22, 0.36) if vivid else rng.uniform(0.2, 0.36)
    sky = (1 - blue / 2, 1 - blue / 6, 1 + blue)
    # Sky and sun together are white, so that only the shadows are blue.
    red, green, blue = ((1 - share * band) / (1 - share) for band in sky)
    view = View(
        sun=sun,
        lean=(lean * math.cos(turn), lean * math.sin(turn)),
        sky=share,
        sky_rgb=sky,
        sun_rgb=(red, green, blue),
    )
    warm = rng.normal(0, 0.03)
    return view, Grade(
        gain=rng.uniform(1.1, 1.4) if vivid else rng.uniform(0.85, 1.25),
        gamma=rng.uniform(0.9, 1.1) if vivid else rng.uniform(0.95, 1.15),
        saturation=rng.uniform(0.85, 1.2) if vivid else rng.uniform(0.4, 0.85),
        tint=(1 + warm, 1.0, 1 - warm),
        haze=abs(rng.normal(0, 0.03)),
        blur=rng.uniform(0.35, 0.75),
        sharpen=rng.uniform(0.6, 2.0),
        grain=rng.uniform(0.5, 3.0),
        quality=int(rng.integers(60, 93)),
    )


def develop(light: Floats, grade: Grade, rng: np.random.Generator) -> NDArray[np.uint8]:
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


def redact(size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
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
