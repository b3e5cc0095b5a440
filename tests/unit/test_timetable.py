"""Who gets how much of a budget, fold by fold, on a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mapwright.data.augmentation import Augmentation
from mapwright.data.splits import Fold, drawn_by_lot
from mapwright.metrics.kept import ROOM
from mapwright.plan import Plan, PlanWithReasons
from mapwright.training.budget import GRACE
from mapwright.training.fit import Speed
from mapwright.training.options import Options
from mapwright.training.scoring_cost import ScoringCost, scoring_cost
from mapwright.training.timetable import Timetable

SPEED = Speed(step=0.5, pixel=1e-6)
FREE = ScoringCost()
SIDE = 500
LOOKS = ("validate_every", "validate_on", "score_on")


class Watch:
    """The time, which passes only when told so."""

    def __init__(self) -> None:
        self.now = 1000.0


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    watch = Watch()
    with monkeypatch.context() as patch:
        patch.setattr("time.monotonic", lambda: watch.now)
        yield watch


def vary(plan: Plan) -> tuple[Augmentation, str]:
    """As many steps, so much brightness."""
    return Augmentation(brightness=plan.steps), f"{plan.steps} steps"


class Training:
    """A training that only takes its time."""

    def __init__(
        self,
        watch: Watch,
        budget: float,
        folds: int = 3,
        images: int = 30,
        cost: ScoringCost = FREE,
        tta: str = "none",
        **options: Any,
    ) -> None:
        names = [[f"{fold}-{image}" for image in range(images)] for fold in range(folds)]
        self.folds = [Fold(train=(), val=tuple(own)) for own in names]
        records: Any = {
            n: SimpleNamespace(size=(SIDE, SIDE), classes=[SIDE**2 - 900, 900])
            for own in names
            for n in own
        }
        self.options = Options(budget=budget, began=watch.now, **options)
        self.table = Timetable(self.options, records, cost, vary)
        self.watch, self.cost, self.end = watch, cost, watch.now + budget
        by_hand = {"tta": tta, **(self.options.settings or {})}
        self.planned = PlanWithReasons(Plan(**by_hand), dict.fromkeys(by_hand, "set by hand"))
        self.probed: list[float] = []
        self.scored: list[int] = []

    def probe(self, seconds: float) -> Speed:
        self.probed.append(seconds)
        self.watch.now += seconds
        return SPEED

    def fit(self, number: int, slower: float = 1.0) -> int:
        """One fold; the steps that it was given."""
        val = self.folds[number].val
        self.planned, _ = self.table.plan_fold(number, self.folds, self.planned, self.probe)
        plan = self.planned.plan
        steps, looks = plan.fold_steps[number], -(-plan.fold_steps[number] // plan.validate_every)
        looked_at = len(drawn_by_lot(val, plan.validate_on)) * SIDE**2
        took = steps * SPEED.step * slower + looks * looked_at * SPEED.pixel
        self.watch.now += took
        fitted: Any = SimpleNamespace(step=steps, rows=[{}] * looks)
        self.table.refine(fitted, took, looked_at)
        views = {"none": 1, "flips": 4, "d4": 8}[plan.tta]
        self.scored.append(len(drawn_by_lot(val, plan.score_on)))
        each = SIDE**2 * (views * SPEED.pixel + self.cost.pixel) + 900 * self.cost.found
        self.watch.now += self.scored[-1] * each
        return steps

    def close(self) -> float:
        """Score all, save, and do what comes after; the seconds that are left."""
        maps = self.options.after_pixels * len(self.folds) * SPEED.pixel
        scores = self.cost.image * sum(self.scored)
        scores += sum(self.cost.keeping(images * SIDE**2) for images in self.scored)
        self.watch.now += scores + maps + self.options.reserve + 3
        return self.end - self.watch.now


def test_without_a_budget_the_clock_sets_nothing(watch: Watch) -> None:
    table = Timetable(Options(), {}, FREE, vary)
    assert table.end == float("inf")
    assert not table.sets(0, Plan())


def test_steps_that_are_known_already_stand(watch: Watch) -> None:
    table = Timetable(Options(budget=60, began=watch.now), {}, FREE, vary)
    assert table.sets(0, Plan())
    assert not table.sets(0, Plan(fold_steps=(5,)))
    assert table.sets(1, Plan(fold_steps=(5,)))
    by_hand = Timetable(Options(budget=60, began=watch.now, settings={"steps": 9}), {}, FREE, vary)
    assert not by_hand.sets(0, Plan(steps=9))
    assert by_hand.end == watch.now + 60


def test_a_budget_without_a_beginning_begins_now(watch: Watch) -> None:
    assert Timetable(Options(budget=60), {}, FREE, vary).end == watch.now + 60


def test_speed_is_measured_once_and_corrected_by_each_fold(watch: Watch) -> None:
    training = Training(watch, 900)
    first = training.fit(0, slower=1.5)
    second = training.fit(1)
    third = training.fit(2)
    assert training.probed == [40.0]
    assert second < 0.6 * first  # less time is left, and a step is known to take longer
    assert third > 1.5 * second  # it took less after all
    assert 0 <= training.close() < 0.05 * 900


def test_a_fold_of_a_few_steps_does_not_correct_the_speed(watch: Watch) -> None:
    training = Training(watch, 900)
    training.fit(0)
    training.table.refine(SimpleNamespace(step=8, rows=[{}]), 800.0, 0)
    assert training.fit(1) > 100


@pytest.mark.parametrize("images", [5, 30, 300, 3000])
@pytest.mark.parametrize("tta", ["none", "flips"])
def test_a_whole_training_keeps_its_budget_and_uses_it(watch: Watch, images: int, tta: str) -> None:
    training = Training(watch, 1200, images=images, tta=tta)
    for number in range(3):
        training.fit(number)
    assert 0 <= training.close() < 0.03 * 1200


@pytest.mark.parametrize(
    "cost",
    [
        ScoringCost(pixel=4e-7),
        ScoringCost(image=0.1),
        ScoringCost(kept=4e-7),
        ScoringCost(found=1e-4, counted=1),
    ],
    ids=["pixels", "images", "what is kept", "objects"],
)
@pytest.mark.parametrize("images", [30, 300, 3000])
def test_time_is_left_for_what_scoring_costs_beside_predicting(
    watch: Watch, images: int, cost: ScoringCost
) -> None:
    training = Training(watch, 1200, images=images, cost=cost)
    for number in range(3):
        training.fit(number)
    assert 0 <= training.close() < 0.06 * 1200


def test_time_is_left_for_what_comes_after_training(watch: Watch) -> None:
    training = Training(watch, 1200, reserve=200.0, after_pixels=10**8)
    for number in range(3):
        training.fit(number)
    assert 0 <= training.close() < 0.03 * 1200


def test_later_folds_look_as_the_first_one_does(watch: Watch) -> None:
    training = Training(watch, 1200, images=3000)
    training.fit(0)
    first = {key: getattr(training.planned.plan, key) for key in (*LOOKS, "steps")}
    assert 24 <= first["validate_on"] < first["score_on"] < 3000
    training.fit(1)
    training.fit(2)
    assert {key: getattr(training.planned.plan, key) for key in first} == first
    assert len(training.planned.plan.fold_steps) == 3
    assert training.scored == [first["score_on"]] * 3


def test_a_fold_leaves_time_for_the_images_that_the_first_one_chose(watch: Watch) -> None:
    training = Training(watch, 1200, images=3000)
    training.fit(0)
    chosen = training.planned.plan.score_on * SIDE**2 * SPEED.pixel
    watch.now += 300  # whatever happened, fewer steps are left, not fewer images to score
    steps = training.fit(1)
    share = (training.end - watch.now - 3) / 1
    assert training.planned.plan.score_on * SIDE**2 * SPEED.pixel == chosen
    assert steps * SPEED.step + chosen == pytest.approx(share, rel=0.25)
    training.fit(2)
    assert training.close() >= 0


@pytest.mark.parametrize(
    "by_hand",
    [{"score_on": 0}, {"validate_on": 0}, {"validate_every": 3}, {"validate_every": 5000}],
    ids=str,
)
def test_time_is_left_for_what_is_set_by_hand(watch: Watch, by_hand: dict[str, int]) -> None:
    training = Training(watch, 2400, images=1000, settings=by_hand)
    for number in range(3):
        training.fit(number)
    plan = training.planned.plan
    assert {key: getattr(plan, key) for key in by_hand} == by_hand
    assert all(training.planned.reasons[key] == "set by hand" for key in by_hand)
    assert all(
        "budget of 2400 s" in training.planned.reasons[key] for key in set(LOOKS) - set(by_hand)
    )
    assert 0 <= training.close() < 0.03 * 2400


def test_the_clock_ends_a_fold_that_runs_over_its_share(watch: Watch) -> None:
    training = Training(watch, 1200)
    _, deadline = training.table.plan_fold(0, training.folds, training.planned, training.probe)
    assert training.watch.now + 300 < deadline < training.watch.now + 400 + GRACE * 1200


def test_what_scoring_costs_hangs_on_what_is_counted() -> None:
    sea: Any = SimpleNamespace(size=(768, 768), classes=[768**2, 0])
    town: Any = SimpleNamespace(size=(768, 768), classes=[768**2 - 100_000, 100_000])
    plain = scoring_cost(2, counted=None, tuned=False)
    ruled = scoring_cost(2, counted=1, tuned=False)
    tuned = scoring_cost(2, counted=1, tuned=True)
    assert plain.scoring([sea]) == plain.scoring([town]) < ruled.scoring([town])
    assert ruled.scoring([sea]) == ruled.scoring([town]) == tuned.scoring([sea]) < 0.2
    assert 1 < tuned.scoring([town]) < 5  # seconds: dozens of cuts, each labelled and matched
    assert tuned.scoring([sea, town]) == pytest.approx(tuned.scoring([sea]) + tuned.scoring([town]))


def test_what_waits_for_a_threshold_is_reckoned_while_there_is_room_for_it() -> None:
    assert scoring_cost(6, counted=None, tuned=True).keeping(10**6) == 0
    assert scoring_cost(2, counted=None, tuned=False).keeping(10**6) == 0
    waiting = scoring_cost(2, counted=None, tuned=True)
    assert 0 < waiting.keeping(10**6) < waiting.keeping(ROOM) == waiting.keeping(10 * ROOM) < 5


def test_tiles_are_varied_as_suits_the_steps_that_the_clock_gives(watch: Watch) -> None:
    training = Training(watch, 600)
    training.fit(0)
    steps = training.planned.plan.steps
    assert training.planned.plan.augmentation.brightness == steps
    assert training.planned.reasons["augmentation"] == f"{steps} steps"
    training.fit(1)
    assert training.planned.plan.augmentation.brightness == steps  # settled by the first fold
    by_hand = Training(watch, 600, settings={"augmentation": {"zoom": 1.0}})
    by_hand.fit(0)
    assert by_hand.planned.reasons["augmentation"] == "set by hand"
