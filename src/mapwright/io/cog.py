"""Cloud-Optimised GeoTIFFs, written row by row.

A plain tiled GeoTIFF takes the rows; GDAL's COG driver then copies it with overviews into the order
that readers over a network want. Neither step holds the scene in memory, and the plain file is gone
at the end, whatever happens.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from mapwright.errors import ImageFileError
from mapwright.io.files import replacing
from mapwright.io.raster import open_raster

SOFTWARE = "Mapwright"
"""What our files name as their maker."""

_TILE = 512  # pixels; what GDAL and web viewers expect
_TABLES_INSIDE = (3, 12)  # the first GDAL that keeps an attribute table inside a TIFF


@dataclass(frozen=True)
class Layout:
    """What a file holds beside its pixels and its place.

    Args:
        dtype: NumPy name of the values' type.
        names: One description per band.
        nodata: The value of an invalid pixel, NaN included.
        overviews: How coarser levels follow from finer ones: `mode` or `nearest` for classes,
            `average` for measurements.
        tags: Tags of the first band.
        colors: Red, green, blue, alpha 0..255 by value of the first band; empty = no colours.
        table: Attribute table of the first band as GDAL's XML; empty = none. It is written where
            the installed GDAL can keep it inside the file.
    """

    dtype: str
    names: tuple[str, ...]
    nodata: float
    overviews: Literal["mode", "nearest", "average"]
    tags: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)
    table: str = ""

    @property
    def compression(self) -> dict[str, Any]:
        """Creation options. Every reader knows LZW and DEFLATE; many can't read ZSTD.

        LZW is as small as DEFLATE on class maps and several times as fast; it is poor on floats.
        """
        if self.dtype == "float32":
            return {"compress": "deflate", "level": 1, "predictor": "yes"}
        return {"compress": "lzw"}


class CogRows:
    """Takes values strip by strip, each row once."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self.sums: dict[int, tuple[int, int]] = {}

    def write(self, row: int, values: NDArray[Any]) -> None:
        """Write rows `row` .. `row + h`; `values` are (bands, h, W)."""
        self._target.write(values, window=_strip(row, values.shape[1], self._target.width))
        self.sums[row] = values.shape[1], _checksum(values)


@contextmanager
def cog_writer(path: Path, geobox: GeoBox, layout: Layout) -> Iterator[CogRows]:
    """Open a Cloud-Optimised GeoTIFF for writing; rows that never come are nodata.

    Args:
        path: The file; its folder also takes the plain GeoTIFF on the way.
        geobox: Shape, transform and CRS, which are kept exactly.
        layout: What else the file holds.

    Raises:
        OutputError: The file can't be written; nothing half-written is left.
    """
    with replacing(path) as temporary:
        plain = temporary.with_name(f"{temporary.name}.plain.tif")
        with open_raster(plain, "w", **_plain_profile(geobox, layout)) as target:
            _describe(target, layout)
            rows = CogRows(target)
            yield rows
        _translate(plain, temporary, layout)
        _require_same(temporary, rows)


def _plain_profile(geobox: GeoBox, layout: Layout) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "height": geobox.height,
        "width": geobox.width,
        "count": len(layout.names),
        "dtype": layout.dtype,
        "nodata": layout.nodata,
        "transform": geobox.transform,
        "crs": None if geobox.crs is None else geobox.crs.to_wkt(),
        "tiled": True,
        "blockxsize": _TILE,
        "blockysize": _TILE,
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 3 if layout.dtype == "float32" else 1,
        "BIGTIFF": "IF_SAFER",
    }


def _describe(target: Any, layout: Layout) -> None:
    for index, name in enumerate(layout.names, start=1):
        target.set_band_description(index, name)
    target.update_tags(TIFFTAG_SOFTWARE=SOFTWARE)
    target.update_tags(1, **layout.tags)
    if layout.colors:
        target.write_colormap(1, layout.colors)


def _translate(plain: Path, target: Path, layout: Layout) -> None:
    options = {
        **layout.compression,
        "blocksize": _TILE,
        "overview_resampling": layout.overviews,
        "bigtiff": "IF_SAFER",
        "num_threads": "ALL_CPUS",
    }
    try:
        source = _with_table(plain, layout.table)
        rasterio.shutil.copy(source, target, driver="COG", **options)
    except (RasterioError, CPLE_BaseError) as error:
        raise OSError(str(error)) from error


def _with_table(plain: Path, table: str) -> Path:
    """The plain file, or a virtual one before it that adds an attribute table."""
    version = tuple(int(part) for part in rasterio.__gdal_version__.split(".")[:2])
    if not table or version < _TABLES_INSIDE:
        return plain
    virtual = plain.with_suffix(".vrt")
    rasterio.shutil.copy(plain, virtual, driver="VRT")
    head, start, rest = virtual.read_text("utf-8").partition("<SimpleSource")
    virtual.write_text(f"{head}{table}{start}{rest}", "utf-8")
    return virtual


def _require_same(path: Path, rows: CogRows) -> None:
    """Check that a file holds what was given: GDAL may only log that a disk is full."""
    try:
        with open_raster(path) as written:
            for row, (height, expected) in rows.sums.items():
                values = written.read(window=_strip(row, height, written.width))
                if _checksum(values) != expected:
                    raise OSError("the file does not hold what was written to it")
    except (ImageFileError, TypeError) as error:  # a TypeError for a file without a whole header
        raise OSError("the file was not written whole") from error


def _checksum(values: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data)


def _strip(row: int, height: int, width: int) -> rasterio.windows.Window:
    return rasterio.windows.Window(0, row, width, height)
