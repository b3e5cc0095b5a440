"""Objects outlined as polygons in vector files, on the grid of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from mapwright.errors import DatasetError
from mapwright.io.instances import OBJECT, InstanceMap, not_listed, stem_of
from mapwright.io.polygons import Polygons, read_polygons


@dataclass(frozen=True)
class PolygonInstances:
    """Polygons as objects: one file for all images, which their place picks from, or one for each.

    A pixel is inside when its centre is; of several polygons the smallest takes it, of equally
    large ones the first. A polygon without a pixel on the grid is no object of the image.

    Args:
        files: One file for all images, or stem of each image to its file.
        attribute: The attribute that names the class; None = one class for all.
    """

    files: Path | Mapping[str, Path]
    attribute: str | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that occur, in alphabetic order; reads all files."""
        paths = [self.files] if isinstance(self.files, Path) else list(self.files.values())
        kinds = {kind for path in paths for kind in _kinds(self._polygons(path))}
        return tuple(sorted(kinds))

    def listed(self, name: str) -> bool:
        """Whether there is a file for an image; one file is for all of them."""
        return isinstance(self.files, Path) or stem_of(name) in self.files

    def read(self, name: str, grid: GeoBox) -> InstanceMap:
        """The objects of an image; see `Instances.read`."""
        if not self.listed(name):
            raise not_listed(name, "the files of polygons")
        path = self.files if isinstance(self.files, Path) else self.files[stem_of(name)]
        polygons = self._polygons(path)
        drawn = polygons.draw(grid, np.arange(1, len(polygons.shapes) + 1))
        found, ids = np.unique(drawn, return_inverse=True)
        if found[0] != 0:  # not a pixel is outside
            found, ids = np.concatenate([[0], found]), ids + 1
        kinds = _kinds(polygons)
        classes = tuple(kinds[k - 1] for k in found[1:])
        return InstanceMap(ids.reshape(drawn.shape).astype(np.int32), classes)

    def _polygons(self, path: Path) -> Polygons:
        return _read(path, self.attribute, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=16)
def _read(path: Path, attribute: str | None, modified: int) -> Polygons:
    """Polygons from the largest to the smallest, so that the smallest is drawn last."""
    import shapely

    polygons = read_polygons(path, attribute)
    # from behind, so that of equally large ones the first comes last
    order = np.argsort(-shapely.area(polygons.shapes)[::-1], kind="stable")
    order = len(order) - 1 - order
    attributes = None if polygons.attributes is None else polygons.attributes[order]
    return replace(polygons, shapes=polygons.shapes[order], attributes=attributes)


def _kinds(polygons: Polygons) -> list[str]:
    if polygons.attributes is None:
        return [OBJECT] * len(polygons.shapes)
    return [_kind(value, polygons.path) for value in polygons.attributes]


def _kind(value: Any, path: Path) -> str:
    if value is None or value != value:  # NaN stands for a number that is missing
        raise DatasetError(
            "a polygon without a class",
            where=path,
            expected="a value of the class attribute in each polygon",
            fix="fill in the attribute, or remove the polygon",
        )
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value) if whole else value)
