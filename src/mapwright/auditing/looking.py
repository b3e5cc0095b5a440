"""Look at one image through a model, strip by strip, and keep what speaks against its mask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.auditing.places import Place, block_windows
from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.tiles import SampleCache
from mapwright.metrics.disagreement import Compared, compare, steps
from mapwright.metrics.fitting import Thumbnail, class_thumbnail
from mapwright.metrics.suspicion import Gathered
from mapwright.metrics.temperature import temper
from mapwright.predict.model import Model
from mapwright.predict.pipeline import decide
from mapwright.progress import Progress
from mapwright.types import IGNORE, ClassIndex, Probabilities, Window

_SMALL = 2**29  # bytes; an image with more is read window by window
_ROWS = 512  # of a mask that are read at a time


@dataclass(frozen=True)
class Looked:
    """What is kept of a block.

    Args:
        place: The image, or the part of one, that it belongs to.
        window: The block, counted from the corner of the item.
        name: Its name.
        compared: Mask against model.
        mask: The mask reduced, where the block is a whole image.
        guess: The prediction reduced, likewise.
    """

    place: Place
    window: Window
    name: str
    compared: Compared
    mask: Thumbnail | None = None
    guess: Thumbnail | None = None


class MaskDigest:
    """SHA-256 of a mask that flows by from the top: equal for equal labels, whatever their file.

    Args:
        size: Height and width of the image.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._hash, self._values = hashlib.sha256(str(size).encode()), set[int]()

    def add(self, labels: ClassIndex) -> None:
        """Take the next rows, invalid pixels included."""
        self._hash.update(np.ascontiguousarray(labels).tobytes())
        self._values.update(np.unique(labels).tolist())

    @property
    def text(self) -> str:
        """The digest; empty for a mask of a single class: those are equal by nature."""
        return self._hash.hexdigest() if len(self._values) > 1 else ""


def digest_of(dataset: Dataset, item: Item) -> str:
    """The digest of the mask of an image that nobody looks at; see `MaskDigest`."""
    height, width = dataset.size(item)
    digest = MaskDigest((height, width))
    for row in range(0, height, _ROWS):
        window = Window(row, 0, min(_ROWS, height - row), width)
        digest.add(dataset.read_mask(item, window))
    return digest.text


def look_at(
    model: Model,
    dataset: Dataset,
    place: Place,
    side: int,
    gathered: Gathered,
    progress: Progress,
) -> tuple[list[Looked], str]:
    """Look at an image block by block; memory holds one row of blocks.

    Args:
        model: The members that did not learn from it.
        dataset: Reads it.
        place: Which.
        side: Side of the blocks, in pixels.
        gathered: Is told what the image says of the classes.
        progress: Told of every strip; an image counts 1.

    Returns:
        The blocks, and the digest of the mask.
    """
    size = dataset.size(place.item)
    windows = block_windows(size, side)
    digest, classes = MaskDigest(size), len(dataset.spec.classes)
    read = partial(SampleCache(dataset, _SMALL).read, place.item)

    def strips() -> Iterator[_Strip]:
        for sample, strip in model.samples(read, size):
            digest.add(sample.labels)
            seen = what_is_seen(model, sample, strip.probabilities)
            gathered.add(*seen)
            progress.advance(len(sample.mask) / size[0], note=place.item.stem)
            yield np.stack([seen[0], seen[2], seen[3]])

    looked = []
    for window, (mask, guess, sure) in _blocks(strips(), windows):
        compared = compare(mask, guess, sure, classes)
        name = place.name_of(window, size)
        thumbs: tuple[Any, ...] = ()
        if len(windows) == 1 and place.item.window is None:
            known = np.where(mask == IGNORE, IGNORE, guess).astype(np.uint8)
            thumbs = class_thumbnail(mask, classes), class_thumbnail(known, classes)
        looked.append(Looked(place, window, name, compared, *thumbs))
    return looked, digest.text


_Strip = NDArray[np.uint8]
"""(3, h, W) uint8: classes of the mask, classes of the model, steps of its probability."""


def what_is_seen(
    model: Model, sample: Sample, probabilities: Probabilities
) -> tuple[ClassIndex, Probabilities, ClassIndex, NDArray[np.uint8]]:
    """Mask, calibrated probabilities, class of the model and the steps of its probability.

    Args:
        model: Decides.
        sample: What the files hold.
        probabilities: (K, h, w) before calibration.
    """
    decision, raw = model.bundle.decision, np.nan_to_num(probabilities)
    guess = decide(raw, decision.raw_threshold)
    soft = temper(raw, decision.temperature)
    given = raw.sum(axis=0) > 0  # not so where a network overflowed
    mask = np.where(given, sample.mask, IGNORE).astype(np.uint8)
    return mask, soft, guess, steps(soft, guess)


def _blocks(strips: Iterator[_Strip], windows: Sequence[Window]) -> Iterator[tuple[Window, _Strip]]:
    """Cut an image that flows by in strips into blocks that stand row by row."""
    top, kept = 0, next(strips)
    for row, group in groupby(windows, key=lambda window: window.row):
        line = list(group)
        while top + kept.shape[1] < row + line[0].height:
            kept = np.concatenate([kept, next(strips)], axis=1)
        for window in line:
            rows, cols = window.moved(-top, 0).slices
            yield window, kept[:, rows, cols]
        done = row + line[0].height - top
        top, kept = top + done, kept[:, done:]
