"""Whether a mask fits what a model sees on another image: masks that were exchanged or copied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mapwright.types import ClassIndex

_CELLS = 16  # along each side of a thumbnail
_FITS = 0.5  # correlation with the other image
_BETTER = 0.35  # by how much more than with its own

Thumbnail = NDArray[np.uint8]
"""(K, 16, 16) uint8: share of each class in each cell of an image, 255 = all of it."""


def class_thumbnail(classes: ClassIndex, count: int) -> Thumbnail:
    """Reduce a map.

    Args:
        classes: (H, W) uint8 class indices, at least one row and column; `IGNORE` is no class.
        count: Number of classes K.
    """
    height, width = classes.shape
    rows = np.minimum(np.arange(_CELLS) * height // _CELLS, height - 1)
    cols = np.minimum(np.arange(_CELLS) * width // _CELLS, width - 1)
    sizes = np.add.reduceat(np.add.reduceat(np.ones(classes.shape), rows, axis=0), cols, axis=1)
    shares = [
        np.add.reduceat(np.add.reduceat(classes == k, rows, 0, np.int64), cols, 1, np.int64) / sizes
        for k in range(count)
    ]
    return np.rint(255 * np.stack(shares)).astype(np.uint8)


def better_fit(mask: Thumbnail, own: Thumbnail, others: Sequence[Thumbnail]) -> int | None:
    """Which of other predictions a mask fits far better than that of its own image.

    Fit is Pearson's correlation of the cells of all classes. It must be 0.5 or more, and 0.35 more
    than with the own image.

    Args:
        mask: The mask.
        own: The prediction of its own image.
        others: Those of other images.

    Returns:
        The place of the best one in `others`, or None.
    """
    if not others:
        return None
    fits = _correlations(mask, np.stack([own, *others]))
    best = int(fits[1:].argmax())
    enough = fits[best + 1] >= _FITS and fits[best + 1] >= fits[0] + _BETTER
    return best if enough else None


def _correlations(one: Thumbnail, many: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n,) correlation of one thumbnail with each of many; 0 where either is even."""
    a = one.reshape(1, len(one), -1).astype(np.float64)
    b = many.reshape(len(many), len(one), -1).astype(np.float64)
    a, b = a - a.mean(axis=2, keepdims=True), b - b.mean(axis=2, keepdims=True)
    spread = np.sqrt((a**2).sum(axis=(1, 2)) * (b**2).sum(axis=(1, 2)))
    shared = (a * b).sum(axis=(1, 2))
    fits: NDArray[np.float64] = np.divide(shared, spread, out=np.zeros(len(b)), where=spread > 0)
    return fits
