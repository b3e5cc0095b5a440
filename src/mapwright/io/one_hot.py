"""Masks with a band for each class, 1 where the class is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import ImageFileError


def from_one_hot(bands: NDArray[Any], path: Path) -> NDArray[np.float32]:
    """A band for each class to one number for each pixel.

    Args:
        bands: (K, H, W) of 0 and 1; NaN, outside of a mask on another grid, is no class.
        path: The file, for messages.

    Returns:
        (H, W) float32 number of the band that is 1, the first being 0, as arg-max counts; NaN
        where no band is.

    Raises:
        ImageFileError: Other values than 0 and 1, or a pixel of several classes.
    """
    here = bands == 1
    strange = ~here & (bands != 0)
    if bands.dtype.kind == "f":
        strange &= ~np.isnan(bands)
    if strange.any():
        raise _broken(
            f"the value {bands[strange][0]:g} stands on {int(strange.any(axis=0).sum()):,} pixels",
            path,
        )
    classes = here.sum(axis=0)
    if several := int((classes > 1).sum()):
        raise _broken(f"{several:,} pixels belong to more than one class", path)
    return np.where(classes == 1, here.argmax(axis=0), np.nan).astype(np.float32)


def _broken(what: str, path: Path) -> ImageFileError:
    return ImageFileError(
        what,
        where=path,
        expected="a mask with a band for each class: 1 in one band, 0 in the others, and 0 in all "
        "where nothing is labelled",
        fix="mend the mask, or exclude it in dataset.toml",
    )
