"""What images are like: one streaming pass, one small record per image, merged for any subset.

Folds and splits need statistics of their training images alone; merging records gives them
without reading anything twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mapwright.data.blocks import cut
from mapwright.data.borders import touching
from mapwright.data.config import Config
from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.packed import Packed
from mapwright.data.truth import listed_objects
from mapwright.errors import DatasetError
from mapwright.io.raster import ground_sampling_distance
from mapwright.io.rle import InstanceIds
from mapwright.progress import progress_bar
from mapwright.types import Window

_T = TypeVar("_T", bound=np.generic)

PERCENTILES = (0.5, 2.0, 50.0, 98.0, 99.5)
_PART = 2048  # pixels; images with more than this squared are looked at part by part
# Pixels kept, of all images together and at least and at most of one, so that memory hardly grows
# with the number of images: for percentiles, and of each class to draw tiles around. They are
# evenly spread, so no seed is needed.
_SAMPLE, _SAMPLE_LEAST, _SAMPLE_MOST = 2**22, 64, 4096
_PLACES, _PLACES_LEAST, _PLACES_MOST = 2**20, 16, 4096
_FLOOR = 1e-5  # of a band's size; a deviation below it is rounding, and the band is constant


class BandStats(Config):
    """Statistics of one band over valid pixels, in file values.

    Args:
        name: The band.
        mean: Mean.
        std: Standard deviation.
        minimum: Lowest value.
        maximum: Highest value.
        percentiles: At `PERCENTILES`, from an even sample of pixels.
    """

    name: str
    mean: float
    std: float
    minimum: float
    maximum: float
    percentiles: tuple[float, ...] = ()


class ClassStats(Config):
    """Statistics of one class.

    Args:
        name: The class.
        pixels: Valid, labelled pixels.
        images: Images in which it occurs.
        objects: Connected patches (8 neighbours).
        object_pixels: 10th, 50th and 90th percentile of their areas, in pixels.
    """

    name: str
    pixels: int
    images: int
    objects: int
    object_pixels: tuple[float, float, float]


class Fingerprint(Config):
    """What a set of images is like.

    Args:
        bands: Statistics per used band.
        classes: Statistics per class.
        heights: Image heights in pixels, one per image.
        widths: Image widths in pixels, one per image.
        valid_share: Share of pixels that hold a measurement.
        gsd: Median ground sampling distance in metres; None where images have no place.
        empty: Labelled images in which only the first class occurs: there is no object.
        listed: Objects that are counted and that the masks tell apart.
        touching: Those of them that touch another, or lie one pixel beside it.
        room: Bytes that images and masks take in memory, see `mapwright.data.packed`; 0 = nobody
            looked.
    """

    bands: tuple[BandStats, ...]
    classes: tuple[ClassStats, ...]
    heights: tuple[int, ...]
    widths: tuple[int, ...]
    valid_share: float = 1.0
    gsd: float | None = None
    empty: int = 0
    listed: int = 0
    touching: int = 0
    room: int = 0

    @property
    def class_pixels(self) -> tuple[int, ...]:
        """Valid, labelled pixels per class."""
        return tuple(entry.pixels for entry in self.classes)

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.heights)

    @property
    def pixels(self) -> int:
        """Pixels of all images."""
        return sum(h * w for h, w in zip(self.heights, self.widths, strict=True))


@dataclass(frozen=True)
class Record:
    """What is kept of one image.

    Args:
        stem: The image.
        count: Valid pixels.
        mean: (C,) mean per band over them.
        squares: (C,) sum of squared deviations from the mean.
        low: (C,) lowest value per band.
        high: (C,) highest value per band.
        sample: (C, n) values of evenly spread valid pixels.
        classes: (K,) pixels per class.
        places: Where some pixels of each class lie, evenly spread: row times width plus column.
        areas: Areas of the connected patches of each class, in pixels.
        size: Height and width in pixels.
        gsd: Ground sampling distance in metres, or None.
        listed: Objects that are counted and that the mask tells apart.
        touching: Those of them that touch another; see `borders.touching`.
        room: Bytes that image and mask take in memory; see `Packed`.
    """

    stem: str
    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    sample: NDArray[np.float32]
    classes: NDArray[np.int64]
    places: tuple[NDArray[np.int64], ...]
    areas: tuple[NDArray[np.int64], ...]
    size: tuple[int, int]
    gsd: float | None
    listed: int = 0
    touching: int = 0
    room: int = 0

    @property
    def empty(self) -> bool:
        """Whether it is labelled and only the first class occurs."""
        return bool(self.classes[0] and not self.classes[1:].any())


@dataclass(frozen=True)
class Keep:
    """How many pixels of an image its record keeps.

    Args:
        sample: For percentiles.
        places: Of each class, to draw tiles around.
    """

    sample: int
    places: int


MOST = Keep(_SAMPLE_MOST, _PLACES_MOST)
"""What is kept of an image where there are few."""


def survey(dataset: Dataset, items: Sequence[Item]) -> dict[str, Record]:
    """Read every image of `items` once and keep one small record of each, by stem.

    Raises:
        ImageFileError: A file can't be used.
    """
    records = {}
    images = max(len(items), 1)
    keep = Keep(
        sample=max(_SAMPLE_LEAST, min(_SAMPLE_MOST, _SAMPLE // images)),
        places=max(_PLACES_LEAST, min(_PLACES_MOST, _PLACES // images)),
    )
    with progress_bar("statistics", len(items)) as progress:
        for item in items:
            records[item.stem] = _survey_one(dataset, item, keep)
            progress.advance(note=item.stem)
    return records


def _survey_one(dataset: Dataset, item: Item, keep: Keep) -> Record:
    """A large image is looked at part by part, so that memory does not grow with it."""
    height, width = dataset.size(item)
    gsd = ground_sampling_distance(dataset.geobox(item))
    if height * width <= _PART**2:
        return _survey_part(dataset, item, None, gsd, keep)
    windows = cut(height, width, _PART)
    parts = [_survey_part(dataset, item, window, gsd, keep) for window in windows]
    return _join(parts, windows, (height, width), keep)


def _survey_part(
    dataset: Dataset, item: Item, window: Window | None, gsd: float | None, keep: Keep
) -> Record:
    counted, classes = dataset.spec.counted, len(dataset.spec.classes)
    ids = None if counted is None else listed_objects(dataset, item, counted, window)
    return look_at(item.stem, dataset.read(item, window), classes, gsd, keep, ids)


def look_at(
    stem: str,
    sample: Sample,
    classes: int,
    gsd: float | None,
    keep: Keep = MOST,
    ids: InstanceIds | None = None,
) -> Record:
    """Statistics of one image; the mask may be all ignored.

    Args:
        stem: Its name.
        sample: The image and its mask.
        classes: Number of classes K.
        gsd: Ground sampling distance in metres, or None.
        keep: How many of its pixels to remember.
        ids: (H, W) the objects that are counted; None = nobody tells them apart.
    """
    valid = ~np.isnan(sample.image).any(axis=0)
    # band by band, for (C, H, W)[:, valid] comes out with the bands of a pixel side by side
    bands = [band[valid].astype(np.float64) for band in sample.image]
    count = int(valid.sum())
    mean = np.array([band.mean() if count else 0.0 for band in bands])
    off = [band - centre for band, centre in zip(bands, mean, strict=True)]
    step = -(-count // keep.sample) | 1  # odd, or it would fall on the same columns again and again
    flat = sample.mask.ravel()
    return Record(
        stem=stem,
        count=count,
        mean=mean,
        squares=np.array([deviations @ deviations for deviations in off]),
        low=np.array([band.min() if count else np.nan for band in bands]),
        high=np.array([band.max() if count else np.nan for band in bands]),
        sample=np.stack([band[::step] for band in bands]).astype(np.float32),
        classes=np.bincount(flat, minlength=256)[:classes],
        places=tuple(_thin(np.flatnonzero(flat == k), keep.places) for k in range(classes)),
        areas=tuple(_areas(sample.mask == k) for k in range(classes)),
        size=(sample.mask.shape[0], sample.mask.shape[1]),
        gsd=gsd,
        listed=0 if ids is None else len(np.unique(ids[ids > 0])),
        touching=0 if ids is None else touching(ids),
        room=Packed.of(sample).nbytes,
    )


def _join(
    parts: Sequence[Record], windows: Sequence[Window], size: tuple[int, int], keep: Keep
) -> Record:
    """The record of an image from those of its parts; patches end where a part ends."""
    held = [part for part in parts if part.count] or list(parts[:1])
    weights = np.array([part.count for part in held], np.float64)
    mean, squares = _pool(held, weights)
    shares = np.ceil(keep.sample * weights / max(weights.sum(), 1)).astype(int)
    placed = [
        [_moved(places, window, size[1]) for places in part.places]
        for part, window in zip(parts, windows, strict=True)
    ]
    return Record(
        stem=parts[0].stem,
        count=sum(part.count for part in parts),
        mean=mean,
        squares=squares,
        low=np.min([part.low for part in held], axis=0),
        high=np.max([part.high for part in held], axis=0),
        sample=np.concatenate(
            [_thin(p.sample.T, n).T for p, n in zip(held, shares, strict=True)], axis=1
        ),
        classes=np.sum([part.classes for part in parts], axis=0),
        places=tuple(_thin(np.concatenate(of), keep.places) for of in zip(*placed, strict=True)),
        areas=tuple(np.concatenate(of) for of in zip(*(p.areas for p in parts), strict=True)),
        size=size,
        gsd=parts[0].gsd,
        listed=sum(part.listed for part in parts),
        touching=sum(part.touching for part in parts),
        room=sum(part.room for part in parts),
    )


def _moved(places: NDArray[np.int64], window: Window, width: int) -> NDArray[np.int64]:
    """Places in a part as places in the image."""
    rows, cols = np.divmod(places, window.width)
    moved: NDArray[np.int64] = (rows + window.row) * width + cols + window.col
    return moved


def _thin(values: NDArray[_T], keep: int) -> NDArray[_T]:
    """At most `keep` of the rows, evenly spread; a view would hold on to all, so a copy."""
    return values[:: max(1, -(-len(values) // max(int(keep), 1)))].copy()


def merge(records: Sequence[Record], bands: Sequence[str], classes: Sequence[str]) -> Fingerprint:
    """Statistics of a set of images from their records.

    Raises:
        DatasetError: No pixel is valid and labelled.
    """
    counts = np.sum([record.classes for record in records], axis=0)
    if not np.sum(counts):
        raise DatasetError(
            "no valid pixel of the images has a label",
            where=f"{len(records)} images",
            expected="at least one labelled pixel on valid ground",
            fix="correct [valid] and [mask] in dataset.toml",
        )
    distances = [record.gsd for record in records if record.gsd]
    total = sum(record.size[0] * record.size[1] for record in records)
    return Fingerprint(
        bands=_bands([record for record in records if record.count], bands),
        classes=tuple(_class(name, k, records) for k, name in enumerate(classes)),
        heights=tuple(record.size[0] for record in records),
        widths=tuple(record.size[1] for record in records),
        valid_share=sum(record.count for record in records) / total,
        gsd=float(np.median(distances)) if distances else None,
        empty=sum(record.empty for record in records),
        listed=sum(record.listed for record in records),
        touching=sum(record.touching for record in records),
        room=sum(record.room for record in records),
    )


def take_fingerprint(dataset: Dataset, items: Sequence[Item]) -> Fingerprint:
    """Survey `items` and merge all of them."""
    records = survey(dataset, items)
    return merge(list(records.values()), dataset.spec.band_names, dataset.spec.class_names)


def _bands(records: Sequence[Record], names: Sequence[str]) -> tuple[BandStats, ...]:
    """Pooled mean and deviation, extremes and percentiles."""
    weights = np.array([record.count for record in records], np.float64)
    mean, squares = _pool(records, weights)
    std = np.sqrt(squares / weights.sum())
    low = np.min([record.low for record in records], axis=0)
    high = np.max([record.high for record in records], axis=0)
    size = np.maximum(np.abs(mean), high - low)
    std = np.where(std > _FLOOR * size, std, np.maximum(size, 1.0))  # a constant band stays near 0
    sample = np.concatenate([record.sample for record in records], axis=1)
    kept = [record.sample.shape[1] for record in records]
    stands_for = np.repeat(weights / kept, kept)  # pixels that each kept one stands for
    percentiles = np.percentile(
        sample, PERCENTILES, axis=1, weights=stands_for, method="inverted_cdf"
    ).T
    return tuple(
        BandStats(name=n, mean=m, std=s, minimum=a, maximum=b, percentiles=tuple(p))
        for n, m, s, a, b, p in zip(names, mean, std, low, high, percentiles, strict=True)
    )


def _pool(
    records: Sequence[Record], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(C,) mean and sum of squared deviations of all (Chan, Golub and LeVeque 1983)."""
    means = np.stack([record.mean for record in records])
    mean = np.average(means, axis=0, weights=weights if weights.sum() else None)
    within = np.sum([record.squares for record in records], axis=0)
    between = (weights[:, None] * (means - mean) ** 2).sum(axis=0)
    return mean, within + between


def _class(name: str, k: int, records: Sequence[Record]) -> ClassStats:
    areas = np.concatenate([record.areas[k] for record in records])
    typical = np.percentile(areas, (10, 50, 90)) if len(areas) else np.zeros(3)
    return ClassStats(
        name=name,
        pixels=sum(int(record.classes[k]) for record in records),
        images=sum(bool(record.classes[k]) for record in records),
        objects=len(areas),
        object_pixels=(float(typical[0]), float(typical[1]), float(typical[2])),
    )


def _areas(here: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pixels of each connected patch of True, 8 neighbours."""
    labels, count = ndimage.label(here, structure=np.ones((3, 3)))
    areas: NDArray[np.int64] = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return areas
