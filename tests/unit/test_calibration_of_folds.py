"""Temperatures of folds: each fold is scaled by what the others ask for, and maps don't move."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from builders import make_spec
from mapwright.data.dataset import Dataset
from mapwright.held_out import score_folds
from mapwright.metrics.confusion import confusion
from mapwright.metrics.soft_counts import SoftCounter
from mapwright.metrics.summary import Scores
from mapwright.metrics.threshold import Packed, histogram
from mapwright.tally import Tally
from mapwright.types import Window

SIDE = 60


def tally(
    stem: str, classes: int = 2, hot: float = 1.0, soft: bool = True, group: str = ""
) -> Tally:
    """An image whose logits are `hot` times too large."""
    rng = np.random.default_rng(int(stem))
    logits = rng.normal(0, 2, (classes, SIDE, SIDE))
    raised = np.exp(logits)
    steps = (raised / raised.sum(axis=0)).cumsum(axis=0)
    truth = (rng.random((SIDE, SIDE)) > steps[:-1]).sum(axis=0).astype(np.uint8)
    scaled = np.exp(hot * logits)
    probabilities = (scaled / scaled.sum(axis=0)).astype(np.float32)
    counter = SoftCounter([Window(0, 0, SIDE, SIDE)], classes)
    counter.add(0, truth, probabilities)
    counts = (
        histogram(truth, probabilities[1])
        if classes == 2
        else confusion(truth, probabilities.argmax(axis=0).astype(np.uint8), classes)
    )
    return Tally(
        stem=stem, size=(SIDE, SIDE), part=False, group=group or stem,
        packed=Packed.of(counts[None]), missed=np.zeros(classes, np.int64),
        soft=counter.soft() if soft else None,
    )  # fmt: skip


def scored(*folds: Sequence[Tally], classes: int = 2) -> tuple:
    dataset = Dataset(Path(), make_spec(*[(k,) for k in range(classes)]))
    return score_folds(folds, dataset, tta="none", tune_for="mean_iou")


@pytest.mark.parametrize("classes", [2, 3])
def test_networks_that_are_twice_too_sure_are_told_so(classes: int) -> None:
    folds = [[tally(f"{2 * k + n}", classes, hot=2.0) for n in range(2)] for k in range(4)]
    scores, decision = scored(*folds, classes=classes)
    found = scores.calibration
    assert decision.temperature == pytest.approx(2, rel=0.1)
    assert found.temperature == decision.temperature
    assert len(found.used) == 4
    assert found.after.ece < 0.03 < found.before.ece
    assert found.after.nll < found.before.nll
    assert found.after.brier < found.before.brier
    assert found.verdict == "lower"
    assert found.reason == decision.calibration != ""
    assert (found.images, found.unit) == (8, "images")
    # the threshold that was tuned before is the stored one, moved: maps are the same
    assert round(decision.raw_threshold * 1000) == pytest.approx(decision.raw_threshold * 1000)


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_and_thresholds_are_those_without_calibration(classes: int) -> None:
    def folds(soft: bool) -> list[list[Tally]]:
        return [[tally(f"{k}", classes, hot=2.0, soft=soft)] for k in range(4)]

    scores, decision = scored(*folds(True), classes=classes)
    plain, before = scored(*folds(False), classes=classes)
    assert scores.confusion == plain.confusion
    assert scores.mean_iou_interval == plain.mean_iou_interval
    assert plain.calibration is None
    assert (before.temperature, before.calibration) == (1.0, "")
    assert decision.raw_threshold == pytest.approx(before.threshold)


def test_a_fold_has_no_say_in_the_temperature_that_it_is_scaled_with() -> None:
    folds = [[tally(f"{k}", hot=1 + k / 2)] for k in range(4)]
    other = [[tally("99", hot=0.5)], *folds[1:]]
    used = [scored(*these)[0].calibration.used for these in (folds, other)]
    common = set(used[0]) & set(used[1])
    assert len(common) == 1  # that of the first fold: the others saw the change


def test_a_single_split_is_dealt_into_parts_and_keeps_the_order_of_its_images() -> None:
    one = [tally(f"{k}", hot=2.0) for k in range(12)]
    scores, decision = scored(one)
    assert scores.images == tuple(f"{k}" for k in range(12))
    assert decision.temperature == pytest.approx(2, rel=0.1)
    assert decision.threshold == 0.5
    assert len(scores.calibration.used) == 5
    assert "members one by one" not in decision.calibration


def test_a_single_held_out_image_calibrates_nothing_and_says_why() -> None:
    scores, decision = scored([tally("3", hot=2.0)])
    assert decision.temperature == 1
    assert "two independent held-out images" in decision.calibration
    assert not scores.calibration.changed
    assert scores.calibration.reason == decision.calibration
    assert scores.calibration.before.ece > 0.05


def test_images_that_all_belong_together_calibrate_nothing_and_say_why() -> None:
    scores, decision = scored([tally(f"{k}", hot=2.0, group="hill") for k in range(6)])
    assert decision.temperature == 1
    assert "two independent held-out images, or groups of them" in decision.calibration
    assert "the 6 held-out images belong together" in scores.note


@pytest.mark.parametrize("images", [1, 6])
def test_calibration_comes_back_whole_from_json(images: int) -> None:
    folds = [[tally(f"{k}", 3, hot=2.0)] for k in range(images)]
    scores, _ = scored(*folds, classes=3)
    text = json.dumps(scores.plain(), allow_nan=False)
    back = Scores.from_plain(json.loads(text))
    assert repr(back) == repr(scores)
    old = {key: value for key, value in json.loads(text).items() if key != "calibration"}
    assert Scores.from_plain(old).calibration is None
