"""Polygons in pixel coordinates on the ground: their place and their area.

Areas are those of the ground, on the ellipsoid of the CRS, whatever its projection does to areas:
at 60 degrees north Web Mercator shows four times of what is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.io.outlines import Shapes
from mapwright.io.place import to_ground

if TYPE_CHECKING:
    from pyproj import CRS, Proj, Transformer

Floats = NDArray[np.float64]

_STRETCH = 1000.0
"""Metres of a straight line that an equal-area projection may bend. At latitude f a parallel moves
away from it by length^2 tan(f) / 8R, at 60 degrees 3 cm."""

_PART = 50_000  # polygons that are copied at a time

_WIDE = 5e6
"""Metres from the middle of a map to its corners from where on it is one of the world."""


@dataclass(frozen=True)
class Measure:
    """Measures polygons that are drawn on the pixels of a grid.

    Args:
        geobox: Shape, transform and CRS of the grid.
    """

    geobox: GeoBox

    @property
    def in_metres(self) -> bool:
        """False without a CRS: then lengths and areas are those of pixels."""
        return self._crs is not None

    def place(self, outlines: Shapes) -> Shapes:
        """Polygons in pixel coordinates to those of the CRS, outer rings counter-clockwise."""
        import shapely

        placed = np.empty(len(outlines), object)
        for part in _parts(len(outlines)):
            there = shapely.transform(outlines[part], self._to_crs)
            placed[part] = shapely.orient_polygons(there, exterior_cw=False)
        return placed

    def areas(self, outlines: Shapes) -> Floats:
        """(N,) area of polygons in pixel coordinates, in square metres, or pixels without a CRS.

        By an equal-area projection of the CRS's own ellipsoid. For maps in longitude and latitude
        and for the world it is the cylindrical one, which keeps parallels and meridians straight;
        else Lambert's azimuthal one about the middle, which knows neither date line nor pole.
        """
        import shapely

        if self._crs is None or self._equal_area is None:
            return np.asarray(shapely.area(outlines) * self.side**2)
        t = self.geobox.transform
        straight = self._crs.is_geographic and t.b == t.d == 0
        step = max(1.0, _STRETCH / self.side)
        areas = np.empty(len(outlines))
        for part in _parts(len(outlines)):
            bent = outlines[part] if straight else shapely.segmentize(outlines[part], step)
            areas[part] = shapely.area(shapely.transform(bent, self._to_equal_area))
        return areas

    def cells(self) -> Floats:
        """(H,) area of a pixel of each row, taken in the middle of the row."""
        import shapely

        height, width = self.geobox.shape
        row, col = np.arange(height), np.full(height, width // 2)
        return self.areas(shapely.box(col, row, col + 1, row + 1))

    @cached_property
    def side(self) -> float:
        """Side in metres of a square as large as the middle pixel; 1 without a CRS."""
        import shapely

        t = self.geobox.transform
        if self._crs is None:
            return 1.0
        if self._equal_area is None:
            unit = self._crs.axis_info[0].unit_conversion_factor
            return math.sqrt(abs(t.a * t.e - t.b * t.d)) * unit
        col, row = self._center
        pixel = shapely.box(col - 0.5, row - 0.5, col + 0.5, row + 0.5)
        return math.sqrt(shapely.transform(pixel, self._to_equal_area).area)

    @property
    def _center(self) -> Floats:
        """Column and row of the middle of the grid."""
        return np.array(self.geobox.shape[::-1], np.float64) / 2

    @cached_property
    def _crs(self) -> CRS | None:
        return None if self.geobox.crs is None else self.geobox.crs.proj

    @cached_property
    def _equal_area(self) -> Proj | None:
        """None where there is no place on the earth: without a CRS, or on a local plane."""
        from pyproj import Proj

        if self._crs is None or self._crs.geodetic_crs is None:
            return None
        ellipsoid, geod = self._crs.ellipsoid, self._crs.get_geod()
        assert ellipsoid is not None and geod is not None
        a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
        corners = self._center * [[0, 0], [0, 2], [2, 0], [2, 2]]
        middle = self._to_degrees(np.broadcast_to(self._center, corners.shape))
        _, _, distance = geod.inv(*middle.T, *self._to_degrees(corners).T)
        if self._crs.is_geographic or not (distance < _WIDE).all():
            return Proj(proj="cea", a=a, b=b, over=True)
        return Proj(proj="laea", lon_0=middle[0, 0], lat_0=middle[0, 1], a=a, b=b)

    @cached_property
    def _unproject(self) -> Transformer:
        """To longitude and latitude on the CRS's own datum, so without any shift."""
        from pyproj import Transformer

        assert self._crs is not None
        return Transformer.from_crs(self._crs, self._crs.geodetic_crs, always_xy=True)

    def _to_crs(self, xy: Floats) -> Floats:
        return np.stack(to_ground(self.geobox, *xy.T), axis=1)

    def _to_degrees(self, xy: Floats) -> Floats:
        base = self._unproject.target_crs
        assert base is not None
        angles = np.stack(self._unproject.transform(*self._to_crs(xy).T), axis=1)
        return np.degrees(angles * base.axis_info[0].unit_conversion_factor)

    def _to_equal_area(self, xy: Floats) -> Floats:
        assert self._equal_area is not None
        return np.stack(self._equal_area(*self._to_degrees(xy).T), axis=1)


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + _PART) for start in range(0, count, _PART))
