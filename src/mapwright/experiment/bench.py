"""Where cells are trained: the data, their divisions and what all trainings have in common."""

from __future__ import annotations

import math
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from mapwright.apply import load
from mapwright.bundle import Bundle, require_bundle
from mapwright.data.dataset import Dataset
from mapwright.data.fingerprint import Record, survey
from mapwright.data.splits import Fold, Splits, drawn_by_lot
from mapwright.data.tiles import SampleCache
from mapwright.errors import MapwrightError
from mapwright.evaluation import ancestry_note
from mapwright.experiment.design import SPLIT, Cell, Configuration
from mapwright.experiment.keys import BUILT, START, flatten, nest
from mapwright.experiment.measure import measures
from mapwright.experiment.outcome import Outcome, Status
from mapwright.hardware import describe_environment, detect_hardware
from mapwright.plan import Plan, PlanWithReasons
from mapwright.predict.engines import views_of
from mapwright.predict.model import Model
from mapwright.story import Story, open_cache
from mapwright.tally import Tally
from mapwright.training.fit import Job, Speed
from mapwright.training.options import Options
from mapwright.training.state import Rows
from mapwright.training.tensorboard import Board
from mapwright.training.timetable import pixels_of

_THRESHOLD = 0.5  # of two classes; tuning one on the images that score would flatter
_ROOM = 2**26  # pixels held out by a cell; of more, truth and prediction are not kept as pictures
_APART = 1000  # seeds of two folds lie so far apart, as in a training of several folds


@dataclass(frozen=True)
class Trained:
    """A cell that was trained.

    Args:
        outcome: What it leaves behind.
        plan: How it was trained; None where it was not trained to its end.
        tallies: What was counted on the held-out images, with maps where there was room.
    """

    outcome: Outcome
    plan: PlanWithReasons | None = None
    tallies: Sequence[Tally] = ()


@dataclass(frozen=True)
class Measured:
    """What a training of a configuration is reckoned from.

    Args:
        plan: How it is trained.
        speed: Of a step, and of a predicted pixel.
        look: Pixels that a validation looks at.
        scored: Pixels that are scored at the end.
    """

    plan: Plan
    speed: Speed
    look: int
    scored: int

    @property
    def seconds(self) -> float:
        """Of a training, with its validations and its scores."""
        looks = math.ceil(self.plan.steps / self.plan.validate_every)
        pixels = looks * self.look + len(views_of(self.plan.tta)) * self.scored
        return self.plan.steps * self.speed.step + pixels * self.speed.pixel


class Stop(Exception):  # noqa: N818 - the end of a cell is no error
    """Ends the training of a cell at a validation.

    Args:
        status: What becomes of the cell.
    """

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        self.status = status


