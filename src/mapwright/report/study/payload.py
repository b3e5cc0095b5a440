"""What the page knows: the results of a study, small enough to travel inside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mapwright.report.study.curves import curves_of
from mapwright.report.study.levels import factors_of
from mapwright.report.study.plain import listed, number, positions, rows_of, words

MOST_CLASS_SCORES = 400_000
"""Scores per run, image and class; beyond that only those per run and image are kept."""

_DIGITS = 5


def payload(results: Mapping[str, Any]) -> dict[str, Any]:
    """The results as the script of the page reads them.

    Args:
        results: The contents of `results.json`. Runs may name configurations that are not listed.

    Returns:
        Plain values for `page_json`. Whatever repeats is listed once and named by its place.
    """
    runs = listed(results, "runs")
    configurations = all_configurations(results)
    factors = factors_of(results)
    places = positions([entry["id"] for entry in configurations])
    metrics = list(dict.fromkeys(name for run in runs for name in run.get("scores") or {}))
    return {
        "metric": words(results.get("metric", "score")),
        "metrics": metrics,
        "classes": classes_of(results),
        "stems": stems_of(results),
        "factors": [{"name": f.name, "levels": f.levels, "default": f.default} for f in factors],
        "configurations": [
            {
                "label": entry["label"],
                "levels": [factor.level_of(entry["settings"]) for factor in factors],
                "settings": rows_of(entry["settings"]),
            }
            for entry in configurations
        ],
        "runs": [_run(run, places, metrics) for run in runs],
        "images": _images(results),
        "curves": curves_of(runs),
    }


def all_configurations(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The configurations with id, label, settings and why they were dropped, none missing."""
    listed_ones = listed(results, "configurations")
    known = {words(entry.get("id")) for entry in listed_ones}
    unknown = dict.fromkeys(words(run.get("configuration")) for run in listed(results, "runs"))
    extra = [{"id": name} for name in unknown if name not in known]
    return [
        {
            "id": words(entry.get("id")),
            "label": words(entry.get("label") or entry.get("id")),
            "settings": entry.get("settings") or {},
            "dropped": entry.get("dropped"),
        }
        for entry in [*listed_ones, *extra]
    ]


def classes_of(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """Names and colours of the classes; a colour that is none becomes grey."""
    classes = listed(results.get("dataset") or {}, "classes")
    return [{"name": words(c.get("name")), "color": _color(c.get("color"))} for c in classes]


def stems_of(results: Mapping[str, Any]) -> list[str]:
    """The images of the data set, then any other that a run has a score for."""
    named = [words(stem) for stem in listed(results.get("dataset") or {}, "images")]
    scored = [
        words(i.get("stem")) for run in listed(results, "runs") for i in listed(run, "images")
    ]
    return list(dict.fromkeys([*named, *scored]))


def _run(
    run: Mapping[str, Any], places: Mapping[str, int], metrics: Sequence[str]
) -> dict[str, Any]:
    scores = run.get("scores") or {}
    return {
        "id": words(run.get("id")),
        "configuration": places[words(run.get("configuration"))],
        "seed": words(run.get("seed")),
        "repeat": words(run.get("repeat")),
        "fold": words(run.get("fold")),
        "status": words(run.get("status")),
        "seconds": number(run.get("seconds"), _DIGITS),
        "steps": number(run.get("steps"), _DIGITS),
        "scores": [number(scores.get(metric), _DIGITS) for metric in metrics],
        "error": words(run["error"]) if run.get("error") else None,
    }


def _images(results: Mapping[str, Any]) -> list[list[list[Any]]]:
    """Per run its images: [place of the stem, score, IoU of each class]."""
    runs = [listed(run, "images") for run in listed(results, "runs")]
    places = positions(stems_of(results))
    classes = len(classes_of(results))
    detailed = classes * sum(map(len, runs)) <= MOST_CLASS_SCORES
    return [
        [
            [
                places[words(image.get("stem"))],
                number(image.get("score"), 4),
                *(_class_iou(image.get("counts"), classes) if detailed else ()),
            ]
            for image in images
        ]
        for images in runs
    ]


def _class_iou(counts: Any, classes: int) -> list[float | int | None]:
    """IoU per class of one image; None where a class is in neither truth nor prediction.

    Args:
        counts: (K, K) pixels, rows = truth, columns = prediction; more columns, or rows, than
            classes are pixels of no class.
        classes: K.
    """
    if not counts:
        return []
    table = np.asarray(counts, np.float64)
    if table.ndim != 2 or min(table.shape) < classes:
        return []
    hit = np.diagonal(table)[:classes]
    union = table.sum(axis=1)[:classes] + table.sum(axis=0)[:classes] - hit
    return [number(float(h) / float(u), 3) if u else None for h, u in zip(hit, union, strict=True)]


def _color(value: Any) -> str:
    text = str(value)
    digits = text[1:]
    good = (
        text[:1] == "#" and len(digits) == 6 and all(d in "0123456789abcdefABCDEF" for d in digits)
    )
    return text if good else "#888888"
