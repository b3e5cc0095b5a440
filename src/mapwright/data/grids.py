"""How the grid of a mask differs from that of its image, in words."""

from __future__ import annotations

import math

import numpy as np
from odc.geo.geobox import GeoBox

from mapwright.io.place import pixel_on_ground, pixels_between
from mapwright.io.scene import same_grid, words

_EXACT = 1e-3  # pixels; less is rounding


def compare_grids(image: GeoBox, mask: GeoBox) -> str | None:
    """Say how the grid of a mask differs from that of its image.

    Returns:
        None where they are the same within a thousandth of a pixel, and where one has no CRS but
        the sizes agree; else CRS, size, pixels and shift as far as they differ, and both grids.
    """
    if same_grid(image, mask):
        return None
    placed = image.crs is not None and mask.crs is not None
    parts = [_size(image, mask), *((_crs(image, mask), *_place(image, mask)) if placed else ())]
    said = "; ".join(part for part in parts if part)
    return f"{said} (image: {words(image)}; mask: {words(mask)})"


def _size(image: GeoBox, mask: GeoBox) -> str:
    if image.shape == mask.shape:
        return ""
    return (
        f"the mask is {mask.height} x {mask.width} pixels, its image {image.height} x {image.width}"
    )


def _crs(image: GeoBox, mask: GeoBox) -> str:
    if image.crs == mask.crs:
        return ""
    codes = [grid.crs.to_epsg() if grid.crs else None for grid in (mask, image)]
    names = [f"EPSG:{code}" if code else "one without a code" for code in codes]
    return f"the CRS of the mask is {names[0]}, that of its image {names[1]}"


def _place(image: GeoBox, mask: GeoBox) -> list[str]:
    """Pixel and upper left corner of the mask, in pixels of the image."""
    cols, rows = pixels_between(mask, image, np.array([0, 1, 0]), np.array([0, 0, 1]))
    if not np.isfinite([cols, rows]).all():
        return ["the mask lies where the CRS of the image can't reach"]
    across = math.hypot(cols[1] - cols[0], rows[1] - rows[0])
    down = math.hypot(cols[2] - cols[0], rows[2] - rows[0])
    turned = math.degrees(math.atan2(rows[1] - rows[0], cols[1] - cols[0]))
    longest = max(mask.shape)
    parts = []
    if _mirrored(image, mask):
        return ["one of the two has its rows in the other direction"]
    if max(abs(across - 1), abs(down - 1)) * longest > _EXACT:
        parts.append(f"a pixel of the mask is {across:.7g} x {down:.7g} of the image's")
    if abs(math.radians(turned)) * longest > _EXACT:
        way = "clockwise" if turned > 0 else "anticlockwise"
        parts.append(f"the mask is turned {way} by {abs(turned):.4g} degrees against its image")
    if math.hypot(cols[0], rows[0]) > _EXACT:
        parts.append(_shift(image, float(cols[0]), float(rows[0])))
    return parts or (["their place is the same"] if image.shape == mask.shape else [])


def _mirrored(image: GeoBox, mask: GeoBox) -> bool:
    areas = [g.transform.a * g.transform.e - g.transform.b * g.transform.d for g in (image, mask)]
    return areas[0] * areas[1] < 0


def _shift(image: GeoBox, cols: float, rows: float) -> str:
    """How far the upper left corner of the mask is from that of its image."""
    across, down = pixel_on_ground(image)
    ways = [
        f"{_short(abs(steps))} {word} {way[steps < 0]}"
        for steps, word, way in (
            (cols, "columns", ("to the right", "to the left")),
            (rows, "rows", ("down", "up")),
        )
        if abs(steps) > _EXACT
    ]
    metres = math.hypot(cols * across, rows * down)
    return f"the mask begins {' and '.join(ways)} ({_short(metres)} m) from the corner of its image"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 3) + 0:.4g}"
