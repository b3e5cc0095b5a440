"""One pass over a data set: what `check` looks for and what people want to see, together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mapwright.data.blocks import cut
from mapwright.data.check import CheckReport, check
from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.inventory.choose import spread
from mapwright.data.inventory.objects import ObjectFinder, Objects, find_patches, shown_classes
from mapwright.data.inventory.position import Positions
from mapwright.data.inventory.records import (
    ImageRecord,
    UnitRecord,
    corners_of,
    count_classes,
    crs_words,
    look_at_unit,
    pixel_side,
)
from mapwright.data.inventory.values import PixelValues, keep_pixels, pixels_to_keep
from mapwright.errors import DatasetError, SettingError
from mapwright.types import Window

MOST_IMAGES = 2000
"""Images that are looked at unless told otherwise; of more, so many are drawn evenly."""


@dataclass(frozen=True)
class Inventory:
    """What a data set holds.

    Args:
        dataset: It.
        looked: How many images were looked at, unusable ones included.
        report: What `check` found in them.
        images: One record for each that could be used.
        units: The same by block where the split cuts images into blocks, else by image.
        positions: Where in the images classes and invalid pixels lie.
        listed: Objects of every labelled image as a run-length table says; empty without one.
        told_apart: Whether the masks' source tells touching objects apart.
    """

    dataset: Dataset
    looked: int
    report: CheckReport
    images: tuple[ImageRecord, ...]
    units: tuple[UnitRecord, ...]
    positions: Positions
    listed: Mapping[str, int]
    told_apart: bool

    @property
    def drawn(self) -> bool:
        """Whether only some of the images were looked at."""
        return self.looked < len(self.dataset.items)

    @property
    def shown(self) -> range:
        """Classes that are looked at one by one; see `shown_classes`."""
        return shown_classes(len(self.dataset.spec.classes))

    @property
    def labelled(self) -> tuple[UnitRecord, ...]:
        """Units with a mask."""
        return tuple(unit for unit in self.units if unit.labelled)

    @property
    def empty(self) -> tuple[UnitRecord, ...]:
        """Labelled units without the second of two classes; of more, without any label."""
        kinds = list(self.shown)
        return tuple(unit for unit in self.labelled if not unit.classes[kinds].any())

    @cached_property
    def class_pixels(self) -> NDArray[np.int64]:
        """(K,) valid, labelled pixels per class."""
        return self._sum([image.classes for image in self.images])

    @cached_property
    def class_units(self) -> NDArray[np.int64]:
        """(K,) labelled units in which each class occurs."""
        return self._sum([unit.classes > 0 for unit in self.labelled])

    @cached_property
    def valid_share(self) -> float:
        """Share of the pixels that hold a measurement."""
        return sum(u.valid for u in self.units) / max(sum(u.pixels for u in self.units), 1)

    @cached_property
    def values(self) -> PixelValues:
        """Values of some pixels of each class."""
        kept = [image.kept for image in self.images]
        return PixelValues.of(kept, self.dataset.spec.band_names, len(self.dataset.spec.classes))

    def sizes(self, kind: int) -> NDArray[np.int64]:
        """Pixels of every object of a class."""
        parts = [im.objects.pixels[im.objects.kinds == kind] for im in self.images]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def areas(self, kind: int) -> NDArray[np.float64]:
        """Square metres of every object of a class, in images that say how large a pixel is."""
        parts = [
            im.objects.pixels[im.objects.kinds == kind] * im.side**2
            for im in self.images
            if im.side is not None
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _sum(self, rows: Sequence[NDArray[np.generic]]) -> NDArray[np.int64]:
        whole = np.array(rows, np.int64).reshape(-1, len(self.dataset.spec.classes))
        return np.asarray(whole.sum(axis=0))


def take_inventory(dataset: Dataset, images: int = MOST_IMAGES) -> Inventory:
    """Look at a data set, at each image once.

    Args:
        dataset: The data set.
        images: At most so many images are looked at; of more, so many are drawn evenly by name.

    Raises:
        SettingError: `images` is below 1.
        DatasetError: There is no image, or not one can be used.
    """
    if images < 1:
        raise SettingError(f"{images} images to look at", where="images", expected="1 or more")
    items = spread(dataset.items, images)
    pass_ = _Pass(dataset, len(items))
    report = check(dataset, items, pass_.see)
    if not pass_.images:
        reason = next(found for found in report.findings if found.kind == "unusable file")
        raise DatasetError(
            "not one image can be used", where=dataset.root, expected=reason.text, fix=reason.advice
        )
    return Inventory(
        dataset=dataset,
        looked=len(items),
        report=report,
        images=tuple(pass_.images),
        units=tuple(pass_.units),
        positions=pass_.positions,
        listed=pass_.finder.counts,
        told_apart=pass_.finder.told_apart,
    )


class _Pass:
    """Takes the images as they come and keeps little of each."""

    def __init__(self, dataset: Dataset, count: int) -> None:
        self._dataset, self._classes = dataset, len(dataset.spec.classes)
        self._keep = pixels_to_keep(count, self._classes)
        self.finder = ObjectFinder(dataset)
        self.images: list[ImageRecord] = []
        self.units: list[UnitRecord] = []
        self.positions = Positions(self._classes)

    def see(self, item: Item, sample: Sample) -> None:
        """Look at one image; one without a mask comes with a mask that is all ignored."""
        grid, labelled = self._dataset.geobox(item), item.mask is not None
        objects = self._objects(item, sample)
        self.positions.add(sample.mask, np.asarray(np.isfinite(sample.image).all(axis=0)))
        for name, window in self._parts(item, sample):
            self.units.append(look_at_unit(name, sample, window, labelled, objects, self._classes))
        self.images.append(
            ImageRecord(
                stem=item.stem,
                labelled=labelled,
                size=(int(sample.mask.shape[0]), int(sample.mask.shape[1])),
                dtype=self._dataset.info(item).dtype,
                crs=crs_words(grid),
                side=pixel_side(grid),
                corners=corners_of(grid),
                classes=count_classes(sample.mask, self._classes),
                objects=objects,
                kept=keep_pixels(sample.image, sample.mask, self._classes, self._keep),
            )
        )

    def _objects(self, item: Item, sample: Sample) -> Objects:
        if item.mask is None:
            return find_patches(sample.mask, self._classes)
        return self.finder.find(item, sample.mask)

    def _parts(self, item: Item, sample: Sample) -> list[tuple[str, Window]]:
        """The image, or the blocks that the split cuts it into."""
        size = int(sample.mask.shape[0]), int(sample.mask.shape[1])
        split = self._dataset.spec.split
        if split.by != "block" or split.block is None:
            return [(item.stem, Window(0, 0, *size))]
        return [(item.part(window).stem, window) for window in cut(*size, split.block)]
