"""A model and held-out images become scores, beside a trivial baseline and with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from mapwright.data.dataset import Dataset, Item
from mapwright.errors import DatasetError
from mapwright.metrics import confusion as cm
from mapwright.metrics.intervals import bootstrap_interval
from mapwright.predict.model import Model
from mapwright.progress import progress_bar
from mapwright.types import Counts

Split = Literal["val", "train", "all"]
"""Which of the labelled images to score."""


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class, pooled over all pixels unless said otherwise.

    Args:
        name: The class.
        iou: Intersection over union.
        iou_interval: 95 % bootstrap interval over images.
        f1: F1, which is Dice.
        precision: Share of predicted pixels that are right.
        recall: Share of true pixels that are found.
        iou_per_image: Mean of the IoU of each image in which the class occurs.
        iou_all_pixels: IoU with invalid pixels counted too, where the mask labels them.
        iou_baseline: IoU of the constant prediction.
        pixels: True pixels.
    """

    name: str
    iou: float
    iou_interval: tuple[float, float]
    f1: float
    precision: float
    recall: float
    iou_per_image: float
    iou_all_pixels: float
    iou_baseline: float
    pixels: int


@dataclass(frozen=True)
class Scores:
    """Results on a set of images.

    Args:
        images: Stems evaluated.
        classes: One entry per class.
        absent: Classes that occur neither in truth nor in prediction; not in the means.
        mean_iou: Mean over the classes that are present.
        mean_iou_interval: 95 % bootstrap interval over images.
        mean_iou_per_image: Mean over images of each image's mean IoU.
        mean_iou_all_pixels: Mean IoU with invalid pixels counted too.
        accuracy: Share of pixels that are right.
        baseline: The class that the constant prediction gives everywhere.
        mean_iou_baseline: Its mean IoU.
        accuracy_baseline: Its accuracy.
        pixels: Valid, labelled pixels evaluated.
        confusion: (K, K) pixels, rows = truth, columns = prediction.
        tta: Test-time augmentation used.
        note: What the reader must know, such as training images among those evaluated.
    """

    images: tuple[str, ...]
    classes: tuple[ClassScores, ...]
    absent: tuple[str, ...]
    mean_iou: float
    mean_iou_interval: tuple[float, float]
    mean_iou_per_image: float
    mean_iou_all_pixels: float
    accuracy: float
    baseline: str
    mean_iou_baseline: float
    accuracy_baseline: float
    pixels: int
    confusion: list[list[int]]
    tta: str
    note: str = ""

    def plain(self) -> dict[str, Any]:
        """The scores as JSON-able built-in types; None where a score is not defined."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def evaluate(model: Model, dataset: Dataset, items: Sequence[Item], note: str = "") -> Scores:
    """Score a model on labelled images.

    Args:
        model: The model, with its test-time augmentation.
        dataset: Reads the images.
        items: Which images; each must have a mask.
        note: Passed on to the result.
    """
    classes = len(dataset.spec.classes)
    valid, everything = [], []
    with progress_bar("evaluate", len(items)) as progress:
        for item in items:
            sample = dataset.read(item)
            guess = model.classify(sample.image)
            valid.append(cm.confusion(sample.mask, guess, classes))
            everything.append(cm.confusion(sample.labels, guess, classes))
            progress.advance(note=item.stem)
    return summarize(
        tuple(item.stem for item in items),
        dataset.spec.class_names,
        np.array(valid),
        np.array(everything),
        tta=model.tta,
        note=note,
    )


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


def summarize(
    stems: Sequence[str],
    names: Sequence[str],
    counts: Counts,
    counts_all: Counts,
    *,
    tta: str = "none",
    note: str = "",
) -> Scores:
    """Counts per image to scores.

    Args:
        stems: The images.
        names: The classes.
        counts: (n, K, K) pixels per image, valid and labelled ones.
        counts_all: (n, K, K) pixels per image, invalid ones included.
        tta: Test-time augmentation used.
        note: Passed on.
    """
    pooled = counts.sum(axis=0)
    constant = constant_baseline(pooled)
    baseline = cm.mean_iou(_constant(pooled, constant))
    intervals = bootstrap_interval(counts, cm.iou)
    mean_interval = bootstrap_interval(counts, cm.mean_iou)
    columns = {
        "iou": cm.iou(pooled),
        "f1": cm.f1(pooled),
        "precision": cm.precision(pooled),
        "recall": cm.recall(pooled),
        "iou_per_image": cm.mean_over_present(cm.iou(counts).T),
        "iou_all_pixels": cm.iou(counts_all.sum(axis=0)),
        "iou_baseline": cm.iou(_constant(pooled, constant)),
    }
    per_class = tuple(
        ClassScores(
            name=name,
            iou_interval=(float(intervals[0, k]), float(intervals[1, k])),
            pixels=int(pooled[k].sum()),
            **{key: float(column[k]) for key, column in columns.items()},
        )
        for k, name in enumerate(names)
    )
    here = cm.present(pooled)
    return Scores(
        images=tuple(stems),
        classes=per_class,
        absent=tuple(name for name, found in zip(names, here, strict=True) if not found),
        mean_iou=float(cm.mean_iou(pooled)),
        mean_iou_interval=(float(mean_interval[0]), float(mean_interval[1])),
        mean_iou_per_image=float(np.nanmean(cm.mean_iou(counts))),
        mean_iou_all_pixels=float(cm.mean_iou(counts_all.sum(axis=0))),
        accuracy=float(cm.accuracy(pooled)),
        baseline=names[constant],
        mean_iou_baseline=float(baseline),
        accuracy_baseline=float(cm.accuracy(_constant(pooled, constant))),
        pixels=int(pooled.sum()),
        confusion=pooled.tolist(),
        tta=tta,
        note=note,
    )


def constant_baseline(counts: Counts) -> int:
    """The class whose constant prediction has the highest mean IoU; (K, K) counts."""
    scores = [cm.mean_iou(_constant(counts, k)) for k in range(len(counts))]
    return int(np.nanargmax(scores))


def _constant(counts: Counts, k: int) -> Counts:
    """The counts, had every pixel been predicted as class `k`."""
    constant = np.zeros_like(counts)
    constant[:, k] = counts.sum(axis=1)
    return constant


def _without_nan(value: Any) -> Any:
    """NaN is no JSON: an undefined score becomes None."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value
