"""An image to predict: read once when it is small, by window when it is large."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from mapwright.data.dataset import band_indices, read_bands
from mapwright.data.spec import DatasetSpec
from mapwright.io.picture import Rgb, as_rgb
from mapwright.io.raster import Raster, RasterInfo, inspect, read_raster
from mapwright.types import Image, Window

_WHOLE = 2**29  # bytes; pictures such as PNG have no windows to read, so small files are kept
_LARGEST_PICTURE = 4096  # pixels; a larger image is shown reduced


class Source:
    """The bands that a model wants from a file.

    Args:
        spec: The description that the model was made for.
        path: The file.

    Raises:
        ImageFileError: Unreadable, or a band is missing.
    """

    def __init__(self, spec: DatasetSpec, path: Path) -> None:
        self._spec, self._path = spec, path
        self.info: RasterInfo = inspect(path)
        self._bands = band_indices(spec, self.info)
        height, width = self.info.size
        self._small = height * width * len(self._bands) * 4 <= _WHOLE

    def read(self, window: Window) -> Image:
        """(C, h, w) float32 of a window, NaN where invalid or outside."""
        if self._small:
            return window.cut(self._whole, np.nan)
        return read_bands(self._spec, self._path, window).masked()

    @property
    def reduction(self) -> int:
        """By which factor `picture` is smaller than the image."""
        return -(-max(self.info.size) // _LARGEST_PICTURE)

    def picture(self) -> Rgb:
        """The image for people, every `reduction`-th pixel."""
        step = self.reduction
        image = self._whole[:, ::step, ::step] if self._small else self._raster(step).masked()
        return as_rgb(image, self._spec.band_names, self.info.dtype == "uint8")

    @cached_property
    def _whole(self) -> Image:
        return self._raster().masked()

    def _raster(self, step: int = 1) -> Raster:
        valid = self._spec.valid
        return read_raster(
            self._path, self._bands, nodata=valid.nodata, alpha=valid.alpha, step=step
        )
