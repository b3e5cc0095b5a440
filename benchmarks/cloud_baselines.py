"""What a network has to beat on clouds: brightness, and boosted trees, one pixel at a time.

    .venv/bin/python benchmarks/cloud_baselines.py RUN DATA [PIXELS]

RUN is a run folder of `mapwright run clouds`, DATA the folder of images that it learnt from. RUN
may also be the name of a recipe, or its file: then its folds are drawn as the run would draw them,
and no network is needed.

- Brightness: the mean of red, green and blue; cloud from a threshold on, the one with the highest
  mean IoU on the training part of the fold. This measure was chosen before any was tried; the
  others that are listed were tried beside it, in the same way.
- Boosted trees: scikit-learn's HistGradientBoostingClassifier as it comes, on the bands of the run.

Both learn from every labelled training pixel, or from about PIXELS of them drawn at random, and
are scored by the rules of the run: pooled over all held-out pixels, each fold by what never saw it.
Into a run folder `baselines.json` is written, which its methodology then shows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from mapwright.data.config import read_toml
from mapwright.data.dataset import Dataset
from mapwright.data.describe import open_dataset
from mapwright.data.divide import draw_splits
from mapwright.data.splits import Splits
from mapwright.io.files import write_json
from mapwright.metrics import confusion as cm
from mapwright.metrics.intervals import bootstrap_interval
from mapwright.metrics.summary import Scores
from mapwright.recipe import Recipe, apply_recipe, recipe_path
from mapwright.types import ClassIndex
from pixelwise import (
    Counted,
    Guess,
    bounds,
    count,
    number,
    open_run,
    require_same_pixels,
    score,
    table,
    units_of,
)

SEED = 0
CHOSEN, TREES = "brightness: mean of red, green, blue", "boosted trees"

Pixels = NDArray[np.float32]
"""(n, C) file values of pixels."""

Intervals = Mapping[str, Mapping[str, list[float]]]
"""Baseline -> name -> ends of a 95 % interval."""

Learn = Callable[[Pixels, ClassIndex, int], Guess]
"""Pixels, their classes and a seed to something that classifies pixels."""


def main(run: str, data: Path, pixels: int | None = None) -> None:
    """Score the baselines, print them, and leave them in the run folder if there is one."""
    folder, network = Path(run), None
    if folder.is_dir():
        dataset, splits, network = open_run(folder, data)
    else:
        dataset, splits = open_recipe(run, data)
    require_clouds(dataset)
    found, facts = score_all(dataset, splits, pixels)
    scores = {name: score(dataset, counted) for name, counted in found.items()}
    intervals = {name: ends(dataset, counted) for name, counted in found.items()}
    if network:
        require_same_pixels(scores[CHOSEN], network)
        write_json(folder / "baselines.json", plain(scores, intervals, facts))
    show(scores, intervals, network)
    unit = scores[CHOSEN].interval_unit
    print(f"\n{facts['text']} 95 %: bootstrap over {unit}. {facts['seconds']:.0f} s.")


def open_recipe(name: str, data: Path) -> tuple[Dataset, Splits]:
    """The data as a recipe describes them, and the folds that its run would draw."""
    path = recipe_path(name)
    recipe = Recipe.parse(read_toml(path), path)
    dataset = apply_recipe(recipe, open_dataset(data))
    return dataset, draw_splits(dataset, int(recipe.plan["folds"]))


def require_clouds(dataset: Dataset) -> None:
    """End when the data are not of two classes, or lack a band."""
    lacking = {"red", "green", "blue", "nir"} - set(dataset.spec.band_names)
    if lacking or len(dataset.spec.classes) != 2:
        sys.exit(f"two classes and the bands red, green, blue and nir are needed, not {dataset}")


def learners() -> dict[str, Callable[[Dataset], Learn]]:
    """Every baseline, the chosen brightness first."""
    measures: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
        CHOSEN: (("red", "green", "blue"), np.mean),
        "blue": (("blue",), np.mean),
        "mean of all four": (("red", "green", "blue", "nir"), np.mean),
        "darkest of red, green, blue": (("red", "green", "blue"), np.min),
    }
    return {
        **{name: brightness(*measure) for name, measure in measures.items()},
        TREES: lambda dataset: boosted,
    }


def brightness(names: tuple[str, ...], reduce: Callable[..., Any]) -> Callable[[Dataset], Learn]:
    """A threshold on one number a pixel, which is made from the bands with these names."""

    def for_data(dataset: Dataset) -> Learn:
        places = [dataset.spec.band_names.index(name) for name in names]

        def learn(x: Pixels, y: ClassIndex, seed: int) -> Guess:
            least = best_cut(reduce(x[:, places], axis=1), y)
            return lambda pixels: reduce(pixels[:, places], axis=1) >= least

        return learn

    return for_data


def best_cut(values: NDArray[np.float32], y: ClassIndex) -> float:
    """From which value on the second class has to begin for the highest mean IoU."""
    order = np.argsort(values, kind="stable")
    ordered, cloudy = values[order], y[order] == 1
    first = np.flatnonzero(np.diff(ordered, prepend=-np.inf))  # of equal values, the first
    missed = np.concatenate([[0], np.cumsum(cloudy)])[first]
    right = np.concatenate([[0], np.cumsum(~cloudy)])[first]
    hits, alarms = cloudy.sum() - missed, (~cloudy).sum() - right
    counts = np.stack([np.stack([right, alarms], -1), np.stack([missed, hits], -1)], -2)
    return float(ordered[first[int(np.nanargmax(cm.mean_iou(counts)))]])


def boosted(x: Pixels, y: ClassIndex, seed: int) -> Guess:
    """Gradient-boosted trees."""
    guess: Guess = HistGradientBoostingClassifier(random_state=seed).fit(x, y).predict
    return guess


def score_all(
    dataset: Dataset, splits: Splits, pixels: int | None
) -> tuple[dict[str, list[Counted]], dict[str, Any]]:
    """What every baseline got right on the held-out images, and what was done."""
    found: dict[str, list[Counted]] = {name: [] for name in learners()}
    began, learnt = time.monotonic(), []
    for k, fold in enumerate(splits.folds):
        x, y = table(dataset, dataset.choose(fold.train), pixels, SEED + k)
        learnt.append(len(y))
        guesses = {name: make(dataset)(x, y, SEED + k) for name, make in learners().items()}
        for name, counted in count(dataset, splits, k, guesses).items():
            found[name] += counted
    few, many, images = min(learnt), max(learnt), len(found[CHOSEN])
    text = (
        f"{images} held-out images, {len(splits.folds)} folds by {splits.by} (seed {splits.seed}); "
        f"in each {few:,}{'' if few == many else f' to {many:,}'} pixels of "
        f"{', '.join(dataset.spec.band_names)} learnt from (seed {SEED})."
    )
    seconds = round(time.monotonic() - began, 1)
    return found, {"text": text, "pixels": learnt, "seed": SEED, "seconds": seconds}


def ends(dataset: Dataset, counted: Sequence[Counted]) -> dict[str, list[float]]:
    """95 % intervals of the F1 of the second class and of the accuracy, as those of IoU are."""
    units = units_of(dataset, counted).counts
    return {
        "f1_interval": bootstrap_interval(units, cm.f1)[:, 1].tolist(),
        "accuracy_interval": bootstrap_interval(units, cm.accuracy).tolist(),
    }


def plain(
    scores: Mapping[str, Scores], intervals: Intervals, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """What is written into a run folder: the chosen brightness and the trees."""
    chosen = {name: {"scores": scores[name].plain(), **intervals[name]} for name in (CHOSEN, TREES)}
    return {"baselines": chosen, **facts}


def show(scores: Mapping[str, Scores], intervals: Intervals, network: Scores | None) -> None:
    """Print a line per baseline, the constant and the network among them."""
    first = scores[CHOSEN]
    name = first.classes[1].name
    print(f"| | {name} IoU | 95 % | {name} F1 | 95 % | accuracy | 95 % | mean IoU |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    constant = [number(first.classes[1].iou_baseline), "", "", "", number(first.accuracy_baseline)]
    constant += ["", number(first.mean_iou_baseline)]
    print(f"| {first.baseline} everywhere | {' | '.join(constant)} |")
    for key in (CHOSEN, TREES, *(k for k in scores if k not in (CHOSEN, TREES))):
        label = key if key in (CHOSEN, TREES) else f"tried beside it: {key}"
        print(row(label, scores[key], intervals[key]))
    if network:
        print(row("the network", network, {}))


def row(label: str, scores: Scores, ends: Mapping[str, list[float]]) -> str:
    """A line of the table."""
    entry = scores.classes[1]
    cells = [
        number(entry.iou), bounds(entry.iou_interval),
        number(entry.f1), bounds(ends.get("f1_interval", ())),
        number(scores.accuracy), bounds(ends.get("accuracy_interval", ())),
        number(scores.mean_iou),
    ]  # fmt: skip
    return f"| {label} | {' | '.join(cells)} |"


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
