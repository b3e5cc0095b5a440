"""One made-up tile: land, clouds over it, and where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.demo.land.ground import Ground
from mapwright.demo.skies.clouds import is_cloud, look_through, make_sky
from mapwright.demo.skies.lands import make_land

SCALE = 10_000
"""Digital numbers per unit of reflectance."""


@dataclass(frozen=True)
class SkyTile:
    """Reflectance at the top of the air, and the clouds in it.

    Args:
        image: (4, H, W) uint16, reflectance x `SCALE`: red, green, blue, near infrared.
        mask: (H, W) uint8, 1 where there is a cloud, thin ones included; their shadow is 0.
    """

    image: NDArray[np.uint16]
    mask: NDArray[np.uint8]


def make_sky_tile(seed: int, size: int = 256) -> SkyTile:
    """Make up a tile; the same seed gives the same pixels.

    Args:
        seed: Which one, 0 or larger.
        size: Height and width in pixels.
    """
    rng = np.random.default_rng([seed, 23])
    ground = Ground(seed, 0, 0, size, size)
    land = make_land(ground, rng)
    sky = make_sky(ground, rng)
    light = look_through(land, sky, rng)
    numbers = np.clip(np.rint(light * SCALE), 1, 65_535).astype(np.uint16)
    return SkyTile(numbers, is_cloud(sky, rng).astype(np.uint8))
