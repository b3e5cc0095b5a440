import builtins
import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mapwright.errors import SettingError
from mapwright.metrics import confusion as cm
from mapwright.metrics.reference import compare_with_sklearn, sklearn_scores
from mapwright.metrics.summary import Scores, summarize
from mapwright.types import IGNORE

NAMES = ["urban", "water", "wetland"]


def pair(seed: int, classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, (17, 13)).astype(np.uint8)
    guess = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, classes, truth.shape))
    truth[0, :5] = IGNORE
    guess[3, 2:9] = IGNORE
    return truth, guess.astype(np.uint8)


def ours(pairs: list[tuple[np.ndarray, np.ndarray]]) -> Scores:
    counts = np.array([cm.confusion(t, g, 3) for t, g in pairs])
    return summarize([str(i) for i in range(len(pairs))], NAMES, counts, counts)


def test_scikit_learn_finds_the_same_scores_and_the_rule_is_told() -> None:
    pairs = [pair(0), pair(1)]
    reference = sklearn_scores([t for t, _ in pairs], [g for _, g in pairs], 3)
    found = compare_with_sklearn(ours(pairs), reference)
    assert found.agrees
    assert found.difference <= 1e-12
    assert math.isnan(reference.iou[2])
    assert reference.pixels == ours(pairs).pixels == 2 * (17 * 13 - 5 - 7)
    assert "wetland occurs in neither" in found.text
    assert "no IoU" in found.text


def test_with_every_class_present_the_rule_says_so() -> None:
    pairs = [pair(0, 3)]
    found = compare_with_sklearn(ours(pairs), sklearn_scores(*zip(*pairs, strict=True), 3))
    assert found.agrees
    assert "all 3 do" in found.text


def test_a_class_that_is_only_predicted_scores_zero_and_is_in_the_mean() -> None:
    truth = np.zeros((4, 4), np.uint8)
    guess = truth.copy()
    guess[0, 0] = 2
    reference = sklearn_scores([truth], [guess], 3)
    assert reference.iou[2] == 0
    assert reference.mean_iou == pytest.approx((15 / 16 + 0) / 2)
    assert compare_with_sklearn(ours([(truth, guess)]), reference).agrees


@pytest.mark.parametrize("slip", [2e-12, math.nan, 0.3])
def test_a_wrong_score_is_named(slip: float) -> None:
    pairs = [pair(0)]
    right = ours(pairs)
    water = replace(right.classes[1], iou=right.classes[1].iou + slip)
    wrong = replace(right, classes=(right.classes[0], water, right.classes[2]))
    found = compare_with_sklearn(wrong, sklearn_scores(*zip(*pairs, strict=True), 3))
    assert not found.agrees
    assert "does not agree: water" in found.text
    assert "urban" not in found.text


def test_a_mean_over_all_classes_would_be_found_out() -> None:
    pairs = [pair(0)]
    right = ours(pairs)
    with_zero = replace(right, mean_iou=right.mean_iou * 2 / 3)
    found = compare_with_sklearn(with_zero, sklearn_scores(*zip(*pairs, strict=True), 3))
    assert not found.agrees
    assert "the mean" in found.text


def test_nothing_labelled_is_undefined_on_both_sides() -> None:
    nothing = np.full((3, 3), IGNORE, np.uint8)
    reference = sklearn_scores([nothing], [nothing], 3)
    assert reference.pixels == 0
    assert np.isnan([*reference.iou, reference.mean_iou]).all()
    assert compare_with_sklearn(ours([(nothing, nothing)]), reference).agrees


def test_without_scikit_learn_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(SettingError, match="scikit-learn is not installed") as caught:
        sklearn_scores([], [], 3)
    assert "pip install scikit-learn" in str(caught.value)


def test_scikit_learn_waits_until_it_is_asked_for() -> None:
    import subprocess

    code = "import mapwright.metrics.reference, sys; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
