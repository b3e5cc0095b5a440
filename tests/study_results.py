"""Made-up results of a study, as `results.json` holds them, with predictions and pictures."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mapwright.report.study.pictures import Picture

CLASSES = [
    {"name": "background", "color": "#dfe3e6"},
    {"name": "roof", "color": "#c8553d"},
    {"name": "road", "color": "#e9c46a"},
    {"name": "water", "color": "#3a86c8"},
]
FACTORS: list[dict[str, Any]] = [
    {
        "name": "encoder",
        "values": ["resnet18", "resnet34", "efficientnet-b0"],
        "default": "resnet18",
    },
    {"name": "loss", "values": ["dice", "cross_entropy"], "default": "dice"},
    {"name": "learning_rate", "values": [0.0003, 0.001], "default": 0.001},
]
LIFT = {"resnet34": 0.02, "efficientnet-b0": 0.05, "cross_entropy": -0.01, 0.0003: -0.03}


def study(
    seeds: int = 3, folds: int = 2, rows: int = 30, images: int = 6, seed: int = 0
) -> dict[str, Any]:
    """A whole study: 12 configurations, crossed with seeds and folds; a few runs did not finish."""
    rng = np.random.default_rng(seed)
    stems = [f"tile_{k:02d}" for k in range(images)]
    configurations = _configurations()
    cells = list(itertools.product(configurations, range(seeds), range(folds)))
    runs = [
        _run(f"r{k:03d}", entry, seed_, fold, rows, stems, rng)
        for k, (entry, seed_, fold) in enumerate(cells)
    ]
    for place, status in ((-1, "failed"), (-3, "pruned"), (-5, "cut")):
        if len(runs) > 8:
            _spoil(runs[place], status)
    return {
        "name": "Encoders on roofs",
        "question": "Does a larger encoder find more roofs within the same budget?",
        "metric": "mean_iou",
        "dataset": {"name": "roofs", "images": stems, "classes": CLASSES},
        "factors": FACTORS,
        "configurations": configurations,
        "runs": runs,
        "comparisons": _comparisons(configurations),
        "findings": [
            "efficientnet-b0 is better than resnet18: +0.050 mean IoU (95 %: +0.031 to +0.068).",
            "Between the losses no difference was detected.",
        ],
        "cut": ["learning_rate 0.003 was not run: the budget of 2 hours was spent."],
        "environment": {"platform": "Linux", "hardware": {"cores": 2, "memory": "24 GiB"}},
    }


def _configurations() -> list[dict[str, Any]]:
    names = [factor["name"] for factor in FACTORS]
    crossed = itertools.product(*(factor["values"] for factor in FACTORS))
    entries = [
        {
            "id": f"c{k:02d}",
            "label": ", ".join(map(str, values)),
            "settings": dict(zip(names, values, strict=True)),
            "dropped": None,
        }
        for k, values in enumerate(crossed)
    ]
    why = "its upper bound lies below the best lower bound"
    entries[-1]["dropped"] = {"after_cells": 3, "why": why}
    return entries


def _run(
    name: str, entry: dict[str, Any], seed: int, fold: int, rows: int, stems: list[str], rng: Any
) -> dict[str, Any]:
    lift = sum(LIFT.get(value, 0.0) for value in entry["settings"].values())
    final = 0.7 + lift + 0.02 * fold + float(rng.normal(0, 0.012))
    steps = np.arange(1, rows + 1)
    rise = 1 - np.exp(-steps / (rows / 5))
    noise = rng.normal(0, 0.01, (4, rows))
    held = stems[fold::2] or stems
    return {
        "id": name,
        "configuration": entry["id"],
        "seed": seed,
        "repeat": 0,
        "fold": fold,
        "status": "done",
        "seconds": float(rng.uniform(60, 200)),
        "steps": rows * 10,
        "scores": {"mean_iou": final, "f1": final + 0.1, "accuracy": final + 0.15},
        "images": [_image(stem, final, rng) for stem in held],
        "curves": {
            "step": (steps * 10).tolist(),
            "train_loss": (1.2 - 0.9 * rise + noise[0]).tolist(),
            "val_loss": (1.2 - 0.75 * rise + 2 * noise[1]).tolist(),
            "train_iou": (rise * (final + 0.08) + noise[2]).tolist(),
            "val_iou": (rise * final + 2 * noise[3]).tolist(),
        },
        "error": None,
    }


def _image(stem: str, final: float, rng: Any) -> dict[str, Any]:
    counts = np.diag(rng.integers(2000, 6000, len(CLASSES))) + rng.integers(0, 400, (4, 4))
    counts[3] = counts[:, 3] = 0
    return {
        "stem": stem,
        "score": min(1.0, final + float(rng.normal(0, 0.08))),
        "counts": counts.tolist(),
    }


def _spoil(run: dict[str, Any], status: str) -> None:
    errors = {"failed": "the loss became nan at step 120\n  what to do: lower learning_rate"}
    run |= {"status": status, "scores": {}, "images": [], "error": errors.get(status)}
    run["curves"] = {key: values[:8] for key, values in run["curves"].items()}


def _comparisons(configurations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = [
        (0.05, [0.031, 0.068], 0.0004, "better"),
        (-0.03, [-0.047, -0.012], 0.02, "worse"),
        (0.004, [-0.012, 0.02], 0.71, "no detectable difference"),
        (0.018, [-0.009, 0.045], None, "needs more seeds (about 4)"),
    ]
    return [
        {
            "first": configurations[k + 1]["id"],
            "second": configurations[0]["id"],
            "difference": difference,
            "interval": interval,
            "verdict": verdict,
            "text": f"{abs(difference):.3f} {'above' if difference > 0 else 'below'} the default",
        }
        | ({} if p is None else {"p": p})
        for k, (difference, interval, p, verdict) in enumerate(rows)
    ]


def write_predictions(results: dict[str, Any], folder: Path, side: int = 64) -> None:
    """A class map for every configuration and image, as indexed PNG."""
    for k, entry in enumerate(results["configurations"]):
        target = folder / entry["id"]
        target.mkdir(parents=True, exist_ok=True)
        for j, stem in enumerate(results["dataset"]["images"]):
            picture = Image.fromarray(class_map(side, j, 0.6 + 0.5 * k), "P")
            picture.putpalette([int(c["color"][i : i + 2], 16) for c in CLASSES for i in (1, 3, 5)])
            picture.save(target / f"{stem}.png")


def pictures(results: dict[str, Any], side: int = 64) -> dict[str, Picture]:
    """Image and truth of every image of the study."""
    return {
        stem: Picture(_photo(side, k), class_map(side, k))
        for k, stem in enumerate(results["dataset"]["images"])
    }


def class_map(side: int, place: int, wobble: float = 0.0) -> NDArray[np.uint8]:
    """(side, side) class indices: blobs of roofs, a road, water at one edge."""
    row, col = np.mgrid[:side, :side] / side
    found = np.zeros((side, side), np.uint8)
    wave = np.sin(9 * row + place) * np.cos(8 * col + 2 * place) + 0.05 * wobble * np.sin(40 * col)
    found[wave > 0.45] = 1
    found[np.abs(row - 0.5 - 0.2 * math.sin(place) * col - 0.01 * wobble) < 0.04] = 2
    found[col > 0.85 + 0.05 * np.sin(7 * row) + 0.008 * wobble] = 3
    return found


def _photo(side: int, place: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(place)
    table = np.array([[110, 130, 90], [150, 90, 80], [120, 120, 120], [50, 80, 120]])
    noisy = table[class_map(side, place)] + rng.normal(0, 12, (side, side, 3))
    return np.asarray(noisy.clip(0, 255), np.uint8)
