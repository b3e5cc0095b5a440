"""Anchors of an image: points that another image of the same content has too, wherever it lies.

An anchor is a local extreme of the smoothed image. Its code says in which direction the brightest
and the darkest point of a circle around it lie, which noise, compression and brightness hardly
change. One code is no address, since many places share it; two codes of neighbours with the step
between them are. These pairs are what images are looked up by, as stars are identified by the
figures that they form with their neighbours (Lang et al. 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.data.content.smooth import (
    Grey,
    highest,
    lowest,
    smooth_coarsely,
    smooth_finely,
)

_RADIUS = 8  # pixels: an anchor is the extreme of a square of 17
_CIRCLE = 10  # pixels: radius of the circle that the code describes
_WAYS = 10  # directions that it tells apart
_STEP = 3  # pixels of a step that count as one: an extreme may move by one
_NEIGHBOURS = 3  # that an anchor forms pairs with
_WIDE = 38  # pixels around an anchor without a stronger one
_RIM, _NARROW = 32, 22  # pixels along the border, and what is enough there
_SMALL, _DENSE = 512, 14  # side of an image that is all border, and what is enough in it
_FLAT = 1e-5  # of the value: what rounding can make of a constant picture

_SHIFT = 4  # of an index, between the fine and the coarse image
_MARGIN = _CIRCLE + _SHIFT  # of the fine image, where no anchor can lie
SMALLEST = 2 * (_MARGIN + 4)
"""Side in pixels below which an image has no anchor."""

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio


@dataclass(frozen=True)
class Anchors:
    """Pairs of neighbouring anchors of one image.

    Args:
        keys: (n,) uint32, what a pair looks like.
        rows: (n,) int16 or int32 row of the first of each pair, in pixels.
        cols: Its column.
    """

    keys: NDArray[np.uint32]
    rows: NDArray[np.int16] | NDArray[np.int32]
    cols: NDArray[np.int16] | NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.keys)


def find_anchors(picture: Grey) -> Anchors:
    """The pairs of anchors of an image; none where it is constant, invalid or too small."""
    if min(picture.shape) < SMALLEST:
        return _once(np.empty(0, np.uint64), np.empty((0, 2), np.intp), np.empty(0, np.intp))
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values give no anchor
        fine = smooth_finely(picture)
        coarse = smooth_coarsely(fine)
        places, heights = _extremes(fine)
    wide = _strong(places, heights, _WIDE)
    rim, radius = _border(places, fine.shape)
    narrow = rim[_strong(places[rim], heights[rim], radius)]
    codes, known = _codes(coarse, places, heights, np.union1d(wide, narrow))
    parts = [_neighbours(places, chosen[known[chosen]]) for chosen in (wide, narrow)]
    first, second = np.concatenate(parts, axis=1)
    steps = (places[second] - places[first]) // _STEP
    keys = _mixed(_mixed(codes[first]) + codes[second])
    for axis in (0, 1):
        keys = _mixed(keys + steps[:, axis].astype(np.uint64))
    return _once(keys >> np.uint64(32), places, first)


def _circle(radius: int, points: int) -> NDArray[np.intp]:
    """(points, 2) steps to points on a circle."""
    angles = 2 * np.pi * np.arange(points) / points
    steps = radius * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.asarray(np.rint(steps), np.intp)


def _extremes(fine: Grey) -> tuple[NDArray[np.intp], Grey]:
    """Where extremes lie in the fine image, (n, 2), and how far they stand out, (n,)."""
    inner = slice(_RADIUS, -_RADIUS)
    middle = fine[inner, inner]
    found = middle == highest(fine, _RADIUS)
    found |= middle == lowest(fine, _RADIUS)
    flat = np.flatnonzero(found)
    places = np.stack(np.divmod(flat, middle.shape[1]), axis=1) + _RADIUS
    room = np.array(fine.shape) - _MARGIN
    places = places[((places >= _MARGIN) & (places < room)).all(axis=1)]
    ring = places[:, None] + _circle(_RADIUS, 16)
    values = fine[places[:, 0], places[:, 1]]
    heights = values - fine[ring[..., 0], ring[..., 1]].mean(axis=1)
    known = np.isfinite(heights) & (np.abs(heights) > _FLAT * np.abs(values))
    return places[known], heights[known]


def _border(places: NDArray[np.intp], shape: tuple[int, ...]) -> tuple[NDArray[np.intp], int]:
    """Positions of the anchors along the border, of all in a small image; and a narrow radius.

    Whatever two images share lies at a border of both. It may be too little for anchors that are
    strong in a wide surrounding, so here those of a narrow one count too.
    """
    if max(shape) <= _SMALL:
        return np.arange(len(places)), _DENSE
    edge = np.minimum(places, np.array(shape) - 1 - places).min(axis=1, initial=max(shape))
    return np.flatnonzero(edge < _MARGIN + _RIM), _NARROW


def _codes(
    coarse: Grey, places: NDArray[np.intp], heights: Grey, chosen: NDArray[np.intp]
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """(n,) code of each of the chosen anchors, and whether all around it is known."""
    points = places[chosen][:, None] - _SHIFT + _circle(_CIRCLE, _WAYS)
    around = coarse[points[..., 0], points[..., 1]]
    directions = np.argmax(around, axis=1) * _WAYS + np.argmin(around, axis=1)
    codes, known = np.zeros(len(places), np.uint64), np.zeros(len(places), np.bool_)
    codes[chosen] = directions * 2 + (heights[chosen] > 0)
    known[chosen] = np.isfinite(around).all(axis=1)
    return codes, known


def _strong(places: NDArray[np.intp], heights: Grey, radius: int) -> NDArray[np.intp]:
    """Positions of the anchors that no stronger one stands near.

    Whether one is kept depends on its surrounding alone, so other crops keep it too.
    """
    from scipy.spatial import cKDTree

    if not len(places):
        return np.empty(0, np.intp)
    first, second = cKDTree(places).query_pairs(radius, output_type="ndarray").T
    strength = np.abs(heights)
    kept = np.ones(len(places), np.bool_)
    kept[np.where(strength[first] < strength[second], first, second)] = False
    return np.flatnonzero(kept)


def _neighbours(places: NDArray[np.intp], chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    """(2, n) pairs of the chosen and their nearest, every pair once, the upper left one first."""
    from scipy.spatial import cKDTree

    near = min(_NEIGHBOURS, len(chosen) - 1)
    if near < 1:
        return np.empty((2, 0), np.intp)
    _, others = cKDTree(places[chosen]).query(places[chosen], k=near + 1)
    own = np.repeat(np.arange(len(chosen)), near + 1)
    first, second = np.minimum(own, others.ravel()), np.maximum(own, others.ravel())
    joined = np.unique((first * len(chosen) + second)[first != second])
    return np.asarray(chosen[np.stack(np.divmod(joined, len(chosen)))])


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread values over 64 bits (multiplicative hashing, Knuth 1973)."""
    spread = values * _MIX
    return np.asarray(spread ^ (spread >> np.uint64(29)))


def _once(keys: NDArray[np.uint64], places: NDArray[np.intp], first: NDArray[np.intp]) -> Anchors:
    """The pairs whose key this image has at one place only; periodic content has none.

    Args:
        keys: (n,) of 32 bits each.
        places: Where the anchors lie.
        first: (n,) position of the first anchor of each pair.
    """
    packed = np.unique(keys << np.uint64(32) | first.astype(np.uint64))  # the two sets overlap
    keys = packed >> np.uint64(32)
    alone, other = np.ones(len(keys), np.bool_), np.diff(keys) != 0
    alone[1:] &= other
    alone[:-1] &= other
    chosen = places[packed[alone] & np.uint64(0xFFFFFFFF)]
    small = np.int16 if chosen.max(initial=0) <= np.iinfo(np.int16).max else np.int32
    rows, cols = chosen.T.astype(small)
    return Anchors(keys[alone].astype(np.uint32), rows, cols)
