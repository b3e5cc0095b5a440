"""From a probability map to objects: threshold, touching objects apart, small ones dropped.

Touching objects are told apart by their cores: pixels that are surely inside, by their probability,
by a map of borders, or by the shape that they form. A component with two cores or more is divided
among them, each pixel to the nearest core. That is a watershed of the distance to the cores,
without a library for it; `scipy.ndimage.watershed_ift` is none, as its cost is the difference
between neighbours and not their height.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mapwright.errors import SettingError
from mapwright.metrics.necks import thick_parts

Ids = NDArray[np.int32]
"""(H, W) int32: 0 where no object is, 1..n on the objects."""

_EIGHT = np.ones((3, 3), bool)


class Separate(Protocol):
    """Probabilities to objects that are told apart: whatever can do this can stand in a rule."""

    def objects(
        self, probability: NDArray[np.float32], border: NDArray[np.float32] | None = None
    ) -> Ids:
        """The objects of a map; see `Cut.objects`."""


@dataclass(frozen=True)
class Cut:
    """How a probability map is cut into objects.

    Args:
        threshold: Probability from which a pixel belongs to an object.
        core: Probability from which it belongs to the core of one; None = every pixel of an object
            that is no border.
        border: Probability of a border from which a pixel is in no core; None = borders have no
            say, so that without `core` and `neck` no object is divided.
        core_pixels: A smaller core is none.
        neck: Cores are cut where they narrow to this share of the thinner part or less, which
            tells shapes apart that meet in a corner or with their ends; None = they are not. Ships
            side by side form one shape without a neck: only probabilities or borders divide them.
    """

    threshold: float
    core: float | None = None
    border: float | None = None
    core_pixels: int = 8
    neck: float | None = None

    def objects(
        self, probability: NDArray[np.float32], border: NDArray[np.float32] | None = None
    ) -> Ids:
        """Cut a map into objects.

        Args:
            probability: (H, W) of an object, NaN where the image is invalid.
            border: (H, W) probability that a pixel is where objects touch; needed where borders
                have a say.

        Returns:
            (H, W) int32, numbered from 1 without a gap.

        Raises:
            SettingError: Borders have a say, and there is no map of them.
        """
        if self.border is not None and border is None:
            raise _no_borders(self)
        inside = probability >= np.float32(self.threshold)  # as maps are made, in single precision
        ids = label_objects(inside)
        if self.border is None and self.core is None and self.neck is None:
            return ids
        core = inside if self.core is None else inside & (probability >= np.float32(self.core))
        if self.border is not None and border is not None:
            core = core & (border < np.float32(self.border))
        if self.neck is not None:
            core = thick_parts(core, self.neck)
        return divide(ids, core, self.core_pixels)

    @property
    def words(self) -> str:
        """How it cuts, in words."""
        parts = [f"probability {self.threshold:g} or more"]
        if self.core is not None:
            parts.append(f"divided among cores of {self.core:g} or more")
        if self.border is not None:
            parts.append(f"divided where a border between objects has {self.border:g} or more")
        if self.neck is not None:
            parts.append(f"divided at necks of {self.neck:g} of their thickness or less")
        return ", ".join(parts)


@dataclass(frozen=True)
class ObjectRule:
    """From probabilities to the objects of an image, as a model file keeps it.

    Args:
        cut: How the map is cut.
        smallest: Objects of fewer pixels are dropped.
        gate: Presence from which the image is held to have any object; see `presence_of`.
    """

    cut: Cut
    smallest: int = 1
    gate: float = 0.0

    def objects(
        self,
        probability: NDArray[np.float32],
        border: NDArray[np.float32] | None = None,
        presence: float | None = None,
    ) -> Ids:
        """The objects of an image; see `Cut.objects`.

        Args:
            probability: (H, W) of an object, NaN where the image is invalid.
            border: (H, W) probability of a border between objects, if there is such a map.
            presence: Probability that the image holds an object; None = that of the map.
        """
        if (presence_of(probability) if presence is None else presence) < self.gate:
            return np.zeros(probability.shape, np.int32)
        return drop_small(self.cut.objects(probability, border), self.smallest)

    @property
    def words(self) -> str:
        """The rule in words."""
        parts = [f"connected pixels (8 neighbours) of {self.cut.words}"]
        if self.smallest > 1:
            parts.append(f"objects of {self.smallest} pixels or more")
        if self.gate > 0:
            parts.append(f"none on images whose presence is below {self.gate:g}")
        return "; ".join(parts)


def _no_borders(cut: Cut) -> SettingError:
    return SettingError(
        "objects can't be told apart by their borders: there is no map of them",
        where=f"the rule for objects: {cut.words}",
        expected="probabilities and borders of one model",
        fix="use the model that the rule was tuned for, or one exported with --objects",
    )


def label_objects(mask: NDArray[np.bool_]) -> Ids:
    """Connected components of a mask (H, W), 8 neighbours, numbered from 1."""
    ids = np.zeros(mask.shape, np.int32)
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows):
        cols = np.flatnonzero(mask.any(axis=0))
        box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        ndimage.label(mask[box], _EIGHT, output=ids[box])
    return ids


def divide(ids: Ids, core: NDArray[np.bool_], core_pixels: int = 1) -> Ids:
    """Divide each object that has several cores among them: every pixel to the nearest.

    Args:
        ids: (H, W) objects.
        core: (H, W) where cores are; outside of objects it does not matter.
        core_pixels: A smaller core (4 neighbours) is none.

    Returns:
        (H, W) int32, numbered from 1 without a gap. An object with one core or none stays whole.
    """
    parts = ids.copy()
    taken = int(ids.max(initial=0))
    for number, box in enumerate(ndimage.find_objects(ids) if taken else (), start=1):
        if box is None:
            continue
        inside = ids[box] == number
        cores, count = ndimage.label(core[box] & inside)
        cores = drop_small(cores, core_pixels) if count > 1 else cores
        count = int(cores.max(initial=0))
        if count > 1:
            nearest = ndimage.distance_transform_edt(
                cores == 0, return_distances=False, return_indices=True
            )
            share = cores[tuple(nearest)][inside]
            parts[box][inside] = np.where(share == 1, number, taken + share - 1)
            taken += count - 1
    return parts


def drop_small(ids: Ids, smallest: int) -> Ids:
    """Drop objects of fewer pixels than `smallest` and number the rest from 1 without a gap."""
    places = np.flatnonzero(ids > 0)  # a small part of most images
    owners = ids.reshape(-1)[places]
    sizes = np.bincount(owners)
    kept = sizes >= max(smallest, 1)
    rest = np.zeros(ids.shape, np.int32)
    rest.reshape(-1)[places] = np.where(kept, np.cumsum(kept), 0)[owners]
    return rest


def presence_of(probability: NDArray[np.float32], pixels: int = 30) -> float:
    """How sure a map is that there is any object: the mean of its highest probabilities.

    Args:
        probability: (H, W), NaN where the image is invalid.
        pixels: How many of the highest; about the size of a small object.
    """
    top = float(np.fmax.reduce(probability, axis=None, initial=0.0))
    for share in (0.5, 0.1, 0.0):  # nearly all of most maps is far below their highest
        highest = probability[probability >= share * top]
        if len(highest) >= pixels:
            break
    if not len(highest):
        return 0.0
    return float(np.partition(highest, -min(pixels, len(highest)))[-pixels:].mean(dtype=np.float64))
