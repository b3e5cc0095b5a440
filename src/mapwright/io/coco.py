"""Objects of COCO files: polygons and run lengths, plain or compressed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.coco_masks import Counts, fill_rings
from mapwright.io.instances import UNCLEAR, InstanceMap, not_listed, stem_of
from mapwright.io.rle import Shape, paint

_KEYS = (b'"images"', b'"annotations"', b'"categories"')
_EXPECTED = "a COCO file: images, annotations and categories"

_Mask = Counts | list[NDArray[np.float64]]
"""Counts, or polygons as (n, 2) x and y."""


@dataclass(frozen=True)
class _Object:
    number: object  # the annotation's id
    kind: str
    crowd: bool
    shape: _Mask


@dataclass(frozen=True)
class _Entry:
    name: str
    shape: Shape
    objects: list[_Object]


@dataclass(frozen=True)
class CocoInstances:
    """Objects of a COCO file, made by `CocoInstances.open`.

    An image is known by the stem of its `file_name`, without a folder. All annotations are held in
    memory, coordinates as arrays.

    Args:
        path: The file.
        class_names: Names of its categories, in the order of the file.
        entries: By stem, what is known of an image.
    """

    path: Path
    class_names: tuple[str, ...]
    entries: Mapping[str, _Entry]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a COCO file.

        Raises:
            DatasetError: Unreadable, no COCO file, an annotation of an unknown image or category
                or of no known form, or two images of one stem.
        """
        content = _read(path)
        try:
            names = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
            images = {entry["id"]: _entry(entry) for entry in content["images"]}
            for annotation in content["annotations"]:
                _take(annotation, images, names, path)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"the file is no COCO file: {type(error).__name__} {error}",
                where=path,
                expected=_EXPECTED,
                fix="export it again as COCO instance segmentation",
            ) from error
        return cls(path, tuple(names.values()), _by_stem(images.values(), path))

    def listed(self, name: str) -> bool:
        """Whether the file names an image, given by file name or stem."""
        return stem_of(name) in self.entries

    def count(self, name: str) -> int:
        """Number of objects of an image; crowds are none.

        Raises:
            ImageFileError: The image is not listed.
        """
        return sum(not found.crowd for found in self._entry(name).objects)

    def read(self, name: str, grid: GeoBox) -> InstanceMap:
        """The objects of an image; see `Instances.read`. Crowds become `UNCLEAR`."""
        entry = self._entry(name)
        shape = int(grid.height), int(grid.width)
        if entry.shape != shape:
            raise ImageFileError(
                f"the image {name} is {shape[1]} x {shape[0]} pixels",
                where=self.path,
                expected=f"{entry.shape[1]} x {entry.shape[0]}, which its objects were drawn on",
                fix="use the image that the file was made for",
            )
        single = [found for found in entry.objects if not found.crowd]
        ids = paint([self._pixels(found, shape) for found in single], shape)
        flat = ids.reshape(-1)
        for crowd in (found for found in entry.objects if found.crowd):
            inside = self._pixels(crowd, shape)
            flat[inside[flat[inside] == 0]] = UNCLEAR
        return InstanceMap(ids, tuple(found.kind for found in single))

    def _entry(self, name: str) -> _Entry:
        entry = self.entries.get(stem_of(name))
        if entry is None:
            raise not_listed(name, self.path)
        return entry

    def _pixels(self, found: _Object, shape: Shape) -> NDArray[np.int64]:
        """(n,) int64 places of an object in the flat, row-major image."""
        if isinstance(found.shape, Counts):
            return found.shape.runs(f"{self.path}, annotation {found.number}").pixels()
        return fill_rings(found.shape, shape)


def looks_like_coco(path: Path) -> bool:
    """Whether a file names the lists that COCO files have; it is not parsed and may be broken."""
    if path.suffix.lower() != ".json":
        return False
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return all(key in content for key in _KEYS)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(
            f"the file can't be read: {reason}",
            where=path,
            expected=_EXPECTED,
            fix="check the path, or export it again",
        ) from error


def _entry(image: Mapping[str, Any]) -> _Entry:
    return _Entry(str(image["file_name"]), (int(image["height"]), int(image["width"])), [])


def _by_stem(entries: Iterable[_Entry], path: Path) -> dict[str, _Entry]:
    found: dict[str, _Entry] = {}
    for entry in entries:
        other = found.setdefault(stem_of(entry.name), entry)
        if other is not entry:
            raise DatasetError(
                f"the images {other.name} and {entry.name} have one stem",
                where=path,
                expected="file names that are unique without folder and ending",
                fix="rename one of them",
            )
    return found


def _take(
    annotation: Mapping[str, Any],
    images: Mapping[Any, _Entry],
    names: Mapping[Any, str],
    path: Path,
) -> None:
    number, image, kind = (annotation.get(key) for key in ("id", "image_id", "category_id"))
    where = f"{path}, annotation {number}"
    for key, value, known in (("image", image, images), ("category", kind, names)):
        if value not in known:
            raise DatasetError(
                f"an annotation of the {key} {value!r}, which the file does not hold",
                where=where,
                expected=f"the id of an entry in the file's list of this kind ({len(known)})",
                fix="export the file again, whole",
            )
    crowd = bool(annotation.get("iscrowd", 0))
    mask = _mask(annotation.get("segmentation"), images[image].shape, where)
    images[image].objects.append(_Object(number, names[kind], crowd, mask))


def _mask(segmentation: Any, shape: Shape, where: str) -> _Mask:
    try:
        if isinstance(segmentation, Mapping):
            return _counts(segmentation, shape, where)
        rings = [np.array(ring, np.float64).reshape(-1, 2) for ring in segmentation]
        if rings and all(len(ring) >= 3 and np.isfinite(ring).all() for ring in rings):
            return rings
    except (KeyError, TypeError, ValueError):
        pass
    raise DatasetError(
        "an annotation whose segmentation is neither polygons nor run lengths",
        where=where,
        expected="lists of x and y of three points or more, or counts and size",
        fix="remove it, or draw it again",
    )


def _counts(segmentation: Mapping[str, Any], shape: Shape, where: str) -> Counts:
    counts, (height, width) = segmentation["counts"], segmentation["size"]
    if (height, width) != shape:
        raise DatasetError(
            f"a mask of {width} x {height} pixels",
            where=where,
            expected=f"{shape[1]} x {shape[0]}, the size of its image",
            fix="export the file again",
        )
    return Counts(counts if isinstance(counts, str) else np.array(counts, np.int64), shape)
