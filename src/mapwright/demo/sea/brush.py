"""Drawing into a part of a picture, finer than its pixels.

Places are in pixels of the picture: x to the right, y down, (0, 0) at the upper left corner of the
first pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mapwright.demo.paint import RGB

Bytes = NDArray[np.uint8]
Dot = Sequence[float]
"""x and y in pixels; what follows them is not used."""
Span = tuple[slice, slice]
"""Rows and columns of a part of a picture."""


def span_of(dots: Iterable[Dot], pad: float, shape: tuple[int, ...]) -> Span | None:
    """The part of a picture around some places.

    Args:
        dots: The places.
        pad: Pixels to leave on each side.
        shape: Height and width of the picture, then anything.

    Returns:
        Its rows and columns; None when all of it lies outside.
    """
    xs, ys = zip(*((dot[0], dot[1]) for dot in dots), strict=True)
    left, right = math.floor(min(xs) - pad), math.ceil(max(xs) + pad)
    top, bottom = math.floor(min(ys) - pad), math.ceil(max(ys) + pad)
    left, right = max(left, 0), min(right, shape[1])
    top, bottom = max(top, 0), min(bottom, shape[0])
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


class Brush:
    """Draws on a part of a picture, `fine` times finer; `done` brings it back.

    Args:
        picture: (H, W, 3) uint8; changed by `done`.
        span: The part to draw on.
        fine: Drawn pixels per pixel, along each axis.
    """

    def __init__(self, picture: Bytes, span: Span, fine: int) -> None:
        self._part = picture[span]
        self._left, self._top, self._fine = span[1].start, span[0].start, fine
        rows, cols = self._part.shape[:2]
        part = Image.fromarray(np.ascontiguousarray(self._part))
        self._plate = part.resize((cols * fine, rows * fine), Image.Resampling.NEAREST)
        self._pen = ImageDraw.Draw(self._plate, "RGBA")

    def polygon(self, dots: Iterable[Dot], rgb: RGB, solid: float = 1.0) -> None:
        """Fill a polygon; `solid` below 1 lets what lies below shine through."""
        self._pen.polygon(self._placed(dots), fill=_ink(rgb, solid))

    def line(self, dots: Iterable[Dot], width: float, rgb: RGB, solid: float = 1.0) -> None:
        """Draw a line of `width` pixels."""
        placed = self._placed(dots)
        self._pen.line(placed, _ink(rgb, solid), max(1, round(width * self._fine)))

    def disc(self, dot: Dot, radius: float, rgb: RGB, solid: float = 1.0) -> None:
        """Fill a circle."""
        ((x, y),) = self._placed([dot])
        reach = radius * self._fine
        self._pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=_ink(rgb, solid))

    def shade(self, polygons: Iterable[Iterable[Dot]], light: float) -> None:
        """Leave a share `light` of the brightness where any of the polygons is."""
        plate = Image.new("L", self._plate.size)
        pen = ImageDraw.Draw(plate)
        for dots in polygons:
            pen.polygon(self._placed(dots), fill=round(255 * (1 - light)))
        # a shadow keeps some of the sky's blue
        self._plate.paste((0, 3, 6), mask=plate)

    def done(self) -> None:
        """Bring the drawing into the picture."""
        self._part[:] = np.asarray(self._plate.reduce(self._fine))

    def _placed(self, dots: Iterable[Dot]) -> list[tuple[float, float]]:
        fine, left, top = self._fine, self._left, self._top
        return [((d[0] - left) * fine - 0.5, (d[1] - top) * fine - 0.5) for d in dots]


def coverage(dots: Iterable[Dot], span: Span, fine: int) -> NDArray[np.float32]:
    """Share of each pixel of a part of a picture that a polygon covers, (rows, columns) float32."""
    rows, cols = (part.stop - part.start for part in span)
    plate = Image.new("L", (cols * fine, rows * fine))
    left, top = span[1].start, span[0].start
    placed = [((d[0] - left) * fine - 0.5, (d[1] - top) * fine - 0.5) for d in dots]
    ImageDraw.Draw(plate).polygon(placed, fill=255)
    return np.asarray(plate.reduce(fine), np.float32) / np.float32(255)


def _ink(rgb: RGB, solid: float) -> tuple[int, int, int, int]:
    red, green, blue = (min(max(round(value), 0), 255) for value in rgb)
    return red, green, blue, round(255 * solid)
