"""Search for good settings with Optuna; every choice is a configuration of a study."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mapwright.data.describe import open_dataset
from mapwright.data.divide import draw_splits
from mapwright.errors import SettingError, TrainingError
from mapwright.experiment.bench import Bench, Stop
from mapwright.experiment.best import write_best
from mapwright.experiment.claims import open_storage, require_optuna
from mapwright.experiment.design import (
    Cell,
    Configuration,
    Factor,
    configure,
    order_cells,
    steady,
    with_start,
)
from mapwright.experiment.measure import column_of, measure_named
from mapwright.experiment.outcome import Outcome
from mapwright.experiment.page import write_page
from mapwright.experiment.pictures import choose_shown, write_pictures
from mapwright.experiment.results import Account, results_of, write_results
from mapwright.experiment.space import Space, read_space, suggest, to_try_out
from mapwright.experiment.store import Store, identity_of
from mapwright.io.files import write_text
from mapwright.progress import progress_bar
from mapwright.training.budget import GRACE
from mapwright.training.state import Rows

if TYPE_CHECKING:
    from optuna import Study, Trial

_FAILURES = 5  # choices in a row; then something else is wrong than the choice
_REPEATS = 50  # choices in a row that were tried before; then the space holds no others
_WARM_UP = 4  # choices that are trained to their end before any is given up
_FAR = 1_000_000  # steps of different folds are told apart by so many


@dataclass(frozen=True)
class SearchTask:
    """A search to run, or to go on with.

    Args:
        data: The data folder.
        space: The `space.toml`.
        out: The folder for what it tries.
        budget: Seconds for all of it; None = until `trials` are done.
        trials: Choices to try; None = until the budget is spent.
        dataset_file: A `dataset.toml` kept elsewhere.
        storage: Where the history is kept; see `open_storage`.
        began: `time.monotonic()` at which the budget began; None = now.
    """

    data: Path
    space: Path
    out: Path
    budget: float | None = None
    trials: int | None = None
    dataset_file: Path | None = None
    storage: str | None = None
    began: float | None = None


def run_search(task: SearchTask) -> dict[str, Any]:
    """Try settings until the budget is spent, and write what was found.

    Returns:
        The results, as in `results.json`; settings that did best are in `best.toml`.

    Raises:
        MapwrightError: Something about the space, the data or the folder is wrong.
    """
    began = task.began if task.began is not None else time.monotonic()
    require_optuna()
    if task.budget is None and task.trials is None:
        raise SettingError(
            "nothing says when to end", where="--budget", expected="--budget or --trials, or both"
        )
    space = read_space(task.space)
    dataset = open_dataset(task.data, task.dataset_file)
    measure_named(space.metric, dataset.spec.class_names)
    base = with_start(space.base_settings, task.space.parent)
    identity = identity_of("search", dataset, space.base_settings, space.folds, None)
    store = Store(task.out)
    planned = store.check(identity)
    splits = store.divide(lambda repeat: [draw_splits(dataset, space.folds, repeat)], 1)
    bench = Bench(dataset, splits, None, task.out / "work")
    planned = planned or bench.plan(base)
    bench.try_out(to_try_out(space, task.space.parent))
    name = store.begin(identity, planned, splits)
    write_text(task.out / "space.toml", task.space.read_text(encoding="utf-8"))
    study = _open_study(task, space, f"{name}-search")
    base = steady(space.base_settings, planned, space.choices)
    search = _Search(task, space, base, store, bench, study, began)
    results = search.run()
    write_page(task.out, dataset, results)
    return results


def _open_study(task: SearchTask, space: Space, name: str) -> Study:
    import optuna

    storage = open_storage(task.storage, task.out)
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True
    )
    seed = space.seed + len(study.trials)  # a search that goes on must not draw the same again
    study.sampler = optuna.samplers.TPESampler(seed=seed, multivariate=False)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=_WARM_UP)
    return study


class _Search:
    """A search while this process works on it."""

    def __init__(
        self,
        task: SearchTask,
        space: Space,
        base: Mapping[str, Any],
        store: Store,
        bench: Bench,
        study: Study,
        began: float,
    ) -> None:
        self._base = base
        self._task, self._space, self._store, self._bench = task, space, store, bench
        self._study, self._began, self._choices = study, began, space.choices
        self._score = measure_named(space.metric, bench.dataset.spec.class_names)
        self._shown = choose_shown([item.stem for item in bench.dataset.units])
        self._before = sum(outcome.seconds for outcome in store.outcomes().values())

    def run(self) -> dict[str, Any]:
        """Try choices one after the other."""
        failures = repeats = 0
        try:
            with progress_bar("search", self._task.trials or 0, "choices") as progress:
                while self._goes_on() and repeats < _REPEATS:
                    known = set(self._store.outcomes())
                    score = self._try_one()
                    repeats = repeats + 1 if known == set(self._store.outcomes()) else 0
                    failures = failures + 1 if score is None else 0
                    if failures == _FAILURES:
                        raise self._failing()
                    progress.advance(note="" if not score else f"{score:.3f}")
        finally:
            results = self._write()
        return results

    def _goes_on(self) -> bool:
        """Whether there is time, and something left to try."""
        states = [trial.state.is_finished() for trial in self._study.trials]
        if self._task.trials is not None and sum(states) >= self._task.trials:
            return False
        done = [o.seconds for o in self._store.outcomes().values() if o.status == "done"]
        usual = self._space.folds * float(np.mean(done)) if done else 0.0
        return self._task.budget is None or self._spent + usual < self._task.budget

    @property
    def _spent(self) -> float:
        cells = sum(outcome.seconds for outcome in self._store.outcomes().values())
        return max(cells, self._before + time.monotonic() - self._began)

    def _try_one(self) -> float | None:
        """Train one choice; its score, or None when it failed."""
        from optuna.trial import TrialState

        trial = self._study.ask()
        configuration = self._choose(trial)
        outcomes = []
        for fold in range(self._space.folds):
            outcome = self._train(configuration, fold, trial)
            outcomes.append(outcome)
            if outcome.status != "done":
                state = TrialState.PRUNED if outcome.status == "pruned" else TrialState.FAIL
                self._study.tell(trial, state=state)
                return None if outcome.status == "failed" else math.nan
        score = self._score(np.sum([outcome.pooled for outcome in outcomes], axis=0))
        if math.isnan(score):
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, score)
        return score

    def _choose(self, trial: Trial) -> Configuration:
        """Let the search choose, and note what it chose in its history."""
        levels = {name: suggest(trial, name, choice) for name, choice in self._choices.items()}
        configuration = configure(
            f"choice {trial.number}",
            self._base,
            levels,
            levels,
            self._task.space.parent,
        )
        trial.set_user_attr("configuration", vars(configuration))
        return configuration

    def _train(self, configuration: Configuration, fold: int, trial: Trial) -> Outcome:
        """Train one fold, unless that was done before."""
        cell = Cell(configuration.id, self._space.seed, 0, fold)
        known = self._store.outcomes().get(cell.id)
        if known and known.status != "cut":
            return known
        trained = self._bench.train(configuration, cell, self._watcher(trial, fold))
        if trained.plan:
            self._store.add_plan(cell.id, trained.plan.to_toml())
        spec = self._bench.dataset.spec
        write_pictures(self._store.folder, cell.configuration, trained.tallies, self._shown, spec)
        self._store.add(trained.outcome)
        return trained.outcome

    def _watcher(self, trial: Trial, fold: int) -> Callable[[Rows], None]:
        """Gives a choice up that is worse than the middle one was at the same step."""

        def watch(rows: Rows) -> None:
            budget = self._task.budget
            if budget is not None and self._spent > (1 + GRACE) * budget:
                raise Stop("cut")
            row = rows[-1]
            value = row.get(column_of(self._space.metric, list(row)), math.nan)
            if not math.isnan(value):
                trial.report(value, fold * _FAR + int(row["step"]))
                if trial.should_prune():
                    raise Stop("pruned")

        return watch

    def _write(self) -> dict[str, Any]:
        """Write every choice of the history, and the settings of the best one."""
        chosen = [trial.user_attrs.get("configuration") for trial in self._study.trials]
        by_id = {entry["id"]: Configuration(**entry) for entry in reversed(chosen) if entry}
        found = sorted(by_id.values(), key=lambda entry: int(entry.label.split()[-1]))
        outcomes = self._store.outcomes()
        cells = order_cells(found, (self._space.seed,), 1, self._space.folds)
        account = Account(
            name=self._bench.dataset.spec.name,
            question=f"Which settings give the highest {self._space.metric}?",
            metric=self._space.metric,
            dataset=self._bench.dataset,
            factors=[Factor(name, _tried(name, found), None) for name in self._choices],
            configurations=found,
            cells=[cell for cell in cells if cell.id in outcomes],
            outcomes=outcomes,
            dropped={},
            busy=frozenset(),
            budget=self._task.budget,
            environment=self._bench.environment,
            findings=self._findings(),
        )
        results = results_of(account)
        write_results(self._store.folder, results)
        return results

    def _findings(self) -> list[str]:
        """Write the best choice, and say what it is worth."""
        done = [trial for trial in self._study.trials if trial.state.name == "COMPLETE"]
        if not done:
            return []
        best = max(done, key=lambda trial: float(trial.value or 0.0))
        chosen = Configuration(**best.user_attrs["configuration"])
        text = (
            f"{chosen.label} has the highest {self._space.metric} of {len(done)}, "
            f"{best.value:.3f}. It was chosen by these very images, so that score flatters: "
            "train with its settings on folds to know what they are worth"
        )
        write_best(self._store.folder, chosen.settings, text)
        return [text]

    def _failing(self) -> TrainingError:
        failed = [o.error or "" for o in self._store.outcomes().values() if o.status == "failed"]
        return TrainingError(
            f"{_FAILURES} choices in a row failed; one of them: {failed[-1]}",
            where=self._task.space,
            fix="leave out what can't be trained",
        )


def _tried(name: str, configurations: Sequence[Configuration]) -> tuple[Any, ...]:
    """The values of a setting that were tried, in order."""
    values = [entry.levels[name] for entry in configurations]
    found = [value for k, value in enumerate(values) if value not in values[:k]]
    return tuple(sorted(found) if all(isinstance(v, int | float) for v in found) else found)
