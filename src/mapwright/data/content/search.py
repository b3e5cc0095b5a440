"""Images that share content, and the groups that they form."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from mapwright.data.content.anchors import Anchors
from mapwright.data.content.candidates import Candidates, find_candidates
from mapwright.data.content.groups import Groups
from mapwright.data.content.register import compare, texture
from mapwright.data.content.smooth import Grey
from mapwright.progress import progress_bar

_HELD = 64  # images whose details are kept at hand
_REFUSED = 16  # candidates of an image that prove false; more are not looked at

Read = Callable[[int], Grey]
"""Gives the grey picture of an image by its position."""


@dataclass(frozen=True)
class Shared:
    """Two images, by position, that show the same content.

    Args:
        first: One image.
        second: The other.
        rows: By which it lies below the first, in pixels.
        cols: By which it lies to the right.
        height: Rows that both show.
        width: Columns that both show.
        correlation: Of the details there.
    """

    first: int
    second: int
    rows: int
    cols: int
    height: int
    width: int
    correlation: float


def find_shared(images: Sequence[Anchors], read: Read, *, every: bool = False) -> list[Shared]:
    """Find images that show the same content at any shift of whole pixels.

    Candidates are looked up by their anchors, and each is then held against the pixels.

    Args:
        images: The anchors of each image.
        read: Reads an image again; called about once for each that shares content.
        every: Look at every candidate; else only at those that would join two groups.

    Returns:
        Pairs that are sure; without `every` just those that are needed to form the groups.
    """
    candidates = find_candidates(images)
    candidates = candidates.take(_nearby_first(candidates, len(images)))
    groups, refused = Groups(len(images)), np.zeros(len(images), np.int64)
    details = _Details(read)
    found = []
    with progress_bar("compare", len(candidates), "pairs") as progress:
        for first, second, rows, cols in _numbers(candidates):
            progress.advance()
            if not every and groups.joined(first, second):
                continue
            if max(refused[first], refused[second]) >= _REFUSED:
                continue
            shared = _verified(details, first, second, (rows, cols))
            if shared is None:
                refused[[first, second]] += 1
                continue
            groups.join(first, second)
            found.append(shared)
    return found


def _numbers(candidates: Candidates) -> Iterator[tuple[int, int, int, int]]:
    columns = (candidates.first, candidates.second, candidates.rows, candidates.cols)
    return zip(*(column.tolist() for column in columns), strict=True)


def _verified(details: _Details, first: int, second: int, shift: tuple[int, int]) -> Shared | None:
    one, other = details[first], details[second]
    match = compare(one.texture, other.texture, *shift)
    if match is None or not match.sure:
        return None
    height, width = (
        min(a, step + b) - max(step, 0)
        for a, b, step in zip(one.shape, other.shape, (match.rows, match.cols), strict=True)
    )
    return Shared(first, second, match.rows, match.cols, height, width, match.correlation)


@dataclass(frozen=True)
class _Detail:
    """Height and width of an image, and its texture."""

    shape: tuple[int, ...]
    texture: Grey


class _Details:
    """Images made ready to compare; the last few are kept.

    Args:
        read: Reads one.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._held: OrderedDict[int, _Detail] = OrderedDict()

    def __getitem__(self, number: int) -> _Detail:
        if number not in self._held:
            picture = self._read(number)
            self._held[number] = _Detail(picture.shape, texture(picture))
        self._held.move_to_end(number)
        if len(self._held) > _HELD:
            self._held.popitem(last=False)
        return self._held[number]


def _nearby_first(candidates: Candidates, images: int) -> NDArray[np.intp]:
    """An order in which images that are compared soon after each other are mostly the same."""
    if not len(candidates):
        return np.empty(0, np.intp)
    links = (candidates.first, candidates.second)
    graph = coo_array((np.ones(len(candidates), np.int8), links), (images, images)).tocsr()
    graph = (graph + graph.T).tocsr()
    place = np.empty(images, np.intp)
    place[reverse_cuthill_mckee(graph, symmetric_mode=True)] = np.arange(images)
    ends = np.sort(np.stack([place[link] for link in links]), axis=0)
    return np.lexsort((-candidates.votes, ends[0], ends[1]))
