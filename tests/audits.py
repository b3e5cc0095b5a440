"""A model that needs no training, and data for it: what is bright is roof."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from builders import make_dataset, make_spec
from mapwright.auditing.conduct import Task
from mapwright.card import Decision, History
from mapwright.data.dataset import Dataset, Sample
from mapwright.data.splits import Fold
from mapwright.predict.model import Model
from mapwright.predict.stitch import Strip
from mapwright.types import Window

SURE = 0.95


@dataclass(frozen=True)
class Bright:
    """Sure that what is brighter than 100 on the mean is the last class, and the rest the first.

    Args:
        bundle: What a model file would hold.
        rows: Rows of a strip.
        asked: Which members were asked for.
    """

    bundle: Any
    rows: int = 40
    asked: list[tuple[int, ...]] = field(default_factory=list)
    views: str = "none"

    def only(self, members: Sequence[int]) -> Bright:
        self.asked.append(tuple(members))
        return replace(self)

    def samples(
        self, read: Callable[[Window], Sample], size: tuple[int, int]
    ) -> Iterator[tuple[Sample, Strip]]:
        classes = len(self.bundle.spec.classes)
        for row in range(0, size[0], self.rows):
            sample = read(Window(row, 0, min(self.rows, size[0] - row), size[1]))
            mean = np.nan_to_num(sample.image).mean(axis=0)
            kind = np.where(mean > 100, classes - 1, 0)
            soft = np.full((classes, *mean.shape), (1 - SURE) / (classes - 1), np.float32)
            np.put_along_axis(soft, kind[None], np.float32(SURE), axis=0)
            yield sample, Strip(row, soft)


def history(folds: Sequence[Fold], dataset: Dataset, ancestors: Sequence[str] = ()) -> History:
    """What a model of these folds would know of its past."""
    scenes = {item.stem: item.digest() for item in dataset.labelled}
    names = {name for fold in folds for name in (*fold.train, *fold.val)}
    return History(
        created="2026-01-01T00:00:00+00:00",
        folds=tuple(folds),
        images={name: scenes[name.partition("[")[0]] for name in names},
        ancestors=tuple(ancestors),
        weights_source="random",
        weights_reason="a test",
        steps=(1,) * len(folds),
        best_steps=(1,) * len(folds),
        seconds=1.0,
        versions={},
        hardware="a test",
    )


def task_for(
    dataset: Dataset, folds: Sequence[Fold], ancestors: Sequence[str] = (), rows: int = 40
) -> Task:
    """A task for the model that knows what is bright."""
    bundle = SimpleNamespace(
        spec=dataset.spec,
        decision=Decision(),
        history=history(folds, dataset, ancestors),
        caveat="",
        tile=64,
    )
    return Task(Path("run"), cast(Model, Bright(bundle, rows)), dataset)


def two_folds(dataset: Dataset) -> list[Fold]:
    """Every image is held out by one of two members, in turn."""
    stems = [item.stem for item in dataset.labelled]
    halves = tuple(stems[::2]), tuple(stems[1::2])
    return [Fold(train=halves[1], val=halves[0]), Fold(train=halves[0], val=halves[1])]


def make_audited(root: Path, count: int = 12, copied: bool = True, **spec: Any) -> Dataset:
    """Rectangles of which image 03 has the mask of 07, if wanted."""
    make_dataset(root, count)
    if copied:
        shutil.copy(root / "masks" / "07.png", root / "masks" / "03.png")
    return Dataset(root, make_spec(valid={"alpha": True}, **spec))
