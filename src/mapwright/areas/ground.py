"""How much ground each cell of a grid covers: true area on the ellipsoid, in any CRS.

Pixels of equal size in a projected CRS do not cover equal ground: at 60 degrees north a pixel of
Web Mercator covers a quarter of what its size says, and one of UTM up to 0.15 % more or less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.io.place import to_ground
from mapwright.types import Window

if TYPE_CHECKING:
    from pyproj import CRS, Transformer

Floats = NDArray[np.float64]

_STRIDE = 10_000.0
"""Metres between the cells that are measured. Area distortion of a projection changes over the
scale of the earth's radius R, so interpolation between them errs by about (10 km / R)^2 / 2, or
one part in a million."""


@dataclass(frozen=True)
class Ground:
    """The ground under the cells of a grid.

    Args:
        geobox: Shape, transform and CRS.
    """

    geobox: GeoBox

    @property
    def measured(self) -> bool:
        """True when areas are square metres, False when there is no CRS and they are pixels."""
        return self.geobox.crs is not None

    @cached_property
    def face_value(self) -> float | None:
        """Area of a pixel as its size says, in square metres; None where that is no length."""
        if self._crs is None or self._crs.is_geographic:
            return None
        return self._determinant * self._unit**2

    def cells(self, window: Window) -> Floats:
        """True area of the cells of a window.

        Args:
            window: A part of the grid.

        Returns:
            (h, w) float64, square metres on the ellipsoid of the CRS; 1 per pixel without a CRS;
            0 where the CRS has no place on the earth.
        """
        shape = window.height, window.width
        if self._crs is None:
            return np.ones(shape)
        if self._crs.geodetic_crs is None:  # a local plane, such as that of a building site
            return np.full(shape, self._determinant * self._unit**2)
        t = self.geobox.transform
        if self._crs.is_geographic and t.b == 0 and t.d == 0:
            return np.broadcast_to(self._zones(window)[:, None], shape).copy()
        return self._interpolated(window)

    @cached_property
    def _crs(self) -> CRS | None:
        return None if self.geobox.crs is None else self.geobox.crs.proj

    @cached_property
    def _unproject(self) -> Transformer:
        """From the CRS to longitude and latitude on its own datum, in the units of that."""
        from pyproj import Transformer

        assert self._crs is not None
        return Transformer.from_crs(self._crs, self._crs.geodetic_crs, always_xy=True)

    @cached_property
    def _determinant(self) -> float:
        t = self.geobox.transform
        return abs(float(t.a * t.e - t.b * t.d))

    @cached_property
    def _unit(self) -> float:
        """Metres, or radians, of one unit of the CRS."""
        assert self._crs is not None
        return float(self._crs.axis_info[0].unit_conversion_factor)

    def _zones(self, window: Window) -> Floats:
        """(h,) area of a cell of each row, for rows along parallels: exact."""
        assert self._crs is not None
        t = self.geobox.transform
        edges = t.f + t.e * np.arange(window.row, window.row + window.height + 1)
        latitudes = np.clip(edges * self._unit, -math.pi / 2, math.pi / 2)
        a, e2 = _ellipsoid(self._crs)
        strips: Floats = np.abs(np.diff(area_from_equator(latitudes, a, e2)))
        return strips * abs(t.a) * self._unit

    def _interpolated(self, window: Window) -> Floats:
        """(h, w) from cells that are measured every few kilometres, bilinear between them."""
        t = self.geobox.transform
        down, rows = _nodes(window.height, math.hypot(t.b, t.e) * self._metres)
        right, cols = _nodes(window.width, math.hypot(t.a, t.d) * self._metres)
        nodes = self._quadrilaterals(window.row + down, window.col + right)
        return rows @ nodes @ cols.T

    @cached_property
    def _metres(self) -> float:
        """Metres of one unit of the CRS, roughly where that is an angle."""
        assert self._crs is not None
        return self._unit * (_ellipsoid(self._crs)[0] if self._crs.is_geographic else 1.0)

    def _quadrilaterals(self, rows: Floats, cols: Floats) -> Floats:
        """(m, n) area of single cells, half the cross product of their diagonals in space.

        In space there is neither pole nor date line to stumble over. A flat cell is smaller than
        the curved one by (side / R)^2 / 12 at most: 2e-7 for a side of 10 km.
        """
        corners = [(0, 0), (1, 1), (0, 1), (1, 0)]
        grid = [np.meshgrid(rows + down, cols + right, indexing="ij") for down, right in corners]
        first, opposite, second, other = (self._in_space(r, c) for r, c in grid)
        cross = np.cross(opposite - first, other - second)
        areas: Floats = np.linalg.norm(cross, axis=-1) / 2
        return np.nan_to_num(areas)

    def _in_space(self, rows: Floats, cols: Floats) -> Floats:
        """(m, n, 3) metres from the centre of the earth; NaN where there is no place on it."""
        angles = self._unproject.transform(*to_ground(self.geobox, cols, rows))
        base = self._unproject.target_crs
        assert base is not None
        factor = float(base.axis_info[0].unit_conversion_factor)
        longitude, latitude = (np.where(np.isfinite(v), v, np.nan) * factor for v in angles)
        a, e2 = _ellipsoid(base)
        normal = a / np.sqrt(1 - e2 * np.sin(latitude) ** 2)
        flat = normal * np.cos(latitude)
        up = normal * (1 - e2) * np.sin(latitude)
        return np.stack([flat * np.cos(longitude), flat * np.sin(longitude), up], axis=-1)


def area_from_equator(latitude: Floats, a: float, e2: float) -> Floats:
    """Area between the equator and a parallel, per radian of longitude (Snyder 1987, eq. 3-12).

    Args:
        latitude: Radians.
        a: Semi-major axis of the ellipsoid in metres.
        e2: Squared eccentricity; 0 for a sphere.

    Returns:
        Square metres per radian, negative in the south: a^2 q / 2, with
        q = (1 - e^2) [sin / (1 - e^2 sin^2) + artanh(e sin) / e].
    """
    s = np.sin(latitude)
    e = math.sqrt(e2)
    last = np.arctanh(e * s) / e if e else s
    q: Floats = (1 - e2) * (s / (1 - e2 * s**2) + last)
    return a**2 / 2 * q


def _ellipsoid(crs: CRS) -> tuple[float, float]:
    """Semi-major axis in metres and squared eccentricity."""
    ellipsoid = crs.ellipsoid
    assert ellipsoid is not None
    a, b = float(ellipsoid.semi_major_metre), float(ellipsoid.semi_minor_metre)
    return a, 1 - (b / a) ** 2


def _nodes(count: int, side: float) -> tuple[Floats, Floats]:
    """Which of `count` cells to measure, and how the others follow from them.

    Args:
        count: Cells in a line.
        side: Metres from one to the next.

    Returns:
        (m,) places of the measured cells, 0 .. count - 1, and (count, m) linear weights.
    """
    steps = min(max(math.ceil((count - 1) * side / _STRIDE), 1), max(count - 1, 1))
    places = np.linspace(0, count - 1, steps + 1) if count > 1 else np.zeros(1)
    gap = (count - 1) / steps or 1.0
    distance = np.abs(np.arange(count)[:, None] - places)
    return places, np.maximum(0.0, 1 - distance / gap)
