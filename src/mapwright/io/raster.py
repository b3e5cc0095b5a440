"""Read any raster file as values, validity and place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from mapwright.errors import ImageFileError
from mapwright.io import stacks
from mapwright.io.png import png_damage
from mapwright.io.quiet import quiet
from mapwright.types import Image, Pixels, Valid, Window

SUFFIXES = frozenset(
    {".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".vrt", ".img", ".bmp", stacks.SUFFIX}
)
"""File name endings that are taken for images."""

_DEGREE = 111_195.0  # metres of one degree on a sphere of 6 371 km
_COLORS = frozenset({ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha})


@dataclass(frozen=True)
class RasterInfo:
    """What a file says of itself, read without its pixels.

    Args:
        path: The file.
        descriptions: What the file calls each band, or an empty text.
        colors: The colour that the file gives each band (`red`, `alpha`), or an empty text.
        dtype: NumPy name of the values' type.
        nodata: The declared nodata value, NaN included, or None.
        alpha: 1-based index of the band that the file calls alpha, or None.
        geobox: Shape, transform and CRS; CRS is None for a plain picture.
        axes: How the axes of a NumPy file were understood, in words; empty for other files.
    """

    path: Path
    descriptions: tuple[str, ...]
    colors: tuple[str, ...]
    dtype: str
    nodata: float | None
    alpha: int | None
    geobox: GeoBox
    axes: str = ""

    @property
    def count(self) -> int:
        """Number of bands, alpha included."""
        return len(self.descriptions)

    @property
    def names(self) -> tuple[str, ...]:
        """The best name that the file gives each band, or an empty text."""
        return tuple(d or c for d, c in zip(self.descriptions, self.colors, strict=True))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.geobox.height), int(self.geobox.width)


@dataclass(frozen=True)
class Raster:
    """Pixels with their validity and place.

    Args:
        pixels: (C, H, W), values and type as in the file.
        valid: (H, W) bool, True where every band read holds a measurement.
        geobox: Shape, transform and CRS of these pixels.
    """

    pixels: Pixels
    valid: Valid
    geobox: GeoBox

    def masked(self) -> Image:
        """(C, H, W) float32, NaN where invalid."""
        return np.where(self.valid, self.pixels, np.nan).astype(np.float32)


def inspect(path: Path) -> RasterInfo:
    """Read what a file says of itself.

    Raises:
        ImageFileError: The file can't be opened as a raster.
    """
    if stacks.is_stack(path):
        return _inspect_stack(stacks.open_stack(path))
    with open_raster(path) as source:
        return RasterInfo(
            path=path,
            descriptions=tuple(text or "" for text in source.descriptions),
            colors=tuple(c.name if c in _COLORS else "" for c in source.colorinterp),
            dtype=str(source.dtypes[0]),
            nodata=source.nodata,
            alpha=_alpha_band(source),
            geobox=GeoBox.from_rio(source),
        )


def read_raster(
    path: Path,
    bands: Sequence[int] | None = None,
    *,
    window: Window | None = None,
    nodata: float | None = None,
    alpha: bool = False,
    step: int = 1,
) -> Raster:
    """Read bands of a file, with their validity.

    A pixel is valid when alpha is above 0 (if asked for) and no band read is NaN, infinite or
    nodata there.

    Args:
        path: The file.
        bands: 1-based band indices in the order wanted; None = all but alpha.
        window: The part to read; what lies outside the file is invalid. None = all of it.
        nodata: The value that means "no measurement", NaN included; None = no such value.
        alpha: Whether the file's alpha band says where pixels are valid.
        step: Read every `step`-th pixel, for a quick look; only without a window.

    Raises:
        ImageFileError: Unreadable or cut short, or it lacks a band.
    """
    if stacks.is_stack(path):
        return _read_stack(stacks.open_stack(path), bands, window, nodata, step)
    with open_raster(path) as source:
        alpha_band = _alpha_band(source) if alpha else None
        every = (i for i in source.indexes if i != alpha_band)
        wanted = tuple(every if bands is None else bands)
        _require_bands(path, source.count, wanted)
        full = Window(0, 0, source.height, source.width)
        window = window or full
        inside = window.clip(source.height, source.width)
        place = rasterio.windows.Window(inside.col, inside.row, inside.width, inside.height)
        shape = -(-inside.height // step), -(-inside.width // step)
        if wanted:
            pixels = source.read(wanted, window=place, out_shape=(len(wanted), *shape))
        else:  # only the grid and alpha are wanted
            pixels = np.zeros((0, *shape), np.uint8)
        valid = valid_pixels(pixels, nodata)
        if alpha_band is not None:
            valid &= source.read(alpha_band, window=place, out_shape=shape) > 0
        geobox = GeoBox.from_rio(source)
    return _placed(pixels, valid, geobox, window)


def valid_pixels(pixels: Pixels, nodata: float | None) -> Valid:
    """(H, W) bool, False where any band of `pixels` (C, H, W) is not finite or is `nodata`."""
    bad = ~np.isfinite(pixels)
    if pixels.dtype == np.float64:  # what float32 can't hold would turn into infinity later
        bad |= np.abs(pixels) > np.finfo(np.float32).max
    if nodata is not None and not math.isnan(nodata):
        bad |= pixels == nodata
    return np.asarray(~bad.any(axis=0))


def ground_sampling_distance(geobox: GeoBox) -> float | None:
    """Side of a pixel in metres, at the centre of the image; None without a CRS."""
    if geobox.crs is None:
        return None
    x, y = abs(geobox.resolution.x), abs(geobox.resolution.y)
    if geobox.crs.geographic:
        latitude = math.radians(
            geobox.extent.boundingbox.span_y / 2 + geobox.extent.boundingbox.bottom
        )
        x, y = x * _DEGREE * math.cos(latitude), y * _DEGREE
    else:
        metres = float(geobox.crs.proj.axis_info[0].unit_conversion_factor)
        x, y = x * metres, y * metres
    return math.sqrt(x * y)


@contextmanager
def open_raster(path: Path, mode: str = "r", **profile: Any) -> Iterator[Any]:
    """Open a file with rasterio; its failures become ours, plain pictures raise no warning."""
    if mode == "r":
        _require_whole(path)
    try:
        with quiet(NotGeoreferencedWarning):
            dataset = rasterio.open(path, mode, **profile)
        with dataset:
            yield dataset
    except (RasterioError, CPLE_BaseError) as error:
        if mode != "r":
            raise OSError(str(error)) from error
        raise _unreadable(path, str(error)) from error


def _require_whole(path: Path) -> None:
    """GDAL reads a cut PNG without a word, so its checksums are looked at first."""
    if not path.is_file():
        raise ImageFileError(
            "there is no such file", where=path, expected="an image file", fix="check the path"
        )
    if path.suffix.lower() == ".png" and (damage := png_damage(path.read_bytes())):
        raise _unreadable(path, damage)


def _unreadable(path: Path, reason: str) -> ImageFileError:
    return ImageFileError(
        f"the file can't be read as an image: {reason}",
        where=path,
        expected="a whole image file",
        fix="copy it again from its source, or exclude it in dataset.toml",
    )


def _inspect_stack(stack: stacks.Stack) -> RasterInfo:
    nameless = ("",) * stack.count
    grid = GeoBox(stack.size, Affine.identity(), None)
    return RasterInfo(stack.path, nameless, nameless, stack.dtype, None, None, grid, stack.axes)


def _read_stack(
    stack: stacks.Stack,
    bands: Sequence[int] | None,
    window: Window | None,
    nodata: float | None,
    step: int,
) -> Raster:
    """See `read_raster`; a NumPy file has neither alpha nor a place."""
    wanted = tuple(range(1, stack.count + 1) if bands is None else bands)
    _require_bands(stack.path, stack.count, wanted)
    window = window or Window(0, 0, *stack.size)
    pixels = stack.read(wanted, window.clip(*stack.size), step)
    grid = GeoBox(stack.size, Affine.identity(), None)
    return _placed(pixels, valid_pixels(pixels, nodata), grid, window)


def _placed(pixels: Pixels, valid: Valid, grid: GeoBox, window: Window) -> Raster:
    """What was read of a window of a file's grid; what lies outside of the file is invalid."""
    full = Window(0, 0, int(grid.height), int(grid.width))
    if window == full:  # read with a step, it is smaller
        return Raster(pixels, valid, place_window(grid, full, valid.shape))
    pixels, valid = _pad(pixels, valid, window, window.clip(*grid.shape))
    return Raster(pixels, valid, place_window(grid, window, (window.height, window.width)))


