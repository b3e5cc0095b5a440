"""Where masks come from: files, colours, a band of the image, polygons, a table of runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.data.grids import compare_grids
from mapwright.data.patterns import match_files
from mapwright.data.spec import DatasetSpec
from mapwright.errors import ImageFileError
from mapwright.io.polygons import SUFFIXES as VECTOR_SUFFIXES
from mapwright.io.polygons import Polygons, read_polygons
from mapwright.io.raster import RasterInfo, inspect, place_window, read_raster
from mapwright.io.run_table import RunTable
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
    return FileMasks(root, spec)


class FileMasks:
    """A raster of its own for each image: one band of values, or the colours of classes.

    Args:
        root: The data folder.
        spec: Its description.
    """

    def __init__(self, root: Path, spec: DatasetSpec) -> None:
        self._root, self._pattern = root, spec.masks
        self._colors, self._reproject = spec.mask.source == "colors", spec.mask.reproject
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
        return read_mask_values(mask, window, self._colors)

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
        return _single(raster.pixels, mask.path, self._colors)

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


class RunMasks:
    """A table of run lengths: inside of an object is 1, outside is 0.

    Args:
        path: The table.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = lru_cache(maxsize=8)(self._whole)

    def find(self, images: Mapping[str, Path]) -> dict[str, Path]:
        """See `MaskSource`."""
        return {stem: self._path for stem in images if self._table.listed(stem)}

    def read(self, stem: str, mask: Path, image: RasterInfo, window: Window) -> Values:
        """See `MaskSource`."""
        return window.cut(self._read(stem, image.geobox), 0)

    def digest(self, stem: str, mask: Path) -> str:
        """See `MaskSource`."""
        texts = "\n".join(row.text for row in self._table.rows(stem))
        return hashlib.sha256(texts.encode()).hexdigest()

    def _whole(self, stem: str, grid: GeoBox) -> NDArray[np.uint8]:
        return (self._table.read(stem, grid).ids > 0).astype(np.uint8)

    @cached_property
    def _table(self) -> RunTable:
        return RunTable.open(self._path)


def read_mask_values(path: Path, window: Window | None = None, colors: bool = False) -> Values:
    """The values of a mask file as they stand there, (H, W).

    A grey picture that was saved as three equal bands counts as one. With `colors`, three bands
    become one number, 0xRRGGBB.

    Raises:
        ImageFileError: Unreadable, or the bands differ.
    """
    return _single(read_raster(path, window=window, alpha=True).pixels, path, colors)


def _single(bands: NDArray[Any], path: Path, colors: bool) -> Values:
    if colors and len(bands) >= 3:
        red, green, blue = (_whole(band) for band in bands[:3])
        return np.asarray(red * 2**16 + green * 2**8 + blue)
    holes = bands.dtype.kind == "f"
    if any(not np.array_equal(bands[0], band, equal_nan=holes) for band in bands[1:]):
        raise ImageFileError(
            f"the mask has {len(bands)} bands that differ",
            where=path,
            expected="one band of class values",
            fix="write the mask as a single-band raster; if its colours stand for classes, set "
            '`source = "colors"` under [mask] in dataset.toml',
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
