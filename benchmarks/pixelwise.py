"""What baselines that see one pixel at a time have in common: pixels, counts, the table."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.data.blocks import cut
from mapwright.data.dataset import Dataset, Item
from mapwright.data.spec import FILE_NAME, DatasetSpec
from mapwright.data.splits import Splits, group_names, read_splits
from mapwright.metrics.blocks import BlockCounter, block_side, block_units
from mapwright.metrics.confusion import confusion
from mapwright.metrics.intervals import Units
from mapwright.metrics.summary import Scores, summarize
from mapwright.types import IGNORE, ClassIndex, Counts, Window

_ROWS = 512  # rows that are classified at a time

Guess = Callable[[NDArray[np.float32]], NDArray[Any]]
"""(n, C) file values of pixels to their (n,) class indices."""


def open_run(run: Path, data: Path) -> tuple[Dataset, Splits, Scores]:
    """The data of a run folder as it was described there, its folds, and its scores."""
    dataset = Dataset(data, DatasetSpec.load(run / FILE_NAME))
    plain = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    return dataset, read_splits(run / "splits.json"), Scores.from_plain(plain)


def table(
    dataset: Dataset, items: Sequence[Item], pixels: int | None, seed: int
) -> tuple[NDArray[np.float32], ClassIndex]:
    """Valid, labelled pixels: (n, C) file values and (n,) class indices.

    Args:
        dataset: Reads the images.
        items: Which.
        pixels: Draw about that many at random, as many of each image; None = all of them.
        seed: Seed of the draw.
    """
    rng = np.random.default_rng(seed)
    most = math.inf if pixels is None else math.ceil(pixels / len(items))
    parts = []
    for item in items:
        sample = dataset.read(item)
        known = np.flatnonzero(sample.mask != IGNORE)
        if len(known) > most:
            known = rng.choice(known, int(most), replace=False)
        bands = sample.image.reshape(len(sample.image), -1)
        parts.append((bands[:, known].T, sample.mask.ravel()[known]))
    x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    return x, y


@dataclass(frozen=True)
class Counted:
    """What a guess got right on one image.

    Args:
        item: The image, or a part of one.
        size: Its height and width in pixels.
        blocks: (n, K, K) valid, labelled pixels of each block that it is cut into.
        missed: (K,) labelled pixels where the image is invalid.
    """

    item: Item
    size: tuple[int, int]
    blocks: Counts
    missed: Counts


def count(
    dataset: Dataset, splits: Splits, number: int, guesses: Mapping[str, Guess]
) -> dict[str, list[Counted]]:
    """What each guess gets right on the held-out images of a fold, in the blocks of the run."""
    every = dataset.choose([name for fold in splits.folds for name in fold.val])
    side = block_side([dataset.size(item) for item in every])
    items = dataset.choose(splits.folds[number].val)
    return {
        name: [_count(dataset, item, guess, side) for item in items]
        for name, guess in guesses.items()
    }


def _count(dataset: Dataset, item: Item, guess: Guess, side: int) -> Counted:
    height, width = size = dataset.size(item)
    classes = len(dataset.spec.classes)
    blocks = BlockCounter(cut(height, width, side), partial(confusion, classes=classes))
    missed = np.zeros(classes, np.int64)
    for row in range(0, height, _ROWS):
        sample = dataset.read(item, Window(row, 0, min(_ROWS, height - row), width))
        valid = ~np.isnan(sample.image).any(axis=0)
        found = np.full(valid.shape, IGNORE, np.uint8)
        if valid.any():
            found[valid] = guess(sample.image[:, valid].T)
        blocks.add(row, sample.mask, found)
        unseen = sample.labels[~valid & (sample.labels != IGNORE)]
        missed += np.bincount(unseen, minlength=classes)
    return Counted(item, size, blocks.counts, missed)


def units_of(dataset: Dataset, counted: Sequence[Counted]) -> Units:
    """What a bootstrap draws, as it does for a run."""
    groups = group_names([one.item.stem for one in counted], dataset.split)
    parts = any(one.item.window for one in counted)
    return block_units([one.blocks for one in counted], [one.size for one in counted], groups,
                       parts=parts)  # fmt: skip


def score(dataset: Dataset, counted: Sequence[Counted]) -> Scores:
    """Pooled scores of what was counted in all folds."""
    valid = np.array([one.blocks.sum(axis=0) for one in counted])
    whole = np.concatenate([valid, np.array([one.missed for one in counted])[..., None]], axis=2)
    stems = [one.item.stem for one in counted]
    units = units_of(dataset, counted)
    return summarize(stems, dataset.spec.class_names, valid, whole, units=units)


def require_same_pixels(ours: Scores, network: Scores) -> None:
    """End when the run was not scored on the same true pixels: nothing could be compared."""
    true = [{entry.name: entry.pixels for entry in scores.classes} for scores in (ours, network)]
    if set(ours.images) != set(network.images) or true[0] != true[1]:
        sys.exit(f"other pixels than the run was scored on: {true[0]} here, {true[1]} there")


def show(columns: Mapping[str, Scores]) -> None:
    """Print one row per class, and the mean; the columns are of the same pixels."""
    first = next(iter(columns.values()))
    heads = "".join(f" {name} IoU | 95 % |" for name in columns)
    print(f"| class | pixels |{heads} constant |")
    print("| --- " * (3 + 2 * len(columns)) + "|")
    for k, entry in enumerate(first.classes):
        rows = [scores.classes[k] for scores in columns.values()]
        cells = [(row.iou, row.iou_interval) for row in rows]
        print(_row(entry.name, entry.pixels, cells, entry.iou_baseline))
    means = [(scores.mean_iou, scores.mean_iou_interval) for scores in columns.values()]
    print(_row("mean", first.pixels, means, first.mean_iou_baseline))


def number(score: float) -> str:
    """Three decimals, or a dash."""
    return "-" if math.isnan(score) else f"{score:.3f}"


def bounds(pair: Sequence[float]) -> str:
    """The two ends of an interval."""
    return " to ".join(map(number, pair))


def _row(
    name: str, pixels: int, scores: Sequence[tuple[float, Sequence[float]]], constant: float
) -> str:
    cells = [part for iou, ends in scores for part in (number(iou), bounds(ends))]
    return f"| {name} | {pixels:,} | {' | '.join(cells)} | {number(constant)} |"
