"""An image to predict: read once when it is small, by window when it is large."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from mapwright.data.bands import ImageReader
from mapwright.data.spec import DatasetSpec
from mapwright.io.picture import Rgb, as_rgb
from mapwright.io.raster import RasterInfo
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
        self._reader = ImageReader(spec)
        self.info: RasterInfo = self._reader.info(path)
        self._reader.layers(path)  # what is missing is said before anything is predicted
        height, width = self.info.size
        self._small = height * width * len(spec.used) * 4 <= _WHOLE

    def read(self, window: Window) -> Image:
        """(C, h, w) float32 of a window, NaN where invalid or outside."""
        if self._small:
            return window.cut(self._whole, np.nan)
        return self._reader.read(self._path, window).masked()

    @property
    def reduction(self) -> int:
        """By which factor `picture` is smaller than the image."""
        return -(-max(self.info.size) // _LARGEST_PICTURE)

    def picture(self) -> Rgb:
        """The image for people, every `reduction`-th pixel."""
        step = self.reduction
        image = self._whole[:, ::step, ::step] if self._small else self._reduced(step)
        return as_rgb(image, self._spec.band_names, self.info.dtype == "uint8")

    @cached_property
    def _whole(self) -> Image:
        return self._reader.read(self._path).masked()

    def _reduced(self, step: int) -> Image:
        return self._reader.read(self._path, step=step).masked()
