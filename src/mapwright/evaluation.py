"""A model and labelled images become scores; which images, and by which members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mapwright.bundle import Seen
from mapwright.data.dataset import Dataset, Item
from mapwright.data.tiles import SampleCache
from mapwright.errors import DatasetError
from mapwright.metrics import confusion as cm
from mapwright.metrics.summary import Scores, summarize
from mapwright.metrics.threshold import (
    BINS,
    best_threshold,
    counts_at,
    cross_fitted,
    histogram,
)
from mapwright.predict.model import Model
from mapwright.predict.pipeline import decide
from mapwright.progress import progress_bar
from mapwright.types import IGNORE, Counts

_SMALL = 2**29  # bytes; an image with more is read window by window

Split = Literal["val", "train", "all"]
"""Which of the labelled images to score."""


@dataclass(frozen=True)
class Tally:
    """What was counted on one image.

    Args:
        stem: The image.
        valid: Over valid, labelled pixels: (2, BINS + 1) histogram of a binary task, else
            (K, K) counts.
        missed: (K,) labelled pixels of each class where the image is invalid: a map gives them
            no class.
    """

    stem: str
    valid: NDArray[np.int64]
    missed: NDArray[np.int64]

    def counts(self, threshold: float) -> Counts:
        """(K, K) counts over valid pixels: of a binary task, at a threshold."""
        binary = self.valid.shape == (2, BINS + 1)
        return counts_at(self.valid, threshold) if binary else self.valid

    def counts_all(self, threshold: float) -> Counts:
        """(K, K + 1) counts over all labelled pixels; the last column was given no class."""
        return np.concatenate([self.counts(threshold), self.missed[:, None]], axis=1)


def evaluate(model: Model, dataset: Dataset, items: Sequence[Item], note: str = "") -> Scores:
    """Score a model on labelled images.

    A member of an ensemble has no say on an image that it learnt from, unless all of them have.

    Args:
        model: The model, with its test-time augmentation.
        dataset: Reads the images.
        items: Which images; each must have a mask.
        note: Passed on to the result.
    """
    tallies = tally(model, dataset, items)
    threshold = model.bundle.decision.threshold
    return summarize(
        [entry.stem for entry in tallies],
        dataset.spec.class_names,
        np.array([entry.counts(threshold) for entry in tallies]),
        np.array([entry.counts_all(threshold) for entry in tallies]),
        tta=model.views,
        note=note,
    )


def tally(model: Model, dataset: Dataset, items: Sequence[Item]) -> list[Tally]:
    """Predict labelled images and count; see `evaluate`."""
    models: dict[tuple[int, ...], Model] = {}
    tallies = []
    with progress_bar("evaluate", len(items)) as progress:
        for item in items:
            unseen = unseen_members(model, item)
            fit = models.setdefault(unseen, model.only(unseen) if unseen else model)
            tallies.append(_count(fit, dataset, item))
            progress.advance(note=item.stem)
    return tallies


def unseen_members(model: Model, item: Item) -> tuple[int, ...]:
    """Members of an ensemble that learnt from no pixel of an image, or of a part of one."""
    digest = item.digest()
    learnt = model.bundle.history.learnt
    return tuple(k for k, seen in enumerate(learnt) if not seen.meets(digest, item.window))


def _count(model: Model, dataset: Dataset, item: Item) -> Tally:
    """Predict an item in strips, so that memory does not grow with it."""
    classes = len(dataset.spec.classes)
    binary = classes == 2
    counts = np.zeros((2, BINS + 1) if binary else (classes, classes), np.int64)
    missed = np.zeros(classes, np.int64)
    cache = SampleCache(dataset, _SMALL)
    for sample, probabilities in model.samples(partial(cache.read, item), dataset.size(item)):
        if binary:
            counts += histogram(sample.mask, probabilities[1])
        else:
            counts += cm.confusion(sample.mask, decide(probabilities, 0.5), classes)
        unseen = np.isnan(sample.image).any(axis=0) & (sample.labels != IGNORE)
        missed += np.bincount(sample.labels[unseen], minlength=classes)
    return Tally(item.stem, counts, missed)


def score_folds(
    folds: Sequence[Sequence[Tally]], names: Sequence[str], tta: str
) -> tuple[Scores, float]:
    """Out-of-fold scores and the decision threshold.

    With two classes the threshold is tuned: the one that is stored on all folds, but each fold's
    own score uses the one tuned on the other folds, so that it is not flattered.

    Args:
        folds: What each member counted on the images that it did not learn from.
        names: The classes.
        tta: Test-time augmentation used.
    """
    thresholds, stored = [0.5] * len(folds), 0.5
    if len(names) == 2:
        pooled = [np.sum([entry.valid for entry in fold], axis=0) for fold in folds]
        thresholds, stored = cross_fitted(pooled), best_threshold(np.sum(pooled, axis=0))
    pairs = [(entry, t) for fold, t in zip(folds, thresholds, strict=True) for entry in fold]
    note = f"out of fold, {len(folds)} folds; every image is scored by a model that never saw it"
    if len(names) == 2:
        note += f"; threshold {stored:g}, for each fold's score tuned on the others"
    scores = summarize(
        [entry.stem for entry, _ in pairs],
        names,
        np.array([entry.counts(t) for entry, t in pairs]),
        np.array([entry.counts_all(t) for entry, t in pairs]),
        tta=tta,
        note=note,
    )
    return scores, stored


def choose_items(model: Model, dataset: Dataset, split: Split) -> tuple[tuple[Item, ...], str]:
    """Which labelled images to score a model on, and what the reader must know about it.

    Args:
        model: Knows by content which images it learnt from.
        dataset: The data.
        split: `val`: those it was validated on, or all when it knows none of them; `train`,
            `all`.

    Raises:
        DatasetError: No image is left.
    """
    history = model.bundle.history
    digests = {item.stem: item.digest() for item in dataset.labelled}
    known = any(digest in history.images.values() for digest in digests.values())
    whole = dataset.labelled
    if split == "all" or (split == "val" and not known):
        chosen = whole
    elif split == "val":
        chosen = _parts(whole, digests, [history.validated])
    else:
        held = history.validated
        parts = _parts(whole, digests, history.learnt)
        chosen = tuple(i for i in parts if not held.meets(digests[i.scene], i.window))
    if not chosen:
        raise DatasetError(
            f"no labelled image belongs to the split {split!r} of this model",
            where=dataset.root,
            expected="at least one",
            fix="choose --split all",
        )
    return chosen, _caveats(model, chosen, known)


def _parts(
    items: Sequence[Item], digests: Mapping[str, str], seen: Sequence[Seen]
) -> tuple[Item, ...]:
    """The images, or parts of them, that some of `seen` hold."""
    found: dict[str, Item] = {}
    for item in items:
        for entry in seen:
            for window in entry.windows.get(digests[item.stem], ()):
                part = item.part(window) if window else item
                found[part.stem] = part
    return tuple(found.values())


def _caveats(model: Model, items: Sequence[Item], known: bool) -> str:
    """What makes scores on these images look better than they are, in words."""
    history = model.bundle.history
    notes = [] if known else ["the model has seen none of these images"]
    learnt = sum(not unseen_members(model, item) for item in items)
    if learnt:
        notes.append(f"{learnt} of {len(items)} images were learnt from: the scores flatter")
    elif known and len(history.folds) > 1 and len(model.bundle.spec.classes) == 2:
        notes.append("the decision threshold was tuned on these images: they flatter slightly")
    digests = [item.digest() for item in items]
    return "; ".join(filter(None, [*notes, ancestry_note(history.ancestors, digests)]))


def ancestry_note(ancestors: Sequence[str], digests: Sequence[str]) -> str:
    """Says so when the model that one started from had learnt from the images scored.

    Args:
        ancestors: SHA-256 of the images that it had learnt from.
        digests: SHA-256 of the images scored.
    """
    before = set(ancestors)
    seen = sum(digest in before for digest in digests)
    if not seen:
        return ""
    return (
        f"{seen} of {len(digests)} images were learnt from by the model that this one started "
        "from: the scores flatter"
    )
