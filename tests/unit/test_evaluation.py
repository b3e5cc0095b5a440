import json

import numpy as np
import pytest

from mapwright.metrics.summary import constant_baseline, summarize


def test_the_summary_pools_pixels_and_keeps_per_image_means_apart() -> None:
    counts = np.array([[[90, 0], [0, 10]], [[50, 50], [0, 0]]])
    scores = summarize(["a", "b"], ["ground", "roof"], counts, counts)
    ground, roof = scores.classes
    assert ground.iou == pytest.approx(140 / 190)
    assert roof.iou == pytest.approx(10 / 60)
    assert roof.iou_per_image == 1  # the second image has no roof, so it has no say
    assert scores.mean_iou_per_image == pytest.approx((1 + 50 / 100 / 2) / 2)
    assert scores.mean_iou == pytest.approx((140 / 190 + 10 / 60) / 2)
    assert scores.accuracy == pytest.approx(150 / 200)
    assert roof.iou_interval[0] <= roof.iou <= roof.iou_interval[1]
    assert scores.pixels == 200


def test_the_baseline_is_the_best_constant() -> None:
    counts = np.array([[[30, 10], [5, 55]]])
    scores = summarize(["a"], ["ground", "roof"], counts, counts)
    assert scores.baseline == "roof"
    assert scores.mean_iou_baseline == pytest.approx(0.6 / 2)
    assert scores.accuracy_baseline == pytest.approx(0.6)
    assert constant_baseline(counts[0]) == 1


def test_an_absent_class_is_listed_and_not_averaged() -> None:
    counts = np.zeros((2, 3, 3), np.int64)
    counts[:, 0, 0] = counts[:, 1, 1] = 7
    scores = summarize(["a", "b"], ["x", "y", "z"], counts, counts)
    assert scores.absent == ("z",)
    assert scores.mean_iou == 1
    assert np.isnan(scores.classes[2].iou)
    assert scores.plain()["classes"][2]["iou"] is None
    json.dumps(scores.plain(), allow_nan=False)


def test_pixels_without_an_answer_are_misses_and_no_false_alarms() -> None:
    counts = np.array([[[90, 0], [0, 10]]])
    missed = np.array([[5], [10]])
    everything = np.concatenate([counts[0], missed], axis=1)[None]
    scores = summarize(["a"], ["ground", "roof"], counts, everything)
    assert scores.mean_iou == 1
    ground, roof = scores.classes
    assert ground.iou_all_pixels == pytest.approx(90 / 95)
    assert roof.iou_all_pixels == pytest.approx(10 / 20)


def test_nothing_to_score_gives_no_score_and_no_crash() -> None:
    nothing = np.zeros((2, 3, 3), np.int64)
    scores = summarize(["a", "b"], ["x", "y", "z"], nothing, nothing)
    assert np.isnan(scores.mean_iou)
    assert np.isnan(scores.mean_iou_per_image)
    assert scores.absent == ("x", "y", "z")
    json.dumps(scores.plain(), allow_nan=False)
