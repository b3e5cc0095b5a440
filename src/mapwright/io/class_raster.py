"""A whole class map in memory: class indices, place and legend."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp

from mapwright.errors import ImageFileError
from mapwright.io.maps import Legend
from mapwright.io.raster import open_raster
from mapwright.types import IGNORE, MAX_CLASSES, ClassIndex, Valid

_GOLDEN = 0.618034  # of the circle of hues; neighbours in it are far apart


@dataclass(frozen=True)
class ClassRaster:
    """A class map.

    Args:
        classes: (H, W) uint8 class indices, `IGNORE` where the map is invalid.
        geobox: Shape, transform and CRS.
        legend: What the class indices mean.
    """

    classes: ClassIndex
    geobox: GeoBox
    legend: Legend


def read_class_raster(path: Path, legend: Legend | None = None) -> ClassRaster:
    """Read a class map.

    Args:
        path: A raster of one band.
        legend: What its values mean; None = as its tags and its colour table say, and a value
            without a name is called by its number.

    Raises:
        ImageFileError: Unreadable, no class map, or it holds a value that the legend lacks.
    """
    with open_raster(path) as source:
        require_one_band(path, source)
        read = source.read(1, masked=True)
        values, valid = read.data, ~np.ma.getmaskarray(read)
        if values.dtype.kind == "f":
            valid &= ~np.isnan(values)
        legend = legend or _own_legend(path, source, values[valid])
        geobox = GeoBox.from_rio(source)
    return ClassRaster(_indices(path, values, valid, legend), geobox, legend)


def require_one_band(path: Path, source: Any) -> None:
    """Check that an open raster may be a class map: one band, alpha aside.

    Raises:
        ImageFileError: It has none or several.
    """
    bands = sum(color != ColorInterp.alpha for color in source.colorinterp)
    if bands != 1:
        raise ImageFileError(
            f"the file has {bands} bands",
            where=path,
            expected="a class map: one band, one value per class",
            fix="give the map of classes, not an image or probabilities",
        )


def tagged_names(source: Any) -> dict[int, str]:
    """The names that the tags of an open class map give its values."""
    return {int(key): name for key, name in source.tags(1).items() if _is_whole(key)}


def _indices(path: Path, values: NDArray[Any], valid: Valid, legend: Legend) -> ClassIndex:
    classes = np.full(values.shape, IGNORE, np.uint8)
    for index, value in enumerate(legend.values):
        classes[(values == value) & valid] = index
    unknown = valid & (classes == IGNORE) & (values != legend.nodata)
    if unknown.any():
        raise ImageFileError(
            f"the value {values[unknown][0]:g} occurs on {int(unknown.sum())} pixels",
            where=path,
            expected=f"a value of the legend: {', '.join(map(str, legend.values))}",
            fix="add the class to the legend, or make the value nodata",
        )
    return classes


def _own_legend(path: Path, source: Any, values: NDArray[Any]) -> Legend:
    """The legend of a file, for the values that it names or holds."""
    found = np.unique(values)
    if len(found) > MAX_CLASSES or (found != np.floor(found)).any():
        raise ImageFileError(
            f"the file holds {len(found)} different values, such as {found[-1]:g}",
            where=path,
            expected=f"a class map: whole numbers, {MAX_CLASSES} at most",
            fix="give the map of classes, not an image or a measurement",
        )
    named = tagged_names(source)
    every = tuple(sorted({*named, *map(int, found)}))
    return Legend(
        every,
        tuple(named.get(value, str(value)) for value in every),
        _colors(source, every),
        _nodata(source, every),
    )


def _nodata(source: Any, values: tuple[int, ...]) -> int:
    """The file's own nodata value if it is a whole number, else a free one."""
    own = source.nodata
    if own is not None and float(own).is_integer():
        return int(own)
    return next(value for value in range(IGNORE, -1, -1) if value not in values)


def _colors(source: Any, values: tuple[int, ...]) -> tuple[str, ...]:
    try:
        table = source.colormap(1)
    except ValueError:  # there is none
        table = {}
    hues = (i * _GOLDEN % 1 for i in range(len(values)))
    other = (tuple(int(255 * c) for c in colorsys.hls_to_rgb(hue, 0.6, 0.5)) for hue in hues)
    rgb = (table.get(value, color)[:3] for value, color in zip(values, other, strict=True))
    return tuple("#{:02x}{:02x}{:02x}".format(*color) for color in rgb)


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
