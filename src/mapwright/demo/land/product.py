"""How made-up scenes are delivered: order of the bands, offset, files, nodata."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.demo.land.ground import Flags
from mapwright.demo.land.sentinel import Scene, swath_edge
from mapwright.errors import SettingError
from mapwright.io.files import replacing
from mapwright.io.raster import open_raster

BANDS: Final = ("red", "green", "blue", "nir", "swir1", "ndvi")
"""What the bands of a scene are called, in file order."""


@dataclass(frozen=True)
class Product:
    """How scenes are written.

    Args:
        order: What the band of each name in `BANDS` really holds. Anything but `BANDS` makes files
            whose names lie, as some files do.
        offset: Digital numbers added to the five reflectances, but not to NDVI, which stays that of
            the reflectances. Sentinel-2 adds 1000 since processing baseline 04.00.
        band_files: Whether each scene is a folder with one file per band, swir1 at 20 m, instead of
            one file with all bands at 10 m.
        wedge: Share of each scene that lies beyond the edge of the swath, 0 to 1.
        nodata: What stands there in all bands: a whole number, or NaN, which makes the files
            float32. It is declared in files of scenes that have such an edge.
    """

    order: tuple[str, ...] = BANDS
    offset: int = 0
    band_files: bool = False
    wedge: float = 0.0
    nodata: float = 0

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            SettingError: `order` is not one of `BANDS`, or `wedge` or `nodata` out of range.
        """
        if sorted(self.order) != sorted(BANDS):
            raise SettingError(
                f"order = {', '.join(self.order)}", expected=f"each of {', '.join(BANDS)} once"
            )
        if not 0 <= self.wedge <= 1:
            raise SettingError(f"wedge = {self.wedge}", expected="a share, 0 to 1")
        if not (math.isnan(self.nodata) or float(self.nodata).is_integer()):
            raise SettingError(f"nodata = {self.nodata}", expected="a whole number, or NaN")


def write_scene(target: Path, scene: Scene, geobox: GeoBox, product: Product) -> list[Path]:
    """Write one scene.

    Args:
        target: The file, or with `band_files` the folder, without an ending.
        scene: Digital numbers as they were measured.
        geobox: Grid of its 10 m bands.
        product: How to write it.

    Returns:
        The files.

    Raises:
        OutputError: A file can't be written.
    """
    beyond = swath_edge(scene.pixels.shape[1:], product.wedge)
    layers = {name: _delivered(scene.pixels[i], beyond, name, product) for i, name in _named()}
    if not product.band_files:
        pixels = np.stack([layers[content] for content in product.order])
        return [write_bands(_ending(target), pixels, geobox, BANDS, _tag(product))]
    coarse = _delivered(scene.coarse, _any_of_four(beyond), "swir1", product)
    files = []
    for name, content in zip(BANDS, product.order, strict=True):
        at_20_m = content == "swir1"
        band, grid = (coarse, _doubled(geobox)) if at_20_m else (layers[content], geobox)
        path = target / f"{name}.tif"
        files.append(write_bands(path, band[None], grid, (name,), _tag(product)))
    return files


def write_bands(
    path: Path,
    pixels: NDArray[Any],
    geobox: GeoBox,
    names: tuple[str, ...],
    nodata: float | None = None,
) -> Path:
    """Write (C, H, W) `pixels` as a tiled GeoTIFF without loss; `names` become descriptions.

    Raises:
        OutputError: The file can't be written; nothing half-written is left.
    """
    count, height, width = pixels.shape
    profile = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    profile |= {"crs": geobox.crs and str(geobox.crs), "transform": geobox.transform}
    profile |= {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "lzw"}
    with (
        replacing(path) as temporary,
        open_raster(temporary, "w", driver="GTiff", nodata=nodata, **profile) as target,
    ):
        for index, name in enumerate(names, start=1):
            target.set_band_description(index, name)
        target.write(pixels)
    return path


def _named() -> list[tuple[int, str]]:
    return list(enumerate(BANDS))


def _ending(target: Path) -> Path:
    return target.with_name(f"{target.name}.tif")


def _tag(product: Product) -> float | None:
    return product.nodata if product.wedge > 0 else None


def _delivered(band: NDArray[np.int32], beyond: Flags, name: str, product: Product) -> NDArray[Any]:
    """One band (H, W) with its offset, and nodata where nothing was measured."""
    numbers = band if name == "ndvi" else band + product.offset
    if math.isnan(product.nodata) and product.wedge > 0:
        return np.where(beyond, np.float32(np.nan), numbers.astype(np.float32))
    return np.where(beyond, np.int32(product.nodata), numbers).astype(np.int32)


def _any_of_four(flags: Flags) -> Flags:
    """(ceil(H / 2), ceil(W / 2)): whether any of 2 x 2 pixels is flagged."""
    height, width = flags.shape
    even = np.pad(flags, ((0, height % 2), (0, width % 2)))
    return np.asarray(even.reshape(-(-height // 2), 2, -(-width // 2), 2).any(axis=(1, 3)))


def _doubled(geobox: GeoBox) -> GeoBox:
    """The grid of twice as large pixels from the same corner."""
    t = geobox.transform
    transform = Affine(2 * t.a, 2 * t.b, t.c, 2 * t.d, 2 * t.e, t.f)
    shape = (-(-int(geobox.height) // 2), -(-int(geobox.width) // 2))
    return GeoBox(shape, transform, geobox.crs)
