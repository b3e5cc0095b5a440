"""What stands beside a table of scores: notes in words, and the images one by one."""

from __future__ import annotations

import math

import numpy as np

from mapwright.metrics.confusion import mean_over_present
from mapwright.metrics.object_result import ObjectScores
from mapwright.metrics.summary import Scores
from mapwright.report.calibration import calibration_line

LISTED = 30
"""Images up to which each is listed with its own scores."""


def score_notes(scores: Scores) -> list[str]:
    """One sentence for each thing that a reader of the scores must know."""
    notes = [
        f"Accuracy {_number(scores.accuracy)}; the baseline, {scores.baseline!r} everywhere, has "
        f"{_number(scores.accuracy_baseline)}.",
        _interval(scores),
    ]
    if scores.boundary_width:
        notes.append(
            "Boundary IoU looks only at pixels within "
            f"{_plural(scores.boundary_width, 'pixel')} of the outline of their class."
        )
    if scores.absent:
        absent = ", ".join(scores.absent)
        notes.append(f"Neither in truth nor in prediction, so in no mean: {absent}.")
    if scores.without_leak:
        notes.append(_leak(scores))
    if scores.objects:
        notes.append(_objects(scores.objects))
    if scores.calibration:
        notes.append(calibration_line(scores.calibration))
    return notes


def caveat(scores: Scores) -> str:
    """The note that came with the scores as a sentence; an empty text without one."""
    return f"{scores.note[0].upper()}{scores.note[1:]}." if scores.note else ""


def per_image_rows(scores: Scores) -> list[tuple[str, float, list[float]]]:
    """Stem, mean IoU and IoU per class of each image; none where there is one, or too many.

    A class that an image has neither in truth nor in prediction is NaN there.
    """
    if not 2 <= len(scores.images) <= LISTED:
        return []
    means = mean_over_present(np.array(scores.per_image, np.float64))
    return [
        (stem, float(mean), row)
        for stem, mean, row in zip(scores.images, means, scores.per_image, strict=True)
    ]


def _interval(scores: Scores) -> str:
    if math.isnan(scores.mean_iou_interval[0]):
        return "No intervals: there are fewer than two images to draw from."
    text = f"Intervals: 95 %, bootstrap over {scores.interval_unit}"
    if scores.interval_unit == "images":
        return text + "."
    return f"{text}: they speak of ground like that of these images, not of other places."


def _objects(objects: ObjectScores) -> str:
    f2 = objects["f2"]
    return (
        f"Objects of {objects.name!r}: F2 {_number(f2.value)} over {objects.images:,} images; "
        f"nothing predicted has {_number(f2.baseline)}."
    )


def _leak(scores: Scores) -> str:
    leak = scores.without_leak
    assert leak
    if not leak.pixels:
        return "No scored pixel lies on ground that was learnt from."
    return (
        f"{leak.pixels:,} of the pixels ({leak.pixels / max(scores.pixels, 1):.2%}) lie on ground "
        f"that was learnt from: mean IoU {_number(scores.mean_iou, 4)} with them, "
        f"{_number(leak.mean_iou, 4)} without."
    )


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _number(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
