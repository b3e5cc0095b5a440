"""Objects of an image, told apart: what every source of them gives.

Tables of run lengths, COCO files and polygons all come through this one door.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Protocol

import numpy as np
from odc.geo.geobox import GeoBox

from mapwright.errors import ImageFileError
from mapwright.io.raster import SUFFIXES
from mapwright.io.rle import InstanceIds
from mapwright.types import IGNORE, ClassIndex

UNCLEAR: Final = -1
"""The number of a pixel that counts nowhere, such as a crowd whose members were not outlined."""

OBJECT: Final = "object"
"""The class of an object whose source names none."""


@dataclass(frozen=True)
class InstanceMap:
    """The objects of one image.

    Args:
        ids: (H, W) int32: 0 where no object is, k on the k-th object (from 1), `UNCLEAR` what
            counts nowhere. An object that smaller ones cover wholly has no pixel.
        classes: The class of each object, as its source names it.
    """

    ids: InstanceIds
    classes: tuple[str, ...]

    def labels(self, order: Mapping[str, int]) -> ClassIndex:
        """The class of each pixel.

        Args:
            order: Class name to class index. What is no object gets 0.

        Returns:
            (H, W) uint8; `IGNORE` where a pixel is unclear.

        Raises:
            ImageFileError: An object is of a class that has no index.
        """
        unknown = sorted(set(self.classes) - order.keys())
        if unknown:
            raise ImageFileError(
                f"objects of the class {unknown[0]!r}, which is not declared",
                expected=f"one of {', '.join(order)}",
                fix="declare the class in dataset.toml",
            )
        # the number -1 takes the last entry
        table = np.array([0, *(order[name] for name in self.classes), IGNORE], np.uint8)
        return table[self.ids]


class Instances(Protocol):
    """A source of objects for many images."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of all classes that its objects may be of."""

    def listed(self, name: str) -> bool:
        """Whether it says anything of an image, be it that there is no object.

        Args:
            name: File name or stem of the image.
        """

    def read(self, name: str, grid: GeoBox) -> InstanceMap:
        """The objects of an image.

        Args:
            name: File name or stem of the image.
            grid: Its size, and its place where it has one.

        Raises:
            ImageFileError: The image is not listed, its objects are broken, or they do not fit it.
        """


def stem_of(name: str) -> str:
    """An image's file name without its ending; a name that has none stays as it is."""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in SUFFIXES else path.name


def not_listed(name: str, source: object) -> ImageFileError:
    """The error for an image that a source says nothing of."""
    return ImageFileError(
        f"nothing is said of the image {name}",
        where=source,
        expected="an entry for each image, also for one without an object",
        fix="add the image, or exclude it in dataset.toml",
    )
