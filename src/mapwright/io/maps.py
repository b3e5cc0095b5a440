"""Write maps row by row: classes as GeoTIFF or paletted PNG, probabilities as GeoTIFF.

GeoTIFFs are cloud-optimised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image as PilImage
from PIL.PngImagePlugin import PngInfo

from mapwright.errors import ImageFileError, OutputError
from mapwright.io.cog import SOFTWARE, CogRows, Layout, cog_writer
from mapwright.io.files import replacing
from mapwright.io.raster import open_raster
from mapwright.types import IGNORE, ClassIndex, Probabilities


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
    if SOFTWARE not in (tags.get("Software"), tags.get("TIFFTAG_SOFTWARE")):
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
    with cog_writer(path, geobox, _class_layout(legend)) as target:
        yield _ClassRows(target, legend)


@contextmanager
def probability_writer(path: Path, geobox: GeoBox, names: Sequence[str]) -> Iterator[RowWriter]:
    """Open a float32 GeoTIFF with one band per name, NaN where invalid.

    Raises:
        OutputError: The file can't be written; nothing half-written is left.
    """
    layout = Layout("float32", tuple(names), float("nan"), overviews="average")
    with cog_writer(path, geobox, layout) as target:
        yield _FloatRows(target)


@dataclass(frozen=True)
class _ClassRows:
    target: CogRows
    legend: Legend

    def write(self, row: int, strip: ClassIndex) -> None:
        """Write a strip, encoded."""
        self.target.write(row, self.legend.encode(strip)[None])


@dataclass(frozen=True)
class _FloatRows:
    target: CogRows

    def write(self, row: int, strip: Probabilities) -> None:
        """Write a strip."""
        self.target.write(row, strip.astype(np.float32, copy=False))


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
        mark.add_text("Software", SOFTWARE)
        picture.save(path, transparency=self._legend.nodata, optimize=False, pnginfo=mark)


def _class_layout(legend: Legend) -> Layout:
    return Layout(
        legend.dtype,
        ("class",),
        legend.nodata,
        overviews="mode" if legend.nodata >= 0 else "nearest",  # GDAL's mode makes it 0
        tags=dict(zip(map(str, legend.values), legend.names, strict=True)),
        colors=_colormap(legend) if legend.dtype in ("uint8", "uint16") else {},  # else TIFF can't
        table=_attribute_table(legend),
    )


def _colormap(legend: Legend) -> dict[int, tuple[int, int, int, int]]:
    colors = {v: (*c, 255) for v, c in zip(legend.values, legend.rgb(), strict=True)}
    return {**colors, legend.nodata: (0, 0, 0, 0)}


def _attribute_table(legend: Legend) -> str:
    """Value, name and colour of each class as GDAL writes a raster attribute table in XML."""
    columns = [("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8)]
    fields = (  # numbers of GDALRATFieldType and GDALRATFieldUsage
        f"<Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage>"
        for name, kind, usage in columns
    )
    rows = (
        "".join(f"<F>{escape(str(cell))}</F>" for cell in (value, name, *color))
        for value, name, color in zip(legend.values, legend.names, legend.rgb(), strict=True)
    )
    parts = [
        *(f'<FieldDefn index="{i}">{text}</FieldDefn>' for i, text in enumerate(fields)),
        *(f'<Row index="{i}">{text}</Row>' for i, text in enumerate(rows)),
    ]
    inside = "".join(parts)
    return f'<GDALRasterAttributeTable tableType="thematic">{inside}</GDALRasterAttributeTable>'
