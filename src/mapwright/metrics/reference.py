"""The same scores from scikit-learn, for whoever does not want to take ours on trust."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mapwright.errors import SettingError
from mapwright.metrics.summary import Scores
from mapwright.types import IGNORE, ClassIndex

TOLERANCE = 1e-12
"""Largest difference that rounding explains."""


@dataclass(frozen=True)
class SklearnScores:
    """What scikit-learn says.

    Args:
        version: Of scikit-learn.
        iou: `jaccard_score` of each class; NaN for one in neither truth nor prediction.
        mean_iou: Mean over the classes in truth or prediction.
        pixels: Valid, labelled pixels.
    """

    version: str
    iou: tuple[float, ...]
    mean_iou: float
    pixels: int


@dataclass(frozen=True)
class Agreement:
    """Our scores beside those of scikit-learn.

    Args:
        agrees: Whether no class, nor the mean, differs by more than `TOLERANCE`.
        difference: The largest difference.
        text: The finding in words, with the rule for absent classes.
    """

    agrees: bool
    difference: float
    text: str


def sklearn_scores(
    truths: Iterable[ClassIndex], guesses: Iterable[ClassIndex], classes: int
) -> SklearnScores:
    """IoU by `sklearn.metrics.jaccard_score` over the pixels of all images, one after another.

    Args:
        truths: One (H, W) uint8 map of class indices per image; `IGNORE` is left out.
        guesses: The predictions in the same order; `IGNORE` is left out too.
        classes: Number of classes K.

    Raises:
        SettingError: scikit-learn is not installed.
    """
    try:
        import sklearn
        from sklearn.metrics import jaccard_score
    except ImportError as error:
        raise SettingError(
            "scikit-learn is not installed",
            where="--verify-sklearn",
            expected="the package scikit-learn, which only this check needs",
            fix="pip install scikit-learn, or leave the option out",
        ) from error
    truth, guess = _labelled(truths, guesses)
    here = np.union1d(truth, guess)
    iou, mean = np.full(classes, np.nan), math.nan
    if len(here):
        iou[here] = jaccard_score(truth, guess, labels=here, average=None)
        mean = float(jaccard_score(truth, guess, average="macro"))  # labels: those that occur
    return SklearnScores(sklearn.__version__, tuple(map(float, iou)), mean, len(truth))


def compare_with_sklearn(scores: Scores, reference: SklearnScores) -> Agreement:
    """Hold our scores against those of scikit-learn on the same pixels."""
    ours = {entry.name: entry.iou for entry in scores.classes} | {"the mean": scores.mean_iou}
    theirs = dict(zip(ours, (*reference.iou, reference.mean_iou), strict=True))
    gaps = {name: _gap(score, theirs[name]) for name, score in ours.items()}
    wrong = [name for name, gap in gaps.items() if gap > TOLERANCE]
    largest = max(gaps.values())
    call = f"scikit-learn {reference.version}, jaccard_score over {reference.pixels:,} pixels"
    if wrong:
        parts = (f"{name} {ours[name]:.12g} here, {theirs[name]:.12g} there" for name in wrong)
        text = f"{call}: does not agree: {'; '.join(parts)}"
    else:
        text = f"{call}: the same IoU in every class and the same mean, {reference.mean_iou:.6f}"
        text += f" (largest difference {largest:.1g}, allowed {TOLERANCE:g})"
    return Agreement(not wrong, largest, f"{text}\n{_rule(scores.absent, len(scores.classes))}")


def _rule(absent: Sequence[str], classes: int) -> str:
    """How a class that does not occur is counted, in words."""
    rule = "the mean is over the classes that occur in truth or prediction, scikit-learn's default"
    if not absent:
        return f"{rule}: all {classes} do"
    they, have = ("occurs", "has") if len(absent) == 1 else ("occur", "have")
    return (
        f"{rule}; {', '.join(absent)} {they} in neither, {have} no IoU (0 / 0) and no part in it "
        f"(with labels=range({classes}) scikit-learn would warn and count 0)"
    )


def _gap(ours: float, theirs: float) -> float:
    if math.isnan(ours) or math.isnan(theirs):
        return 0.0 if math.isnan(ours) and math.isnan(theirs) else math.inf
    return abs(ours - theirs)


def _labelled(
    truths: Iterable[ClassIndex], guesses: Iterable[ClassIndex]
) -> tuple[ClassIndex, ClassIndex]:
    """The pixels that have a label and an answer, all images in one row."""
    empty = np.zeros(0, np.uint8)
    kept = [(empty, empty)]
    for truth, guess in zip(truths, guesses, strict=True):
        known = (truth != IGNORE) & (guess != IGNORE)
        kept.append((truth[known], guess[known]))
    truth, guess = (np.concatenate(part) for part in zip(*kept, strict=True))
    return truth, guess
