"""Statistics of the training images in one streaming pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mapwright.data.config import Config
from mapwright.data.dataset import Dataset, Item
from mapwright.errors import DatasetError
from mapwright.progress import progress_bar
from mapwright.types import Image


class BandStats(Config):
    """Statistics of one band over valid pixels, in file values."""

    name: str
    mean: float
    std: float
    minimum: float
    maximum: float


class Fingerprint(Config):
    """What the training images are like.

    Args:
        bands: Statistics per used band.
        class_pixels: Valid, labelled pixels per class.
        heights: Image heights in pixels, one per image.
        widths: Image widths in pixels, one per image.
    """

    bands: tuple[BandStats, ...]
    class_pixels: tuple[int, ...]
    heights: tuple[int, ...]
    widths: tuple[int, ...]


class _Moments:
    """Mean and variance per band, merged image by image (Chan, Golub and LeVeque 1983)."""

    def __init__(self, bands: int) -> None:
        self.count = 0
        self.mean = np.zeros(bands)
        self.squares = np.zeros(bands)
        self.low, self.high = np.full(bands, np.inf), np.full(bands, -np.inf)

    def add(self, image: Image) -> None:
        """Add the valid pixels of an image (C, H, W), NaN where invalid."""
        pixels: NDArray[np.float64] = image[:, ~np.isnan(image).any(axis=0)].astype(np.float64)
        count = pixels.shape[1]
        if not count:
            return
        mean = pixels.mean(axis=1)
        total = self.count + count
        delta = mean - self.mean
        self.squares += ((pixels - mean[:, None]) ** 2).sum(axis=1)
        self.squares += delta**2 * self.count * count / total
        self.mean += delta * count / total
        self.count = total
        self.low = np.minimum(self.low, pixels.min(axis=1))
        self.high = np.maximum(self.high, pixels.max(axis=1))


def take_fingerprint(dataset: Dataset, items: Sequence[Item]) -> Fingerprint:
    """Read every image of `items` once.

    Raises:
        ImageFileError: A file can't be used.
        DatasetError: No pixel is valid, or no pixel has a label.
    """
    spec = dataset.spec
    moments = _Moments(len(spec.used))
    classes = np.zeros(256, np.int64)
    sizes = []
    with progress_bar("statistics", len(items)) as progress:
        for item in items:
            sample = dataset.read(item)
            moments.add(sample.image)
            classes += np.bincount(sample.mask.ravel(), minlength=256)
            sizes.append(sample.mask.shape)
            progress.advance(note=item.stem)
    counts = classes[: len(spec.classes)]
    if not counts.sum():
        raise DatasetError(
            "no valid pixel of the training images has a label",
            where=dataset.root,
            expected="at least one labelled pixel on valid ground",
            fix="correct [valid] and [mask] in dataset.toml",
        )
    std = np.sqrt(moments.squares / max(moments.count, 1))
    bands = [
        BandStats(name=name, mean=mean, std=max(sd, 1e-6), minimum=low, maximum=high)
        for name, mean, sd, low, high in zip(
            spec.band_names, moments.mean, std, moments.low, moments.high, strict=True
        )
    ]
    return Fingerprint(
        bands=tuple(bands),
        class_pixels=tuple(counts.tolist()),
        heights=tuple(h for h, _ in sizes),
        widths=tuple(w for _, w in sizes),
    )
