"""A described folder: which image belongs to which mask, and both as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from mapwright.data.bands import ImageReader
from mapwright.data.blocks import block_name, cut, parse_name
from mapwright.data.content.groups import Groups
from mapwright.data.group_file import read_groups
from mapwright.data.masks import MaskSource, file_digest, mask_source
from mapwright.data.patterns import match_files, perhaps
from mapwright.data.spec import DatasetSpec, Split
from mapwright.data.splits import Grouping
from mapwright.errors import DatasetError
from mapwright.io.instances import InstanceMap
from mapwright.io.raster import Raster, RasterInfo, place_window
from mapwright.types import IGNORE, ClassIndex, Image, Window


@dataclass(frozen=True)
class Item:
    """An image and its mask, or a part of both.

    Args:
        stem: What the `*` of the pattern stands for; the same for image and mask. Of a part,
            followed by its rows and columns: `scene[0:256,512:768]`.
        image: The image file.
        mask: The file that holds the mask, or None for an image that is only for prediction.
        window: The part of the image; None = all of it.
    """

    stem: str
    image: Path
    mask: Path | None
    window: Window | None = None

    @property
    def scene(self) -> str:
        """The stem of the whole image."""
        return parse_name(self.stem)[0] if self.window else self.stem

    def part(self, window: Window) -> Item:
        """A part of the image."""
        return replace(self, stem=block_name(self.scene, window), window=window)

    def digest(self) -> str:
        """SHA-256 of the image file: whether a model has seen it does not depend on its mask."""
        return file_digest(self.image)


@dataclass(frozen=True)
class Sample:
    """One image with its mask, ready to learn from or to score.

    Args:
        image: (C, H, W) float32, file values of the used bands, NaN where invalid.
        mask: (H, W) uint8 class indices; `IGNORE` where unlabelled *or invalid*.
        labels: (H, W) uint8 class indices as the mask has them, invalid pixels included.
    """

    image: Image
    mask: ClassIndex
    labels: ClassIndex

    def cut(self, window: Window) -> Sample:
        """A part of it; what lies outside is invalid and unlabelled."""
        return Sample(
            window.cut(self.image, np.nan),
            window.cut(self.mask, IGNORE),
            window.cut(self.labels, IGNORE),
        )


@dataclass(frozen=True)
class Dataset:
    """A folder and its description.

    Args:
        root: The folder.
        spec: Its description.
        reasons: Why each guessed value of `spec` was chosen; empty when it was read from a file.
    """

    root: Path
    spec: DatasetSpec
    reasons: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every image that is not excluded, in order of its stem.

        Raises:
            DatasetError: The folder holds no image, or an excluded stem is not there.
        """
        images, masks = self._files
        if not images:
            raise DatasetError(
                "no image found",
                where=self.root / self.spec.images,
                expected="at least one file with an ending such as .tif, .png or .jpg",
                fix="correct the folder, or the pattern `images` in dataset.toml",
            )
        out = {entry.stem for entry in self.spec.exclude}
        for stem in sorted(out - set(images)):
            raise DatasetError(
                f"there is no image {stem!r} to exclude",
                where=self.root / self.spec.images,
                fix=perhaps(stem, list(images)),
            )
        self._require_all(self.spec.split.together, images)
        stems = [stem for stem in images if stem not in out]
        return tuple(Item(stem, images[stem], masks.get(stem)) for stem in stems)

    @cached_property
    def split(self) -> Split:
        """How to divide the images; sets of a table of groups stand in `together` here.

        Raises:
            DatasetError: The table names an image that is not there.
            SettingError: It can't be read.
        """
        split = self.spec.split
        if split.groups is None:
            return split
        sets = read_groups(self.root / split.groups)
        self._require_all(sets, self._files[0])
        joined = _merged((*split.together, *sets))
        return split.model_copy(update={"together": joined, "groups": None})

    def without_groups(self) -> Dataset:
        """The same data set before its table of groups was written."""
        split = self.spec.split.model_copy(update={"groups": None})
        return replace(self, spec=self.spec.model_copy(update={"split": split}))

    def with_groups(self, sets: Sequence[Sequence[str]]) -> Dataset:
        """The same data set, whose split keeps each of these sets of stems on one side as well."""
        joined = _merged((*self.split.together, *sets))
        split = self.spec.split.model_copy(update={"together": joined, "groups": None})
        return replace(self, spec=self.spec.model_copy(update={"split": split}))

    @cached_property
    def grouping(self) -> Grouping:
        """Which images stand together."""
        return Grouping(self.split)

    def _require_all(self, sets: Sequence[Sequence[str]], images: Mapping[str, Path]) -> None:
        """Raise a DatasetError unless every stem of some sets is that of an image."""
        for stem in (stem for same in sets for stem in same):
            if stem not in images:
                raise DatasetError(
                    f"there is no image {stem!r} to keep together with others",
                    where=self.root / (self.spec.split.groups or self.spec.images),
                    fix=perhaps(stem, list(images)),
                )

    @cached_property
    def _files(self) -> tuple[dict[str, Path], dict[str, Path]]:
        """Images and masks by stem; a file that the mask pattern takes is no image."""
        images = match_files(self.root, self.spec.images)
        masks = self._masks.find(images)
        kind = self.spec.mask.source
        taken = set(masks.values()) if kind in ("file", "colors", "one-hot") else set()
        return {s: path for s, path in images.items() if path not in taken}, masks

    @cached_property
    def _masks(self) -> MaskSource:
        return mask_source(self.root, self.spec)

    @cached_property
    def _reader(self) -> ImageReader:
        return ImageReader(self.spec)

    @property
    def labelled(self) -> tuple[Item, ...]:
        """The images with a mask."""
        return tuple(item for item in self.items if item.mask)

    @cached_property
    def units(self) -> tuple[Item, ...]:
        """What a split divides: the labelled images, or the blocks that they are cut into."""
        side = self.spec.split.block
        if self.spec.split.by != "block" or side is None:
            return self.labelled
        return tuple(
            item.part(window) for item in self.labelled for window in cut(*self.size(item), side)
        )

    @property
    def unlabelled(self) -> tuple[Item, ...]:
        """The images without a mask."""
        return tuple(item for item in self.items if not item.mask)

    @property
    def stray_masks(self) -> tuple[Path, ...]:
        """Mask files that no image belongs to."""
        images, masks = self._files
        return tuple(path for stem, path in masks.items() if stem not in images)

    def choose(self, names: Sequence[str]) -> tuple[Item, ...]:
        """The images, or parts of images, with these names, in this order.

        Raises:
            DatasetError: A name is not there.
        """
        known = {item.stem: item for item in self.items}
        chosen = []
        for name in names:
            scene, window = (name, None) if name in known else parse_name(name)
            if scene not in known:
                raise DatasetError(
                    f"there is no image {scene!r}",
                    where=self.root / self.spec.images,
                    fix=perhaps(scene, list(known)),
                )
            chosen.append(known[scene].part(window) if window else known[scene])
        return tuple(chosen)

    def info(self, item: Item) -> RasterInfo:
        """What the image file of an item says of itself."""
        return self._reader.info(item.image)

    def size(self, item: Item) -> tuple[int, int]:
        """Height and width of an item, in pixels."""
        return (item.window.height, item.window.width) if item.window else self.info(item).size

    def geobox(self, item: Item) -> GeoBox:
        """Shape, transform and CRS of an item."""
        whole = self.info(item).geobox
        return place_window(whole, item.window, self.size(item)) if item.window else whole

    def read_image(self, item: Item, window: Window | None = None) -> Raster:
        """The used bands of an item; see `read_raster`.

        Args:
            item: Which.
            window: A part of it, counted from the item's own corner; None = all of it. What lies
                outside of the item is invalid.
        """
        if item.window is None:
            return self._reader.read(item.image, window)
        wanted = window or Window(0, 0, *self.size(item))
        raster = self._reader.read(item.image, wanted.moved(*item.window[:2]))
        inside = Window(0, 0, *self.size(item)).moved(-wanted.row, -wanted.col)
        own = inside.clip(*raster.valid.shape)
        valid = np.zeros_like(raster.valid)
        valid[own.slices] = raster.valid[own.slices]
        return replace(raster, valid=valid)

    def read(self, item: Item, window: Window | None = None) -> Sample:
        """An item and its mask, or a part of both; see `read_image`.

        Raises:
            ImageFileError: Unreadable, of different size, or the mask holds undeclared values.
        """
        raster = self.read_image(item, window)
        labels = self.read_mask(item, window)
        mask = np.where(raster.valid, labels, IGNORE).astype(np.uint8)
        return Sample(raster.masked(), mask, labels)

    def read_mask(self, item: Item, window: Window | None = None) -> ClassIndex:
        """The mask of an item as (H, W) uint8 class indices; `IGNORE` outside of it."""
        assert item.mask is not None, f"{item.stem} has no mask"
        size, inside, place = self._inside(item, window)
        whole = np.full(size, IGNORE, np.uint8)
        if inside.height * inside.width:
            values = self._masks.read(item.scene, item.mask, self.info(item), inside)
            whole[place.slices] = self.spec.decode(values, item.mask)
        return whole

    def read_instances(self, item: Item, window: Window | None = None) -> InstanceMap | None:
        """The objects of an item, told apart; None where its masks don't tell them.

        Args:
            item: Which; it must have a mask.
            window: A part of it; None = all of it. Outside of the item no object is.
        """
        assert item.mask is not None, f"{item.stem} has no mask"
        size, inside, place = self._inside(item, window)
        whole = np.zeros(size, np.int32)
        if not inside.height * inside.width:
            return InstanceMap(whole, ())
        found = self._masks.instances(item.scene, item.mask, self.info(item), inside)
        if found is None:
            return None
        whole[place.slices] = found.ids
        return InstanceMap(whole, found.classes)

    def _inside(self, item: Item, window: Window | None) -> tuple[tuple[int, int], Window, Window]:
        """Height and width of a window; what of it lies in the item, in the image and in itself."""
        wanted = window or Window(0, 0, *self.size(item))
        inside = wanted.clip(*self.size(item))
        offset = item.window[:2] if item.window else (0, 0)
        place = inside.moved(-wanted.row, -wanted.col)
        return (wanted.height, wanted.width), inside.moved(*offset), place

    def mask_digest(self, item: Item) -> str:
        """SHA-256 of what the mask of an item is made from; an empty text without one."""
        return self._masks.digest(item.scene, item.mask) if item.mask else ""

    def digests(self, items: Sequence[Item]) -> dict[str, str]:
        """SHA-256 of the image file of each item, by stem: says what a model saw."""
        return {item.stem: item.digest() for item in items}


def _merged(sets: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Sets that share a stem in one, so that every stem stands in one set."""
    joined, firsts = Groups(len(sets)), dict[str, int]()
    for number, same in enumerate(sets):
        for stem in same:
            joined.join(number, firsts.setdefault(stem, number))
    merged: dict[int, dict[str, None]] = {}
    for number, same in enumerate(sets):
        merged.setdefault(joined.leader(number), {}).update(dict.fromkeys(same))
    return tuple(tuple(stems) for stems in merged.values())
