"""A model and labelled images become scores; which images, and by which members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mapwright.data.dataset import Dataset, Item, Sample
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
from mapwright.types import Counts

Split = Literal["val", "train", "all"]
"""Which of the labelled images to score."""


@dataclass(frozen=True)
class Tally:
    """What was counted on one image.

    Args:
        stem: The image.
        valid: Over valid, labelled pixels: (2, BINS + 1) histogram of a binary task, else
            (K, K) counts.
        everything: The same over all labelled pixels, invalid ones included: in a binary task
            these are never found, since a map shows nothing there; else the network's guess.
    """

    stem: str
    valid: NDArray[np.int64]
    everything: NDArray[np.int64]


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
        np.array([_counts(entry.valid, threshold) for entry in tallies]),
        np.array([_counts(entry.everything, threshold) for entry in tallies]),
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
            tallies.append(_count(fit, dataset.read(item), item.stem))
            progress.advance(note=item.stem)
    return tallies


def unseen_members(model: Model, item: Item) -> tuple[int, ...]:
    """Members of an ensemble that did not learn from an image, by its content."""
    history, digest = model.bundle.history, item.digest()
    return tuple(
        number
        for number, fold in enumerate(history.folds)
        if digest not in {history.images[stem] for stem in fold.train}
    )


def _count(model: Model, sample: Sample, stem: str) -> Tally:
    probabilities = model.probabilities(sample.image)
    if len(probabilities) == 2:
        second = probabilities[1]
        shown = np.where(np.isnan(sample.image).any(axis=0), np.float32(0), second)
        return Tally(stem, histogram(sample.mask, second), histogram(sample.labels, shown))
    guess, classes = decide(probabilities, 0.5), len(probabilities)
    return Tally(
        stem,
        cm.confusion(sample.mask, guess, classes),
        cm.confusion(sample.labels, guess, classes),
    )


def _counts(tallied: NDArray[np.int64], threshold: float) -> Counts:
    """(K, K) counts of a tally: of a binary task, at a threshold."""
    binary = tallied.shape == (2, BINS + 1)
    return counts_at(tallied, threshold) if binary else tallied


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
        np.array([_counts(entry.valid, t) for entry, t in pairs]),
        np.array([_counts(entry.everything, t) for entry, t in pairs]),
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
    stems = {digest: stem for stem, digest in history.images.items()}
    known = {item.stem: stems.get(item.digest()) for item in dataset.labelled}
    val = {stem for fold in history.folds for stem in fold.val}
    learnt = {stem for fold in history.folds for stem in fold.train} - val
    if split == "val" and any(known.values()):
        chosen = tuple(item for item in dataset.labelled if known[item.stem] in val)
    elif split == "train":
        chosen = tuple(item for item in dataset.labelled if known[item.stem] in learnt)
    else:
        chosen = dataset.labelled
    if not chosen:
        raise DatasetError(
            f"no labelled image belongs to the split {split!r} of this model",
            where=dataset.root,
            expected="at least one",
            fix="choose --split all",
        )
    seen = sum(known[item.stem] in learnt for item in chosen)
    if seen:
        return chosen, f"{seen} of {len(chosen)} images were learnt from: the scores flatter"
    if split == "val" and not any(known.values()):
        return chosen, "the model has seen none of these images"
    return chosen, ""
