"""How the grid of a scene lies on the ground: scale and north, for people who look at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError

from mapwright.io.place import to_ground

_EARTH = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Ground:
    """How the grid of a scene lies on the ground, at its centre.

    Args:
        width: Width of a pixel in metres.
        height: Height of a pixel in metres.
        north: Where north is, in degrees clockwise from the top of the picture.
    """

    width: float
    height: float
    north: float


def ground_of(geobox: GeoBox) -> Ground | None:
    """Scale and north of a grid, measured along the ellipsoid; None without a usable CRS."""
    if geobox.crs is None:
        return None
    # the pixel in the middle, one to the right of it, one above
    col = geobox.width / 2 + np.array([0.0, 1.0, 0.0])
    row = geobox.height / 2 + np.array([0.0, 0.0, -1.0])
    x, y = to_ground(geobox, col, row)
    try:
        lonlat = Transformer.from_crs(geobox.crs.proj, CRS.from_epsg(4326), always_xy=True)
        lon, lat = lonlat.transform(x, y, errcheck=True)
    except ProjError:
        return None
    _, _, across = _EARTH.inv(lon[0], lat[0], lon[1], lat[1])
    up, _, along = _EARTH.inv(lon[0], lat[0], lon[2], lat[2])
    return Ground(across, along, -up)
