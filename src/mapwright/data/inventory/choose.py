"""Which images are looked at and shown: by rule, so that a second look chooses the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mapwright.data.inventory.records import ImageRecord
from mapwright.types import Window

_T = TypeVar("_T")

TILE = (64, 256)
"""Shortest and longest side of a tile that is shown, in pixels."""

_ROOM = 10.0  # times as long as the object that it shows is a tile
_WHOLE = 1.5  # times as long as the tile, a side of an image is shown whole


@dataclass(frozen=True)
class Example:
    """A place that shows a class.

    Args:
        image: The image.
        row: Row of a pixel of an object of the class.
        col: Its column.
        share: Share of the image's labelled pixels that are of the class.
        window: The tile that shows it.
    """

    image: ImageRecord
    row: int
    col: int
    share: float
    window: Window


def spread(things: Sequence[_T], most: int) -> list[_T]:
    """At most `most` of them, evenly spread from the first to the last, in their order."""
    if len(things) <= most:
        return list(things)
    if most == 1:
        return [things[0]]
    return [things[i * (len(things) - 1) // (most - 1)] for i in range(most)]


def examples(images: Sequence[ImageRecord], kind: int, most: int) -> list[Example]:
    """Images that hold a class, from the one that it covers most of to the least.

    Of all that hold it, in that order (images that it covers equally much of by name), `most` are
    taken, evenly spread, and of each its largest object. Where so few hold it that there is room
    for more, objects of each image are taken, evenly spread from the largest to the smallest. A
    tile is ten times as long as its object is wide.
    """
    holding = [image for image in images if image.classes[kind] > 0]
    ranked = sorted(holding, key=lambda image: (-image.share(kind), image.stem))
    room = most // max(len(ranked), 1)
    return [one for im in spread(ranked, most) for one in _of_image(im, kind, max(room, 1))]


def _of_image(image: ImageRecord, kind: int, most: int) -> list[Example]:
    found = image.objects
    own = np.flatnonzero(found.kinds == kind)
    ranked = own[np.argsort(-found.pixels[own], kind="stable")].tolist()
    places = [
        (int(found.rows[k]), int(found.cols[k]), int(found.pixels[k])) for k in spread(ranked, most)
    ]
    if not places:  # a table of objects may leave out what its mask shows
        places = [(image.size[0] // 2, image.size[1] // 2, TILE[1] ** 2)]
    return [
        Example(image, row, col, image.share(kind), tile_around(image.size, row, col, pixels))
        for row, col, pixels in places
    ]


def tile_around(size: tuple[int, int], row: int, col: int, pixels: int) -> Window:
    """The tile that shows an object of so many pixels: around one of them, inside the image.

    A side of the image of at most 1.5 times the tile is shown whole.
    """
    side = int(np.clip(round(_ROOM * pixels**0.5), *TILE))
    (top, height), (left, width) = (
        _reach(length, place, side) for length, place in zip(size, (row, col), strict=True)
    )
    return Window(top, left, height, width)


def _reach(length: int, place: int, side: int) -> tuple[int, int]:
    if length <= _WHOLE * side:
        return 0, length
    return min(max(place - side // 2, 0), length - side), side
