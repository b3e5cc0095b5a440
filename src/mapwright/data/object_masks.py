"""Masks that are lists of objects: a table of run lengths, or a COCO file."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.errors import DatasetError
from mapwright.io.coco import CocoInstances
from mapwright.io.instances import UNCLEAR, InstanceMap, Instances
from mapwright.io.raster import RasterInfo
from mapwright.io.run_table import RunTable
from mapwright.types import Window


class ObjectMasks(ABC):
    """One file that lists the objects of every image; see `MaskSource` for the methods.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._whole = lru_cache(maxsize=8)(self._read)

    def find(self, images: Mapping[str, Path]) -> dict[str, Path]:
        """By stem, the file for each image that it names."""
        return {stem: self._path for stem in images if self._listed.listed(stem)}

    def read(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> NDArray[Any]:
        """Values of a window: those of the objects' classes, 0 outside, NaN where unclear."""
        found = self.instances(stem, mask, image, window)
        values = [0, *map(self._value, found.classes)]
        if (found.ids == UNCLEAR).any():
            return np.array([*values, np.nan])[found.ids]  # -1 takes the last entry
        small = np.result_type(*map(np.min_scalar_type, values))  # bytes are searched faster
        return np.array(values, small)[found.ids]

    def instances(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> InstanceMap:
        """The objects of a window, told apart."""
        whole = self._whole(stem, image.geobox)
        return InstanceMap(window.cut(whole.ids, 0), whole.classes)

    @abstractmethod
    def digest(self, stem: str, mask: Path) -> str:
        """SHA-256 of what `read` depends on."""

    @property
    @abstractmethod
    def _listed(self) -> Instances:
        """The objects of all images."""

    @abstractmethod
    def _value(self, name: str) -> int:
        """The mask value that a class of the file stands for."""

    def _read(self, stem: str, grid: GeoBox) -> InstanceMap:
        return self._listed.read(stem, grid)


class RunMasks(ObjectMasks):
    """A table of run lengths: inside of an object is 1, outside is 0."""

    def digest(self, stem: str, mask: Path) -> str:
        """See `ObjectMasks`."""
        texts = "\n".join(row.text for row in self._listed.rows(stem))
        return hashlib.sha256(texts.encode()).hexdigest()

    @cached_property
    def _listed(self) -> RunTable:
        return RunTable.open(self._path)

    def _value(self, name: str) -> int:
        return 1


class CocoMasks(ObjectMasks):
    """A COCO file: inside of an object is the value of the class of this name, outside is 0.

    Args:
        path: The file.
        values: The value of each class, by name.
    """

    def __init__(self, path: Path, values: Mapping[str, int]) -> None:
        super().__init__(path)
        self._values = values

    def digest(self, stem: str, mask: Path) -> str:
        """See `ObjectMasks`."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self._path.read_bytes()).hexdigest()

    @cached_property
    def _listed(self) -> CocoInstances:
        return CocoInstances.open(self._path)

    def _value(self, name: str) -> int:
        if name not in self._values:
            raise DatasetError(
                f"objects of the category {name!r}, which is not declared",
                where=self._path,
                expected=f"one of {', '.join(self._values)}",
                fix="declare a class of this name in dataset.toml",
            )
        return self._values[name]
