"""Guess classes where masks list objects: run lengths, COCO files, polygons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mapwright.data.layouts import Layout, Reasons
from mapwright.data.look import readable, spread
from mapwright.data.patterns import match_files
from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.coco import CocoInstances
from mapwright.io.polygon_instances import PolygonInstances
from mapwright.io.polygons import SUFFIXES as VECTOR_SUFFIXES
from mapwright.io.raster import inspect, place_window
from mapwright.types import Window

PALETTE = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#edc948", "#76b7b2",
    "#b07aa1", "#9c755f", "#ff9da7", "#86bcb6", "#8cd17d", "#d37295",
)  # fmt: skip
"""Colours of classes that nobody gave one."""

_BACKGROUND, _FOREGROUND = "#2b2f36", "#ff5a36"
_LOOKED_AT, _SIDE = (
    8,
    1024,
)  # images whose polygons are drawn, and the side of what is drawn of each
_SMALL = 0.02  # of what is drawn: most objects are smaller, most patches of land cover are not

_UNFIT = {
    "", "data", "dataset", "train", "training", "val", "valid", "validation", "test", "image",
    "img", "background", "mask", "label", "segmentation", "annotation", "rle", "object",
    "instance", "run", "length", "csv", "table", "all", "full", "final", "new", "stage",
}  # fmt: skip
"""Words that name no thing."""

Classes = list[dict[str, Any]]
"""The class table of a description."""


def guess_listed(root: Path, layout: Layout, name: str, reasons: Reasons) -> Classes:
    """The class table of masks that are lists of objects, and why.

    Args:
        root: The data folder.
        layout: Where images and masks are.
        name: Name of the data set; the class is called after it where nothing else names it.
        reasons: Takes the reason for `classes`.

    Raises:
        DatasetError: A COCO file is broken, or lists no object.
    """
    kind, _, rest = layout.source.partition(":")
    if kind == "coco":
        return _of_coco(root / rest, reasons)
    named = _thing_of(rest) if kind == "rle" else ""
    positive, after = named or singular(name), "table" if named else "folder"
    reasons["classes"] = f"inside and outside of an object; {positive!r} is named after the {after}"
    classes = two_classes(0, 1, positive)
    if kind == "rle":
        classes[1]["objects"] = True
        reasons["classes"] += "; a row of the table is an object, so objects are counted"
    elif kind == "polygons":
        seen = _polygons_seen(root, layout)
        if seen.objects:
            classes[1]["objects"] = True
        reasons["classes"] += seen.words
        if not seen.placed:
            reasons["masks"] += "; the images have no CRS, so coordinates are columns and rows"
    return classes


def _of_coco(path: Path, reasons: Reasons) -> Classes:
    """A class for each category that occurs; the objects of a single one are counted."""
    coco = CocoInstances.open(path)
    kinds = {found.kind for entry in coco.entries.values() for found in entry.objects}
    names = [name for name in coco.class_names if name in kinds]
    if not names:
        raise DatasetError(
            "the file lists no object",
            where=path,
            expected="annotations of at least one category",
            fix="export it again, with its annotations",
        )
    outside = "background" if "background" not in names else "no object"
    classes = two_classes(0, 1, names[0], outside)
    classes += [
        {"name": name, "values": [value], "color": PALETTE[value % len(PALETTE)]}
        for value, name in enumerate(names[1:], start=2)
    ]
    unused = [name for name in coco.class_names if name not in kinds]
    reasons["classes"] = f"categories of the file; {outside!r} is what no object covers" + (
        f"; without an object: {', '.join(unused[:8])}" if unused else ""
    )
    if len(names) == 1:
        classes[1]["objects"] = True
        reasons["classes"] += "; an entry of the file is an object, so objects are counted"
    else:
        reasons["classes"] += "; objects = true for one of them would have its objects counted"
    return classes


@dataclass(frozen=True)
class _Seen:
    """Polygons in the middle of some images.

    Args:
        shares: The share of what was drawn that each covers.
        placed: Whether the images have a CRS.
    """

    shares: tuple[float, ...]
    placed: bool

    @property
    def objects(self) -> bool:
        """Whether they look like objects, and not like patches of land cover."""
        return len(self.shares) > 1 and float(np.median(self.shares)) < _SMALL

    @property
    def words(self) -> str:
        """What follows for the class."""
        if not self.objects:
            return "; objects = true for it would have each polygon counted as an object"
        return (
            f"; {len(self.shares)} polygons were looked at and most cover less than {_SMALL:.0%} "
            f"of their image (median {np.median(self.shares):.2%}): taken for objects, so objects "
            "are counted"
        )


def _polygons_seen(root: Path, layout: Layout) -> _Seen:
    """Draw what some images show; where nothing can be drawn, `check` is the one to say why."""
    pattern = layout.masks or "*"
    images = match_files(root, layout.images)
    each = match_files(root, pattern, VECTOR_SUFFIXES) if "*" in pattern else {}
    files = {path: each.get(stem, root / pattern) for stem, path in images.items()}
    known = spread([path for path, file in files.items() if file.is_file()], _LOOKED_AT)
    placed = all(info.geobox.crs is not None for info in readable(inspect, known))
    try:
        parts = readable(lambda path: _shares(path, files[path]), known)
    except ImageFileError:
        parts = []
    return _Seen(tuple(share for part in parts for share in part), placed)


def _shares(image: Path, polygons: Path) -> list[float]:
    """The share of the middle of an image that each polygon there covers."""
    info = inspect(image)
    height, width = (min(side, _SIDE) for side in info.size)
    row, col = (info.size[0] - height) // 2, (info.size[1] - width) // 2
    grid = place_window(info.geobox, Window(row, col, height, width), (height, width))
    drawn = PolygonInstances(polygons).read(image.name, grid).ids
    shares: list[float] = (np.bincount(drawn.ravel())[1:] / drawn.size).tolist()
    return shares


def two_classes(
    low: int, high: int, positive: str, negative: str = "background"
) -> list[dict[str, Any]]:
    """Class table of a thing and what is around it."""
    return [
        {"name": negative, "values": [low], "color": _BACKGROUND},
        {"name": positive, "values": [high], "color": _FOREGROUND},
    ]


def singular(name: str) -> str:
    """The positive class after the folder: `roofs` -> `roof`."""
    word = _without_s(name.lower().replace("_", " ").strip())
    return "foreground" if word in _UNFIT or not word[0].isalpha() else word


def _thing_of(table: str) -> str:
    """The thing that a table's name speaks of, or nothing.

    `train_ship_segmentations_v2.csv` -> `ship`.
    """
    words = map(_without_s, re.split(r"[^a-z]+", Path(table).stem.lower()))
    left = [word for word in words if len(word) > 1 and word not in _UNFIT]
    return left[0] if len(left) == 1 else ""


def _without_s(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
