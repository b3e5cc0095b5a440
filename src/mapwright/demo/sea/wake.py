"""The water that a moving ship leaves behind."""

from __future__ import annotations

import math

import numpy as np

from mapwright.demo.geometry import Frame
from mapwright.demo.paint import Rng, chance
from mapwright.demo.render import Floats, noise
from mapwright.demo.sea.brush import Bytes, span_of

ARM = math.tan(math.radians(8))
"""Half the opening of a wake; the crests that are seen run inside Kelvin's 19.5 degrees."""


def leave_wake(
    rng: Rng, picture: Bytes, shore: Floats, place: tuple[Frame, float, float], speed: float
) -> None:
    """Put a wake and the bow's wave on the water.

    Args:
        rng: Source of randomness.
        picture: (H, W, 3) uint8; changed.
        shore: (H, W) float32, pixels to land; there is no wake ashore.
        place: The ship's frame (u to the bow), its length and its width in pixels.
        speed: 0 to 1.
    """
    frame, length, width = place
    reach = (7 + 24 * speed * rng.uniform(0.4, 1.4)) * min(width, 7 + 0.3 * width)
    wide = 0.8 * width + ARM * reach
    tail = [frame.at(-length / 2 - reach, side * wide) for side in (-1, 1)]
    span = span_of([*tail, *frame.rectangle(length + 8, 3 * width)], 4, picture.shape)
    if span is None:
        return
    rows, cols = (np.arange(part.start, part.stop, dtype=np.float32) + 0.5 for part in span)
    x, y = cols[None, :] - np.float32(frame.x), rows[:, None] - np.float32(frame.y)
    cos, sin = math.cos(frame.heading), math.sin(frame.heading)
    ahead, aside = x * cos + y * sin, np.abs(y * cos - x * sin)
    behind = -ahead - np.float32(length / 2)
    curds = noise(rng, ahead.shape, {12: 0.6, 4: 0.8, 2: 1.0})
    foam = _trail(behind, aside, width, reach, speed)
    foam += np.float32(rng.uniform(0, 0.8)) * _arms(behind, aside, length, width, reach)
    foam *= np.clip(0.75 + 0.45 * curds, 0, 1.6)
    foam *= np.float32(0.25 + 0.75 * speed)
    foam += np.float32(speed) * _bow(ahead, aside, length, width)
    foam = np.clip(foam, 0, 1) * (shore[span] > 1)
    part = picture[span].astype(np.float32)
    white = np.array((218, 226, 226), np.float32)
    bright = np.float32(0.85 if speed > 0.5 or chance(rng, 0.5) else 0.35)
    part += (bright * foam)[..., None] * (white - part)
    picture[span] = np.clip(part, 0, 255).astype(np.uint8)


def _trail(behind: Floats, aside: Floats, width: float, reach: float, speed: float) -> Floats:
    """Churned water straight behind the stern."""
    half = np.float32(0.3 * width) + np.float32(0.05) * np.maximum(behind, 0)
    across = np.exp(-np.square(aside / half))
    along = np.exp(-np.maximum(behind, 0) / np.float32(reach * (0.15 + 0.25 * speed)))
    return np.asarray(across * along * (behind > -0.5 * width), np.float32)


def _arms(behind: Floats, aside: Floats, length: float, width: float, reach: float) -> Floats:
    """Two crests that open behind the bow."""
    past = np.maximum(behind + np.float32(length), 0)
    middle = np.float32(0.3 * width) + np.float32(ARM) * past
    thick = np.float32(0.16 * width + 0.5) + np.float32(0.05) * past
    crest = np.exp(-np.square((aside - middle) / thick))
    fade = np.exp(-past / np.float32(0.4 * reach))
    return np.asarray(crest * fade * (behind > -length), np.float32)


def _bow(ahead: Floats, aside: Floats, length: float, width: float) -> Floats:
    """White water at the bow and along the sides."""
    back = np.float32(length / 2) - ahead
    edge = np.float32(0.55 * width) * np.clip(back / np.float32(0.7 * width), 0, 1) + 0.5
    rim = np.exp(-np.square((aside - edge) / np.float32(0.1 * width + 0.7)))
    return np.asarray(rim * np.exp(-np.maximum(back, 0) / (0.6 * length)) * (back > -1), np.float32)