class Bench:
    """Trains cells one after the other; files are read once for all of them.

    Args:
        dataset: The data.
        splits: Its divisions, one for each repeat; of a study of splits as `draw_ground` gives
            them.
        seconds: Time of a cell instead of steps.
        work: A folder for files on the way.
        boards: A folder for event files of TensorBoard; None = none are written.
        kinds: Of a study of splits, its ways to divide.
    """

    def __init__(
        self,
        dataset: Dataset,
        splits: Sequence[Splits],
        seconds: float | None,
        work: Path,
        boards: Path | None = None,
        kinds: Sequence[str] = (),
    ) -> None:
        self.dataset, self.splits, self._kinds = dataset, splits, kinds
        self._seconds, self._work, self._boards = seconds, work, boards
        self._hardware = detect_hardware()
        self._parents: dict[str, Model] = {}

    @cached_property
    def _records(self) -> Mapping[str, Record]:
        names = dict.fromkeys(name for splits in self.splits for name in splits.names)
        return survey(self.dataset, self.dataset.choose(list(names)))

    @cached_property
    def _cache(self) -> SampleCache:
        return open_cache(self.dataset)

    @cached_property
    def environment(self) -> dict[str, Any]:
        """What cells are run on and with."""
        return describe_environment(self._hardware, self.dataset.root)

    def plan(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What the plan chooses beside some settings, by dotted name."""
        story = self._story(settings, self.splits[0], 0, self._work, None)
        return flatten(story.planned().plan.plain())

    def try_out(self, configurations: Sequence[Configuration]) -> None:
        """Build what each configuration would train, before anything is trained.

        Raises:
            MapwrightError: A configuration can't be trained.
        """
        tried: set[tuple[Any, ...]] = set()
        for configuration in configurations:
            key = tuple(configuration.settings.get(name) for name in BUILT)
            if key in tried:
                continue
            tried.add(key)
            try:
                self._build(configuration)
            except MapwrightError as error:
                raise type(error)(
                    f"the configuration {configuration.label!r} can't be trained: {error.what}",
                    where=error.where,
                    expected=error.expected,
                    fix=error.fix,
                ) from error

    def _build(self, configuration: Configuration) -> None:
        story = self._story(configuration.settings, self.splits[0], 0, self._work, None)
        job = Job(
            self._cache, self.dataset, (), (), story.planned().plan, story.fingerprint,
            self._hardware, self._parent_bundle(configuration.settings),
        )  # fmt: skip
        job.build()

    def speed(self, configuration: Configuration, seconds: float) -> Measured:
        """Measure a configuration.

        Args:
            configuration: How to train.
            seconds: About how long this may take.
        """
        whole, fold, _ = self.division(configuration, Cell(configuration.id, 0, 0, 0))
        splits = whole.model_copy(update={"folds": (fold,)})
        story = self._story(configuration.settings, splits, 0, self._work, None)
        plan = story.planned().plan
        look, scored = (
            pixels_of(self._records, drawn_by_lot(fold.val, most))
            for most in (plan.validate_on, plan.score_on)
        )
        return Measured(plan, story.speed(seconds), look, scored)

    def train(
        self, configuration: Configuration, cell: Cell, watch: Callable[[Rows], None]
    ) -> Trained:
        """Train a cell and count on its held-out images; an error is part of the result.

        Args:
            configuration: How to train.
            cell: Which division and seed.
            watch: Given the log after each validation; may raise `Stop`.
        """
        trial = _Trial(configuration, cell, watch, self._work / f"{cell.id}-{uuid4().hex[:8]}")
        try:
            return self._fit(trial)
        except Stop as stop:
            return trial.ended(stop.status, None, self.environment)
        except Exception as error:  # one cell that can't be trained must not end a study
            text = str(error) if isinstance(error, MapwrightError) else repr(error)
            return trial.ended("failed", text, self.environment)
        finally:
            shutil.rmtree(trial.work, ignore_errors=True)

    def _fit(self, trial: _Trial) -> Trained:
        cell, settings = trial.cell, trial.configuration.settings
        whole, fold, apart = self.division(trial.configuration, cell)
        seed = cell.seed + _APART * (cell.repeat * len(whole.folds) + cell.fold)
        splits = whole.model_copy(update={"folds": (fold,)})
        board = self._board(trial.configuration, cell)
        story = self._story(settings, splits, seed, trial.work, self._seconds, board)
        sizes = [self._records[name].size for name in fold.val]
        room = sum(height * width for height, width in sizes) <= _ROOM
        trial.epoch = story.epochs(0)
        member = story.fit(0, watch=trial.look, keep=False, maps=room)
        counted = {t.stem: t.counts(_THRESHOLD).sum(axis=0).tolist() for t in member.tallies}
        outcome = replace(
            trial.ended("done", None, self.environment).outcome,
            counts={stem: counts for stem, counts in counted.items() if stem not in apart},
            apart={stem: counts for stem, counts in counted.items() if stem in apart},
            steps=member.fitted.step,
            note=self._caveat(settings, fold.val),
        )
        if board:
            scores = measures(self.dataset.spec.class_names).items()
            final = {f"final {name}": score(outcome.pooled) for name, score in scores}
            Board(board).add_end(story.planned(), final)
        return Trained(outcome, story.planned(), member.tallies)

    def division(
        self, configuration: Configuration, cell: Cell
    ) -> tuple[Splits, Fold, frozenset[str]]:
        """The division of a cell, its fold, and what of its validation lies apart."""
        if not self._kinds:
            whole = self.splits[cell.repeat]
            return whole, whole.folds[cell.fold], frozenset()
        at = 2 * (cell.repeat * len(self._kinds) + self._kinds.index(configuration.levels[SPLIT]))
        whole, fold = self.splits[at], self.splits[at].folds[cell.fold]
        apart = self.splits[at + 1].folds[cell.fold].val
        return whole, Fold(train=fold.train, val=(*fold.val, *apart)), frozenset(apart)

    def _board(self, configuration: Configuration, cell: Cell) -> Path | None:
        """Where the event files of a cell lie, without those of a training that was cut short."""
        if self._boards is None:
            return None
        label = re.sub(r"[^\w .,=+()-]", "_", configuration.label)[:80]
        name = f"s{cell.seed}-r{cell.repeat}-f{cell.fold}"
        place = self._boards / f"{label} {cell.configuration}" / name
        shutil.rmtree(place, ignore_errors=True)
        return place

    def _story(
        self,
        settings: Mapping[str, Any],
        splits: Splits,
        seed: int,
        work: Path,
        seconds: float | None,
        board: Path | None = None,
    ) -> Story:
        own = {name: value for name, value in settings.items() if name != START}
        options = Options(
            settings=nest(own | {"seed": seed, "score_on": 0}),  # images in pairs: all
            budget=seconds,
            parent=self._parent(settings),
            tensorboard=board or False,
        )
        return Story(self.dataset, work, options, splits, self._records, self._cache)

    def _parent(self, settings: Mapping[str, Any]) -> Model | None:
        start = settings.get(START)
        if start is not None and start not in self._parents:
            self._parents[start] = load(start)
        return self._parents[start] if start is not None else None

    def _parent_bundle(self, settings: Mapping[str, Any]) -> Bundle | None:
        parent = self._parent(settings)
        return require_bundle(parent.bundle) if parent else None

    def _caveat(self, settings: Mapping[str, Any], held_out: Sequence[str]) -> str:
        """Says so when the model to start from had learnt from images that score."""
        parent = self._parent(settings)
        if parent is None:
            return ""
        history = parent.bundle.history
        learnt = {digest for seen in history.learnt for digest in seen.windows}
        scored = self.dataset.digests(self.dataset.choose(held_out)).values()
        return ancestry_note(sorted({*history.ancestors, *learnt}), list(scored))


class _Trial:
    """A cell while it is trained, so that something is left whatever ends it."""

    def __init__(
        self,
        configuration: Configuration,
        cell: Cell,
        watch: Callable[[Rows], None],
        work: Path,
    ) -> None:
        self.configuration, self.cell, self.work = configuration, cell, work
        self.epoch = 0.0
        self._watch, self._rows, self._began = watch, Rows(), time.monotonic()

    def look(self, rows: Rows) -> None:
        """Note the log."""
        self._rows = list(rows)
        self._watch(rows)

    def ended(self, status: Status, error: str | None, environment: dict[str, Any]) -> Trained:
        """What there is of it now."""
        rows = [{"epoch": round(row["step"] * self.epoch, 4)} | row for row in self._rows]
        outcome = Outcome(
            cell=self.cell,
            status=status,
            settings=dict(self.configuration.settings),
            seconds=round(time.monotonic() - self._began, 2),
            steps=int(rows[-1]["step"]) if rows else 0,
            curves={name: [row[name] for row in rows] for name in rows[0]} if rows else {},
            error=error,
            environment=environment,
        )
        return Trained(outcome)
