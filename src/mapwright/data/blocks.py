"""Parts of images: a scene cut into blocks that stand on one side of a split each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from mapwright.types import Window

_NAME = re.compile(r"(.*)\[(\d+):(\d+),(\d+):(\d+)\]", re.S)


def block_name(scene: str, window: Window) -> str:
    """Name of a part of a scene: `scene[first row:end,first column:end]`, in pixels."""
    return (
        f"{scene}[{window.row}:{window.row + window.height},"
        f"{window.col}:{window.col + window.width}]"
    )


def parse_name(name: str) -> tuple[str, Window | None]:
    """The scene and the window of a part; a name without a window is a whole image."""
    found = _NAME.fullmatch(name)
    if found is None:
        return name, None
    top, bottom, left, right = map(int, found.groups()[1:])
    return found[1], Window(top, left, bottom - top, right - left)


def cut(height: int, width: int, side: int) -> list[Window]:
    """Cover an image with blocks of about `side` pixels, row by row; they don't overlap."""
    rows, cols = _edges(height, side), _edges(width, side)
    return [
        Window(top, left, bottom - top, right - left)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(cols)
    ]


def _edges(length: int, side: int) -> list[int]:
    count = max(1, round(length / side))
    return [i * length // count for i in range(count + 1)]


def keep_away(window: Window, others: Sequence[Window], buffer: int) -> Window | None:
    """The largest part of a window that no other comes nearer to than `buffer` pixels.

    Each neighbour in turn takes a strip off the side where that costs least, so the result is a
    rectangle; None when nothing is left.
    """
    for other in others:
        if not window.meets(other, buffer):
            continue
        left = [part for part in _beside(window, other, buffer) if part.height and part.width]
        if not left:
            return None
        window = max(left, key=lambda part: part.height * part.width)
    return window


def _beside(window: Window, other: Window, buffer: int) -> list[Window]:
    """What is left of a window above, below, to the left and to the right of another."""
    bottom, right = window.row + window.height, window.col + window.width
    above = min(max(other.row - buffer, window.row), bottom)
    below = max(min(other.row + other.height + buffer, bottom), window.row)
    before = min(max(other.col - buffer, window.col), right)
    after = max(min(other.col + other.width + buffer, right), window.col)
    return [
        Window(window.row, window.col, above - window.row, window.width),
        Window(below, window.col, bottom - below, window.width),
        Window(window.row, window.col, window.height, before - window.col),
        Window(window.row, after, window.height, right - after),
    ]
