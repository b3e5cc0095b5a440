"""`dataset.toml`: what the files, bands, classes and invalid values of a folder are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from mapwright.data.config import Config, read_toml
from mapwright.data.patterns import problem_of
from mapwright.errors import ImageFileError, SettingError
from mapwright.io.maps import Legend
from mapwright.io.scene import How
from mapwright.types import IGNORE, MAX_CLASSES, ClassIndex

FILE_NAME = "dataset.toml"

Color = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


def _from_color(value: object) -> object:
    """`#rrggbb` to the number that a colour-coded mask is read as."""
    if isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return int(value[1:], 16)
    return value


MaskValue = Annotated[int, BeforeValidator(_from_color)]
"""A value of a mask: a whole number, or `#rrggbb` where masks are colour-coded."""


def _require_unique(what: str, items: list[Any]) -> None:
    seen: set[Any] = set()
    for item in items:
        if item in seen:
            raise ValueError(f"{what} {item!r} is declared twice")
        seen.add(item)


class Band(Config):
    """One band of the images.

    Args:
        name: How the band is known everywhere, such as `red` or `nir`.
        index: 1-based position in the file.
        use: Whether the model sees it.
        scale: Physical value = file value * scale + offset.
        offset: See `scale`.
        unit: Unit of the physical value, such as `reflectance` or `kelvin`.
        file: Pattern of the files that hold this band, where it has one of its own; the `*`
            stands for the same as in `images`.
        resampling: How it is brought to the grid of `images`, if its own is another.
    """

    name: str
    index: int = Field(ge=1)
    use: bool = True
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None
    file: str | None = None
    resampling: How = "bilinear"


class Class(Config):
    """One class of the masks.

    Args:
        name: How people call it.
        values: The mask values that mean this class; maps are written with the first.
        color: Colour in maps and figures, `#rrggbb`.
        objects: Whether its objects are counted one by one, such as ships; of one class at most.
    """

    name: str
    values: tuple[MaskValue, ...] = Field(min_length=1)
    color: Color
    objects: bool = False


class Mask(Config):
    """How masks are read.

    Args:
        source: `file`: a raster of its own for each image, one band of values.
            `colors`: such a raster, whose three bands are the colour of a class.
            `one-hot`: such a raster with a band for each class, 1 where the class is. Its values
            are the numbers of the bands, the first being 0; a pixel of none is unlabelled.
            `band:N`: band N of the image itself.
            `polygons`: vector files; `masks` names one for each image, or one for all.
            `rle:FILE`: a table of run lengths, one row for each object.
            `coco:FILE`: objects of a COCO file, whose categories are named like the classes.
        threshold: For soft masks of two classes: a value >= threshold is the second class.
        ignore: Mask values that count nowhere.
        attribute: Of polygons: the attribute that holds the value or the name of the class;
            without one, inside is 1. Outside of every polygon is 0.
        reproject: Whether a mask on another grid is brought to that of its image.
    """

    source: str = Field(
        default="file", pattern=r"^(file|colors|one-hot|polygons|band:[1-9]\d*|(rle|coco):.+)$"
    )
    threshold: float | None = None
    ignore: tuple[MaskValue, ...] = ()
    attribute: str | None = None
    reproject: bool = False


class Validity(Config):
    """Which pixels of the images hold no measurement; NaN never does.

    Args:
        nodata: The value that means "no measurement" in any band that is used.
        alpha: Whether the alpha band says where pixels are valid (above 0).
    """

    nodata: float | None = Field(default=None, allow_inf_nan=True)
    alpha: bool = False


class Given(Config):
    """A division that comes with the data, as patterns of stems such as `val_*`.

    Args:
        train: Images to learn from.
        val: Images to validate on. What neither names is left out.
    """

    train: tuple[str, ...] = Field(min_length=1)
    val: tuple[str, ...] = Field(min_length=1)


class Split(Config):
    """How labelled images are divided into those that train and those that validate.

    Args:
        by: `scene`: every image is a scene of its own and stands on one side only.
            `group`: images of one group stand on one side.
            `block`: images are cut into blocks, and a block stands on one side.
            `given`: as `given` says.
        val: Share (below 1) or number (1 or more) of images or blocks to validate on.
        seed: Seed of the draw.
        given: The division that comes with the data.
        group: Regular expression; what it finds in a stem names the group of the image.
        together: Sets of images that stand on one side whatever `by` says, such as one place at
            several dates.
        groups: A table of further such sets, below the data folder, with the columns `image` and
            `group`; `mapwright check FOLDER --groups FILE` writes one.
        block: Side of a block, in pixels.
        buffer: Pixels around validation blocks that no training block may hold.
    """

    by: Literal["scene", "group", "block", "given"] = "scene"
    val: float = Field(default=0.2, gt=0)
    seed: int = Field(default=0, ge=0)
    given: Given | None = None
    group: str | None = None
    together: tuple[tuple[str, ...], ...] = ()
    groups: str | None = Field(default=None, min_length=1)
    block: int | None = Field(default=None, ge=32)
    buffer: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.by in ("given", "group", "block") and getattr(self, self.by) is None:
            raise ValueError(f'by = "{self.by}" needs the key `{self.by}`')
        _require_unique("image in `together`", [stem for same in self.together for stem in same])
        if self.group is not None:
            try:
                re.compile(self.group)
            except re.error as error:
                raise ValueError(
                    f"group {self.group!r} is no regular expression: {error}"
                ) from None
        return self


class Exclude(Config):
    """An image that is left out.

    Args:
        stem: Its file name without the ending.
        why: The reason, in words.
    """

    stem: str
    why: str


class DatasetSpec(Config):
    """A whole `dataset.toml`.

    Args:
        name: Name of the data set.
        images: Pattern of the image files below the folder, with one `*`.
        masks: Pattern of the mask files; what `*` stands for must be equal in a pair.
        exclude: Images that are left out, each with a reason.
        bands: The bands, in the order that a model takes them.
        bands_by: How bands are found in a file: by `name`, where its band descriptions hold every
            name, else by index; or by `index` alone, for files whose descriptions are wrong.
        classes: The classes in index order.
        mask: How masks are read.
        valid: Which pixels hold no measurement.
        split: How images are divided.
    """

    name: str
    images: str
    masks: str | None = None
    exclude: tuple[Exclude, ...] = ()
    bands: tuple[Band, ...] = Field(min_length=1)
    bands_by: Literal["name", "index"] = "name"
    classes: tuple[Class, ...] = Field(min_length=2, max_length=MAX_CLASSES)
    mask: Mask = Mask()
    valid: Validity = Validity()
    split: Split = Split()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        one_for_all = self.mask.source == "polygons" and "*" not in (self.masks or "*")
        masks = None if one_for_all else self.masks
        for pattern in filter(None, (self.images, masks, *(band.file for band in self.bands))):
            if problem := problem_of(pattern):
                raise ValueError(problem)
        _require_unique("band name", [band.name for band in self.bands])
        _require_unique("class name", [c.name for c in self.classes])
        values = [value for c in self.classes for value in c.values]
        _require_unique("mask value", [*values, *self.mask.ignore])
        if not self.used:
            raise ValueError("no band has use = true")
        if self.mask.threshold is not None and len(self.classes) != 2:
            raise ValueError(f"a threshold needs two classes, not {len(self.classes)}")
        counted = [entry.name for entry in self.classes if entry.objects]
        if len(counted) > 1:
            raise ValueError(
                f"objects = true for {' and '.join(counted)}: one class can be counted"
            )
        if self.counted == 0:
            raise ValueError(f"objects = true for {counted[0]}: the first class is the background")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a `dataset.toml`.

        Raises:
            SettingError: Unreadable, or a key or value is wrong.
        """
        return cls.parse(read_toml(path), path)

    @property
    def used(self) -> tuple[Band, ...]:
        """The bands that the model sees, in file order."""
        return tuple(band for band in self.bands if band.use)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands that the model sees."""
        return tuple(band.name for band in self.used)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in index order."""
        return tuple(c.name for c in self.classes)

    @property
    def counted(self) -> int | None:
        """The class whose objects are counted; None = of none."""
        return next((k for k, entry in enumerate(self.classes) if entry.objects), None)

    def require_counted(self, where: str, fix: str) -> int:
        """The class whose objects are found: as described, or the second of two.

        Args:
            where: What needs one, for the message.
            fix: What to do about it.

        Raises:
            SettingError: There are more classes, and none is said to be counted.
        """
        counted = 1 if len(self.classes) == 2 else self.counted
        if counted is None:
            raise SettingError(
                f"of {len(self.classes)} classes, none is said to have objects to count",
                where=where,
                expected="`objects = true` for one of the classes",
                fix=fix,
            )
        return counted

    @property
    def colors(self) -> tuple[str, ...]:
        """Colours of the classes, in index order."""
        return tuple(c.color for c in self.classes)

    @property
    def legend(self) -> Legend:
        """The values that maps are written with.

        An invalid pixel gets the first ignore value, else 255, else the highest free byte.
        """
        if self.mask.source == "colors":  # colours are no values to write: number the classes
            return Legend(tuple(range(len(self.classes))), self.class_names, self.colors, IGNORE)
        taken = {value for c in self.classes for value in c.values}
        choices = (*self.mask.ignore, 255, *range(254, -1, -1), 65535, *range(256, 65535))
        free = next(v for v in choices if v >= 0 and v not in taken)
        values = tuple(c.values[0] for c in self.classes)
        return Legend(values, self.class_names, self.colors, free)

    def shown(self, value: float) -> str:
        """A mask value as people write it: a number, or the colour of a colour-coded mask."""
        return f"#{int(value):06x}" if self.mask.source == "colors" else f"{value:.10g}"

    def decode(self, values: NDArray[Any], where: object) -> ClassIndex:
        """Mask values as they stand in the file to class indices.

        Args:
            values: (H, W) of any number type.
            where: The file, for messages.

        Returns:
            (H, W) uint8 class indices; `IGNORE` where the value is to be ignored or is NaN.

        Raises:
            ImageFileError: A value belongs to no class and is not ignored.
        """
        classes = np.full(values.shape, IGNORE, np.uint8)
        known = np.isin(values, self.mask.ignore)
        if values.dtype.kind == "f":
            known |= np.isnan(values)
        if self.mask.threshold is not None:
            classes[~known] = (values[~known] >= self.mask.threshold).astype(np.uint8)
            return classes
        for index, entry in enumerate(self.classes):
            here = np.isin(values, entry.values)
            classes[here] = index
            known |= here
        if not known.all():
            raise self._undeclared(values[~known], where)
        return classes

    def _undeclared(self, values: NDArray[Any], where: object) -> ImageFileError:
        found, counts = np.unique(values, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:5]
        listed = ", ".join(f"{self.shown(found[k])} ({counts[k]} pixels)" for k in order)
        more = f" and {len(found) - 5} further values" if len(found) > 5 else ""
        declared = [f"{c.name} [{', '.join(map(self.shown, c.values))}]" for c in self.classes]
        return ImageFileError(
            f"the mask holds values that no class declares: {listed}{more}",
            where=where,
            expected=", ".join(
                [*declared, f"ignored [{', '.join(map(self.shown, self.mask.ignore))}]"]
            ),
            fix="add the value to a class or to [mask] ignore in dataset.toml",
        )
