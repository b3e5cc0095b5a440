"""One grid over one or many files: bands of other resolutions or places are brought to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from mapwright.errors import ImageFileError
from mapwright.io.raster import (
    Raster,
    inspect,
    open_raster,
    place_window,
    read_raster,
    valid_pixels,
)
from mapwright.types import Window

How = Literal["nearest", "bilinear"]
"""How values are brought to another grid: `nearest` for categories, `bilinear` for measurements."""

_MARGIN = 4  # pixels read around a window on another grid
_EXACT = 1e-3  # pixels; grids that differ by less are the same


@dataclass(frozen=True)
class Layer:
    """Some bands of one file.

    Args:
        path: The file.
        bands: 1-based indices, in the order wanted.
        how: How they are brought to the grid of the first layer, if theirs is another.
    """

    path: Path
    bands: tuple[int, ...]
    how: How = "bilinear"


def read_layers(
    layers: Sequence[Layer],
    *,
    window: Window | None = None,
    nodata: float | None = None,
    alpha: bool = False,
    step: int = 1,
) -> Raster:
    """Read the bands of several files on the grid of the first; see `read_raster`.

    A pixel is valid where it is valid in every layer.

    Raises:
        ImageFileError: Unreadable, without a band, or on a grid that can't be brought to the
            first one's.
    """
    first, *others = layers
    raster = read_raster(
        first.path, first.bands, window=window, nodata=nodata, alpha=alpha, step=step
    )
    if not others:
        return raster
    grid = inspect(first.path).geobox
    parts = [raster]
    for layer in others:
        if same_grid(grid, inspect(layer.path).geobox):
            parts.append(
                read_raster(layer.path, layer.bands, window=window, nodata=nodata, step=step)
            )
        else:
            part = read_on_grid(layer, grid, window=window, nodata=nodata)
            kept = part.pixels[:, ::step, ::step], part.valid[::step, ::step]
            parts.append(Raster(*kept, raster.geobox))
    pixels = np.concatenate([part.pixels for part in parts])
    valid = np.logical_and.reduce([part.valid for part in parts])
    return Raster(pixels, valid, raster.geobox)


def same_grid(one: GeoBox, other: GeoBox) -> bool:
    """Whether two grids have the same shape and place; without a CRS on both, the same shape.

    A place may differ by a thousandth of a pixel, which is rounding.
    """
    if one.shape != other.shape:
        return False
    if one.crs is None or other.crs is None:
        return True
    return one.crs == other.crs and _corner_distance(one, other) < _EXACT


def read_on_grid(
    layer: Layer, grid: GeoBox, *, window: Window | None = None, nodata: float | None = None
) -> Raster:
    """Read bands of a file on another grid.

    Args:
        layer: What to read, and how.
        grid: Where to.
        window: The part of `grid` to read; None = all of it.
        nodata: The value that means "no measurement".

    Returns:
        (C, h, w) float64, which holds every whole number of a mask exactly; what the file does
        not cover is invalid.

    Raises:
        ImageFileError: Unreadable, or one of the two grids has no CRS.
    """
    window = window or Window(0, 0, int(grid.height), int(grid.width))
    own = inspect(layer.path).geobox
    if own.crs is None or grid.crs is None:
        raise ImageFileError(
            f"the file is on another grid and can't be placed: {words(own)}",
            where=layer.path,
            expected=f"the grid {words(grid)}, or a CRS on both",
            fix="use a file at the size of its image, or give both their CRS",
        )
    with open_raster(layer.path) as source:
        # with a margin, or pixels at the rim of a window would be interpolated in another way
        wide = window.moved(-_MARGIN, -_MARGIN)
        height, width = window.height + 2 * _MARGIN, window.width + 2 * _MARGIN
        with WarpedVRT(
            source,
            crs=grid.crs.to_wkt(),
            transform=place_window(grid, wide, (wide.height, wide.width)).transform,
            height=height,
            width=width,
            resampling=Resampling[layer.how],
            src_nodata=source.nodata if nodata is None else nodata,
            nodata=math.nan,
            dtype="float64",
            tolerance=_EXACT,  # coarser, pixels would depend on the window that is read
        ) as warped:
            pixels = warped.read(layer.bands)[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    target = place_window(grid, window, (window.height, window.width))
    return Raster(pixels, valid_pixels(pixels, None), target)


def words(grid: GeoBox) -> str:
    """A grid in words: size, pixel, upper left corner and CRS."""
    t, size = grid.transform, f"{grid.height} x {grid.width} pixels"
    if grid.crs is None:
        return f"{size}, no CRS"
    code = grid.crs.to_epsg()
    name = f"EPSG:{code}" if code else str(grid.crs)[:60]
    turned = "" if t.b == t.d == 0 else ", rotated"
    return f"{size} of {t.a:.10g} x {-t.e:.10g} at ({t.c:.10g}, {t.f:.10g}) in {name}{turned}"


def _corner_distance(one: GeoBox, other: GeoBox) -> float:
    """Largest distance of the four corners of two grids of one CRS, in pixels of the first."""
    a, b = one.transform, other.transform
    height, width = one.shape
    side = math.sqrt(abs(a.a * a.e - a.b * a.d))
    return max(
        math.hypot(
            (a.a - b.a) * x + (a.b - b.b) * y + a.c - b.c,
            (a.d - b.d) * x + (a.e - b.e) * y + a.f - b.f,
        )
        / side
        for x in (0, width)
        for y in (0, height)
    )
