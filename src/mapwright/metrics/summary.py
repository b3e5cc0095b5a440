"""Counts per image become scores, beside a trivial baseline and with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics import confusion as cm
from mapwright.metrics.boundary import Bands, boundary_iou
from mapwright.metrics.calibration_result import Calibration
from mapwright.metrics.intervals import Units, bootstrap_interval
from mapwright.metrics.object_result import ObjectScores
from mapwright.metrics.undefined import with_nan, without_nan
from mapwright.types import Counts


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class, pooled over all pixels unless said otherwise.

    Args:
        name: The class.
        iou: Intersection over union.
        iou_interval: 95 % bootstrap interval, see `Scores.interval_unit`.
        f1: F1, which is Dice.
        precision: Share of predicted pixels that are right.
        recall: Share of true pixels that are found.
        iou_per_image: Mean of the IoU of each image in which the class occurs.
        iou_all_pixels: IoU with invalid pixels counted too, where the mask labels them.
        iou_baseline: IoU of the constant prediction.
        pixels: True pixels.
        boundary_iou: IoU of the bands along the outlines; NaN when not counted.
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
    boundary_iou: float = float("nan")


@dataclass(frozen=True)
class WithoutLeak:
    """Scores once more, without the pixels that lie on ground that was learnt from.

    Args:
        mean_iou: Mean over the classes that are present.
        iou: IoU of each class.
        pixels: How many valid, labelled pixels are left out.
    """

    mean_iou: float
    iou: tuple[float, ...]
    pixels: int


@dataclass(frozen=True)
class Scores:
    """Results on a set of images.

    Args:
        images: Stems evaluated.
        classes: One entry per class.
        absent: Classes that occur neither in truth nor in prediction; not in the means.
        mean_iou: Mean over the classes that are present.
        mean_iou_interval: 95 % bootstrap interval.
        mean_iou_per_image: Mean over images of each image's mean IoU.
        mean_iou_all_pixels: Mean IoU with invalid pixels counted too.
        accuracy: Share of pixels that are right.
        baseline: The class that the constant prediction gives everywhere.
        mean_iou_baseline: Its mean IoU.
        accuracy_baseline: Its accuracy.
        pixels: Valid, labelled pixels evaluated.
        per_image: IoU per class of each image, NaN where the class is absent.
        confusion: (K, K) pixels, rows = truth, columns = prediction.
        tta: Test-time augmentation used.
        note: What the reader must know, such as training images among those evaluated.
        interval_unit: What the bootstrap drew: `images`, or `blocks of 106 pixels`.
        mean_boundary_iou: Mean boundary IoU over the classes that have an outline; NaN when not
            counted.
        boundary_width: Width of the boundary bands in pixels; 0 when not counted.
        without_leak: The scores without ground that was learnt from; None when nobody looked.
        objects: Scores of the objects of a class; None when they are not counted.
        calibration: How good the probabilities are; None when nobody looked.
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
    per_image: list[list[float]]
    confusion: list[list[int]]
    tta: str
    note: str = ""
    interval_unit: str = "images"
    mean_boundary_iou: float = float("nan")
    boundary_width: int = 0
    without_leak: WithoutLeak | None = None
    objects: ObjectScores | None = None
    calibration: Calibration | None = None

    def plain(self) -> dict[str, Any]:
        """The scores as JSON-able built-in types; None where a score is not defined."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Scores:
        """The scores from what `plain` gave, now or before a field was added."""
        values = dict(with_nan(plain))
        classes = tuple(
            ClassScores(**{**entry, "iou_interval": tuple(entry["iou_interval"])})
            for entry in values.pop("classes")
        )
        for key in ("images", "absent", "mean_iou_interval"):
            values[key] = tuple(values[key])
        if plain.get("without_leak"):
            leak = values["without_leak"]
            values["without_leak"] = WithoutLeak(**{**leak, "iou": tuple(leak["iou"])})
        else:
            values.pop("without_leak", None)
        if plain.get("objects"):
            values["objects"] = ObjectScores.from_plain(plain["objects"])
        else:
            values.pop("objects", None)
        if plain.get("calibration"):
            values["calibration"] = Calibration.from_plain(plain["calibration"])
        else:
            values.pop("calibration", None)
        return cls(classes=classes, **values)


def summarize(
    stems: Sequence[str],
    names: Sequence[str],
    counts: Counts,
    counts_all: Counts,
    *,
    tta: str = "none",
    note: str = "",
    units: Units | None = None,
    bands: Bands | None = None,
    leaked: Counts | None = None,
    objects: ObjectScores | None = None,
) -> Scores:
    """Counts per image to scores.

    Args:
        stems: The images.
        names: The classes.
        counts: (n, K, K) pixels per image, valid and labelled ones.
        counts_all: (n, K, K + 1) pixels per image, invalid ones included; the last column holds
            those that were given no class.
        tta: Test-time augmentation used.
        note: Passed on.
        units: What the bootstrap draws; None = the images.
        bands: Boundary bands per image; None = not counted.
        leaked: (n, K, K) those pixels of `counts` that lie on ground that was learnt from; None =
            nobody looked.
        objects: Passed on.
    """
    pooled, pooled_all = counts.sum(axis=0), counts_all.sum(axis=0)
    constant = constant_baseline(pooled)
    baseline = _constant(pooled, constant)
    units = units or Units(counts, "images")
    intervals, mean_interval = (bootstrap_interval(units.counts, s) for s in (cm.iou, cm.mean_iou))
    outlines = _outlines(bands, len(names))
    return Scores(
        images=tuple(stems),
        classes=_classes(names, counts, pooled_all, baseline, outlines, intervals),
        absent=_absent(names, pooled),
        mean_iou=float(cm.mean_iou(pooled)),
        mean_iou_interval=(float(mean_interval[0]), float(mean_interval[1])),
        mean_iou_per_image=float(cm.mean_over_present(cm.mean_iou(counts))),
        mean_iou_all_pixels=float(cm.mean_iou(pooled_all)),
        accuracy=float(cm.accuracy(pooled)),
        baseline=names[constant],
        mean_iou_baseline=float(cm.mean_iou(baseline)),
        accuracy_baseline=float(cm.accuracy(baseline)),
        pixels=int(pooled.sum()),
        per_image=cm.iou(counts).tolist(),
        confusion=pooled.tolist(),
        tta=tta,
        note=note,
        interval_unit=units.name,
        mean_boundary_iou=float(cm.mean_over_present(outlines)),
        boundary_width=bands.width if bands else 0,
        without_leak=_without_leak(pooled, leaked),
        objects=objects,
    )


def _classes(
    names: Sequence[str],
    counts: Counts,
    pooled_all: Counts,
    baseline: Counts,
    outlines: NDArray[np.float64],
    intervals: NDArray[np.float64],
) -> tuple[ClassScores, ...]:
    """The scores of each class.

    Args:
        names: The classes.
        counts: (n, K, K) pixels per image, valid and labelled ones.
        pooled_all: (K, K + 1) pixels of all images, invalid ones included.
        baseline: (K, K) pixels of all images as the constant prediction has them.
        outlines: (K,) boundary IoU.
        intervals: (2, K) bounds of the IoU.
    """
    pooled = counts.sum(axis=0)
    columns = {
        "iou": cm.iou(pooled),
        "f1": cm.f1(pooled),
        "precision": cm.precision(pooled),
        "recall": cm.recall(pooled),
        "iou_per_image": cm.mean_over_present(_where_true(counts).T),
        "iou_all_pixels": cm.iou(pooled_all),
        "iou_baseline": cm.iou(baseline),
        "boundary_iou": outlines,
    }
    return tuple(
        ClassScores(
            name=name,
            iou_interval=(float(intervals[0, k]), float(intervals[1, k])),
            pixels=int(pooled[k].sum()),
            **{key: float(column[k]) for key, column in columns.items()},
        )
        for k, name in enumerate(names)
    )


def _absent(names: Sequence[str], pooled: Counts) -> tuple[str, ...]:
    """The classes that occur neither in truth nor in prediction."""
    return tuple(name for name, here in zip(names, cm.present(pooled), strict=True) if not here)


def constant_baseline(counts: Counts) -> int:
    """The class whose constant prediction has the highest mean IoU; (K, K) counts."""
    scores = np.array([cm.mean_iou(_constant(counts, k)) for k in range(len(counts))])
    return 0 if np.isnan(scores).all() else int(np.nanargmax(scores))


def _outlines(bands: Bands | None, classes: int) -> NDArray[np.float64]:
    """(K,) pooled boundary IoU; NaN when not counted."""
    return boundary_iou(bands.counts.sum(axis=0)) if bands else np.full(classes, np.nan)


def _without_leak(pooled: Counts, leaked: Counts | None) -> WithoutLeak | None:
    """(K, K) pooled counts and (n, K, K) of ground that was learnt from."""
    if leaked is None:
        return None
    rest = pooled - leaked.sum(axis=0)
    iou = tuple(float(score) for score in cm.iou(rest))
    return WithoutLeak(float(cm.mean_iou(rest)), iou, int(leaked.sum()))


def _where_true(counts: Counts) -> NDArray[np.float64]:
    """(n, K) IoU of each image, NaN where the class does not occur in its truth."""
    return np.where(counts.sum(axis=-1) > 0, cm.iou(counts), np.nan)


def _constant(counts: Counts, k: int) -> Counts:
    """The counts, had every pixel been predicted as class `k`."""
    constant = np.zeros_like(counts)
    constant[:, k] = counts.sum(axis=1)
    return constant
