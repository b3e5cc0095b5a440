"""What is counted on labelled images while a model maps them, and the scores that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mapwright.data.blocks import cut
from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.tiles import SampleCache
from mapwright.metrics.blocks import BlockCounter, Count, block_side, block_units
from mapwright.metrics.boundary import WIDTH, BandCounts, Bands, BoundaryCounter, boundary_counts
from mapwright.metrics.confusion import confusion
from mapwright.metrics.summary import Scores, summarize
from mapwright.metrics.threshold import BINS, counts_at, histogram, places
from mapwright.predict.model import Model
from mapwright.predict.pipeline import decide
from mapwright.types import IGNORE, ClassIndex, Counts

_SMALL = 2**29  # bytes; an image with more is read window by window
_KEPT = 2**26  # pixels of all images; more are not kept to draw outlines at a later threshold


@dataclass(frozen=True)
class Kept:
    """A binary prediction that waits for its threshold.

    Args:
        truth: (H, W) uint8 class indices.
        places: (H, W) uint16 probability of the second class in steps of 1 / `BINS`.
    """

    truth: ClassIndex
    places: NDArray[np.uint16]

    def bands(self, threshold: float) -> BandCounts:
        """(2, 2) boundary bands at a threshold."""
        guess = (self.places >= round(threshold * BINS)).astype(np.uint8)
        return boundary_counts(self.truth, np.where(self.truth == IGNORE, IGNORE, guess), 2)


@dataclass(frozen=True)
class Tally:
    """What was counted on one image.

    Args:
        stem: The image.
        size: Its height and width in pixels.
        part: Whether it is a part of an image.
        blocks: Over valid, labelled pixels, for each of n blocks of the image: (n, 2, BINS + 1)
            histograms of a binary task, else (n, K, K) counts.
        missed: (K,) labelled pixels of each class where the image is invalid: a map gives them
            no class.
        leaked: Like one of `blocks`, those pixels that lie on ground that was learnt from; None
            when nobody looked.
        bands: (K, 2) boundary bands; None when they were not counted.
        kept: The prediction, when its threshold is chosen later and there is room.
    """

    stem: str
    size: tuple[int, int]
    part: bool
    blocks: NDArray[np.int64]
    missed: NDArray[np.int64]
    leaked: NDArray[np.int64] | None = None
    bands: BandCounts | None = None
    kept: Kept | None = None

    @property
    def pooled(self) -> NDArray[np.int64]:
        """All blocks together."""
        return np.asarray(self.blocks.sum(axis=0))

    def counts(self, threshold: float) -> Counts:
        """(n, K, K) counts over valid pixels: of a binary task, at a threshold."""
        return _at(self.blocks, threshold)

    def counts_all(self, threshold: float) -> Counts:
        """(K, K + 1) counts over all labelled pixels; the last column was given no class."""
        counts = self.counts(threshold).sum(axis=0)
        return np.concatenate([counts, self.missed[:, None]], axis=1)

    def counts_leaked(self, threshold: float) -> Counts | None:
        """(K, K) counts on ground that was learnt from."""
        return None if self.leaked is None else _at(self.leaked, threshold)

    def outlines(self, threshold: float) -> BandCounts | None:
        """(K, 2) boundary bands, of a binary task at a threshold."""
        return self.kept.bands(threshold) if self.kept else self.bands


def _at(counts: NDArray[np.int64], threshold: float) -> Counts:
    binary = counts.shape[-2:] == (2, BINS + 1)
    return counts_at(counts, threshold) if binary else counts


class Counter:
    """Counts on images one by one, in strips, so that memory does not grow with an image.

    Args:
        dataset: Reads the images.
        items: All that will be counted.
        tuned: The threshold of a binary task is chosen afterwards.
    """

    def __init__(self, dataset: Dataset, items: Sequence[Item], tuned: bool = False) -> None:
        self._dataset, self._classes = dataset, len(dataset.spec.classes)
        sizes = [dataset.size(item) for item in items]
        self._side = block_side(sizes) if sizes else 0
        self._tuned = tuned and self._classes == 2
        self._room = sum(height * width for height, width in sizes) <= _KEPT

    def count(self, model: Model, item: Item, leaked: NDArray[np.bool_] | None = None) -> Tally:
        """Map one image and count.

        Args:
            model: Maps it.
            item: The image.
            leaked: (H, W) bool, ground that was learnt from; None = nobody looked.
        """
        size, binary = self._dataset.size(item), self._classes == 2
        one: Count = histogram if binary else partial(confusion, classes=self._classes)
        blocks = BlockCounter(cut(*size, self._side), one)
        bands = None if self._tuned else BoundaryCounter(size, self._classes)
        missed = np.zeros(self._classes, np.int64)
        of_leaked = np.zeros_like(blocks.counts[0])
        kept: list[tuple[ClassIndex, NDArray[np.uint16]]] = []
        read = partial(SampleCache(self._dataset, _SMALL).read, item)
        row = 0
        for sample, probabilities in model.samples(read, size):
            guess = decide(probabilities, model.bundle.decision.threshold)
            counted = probabilities[1] if binary else guess
            blocks.add(row, sample.mask, counted)
            missed += _missed(sample, self._classes)
            if bands:
                bands.add(sample.mask, np.where(sample.mask == IGNORE, IGNORE, guess))
            elif self._room:
                kept.append((sample.mask, places(probabilities[1])))
            if leaked is not None:
                here = leaked[row : row + len(sample.mask)]
                of_leaked += one(sample.mask[here], counted[here])
            row += len(sample.mask)
        whole = Kept(*(np.concatenate(part) for part in zip(*kept, strict=True))) if kept else None
        return Tally(
            stem=item.stem,
            size=size,
            part=item.window is not None,
            blocks=blocks.counts,
            missed=missed,
            leaked=None if leaked is None else of_leaked,
            bands=bands.counts if bands else None,
            kept=whole,
        )


def _missed(sample: Sample, classes: int) -> NDArray[np.int64]:
    unseen = np.isnan(sample.image).any(axis=0) & (sample.labels != IGNORE)
    return np.bincount(sample.labels[unseen], minlength=classes)


def score(
    tallies: Sequence[tuple[Tally, float]], names: Sequence[str], *, tta: str, note: str = ""
) -> Scores:
    """Scores of what was counted.

    Args:
        tallies: What was counted on each image, and the threshold for a binary task.
        names: The classes.
        tta: Test-time augmentation used.
        note: What the reader must know.
    """
    counts = [entry.counts(t) for entry, t in tallies]
    leaked = [entry.counts_leaked(t) for entry, t in tallies]
    outlines = [entry.outlines(t) for entry, t in tallies]
    known = [o for o in outlines if o is not None]
    looked = [part for part in leaked if part is not None]
    sizes, parts = [entry.size for entry, _ in tallies], any(entry.part for entry, _ in tallies)
    return summarize(
        [entry.stem for entry, _ in tallies],
        names,
        np.array([part.sum(axis=0) for part in counts]),
        np.array([entry.counts_all(t) for entry, t in tallies]),
        tta=tta,
        note=note,
        units=block_units(counts, sizes, parts=parts),
        bands=Bands(np.stack(known), WIDTH) if known and len(known) == len(outlines) else None,
        leaked=np.stack(looked) if looked else None,
    )
