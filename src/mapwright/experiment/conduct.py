"""A study from its first cell to its last, by as many processes as work on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapwright.data.dataset import Dataset
from mapwright.data.describe import open_dataset
from mapwright.data.divide import draw_splits
from mapwright.data.splits import Splits
from mapwright.errors import SettingError
from mapwright.experiment.bench import Bench
from mapwright.experiment.claims import BEAT, STALE, Claims, open_storage, require_optuna
from mapwright.experiment.design import Layout, lay_out, with_start
from mapwright.experiment.drop import Drop
from mapwright.experiment.ground import draw_ground
from mapwright.experiment.keys import KNOWN
from mapwright.experiment.measure import measure_named
from mapwright.experiment.results import Compare
from mapwright.experiment.spec import StudySpec, read_study
from mapwright.experiment.store import Store, identity_of
from mapwright.experiment.work import Work
from mapwright.io.files import write_text
from mapwright.training.tensorboard import FOLDER, require_tensorboard


@dataclass(frozen=True)
class StudyTask:
    """A study to run, or to go on with.

    Args:
        study: The `study.toml`.
        out: The folder of the study.
        data: The data folder; None = as the study says.
        dataset_file: A `dataset.toml` kept elsewhere.
        storage: Where claims are kept; see `open_storage`.
        budget: Seconds that all cells together may take; None = as the study says.
        retry: Run cells again that had failed.
        began: `time.monotonic()` at which the budget began; None = now.
        tensorboard: Also write the log of each training for TensorBoard.
        stale: Seconds without a sign of life after which a cell is taken over.
        beat: Seconds between two signs of life.
    """

    study: Path
    out: Path
    data: Path | None = None
    dataset_file: Path | None = None
    storage: str | None = None
    budget: float | None = None
    retry: bool = False
    began: float | None = None
    tensorboard: bool = False
    stale: float = STALE
    beat: float = BEAT


@dataclass(frozen=True)
class Opened:
    """A study that was read and found fit; nothing of it is written yet.

    Args:
        spec: What it says.
        store: Its folder.
        bench: Trains its cells.
        layout: What it compares.
        identity: What all its cells share.
        planned: What the plan chooses for the base.
    """

    spec: StudySpec
    store: Store
    bench: Bench
    layout: Layout
    identity: Mapping[str, Any]
    planned: Mapping[str, Any]


def open_study(task: StudyTask) -> Opened:
    """Read a study and its data; nothing is written.

    Raises:
        MapwrightError: Something about the study, the data or the folder is wrong.
    """
    spec = read_study(task.study)
    folder = task.study.parent
    dataset = open_dataset(_data(task, spec), task.dataset_file)
    measure_named(spec.metric, dataset.spec.class_names)
    base = with_start(spec.base_settings, folder)
    asked = spec.optimism
    identity = identity_of("study", dataset, spec.base_settings, spec.folds, spec.seconds, asked)
    store = Store(task.out)
    planned = store.check(identity)
    splits = _divide(spec, dataset, store)
    boards = task.out / FOLDER if task.tensorboard else None
    kinds = asked.splits if asked else ()
    bench = Bench(dataset, splits, spec.seconds, task.out / "work", boards, kinds)
    # a setting that is newer than the study has its usual value in the cells that are there
    planned = {**KNOWN, **planned} if planned else bench.plan(base)
    return Opened(spec, store, bench, lay_out(spec, planned, folder), identity, planned)


def run_study(
    task: StudyTask, *, drop: Drop | None = None, compare: Compare | None = None
) -> dict[str, Any]:
    """Run the cells of a study that are left, and write what it found.

    Args:
        task: The study.
        drop: Which configurations to give up; None = those that are surely worse.
        compare: Says which differences are real; None = each configuration against the first one.

    Returns:
        The results, as in `results.json`; `study.html` shows them.

    Raises:
        MapwrightError: Something about the study, the data or the folder is wrong.
    """
    began = task.began if task.began is not None else time.monotonic()
    require_optuna()
    if task.tensorboard:
        require_tensorboard()
    opened = open_study(task)
    bench, store = opened.bench, opened.store
    work = Work(
        opened.spec,
        store,
        bench,
        opened.layout,
        budget=task.budget or opened.spec.budget_seconds,
        began=began,
        retry=task.retry,
        drop=drop,
        compare=compare,
    )
    bench.try_out([c for c in opened.layout.configurations if work.is_open(c.id)])
    name = store.begin(opened.identity, opened.planned, bench.splits)
    write_text(task.out / "study.toml", task.study.read_text(encoding="utf-8"))
    claims = Claims(open_storage(task.storage, task.out), name, task.stale, task.beat)
    return work.run(claims)


def _divide(spec: StudySpec, dataset: Dataset, store: Store) -> list[Splits]:
    asked = spec.optimism
    if asked is None:
        return store.divide(lambda k: [draw_splits(dataset, spec.folds, k)], spec.repeats)
    each = 2 * len(asked.splits)
    return store.divide(lambda k: draw_ground(dataset, asked, spec.folds, k), spec.repeats, each)


def _data(task: StudyTask, spec: StudySpec) -> Path:
    if task.data is not None:
        return task.data
    if spec.data is None:
        raise SettingError(
            "nothing says where the data are", where=task.study, expected="`data`, or --data"
        )
    return task.study.parent / Path(spec.data).expanduser()
