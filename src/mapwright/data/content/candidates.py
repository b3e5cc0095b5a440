"""Which images may share content: those that have rare pairs of anchors in common, at one shift.

Nearly linear in the number of images: all keys are sorted once, and a key is compared with a few
that follow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.data.content.anchors import Anchors

_FOLLOWERS = 16  # equal keys that one is compared with
_COMMON = 64  # images that may show the same pair of anchors; more, and it tells no place
_AGREE = 2  # pixels by which shifts may differ and still agree
_APART = 8  # pixels from which two shifts contradict each other
_ENOUGH = 2  # pairs of anchors that agree; a single one is looked at only if few images have one
_TOGETHER = 1 << 15  # images whose matches are held at a time
_BITS = 14  # of a shift, rows or columns
_HALF = 1 << (_BITS - 1)
_MOST = 1 << 20  # images
_AT_ONCE = 1 << 24  # keys that are sorted at a time


@dataclass(frozen=True)
class Candidates:
    """Pairs of images that may share content.

    Args:
        first: (n,) int64 positions of images.
        second: Positions of the others, which are larger.
        rows: (n,) int64 rows by which the second lies below the first, in pixels, give or take
            a few.
        cols: Columns by which it lies to the right.
        votes: (n,) int64 pairs of anchors that say so.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    votes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: NDArray[np.intp]) -> Candidates:
        """Some of them, in another order."""
        return Candidates(*(values[chosen] for values in vars(self).values()))


def find_candidates(images: Sequence[Anchors]) -> Candidates:
    """Look every image up among all others."""
    index = _Index(images)
    parts = [
        _vote(index.matches(start, start + _TOGETHER), start, index.scale)
        for start in range(0, len(images), _TOGETHER)
    ]
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    found = Candidates(*map(np.concatenate, columns)) if parts else _vote(np.empty(0, np.int64))
    single = found.votes < _ENOUGH
    if single.sum() > len(images):  # with so many, chance makes them
        found = found.take(np.flatnonzero(~single))
    return found


class _Index:
    """The pairs of anchors whose key some other image has too, sorted by key.

    Args:
        images: The anchors of each.
    """

    def __init__(self, images: Sequence[Anchors]) -> None:
        assert len(images) < _MOST
        keys = _joined([anchors.keys for anchors in images], np.uint32)
        parts = [_shared_keys(keys, part) for part in range(-(-len(keys) // _AT_ONCE))]
        order = _joined(parts, np.uint32)
        self._keys = keys[order]
        ends = np.cumsum([len(anchors) for anchors in images])
        self._owners = np.searchsorted(ends, order, side="right").astype(np.uint32)
        self._rows = _joined([anchors.rows for anchors in images], np.int16)[order]
        self._cols = _joined([anchors.cols for anchors in images], np.int16)[order]
        largest = max(int(self._rows.max(initial=0)), int(self._cols.max(initial=0)))
        self.scale = 1 + largest // (_HALF - 2)
        """Pixels of a step in which shifts are counted."""

    def matches(self, start: int, end: int) -> NDArray[np.int64]:
        """What `_vote` takes: all matches whose first image is one from `start` to `end`."""
        found = []
        own = (self._owners >= start) & (self._owners < end)
        for lag in range(1, _FOLLOWERS + 1):
            same = own[:-lag] & (self._keys[:-lag] == self._keys[lag:])
            k = np.flatnonzero(same & (self._owners[:-lag] != self._owners[lag:]))
            packed = (self._owners[k].astype(np.int64) - start) * _MOST + self._owners[k + lag]
            for places in (self._rows, self._cols):
                shift = (places[k].astype(np.int64) - places[k + lag]) // self.scale
                packed = (packed << _BITS) + shift + _HALF
            found.append(packed)
        return _joined(found, np.int64)


def _shared_keys(keys: NDArray[np.uint32], part: int) -> NDArray[np.uint32]:
    """Positions of a part of the keys, sorted by key; without those that are alone or common."""
    parts = -(-len(keys) // _AT_ONCE)
    chosen = np.flatnonzero(keys % np.uint32(parts) == part).astype(np.uint64)
    packed = keys[chosen].astype(np.uint64) << np.uint64(32) | chosen
    packed.sort()
    found = (packed >> np.uint64(32)).astype(np.uint32)
    starts = np.flatnonzero(np.diff(found, prepend=~found[:1]))
    sizes = np.diff(starts, append=len(found))
    kept = np.repeat((sizes > 1) & (sizes <= _COMMON), sizes)
    return np.asarray(packed[kept] & np.uint64(0xFFFFFFFF), np.uint32)


def _joined(parts: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    """Arrays in one; of `kind` if there is none."""
    return np.concatenate(parts) if len(parts) else np.empty(0, kind)


def _vote(matches: NDArray[np.int64], start: int = 0, scale: int = 1) -> Candidates:
    """For each pair of images the shift on which the most matches agree.

    Args:
        matches: (n,) the first image less `start`, the second, rows and columns of the shift, from
            the highest bits to the lowest.
        start: Position of the first image.
        scale: Pixels of a step of the shift.
    """
    matches.sort()
    pair = matches >> 2 * _BITS
    rows, cols = (matches >> bits & (2 * _HALF - 1) for bits in (_BITS, 0))
    new = np.diff(pair, prepend=-1) != 0
    new |= np.abs(np.diff(rows, prepend=0)) > _AGREE
    new |= np.abs(np.diff(cols, prepend=0)) > _AGREE
    starts = np.flatnonzero(new)
    votes = np.diff(starts, append=len(matches))
    order = np.lexsort((-votes, pair[starts]))
    leads = np.diff(pair[starts][order], prepend=-1) != 0
    best = order[leads & ~_rivalled(leads, rows[starts][order], cols[starts][order], votes[order])]
    middle = starts[best] + votes[best] // 2
    first, second = np.divmod(pair[middle], _MOST)
    down, right = ((values[middle] - _HALF) * scale for values in (rows, cols))
    return Candidates(first + start, second, down, right, votes[best])


def _rivalled(
    leads: NDArray[np.bool_],
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    votes: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Whether the next shift of the same images is elsewhere, with more than half the votes.

    Periodic content agrees at many shifts, and none of them says anything.
    """
    rival = np.zeros(len(leads), np.bool_)
    apart = (np.abs(np.diff(rows)) > _APART) | (np.abs(np.diff(cols)) > _APART)
    rival[:-1] = ~leads[1:] & apart & (2 * votes[1:] > votes[:-1])
    return rival
