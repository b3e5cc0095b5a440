"""A class map as it is on disk: its classes by name, and its pixels patch by patch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.areas.ground import Floats, Ground
from mapwright.errors import ImageFileError
from mapwright.io.class_raster import require_one_band, tagged_names
from mapwright.io.place import to_ground
from mapwright.io.raster import open_raster
from mapwright.progress import progress_bar
from mapwright.types import MAX_CLASSES, Valid, Window

Values = NDArray[np.int64]
"""Values of a class map as they stand in the file."""

PATCH = 1024
"""Side in pixels of what is held in memory at once. Fixed, so that neither results nor samples
depend on how a file is cut into blocks."""

_LEAST_CACHE = 2**25  # bytes


@dataclass(frozen=True)
class ClassMap:
    """A raster of classes.

    Args:
        path: The file.
        geobox: Shape, transform and CRS.
        tagged: Class names by value, as the file's band tags give them.
        nodata: Values that count nowhere, beside the nodata value of the file.
    """

    path: Path
    geobox: GeoBox
    tagged: Mapping[int, str]
    nodata: tuple[float, ...] = ()

    @classmethod
    def open(cls, path: Path, nodata: Collection[float] = ()) -> ClassMap:
        """Look at a file.

        Raises:
            ImageFileError: It can't be read, or holds more than one band.
        """
        with open_raster(path) as source:
            require_one_band(path, source)
            return cls(path, GeoBox.from_rio(source), tagged_names(source), tuple(nodata))

    @cached_property
    def ground(self) -> Ground:
        """The ground under the pixels."""
        return Ground(self.geobox)

    @property
    def crs(self) -> str | None:
        """The CRS by its code if it has one, else by its name; None for a plain picture."""
        crs = self.geobox.crs
        if crs is None:
            return None
        return f"EPSG:{crs.epsg}" if crs.epsg else str(crs.proj.name)

    def name_of(self, value: int) -> str:
        """The name in the file's tags, else the value itself."""
        return self.tagged.get(value, str(value))

    def place(self, rows: Values, cols: Values) -> tuple[Floats, Floats]:
        """Coordinates x, y of the centres of pixels, in the CRS of the map."""
        return to_ground(self.geobox, cols + 0.5, rows + 0.5)

    def pixels_of(self, x: Floats, y: Floats) -> tuple[Values, Values]:
        """Row and column of the pixels that hold points; -1 for points outside the map."""
        t = self.geobox.transform
        dx, dy = x - t.c, y - t.f
        if self.geobox.crs is not None and self.geobox.crs.geographic and t.b == 0:
            turn = 2 * np.pi / self.geobox.crs.proj.axis_info[0].unit_conversion_factor
            start = min(0.0, t.a * self.geobox.width)
            dx = start + (dx - start) % turn  # longitude 190 is -170
        scale = t.a * t.e - t.b * t.d
        col, row = (t.e * dx - t.b * dy) / scale, (t.a * dy - t.d * dx) / scale
        height, width = self.geobox.shape
        with np.errstate(invalid="ignore"):
            inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        floor = (np.where(inside, np.floor(v), -1).astype(np.int64) for v in (row, col))
        return next(floor), next(floor)


@dataclass(frozen=True)
class Patch:
    """A part of a map in memory.

    Args:
        window: Where it is.
        values: (h, w) values of the map.
        strata: (h, w) values of the raster of strata; the same array as `values` without one.
        valid: (h, w) bool, False where either has no class.
    """

    window: Window
    values: Values
    strata: Values
    valid: Valid


def patches(classes: ClassMap, strata: ClassMap | None, title: str) -> Iterator[Patch]:
    """Read a map, and the strata on the same grid, row by row of patches.

    Raises:
        ImageFileError: A file can't be read, holds no whole numbers, or the grids differ.
    """
    if strata is not None:
        _require_same_grid(classes, strata)
    height, width = classes.geobox.shape
    windows = [
        Window(row, col, PATCH, PATCH).clip(height, width)
        for row in range(0, height, PATCH)
        for col in range(0, width, PATCH)
    ]
    with (
        open_raster(classes.path) as source,
        open_raster((strata or classes).path) as second,
        rasterio.Env(GDAL_CACHEMAX=_cache(source, second)),
        progress_bar(title, len(windows), "patches") as progress,
    ):
        for window in windows:
            values, valid = _read(source, classes, window)
            layers = values
            if strata is not None:
                layers, also = _read(second, strata, window)
                valid &= also
            yield Patch(window, values, layers, valid)
            progress.advance()


def _cache(*sources: Any) -> int:
    """Bytes that GDAL may keep: a row of patches, which a file in whole lines is read by."""
    row = sum(s.width * PATCH * np.dtype(s.dtypes[0]).itemsize for s in sources)
    return max(_LEAST_CACHE, int(row))


def codes(values: Values) -> tuple[Values, Values]:
    """Which values occur, ascending, and for each of `values` (n,) its number among them."""
    if not values.size or values.min() < 0 or values.max() >= 2**16:
        found, inverse = np.unique(values, return_inverse=True)
        return found, inverse
    found = np.flatnonzero(np.bincount(values))  # several times as fast as sorting
    table = np.zeros(int(found[-1]) + 1, np.int64)
    table[found] = np.arange(len(found))
    return found, table[values]


def require_classes(path: Path, count: int) -> None:
    """Check that a map holds few enough values to be one of classes."""
    if count > MAX_CLASSES:
        raise ImageFileError(
            f"the file holds more than {MAX_CLASSES} different values",
            where=path,
            expected="a class map: one value per class",
            fix="give the map of classes, not an image or a measurement",
        )


def _read(source: Any, classes: ClassMap, window: Window) -> tuple[Values, Valid]:
    """(h, w) values, and where there is a class: not nodata, masked, transparent or NaN."""
    place = rasterio.windows.Window(window.col, window.row, window.width, window.height)
    read = source.read(1, window=place, masked=True)
    raw, valid = read.data, ~np.ma.getmaskarray(read)
    if not np.issubdtype(raw.dtype, np.integer):
        valid &= np.isfinite(raw)
        raw = np.where(valid, raw, 0)
    for value in classes.nodata:
        valid &= raw != value
    values = raw.astype(np.int64)
    if (values != raw)[valid].any():
        found = raw[(values != raw) & valid][0]
        raise ImageFileError(
            f"the file holds the value {found:g}",
            where=classes.path,
            expected="a class map: whole numbers, one per class",
            fix="give the map of classes, not an image or probabilities",
        )
    return values, valid


def _require_same_grid(classes: ClassMap, strata: ClassMap) -> None:
    if classes.geobox != strata.geobox:
        raise ImageFileError(
            "the raster of strata has another grid than the map",
            where=strata.path,
            expected=f"size, place and CRS of {classes.path}",
            fix="bring it onto the grid of the map with nearest neighbour, as gdalwarp -r near",
        )
