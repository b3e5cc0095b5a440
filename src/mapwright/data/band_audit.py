"""What the values of all images say of the names and scales of their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mapwright.data.dataset import Dataset, Item
from mapwright.data.findings import Finding
from mapwright.data.index_audit import Samples, audit_indices
from mapwright.data.reflectance import audit_offset
from mapwright.errors import ImageFileError
from mapwright.types import Image, Window

_LOOK = 65_536  # pixels of an image that its darkest are sought among
_KEEP = (128, 1024)  # pixels of an image that are kept, at least and at most, so that
_MEMORY = 8_000_000  # values of all images together are not exceeded by much
_APART = 32  # images that unused bands are read of
_SIDE = 256  # pixels, and how large a part of each


def some_pixels(image: Image, most: int = _LOOK) -> NDArray[np.float32]:
    """Valid pixels of (C, H, W), evenly spread: (C, n) with n <= `most`."""
    flat = image.reshape(len(image), -1)
    valid = np.flatnonzero(~np.isnan(flat).any(axis=0))
    step = -(-len(valid) // most) | 1  # odd, or it would fall on the same columns again and again
    return flat[:, valid[::step]]


def kept_pixels(images: int, bands: int) -> int:
    """How many pixels of each image to keep."""
    return int(np.clip(_MEMORY // max(images * bands, 1), *_KEEP))


def audit_bands(
    dataset: Dataset,
    items: Sequence[Item],
    samples: Samples,
    lows: Mapping[str, Mapping[str, float] | None],
) -> list[Finding]:
    """Hold names, scales and offsets of bands against values.

    Args:
        dataset: The data set.
        items: The images that can be used.
        samples: Stem -> (C, n) some pixels of the used bands.
        lows: Stem -> the darkest values of its optical bands; see `reflectance.darkest`.
    """
    spec = dataset.spec
    bands, pixels = spec.used, samples
    if len(spec.used) < len(spec.bands):
        everything = _all_bands(dataset, items)
        bands, pixels = (spec.bands, everything) if everything else (bands, pixels)
    named = spec.bands_by == "name" and any(
        band.name in dataset.info(item).descriptions for item in items[:1] for band in bands
    )
    return [*audit_indices(bands, pixels, named), *audit_offset(spec.used, lows)]


def _all_bands(dataset: Dataset, items: Sequence[Item]) -> dict[str, NDArray[np.float32]]:
    """Some pixels of all bands, used or not, from the middle of some images."""
    bands = tuple(band.model_copy(update={"use": True}) for band in dataset.spec.bands)
    whole = replace(dataset, spec=dataset.spec.model_copy(update={"bands": bands}))
    samples = {}
    for item in items[:: -(-len(items) // _APART)] if items else ():
        height, width = dataset.size(item)
        middle = Window((height - _SIDE) // 2, (width - _SIDE) // 2, _SIDE, _SIDE)
        try:
            image = whole.read_image(item, middle.clip(height, width)).masked()
        except ImageFileError:  # only a band that is not used
            continue
        samples[item.stem] = some_pixels(image, kept_pixels(_APART, len(bands)))
    return samples
