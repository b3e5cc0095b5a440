"""Between the pixels of a grid, the coordinates of its CRS, and metres on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

Numbers = NDArray[np.float64]

_EQUATOR = 6_378_137.0  # metres; semi-major axis of the WGS 84 ellipsoid
_FLATTENING = 1 / 298.257223563  # of the WGS 84 ellipsoid
_RIM = 8  # points on each side of a footprint, so that sides may be curved elsewhere


def to_ground(grid: GeoBox, cols: Any, rows: Any) -> tuple[Numbers, Numbers]:
    """Pixel coordinates, 0 at the upper left corner, to x and y in the CRS of the grid."""
    t = grid.transform
    x, y = t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def to_pixels(grid: GeoBox, x: Any, y: Any) -> tuple[Numbers, Numbers]:
    """Columns and rows, 0 at the upper left corner, of x and y in the CRS of the grid."""
    t = grid.transform
    right, down = np.asarray(x, np.float64) - t.c, np.asarray(y, np.float64) - t.f
    area = t.a * t.e - t.b * t.d
    return (t.e * right - t.b * down) / area, (t.a * down - t.d * right) / area


def pixels_between(source: GeoBox, target: GeoBox, cols: Any, rows: Any) -> tuple[Numbers, Numbers]:
    """Pixel coordinates of one grid as those of another, which may have another CRS.

    Both grids have a CRS. What can't be brought to the other CRS is infinite.
    """
    x, y = to_ground(source, cols, rows)
    if source.crs != target.crs:
        x, y = transformer(_wkt(source), _wkt(target)).transform(x, y)
    if target.crs is not None and target.crs.geographic:  # the same place beyond the date line
        middle, _ = to_ground(target, target.width / 2, target.height / 2)
        turns = np.round((middle - x) / 360)
        x = x + 360 * np.where(np.isfinite(turns), turns, 0)
    return to_pixels(target, x, y)


@lru_cache(maxsize=256)
def transformer(source: str, target: str) -> Any:
    """From one CRS to another, x (or longitude) first; given as WKT or `EPSG:` code."""
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)


def rim(grid: GeoBox) -> tuple[Numbers, Numbers]:
    """Columns and rows of points along the border of a grid, in order, the first not repeated."""
    part = np.arange(_RIM) / _RIM
    zero, one = np.zeros(_RIM), np.ones(_RIM)
    cols = np.concatenate([part, one, 1 - part, zero]) * int(grid.width)
    rows = np.concatenate([zero, part, one, 1 - part]) * int(grid.height)
    return cols, rows


def rims_in_space(grids: Sequence[GeoBox]) -> Numbers:
    """The border of each grid in space; see `rim`. All have a CRS.

    Returns:
        (n, points, 3) metres from the centre of the Earth (EPSG:4978), at height 0; NaN for a grid
        that lies outside of what its CRS can describe.
    """
    points = [np.stack(to_ground(grid, *rim(grid))) for grid in grids]
    lonlat = np.empty((len(grids), 2, 4 * _RIM))
    codes = [_wkt(grid) for grid in grids]
    for code in set(codes):
        own = [k for k, other in enumerate(codes) if other == code]
        x, y = np.stack([points[k] for k in own], axis=1)
        lonlat[own] = np.stack(transformer(code, "EPSG:4326").transform(x, y), axis=1)
    lonlat[~np.isfinite(lonlat).all(axis=(1, 2))] = np.nan
    return _in_space(np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1]))


def pixel_on_ground(grid: GeoBox) -> tuple[float, float]:
    """Width and height in metres of the pixel at the centre of a grid with a CRS, on the ellipsoid.

    In degrees it is not square, and in Web Mercator smaller than its transform says; NaN outside
    of what the CRS can describe.
    """
    col, row = int(grid.width) / 2, int(grid.height) / 2
    cols, rows = np.array([col, col + 1, col]), np.array([row, row, row + 1])
    place = np.stack(transformer(_wkt(grid), "EPSG:4326").transform(*to_ground(grid, cols, rows)))
    longitude, latitude = np.radians(np.where(np.isfinite(place), place, np.nan))
    corner, right, below = _in_space(longitude, latitude)
    return float(np.linalg.norm(right - corner)), float(np.linalg.norm(below - corner))


def _wkt(grid: GeoBox) -> str:
    assert grid.crs is not None, "only a grid with a CRS has a place"
    return str(grid.crs.to_wkt())


def _in_space(longitude: Numbers, latitude: Numbers) -> Numbers:
    """Geodetic to geocentric coordinates, radians to metres (EPSG method 9602)."""
    e2 = _FLATTENING * (2 - _FLATTENING)
    normal = _EQUATOR / np.sqrt(1 - e2 * np.sin(latitude) ** 2)
    return np.stack(
        [
            normal * np.cos(latitude) * np.cos(longitude),
            normal * np.cos(latitude) * np.sin(longitude),
            normal * (1 - e2) * np.sin(latitude),
        ],
        axis=-1,
    )
