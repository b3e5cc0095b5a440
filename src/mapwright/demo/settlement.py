"""Small suburban scenes from above, with roof masks that are exactly known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.demo.camera import develop, redact, roll_view
from mapwright.demo.canvas import Canvas, Site
from mapwright.demo.paint import chance, roll_theme
from mapwright.demo.render import render
from mapwright.demo.streets import settle
from mapwright.errors import SettingError

SMALLEST, LARGEST = 64, 1024
"""Side of a tile in pixels."""


@dataclass(frozen=True)
class Tile:
    """One generated tile at 0.25 metres per pixel.

    Args:
        image: (4, H, W) uint8 red, green, blue, alpha; alpha 0 marks redacted pixels, which are 0.
        mask: (H, W) uint8, 255 = roof, 0 = anything else; edges are soft, so cut at 128.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


def make_settlement(seed: int, size: int = 256, invalid: float = 0.6) -> Tile:
    """Generate one tile: houses, gardens and streets; now and then a forest or a field.

    The mask holds the whole roof of every house, and of garages and sheds from 20 square metres,
    also where a tree hides a part of it. The same arguments give the same tile.

    Args:
        seed: Which tile; 0 or larger.
        size: Height and width in pixels, 64 to 1024, at 0.25 metres per pixel.
        invalid: Probability that 1 to 4 rectangles near the borders are redacted, 0 to 1.

    Returns:
        Image and mask.

    Raises:
        SettingError: If `size` or `invalid` is out of range.
    """
    if not SMALLEST <= size <= LARGEST:
        raise SettingError(f"size = {size}", expected=f"{SMALLEST} to {LARGEST} pixels")
    if not 0 <= invalid <= 1:
        raise SettingError(f"invalid = {invalid}", expected="a probability, 0 to 1")
    rng = np.random.default_rng(seed)
    view, grade = roll_view(rng)
    canvas = Canvas(size, view)
    settle(Site(canvas, rng, roll_theme(rng)))
    light, mask = render(canvas, rng)
    image = np.empty((4, size, size), np.uint8)
    image[:3] = develop(light, grade, rng).transpose(2, 0, 1)
    gone = redact(size, rng) if chance(rng, invalid) else np.zeros((size, size), np.bool_)
    image[3] = np.where(gone, 0, 255)
    image[:, gone] = 0
    return Tile(image, mask)
