"""Laws of temperature scaling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapwright.card import Decision
from mapwright.metrics.soft_counts import Points, Soft, SoftCounter
from mapwright.metrics.temperature import (
    TEMPERATURES,
    best_temperature,
    cross_fitted,
    nll_sums,
    temper,
    temper_threshold,
)
from mapwright.metrics.temperature_choice import choose_temperature
from mapwright.predict.pipeline import decide
from mapwright.types import Window

temperatures = st.floats(0.3, 5)


def honest(classes: int, pixels: int, seed: int, spread: float = 2.0) -> tuple[np.ndarray, ...]:
    """Logits (pixels, K), and classes drawn with the probabilities that they say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, spread, (pixels, classes))
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    steps = (raised / raised.sum(axis=1, keepdims=True)).cumsum(axis=1)
    truth = (rng.random((pixels, 1)) > steps[:, :-1]).sum(axis=1)
    return logits, truth


def soft_of(logits: np.ndarray) -> np.ndarray:
    """(K, 1, pixels) float32 probabilities."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32).T[:, None]


def kept(soft: np.ndarray, truth: np.ndarray) -> Soft:
    counter = SoftCounter([Window(0, 0, *soft.shape[1:])], len(soft))
    counter.add(0, truth.reshape(soft.shape[1:]).astype(np.uint8), soft)
    return counter.soft()


@settings(deadline=None, max_examples=25)
@given(temperatures, st.sampled_from([2, 3, 6]), st.integers(0, 99))
def test_the_temperature_of_logits_that_are_too_large_is_found(
    temperature: float, classes: int, seed: int
) -> None:
    logits, truth = honest(classes, 20_000, seed)
    entry = kept(soft_of(logits * temperature), truth)
    assert best_temperature(nll_sums(entry.points)) == pytest.approx(temperature, rel=0.06)


@settings(deadline=None, max_examples=40)
@given(temperatures, st.sampled_from([2, 3, 6]), st.integers(0, 99))
def test_the_order_of_classes_stays_and_the_inverse_brings_everything_back(
    temperature: float, classes: int, seed: int
) -> None:
    soft = soft_of(honest(classes, 500, seed)[0])
    after = temper(soft, temperature)
    np.testing.assert_allclose(after.sum(axis=0), 1, atol=1e-5)
    best = np.sort(soft, axis=0)
    clear = best[-1] - best[-2] > 1e-5
    np.testing.assert_array_equal(soft.argmax(axis=0)[clear], after.argmax(axis=0)[clear])
    np.testing.assert_allclose(temper(after, 1 / temperature), soft, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(temperatures, st.integers(1, 999), st.integers(0, 99))
def test_of_two_classes_the_threshold_moves_with_the_probabilities(
    temperature: float, thousandth: int, seed: int
) -> None:
    before = Decision(threshold=thousandth / 1000)
    after = before.calibrated(temperature)
    assert after.raw_threshold == pytest.approx(before.threshold, abs=1e-12)
    assert round(after.raw_threshold * 1000) == thousandth
    soft = soft_of(honest(2, 3000, seed)[0])
    wanted = decide(soft, before.threshold)
    np.testing.assert_array_equal(decide(soft, after.raw_threshold), wanted)
    clear = abs(soft[1] - before.threshold) > 1e-5 * max(temperature, 1)
    shown = decide(temper(soft, temperature), after.threshold)
    np.testing.assert_array_equal(shown[clear], wanted[clear])


def test_a_temperature_of_one_changes_nothing_at_all() -> None:
    soft = soft_of(honest(3, 100, 0)[0])
    assert temper(soft, 1.0) is soft
    assert temper_threshold(0.1234567, 1.0) == 0.1234567
    assert Decision(threshold=0.37).raw_threshold == 0.37


@pytest.mark.parametrize("temperature", [0.25, 1.0, 2.5, 8.0])
def test_nothing_and_nan_stay_what_they_are(temperature: float) -> None:
    soft = np.array([[0.0, np.nan, 1.0, 0.2], [0.0, np.nan, 0.0, 0.8]], np.float32)
    after = temper(soft, temperature)
    assert after.dtype == np.float32
    np.testing.assert_array_equal(after[:, 0], 0)
    assert np.isnan(after[:, 1]).all()
    np.testing.assert_array_equal(after[:, 2], [1, 0])
    assert temper_threshold(0.0, temperature) == 0
    assert temper_threshold(1.0, temperature) == 1


def five_members(alike: float, pixels: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (5, 2, 1, pixels) of members that alone ask for 1.5, and the truth.

    A member sees the truth, -1 or 1, times 1.5 in normal noise of variance 1 that correlates by
    `alike` with that of another; then 3 times what it sees are its calibrated log odds.
    """
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, pixels)
    shared, own = rng.normal(size=pixels), rng.normal(size=(5, pixels))
    seen = 1.5 * (2 * truth - 1) + np.sqrt(alike) * shared + np.sqrt(1 - alike) * own
    second = 1 / (1 + np.exp(-1.5 * 3 * seen))
    return np.stack([1 - second, second], axis=1)[:, :, None].astype(np.float32), truth


