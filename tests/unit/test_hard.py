import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapwright.data.hard import _KEPT, LAG, Alarms, HardTiles, heard
from mapwright.types import Window


def place(number: int, stem: str = "sea") -> tuple[str, Window]:
    return stem, Window(number, -3, 48, 48)


def alarms(hard: HardTiles) -> dict[int, float]:
    return {row: alarm for _, row, _, alarm in hard.plain()}


def test_places_are_drawn_by_how_loud_their_alarm_was() -> None:
    hard = HardTiles()
    hard.learn(heard([place(1), place(2), place(3)], [0.9, 0.1, 0.0]))
    rng = np.random.default_rng(0)
    rows = np.array([hard.draw(rng)[1] for _ in range(2000)])
    assert (rows == 1).mean() == pytest.approx(0.9, abs=0.03)
    assert not (rows == 3).any()


def test_where_all_is_quiet_every_place_is_drawn() -> None:
    hard = HardTiles()
    hard.learn(heard([place(1), place(2)], [0.0, 0.0]))
    assert {hard.draw(np.random.default_rng(seed))[1] for seed in range(20)} == {1, 2}


def test_tiles_with_an_object_are_not_kept() -> None:
    hard = HardTiles()
    hard.learn(heard([place(1), place(2)], [math.nan, 0.5]))
    assert list(alarms(hard)) == [2]


def test_a_place_learnt_by_now_is_drawn_no_more() -> None:
    hard = HardTiles()
    hard.learn(heard([place(1), place(2)], [0.9, 0.4]))
    hard.learn(heard([place(1)], [0.0]))
    assert alarms(hard)[1] == 0
    assert {hard.draw(np.random.default_rng(seed))[1] for seed in range(50)} == {2}


def test_what_was_heard_long_ago_counts_less() -> None:
    hard = HardTiles()
    hard.learn(heard([place(1)], [0.8]))
    for _ in range(140):
        hard.learn([])
    assert alarms(hard)[1] == pytest.approx(0.4, abs=0.02)


def test_of_too_many_places_the_quietest_goes() -> None:
    hard = HardTiles()
    loud = [place(number) for number in range(_KEPT)]
    hard.learn(heard(loud, [0.5 + 0.1 * (number % 5) for number in range(_KEPT)]))
    hard.learn(heard([place(-1)], [0.2]))
    assert len(hard) == _KEPT
    assert -1 not in alarms(hard)
    hard.learn(heard([place(-2)], [0.99]))
    assert -2 in alarms(hard)
    assert 0 not in alarms(hard)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["a", "ü[0:9,0:9]"]), st.integers(-40, 40), st.floats(0, 1)),
            max_size=6,
        ),
        max_size=6,
    ),
    st.integers(0, 5),
)
def test_stored_and_read_again_at_any_moment_it_goes_on_alike(steps, moment: int) -> None:
    """What a resumed training needs: the same places, alarms and draws, to the last bit."""
    whole, resumed = HardTiles(), HardTiles()
    for number, found in enumerate(steps):
        places = [place(row, stem) for stem, row, _ in found]
        loudness = [alarm for *_, alarm in found]
        whole.learn(heard(places, loudness))
        if number == moment:
            resumed = HardTiles(json.loads(json.dumps(resumed.plain())))
        resumed.learn(heard(places, loudness))
    assert whole.plain() == resumed.plain()
    if len(whole):
        one, other = np.random.default_rng(1), np.random.default_rng(1)
        assert [whole.draw(one) for _ in range(9)] == [resumed.draw(other) for _ in range(9)]


# --- what counts later ---------------------------------------------------------------------------


def noted(steps: int, last: int | None = None) -> Alarms:
    """What so many steps found, each in a place of its own; of them the last is read again."""
    found = Alarms()
    for step in range(steps):
        found.note([place(step), place(99)], [0.1 + step / 100, math.nan])
        if step == last:
            found = Alarms(**json.loads(json.dumps(found.plain())))
    return found


def test_what_a_step_found_counts_a_fixed_number_of_steps_later() -> None:
    for steps in range(6):
        for ahead in range(LAG + 1):
            rows = list(alarms(noted(steps).known(ahead)))
            assert rows == list(range(steps + ahead - LAG))


@pytest.mark.parametrize("step", range(8))
def test_a_batch_chosen_ahead_knows_what_it_would_know_if_chosen_at_its_step(step: int) -> None:
    late = noted(step).known().plain()
    for ahead in range(min(step, LAG) + 1):
        assert noted(step - ahead).known(ahead).plain() == late


def test_asking_changes_nothing() -> None:
    found = noted(5)
    before = found.plain()
    found.known(LAG).learn([("elsewhere", 0, 0, 1.0)])
    assert found.plain() == before == noted(5).plain()


@pytest.mark.parametrize("last", range(6))
def test_what_waits_is_stored_too(last: int) -> None:
    for ahead in range(LAG + 1):
        assert noted(6, last).known(ahead).plain() == noted(6).known(ahead).plain()


def test_steps_without_a_false_alarm_let_others_fade_when_they_count() -> None:
    found = noted(1)
    for _ in range(LAG + 1):
        found.note([place(7)], [math.nan])
    assert alarms(found.known()) == {0: pytest.approx(0.1 * 0.995)}
    assert alarms(found.known(LAG)) == {0: pytest.approx(0.1 * 0.995**3)}
