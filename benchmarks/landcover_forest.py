"""What a network adds to the spectra: a random forest that sees one pixel at a time, beside it.

    .venv/bin/python benchmarks/landcover_forest.py RUN DATA [PIXELS]

RUN is a run folder of `mapwright run worldcover`, DATA the folder of chips that it learnt from. The
forest (scikit-learn, 100 trees, balanced class weights) gets the bands, classes and splits of the
run, and is scored by the same rules: pooled over all held-out pixels, each fold by a forest that
never saw it. It learns from every labelled training pixel, or from PIXELS of them drawn at random,
which is quicker and serves to try the script.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.spec import FILE_NAME, DatasetSpec
from mapwright.data.splits import read_splits
from mapwright.metrics.confusion import confusion
from mapwright.metrics.summary import Scores, summarize
from mapwright.types import IGNORE, ClassIndex, Counts

TREES, SEED = 100, 0


def main(run: Path, data: Path, pixels: int | None = None) -> None:
    """Fit a forest per fold and print its scores beside those of the run."""
    dataset = Dataset(data, DatasetSpec.load(run / FILE_NAME))
    network = Scores.from_plain(json.loads((run / "scores.json").read_text(encoding="utf-8")))
    stems, counts, seconds, learnt = [], [], 0.0, 0
    for number, fold in enumerate(read_splits(run / "splits.json").folds):
        x, y = table(dataset, dataset.choose(fold.train), pixels, SEED + number)
        began = time.monotonic()
        forest = RandomForestClassifier(
            TREES, class_weight="balanced", random_state=SEED + number, n_jobs=-1
        ).fit(x, y)
        seconds, learnt = seconds + time.monotonic() - began, learnt + len(y)
        for item in dataset.choose(fold.val):
            stems.append(item.stem)
            counts.append(count(forest, dataset.read(item), len(dataset.spec.classes)))
    both = np.stack(counts)
    ours = summarize(stems, dataset.spec.class_names, both[:, :, :-1], both)
    require_same_pixels(ours, network)
    show(ours, network)
    bands = ", ".join(dataset.spec.band_names)
    print(f"\n{TREES} trees, {learnt:,} pixels of {bands}, {seconds:.0f} s.")
    print(f"Both on the {len(stems)} images that {run.name} was scored on. 95 %: bootstrap over")
    print(f"{ours.interval_unit}; the network's over {network.interval_unit}.")


def table(
    dataset: Dataset, items: tuple[Item, ...], pixels: int | None, seed: int
) -> tuple[NDArray[np.float32], ClassIndex]:
    """Valid, labelled pixels: (n, C) file values and (n,) class indices."""
    parts = []
    for item in items:
        sample = dataset.read(item)
        known = sample.mask != IGNORE
        parts.append((sample.image[:, known].T, sample.mask[known]))
    x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    if pixels is None or pixels >= len(y):
        return x, y
    chosen = np.random.default_rng(seed).choice(len(y), pixels, replace=False)
    return x[chosen], y[chosen]


def count(forest: RandomForestClassifier, sample: Sample, classes: int) -> Counts:
    """(K, K + 1) labelled pixels by true and predicted class; the last column was invalid."""
    valid = ~np.isnan(sample.image).any(axis=0)
    guess = np.full(valid.shape, IGNORE, np.uint8)
    if valid.any():
        guess[valid] = forest.predict(sample.image[:, valid].T)
    missed = sample.labels[~valid & (sample.labels != IGNORE)]
    pairs = confusion(sample.mask, guess, classes)
    return np.column_stack([pairs, np.bincount(missed, minlength=classes)])


def require_same_pixels(ours: Scores, network: Scores) -> None:
    """End when the run was not scored on the same true pixels: nothing could be compared."""
    true = [{entry.name: entry.pixels for entry in scores.classes} for scores in (ours, network)]
    if set(ours.images) != set(network.images) or true[0] != true[1]:
        sys.exit(f"other pixels than the run was scored on: {true[0]} here, {true[1]} there")


def show(forest: Scores, network: Scores) -> None:
    """Print one row per class, and the mean."""
    print("| class | pixels | forest IoU | 95 % | network IoU | 95 % | constant |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for a, b in zip(forest.classes, network.classes, strict=True):
        pairs = (a.iou, a.iou_interval), (b.iou, b.iou_interval)
        print(row(a.name, a.pixels, pairs, a.iou_baseline))
    means = [(scores.mean_iou, scores.mean_iou_interval) for scores in (forest, network)]
    print(row("mean", forest.pixels, means, forest.mean_iou_baseline))


def row(name: str, pixels: int, scores: Any, constant: float) -> str:
    """A line of the table; a score that is not defined is a dash."""
    cells = [part for iou, ends in scores for part in (number(iou), " to ".join(map(number, ends)))]
    return f"| {name} | {pixels:,} | {' | '.join(cells)} | {number(constant)} |"


def number(score: float) -> str:
    """Three decimals, or a dash."""
    return "-" if math.isnan(score) else f"{score:.3f}"


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
