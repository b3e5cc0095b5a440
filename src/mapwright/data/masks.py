"""Where masks come from: files, a band of the image, polygons, lists of objects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mapwright.data.grids import compare_grids
from mapwright.data.object_masks import CocoMasks, RunMasks
from mapwright.data.patterns import match_files
from mapwright.data.spec import DatasetSpec
from mapwright.errors import ImageFileError
from mapwright.io.instances import InstanceMap
from mapwright.io.one_hot import from_one_hot
from mapwright.io.polygon_instances import PolygonInstances
from mapwright.io.polygons import SUFFIXES as VECTOR_SUFFIXES
from mapwright.io.polygons import Polygons, read_polygons
from mapwright.io.raster import RasterInfo, inspect, place_window, read_raster
from mapwright.io.scene import Layer, read_on_grid, same_grid
from mapwright.types import Window

Values = NDArray[Any]
"""(h, w) mask values as they stand in the file, NaN where the mask says nothing."""


class MaskSource(Protocol):
    """Gives the mask values of images."""

    def find(self, images: Mapping[str, Path]) -> dict[str, Path]:
        """By stem, the file that holds the mask of each image that has one; others too."""

    def read(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> Values:
        """Values of a window of the image's grid.

        Raises:
            ImageFileError: Unreadable, or not on the grid of the image.
        """

    def instances(
        self, stem: str, mask: Path, image: RasterInfo, window: Window
    ) -> InstanceMap | None:
        """The objects of a window, told apart; None where the masks don't tell them."""

    def digest(self, stem: str, mask: Path) -> str:
        """SHA-256 of what `read` depends on."""


def mask_source(root: Path, spec: DatasetSpec) -> MaskSource:
    """The source that a description names."""
    kind, _, rest = spec.mask.source.partition(":")
    if kind == "band":
        return BandMasks(int(rest))
    if kind == "polygons":
        return PolygonMasks(root, spec)
    if kind == "rle":
        return RunMasks(root / rest)
    if kind == "coco":
        return CocoMasks(root / rest, {entry.name: entry.values[0] for entry in spec.classes})
    return FileMasks(root, spec)


