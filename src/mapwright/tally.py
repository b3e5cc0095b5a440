"""What is counted on labelled images while a model maps them, and the scores that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mapwright.card import Card, Decision
from mapwright.data.blocks import cut
from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.tiles import SampleCache
from mapwright.data.truth import true_objects
from mapwright.io.rle import InstanceIds
from mapwright.metrics.blocks import BlockCounter, Count, block_side, block_units
from mapwright.metrics.boundary import WIDTH, BandCounts, Bands, BoundaryCounter
from mapwright.metrics.calibration import assess_calibration
from mapwright.metrics.components import ObjectRule
from mapwright.metrics.confusion import confusion
from mapwright.metrics.kept import ROOM, Kept
from mapwright.metrics.object_counter import ObjectCounter
from mapwright.metrics.object_records import Grid, Record
from mapwright.metrics.object_scores import object_scores
from mapwright.metrics.objects import ObjectCounts
from mapwright.metrics.soft_counts import Soft, SoftCounter, share_of_pixels
from mapwright.metrics.summary import Scores, summarize
from mapwright.metrics.threshold import BINS, Packed, counts_at, histogram, places
from mapwright.predict.model import Model
from mapwright.predict.pipeline import decide
from mapwright.predict.presence import Presence
from mapwright.predict.stitch import Strip
from mapwright.types import IGNORE, ClassIndex, Counts

_A = TypeVar("_A", bound=np.generic)
_B = TypeVar("_B", bound=np.generic)

_SMALL = 2**29  # bytes; an image with more is read window by window


@dataclass(frozen=True)
class Tally:
    """What was counted on one image.

    Args:
        stem: The image.
        size: Its height and width in pixels.
        part: Whether it is a part of an image.
        group: The group that it stands together with; its own stem when it stands alone.
        packed: Over valid, labelled pixels, for each of n blocks of the image: (n, 2, BINS + 1)
            histograms of a binary task whose threshold is chosen later, else (n, K, K) counts.
        missed: (K,) labelled pixels of each class where the image is invalid: a map gives them
            no class.
        leaked: Like one of the blocks, those pixels that lie on ground that was learnt from; None
            when nobody looked.
        bands: (K, 2) boundary bands; None when they were not counted.
        kept: The prediction, when its threshold is chosen later and there is room.
        maps: (H, W) uint8 class indices, truth and prediction; None unless asked for.
        objects: What was counted of objects; a record where their rule is chosen later; None
            where they are not counted.
        soft: What was kept of the probabilities, before calibration; None where there are none.
    """

    stem: str
    size: tuple[int, int]
    part: bool
    group: str
    packed: Packed
    missed: NDArray[np.int64]
    leaked: NDArray[np.int64] | None = None
    bands: BandCounts | None = None
    kept: Kept | None = None
    maps: tuple[ClassIndex, ClassIndex] | None = None
    objects: ObjectCounts | Record | None = None
    soft: Soft | None = None

    @property
    def pooled(self) -> NDArray[np.int64]:
        """All blocks together."""
        return np.asarray(self.packed.whole().sum(axis=0))

    def counts(self, threshold: float) -> Counts:
        """(n, K, K) counts over valid pixels: of a binary task, at a threshold."""
        return _at(self.packed.whole(), threshold)

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


@dataclass(frozen=True)
class Counted:
    """Objects to count.

    Args:
        index: Their class.
        how: The rule that makes objects of probabilities, or the rules to choose from afterwards.
    """

    index: int
    how: ObjectRule | Grid


@dataclass(frozen=True)
class Wanted:
    """What to count.

    Args:
        classes: Number of classes K.
        side: Side of the blocks that an image is counted in, in pixels.
        tuned: The threshold of a binary task is chosen afterwards.
        room: There is room to keep predictions until then.
        maps: Keep truth and prediction, two bytes a pixel.
        objects: Count objects too, in this way.
        share: Share of the pixels whose probabilities are kept, of more than two classes.
    """

    classes: int
    side: int
    tuned: bool = False
    room: bool = False
    maps: bool = False
    objects: Counted | None = None
    share: float = 1.0


def wanted(
    dataset: Dataset,
    items: Sequence[Item],
    tuned: bool = False,
    maps: bool = False,
    objects: Counted | None = None,
) -> Wanted:
    """What to count on a set of images; see `Wanted`."""
    sizes, classes = [dataset.size(item) for item in items], len(dataset.spec.classes)
    pixels = sum(height * width for height, width in sizes)
    side, tuned = block_side(sizes) if sizes else 1, tuned and classes == 2
    share = share_of_pixels(pixels, classes)
    return Wanted(classes, side, tuned, pixels <= ROOM, maps, objects, share)


def count(
    model: Model,
    dataset: Dataset,
    item: Item,
    what: Wanted,
    leaked: NDArray[np.bool_] | None = None,
) -> Tally:
    """Map one image and count, strip by strip, so that memory does not grow with the image.

    Args:
        model: Maps it.
        dataset: Reads it.
        item: The image.
        what: What to count.
        leaked: (H, W) bool, ground that was learnt from; None = nobody looked.
    """
    counting = _Counting(item, dataset.size(item), what, model.bundle, leaked)
    group = dataset.grouping.name(item.stem)
    read = partial(SampleCache(dataset, _SMALL).read, item)
    presence = Presence()
    for sample, strip in model.samples(read, counting.size, presence):
        counting.add(sample, strip)
    truth = true_objects(dataset, item, what.objects.index) if what.objects else None
    return counting.tally(group, truth, presence.highest)


class _Counting:
    """The counts of one image, while its strips flow by."""

    def __init__(
        self,
        item: Item,
        size: tuple[int, int],
        what: Wanted,
        card: Card,
        leaked: NDArray[np.bool_] | None,
    ) -> None:
        self.size, self._item, self._what = size, item, what
        self._threshold = card.decision.raw_threshold
        self._binary, self._row = what.classes == 2, 0
        self._one: Count = histogram if self._binary else partial(confusion, classes=what.classes)
        blocks, seed = cut(*size, what.side), crc32(item.stem.encode())
        self._blocks = BlockCounter(blocks, self._one)
        self._soft = SoftCounter(blocks, what.classes, what.share, seed) if card.soft else None
        self._bands = None if what.tuned else BoundaryCounter(size, what.classes)
        self._missed = np.zeros(what.classes, np.int64)
        self._ground, self._leaked = leaked, np.zeros_like(self._blocks.counts[0])
        self._kept: list[tuple[ClassIndex, NDArray[np.uint16]]] = []
        self._maps: list[tuple[ClassIndex, ClassIndex]] = []
        self._objects = ObjectCounter(what.objects.how) if what.objects else None

    def add(self, sample: Sample, strip: Strip) -> None:
        """Count the next strip."""
        truth, probabilities = sample.mask, strip.probabilities
        guess = decide(probabilities, self._threshold)
        counted = probabilities[1] if self._binary else guess
        self._blocks.add(self._row, truth, counted)
        if self._soft:
            self._soft.add(self._row, truth, probabilities)
        invalid = np.isnan(sample.image).any(axis=0)
        unseen = invalid & (sample.labels != IGNORE)
        self._missed += np.bincount(sample.labels[unseen], minlength=self._what.classes)
        if self._bands:
            self._bands.add(truth, np.where(truth == IGNORE, IGNORE, guess).astype(np.uint8))
        elif self._what.room:
            self._kept.append((truth, places(probabilities[1])))
        if self._objects and self._what.objects:
            soft = np.where(invalid, np.float32(np.nan), probabilities[self._what.objects.index])
            self._objects.add(soft, truth == IGNORE, strip.border)
        if self._what.maps:
            self._maps.append((truth, guess))
        if self._ground is not None:
            here = self._ground[self._row : self._row + len(truth)]
            self._leaked += self._one(truth[here], counted[here])
        self._row += len(truth)

    def tally(self, group: str, truth: InstanceIds | None, presence: float | None) -> Tally:
        """What was counted on this image.

        Args:
            group: The group of the image.
            truth: Its true objects, if they are counted.
            presence: What a gate of the network says of it; None without one.
        """
        blocks, leaked, objects = self._blocks.counts, self._leaked, None
        if self._objects and truth is not None:
            objects = self._objects.count(truth, presence)
        if not self._what.tuned:
            blocks, leaked = _at(blocks, self._threshold), _at(leaked, self._threshold)
        return Tally(
            stem=self._item.stem,
            size=self.size,
            part=self._item.window is not None,
            group=group,
            packed=Packed.of(blocks),
            missed=self._missed,
            leaked=None if self._ground is None else leaked,
            bands=self._bands.counts if self._bands else None,
            kept=Kept(*_joined(self._kept)) if self._kept else None,
            maps=_joined(self._maps) if self._maps else None,
            objects=objects,
            soft=self._soft.soft() if self._soft else None,
        )


def _joined(strips: Sequence[tuple[NDArray[_A], NDArray[_B]]]) -> tuple[NDArray[_A], NDArray[_B]]:
    """Strips of two maps to two whole maps."""
    return np.concatenate([one for one, _ in strips]), np.concatenate([two for _, two in strips])


def score(
    tallies: Sequence[tuple[Tally, Decision]], names: Sequence[str], *, tta: str, note: str = ""
) -> Scores:
    """Scores of what was counted.

    Args:
        tallies: What was counted on each image, and the decision to use there.
        names: The classes.
        tta: Test-time augmentation used.
        note: What the reader must know.
    """
    counts = [entry.counts(by.raw_threshold) for entry, by in tallies]
    leaked = [entry.counts_leaked(by.raw_threshold) for entry, by in tallies]
    outlines = [entry.outlines(by.raw_threshold) for entry, by in tallies]
    found = [_objects_of(entry, by) for entry, by in tallies]
    objects = [counted for counted in found if counted is not None]
    known = [o for o in outlines if o is not None]
    looked = [part for part in leaked if part is not None]
    sizes, groups = zip(*((entry.size, entry.group) for entry, _ in tallies), strict=True)
    parts = any(entry.part for entry, _ in tallies)
    soft = [entry.soft for entry, _ in tallies if entry.soft]
    used = [by.temperature for _, by in tallies]
    scores = summarize(
        [entry.stem for entry, _ in tallies],
        names,
        np.array([part.sum(axis=0) for part in counts]),
        np.array([entry.counts_all(by.raw_threshold) for entry, by in tallies]),
        tta=tta,
        note=note,
        units=block_units(counts, sizes, groups, parts=parts),
        bands=Bands(np.stack(known), WIDTH) if known and len(known) == len(outlines) else None,
        leaked=np.stack(looked) if looked else None,
        objects=object_scores(objects, groups=groups) if objects else None,
    )
    if len(soft) < len(tallies):
        return scores
    judged = assess_calibration(soft, used, names, sizes, groups, parts=parts)
    return replace(scores, calibration=judged)


def _objects_of(entry: Tally, decision: Decision) -> ObjectCounts | None:
    """What was counted of objects, or would have been by a rule of the grid."""
    if isinstance(entry.objects, Record):
        return entry.objects.counts(decision.object_rule)
    return entry.objects
