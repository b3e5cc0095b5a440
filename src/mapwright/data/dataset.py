"""A described folder: which image belongs to which mask, and both as arrays."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from mapwright.data.config import nearest
from mapwright.data.spec import DatasetSpec
from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.raster import SUFFIXES, Raster, RasterInfo, inspect, read_raster
from mapwright.types import IGNORE, ClassIndex, Image, Pixels, Window


@dataclass(frozen=True)
class Item:
    """An image and its mask.

    Args:
        stem: What the `*` of the pattern stands for; the same for image and mask.
        image: The image file.
        mask: The mask file, or None for an image that is only for prediction.
    """

    stem: str
    image: Path
    mask: Path | None

    def digest(self) -> str:
        """SHA-256 of the image file: whether a model has seen it does not depend on its mask."""
        return _file_digest(self.image)

    def mask_digest(self) -> str:
        """SHA-256 of the mask file; an empty text without one."""
        return _file_digest(self.mask) if self.mask else ""


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
                fix=_perhaps(stem, list(images)),
            )
        stems = [stem for stem in images if stem not in out]
        return tuple(Item(stem, images[stem], masks.get(stem)) for stem in stems)

    @cached_property
    def _files(self) -> tuple[dict[str, Path], dict[str, Path]]:
        """Images and masks by stem; a file that the mask pattern takes is no image."""
        masks = match_files(self.root, self.spec.masks) if self.spec.masks else {}
        taken = set(masks.values())
        images = match_files(self.root, self.spec.images)
        return {s: path for s, path in images.items() if path not in taken}, masks

    @property
    def labelled(self) -> tuple[Item, ...]:
        """The images with a mask."""
        return tuple(item for item in self.items if item.mask)

    @property
    def unlabelled(self) -> tuple[Item, ...]:
        """The images without a mask."""
        return tuple(item for item in self.items if not item.mask)

    @property
    def stray_masks(self) -> tuple[Path, ...]:
        """Mask files that no image belongs to."""
        images, masks = self._files
        return tuple(path for stem, path in masks.items() if stem not in images)

    def choose(self, stems: Sequence[str]) -> tuple[Item, ...]:
        """The items with these stems, in this order.

        Raises:
            DatasetError: A stem is not there.
        """
        known = {item.stem: item for item in self.items}
        for stem in stems:
            if stem not in known:
                raise DatasetError(
                    f"there is no image {stem!r}",
                    where=self.root / self.spec.images,
                    fix=_perhaps(stem, list(known)),
                )
        return tuple(known[stem] for stem in stems)

    def info(self, item: Item) -> RasterInfo:
        """What the image file of an item says of itself."""
        return inspect(item.image)

    def read_image(self, item: Item, window: Window | None = None) -> Raster:
        """The used bands of an image; see `read_raster`."""
        return read_bands(self.spec, item.image, window)

    def read(self, item: Item) -> Sample:
        """An image and its mask.

        Raises:
            ImageFileError: Unreadable, of different size, or the mask holds undeclared values.
        """
        assert item.mask is not None, f"{item.stem} has no mask"
        raster = self.read_image(item)
        labels = self.read_mask(item)
        if labels.shape != raster.valid.shape:
            raise ImageFileError(
                f"the mask is {_size(labels.shape)}, its image {_size(raster.valid.shape)}",
                where=item.mask,
                expected=f"one mask pixel for each pixel of {item.image.name}",
                fix="use the mask that belongs to this image, at its size",
            )
        mask = np.where(raster.valid, labels, IGNORE).astype(np.uint8)
        return Sample(raster.masked(), mask, labels)

    def read_mask(self, item: Item) -> ClassIndex:
        """The mask of an item as (H, W) uint8 class indices."""
        assert item.mask is not None, f"{item.stem} has no mask"
        return self.spec.decode(read_mask_values(item.mask), item.mask)

    def digests(self, items: Sequence[Item]) -> dict[str, str]:
        """SHA-256 of the image file of each item, by stem: says what a model saw."""
        return {item.stem: item.digest() for item in items}


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def band_indices(spec: DatasetSpec, info: RasterInfo) -> tuple[int, ...]:
    """Where a file holds the bands that `spec` uses, 1-based.

    A file whose band descriptions hold every name is read by name, in whatever order it has
    them; one without such names by position; one that has only some of them elsewhere is refused.

    Raises:
        ImageFileError: A band is missing, or the names contradict the positions.
    """
    if set(spec.band_names) <= set(info.descriptions):
        return tuple(info.descriptions.index(name) + 1 for name in spec.band_names)
    for band in spec.used:
        place = info.descriptions.index(band.name) + 1 if band.name in info.descriptions else 0
        if place and place != band.index:
            raise ImageFileError(
                f"the file calls its bands {', '.join(info.descriptions)}",
                where=info.path,
                expected=f"{', '.join(spec.band_names)}, in any order, or no names at all",
                fix="use an image that has these bands, or correct its band descriptions",
            )
        if band.index > info.count:
            raise ImageFileError(
                f"band {band.index} ({band.name}) does not exist",
                where=info.path,
                expected=f"an index from 1 to {info.count}, which is what the file holds",
                fix="correct the index under [[bands]] in dataset.toml",
            )
    return tuple(band.index for band in spec.used)


def read_bands(spec: DatasetSpec, path: Path, window: Window | None = None) -> Raster:
    """Read the bands that `spec` uses from any file, with validity.

    Raises:
        ImageFileError: Unreadable, or a band is missing.
    """
    indices = band_indices(spec, inspect(path))
    valid = spec.valid
    return read_raster(path, indices, window=window, nodata=valid.nodata, alpha=valid.alpha)


def read_mask_values(path: Path) -> Pixels:
    """The values of a mask file as they stand there, (H, W).

    A grey picture that was saved as three equal bands counts as one.

    Raises:
        ImageFileError: Unreadable, or the bands differ.
    """
    bands = read_raster(path, alpha=True).pixels
    holes = bands.dtype.kind == "f"
    if any(not np.array_equal(bands[0], band, equal_nan=holes) for band in bands[1:]):
        raise ImageFileError(
            f"the mask has {len(bands)} bands that differ",
            where=path,
            expected="one band of class values",
            fix="write the mask as a single-band raster",
        )
    first: Pixels = bands[0]
    return first


def match_files(root: Path, pattern: str) -> dict[str, Path]:
    """Files below `root` that match, by what the `*` stands for, in natural order.

    Args:
        root: The folder.
        pattern: A relative path with one `*`, which stands for any part of a file name.

    Returns:
        Stem -> path. `tile_2` comes before `tile_10`.

    Raises:
        DatasetError: Two files have one stem.
    """
    folder, name = (root / pattern).parent, Path(pattern).name
    head, _, tail = name.partition("*")
    found: dict[str, Path] = {}
    for path in folder.glob(name) if folder.is_dir() else ():
        if not is_image(path):
            continue
        stem = path.name[len(head) : len(path.name) - len(tail)]
        stem = stem if tail else stem.removesuffix(path.suffix)
        if stem in found:
            raise DatasetError(
                f"two files have the stem {stem!r}",
                where=f"{found[stem]} and {path}",
                expected="one file for each stem",
                fix="remove one, or name an ending in the pattern, such as *.tif",
            )
        found[stem] = path
    return dict(sorted(found.items(), key=lambda pair: natural_key(pair[0])))


def is_image(path: Path) -> bool:
    """Whether a file is taken for an image: by its ending, and not hidden."""
    return path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()


def natural_key(text: str) -> list[tuple[int, str]]:
    """Sort key that puts numbers in their order."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return [*((int(p), "") if p[0] in "0123456789" else (-1, p) for p in parts), (-2, text)]


def _perhaps(word: str, choices: list[str]) -> str:
    guess = nearest(word, choices)
    return f"perhaps {guess!r} is meant" if guess else "look at the names in the folder"


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]} pixels"
