"""Footprints of images on the Earth: which lie near each other, and how near."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.spatial import cKDTree

from mapwright.io.place import Numbers, rims_in_space

_CHUNK = 1 << 14  # pairs that are looked at together
_FLAT = 3e4  # metres; the sides of larger footprints are curved, by up to
_CURVE = 0.01  # of their radius: only their pixels tell whether they share ground
_LEAST = 0.2  # of the smaller pixel; nothing covers a centre with less than a quarter of it


@dataclass(frozen=True)
class Footprints:
    """Borders and bounding spheres of grids in space.

    Args:
        rims: (n, points, 3) metres from the centre of the Earth.
        centres: (n, 3) centres of bounding spheres, in metres.
        radii: (n,) their radii, in metres; NaN where a grid has no place.
        pixels: (n,) number of pixels.
    """

    rims: Numbers
    centres: Numbers
    radii: Numbers
    pixels: Numbers


class Neighbour(NamedTuple):
    """Two footprints, by position: metres between them, and whether they may share ground."""

    first: int
    second: int
    distance: float
    may_share: bool


def take_footprints(grids: Sequence[GeoBox]) -> Footprints:
    """Where grids with a CRS lie."""
    rims = rims_in_space(grids) if grids else np.empty((0, 4, 3))
    centres = rims.mean(axis=1)
    radii = np.linalg.norm(rims - centres[:, None], axis=2).max(axis=1, initial=0)
    shapes = np.array([grid.shape for grid in grids], np.float64).reshape(-1, 2)
    return Footprints(rims, centres, radii, shapes.prod(axis=1))


def neighbours(
    places: Footprints, groups: Sequence[object], firsts: Sequence[int], buffer: float
) -> Iterator[Neighbour]:
    """Footprints of different groups that may share ground or are nearer than a buffer.

    Args:
        places: The footprints.
        groups: (n,) the group of each.
        firsts: Positions of those whose neighbours are asked for.
        buffer: In metres.
    """
    pairs = _candidates(places, groups, np.asarray(firsts, np.intp), buffer)
    for start in range(0, len(pairs), _CHUNK):
        first, second = pairs[start : start + _CHUNK].T
        distances, shared, areas = _apart(places.rims[first], places.rims[second])
        least = _LEAST * (areas / np.stack([places.pixels[first], places.pixels[second]])).min(0)
        large = np.maximum(places.radii[first], places.radii[second])
        curved = (large > _FLAT) & (distances < _CURVE * large)
        may_share = curved | (shared > least)
        for k in np.flatnonzero(may_share | (distances < buffer)):
            yield Neighbour(int(first[k]), int(second[k]), float(distances[k]), bool(may_share[k]))


def _candidates(
    places: Footprints, groups: Sequence[object], firsts: NDArray[np.intp], buffer: float
) -> NDArray[np.intp]:
    """(n, 2) pairs of different groups whose bounding spheres come nearer than the buffer.

    Spheres in space need no care at poles and the date line. Trees hold spheres of like size, so a
    few large scenes among many small ones do not make all of them candidates.
    """
    firsts = firsts[np.isfinite(places.radii[firsts])]
    sizes = np.ceil(np.log2(np.maximum(places.radii, 1e-3)))
    pairs = []
    for size in np.unique(sizes[np.isfinite(sizes)]) if len(firsts) else ():
        own = np.flatnonzero(sizes == size)
        reach = places.radii[firsts] + 2.0**size + buffer
        near = cKDTree(places.centres[own]).query_ball_point(places.centres[firsts], reach)
        for first, others in zip(firsts, near, strict=True):
            pairs += [(first, k) for k in own[others] if groups[k] != groups[first]]
    return np.array(pairs, np.intp).reshape(-1, 2)


def _apart(first: Numbers, second: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Distance of footprints (n, points, 3) in metres, the area they share, and their areas (2, n).

    All are measured on the plane that touches the Earth at the first of each pair.
    """
    import shapely

    centre = first.mean(axis=1, keepdims=True)
    up = centre / np.linalg.norm(centre, axis=2, keepdims=True)
    pole = np.where(np.abs(up[..., 2:]) > 0.9, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    east = np.cross(pole, up)
    east /= np.linalg.norm(east, axis=2, keepdims=True)
    plane = np.concatenate([east, np.cross(up, east)], axis=1).transpose(0, 2, 1)  # (n, 3, 2)
    one, other = (shapely.polygons((rims - centre) @ plane) for rims in (first, second))
    near = shapely.distance(one, other)
    shared = np.zeros(len(near))
    meet = near == 0
    shared[meet] = shapely.area(shapely.intersection(one[meet], other[meet]))
    return near, shared, np.stack([shapely.area(one), shapely.area(other)])
