"""The time of a training: speed is measured once, and what is left becomes the steps of a fold."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from mapwright.data.augmentation import Augmentation
from mapwright.data.fingerprint import Record
from mapwright.data.splits import Fold, drawn_by_lot
from mapwright.plan import Plan, PlanWithReasons
from mapwright.predict.engines import views_of
from mapwright.training.budget import Clock, Held, Looks, share_out
from mapwright.training.fit import Speed
from mapwright.training.options import Options
from mapwright.training.scoring_cost import ScoringCost
from mapwright.training.state import Fitted

_PROBE_SHARE, _PROBE_MOST = 0.05, 40.0  # of a budget, and seconds, to measure speed
_FINISH = 3.0  # seconds to save after the last fold, whatever was scored
_TELLING = 8  # steps; a fold of more tells better than the probe how long one takes
_LOOKS = tuple(field.name for field in fields(Looks))


class Timetable:
    """Turns what is left of a budget into the steps of one fold after the other.

    Args:
        options: The budget, what is set by hand, and what comes after training.
        records: The images, with their sizes.
        cost: What scoring takes beside predicting.
        vary: How tiles are varied in a training by a plan, and why so.
    """

    def __init__(
        self,
        options: Options,
        records: Mapping[str, Record],
        cost: ScoringCost,
        vary: Callable[[Plan], tuple[Augmentation, str]],
    ) -> None:
        began = options.began if options.began is not None else time.monotonic()
        self._clock = Clock(began, options.budget) if options.budget is not None else None
        self._by_hand = frozenset(options.settings or {})
        self._options, self._records, self._cost, self._vary = options, records, cost, vary
        self._speed: Speed | None = None

    @property
    def end(self) -> float:
        """`time.monotonic()` at which the budget is spent; infinite without one."""
        return self._clock.end if self._clock else math.inf

    def sets(self, number: int, plan: Plan) -> bool:
        """Whether the steps of a fold are to be set by the clock.

        Those set by hand, and those planned before an interruption, stand.
        """
        known = "steps" in self._by_hand or number < len(plan.fold_steps)
        return self._clock is not None and not known

    def plan_fold(
        self,
        number: int,
        folds: Sequence[Fold],
        planned: PlanWithReasons,
        probe: Callable[[float], Speed],
    ) -> tuple[PlanWithReasons, float]:
        """Turn what is left of the budget into the steps of a fold.

        How often and at how many images folds look is settled with the first one, so the others
        leave time for just that.

        Args:
            number: Which fold.
            folds: All of them.
            planned: The plan so far, with the folds before.
            probe: Measures this fold for about so many seconds, if that was not done before.

        Returns:
            The plan with this fold, and `time.monotonic()` at which the clock ends it.

        Raises:
            SettingError: There is not enough time.
        """
        assert self._clock
        speed = self._speed = self._speed or probe(self._for_probe)
        plan = planned.plan
        settled = [key for key in _LOOKS if number or key in self._by_hand]
        held = self._held(folds, plan)
        share = share_out(
            self._clock,
            speed,
            folds=len(folds) - number,
            held=held,
            reserve=self._after(folds, held, speed) + self._deciding(number, folds, plan, held),
            settled=Looks(**{key: getattr(plan, key) for key in settled}),
        )
        update: dict[str, Any] = {"fold_steps": (*plan.fold_steps, share.steps)}
        if number == 0:
            chosen = {"steps", *_LOOKS} - set(settled)
            update |= {key: getattr(share, key) for key in chosen}
        timed = planned.timed(update, self._clock.seconds, speed.step)
        return self._varied(timed) if number == 0 else timed, share.deadline

    def refine(self, fitted: Fitted, seconds: float, looked_at: int) -> None:
        """Correct the speed by a fold: what was measured in earnest beats the probe.

        Args:
            fitted: The fold.
            seconds: How long it took.
            looked_at: Pixels of one of its validations.
        """
        if self._speed and fitted.step > _TELLING:
            learnt = seconds - looked_at * len(fitted.rows) * self._speed.pixel
            step = max(learnt / fitted.step, self._speed.step / 4)
            self._speed = replace(self._speed, step=step)

    def _varied(self, timed: PlanWithReasons) -> PlanWithReasons:
        """The plan with tiles that are varied as suits the number of its steps."""
        how, reason = self._vary(timed.plan)
        if "augmentation" in self._by_hand:
            reason = timed.reasons["augmentation"]
        return timed.put("augmentation", how, reason)

    @property
    def _for_probe(self) -> float:
        assert self._clock
        return min(_PROBE_SHARE * self._clock.seconds, _PROBE_MOST)

    def _held(self, folds: Sequence[Fold], plan: Plan) -> Held:
        """What a fold holds out: that with the most images."""
        val = max((fold.val for fold in folds), key=len)
        scoring = self._cost.scoring([self._records[name] for name in val])
        return Held(len(val), pixels_of(self._records, val), len(views_of(plan.tta)), scoring)

    def _after(self, folds: Sequence[Fold], held: Held, speed: Speed) -> float:
        """Seconds that saving takes, and what comes after training."""
        pixels = self._options.after_pixels * len(folds) * held.views
        return _FINISH + self._options.reserve + pixels * speed.pixel

    def _deciding(self, number: int, folds: Sequence[Fold], plan: Plan, held: Held) -> float:
        """Seconds after the last fold for images scored before this one, and for what folds keep.

        What else images of this fold and the next ones take then is part of `Held.scoring`.
        """
        before = [drawn_by_lot(fold.val, plan.score_on) for fold in folds[:number]]
        kept = [held.pixels] * (len(folds) - number)
        kept += [pixels_of(self._records, names) for names in before]
        return self._cost.image * sum(map(len, before)) + sum(map(self._cost.keeping, kept))


def pixels_of(records: Mapping[str, Record], names: Iterable[str]) -> int:
    """Pixels of some images.

    Args:
        records: The images.
        names: Which of them.
    """
    return sum(math.prod(records[name].size) for name in names)
