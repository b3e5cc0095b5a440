"""Where a model contradicts a mask, away from the outlines that both draw.

A model is least sure along outlines, and masks are drawn to a pixel or two: counted like any other
pixel, outlines would drown what is wrong. So a contradiction counts nowhere where mask and model
differ by no more than the course of an outline: the mask has the model's class within `EDGE` pixels
and the model has the mask's class within `EDGE` pixels. An object that only one of the two has
counts in full, however thin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, maximum_filter

from mapwright.metrics.components import label_objects
from mapwright.metrics.threshold import Packed
from mapwright.types import IGNORE, ClassIndex, Probabilities, Window

EDGE = 2
"""Pixels by which outlines of mask and model may differ; about what one can be drawn to."""

BINS = 50
"""Probabilities of the model's class are kept in steps of 1 / BINS."""

_MOST = 32  # regions that are kept of a block, the largest: of a noisy map there are thousands

Marks = NDArray[np.bool_]
"""(h, w) bool."""


@dataclass(frozen=True, slots=True)
class Region:
    """Connected pixels (8 neighbours) on which mask and model name the same two classes.

    Args:
        own: Class of the mask.
        other: Class of the model.
        window: The rectangle around it, in pixels of its block.
        places: (BINS,) its pixels by the probability of the model's class.
        alone: Whether it touches nothing that both call so: the mask has no pixel of the model's
            class near it, or the model none of the mask's.
    """

    own: int
    other: int
    window: Window
    places: NDArray[np.uint32]
    alone: bool

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return int(self.places.sum())


@dataclass(frozen=True)
class Compared:
    """What is kept of a block of labelled ground.

    Args:
        known: Valid, labelled pixels.
        own: (K,) of them, those of each class in the mask.
        union: (K,) those of each class in mask or prediction.
        against: (K, K, BINS) contradictions beyond outlines by class of the mask, class of the
            model and its probability.
        regions: The largest contradictions, largest first.
    """

    known: int
    own: NDArray[np.int64]
    union: NDArray[np.int64]
    against: Packed
    regions: tuple[Region, ...]


def steps(probabilities: Probabilities, guess: ClassIndex) -> NDArray[np.uint8]:
    """(h, w) in which of `BINS` steps the probability of the chosen class lies.

    Args:
        probabilities: (K, h, w).
        guess: (h, w) the chosen class.
    """
    chosen = np.take_along_axis(probabilities, guess[None].astype(np.int64), axis=0)[0]
    return np.asarray(np.minimum(chosen * BINS, BINS - 1), np.uint8)


def compare(mask: ClassIndex, guess: ClassIndex, sure: NDArray[np.uint8], classes: int) -> Compared:
    """Compare a block of a mask with what a model sees there.

    Args:
        mask: (h, w) uint8 class indices; `IGNORE` counts nowhere.
        guess: (h, w) uint8 class indices.
        sure: (h, w) uint8, see `steps`.
        classes: Number of classes K.
    """
    known = mask != IGNORE
    own = np.bincount(mask[known], minlength=classes)
    seen = np.bincount(guess[known], minlength=classes)
    both = np.bincount(mask[known & (mask == guess)], minlength=classes)
    against, meets = contradictions(mask, guess)
    pairs = mask[against].astype(np.int64) * classes + guess[against]
    counts = np.bincount(pairs * BINS + sure[against], minlength=classes**2 * BINS)
    regions = list(_regions(mask, guess, sure, against, meets))
    regions.sort(key=lambda region: (-region.pixels, region.window))
    return Compared(
        known=int(known.sum()),
        own=own,
        union=own + seen - both,
        against=Packed.of(counts.reshape(classes, classes, BINS)),
        regions=tuple(regions[:_MOST]),
    )


def contradictions(mask: ClassIndex, guess: ClassIndex) -> tuple[Marks, tuple[Marks, Marks]]:
    """Pixels on which a model contradicts a mask by more than the course of an outline.

    Args:
        mask: (h, w) uint8 class indices; `IGNORE` counts nowhere.
        guess: (h, w) uint8 class indices.

    Returns:
        (h, w) bool, these pixels; then where the mask has the model's class near, and where the
        model has the mask's class near.
    """
    known = mask != IGNORE
    wrong = known & (mask != guess)
    seen = np.where(known, guess, IGNORE).astype(np.uint8)
    there, here = _near(mask, guess, wrong), _near(seen, mask, wrong)
    return wrong & ~(there & here), (there, here)


def _near(classes: ClassIndex, wanted: ClassIndex, where: Marks) -> Marks:
    """(h, w) whether the class wanted at a pixel occurs within `EDGE` pixels of it."""
    found = np.zeros(where.shape, bool)
    for kind in np.unique(wanted[where]):
        around = maximum_filter(classes == kind, 2 * EDGE + 1, mode="constant", cval=False)
        found |= where & (wanted == kind) & around
    return found


def _regions(
    mask: ClassIndex,
    guess: ClassIndex,
    sure: NDArray[np.uint8],
    against: Marks,
    meets: tuple[Marks, Marks],
) -> Iterator[Region]:
    """Contradictions as connected regions of one pair of classes each."""
    there, here = meets
    pairs = np.unique(np.stack([mask[against], guess[against]]), axis=1).T
    for own, other in pairs.tolist():
        ids = label_objects(against & (mask == own) & (guess == other))
        for number, (rows, cols) in enumerate(find_objects(ids), start=1):
            inside = ids[rows, cols] == number
            touches = there[rows, cols][inside].any() and here[rows, cols][inside].any()
            yield Region(
                own,
                other,
                Window(rows.start, cols.start, rows.stop - rows.start, cols.stop - cols.start),
                np.bincount(sure[rows, cols][inside], minlength=BINS).astype(np.uint32),
                alone=not touches,
            )
