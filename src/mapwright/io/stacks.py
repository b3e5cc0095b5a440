"""NumPy files (`.npy`) as stacks of bands, read window by window from a memory map.

Nothing in such a file is ever run: Python objects (pickles) are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import ImageFileError
from mapwright.io.quiet import quiet
from mapwright.types import Pixels, Window

SUFFIX = ".npy"
"""The ending of NumPy files."""

_NUMBERS = "biuf"  # kinds of numbers that can be values of a pixel
_MANY = 32  # bands; few stacks have more, and few images are narrower


@dataclass(frozen=True)
class Stack:
    """An array on disk as the bands of an image.

    Args:
        path: The file.
        bands: (C, H, W) a view of the file; nothing of it is read yet.
        axes: How the axes of the file were understood, in words.
    """

    path: Path
    bands: NDArray[Any]
    axes: str

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.bands)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bands.shape[1], self.bands.shape[2]

    @property
    def dtype(self) -> str:
        """NumPy name of the type that values are read as; truth values are 0 and 1."""
        return "uint8" if self.bands.dtype.kind == "b" else self.bands.dtype.name

    def read(self, bands: Sequence[int], window: Window, step: int = 1) -> Pixels:
        """Read (C, h, w) of a window that lies inside.

        Args:
            bands: 1-based indices in the order wanted.
            window: The part to read.
            step: Read every `step`-th pixel.
        """
        rows, cols = window.slices
        part = self.bands[:, rows, cols][:, ::step, ::step]
        chosen = [np.asarray(part[index - 1], self.dtype) for index in bands]
        return np.stack(chosen) if chosen else np.zeros((0, *part.shape[1:]), np.uint8)


def is_stack(path: Path) -> bool:
    """Whether a file is read as a stack: by its ending."""
    return path.suffix.lower() == SUFFIX


def open_stack(path: Path) -> Stack:
    """Map a NumPy file of shape (H, W), (H, W, C) or (C, H, W).

    Raises:
        ImageFileError: Missing, cut short, not such an array, or one of Python objects.
    """
    if not path.is_file():
        raise ImageFileError(
            "there is no such file", where=path, expected="an image file", fix="check the path"
        )
    state = path.stat()
    return _open(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _open(path: Path, size: int, modified: int) -> Stack:
    """A file as long as it does not change; few stay mapped at a time."""
    try:
        # the warning is of files that Python 2 wrote
        with quiet(UserWarning), np.errstate(over="raise"):
            array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # a header is text; nobody lists all that its parser may raise
        raise _unreadable(path, error) from error
    if array.dtype.kind not in _NUMBERS or array.dtype.itemsize > 8:
        raise _no_image(path, f"the array holds values of the type {array.dtype}")
    if array.ndim not in (2, 3) or not array.size:
        raise _no_image(path, f"the array has the shape {array.shape}")
    if array.ndim == 2:
        return Stack(path, array[None], f"shape {array.shape}: rows, columns")
    if _channels_last(path, array.shape):
        return Stack(path, np.moveaxis(array, -1, 0), f"shape {array.shape}: bands come last")
    return Stack(path, array, f"shape {array.shape}: bands come first")


def _channels_last(path: Path, shape: tuple[int, ...]) -> bool:
    """Which axis holds the bands: the one beside a square, else the shorter one.

    A narrow strip, such as (8, 300, 13), could be either, and is not guessed at.
    """
    first, middle, last = shape
    if first == middle != last <= _MANY:
        return True
    if last == middle != first <= _MANY:
        return False
    if last < first:
        return True
    if first < last and last > _MANY:
        return False
    raise ImageFileError(
        f"the shape {shape} does not say which axis holds the bands",
        where=path,
        expected="(rows, columns, bands) or (bands, rows, columns), with fewer bands than rows",
        fix="save it as GeoTIFF, or in larger parts",
    )


def _unreadable(path: Path, error: Exception) -> ImageFileError:
    text = str(error)
    if "Python objects" in text:
        reason = "it holds Python objects, which are not loaded: that could run foreign code"
    elif "mmap length" in text or "Unable to mmap" in text or "EOF" in text:
        reason = "it was cut short"
    elif "magic string" in text:
        reason = "it is no .npy file (a pickle or an archive under that name is not opened)"
    else:
        reason = text.splitlines()[0][:160] if text else "it is empty"
    return ImageFileError(
        f"the file can't be read as an array: {reason}",
        where=path,
        expected="an array of numbers that numpy.save wrote",
        fix="save it again with numpy.save(path, array, allow_pickle=False)",
    )


def _no_image(path: Path, what: str) -> ImageFileError:
    return ImageFileError(
        what,
        where=path,
        expected="whole numbers, truth values or floats up to 64 bits: (rows, columns), "
        "(rows, columns, bands) or (bands, rows, columns)",
        fix="save the image or mask as such an array, or leave the file out of the pattern",
    )
