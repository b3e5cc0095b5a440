"""Pictures for people: a raster as RGB, classes laid over it, and files of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from mapwright.io.files import replacing
from mapwright.io.maps import rgb_of
from mapwright.types import IGNORE, ClassIndex, Image

Rgb = NDArray[np.uint8]
"""(H, W, 3) uint8 red, green, blue."""

INVALID_COLOR = "#9a9a9a"
_STRETCH = (2.0, 98.0)  # percentiles; the usual stretch of desktop GIS


def rgb_bands(names: tuple[str, ...]) -> tuple[int, int, int]:
    """Which bands (0-based) to show as red, green and blue: by name, else the first three."""
    lower = [name.lower() for name in names]
    wanted = ("red", "green", "blue")
    if all(name in lower for name in wanted):
        return lower.index("red"), lower.index("green"), lower.index("blue")
    last = len(names) - 1
    return 0, min(1, last), min(2, last)


def as_rgb(image: Image, names: tuple[str, ...], byte_values: bool) -> Rgb:
    """Show an image.

    Args:
        image: (C, H, W) float32, NaN where invalid.
        names: Band names.
        byte_values: True when the values are 0..255 pictures already; else each band is
            stretched between its 2nd and 98th percentile.

    Returns:
        (H, W, 3) uint8; invalid pixels are grey.
    """
    shown = image[list(rgb_bands(names))]
    valid = ~np.isnan(image).any(axis=0)
    if not byte_values and valid.any():
        low, high = np.percentile(shown[:, valid], _STRETCH, axis=1)
        shown = (shown - low[:, None, None]) / np.maximum(high - low, 1e-9)[:, None, None] * 255
    picture: Rgb = np.nan_to_num(shown.clip(0, 255)).astype(np.uint8).transpose(1, 2, 0)
    picture[~valid] = rgb_of(INVALID_COLOR)
    return picture


def color_classes(classes: ClassIndex, colors: tuple[str, ...]) -> Rgb:
    """Class indices (H, W) as colours (H, W, 3); `IGNORE` is grey."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colors)] = [rgb_of(color) for color in colors]
    table[IGNORE] = rgb_of(INVALID_COLOR)
    return table[classes]


def overlay(
    picture: Rgb, classes: ClassIndex, colors: tuple[str, ...], strength: float = 0.4
) -> Rgb:
    """Lay class colours over a picture, with a solid line where the class changes.

    The first class of a two-class legend is the background and stays uncoloured.
    """
    drawn = classes != IGNORE
    if len(colors) == 2:
        drawn &= classes != 0
    tint = color_classes(classes, colors)
    mixed = np.where(drawn[..., None], (1 - strength) * picture + strength * tint, picture)
    edge = drawn & _edges(classes)
    return np.where(edge[..., None], tint, mixed).astype(np.uint8)


def _edges(classes: ClassIndex) -> NDArray[np.bool_]:
    """(H, W) bool: pixels with another class above, below, left or right."""
    padded = np.pad(classes, 1, mode="edge")
    inner = padded[1:-1, 1:-1]
    edge: NDArray[np.bool_] = (inner != padded[:-2, 1:-1]) | (inner != padded[2:, 1:-1])
    edge |= (inner != padded[1:-1, :-2]) | (inner != padded[1:-1, 2:])
    return edge


def save_picture(path: Path, picture: Rgb) -> None:
    """Write (H, W, 3) uint8 as PNG or JPEG, by the ending of `path`."""
    with replacing(path) as temporary:
        PilImage.fromarray(picture).save(temporary, quality=92)
