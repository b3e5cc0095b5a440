"""What one process does for a study: it takes cells nobody is at work on until none is left."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from mapwright.experiment.bench import Bench, Stop, Trained
from mapwright.experiment.best import write_best
from mapwright.experiment.claims import Claim, Claims
from mapwright.experiment.design import Cell, Layout, order_cells
from mapwright.experiment.drop import Drop, Result, surely_worse
from mapwright.experiment.judge import against_the_first, trials_of
from mapwright.experiment.measure import measure_named
from mapwright.experiment.optimism import with_promises
from mapwright.experiment.outcome import Outcome
from mapwright.experiment.page import write_page
from mapwright.experiment.pictures import choose_shown, write_pictures
from mapwright.experiment.results import Account, Compare, results_of, write_results
from mapwright.experiment.screening import all_failed, left_behind, rung_of
from mapwright.experiment.spec import StudySpec
from mapwright.experiment.store import Dropped, Store
from mapwright.metrics.ranking import rank
from mapwright.progress import Progress, progress_bar
from mapwright.training.budget import GRACE
from mapwright.training.state import Rows

_POLL = 5.0  # seconds between two looks at what other processes have finished
_REFRESH = 30.0  # seconds between two writes of the results on the way


class Work:
    """A study while this process works on it.

    Args:
        spec: The study.
        store: Its folder.
        bench: Trains.
        layout: What is compared.
        budget: Seconds that all cells together may take; None = as long as it takes.
        began: `time.monotonic()` at which the budget began.
        retry: Run cells again that had failed.
        drop: Which configurations to give up; None = those that are surely worse.
        compare: Says which differences are real; None = each configuration against the first one.
    """

    def __init__(
        self,
        spec: StudySpec,
        store: Store,
        bench: Bench,
        layout: Layout,
        *,
        budget: float | None,
        began: float,
        retry: bool = False,
        drop: Drop | None = None,
        compare: Compare | None = None,
    ) -> None:
        self._spec, self._store, self._bench, self._layout = spec, store, bench, layout
        usual = None if spec.optimism else against_the_first(bench.dataset.split)
        self._compare = compare or usual
        self._drop, self._began, self._budget = drop, began, budget
        self._labels = {entry.id: entry.label for entry in layout.configurations}
        self._ways = {entry.id: entry for entry in layout.configurations}
        self._cells = order_cells(layout.configurations, spec.seeds, spec.repeats, spec.folds)
        self._rung = 0
        self._score = measure_named(spec.metric, bench.dataset.spec.class_names)
        self._shown = choose_shown([item.stem for item in bench.dataset.units])
        known = store.outcomes().values()
        self._again = {o.cell.id for o in known if retry and o.status == "failed"}
        self._before = sum(outcome.seconds for outcome in known)
        self._written = -math.inf

    def is_open(self, configuration: str) -> bool:
        """Whether there is a cell left of a configuration."""
        return any(cell.configuration == configuration for cell in self._left_over())

    def run(self, claims: Claims) -> dict[str, Any]:
        """Run cells until none is left that nobody is at work on."""
        try:
            with progress_bar("study", len(self._cells), "cells") as progress:
                shown = 0
                while cells := self._fitting(len(claims.held())):
                    done = len(self._cells) - len(self._left_over())
                    progress.advance(done - shown)
                    shown = done
                    if not self._run_one(cells, claims, progress):
                        time.sleep(_POLL)
                progress.advance(len(self._cells) - len(self._left_over()) - shown)
        finally:  # also when interrupted: what there is can be looked at
            results = self._write(claims)
            self._write_best(results)
            write_page(self._store.folder, self._bench.dataset, results)
            with suppress(OSError):  # not empty while others are at work
                (self._store.folder / "work").rmdir()
        return results

    def _left_over(self) -> list[Cell]:
        """Cells that are neither finished nor given up."""
        outcomes, dropped = self._store.outcomes(), self._dropped()
        again = dict.fromkeys(self._again, "failed")
        return [
            cell
            for cell in self._cells
            if cell.configuration not in dropped
            and (cell.id not in outcomes or outcomes[cell.id].status in ("cut", again.get(cell.id)))
        ]

    def _open(self) -> list[Cell]:
        """Cells of the present rung that are neither finished nor given up."""
        rungs, seeds = self._spec.rungs, self._spec.seeds
        return [cell for cell in self._left_over() if rung_of(cell, rungs, seeds) <= self._rung]

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
        if self._spec.drops and not self._spec.rungs:
            self._give_up()

    def _give_up(self) -> None:
        """Give up configurations, as the rule says."""
        results = [
            Result(o.cell, self._score(o.pooled) if o.counts else math.nan, o.images)
            for o in self._finished()
        ]
        found = (self._drop or self._usual_rule())(results)
        self._store_dropped(found)

    def _usual_rule(self) -> Drop:
        fold = self._bench.splits[0].folds[0]
        reference = self._layout.configurations[0].id
        return surely_worse(self._left(), len(fold.val) / len(fold.train), keep=(reference,))

    def _settle(self) -> None:
        """Close rungs whose cells are all finished: not all configurations go on.

        Every process comes to the same result, since the cells are the same.
        """
        rungs, seeds = self._spec.rungs, self._spec.seeds
        while self._rung < len(rungs) and not self._open():
            cells = [c for c in self._cells if rung_of(c, rungs, seeds) <= self._rung]
            results = results_of(self._account(cells, frozenset()))
            trials = trials_of(results, self._bench.dataset.split)
            if trials is not None:
                ids = {label: name for name, label in self._labels.items()}
                gone = [self._labels[name] for name in self._dropped()]
                always = self._layout.configurations[0].label
                ranking = rank(trials, looks=len(rungs) + 1)
                found = left_behind(ranking, rungs[self._rung].keep, always, gone)
                self._store_dropped({ids[label]: why for label, why in found.items()})
            self._rung += 1

    def _store_dropped(self, found: Mapping[str, str]) -> None:
        """Note which configurations were given up just now."""
        new = found.keys() & self._left().keys()
        finished = [outcome.cell.configuration for outcome in self._finished()]
        metric = self._spec.metric
        self._store.drop(
            [Dropped(name, finished.count(name), found[name], metric) for name in sorted(new)]
        )

    def _left(self) -> dict[str, str]:
        """The configurations that were not given up, and what they are called."""
        dropped = self._dropped()
        return {name: label for name, label in self._labels.items() if name not in dropped}

    def _dropped(self) -> dict[str, Dropped]:
        spec = self._spec
        return self._failed() | self._store.dropped(spec.metric) if spec.drops else {}

    def _failed(self) -> dict[str, Dropped]:
        """Configurations whose trainings of the first rung all failed.

        Not written but found anew each time, so that they come back when a training that is run
        again succeeds.
        """
        spec = self._spec
        known = {k: o for k, o in self._store.outcomes().items() if k not in self._again}
        why = "every training failed, the first with: {}"
        return {
            name: Dropped(name, len(own), why.format(own[0].error_line), spec.metric)
            for name, own in all_failed(self._cells, known, spec.rungs, spec.seeds).items()
        }

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
        self._settle()
        cells = self._open()
        if self._budget is None:
            return cells
        taken = defaultdict(list)
        for outcome in self._finished():
            taken[outcome.cell.configuration].append(outcome.seconds)
        usual = [seconds for own in taken.values() for seconds in own] or [self._spec.seconds or 0]
        left = self._budget - self._spent - others * float(np.mean(usual))
        return [c for c in cells if np.mean(taken.get(c.configuration, usual)) <= left]

    def _account(self, cells: Sequence[Cell], busy: frozenset[str]) -> Account:
        spec, outcomes = self._spec, self._store.outcomes()
        return Account(
            name=spec.name,
            question=spec.question,
            metric=spec.metric,
            dataset=self._bench.dataset,
            factors=self._layout.factors,
            configurations=self._layout.configurations,
            cells=cells,
            outcomes={c.id: outcomes[c.id] for c in cells if c.id in outcomes},
            dropped=self._dropped(),
            busy=busy,
            budget=self._budget,
            environment=self._bench.environment,
            optimism=spec.optimism,
        )

    def _write(self, claims: Claims) -> dict[str, Any]:
        self._written = time.monotonic()
        account = self._account(self._cells, frozenset(claims.held()))
        results = with_promises(results_of(account, self._compare), account)
        write_results(self._store.folder, results)
        return results

    def _write_best(self, results: dict[str, Any]) -> None:
        """Write the settings that did best of those that were trained to the end."""
        if self._spec.optimism:
            return
        trials = trials_of(results, self._bench.dataset.split)
        if trials is None:
            return
        dropped = [entry["label"] for entry in results["configurations"] if entry["dropped"]]
        left = [name for name in trials.names if name not in dropped]
        ranking = rank(trials.only(left or trials.names))
        (best,) = (c for c in self._layout.configurations if c.label == ranking.best)
        together = ", ".join(name for name in ranking.together if name != best.label)
        write_best(
            self._store.folder,
            best.settings,
            f"{best.label} has the highest {ranking.measure}; "
            + (f"not detectably worse: {together}. " if together else "")
            + "It was chosen by these very images, so its score here flatters",
        )
