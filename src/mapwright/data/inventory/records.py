"""What is kept of one image while the pass over a data set goes on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.data.dataset import Sample
from mapwright.data.inventory.objects import Objects
from mapwright.data.inventory.values import Kept
from mapwright.io.measure import Measure
from mapwright.io.place import rim, to_ground, transformer
from mapwright.types import Window

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class UnitRecord:
    """Statistics of an image, or of a block where the split cuts images into blocks.

    Args:
        stem: Its name.
        labelled: Whether it has a mask.
        pixels: All pixels.
        valid: Pixels that hold a measurement.
        mean: (C,) mean per band over them; NaN where there is none.
        std: (C,) their standard deviation.
        classes: (K,) valid, labelled pixels per class.
        objects: (K,) objects per class; see `Objects`.
    """

    stem: str
    labelled: bool
    pixels: int
    valid: int
    mean: Numbers
    std: Numbers
    classes: NDArray[np.int64]
    objects: NDArray[np.int64]


@dataclass(frozen=True)
class ImageRecord:
    """What is kept of a whole image.

    Args:
        stem: The image.
        labelled: Whether it has a mask.
        size: Height and width in pixels.
        dtype: Type of the values in its file.
        crs: Its CRS in words, or None.
        side: Side of a pixel in metres, or None.
        corners: (points, 2) longitude and latitude along its border, or None.
        classes: (K,) valid, labelled pixels per class.
        objects: Its objects.
        kept: Some of its pixels.
    """

    stem: str
    labelled: bool
    size: tuple[int, int]
    dtype: str
    crs: str | None
    side: float | None
    corners: Numbers | None
    classes: NDArray[np.int64]
    objects: Objects
    kept: Kept

    def share(self, kind: int) -> float:
        """Share of the valid, labelled pixels that are of a class."""
        return float(self.classes[kind] / max(self.classes.sum(), 1))


def look_at_unit(
    stem: str, sample: Sample, window: Window, labelled: bool, objects: Objects, classes: int
) -> UnitRecord:
    """Statistics of a window of an image, which lies inside of it; see `UnitRecord`."""
    rows, cols = window.slices
    image, mask = sample.image[:, rows, cols], sample.mask[rows, cols]
    valid = ~np.isnan(image).any(axis=0)
    moments = np.array([_moments(band[valid]) for band in image])
    inside = (objects.rows >= window.row) & (objects.rows < window.row + window.height)
    inside &= (objects.cols >= window.col) & (objects.cols < window.col + window.width)
    return UnitRecord(
        stem=stem,
        labelled=labelled,
        pixels=mask.size,
        valid=int(valid.sum()),
        mean=moments[:, 0],
        std=moments[:, 1],
        classes=count_classes(sample.mask[rows, cols], classes),
        objects=np.bincount(objects.kinds[inside], minlength=classes),
    )


def count_classes(mask: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """(K,) pixels of each class."""
    return np.bincount(mask.reshape(-1), minlength=256)[:classes].astype(np.int64)


def _moments(values: NDArray[np.float32]) -> tuple[float, float]:
    if not len(values):
        return float("nan"), float("nan")
    return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))


def crs_words(grid: GeoBox) -> str | None:
    """The CRS of a grid as people call it, or None."""
    if grid.crs is None:
        return None
    code = grid.crs.to_epsg()
    return f"EPSG:{code}" if code else str(grid.crs)[:60]


def pixel_side(grid: GeoBox) -> float | None:
    """Side in metres, on the ground, of a square as large as the middle pixel; None without CRS."""
    measure = Measure(grid)
    return measure.side if measure.in_metres else None


def corners_of(grid: GeoBox) -> Numbers | None:
    """(points, 2) longitude and latitude along the border of a grid; None where it has no place."""
    from pyproj.exceptions import ProjError

    if grid.crs is None:
        return None
    try:
        brought = transformer(str(grid.crs.to_wkt()), "EPSG:4326")
        lonlat = np.stack(brought.transform(*to_ground(grid, *rim(grid))), axis=1)
    except ProjError:  # a local plane has no place on the Earth
        return None
    return lonlat if np.isfinite(lonlat).all() else None
