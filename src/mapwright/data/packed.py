"""Samples in as few bytes as hold them exactly, so that more of them stay in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.data.dataset import Sample
from mapwright.types import ClassIndex, Image, Window

_SMALLER = (np.uint8, np.uint16, np.int16)


@dataclass(frozen=True)
class Packed:
    """A sample whose whole numbers are kept as such; float32 takes two to four times as much.

    Args:
        image: (C, H, W) of the smallest type that holds every value; float32 where one is NaN.
        mask: (H, W) as in `Sample`.
        labels: (H, W) as in `Sample`; the very mask where all is valid.
    """

    image: NDArray[Any]
    mask: ClassIndex
    labels: ClassIndex

    @classmethod
    def of(cls, sample: Sample) -> Packed:
        """The same sample, smaller."""
        same = np.array_equal(sample.labels, sample.mask)
        return cls(_smallest(sample.image), sample.mask, sample.mask if same else sample.labels)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        labels = 0 if self.labels is self.mask else self.labels.nbytes
        return self.image.nbytes + self.mask.nbytes + labels

    def cut(self, window: Window) -> Sample:
        """See `Sample.cut`."""
        inside = window.clip(*self.mask.shape)
        here = (..., *inside.slices)
        part = Packed(self.image[here], self.mask[here], self.labels[here]).whole()
        return part.cut(window.moved(-inside.row, -inside.col))

    def whole(self) -> Sample:
        """The sample that was packed."""
        return Sample(self.image.astype(np.float32, copy=False), self.mask, self.labels)


def _smallest(image: Image) -> NDArray[Any]:
    """(C, H, W) in the first type that gives every value back."""
    low, high = image.min(initial=0), image.max(initial=0)  # NaN where one of the values is
    for kind in _SMALLER:
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            packed = image.astype(kind)
            return packed if np.array_equal(packed, image) else image
    return image