class FileMasks:
    """A raster of its own for each image: values, the colours of classes, or a band for each.

    Args:
        root: The data folder.
        spec: Its description.
    """

    def __init__(self, root: Path, spec: DatasetSpec) -> None:
        self._root, self._pattern = root, spec.masks
        self._kind, self._reproject = spec.mask.source, spec.mask.reproject
        self._same: set[Path] = set()  # masks that are known to lie on the grid of their image

    def find(self, images: Mapping[str, Path]) -> dict[str, Path]:
        """See `MaskSource`."""
        return match_files(self._root, self._pattern) if self._pattern else {}

    def read(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> Values:
        """See `MaskSource`."""
        if mask not in self._same:
            info = inspect(mask)
            if not same_grid(image.geobox, info.geobox):
                return self._warped(info, image, window)
            self._same.add(mask)
        return read_mask_values(mask, window, self._kind)

    def instances(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> None:
        """See `MaskSource`."""

    def _warped(self, mask: RasterInfo, image: RasterInfo, window: Window) -> Values:
        placed = mask.geobox.crs is not None and image.geobox.crs is not None
        if not placed:
            raise ImageFileError(
                f"the mask is {_size(mask)}, its image {_size(image)}",
                where=mask.path,
                expected=f"one mask pixel for each pixel of {image.path.name}",
                fix="use the mask that belongs to this image, at its size",
            )
        if not self._reproject:
            raise ImageFileError(
                "the mask is on another grid than its image: "
                f"{compare_grids(image.geobox, mask.geobox)}",
                where=mask.path,
                expected=f"the grid of {image.path.name}",
                fix="bring it to that grid, or set `reproject = true` under [mask] in "
                "dataset.toml to have it brought there by nearest neighbour",
            )
        bands = tuple(range(1, mask.count + 1))
        raster = read_on_grid(Layer(mask.path, bands, "nearest"), image.geobox, window=window)
        return _values_of(raster.pixels, mask.path, self._kind)

    def digest(self, stem: str, mask: Path) -> str:
        """See `MaskSource`."""
        return file_digest(mask)


class BandMasks:
    """One band of the image itself.

    Args:
        band: Its 1-based index.
    """

    def __init__(self, band: int) -> None:
        self._band = band

    def find(self, images: Mapping[str, Path]) -> dict[str, Path]:
        """See `MaskSource`."""
        return dict(images)

    def read(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> Values:
        """See `MaskSource`."""
        raster = read_raster(mask, [self._band], window=window)
        values: Values = raster.pixels[0]
        return values

    def instances(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> None:
        """See `MaskSource`."""

    def digest(self, stem: str, mask: Path) -> str:
        """See `MaskSource`."""
        return file_digest(mask)


class PolygonMasks:
    """Vector files: one for each image, or one for all.

    Args:
        root: The data folder.
        spec: Its description.
    """

    def __init__(self, root: Path, spec: DatasetSpec) -> None:
        self._root, self._spec = root, spec
        self._read = lru_cache(maxsize=64)(read_polygons)

    def find(self, images: Mapping[str, Path]) -> dict[str, Path]:
        """See `MaskSource`."""
        pattern = self._spec.masks or "*"
        if "*" in pattern:
            return match_files(self._root, pattern, VECTOR_SUFFIXES)
        path = self._root / pattern
        return dict.fromkeys(images, path) if path.is_file() else {}

    def read(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> Values:
        """See `MaskSource`."""
        polygons = self._read(mask, self._spec.mask.attribute)
        grid = place_window(image.geobox, window, (window.height, window.width))
        return polygons.draw(grid, self._values(polygons))

    def instances(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> InstanceMap:
        """See `MaskSource`."""
        grid = place_window(image.geobox, window, (window.height, window.width))
        return PolygonInstances(mask, self._spec.mask.attribute).read(stem, grid)

    def _values(self, polygons: Polygons) -> NDArray[np.int64]:
        """What each polygon means: its attribute as a number or the name of a class, else 1."""
        if polygons.attributes is None:
            return np.ones(len(polygons.shapes), np.int64)
        named = {entry.name: entry.values[0] for entry in self._spec.classes}
        values = []
        for attribute in polygons.attributes:
            number = named.get(str(attribute), attribute)
            try:
                values.append(int(number))
            except (TypeError, ValueError):
                raise ImageFileError(
                    f"a polygon has the {self._spec.mask.attribute} {attribute!r}",
                    where=polygons.path,
                    expected="a number, or one of " + ", ".join(named),
                    fix="add a class of this name to dataset.toml, or correct the polygon",
                ) from None
        return np.array(values, np.int64)

    def digest(self, stem: str, mask: Path) -> str:
        """See `MaskSource`."""
        return file_digest(mask)


def read_mask_values(path: Path, window: Window | None = None, kind: str = "file") -> Values:
    """The values of a mask file as they stand there, (H, W).

    Args:
        path: The mask.
        window: The part to read; None = all of it.
        kind: `file`: one band of values; a grey picture that was saved as three equal bands
            counts as one. `colors`: three bands become one number, 0xRRGGBB. `one-hot`: the
            number of the band that is 1, the first being 0; NaN where none is.

    Raises:
        ImageFileError: Unreadable, or the bands are not as `kind` says.
    """
    alpha = kind != "one-hot"  # where the band called so is a class like the others
    return _values_of(read_raster(path, window=window, alpha=alpha).pixels, path, kind)


def _values_of(bands: NDArray[Any], path: Path, kind: str) -> Values:
    if kind == "colors" and len(bands) >= 3:
        red, green, blue = (_whole(band) for band in bands[:3])
        return np.asarray(red * 2**16 + green * 2**8 + blue)
    return from_one_hot(bands, path) if kind == "one-hot" else _single(bands, path)


def _single(bands: NDArray[Any], path: Path) -> Values:
    holes = bands.dtype.kind == "f"
    if any(not np.array_equal(bands[0], band, equal_nan=holes) for band in bands[1:]):
        raise ImageFileError(
            f"the mask has {len(bands)} bands that differ",
            where=path,
            expected="one band of class values",
            fix="write the mask as a single-band raster; under [mask] in dataset.toml, "
            '`source = "colors"` takes colours for classes and `source = "one-hot"` a band of 0 '
            "and 1 for each class",
        )
    first: Values = bands[0]
    return first


def _whole(band: NDArray[Any]) -> NDArray[Any]:
    """Room for three bytes; NaN, outside of a warped mask, stays."""
    return band.astype(np.float64 if band.dtype.kind == "f" else np.int64)


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, worked out once while it does not change."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


def _size(info: RasterInfo) -> str:
    return f"{info.size[0]} x {info.size[1]} pixels"
