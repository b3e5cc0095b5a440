"""Patches of a class map and their outlines.

A patch is a set of pixels of one class that touch along sides (4-connected). Outlines are traced on
the whole map at once, so they know no tile borders. They differ from those of
`rasterio.features.shapes` in one thing: where three patches meet, all three have a vertex, so that
borders can be simplified or projected without a gap. They are also several times as fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order

from mapwright.types import IGNORE, ClassIndex

Shapes = NDArray[Any]
"""(N,) shapely polygons."""

Labels = NDArray[np.int32]
"""(H, W) int32, number of the patch 1..N that a pixel belongs to, 0 where it is invalid."""

Ints = NDArray[np.integer[Any]]

_EAST, _SOUTH, _WEST, _NORTH = range(4)
_ROWS = 256  # of the map that are looked at together


@dataclass(frozen=True)
class Patches:
    """The patches of a map.

    Args:
        labels: Which patch a pixel belongs to.
        classes: (N + 1,) uint8, class index of each patch; `IGNORE` at 0.
    """

    labels: Labels
    classes: ClassIndex

    def __len__(self) -> int:
        return len(self.classes) - 1


def find_patches(classes: ClassIndex) -> Patches:
    """Number the patches of class indices (H, W), class by class, from the top."""
    labels = np.zeros(classes.shape, np.int32)
    of_patch = [np.array([IGNORE], np.uint8)]
    count = 0
    for index in np.flatnonzero(np.bincount(classes.ravel(), minlength=IGNORE)[:IGNORE]):
        inside = classes == index
        part, found = ndimage.label(inside)
        np.add(part, np.int32(count), out=labels, where=inside)
        of_patch.append(np.full(found, index, np.uint8))
        count += found
    return Patches(labels, np.concatenate(of_patch))


def outlines(labels: Labels) -> Shapes:
    """The outline of every patch, holes included.

    Args:
        labels: (H, W), patches 1..N, each 4-connected.

    Returns:
        (N,) valid polygons in pixel coordinates, x = column and y = row from the upper left corner,
        in order of their number. Two that share a border share its vertices.
    """
    import shapely

    if not labels.any():
        return np.empty(0, object)
    ends = _ends(labels)
    path, sizes, owners = _rings(ends)
    xy = np.stack([ends.col[path], ends.row[path]], axis=1).astype(np.float64)
    holes = _signed_areas(xy, sizes) < 0
    order = np.lexsort((holes, owners))  # by patch, the outer ring first
    picked, starts = _closed(sizes, order)
    first_rings = np.append(np.flatnonzero(~holes[order]), len(order))
    shapes: Shapes = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, xy[picked], (starts, first_rings)
    )
    return shapes


@dataclass(frozen=True)
class _Ends:
    """Where straight stretches of outline end, and the next begins; one entry per outline there.

    Args:
        row: (E,) lattice row of the vertex, 0..H.
        col: (E,) lattice column, 0..W.
        owner: (E,) the patch on the right hand.
        following: (E,) which entry comes next along the outline.
    """

    row: Ints
    col: Ints
    owner: Ints
    following: Ints


def _ends(labels: Labels) -> _Ends:
    """Follow all outlines at once, with their patch on the right hand.

    At a vertex where a patch touches itself across the corner, the outline keeps to the pixel on
    its left: so each ring is simple, and a ring around a hole stays apart from the outer one.
    """
    row, col, north_west, north_east, south_west, south_east = _vertices(labels)
    around = {  # by heading: behind on the right and left, ahead on the left and right
        _EAST: (south_west, north_west, north_east, south_east),
        _SOUTH: (north_west, north_east, south_east, south_west),
        _WEST: (north_east, south_east, south_west, north_west),
        _NORTH: (south_east, south_west, north_west, north_east),
    }
    parts = []
    for direction, (own, other, left, right) in around.items():
        at = np.flatnonzero((own != other) & (own > 0))
        own, left, right = own[at], left[at], right[at]
        turn = np.where(left == own, 3, np.where(right == own, 0, 1)).astype(np.int8)
        arriving = np.full(len(at), direction, np.int8)
        parts.append((row[at], col[at], own, arriving, (arriving + turn) % 4))
    row, col, owner, arriving, leaving = (np.concatenate(part) for part in zip(*parts, strict=True))
    following = np.empty(len(row), np.int32)
    for direction in range(4):
        # stretches of one heading don't overlap: in order along their lines, the n-th to begin is
        # the n-th to end
        begin = _along(np.flatnonzero(leaving == direction), row, col, direction)
        following[begin] = _along(np.flatnonzero(arriving == direction), row, col, direction)
    return _Ends(row, col, owner, following)


def _along(entries: Ints, row: Ints, col: Ints, direction: int) -> Ints:
    """Entries by line, and along it."""
    flat = direction in (_EAST, _WEST)
    keys = (col[entries], row[entries]) if flat else (row[entries], col[entries])
    return entries[np.lexsort(keys)]


def _vertices(labels: Labels) -> NDArray[np.int32]:
    """(6, V): row and column of where outlines turn or meet, and the four patches around it."""
    return np.concatenate(list(_vertices_by_rows(labels)), axis=1)


def _vertices_by_rows(labels: Labels) -> Iterator[NDArray[np.int32]]:
    height = labels.shape[0]
    for start in range(0, height + 1, _ROWS):
        stop = min(start + _ROWS, height + 1)
        above, below = int(start == 0), int(stop == height + 1)
        rows = np.pad(labels[start - 1 + above : stop], ((above, below), (1, 1)))
        nw, ne, sw, se = rows[:-1, :-1], rows[:-1, 1:], rows[1:, :-1], rows[1:, 1:]
        north, south, west, east = nw != ne, sw != se, nw != sw, ne != se
        straight = (north == south) & (west == east)
        straight &= north != west
        row, col = np.nonzero((north | south | west) & ~straight)
        quarters = (nw[row, col], ne[row, col], sw[row, col], se[row, col])
        yield np.stack([row + start, col, *quarters]).astype(np.int32)


def _rings(ends: _Ends) -> tuple[Ints, Ints, Ints]:
    """Put the ends in order along their rings.

    Returns:
        (E,) entries, ring after ring; (R,) number of entries of each ring; (R,) its patch.
    """
    count = len(ends.following)
    entries = np.arange(count, dtype=np.int32)
    _, ring = connected_components(_graph(ends.following), directed=True, connection="weak")
    first = np.full(int(ring.max()) + 1, count)
    np.minimum.at(first, ring, entries)
    before = np.empty(count, np.int32)
    before[ends.following] = entries
    chain = ends.following.copy()  # one walk through all rings: the last of each leads on
    chain[before[first]] = np.roll(first, -1)
    path = depth_first_order(_graph(chain), first[0], return_predecessors=False)
    return path, np.bincount(ring), ends.owner[first]


def _graph(following: Ints) -> Any:
    count = len(following)
    steps = np.ones(count, np.int8)
    return csr_array((steps, following, np.arange(count + 1)), shape=(count, count))


def _signed_areas(xy: NDArray[np.float64], sizes: Ints) -> NDArray[np.float64]:
    """(R,) by the shoelace formula; positive where the patch is inside the ring."""
    stops = np.cumsum(sizes)
    starts = stops - sizes
    following = np.arange(1, len(xy) + 1)
    following[stops - 1] = starts
    x, y = xy.T
    areas: NDArray[np.float64] = np.add.reduceat(x * y[following] - x[following] * y, starts) / 2
    return areas


def _closed(sizes: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Which entries make up the rings in a new order, each closed by its first entry.

    Returns:
        (E + R,) entries and (R + 1,) where each ring starts among them.
    """
    old = (np.cumsum(sizes) - sizes)[order]
    starts = np.concatenate([[0], np.cumsum(sizes[order] + 1)])
    picked = np.repeat(old - starts[:-1], sizes[order] + 1) + np.arange(starts[-1])
    picked[starts[1:] - 1] = old
    return picked, starts
