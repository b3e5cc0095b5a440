"""A training from its first file to its last, a method a chapter."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from mapwright.apply import MODEL_NAME
from mapwright.bundle import Bundle, require_bundle, save_bundle
from mapwright.card import Decision, Ground, History
from mapwright.data.config import read_toml
from mapwright.data.dataset import Dataset
from mapwright.data.fingerprint import Fingerprint, Record, merge
from mapwright.data.splits import Fold, Splits, drawn_by_lot
from mapwright.data.tiles import SampleCache
from mapwright.data.write_spec import to_toml
from mapwright.errors import OutputError
from mapwright.evaluation import ancestry_note, tally
from mapwright.hardware import describe_environment, detect_hardware, library_versions
from mapwright.held_out import is_tuned, score_folds
from mapwright.io.files import write_json, write_text
from mapwright.metrics.summary import Scores
from mapwright.models.weights import StartingWeights
from mapwright.plan import Plan, PlanWithReasons
from mapwright.planning import make_plan
from mapwright.predict.model import Model
from mapwright.tally import Tally
from mapwright.training.budget import Clock, Held, share_out
from mapwright.training.fit import Job, Speed, fit_fold, measure
from mapwright.training.log import Log
from mapwright.training.memory import memory_of
from mapwright.training.state import NO_KEEPER, Fitted, Keeper, Rows

_CACHE_SHARE = 4  # samples may take one part in this many of the memory that is free
_PROBE_SHARE, _PROBE_MOST = 0.05, 40.0  # of a budget, and seconds, to measure speed
_FINISH = 3.0  # seconds to score and save after the last fold
VIEWS = {"none": 1, "flips": 4, "d4": 8}
"""Times that an image is looked at with test-time augmentation."""


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


@dataclass(frozen=True)
class Options:
    """How to train.

    Args:
        folds: 1 = one split; more = that many folds, each image scored by a model that never
            saw it, and all models in one file; 0 = learn from all images, score none.
        budget: Seconds for the whole command; None = the plan's number of steps.
        settings: Values of the plan set by hand, such as `{"steps": 200}`.
        parent: A model to start from.
        resume: Go on where an interrupted training in the same folder stands.
        began: `time.monotonic()` at which the budget began; None = now.
        reserve: Seconds of the budget to leave for what comes after training.
        after_pixels: Pixels that all members map after training, with test-time augmentation; the
            budget leaves time for them.
        splits: Divisions, or a `splits.json`, to use instead of drawing; their folds count.
        tensorboard: Also write the log as event files for TensorBoard: where to, or True for
            `tensorboard` in the run folder.
    """

    folds: int = 1
    budget: float | None = None
    settings: Mapping[str, Any] | None = None
    parent: Model | None = None
    resume: bool = False
    began: float | None = None
    reserve: float = 0.0
    after_pixels: int = 0
    splits: Splits | Path | None = None
    tensorboard: bool | Path = False


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
        self._cache = cache or open_cache(dataset)
        self._images = dataset.digests(dataset.choose(splits.names))
        self.fingerprint = self._merge((*splits.folds[0].train, *splits.folds[0].val))
        self._planned = self._plan()
        self._speed: Speed | None = None
        began = options.began if options.began is not None else time.monotonic()
        self._clock = Clock(began, options.budget) if options.budget is not None else None
        self._log = Log(folder, options.tensorboard, len(splits.folds))

    def planned(self) -> PlanWithReasons:
        """The plan, with the steps of the first fold when there is a budget."""
        if self._clock:
            self._job(0, self._splits.folds[0], write=False)
        return self._planned

    def speed(self, seconds: float) -> Speed:
        """Measure the first fold on this machine, for about so many seconds."""
        return measure(self._job(0, self._splits.folds[0], write=False)[0], seconds)

    def open(self) -> None:
        """Write what goes in, or read it when a training is resumed."""
        if self._options.resume and (self._folder / "plan.toml").exists():
            self._reopen()
            return
        write_text(
            self._folder / "dataset.toml", to_toml(self._dataset.spec, self._dataset.reasons)
        )
        write_json(self._folder / "splits.json", self._splits.plain())
        write_json(
            self._folder / "environment.json",
            describe_environment(self._hardware, self._dataset.root),
        )
        write_json(self._folder / "resume" / "options.json", self._what_counts())
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
        fold = self._splits.folds[number]
        job, deadline = self._job(number, fold)
        began = time.monotonic()
        many = len(self._splits.folds) > 1
        fitted, start = fit_fold(
            job,
            title=f"fold {number + 1} of {len(self._splits.folds)}" if many else "train",
            record=lambda rows: self._note(number, rows, watch),
            keeper=self._keeper(number, job.plan) if keep else NO_KEEPER,
            deadline=deadline,
        )
        self._note(number, fitted.rows)
        if self._speed and fitted.step > 8:  # what was measured in earnest beats the probe
            looked_at = self._pixels(fold.val, job.plan.validate_on) * len(fitted.rows)
            learnt = time.monotonic() - began - looked_at * self._speed.pixel
            step = learnt / fitted.step
            self._speed = replace(self._speed, step=max(step, self._speed.step / 4))
        member = Model(self._bundle([fitted], start, (fold,), 0.0))
        scored = self._dataset.choose(drawn_by_lot(fold.val, job.plan.score_on))
        tuned = is_tuned(self._dataset, len(self._splits.folds), len(scored))
        tallies = tally(member, self._dataset, scored, tuned=tuned, maps=maps)
        return Member(fitted, start, tallies)

    def _note(self, number: int, rows: Rows, watch: Callable[[Rows], None] | None = None) -> None:
        self._log.write(number, rows, self.epochs(number), self._planned)
        if watch:
            watch(rows)

    def _keeper(self, number: int, plan: Plan) -> Keeper:
        path = self._folder / "resume" / f"fold{number}.safetensors"
        return Keeper(path, plan.save_every)

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
        shutil.rmtree(self._folder / "resume", ignore_errors=True)
        return Run(self._folder, Model(bundle), scores)

    def _score(self, folds: Sequence[list[Tally]]) -> tuple[Scores, Decision]:
        plan = self._planned.plan
        scores, decision = score_folds(
            folds,
            self._dataset,
            tta=plan.tta,
            tune_for=plan.tune_for,
            gsd=self.fingerprint.gsd,
        )
        caveat = ancestry_note(self._ancestors(), [self._images[stem] for stem in scores.images])
        notes = (scores.note, self._part_note(len(scores.images)), caveat)
        return replace(scores, note="; ".join(filter(None, notes))), decision

    def _part_note(self, scored: int) -> str:
        """That not all held-out images were scored, if so."""
        held = sum(len(fold.val) for fold in self._splits.folds)
        if not self._planned.plan.score_on or scored >= held:
            return ""
        return f"{scored:,} of {held:,} held-out images, drawn by lot: time for all was not given"

    @property
    def _folds(self) -> int:
        """Number of folds; 0 = nothing is held out."""
        return len(self._splits.folds) if self._splits.folds[0].val else 0

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

    def _write_plan(self) -> None:
        write_text(self._folder / "plan.toml", self._planned.to_toml())

    def _reopen(self) -> None:
        """Go on with the splits and the plan of the interrupted training."""
        known = json.loads((self._folder / "resume" / "options.json").read_text())
        for name, value in self._what_counts().items():
            if known[name] != value:
                raise OutputError(
                    f"{name}: not as when the training began",
                    where=self._folder,
                    expected="the same images, masks, dataset.toml and options",
                    fix="restore them, or start anew in another folder",
                )
        where = self._folder / "splits.json"
        self._splits = Splits.parse(json.loads(where.read_text()), where)
        plan = Plan.parse(read_toml(self._folder / "plan.toml"), self._folder / "plan.toml")
        self._planned = PlanWithReasons(plan, self._planned.reasons)

    def _what_counts(self) -> dict[str, Any]:
        """What a resumed training must share with the interrupted one, as JSON-able values."""
        options = self._options
        masks = {i.stem: self._dataset.mask_digest(i) for i in self._dataset.labelled}
        told = {
            "images": self._images,
            "masks": masks,
            "dataset.toml": self._dataset.spec.plain(),
            "--folds": self._folds,
            "--set": dict(options.settings or {}),
            "--budget": options.budget is not None,
            "--from": options.parent.bundle.history.plain() if options.parent else None,
        }
        plain: dict[str, Any] = json.loads(json.dumps(told))
        return plain

    def _job(self, number: int, fold: Fold, write: bool = True) -> tuple[Job, float]:
        """A fold with its number of steps, and when the clock ends it."""
        parent = self._options.parent
        job = Job(
            cache=self._cache,
            dataset=self._dataset,
            train=self._dataset.choose(fold.train),
            val=(),
            plan=self._planned.plan,
            fingerprint=self._merge(fold.train),
            hardware=self._hardware,
            parent=require_bundle(parent.bundle) if parent else None,
            places=self._places(fold.train),
        )
        deadline = math.inf
        by_hand = "steps" in (self._options.settings or {})
        done = self._planned.plan.fold_steps
        if self._clock and by_hand:  # the steps stand, but the clock still guards
            deadline = time.monotonic() + self._clock.left
        elif self._clock and number >= len(done):
            deadline = self._budget(job, number)
            if write:
                self._write_plan()
            done = self._planned.plan.fold_steps
        elif self._clock:  # planned before an interruption: the steps stand here too
            deadline = time.monotonic() + self._clock.left
        plan = self._planned.plan
        steps = done[number] if number < len(done) else plan.steps
        seed = plan.seed + 1000 * number
        plan = plan.model_copy(update={"steps": steps, "seed": seed})
        val = self._dataset.choose(drawn_by_lot(fold.val, plan.validate_on))
        return replace(job, val=val, plan=plan), deadline

    def _budget(self, job: Job, number: int) -> float:
        """Turn what is left of the budget into the steps of this fold."""
        assert self._clock
        if self._speed is None:
            probe = min(_PROBE_SHARE * self._clock.seconds, _PROBE_MOST)
            self._speed = measure(job, probe)
        plan, views = self._planned.plan, VIEWS[self._planned.plan.tta]
        maps = self._options.after_pixels * len(self._splits.folds) * views * self._speed.pixel
        share = share_out(
            self._clock,
            self._speed,
            folds=len(self._splits.folds) - number,
            held=self._held(views),
            reserve=_FINISH + self._options.reserve + maps,
        )
        update: dict[str, Any] = {"fold_steps": (*plan.fold_steps, share.steps)}
        if number == 0:
            looks = ("steps", "validate_every", "validate_on", "score_on")
            by_hand = self._options.settings or {}
            update |= {key: getattr(share, key) for key in looks if key not in by_hand}
        self._planned = self._planned.timed(update, self._clock.seconds, self._speed.step)
        return share.deadline

    def epochs(self, number: int) -> float:
        """Epochs in a step of a fold: pixels drawn over pixels to learn from."""
        plan = self._planned.plan
        return plan.batch * plan.patch**2 / self._pixels(self._splits.folds[number].train)

    def _held(self, views: int) -> Held:
        """What a fold holds out: that with the most images."""
        val = max((fold.val for fold in self._splits.folds), key=len)
        return Held(len(val), self._pixels(val), views)

    def _pixels(self, names: Sequence[str], most: int = 0) -> int:
        """Pixels of images, or of those of them that are drawn."""
        sizes = [self._records[name].size for name in drawn_by_lot(names, most)]
        return sum(height * width for height, width in sizes)

    def _merge(self, stems: Sequence[str]) -> Fingerprint:
        spec = self._dataset.spec
        records = [self._records[stem] for stem in stems]
        return merge(records, spec.band_names, spec.class_names)

    def _ancestors(self) -> tuple[str, ...]:
        """Images that the model to start from, and those before it, had learnt from."""
        if self._options.parent is None:
            return ()
        history = self._options.parent.bundle.history
        learnt = {digest for seen in history.learnt for digest in seen.windows}
        return tuple(sorted({*history.ancestors, *learnt}))

    def _places(self, names: Sequence[str]) -> list[list[NDArray[np.int64]]]:
        """For each class, where some of its pixels lie in each image."""
        return [
            [self._records[name].places[index] for name in names]
            for index in range(len(self._dataset.spec.classes))
        ]

    def _bundle(
        self,
        fitted: Sequence[Fitted],
        start: StartingWeights,
        folds: tuple[Fold, ...],
        seconds: float,
    ) -> Bundle:
        parent = self._options.parent
        history = History(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            folds=folds,
            images=self._images,
            grounds=self._grounds,
            weights_source=start.source,
            weights_reason=start.reason,
            parent=parent.bundle.spec.name if parent else "",
            ancestors=self._ancestors(),
            steps=tuple(part.step for part in fitted),
            best_steps=tuple(part.best_step for part in fitted),
            cut_short=tuple(k for k, part in enumerate(fitted) if part.cut_short),
            budget=self._options.budget,
            seconds=round(seconds, 1),
            plan_hash=self._plan_hash(),
            versions=library_versions(),
            hardware=self._hardware.name,
        )
        plan, states = self._planned.plan, tuple(part.state for part in fitted)
        return Bundle(
            spec=self._dataset.spec,
            plan=plan,
            fingerprint=self.fingerprint,
            decision=Decision(),
            history=history,
            members=states,
        )

    @cached_property
    def _grounds(self) -> dict[str, Ground]:
        """Where each image, or part of one, lies."""
        items = self._dataset.choose(self._splits.names)
        found = {item.stem: Ground.of(self._dataset.geobox(item)) for item in items}
        return {name: ground for name, ground in found.items() if ground}

    def _plan_hash(self) -> str:
        """Data, settings, budget and machine as one number: equal means repeatable."""
        told = {
            "images": self._images,
            "dataset": self._dataset.spec.plain(),
            "plan": self._planned.plan.plain(),
            "budget": self._options.budget,
            "hardware": self._hardware.__dict__,
        }
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
