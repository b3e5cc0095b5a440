"""What all of one picture shares: the water's colour, wind, waves, sun and camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from mapwright.demo.paint import RGB, Rng, chance, shift, weighted

METRES: Final = 1.5
"""Metres per pixel, as in the Airbus Ship Detection images."""

_Tints = tuple[RGB, ...]
DEEP: Final[_Tints] = ((2, 23, 42), (3, 34, 54), (12, 44, 70), (24, 47, 76), (4, 28, 58))
TEAL: Final[_Tints] = ((2, 35, 42), (9, 46, 51), (10, 42, 48), (19, 51, 53), (14, 40, 42))
SLATE: Final[_Tints] = ((41, 58, 64), (44, 72, 80), (28, 62, 78), (60, 86, 100), (34, 52, 58))
GREEN: Final[_Tints] = ((42, 77, 70), (45, 73, 72), (70, 104, 94), (86, 122, 108), (30, 66, 58))
BROWN: Final[_Tints] = ((45, 63, 54), (96, 98, 78), (120, 112, 88), (70, 78, 62), (58, 60, 48))
GREY: Final[_Tints] = ((60, 65, 69), (52, 57, 62), (30, 33, 36), (110, 118, 120), (70, 74, 78))
BRIGHT: Final[_Tints] = ((128, 142, 148), (110, 142, 144), (78, 112, 102), (140, 147, 146))


@dataclass(frozen=True)
class Weather:
    """The look of one picture.

    Args:
        deep: Colour of deep water, 0 to 255.
        shallow: Colour of the water over the shore's sand or mud.
        rough: Standard deviation of the brightness of the waves, in grey levels.
        skew: How much brighter crests are than troughs are dark; 0 is even.
        wave: Length of the main waves in pixels.
        swell: Share of the waves that are long and run in one direction, 0 to 1.
        wind: Direction in radians that the waves run in.
        sun: (x, y) metres that the tip of a shadow lies away, per metre of height.
        shine: Brightness of sunlit things, as a factor.
        haze: Share of pale air, 0 to 1.
        warmth: Share by which red is raised and blue lowered.
        grain: Standard deviation of the sensor's noise, in grey levels.
        blur: Of the focus, in pixels.
        sharpen: Strength of the sharpening, as a factor.
    """

    deep: RGB
    shallow: RGB
    rough: float
    skew: float
    wave: float
    swell: float
    wind: float
    sun: tuple[float, float]
    shine: float
    haze: float
    warmth: float
    grain: float
    blur: float
    sharpen: float


def roll_weather(rng: Rng) -> Weather:
    """The look of one picture."""
    glint = chance(rng, 0.14)
    tints = (DEEP, TEAL, SLATE, GREEN, BROWN, GREY, BRIGHT)
    shares = (0.28, 0.28, 0.18, 0.14, 0.05, 0.01, 0.06)
    if glint:  # the sun mirrors in the waves: pale or grey, and of strong contrast
        shares = (0.08, 0.06, 0.2, 0.18, 0.03, 0.35, 0.1)
    family = weighted(rng, tints, shares)
    hue = 0.04 * rng.normal()
    tone = (1.5 * hue, hue, -0.5 * hue)
    deep = shift(family[int(rng.integers(len(family)))], math.exp(0.12 * rng.normal()), tone)
    turn, low = rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(28, 68))
    crisp = chance(rng, 0.2)
    return Weather(
        deep=deep,
        shallow=_roll_shallow(rng, deep),
        rough=rng.uniform(11, 27) if glint else min(1.7 * math.exp(0.75 * rng.normal()), 9),
        skew=abs(rng.normal(0.15, 0.25)),
        wave=math.exp(rng.uniform(math.log(6), math.log(18))),
        swell=rng.uniform(0, 0.8) ** 2,
        wind=rng.uniform(0, 2 * math.pi),
        sun=(math.cos(turn) / math.tan(low), math.sin(turn) / math.tan(low)),
        shine=rng.uniform(0.7, 1.1),
        haze=abs(rng.normal(0, 0.08)) + (rng.uniform(0.1, 0.35) if chance(rng, 0.1) else 0.0),
        warmth=rng.normal(0.02, 0.03),
        grain=rng.uniform(0.8, 2.2) if crisp else rng.uniform(2.0, 5.5),
        blur=rng.uniform(0.25, 0.5) if crisp else rng.uniform(0.65, 0.95),
        sharpen=rng.uniform(0.2, 0.8),
    )


def _roll_shallow(rng: Rng, deep: RGB) -> RGB:
    sands: _Tints = ((70, 122, 118), (96, 128, 108), (112, 116, 88), (58, 96, 92), (132, 124, 96))
    red, green, blue = sands[int(rng.integers(len(sands)))]
    light = 0.6 + 0.4 * min(sum(deep) / 250, 1.0)
    return red * light, green * light, blue * light
