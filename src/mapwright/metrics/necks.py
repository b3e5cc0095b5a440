"""Shapes are cut where they narrow: the thick parts of what grew together.

The distance of each pixel to the outside is a landscape whose hills are the thick parts; flooded
from above, hills meet at saddles. Two hills are two parts where their saddle is low beside the
lower of their tops. Noise along an outline makes hills too, but only with high saddles.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
"""(H, W) bool."""

Distance = NDArray[np.float64]
"""(H, W) float64, pixels to the nearest one outside; 0 outside."""

_EIGHT = np.ones((3, 3), bool)
_STEP, _RISE = 0.5, 1.05  # to the next level of the flood: pixels, or a factor if that is more
_THIN = 2.0  # pixels; what is nowhere thicker than twice this has no neck that could be seen


def thick_parts(mask: Mask, neck: float) -> Mask:
    """The thick parts of each shape that has several; a shape without a neck stays whole.

    Args:
        mask: (H, W) bool.
        neck: A shape is cut where the distance to its outside falls to this share of the
            greatest distance on either side, or below; above 0, below 1.
    """
    labels, count = ndimage.label(mask, _EIGHT)
    parts = mask.copy()
    for number, box in enumerate(ndimage.find_objects(labels) if count else (), start=1):
        shape = labels[box] == number
        distance = _distance(shape, box, mask.shape)
        if distance.max() > _THIN:
            cores = list(_cores(distance, shape, _STEP, neck))
            if len(cores) > 1:
                parts[box][shape] = np.any(cores, axis=0)[shape]
    return parts


def _distance(shape: Mask, box: tuple[slice, slice], whole: tuple[int, ...]) -> Distance:
    """Distance to the outside; what the border of the image cuts off goes on beyond it."""
    outside = [(int(s.start > 0), int(s.stop < n)) for s, n in zip(box, whole, strict=True)]
    padded = np.pad(shape, outside)
    if padded.all():
        return np.zeros(shape.shape)  # the image has no outside
    inner = tuple(slice(low, low + n) for (low, _), n in zip(outside, shape.shape, strict=True))
    distance: Distance = ndimage.distance_transform_edt(padded)[inner]
    return distance


def _cores(distance: Distance, part: Mask, level: float, neck: float) -> Iterator[Mask]:
    """The parts that a flood leaves apart, from `level` up; all of `part` if it stays one.

    Args:
        distance: The landscape.
        part: A connected part of it, all above the level before.
        level: Where to begin.
        neck: See `thick_parts`.
    """
    while True:
        labels, count = ndimage.label(part & (distance > level), _EIGHT)
        tops = ndimage.maximum(distance, labels, np.arange(1, count + 1)) if count else ()
        thick = [k for k, top in enumerate(tops, start=1) if level <= neck * top]
        if not thick:
            yield part
            return
        if len(thick) > 1:
            break
        part, level = labels == thick[0], _next(level)
    for number in thick:
        yield from _cores(distance, labels == number, _next(level), neck)


def _next(level: float) -> float:
    return max(level + _STEP, level * _RISE)
