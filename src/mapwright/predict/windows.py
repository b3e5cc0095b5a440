"""Cover an image with tiles of one size."""

from __future__ import annotations

import math

from mapwright.types import Window


def plan_windows(height: int, width: int, tile: int, overlap: float) -> list[Window]:
    """Tiles that cover every pixel, row by row from the top left.

    Args:
        height: Rows of the image, in pixels.
        width: Columns of the image, in pixels.
        tile: Side of the square tiles, in pixels.
        overlap: Smallest share by which neighbours overlap, 0 or more and below 1.

    Returns:
        Windows of one size. Their spacing is as even as whole pixels allow, and none reaches
        over the border unless the image is smaller than a tile.
    """
    rows = _starts(height, tile, overlap)
    cols = _starts(width, tile, overlap)
    return [Window(row, col, tile, tile) for row in rows for col in cols]


def _starts(length: int, tile: int, overlap: float) -> list[int]:
    last = length - tile
    if last <= 0:
        return [0]
    step = max(1, math.floor(tile * (1 - overlap)))
    count = math.ceil(last / step)
    return [i * last // count for i in range(count + 1)]