@pytest.mark.parametrize(("alike", "less"), [(0.99, 0.03), (0.95, 0.12), (0.90, 0.22)])
def test_the_mean_of_members_asks_for_as_much_less_as_the_reason_says(
    alike: float, less: float
) -> None:
    members, truth = five_members(alike)
    one, mean = (
        best_temperature(nll_sums(kept(soft, truth).points))
        for soft in (members[0], members.mean(axis=0))
    )
    assert one == pytest.approx(1.5, rel=0.03)
    assert 1 - mean / one == pytest.approx(less, abs=0.015)


def test_the_reason_of_an_ensemble_says_by_how_much_its_mean_asks_for_a_lower_one() -> None:
    members, truth = five_members(0.95, 4000)
    parts = [[kept(soft, truth)] for soft in members]
    assert "by 3 to 22 % in a simulation" in choose_temperature(parts, members=5).reason
    assert "simulation" not in choose_temperature(parts).reason


def test_a_part_has_no_say_in_its_own_temperature() -> None:
    parts = [honest(3, 2000, seed) for seed in range(4)]
    sums = [
        nll_sums(kept(soft_of(logits * (1 + k)), truth).points)
        for k, (logits, truth) in enumerate(parts)
    ]
    before = cross_fitted(sums)
    changed = cross_fitted([sums[0] * 7 + 3 * TEMPERATURES, *sums[1:]])
    assert changed[0] == before[0]
    assert all(a != b for a, b in zip(changed[1:], before[1:], strict=True))


# --- what can't be fitted -------------------------------------------------------------------------


def parts_of(*pairs: tuple[np.ndarray, np.ndarray]) -> list[list[Soft]]:
    return [[kept(soft, truth)] for soft, truth in pairs]


def test_too_sure_networks_are_calibrated_and_the_reason_says_by_how_much() -> None:
    pairs = [honest(2, 5000, seed) for seed in range(3)]
    chosen = choose_temperature(parts_of(*((soft_of(2 * z), y) for z, y in pairs)), members=3)
    assert chosen.temperature == pytest.approx(2, rel=0.1)
    assert len(set(chosen.parts)) == 3
    assert "3 held-out images, 15,000 pixels" in chosen.reason
    assert "fitted on 3 members one by one" in chosen.reason


def test_one_image_can_not_be_judged() -> None:
    logits, truth = honest(2, 500, 0)
    chosen = choose_temperature(parts_of((soft_of(3 * logits), truth)))
    assert (chosen.temperature, chosen.parts) == (1.0, (1.0,))
    assert "two independent held-out images" in chosen.reason


def test_one_class_alone_says_nothing() -> None:
    logits, _ = honest(2, 500, 0)
    same = soft_of(logits), np.zeros(500, np.uint8)
    chosen = choose_temperature(parts_of(same, same))
    assert chosen.temperature == 1
    assert "all held-out pixels are of one class" in chosen.reason


def test_no_label_at_all_says_so() -> None:
    logits, _ = honest(2, 50, 0)
    empty = soft_of(logits), np.full(50, 255, np.uint8)
    chosen = choose_temperature(parts_of(empty, empty))
    assert chosen.temperature == 1
    assert "no held-out pixel has a label" in chosen.reason


def test_what_is_always_right_is_sharpened_to_the_end_of_what_is_tried_and_no_further() -> None:
    truth = np.arange(400) % 2
    logits = np.where(np.arange(2) == truth[:, None], 1.5, -1.5)
    chosen = choose_temperature(parts_of(*[(soft_of(logits), truth)] * 2))
    assert chosen.temperature == TEMPERATURES[0]
    assert "the last that is tried" in chosen.reason


@pytest.mark.parametrize("classes", [2, 3])
def test_what_any_temperature_fits_stays_as_it_is(classes: int) -> None:
    even = np.full((classes, 1, 60), 1 / classes, np.float32)
    truth = np.arange(60) % classes
    chosen = choose_temperature(parts_of((even, truth), (even, truth)))
    assert chosen.temperature == 1
    sure = np.stack([(truth == k)[None] for k in range(classes)]).astype(np.float32)
    chosen = choose_temperature(parts_of((sure, truth), (sure, truth)))
    assert chosen.temperature in (1, TEMPERATURES[0])


def test_what_does_no_good_on_other_images_is_left_out() -> None:
    """One image is far too sure, the other far too unsure: each asks for the wrong thing."""
    a, b = honest(2, 4000, 0), honest(2, 4000, 1)
    chosen = choose_temperature(parts_of((soft_of(4 * a[0]), a[1]), (soft_of(b[0] / 4), b[1])))
    assert chosen.temperature == 1
    assert chosen.parts == (1.0, 1.0)
    assert "not calibrated: the best would be" in chosen.reason


def test_sums_of_nothing_are_nothing() -> None:
    nothing = Points(np.zeros((0, 2), np.float32), np.zeros(0, np.uint8), np.zeros(0), np.zeros(0))
    assert not nll_sums(nothing).any()
    assert best_temperature(nll_sums(nothing)) == 1
