"""Scores worked by hand."""

import numpy as np
import pytest

from mapwright.metrics import confusion as cm
from mapwright.metrics.intervals import bootstrap_interval
from mapwright.types import IGNORE

TRUTH = np.array([[0, 0, 1, 1], [1, 2, IGNORE, 0]], np.uint8)
GUESS = np.array([[0, 1, 1, 1], [0, 2, 2, IGNORE]], np.uint8)
COUNTS = np.array([[1, 1, 0], [1, 2, 0], [0, 0, 1]])


def test_counts() -> None:
    counts = cm.confusion(TRUTH, GUESS, 3)
    assert counts.dtype == np.int64
    assert (counts == COUNTS).all()


def test_scores() -> None:
    assert cm.iou(COUNTS) == pytest.approx([1 / 3, 2 / 4, 1])
    assert cm.f1(COUNTS) == pytest.approx([2 / 4, 4 / 6, 1])
    assert cm.precision(COUNTS) == pytest.approx([1 / 2, 2 / 3, 1])
    assert cm.recall(COUNTS) == pytest.approx([1 / 2, 2 / 3, 1])
    assert cm.accuracy(COUNTS) == pytest.approx(4 / 6)
    assert cm.mean_iou(COUNTS) == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)


def test_absent_classes_are_undefined_and_left_out_of_the_mean() -> None:
    counts = np.array([[3, 1, 0], [0, 0, 0], [0, 0, 0]])
    assert cm.iou(counts)[1] == 0  # never true, but predicted: a false alarm counts
    assert np.isnan(cm.iou(counts)[2])
    assert cm.mean_iou(counts) == pytest.approx(0.75 / 2)
    assert np.isnan(cm.recall(counts)[1])
    assert np.isnan(cm.precision(counts)[2])
    assert cm.present(counts).tolist() == [True, True, False]


def test_nothing_counted_is_undefined() -> None:
    nothing = np.zeros((2, 2), np.int64)
    assert np.isnan(cm.accuracy(nothing))
    assert np.isnan(cm.mean_iou(nothing))


def test_many_matrices_at_once() -> None:
    stack = np.stack([COUNTS, COUNTS * 2])
    assert cm.iou(stack) == pytest.approx(np.stack([cm.iou(COUNTS)] * 2))
    assert cm.mean_iou(stack).shape == (2,)


def test_interval_of_equal_images_has_no_width() -> None:
    units = np.stack([COUNTS] * 5)
    low, high = bootstrap_interval(units, cm.iou)
    assert low == pytest.approx(high)
    assert low == pytest.approx(cm.iou(COUNTS))


def test_interval_needs_two_images() -> None:
    assert np.isnan(bootstrap_interval(COUNTS[None], cm.mean_iou)).all()
    assert bootstrap_interval(COUNTS[None], cm.mean_iou).shape == (2,)


def test_interval_leaves_an_absent_class_undefined() -> None:
    counts = np.zeros((4, 3, 3), np.int64)
    counts[:, 0, 0], counts[:, 1, 1] = 5, 5
    bounds = bootstrap_interval(counts, cm.iou)
    assert np.isnan(bounds[:, 2]).all()
    assert (bounds[:, :2] == 1).all()


def test_interval_is_repeatable_and_brackets_the_score() -> None:
    rng = np.random.default_rng(0)
    units = rng.integers(1, 100, (20, 2, 2))
    first = bootstrap_interval(units, cm.mean_iou, seed=3)
    assert (first == bootstrap_interval(units, cm.mean_iou, seed=3)).all()
    assert first[0] < cm.mean_iou(units.sum(axis=0)) < first[1]