def _require_bands(path: Path, count: int, wanted: Sequence[int]) -> None:
    missing = [i for i in wanted if not 1 <= i <= count]
    if missing:
        raise ImageFileError(
            f"band {missing[0]} does not exist",
            where=path,
            expected=f"a band from 1 to {count}, which is what the file holds",
            fix="correct the index under [[bands]] in dataset.toml",
        )


def _alpha_band(source: Any) -> int | None:
    colors = list(source.colorinterp)
    return colors.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in colors else None


def _pad(pixels: Pixels, valid: Valid, window: Window, inside: Window) -> tuple[Pixels, Valid]:
    """Grow what was read to the whole window; the rest is zero and invalid."""
    top, left = inside.row - window.row, inside.col - window.col
    place = Window(top, left, inside.height, inside.width).slices
    whole = np.zeros((len(pixels), window.height, window.width), pixels.dtype)
    whole_valid = np.zeros((window.height, window.width), bool)
    if inside.height and inside.width:
        whole[:, place[0], place[1]] = pixels
        whole_valid[place] = valid
    return whole, whole_valid


def place_window(geobox: GeoBox, window: Window, shape: tuple[int, int]) -> GeoBox:
    """The grid of a window, which may reach over the border, read at another shape."""
    t = geobox.transform
    down, right = window.height / shape[0], window.width / shape[1]
    x = t.a * window.col + t.b * window.row + t.c
    y = t.d * window.col + t.e * window.row + t.f
    transform = Affine(t.a * right, t.b * down, x, t.d * right, t.e * down, y)
    return GeoBox(shape, transform, geobox.crs)
