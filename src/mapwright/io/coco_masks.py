"""Masks of COCO files: counts of pixels, plain or compressed, and polygons.

The format: https://cocodataset.org/#format-data. The pixel at row 0, column 0 spans x and y from
0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from mapwright.errors import ImageFileError
from mapwright.io.rle import Runs, Shape

_LONGEST = 7  # characters of one count: 35 bits hold more pixels than any image


@dataclass(frozen=True)
class Counts:
    """A mask as counts of pixels outside and inside by turns, in column-major order.

    Args:
        counts: (n,) int64, or compressed text.
        size: Height and width of the image that it was made on.
    """

    counts: NDArray[np.int64] | str
    size: Shape

    def runs(self, where: object = None) -> Runs:
        """The pixels inside.

        Raises:
            ImageFileError: The text is broken, or the counts don't add up to the image.
        """
        counts = self.counts
        if isinstance(counts, str):
            counts = decode_counts(counts, where)
        pixels = self.size[0] * self.size[1]
        if (counts < 0).any() or counts.sum() != pixels:
            raise _broken(
                f"counts that add up to {counts.sum()} pixels",
                where,
                f"{pixels} pixels, for {self.size[0]} rows x {self.size[1]} columns",
            )
        starts = np.cumsum(counts)[0 : len(counts) - 1 : 2]
        lengths = counts[1::2]
        return Runs(starts[lengths > 0], lengths[lengths > 0], self.size)


def decode_counts(text: str, where: object = None) -> NDArray[np.int64]:
    """Compressed counts of a COCO mask to plain ones.

    Each character holds 5 bits and a sign of more to come, lowest bits first, the last one with
    the sign of the number; from the fourth on a number is the difference to the one two before
    (`rleFrString` in https://github.com/cocodataset/cocoapi, common/maskApi.c).

    Args:
        text: Characters from `0` to `o`.
        where: File, image and annotation, for messages.

    Returns:
        (n,) int64.

    Raises:
        ImageFileError: Another character, or the text was cut short.
    """
    codes = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - 48
    last = np.flatnonzero((codes & 0x20) == 0)
    if len(codes) and ((codes < 0) | (codes > 63)).any():
        raise _broken("a character that compressed counts do not have", where)
    if len(codes) and (not len(last) or last[-1] != len(codes) - 1):
        raise _broken("compressed counts that were cut short", where)
    if not len(codes):
        return np.zeros(0, np.int64)
    first = np.concatenate([[0], last[:-1] + 1])
    sizes = last - first + 1
    if sizes.max() > _LONGEST:
        raise _broken("a count of more than 32 bits", where)
    shift = 5 * (np.arange(len(codes)) - np.repeat(first, sizes))
    values = np.add.reduceat((codes & 0x1F) << shift, first)
    values -= np.where(codes[last] & 0x10, 1 << (5 * sizes), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return values


def fill_rings(rings: Sequence[NDArray[np.float64]], shape: Shape) -> NDArray[np.int64]:
    """Pixels whose centre lies in any of some rings.

    Args:
        rings: (n, 2) x (to the right) and y (down) in pixels, each a polygon of its own.
        shape: Height and width of the image.

    Returns:
        (m,) int64, ascending places in the flat, row-major image.
    """
    from rasterio.features import rasterize

    points = np.concatenate(rings)
    left, top = np.clip(np.floor(points.min(axis=0)), 0, shape[::-1]).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0)), 0, shape[::-1]).astype(int)
    if right <= left or bottom <= top:
        return np.zeros(0, np.int64)
    # one by one: drawn as a whole, two polygons would leave a hole where they overlap
    shapes = [({"type": "Polygon", "coordinates": [ring.tolist()]}, 1) for ring in rings]
    inner = rasterize(
        shapes,
        out_shape=(bottom - top, right - left),
        transform=Affine(1.0, 0.0, left, 0.0, 1.0, top),
        dtype="uint8",
    )
    rows, cols = np.nonzero(inner)
    return np.asarray((rows + top) * shape[1] + cols + left, np.int64)


def _broken(
    what: str, where: object, expected: str = "counts as COCO writes them"
) -> ImageFileError:
    return ImageFileError(
        f"broken run lengths: {what}",
        where=where,
        expected=expected,
        fix="export the file again",
    )
