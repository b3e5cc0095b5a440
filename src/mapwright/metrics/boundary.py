"""Boundary IoU: how well the outlines of the classes agree.

Cheng, Girshick, Dollár, Berg and Kirillov 2021, "Boundary IoU: Improving object-centric image
segmentation evaluation", CVPR, equation 2: of each class only the band of pixels within a
distance d of its own outline is kept, in truth and in prediction; the score is the IoU of the two
bands. IoU hides a frayed outline behind a large interior, boundary IoU does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from mapwright.metrics.confusion import Scores, ratio
from mapwright.types import IGNORE, ClassIndex, Window

WIDTH = 2
"""Width of the band in pixels.

The paper takes 2 % of the picture's diagonal, because objects fill pictures. A scene is cut from
ground without end: its diagonal says nothing of the objects in it, and a score must not depend on
how the ground was cut. Two pixels are about what an outline can be drawn to.
"""

BandCounts = NDArray[np.int64]
"""(..., K, 2) int64 pixels of each class: intersection and union of the two bands."""


@dataclass(frozen=True)
class Bands:
    """Boundary bands of a set of images.

    Args:
        counts: (n, K, 2) intersection and union per image.
        width: Their width in pixels.
    """

    counts: BandCounts
    width: int


def boundary_counts(
    truth: ClassIndex,
    guess: ClassIndex,
    classes: int,
    windows: Sequence[Window] = (),
    *,
    width: int = WIDTH,
) -> BandCounts:
    """Count the boundary bands of an image as a whole, or window by window.

    Distance is counted in 8 neighbours (d erosions by 3 x 3) and the border of the image is an
    outline, both as in the authors' code: an object that the border cuts off ends there. A pixel
    that is `IGNORE` in either map counts nowhere, and no outline runs along it.

    A tile that is read with `width` pixels around it, clipped at the border of the scene, has
    the same bands as the scene, so the counts of its inner window add up to the scene's.

    Args:
        truth: (H, W) uint8 class indices.
        guess: (H, W) uint8 class indices.
        classes: Number of classes K.
        windows: Parts to count one by one; none = the whole image.
        width: Distance d in pixels, at least 1.

    Returns:
        (n, K, 2) int64, intersection and union in each window; (K, 2) without windows.
    """
    known = (truth != IGNORE) & (guess != IGNORE)
    ours = np.where(_band(truth, known, width), truth, IGNORE)
    theirs = np.where(_band(guess, known, width), guess, IGNORE)
    if not windows:
        return _count(ours, theirs, classes)
    return np.stack([_count(ours[w.slices], theirs[w.slices], classes) for w in windows])


class BoundaryCounter:
    """Counts the bands of an image that flows by in strips, as if it were seen whole.

    Args:
        size: Height and width of the image.
        classes: Number of classes K.
        width: Distance d in pixels, at least 1.
    """

    def __init__(self, size: tuple[int, int], classes: int, width: int = WIDTH) -> None:
        self._height, self._classes, self._width = size[0], classes, width
        self._kept = np.zeros((2, 0, size[1]), np.uint8)  # truth and prediction, rows still needed
        self._done = self._end = 0  # rows that are counted, and rows that have come
        self.counts: BandCounts = np.zeros((classes, 2), np.int64)
        """(K, 2) int64, intersection and union; complete after the last strip."""

    def add(self, truth: ClassIndex, guess: ClassIndex) -> None:
        """Take the next strip, from the top: (h, W) uint8 class indices."""
        self._kept = np.concatenate([self._kept, np.stack([truth, guess])], axis=1)
        self._end += len(truth)
        last = self._height if self._end == self._height else self._end - self._width
        if last <= self._done:
            return
        first = self._end - self._kept.shape[1]
        inner = Window(self._done - first, 0, last - self._done, truth.shape[1])
        ours, theirs = self._kept
        counts = boundary_counts(ours, theirs, self._classes, [inner], width=self._width)
        self.counts += counts[0]
        self._done = last
        self._kept = self._kept[:, max(last - self._width - first, 0) :]


def boundary_iou(counts: BandCounts) -> Scores:
    """(..., K) boundary IoU; NaN for a class without a band in truth and prediction."""
    return ratio(counts[..., 0], counts[..., 1])


def _band(labels: ClassIndex, known: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """(H, W) bool: known pixels with another class, or the border, within `width` pixels."""
    side, outside, last = 2 * width + 1, 0, np.iinfo(np.uint16).max
    shifted = labels.astype(np.uint16) + 1  # 0 stays free for what lies beyond the border
    # an unknown pixel must win neither the minimum nor the maximum
    low = minimum_filter(np.where(known, shifted, last), side, mode="constant", cval=outside)
    high = maximum_filter(np.where(known, shifted, outside), side, mode="constant", cval=outside)
    band: NDArray[np.bool_] = known & ((low != shifted) | (high != shifted))
    return band


def _count(ours: ClassIndex, theirs: ClassIndex, classes: int) -> BandCounts:
    """(K, 2) pixels of two maps that hold nothing but their bands."""
    shared, *each = (
        np.bincount(labels[labels != IGNORE], minlength=classes)
        for labels in (np.where(ours == theirs, ours, IGNORE), ours, theirs)
    )
    return np.stack([shared, sum(each) - shared], axis=-1)
