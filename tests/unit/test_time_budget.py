"""What a time budget buys."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapwright.data.splits import drawn_by_lot
from mapwright.errors import SettingError
from mapwright.training.budget import Clock, Held, Looks, Share, parse_seconds, share_out
from mapwright.training.fit import Speed

SPEED = Speed(step=1.0, pixel=1e-6)  # a megapixel in a second


def shared(
    seconds: float,
    images: int,
    side: int = 1000,
    views: int = 1,
    folds: int = 1,
    scoring: float = 0.0,
    settled: Looks = Looks(),  # noqa: B008 - frozen
) -> Share:
    clock, held = Clock(time.monotonic(), seconds), Held(images, images * side**2, views, scoring)
    return share_out(clock, SPEED, folds=folds, held=held, reserve=0.0, settled=settled)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h30m", 5400), ("0.5h", 1800)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "15 minutes", "1h-5m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="is no duration"):
        parse_seconds(text)


def test_few_held_out_images_are_all_looked_at_and_scored() -> None:
    share = shared(600, images=20)
    assert (share.validate_on, share.score_on) == (0, 0)
    assert share.steps == pytest.approx(600 - 20 - 2 * 20, abs=2)


def test_many_are_looked_at_in_part_and_scored_in_full_while_that_takes_a_quarter() -> None:
    share = shared(2400, images=200)
    assert share.score_on == 0
    assert 24 <= share.validate_on < 200
    assert share.steps == pytest.approx((2400 - 200) * 0.9, rel=0.03)
    assert share.steps / share.validate_every >= 7  # looks


def test_of_too_many_a_part_is_scored() -> None:
    share = shared(1200, images=4000)
    assert share.score_on == pytest.approx(300, abs=2)
    assert share.steps == pytest.approx(1200 * 0.75 * 0.9, rel=0.3)


def test_every_view_counts() -> None:
    assert shared(1200, images=4000, views=4).score_on == pytest.approx(75, abs=2)


def test_too_little_time_is_refused() -> None:
    with pytest.raises(SettingError, match="the budget of 20 s leaves 0 s for a fold"):
        shared(20, images=20)


def test_what_scoring_costs_beside_predicting_counts() -> None:
    assert shared(2400, images=200, scoring=100.0).steps == pytest.approx(2100 * 0.9, rel=0.03)
    assert shared(1200, images=4000, scoring=4000.0).score_on == pytest.approx(150, abs=2)


def test_what_is_settled_stands_and_leaves_as_much_time() -> None:
    settled = Looks(validate_every=100, validate_on=50, score_on=0)
    share = shared(2000, images=400, settled=settled)
    assert (share.validate_every, share.validate_on, share.score_on) == (100, 50, 0)
    # in 1600 s: ten rounds of 150 s, then 50 steps and a look at the end
    assert share.steps == pytest.approx(1050, abs=2)
    few = shared(2000, images=400, settled=Looks(validate_every=5000, validate_on=50, score_on=0))
    assert few.steps == pytest.approx(1600 - 50, abs=2)  # one look, at the end


def test_one_of_the_settings_by_hand_leaves_the_others_free() -> None:
    often = shared(2400, images=1000, settled=Looks(validate_every=10))
    assert often.validate_every == 10
    assert often.validate_on == 24  # fewer are never looked at
    seldom = shared(2400, images=1000, settled=Looks(validate_every=10**6))
    assert seldom.validate_on == pytest.approx(180, abs=2)  # a tenth of 1800 s, at once


def test_more_by_hand_than_there_are_is_all() -> None:
    settled = Looks(validate_on=10**6, score_on=10**6)
    assert shared(600, images=20, settled=settled).steps == shared(600, images=20).steps


def test_where_nothing_is_held_out_all_time_is_for_steps() -> None:
    assert shared(600, images=0).steps == pytest.approx(600, abs=1)
    settled = Looks(validate_every=7, validate_on=30, score_on=5)
    assert shared(600, images=0, settled=settled).steps == pytest.approx(600, abs=1)


@given(
    st.integers(60, 40_000),
    st.integers(0, 100_000),
    st.integers(1, 8),
    st.integers(1, 5),
    st.sampled_from([0.0, 0.001, 0.1]),
    st.none() | st.integers(1, 5000),
    st.none() | st.integers(0, 500),
    st.none() | st.integers(0, 500),
)
def test_what_is_planned_fits(
    seconds: int,
    images: int,
    views: int,
    folds: int,
    each: float,
    every: int | None,
    validate_on: int | None,
    score_on: int | None,
) -> None:
    side, settled = 100, Looks(every, validate_on, score_on)
    try:
        share = shared(seconds, images, side, views, folds, each * images, settled)
    except SettingError:
        return
    looks = -(-share.steps // share.validate_every)
    seen, scored = (min(n or images, images) for n in (share.validate_on, share.score_on))
    took = share.steps * SPEED.step
    took += looks * seen * side**2 * SPEED.pixel
    took += scored * (side**2 * SPEED.pixel * views + each)
    assert took <= seconds / folds * 1.02 + 1
    for chosen, by_hand in ((share.score_on, score_on), (share.validate_on, validate_on)):
        assert chosen == by_hand if by_hand is not None else not chosen or 24 <= chosen < images


def test_a_lot_hangs_neither_on_the_order_nor_on_other_names() -> None:
    names = [f"{number:05d}" for number in range(4000)]
    drawn = drawn_by_lot(names, 1000)
    assert len(drawn) == 1000
    assert list(drawn) == sorted(drawn)
    assert set(drawn_by_lot(names[::-1], 1000)) == set(drawn)
    assert set(drawn_by_lot(names, 100)) < set(drawn)
    every_fourth = sum(int(name) % 4 == 0 for name in drawn)
    assert 200 < every_fourth < 300  # an even stride would draw all or none
    assert drawn_by_lot(names, 0) == drawn_by_lot(names, 9000) == tuple(names)
