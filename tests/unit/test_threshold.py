import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapwright.metrics.confusion import confusion, mean_iou
from mapwright.metrics.threshold import (
    BINS,
    best_threshold,
    counts_at,
    cross_fitted,
    histogram,
)
from mapwright.predict.pipeline import decide
from mapwright.types import IGNORE


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, BINS))
def test_counts_at_a_threshold_are_those_of_the_map(seed: int, step: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, IGNORE], size=(20, 20)).astype(np.uint8)
    second = rng.random((20, 20)).astype(np.float32)
    second[:5] = (rng.integers(0, BINS + 1, (5, 20)) / BINS).astype(np.float32)  # on the edges
    threshold = step / BINS
    guess = decide(np.stack([1 - second, second]), threshold)
    counts = counts_at(histogram(truth, second), threshold)
    np.testing.assert_array_equal(counts, confusion(truth, guess, 2))


def test_the_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(5000) < 0.3).astype(np.uint8)
    second = np.clip(0.25 * truth + 0.6 * rng.random(5000), 0, 1).astype(np.float32)
    counted = histogram(truth, second)
    scores = [mean_iou(counts_at(counted, step / BINS)) for step in range(1, BINS + 1)]
    best = best_threshold(counted)
    assert mean_iou(counts_at(counted, best)) == pytest.approx(max(scores))
    assert mean_iou(counts_at(counted, best)) > mean_iou(counts_at(counted, 0.5))


def test_of_equally_good_thresholds_the_middle_is_taken() -> None:
    truth = np.array([0, 1], np.uint8)
    counted = histogram(truth, np.array([0.2, 0.8], np.float32))
    assert best_threshold(counted) == pytest.approx(0.5, abs=0.01)


def test_nothing_counted_leaves_the_threshold_alone() -> None:
    assert best_threshold(np.zeros((2, BINS + 1), np.int64)) == 0.5


def test_a_fold_has_no_say_in_its_own_threshold() -> None:
    low = histogram(np.array([0, 1], np.uint8), np.array([0.1, 0.3], np.float32))
    high = histogram(np.array([0, 1], np.uint8), np.array([0.7, 0.9], np.float32))
    first, second = cross_fitted([low, high])
    assert 0.7 < first <= 0.9
    assert 0.1 < second <= 0.3
