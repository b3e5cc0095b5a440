"""Minimum mapping unit: patches that are too small join their largest neighbour."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from mapwright.io.outlines import Ints, Labels, Patches

Floats = NDArray[np.float64]

_ROUNDING = 1e-9  # relative; a patch of the smallest size itself stays
_ROWS = 256  # of the map that are looked at together


def merge_small(patches: Patches, cells: Floats, smallest: float) -> Patches:
    """Let patches below a size take the class of their largest neighbour.

    In rounds: each small patch points to its largest neighbour, small or not, and takes the class
    at the end of that chain; of two that point to each other, the larger keeps its own. Then
    patches of one class that touch are one, and the next round begins. So it ends, like a sieve of
    GDAL, but without small patches: those that only have small neighbours grow together first.
    What is left below the size touches nothing but invalid pixels and the border of the map.

    Args:
        patches: The patches; invalid pixels are no neighbour and stay invalid.
        cells: (H,) area of one pixel in each row.
        smallest: The smallest area that may stay, in the unit of `cells`.

    Returns:
        The patches that are left, on the same grid.
    """
    classes = patches.classes
    sizes = _sizes(patches.labels, cells, len(classes))
    pairs = _neighbours(patches.labels, len(classes))
    patch_of = np.arange(len(classes), dtype=np.int32)
    while True:
        goal = _largest_neighbours(sizes, pairs)
        moves = (goal > 0) & (sizes < smallest * (1 - _ROUNDING))
        if not moves.any():
            return Patches(patch_of[patches.labels], classes)
        classes = classes[_ends_of_chains(np.where(moves, goal, np.arange(len(goal))), sizes)]
        joined = _join(pairs[classes[pairs[:, 0]] == classes[pairs[:, 1]]], len(classes))
        _, kept = np.unique(joined, return_index=True)
        classes, sizes = classes[kept], np.bincount(joined, sizes).astype(np.float64)
        pairs = _distinct(joined[pairs], len(classes))
        patch_of = joined[patch_of]


def _sizes(labels: Labels, cells: Floats, count: int) -> Floats:
    """(N + 1,) area of each patch."""
    sizes = np.zeros(count)
    for start in range(0, len(labels), _ROWS):
        rows = slice(start, start + _ROWS)
        weights = np.broadcast_to(cells[rows, None], labels[rows].shape)
        sizes += np.bincount(labels[rows].ravel(), weights.ravel(), minlength=count)
    return sizes


def _neighbours(labels: Labels, count: int) -> Ints:
    """(P, 2) distinct pairs of patches that share a side of a pixel; invalid pixels left out."""
    found: list[Ints] = [np.empty((0, 2), np.int64)]
    for start in range(0, len(labels), _ROWS):
        rows = labels[start : start + _ROWS + 1]
        for one, other in ((rows[:, :-1], rows[:, 1:]), (rows[:-1], rows[1:])):
            border = (one != other) & (one > 0) & (other > 0)
            found.append(_distinct(np.stack([one[border], other[border]], axis=1), count))
    return _distinct(np.concatenate(found), count)


def _distinct(pairs: Ints, count: int) -> Ints:
    """Pairs of different patches, each once, the lower number first."""
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    keys = np.unique(low[low != high].astype(np.int64) * count + high[low != high])
    return np.stack(np.divmod(keys, count), axis=1)


def _largest_neighbours(sizes: Floats, pairs: Ints) -> Ints:
    """(N + 1,) the largest neighbour of each patch, of equal ones the first; 0 where none."""
    by_rank = _by_rank(sizes)
    rank = np.argsort(by_rank)
    best = np.zeros(len(sizes), np.int64)
    np.maximum.at(best, pairs[:, 0], rank[pairs[:, 1]])
    np.maximum.at(best, pairs[:, 1], rank[pairs[:, 0]])
    return by_rank[best]


def _by_rank(sizes: Floats) -> Ints:
    """Patches from the smallest to the largest, of equal ones the last first; 0 leads."""
    number = np.arange(len(sizes))
    return np.lexsort((-number, sizes, number > 0))


def _ends_of_chains(goal: Ints, sizes: Floats) -> Ints:
    """(N + 1,) where each patch ends up; of two that point to each other, the larger stays."""
    number = np.arange(len(goal))
    rank = np.argsort(_by_rank(sizes))
    stays = (goal[goal] == number) & (rank > rank[goal])
    goal = np.where(stays, number, goal)
    while (goal[goal] != goal).any():  # chains get shorter by half
        goal = goal[goal]
    return goal


def _join(pairs: Ints, count: int) -> NDArray[np.int32]:
    """(N + 1,) new numbers in old order; pairs get the same one, 0 stays 0."""
    links: Any = csr_array((np.ones(len(pairs), np.int8), pairs.T), shape=(count, count))
    _, joined = connected_components(links, directed=False)
    return np.asarray(joined, np.int32)
