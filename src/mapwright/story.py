"""A training from its first file to its last, a method a chapter."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from mapwright.apply import MODEL_NAME
from mapwright.bundle import Bundle, save_bundle
from mapwright.card import Decision
from mapwright.data.augmentation import Augmentation
from mapwright.data.dataset import Dataset
from mapwright.data.fingerprint import Record
from mapwright.data.splits import Fold, Splits
from mapwright.data.tiles import SampleCache
from mapwright.data.variation import variation
from mapwright.data.write_spec import to_toml
from mapwright.evaluation import ancestry_note, tally
from mapwright.hardware import describe_environment, detect_hardware
from mapwright.held_out import is_tuned, score_folds
from mapwright.io.files import write_json, write_text
from mapwright.metrics.summary import Scores
from mapwright.models.weights import StartingWeights
from mapwright.plan import Plan, PlanWithReasons
from mapwright.planning import make_plan
from mapwright.predict.model import Model
from mapwright.tally import Tally
from mapwright.training import resume
from mapwright.training.fit import Job, Speed, fit_fold, measure
from mapwright.training.jobs import Jobs
from mapwright.training.log import Log
from mapwright.training.memory import memory_of
from mapwright.training.options import Options
from mapwright.training.provenance import Provenance
from mapwright.training.scoring_cost import scoring_cost
from mapwright.training.state import NO_KEEPER, Fitted, Keeper, Rows
from mapwright.training.timetable import Timetable, pixels_of

_CACHE_SHARE = 4  # samples may take one part in this many of the memory that is free


@dataclass(frozen=True)
class Run:
    """A finished training.

    Args:
        folder: The run folder.
        model: The trained model.
        scores: Results on images that the scored members never saw; None when there are none.
    """

    folder: Path
    model: Model
    scores: Scores | None


@dataclass
class Member:
    """One trained fold.

    Args:
        fitted: Its weights.
        start: What it started from.
        tallies: What it counted on the images that it did not learn from.
    """

    fitted: Fitted
    start: StartingWeights
    tallies: list[Tally]


def open_cache(dataset: Dataset) -> SampleCache:
    """Keeps samples in a share of the memory that is free now."""
    return SampleCache(dataset, psutil.virtual_memory().available // _CACHE_SHARE)


class Story:
    """A training from its first file to its last; each method is a chapter."""

    def __init__(
        self,
        dataset: Dataset,
        folder: Path,
        options: Options,
        splits: Splits,
        records: Mapping[str, Record],
        cache: SampleCache | None = None,
    ) -> None:
        self._dataset, self._folder, self._options = dataset, folder, options
        self._splits, self._records = splits, records
        self._hardware = detect_hardware()
        cache = cache or open_cache(dataset)
        self._jobs = Jobs(cache, dataset, records, self._hardware, options.parent)
        images = dataset.digests(dataset.choose(splits.names))
        self._provenance = Provenance(dataset, images, options, self._hardware)
        first = splits.folds[0]
        self.fingerprint = self._jobs.fingerprint((*first.train, *first.val))
        self._planned = self._plan()
        self._timetable = self._draw_up()
        self._log = Log(folder, options.tensorboard, len(splits.folds))

    def planned(self) -> PlanWithReasons:
        """The plan, with the steps of the first fold when there is a budget."""
        if self._timetable.sets(0, self._planned.plan):
            self._job(0, write=False)
        return self._planned

    def speed(self, seconds: float) -> Speed:
        """Measure the first fold on this machine, for about so many seconds."""
        return measure(self._job(0, write=False)[0], seconds)

    def open(self) -> None:
        """Write what goes in, or read it when a training is resumed."""
        images = self._provenance.images
        counts = resume.what_counts(self._dataset, images, self._folds, self._options)
        if self._options.resume and resume.is_interrupted(self._folder):
            self._splits, plan = resume.reopen(self._folder, counts)
            self._planned = PlanWithReasons(plan, self._planned.reasons)
            if plan.fold_steps and "augmentation" not in (self._options.settings or {}):
                self._planned = self._planned.put("augmentation", *self._vary(plan))
            return
        write_text(
            self._folder / "dataset.toml", to_toml(self._dataset.spec, self._dataset.reasons)
        )
        write_json(self._folder / "splits.json", self._splits.plain())
        write_json(
            self._folder / "environment.json",
            describe_environment(self._hardware, self._dataset.root),
        )
        resume.begin(self._folder, counts)
        self._write_plan()

    def fit(
        self,
        number: int,
        *,
        watch: Callable[[Rows], None] | None = None,
        keep: bool = True,
        maps: bool = False,
    ) -> Member:
        """Train one fold, and count on the images that it did not learn from.

        Args:
            number: Which.
            watch: Given the log after each validation; what it raises ends the training.
            keep: Save the state on the way, so that an interruption costs little.
            maps: Keep truth and prediction of the images that it did not learn from.
        """
        fold, many = self._splits.folds[number], len(self._splits.folds) > 1
        job, deadline = self._job(number)
        began = time.monotonic()
        fitted, start = fit_fold(
            job,
            title=f"fold {number + 1} of {len(self._splits.folds)}" if many else "train",
            record=lambda rows: self._note(number, rows, watch),
            keeper=self._keeper(number, job.plan) if keep else NO_KEEPER,
            deadline=deadline,
        )
        self._note(number, fitted.rows)
        looked_at = pixels_of(self._records, [item.stem for item in job.val])
        self._timetable.refine(fitted, time.monotonic() - began, looked_at)
        member = Model(self._bundle([fitted], start, (fold,), 0.0))
        scored = self._jobs.drawn(fold.val, job.plan.score_on)
        tallies = tally(member, self._dataset, scored, tuned=self._is_tuned(len(scored)), maps=maps)
        return Member(fitted, start, tallies)

    def close(self, members: Sequence[Member], seconds: float) -> Run:
        """Score, save, and clear the way."""
        fitted = [member.fitted for member in members]
        bundle = self._bundle(fitted, members[0].start, self._splits.folds, seconds)
        scores = None
        if any(member.tallies for member in members):
            scores, decision = self._score([member.tallies for member in members])
            bundle = replace(bundle, decision=decision, scores=scores.plain())
            write_json(self._folder / "scores.json", scores.plain())
        self._log.end(self._planned, scores)
        save_bundle(bundle, self._folder / MODEL_NAME)
        resume.end(self._folder)
        return Run(self._folder, Model(bundle), scores)

    def epochs(self, number: int) -> float:
        """Epochs in a step of a fold: pixels drawn over pixels to learn from."""
        plan = self._planned.plan
        learnt = pixels_of(self._records, self._splits.folds[number].train)
        return plan.batch * plan.patch**2 / learnt

    def _plan(self) -> PlanWithReasons:
        settings = dict(self._options.settings or {})
        parent = self._options.parent
        if parent:
            for key in () if "build" in settings else ("architecture", "encoder", "build"):
                if value := getattr(parent.bundle.plan, key):
                    settings.setdefault(key, value)
        return make_plan(
            self.fingerprint,
            self._hardware,
            settings,
            folds=self._folds,
            objects=self._dataset.spec.counted is not None,
            memory=memory_of(self._dataset.spec, self.fingerprint),
        )

    def _draw_up(self) -> Timetable:
        held = max(len(fold.val) for fold in self._splits.folds)
        cost = scoring_cost(
            len(self._dataset.spec.classes),
            counted=self._dataset.spec.counted,
            tuned=self._is_tuned(held),
        )
        return Timetable(self._options, self._records, cost, self._vary)

    def _vary(self, plan: Plan) -> tuple[Augmentation, str]:
        given = (self._options.settings or {}).get("augmentation", {})
        return variation(self.fingerprint, plan.plain(), given)

    def _write_plan(self) -> None:
        write_text(self._folder / "plan.toml", self._planned.to_toml())

    @property
    def _folds(self) -> int:
        """Number of folds; 0 = nothing is held out."""
        return len(self._splits.folds) if self._splits.folds[0].val else 0

    def _is_tuned(self, scored: int) -> bool:
        """Whether decisions are chosen by the images that a fold scores."""
        return is_tuned(self._dataset, len(self._splits.folds), scored)

    def _job(self, number: int, write: bool = True) -> tuple[Job, float]:
        """A fold with its number of steps, and when the clock ends it."""
        fold = self._splits.folds[number]
        job = self._jobs.of(fold, self._planned.plan)
        deadline = self._timetable.end  # where steps stand already, the clock still guards
        if self._timetable.sets(number, self._planned.plan):
            self._planned, deadline = self._timetable.plan_fold(
                number, self._splits.folds, self._planned, lambda seconds: measure(job, seconds)
            )
            if write:
                self._write_plan()
        plan = _of_fold(self._planned.plan, number)
        return replace(job, val=self._jobs.drawn(fold.val, plan.validate_on), plan=plan), deadline

    def _keeper(self, number: int, plan: Plan) -> Keeper:
        return Keeper(resume.state_of(self._folder, number), plan.save_every)

    def _note(self, number: int, rows: Rows, watch: Callable[[Rows], None] | None = None) -> None:
        self._log.write(number, rows, self.epochs(number), self._planned)
        if watch:
            watch(rows)

    def _score(self, folds: Sequence[list[Tally]]) -> tuple[Scores, Decision]:
        plan = self._planned.plan
        scores, decision = score_folds(
            folds,
            self._dataset,
            tta=plan.tta,
            tune_for=plan.tune_for,
            gsd=self.fingerprint.gsd,
        )
        digests = [self._provenance.images[stem] for stem in scores.images]
        caveat = ancestry_note(self._provenance.ancestors, digests)
        notes = (scores.note, self._part_note(len(scores.images)), caveat)
        return replace(scores, note="; ".join(filter(None, notes))), decision

    def _part_note(self, scored: int) -> str:
        """That not all held-out images were scored, if so."""
        held = sum(len(fold.val) for fold in self._splits.folds)
        if not self._planned.plan.score_on or scored >= held:
            return ""
        return f"{scored:,} of {held:,} held-out images, drawn by lot: time for all was not given"

    def _bundle(
        self,
        fitted: Sequence[Fitted],
        start: StartingWeights,
        folds: tuple[Fold, ...],
        seconds: float,
    ) -> Bundle:
        plan = self._planned.plan
        return Bundle(
            spec=self._dataset.spec,
            plan=plan,
            fingerprint=self.fingerprint,
            decision=Decision(),
            history=self._provenance.history(
                fitted, start, folds=folds, plan=plan, seconds=seconds
            ),
            members=tuple(part.state for part in fitted),
        )


def _of_fold(plan: Plan, number: int) -> Plan:
    """The plan of a fold: its own steps where a budget set them, and a seed of its own."""
    steps = plan.fold_steps[number] if number < len(plan.fold_steps) else plan.steps
    return plan.model_copy(update={"steps": steps, "seed": plan.seed + 1000 * number})
