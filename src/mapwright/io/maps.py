"""Write maps row by row: classes as GeoTIFF or paletted PNG, probabilities as GeoTIFF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image as PilImage
from PIL.PngImagePlugin import PngInfo

from mapwright.errors import ImageFileError, OutputError
from mapwright.io.files import replacing
from mapwright.io.raster import open_raster
from mapwright.types import IGNORE, ClassIndex, Probabilities

_SOFTWARE = "Mapwright"
_TILE = 256  # pixels; TIFF tiles, a multiple of 16


@dataclass(frozen=True)
class Legend:
    """What the values of a class map mean.

    Args:
        values: One output value per class, in class order.
        names: One name per class.
        colors: One `#rrggbb` per class.
        nodata: The output value of an invalid pixel; never one of `values`.
    """

    values: tuple[int, ...]
    names: tuple[str, ...]
    colors: tuple[str, ...]
    nodata: int

    @property
    def dtype(self) -> str:
        """The smallest type that holds every value."""
        return str(np.result_type(*map(np.min_scalar_type, (*self.values, self.nodata))))

    def encode(self, classes: ClassIndex) -> NDArray[Any]:
        """Class indices (H, W), `IGNORE` included, to output values (H, W)."""
        table = np.full(256, self.nodata, self.dtype)
        table[: len(self.values)] = self.values
        table[IGNORE] = self.nodata
        return table[classes]

    def rgb(self) -> list[tuple[int, int, int]]:
        """One (red, green, blue) 0..255 per class."""
        return [rgb_of(color) for color in self.colors]


def rgb_of(color: str) -> tuple[int, int, int]:
    """`#rrggbb` to (red, green, blue) 0..255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


class RowWriter(Protocol):
    """Takes a map strip by strip, from the top."""

    def write(self, row: int, strip: NDArray[Any]) -> None:
        """Take rows `row` .. `row + h`; (h, W) class indices or (K, h, W) probabilities."""


def map_suffix(source: Path, geobox: GeoBox, legend: Legend) -> str:
    """`.png` for the map of a plain picture, `.tif` where there is a place or a large value."""
    plain = geobox.crs is None and source.suffix.lower() not in {".tif", ".tiff", ".vrt", ".img"}
    return ".png" if plain and legend.dtype == "uint8" else ".tif"


def require_replaceable(path: Path) -> None:
    """Check that a map may be written here: nothing is there, or a map that we wrote.

    Raises:
        OutputError: Another file is there, such as the mask of the image.
    """
    if not path.exists():
        return
    try:
        with open_raster(path) as source:
            tags = source.tags()
    except ImageFileError:
        tags = {}
    if _SOFTWARE not in (tags.get("Software"), tags.get("TIFFTAG_SOFTWARE")):
        raise OutputError(
            "a file that is no map of ours is in the way",
            where=path,
            expected="a free name, or a map that Mapwright wrote",
            fix="choose another output folder",
        )


@contextmanager
def class_map_writer(path: Path, geobox: GeoBox, legend: Legend) -> Iterator[RowWriter]:
    """Open a class map for writing; `path` ends in `.png` or `.tif`.

    Raises:
        OutputError: The file can't be written; nothing half-written is left.
    """
    if path.suffix == ".png":
        picture = _PngRows(geobox, legend)
        with replacing(path) as temporary:
            yield picture
            picture.save(temporary)
        return
    tags = dict(zip(map(str, legend.values), legend.names, strict=True))
    with _tiff(path, geobox, legend.dtype, ["class"], legend.nodata) as target:
        if legend.dtype in ("uint8", "uint16"):  # others have no colour table in TIFF
            target.write_colormap(1, _colormap(legend))
        target.update_tags(1, **tags)
        yield _TiffRows(target, lambda strip: legend.encode(strip)[None])


@contextmanager
def probability_writer(path: Path, geobox: GeoBox, names: Sequence[str]) -> Iterator[RowWriter]:
    """Open a float32 GeoTIFF with one band per class, NaN where invalid."""
    with _tiff(path, geobox, "float32", names, float("nan")) as target:
        yield _TiffRows(target, _as_float32)


def _as_float32(strip: Probabilities) -> Probabilities:
    return strip.astype(np.float32, copy=False)


class _TiffRows:
    def __init__(self, target: Any, encode: Any) -> None:
        self._target, self._encode = target, encode

    def write(self, row: int, strip: NDArray[Any]) -> None:
        """Write a strip, encoded."""
        values = self._encode(strip)
        window = rasterio.windows.Window(0, row, values.shape[2], values.shape[1])
        self._target.write(values, window=window)


class _PngRows:
    """PNG has no random access, so the map (one byte a pixel) is kept until the end."""

    def __init__(self, geobox: GeoBox, legend: Legend) -> None:
        self._values = np.full(geobox.shape, legend.nodata, np.uint8)
        self._legend = legend

    def write(self, row: int, strip: ClassIndex) -> None:
        """Keep a strip, encoded."""
        self._values[row : row + len(strip)] = self._legend.encode(strip)

    def save(self, path: Path) -> None:
        """Write the paletted picture; the nodata value is transparent."""
        palette = np.zeros((256, 3), np.uint8)
        for value, color in zip(self._legend.values, self._legend.rgb(), strict=True):
            palette[value] = color
        picture = PilImage.fromarray(self._values)
        picture.putpalette(palette.tobytes())  # turns the mode into P, the bytes stay
        mark = PngInfo()
        mark.add_text("Software", _SOFTWARE)
        picture.save(path, transparency=self._legend.nodata, optimize=False, pnginfo=mark)


@contextmanager
def _tiff(
    path: Path, geobox: GeoBox, dtype: str, names: Sequence[str], nodata: float
) -> Iterator[Any]:
    profile = {
        "driver": "GTiff",
        "height": geobox.height,
        "width": geobox.width,
        "count": len(names),
        "dtype": dtype,
        "nodata": nodata,
        "transform": geobox.transform,
        "crs": None if geobox.crs is None else geobox.crs.to_wkt(),
        "tiled": True,
        "blockxsize": _TILE,
        "blockysize": _TILE,
        "compress": "deflate",
        "predictor": 3 if dtype == "float32" else 2,
        "BIGTIFF": "IF_SAFER",
    }
    with replacing(path) as temporary:
        with open_raster(temporary, "w", **profile) as target:
            for index, name in enumerate(names, start=1):
                target.set_band_description(index, name)
            target.update_tags(TIFFTAG_SOFTWARE=_SOFTWARE)
            yield target
        _require_readable(temporary)


def _require_readable(path: Path) -> None:
    """GDAL may notice a full disk only when it closes the file, and then only log it."""
    try:
        with open_raster(path, "r+") as written:
            for _, window in written.block_windows(1):
                written.read(1, window=window)
    except TypeError as error:  # what rasterio makes of a file without a whole header
        raise OSError("the file was not written whole") from error


def _colormap(legend: Legend) -> dict[int, tuple[int, int, int, int]]:
    colors = {v: (*c, 255) for v, c in zip(legend.values, legend.rgb(), strict=True)}
    return {**colors, legend.nodata: (0, 0, 0, 0)}
