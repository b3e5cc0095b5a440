"""A study from its first cell to its last, by as many processes as work on it."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mapwright.data.describe import open_dataset
from mapwright.errors import SettingError
from mapwright.experiment.bench import Bench, Stop, Trained
from mapwright.experiment.claims import BEAT, STALE, Claim, Claims, open_storage, require_optuna
from mapwright.experiment.design import Cell, Layout, lay_out, order_cells, with_start
from mapwright.experiment.drop import Drop, Result, surely_worse
from mapwright.experiment.judge import against_the_first
from mapwright.experiment.measure import measure_named
from mapwright.experiment.outcome import Outcome
from mapwright.experiment.page import write_page
from mapwright.experiment.pictures import choose_shown, write_pictures
from mapwright.experiment.results import Account, Compare, results_of, write_results
from mapwright.experiment.spec import StudySpec, read_study
from mapwright.experiment.store import Dropped, Store, identity_of
from mapwright.io.files import write_text
from mapwright.progress import Progress, progress_bar
from mapwright.training.budget import GRACE
from mapwright.training.state import Rows

_POLL = 5.0  # seconds between two looks at what other processes have finished
_REFRESH = 30.0  # seconds between two writes of the results on the way


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
    stale: float = STALE
    beat: float = BEAT


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
    spec = read_study(task.study)
    folder = task.study.parent
    dataset = open_dataset(_data(task, spec), task.dataset_file)
    measure_named(spec.metric, dataset.spec.class_names)
    base = with_start(spec.base_settings, folder)
    identity = identity_of("study", dataset, spec.base_settings, spec.folds, spec.seconds)
    store = Store(task.out)
    planned = store.check(identity)
    splits = store.divide(dataset, spec.folds, spec.repeats)
    bench = Bench(dataset, splits, spec.seconds, task.out / "work")
    planned = planned or bench.plan(base)
    layout = lay_out(spec, planned, folder)
    study = _Study(task, spec, store, bench, layout, began, drop, compare)
    bench.try_out([c for c in layout.configurations if study.is_open(c.id)])
    name = store.begin(identity, planned, splits)
    write_text(task.out / "study.toml", task.study.read_text(encoding="utf-8"))
    claims = Claims(open_storage(task.storage, task.out), name, task.stale, task.beat)
    return study.run(claims)


def _data(task: StudyTask, spec: StudySpec) -> Path:
    if task.data is not None:
        return task.data
    if spec.data is None:
        raise SettingError(
            "nothing says where the data are", where=task.study, expected="`data`, or --data"
        )
    return task.study.parent / Path(spec.data).expanduser()


class _Study:
    """A study while this process works on it."""

    def __init__(
        self,
        task: StudyTask,
        spec: StudySpec,
        store: Store,
        bench: Bench,
        layout: Layout,
        began: float,
        drop: Drop | None,
        compare: Compare | None,
    ) -> None:
        self._spec, self._store, self._bench, self._layout = spec, store, bench, layout
        self._compare = compare or against_the_first(bench.dataset.split)
        self._drop, self._began = drop, began
        self._budget = task.budget or spec.budget_seconds
        self._labels = {entry.id: entry.label for entry in layout.configurations}
        self._ways = {entry.id: entry for entry in layout.configurations}
        self._cells = order_cells(layout.configurations, spec.seeds, spec.repeats, spec.folds)
        self._score = measure_named(spec.metric, bench.dataset.spec.class_names)
        self._shown = choose_shown([item.stem for item in bench.dataset.units])
        known = store.outcomes().values()
        self._again = {o.cell.id for o in known if task.retry and o.status == "failed"}
        self._before = sum(outcome.seconds for outcome in known)
        self._written = -math.inf

    def is_open(self, configuration: str) -> bool:
        """Whether there is a cell left of a configuration."""
        return any(cell.configuration == configuration for cell in self._open())

    def run(self, claims: Claims) -> dict[str, Any]:
        """Run cells until none is left that nobody is at work on."""
        try:
            with progress_bar("study", len(self._cells), "cells") as progress:
                shown = 0
                while cells := self._fitting(len(claims.held())):
                    done = len(self._cells) - len(self._open())
                    progress.advance(done - shown)
                    shown = done
                    if not self._run_one(cells, claims, progress):
                        time.sleep(_POLL)
                progress.advance(len(self._cells) - len(self._open()) - shown)
        finally:  # also when interrupted: what there is can be looked at
            results = self._write(claims)
            write_page(self._store.folder, self._bench.dataset, results)
            with suppress(OSError):  # not empty while others are at work
                (self._store.folder / "work").rmdir()
        return results

    def _open(self) -> list[Cell]:
        """Cells that are neither finished nor given up."""
        outcomes, dropped = self._store.outcomes(), self._dropped()
        again = dict.fromkeys(self._again, "failed")
        return [
            cell
            for cell in self._cells
            if cell.configuration not in dropped
            and (cell.id not in outcomes or outcomes[cell.id].status in ("cut", again.get(cell.id)))
        ]

    def _run_one(self, cells: Sequence[Cell], claims: Claims, progress: Progress) -> bool:
        """Run the first cell that nobody is at work on; False when there is none."""
        for cell in cells:
            with claims.take(cell.id) as claim:
                if claim is None or cell not in self._open():  # finished since, elsewhere
                    continue
                progress.advance(0, note=f"{self._labels[cell.configuration]}, fold {cell.fold}")
                trained = self._bench.train(
                    self._ways[cell.configuration], cell, self._watcher(claim)
                )
                if not claim.lost:
                    self._keep(trained)
            if time.monotonic() - self._written > _REFRESH:
                self._write(claims)
            return True
        return False

    def _watcher(self, claim: Claim) -> Callable[[Rows], None]:
        """Ends a training whose cell was taken over, or that the budget can't wait for."""

        def watch(rows: Rows) -> None:
            late = self._budget is not None and self._spent > (1 + GRACE) * self._budget
            if claim.lost or late:
                raise Stop("cut")

        return watch

    def _keep(self, trained: Trained) -> None:
        """Write what a cell left behind; its file comes last, since it says that all is there."""
        cell = trained.outcome.cell
        self._again.discard(cell.id)
        if trained.plan:
            self._store.add_plan(cell.id, trained.plan.to_toml())
        if (cell.seed, cell.repeat) == (self._spec.seeds[0], 0):
            write_pictures(
                self._store.folder,
                cell.configuration,
                trained.tallies,
                self._shown,
                self._bench.dataset.spec,
            )
        self._store.add(trained.outcome)
        if self._spec.drop:
            self._give_up()

    def _give_up(self) -> None:
        """Give up configurations, as the rule says."""
        results = [
            Result(o.cell, self._score(o.pooled) if o.counts else math.nan, o.images)
            for o in self._finished()
        ]
        found = (self._drop or self._usual_rule())(results)
        new = found.keys() & self._left().keys()
        many = {n: sum(r.cell.configuration == n for r in results) for n in new}
        metric = self._spec.metric
        self._store.drop([Dropped(name, many[name], found[name], metric) for name in sorted(new)])

    def _usual_rule(self) -> Drop:
        fold = self._bench.splits[0].folds[0]
        reference = self._layout.configurations[0].id
        return surely_worse(self._left(), len(fold.val) / len(fold.train), keep=(reference,))

    def _left(self) -> dict[str, str]:
        """The configurations that were not given up, and what they are called."""
        dropped = self._dropped()
        return {name: label for name, label in self._labels.items() if name not in dropped}

    def _dropped(self) -> dict[str, Dropped]:
        return self._store.dropped(self._spec.metric) if self._spec.drop else {}

    def _finished(self) -> list[Outcome]:
        outcomes = self._store.outcomes()
        found = [outcomes[cell.id] for cell in self._cells if cell.id in outcomes]
        return [outcome for outcome in found if outcome.status == "done"]

    @property
    def _spent(self) -> float:
        """Seconds of the budget that are spent, by whichever process."""
        cells = sum(outcome.seconds for outcome in self._store.outcomes().values())
        return max(cells, self._before + time.monotonic() - self._began)

    def _fitting(self, others: int) -> list[Cell]:
        """Open cells that there is time for, by what cells have taken so far.

        Args:
            others: Cells that other processes are at work on.
        """
        cells = self._open()
        if self._budget is None:
            return cells
        taken = defaultdict(list)
        for outcome in self._finished():
            taken[outcome.cell.configuration].append(outcome.seconds)
        usual = [seconds for own in taken.values() for seconds in own] or [self._spec.seconds or 0]
        left = self._budget - self._spent - others * float(np.mean(usual))
        return [c for c in cells if np.mean(taken.get(c.configuration, usual)) <= left]

    def _write(self, claims: Claims) -> dict[str, Any]:
        self._written = time.monotonic()
        spec, outcomes = self._spec, self._store.outcomes()
        account = Account(
            name=spec.name,
            question=spec.question,
            metric=spec.metric,
            dataset=self._bench.dataset,
            factors=self._layout.factors,
            configurations=self._layout.configurations,
            cells=self._cells,
            outcomes={c.id: outcomes[c.id] for c in self._cells if c.id in outcomes},
            dropped=self._dropped(),
            busy=frozenset(claims.held()),
            budget=self._budget,
            environment=self._bench.environment,
        )
        results = results_of(account, self._compare)
        write_results(self._store.folder, results)
        return results
