"""Objects of an image: as their source tells them apart, else the connected patches of its mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mapwright.data.dataset import Dataset, Item
from mapwright.io.instances import Instances
from mapwright.io.polygon_instances import PolygonInstances
from mapwright.io.run_table import RunTable
from mapwright.types import IGNORE, ClassIndex

_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Objects:
    """Objects of one image.

    Args:
        kinds: (n,) class index of each.
        pixels: (n,) valid, labelled pixels of each.
        rows: (n,) row of a pixel inside of each, the middle one in reading order.
        cols: (n,) its column.
    """

    kinds: NDArray[np.int64]
    pixels: NDArray[np.int64]
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kinds)


def shown_classes(count: int) -> range:
    """Classes that are looked at one by one: the first of two is the background."""
    return range(1 if count == 2 else 0, count)


class ObjectFinder:
    """Finds the objects of images.

    A run-length table or a file of polygons tells objects apart that touch each other; of other
    masks, objects are the connected patches (8 neighbours) of each class.

    Args:
        dataset: The data set.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._classes = len(dataset.spec.classes)
        self._kind, _, self._file = dataset.spec.mask.source.partition(":")

    @property
    def told_apart(self) -> bool:
        """Whether the source of the masks tells objects apart."""
        return self._kind in ("rle", "polygons")

    @property
    def counts(self) -> Mapping[str, int]:
        """Objects of every labelled image of a run-length table, none decoded; else empty."""
        if self._kind != "rle" or not self._dataset.labelled:
            return {}
        return {item.stem: self._table.count(item.stem) for item in self._dataset.labelled}

    def find(self, item: Item, mask: ClassIndex) -> Objects:
        """The objects of a labelled image.

        Args:
            item: The image.
            mask: (H, W) its class indices, `IGNORE` where unlabelled or invalid.
        """
        source = self._source(item)
        if source is None:
            return find_patches(mask, self._classes)
        return find_instances(source.read(item.scene, self._dataset.geobox(item)).ids, mask)

    def _source(self, item: Item) -> Instances | None:
        if self._kind == "rle":
            return self._table
        return PolygonInstances(item.mask) if self._kind == "polygons" and item.mask else None

    @cached_property
    def _table(self) -> RunTable:
        return RunTable.open(self._dataset.root / self._file)


def find_patches(mask: ClassIndex, classes: int) -> Objects:
    """Connected patches of each class of (H, W), 8 neighbours; of two classes only the second."""
    parts = []
    for kind in shown_classes(classes):
        inside = mask == kind
        if inside.any():
            labels, _ = ndimage.label(inside, _EIGHT)
            parts.append(_gather(np.flatnonzero(inside), labels, kind))
    return _join(parts)


def find_instances(ids: NDArray[np.int32], mask: ClassIndex) -> Objects:
    """Objects by their number, (H, W) from 1, each of the class that most of its pixels have.

    Pixels that count nowhere in the mask do not count here either.
    """
    places = np.flatnonzero((ids > 0) & (mask != IGNORE))
    if not len(places):
        return _join([])
    numbers, owners = np.unique(ids.reshape(-1)[places], return_inverse=True)
    votes = np.zeros((len(numbers), 256), np.int64)
    np.add.at(votes, (owners, mask.reshape(-1)[places]), 1)
    found = _anchors(places, owners, mask.shape[1])
    return Objects(votes.argmax(axis=1), *found)


def _gather(places: NDArray[np.int64], labels: NDArray[np.int32], kind: int) -> Objects:
    owners = labels.reshape(-1)[places].astype(np.int64) - 1
    pixels, rows, cols = _anchors(places, owners, labels.shape[1])
    return Objects(np.full(len(pixels), kind, np.int64), pixels, rows, cols)


def _anchors(
    places: NDArray[np.int64], owners: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pixels, row and column of each object; `places` in reading order, `owners` from 0."""
    pixels = np.bincount(owners)
    order = np.argsort(owners, kind="stable")
    middle = places[order[np.cumsum(pixels) - pixels + pixels // 2]]
    rows, cols = np.divmod(middle, width)
    return pixels, rows, cols


def _join(parts: list[Objects]) -> Objects:
    nothing = np.zeros(0, np.int64)
    if not parts:
        return Objects(nothing, nothing, nothing, nothing)
    keys = ("kinds", "pixels", "rows", "cols")
    return Objects(*(np.concatenate([getattr(part, key) for part in parts]) for key in keys))
