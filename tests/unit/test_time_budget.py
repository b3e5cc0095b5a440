"""What a time budget buys."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapwright.data.splits import drawn_by_lot
from mapwright.errors import SettingError
from mapwright.training.budget import Clock, Held, Share, parse_seconds, share_out
from mapwright.training.fit import Speed

SPEED = Speed(step=1.0, pixel=1e-6)  # a megapixel in a second


def shared(seconds: float, images: int, side: int = 1000, views: int = 1, folds: int = 1) -> Share:
    clock, held = Clock(time.monotonic(), seconds), Held(images, images * side**2, views)
    return share_out(clock, SPEED, folds=folds, held=held, reserve=0.0)


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


@given(st.integers(60, 40_000), st.integers(0, 100_000), st.integers(1, 8), st.integers(1, 5))
def test_what_is_planned_fits(seconds: int, images: int, views: int, folds: int) -> None:
    side = 100
    try:
        share = shared(seconds, images, side, views, folds)
    except SettingError:
        return
    looks = -(-share.steps // share.validate_every)
    whole = side**2 * SPEED.pixel
    took = share.steps * SPEED.step
    took += looks * (share.validate_on or images) * whole
    took += (share.score_on or images) * whole * views
    assert took <= seconds / folds * 1.02 + 1
    assert not share.score_on or 24 <= share.score_on < images
    assert not share.validate_on or 24 <= share.validate_on < images


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
