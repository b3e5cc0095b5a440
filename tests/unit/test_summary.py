"""Fields of the scores, and whether they come back from a file, an old one too."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from mapwright.metrics import confusion as cm
from mapwright.metrics.boundary import Bands, boundary_counts
from mapwright.metrics.intervals import Units, bootstrap_interval
from mapwright.metrics.summary import Scores, summarize
from mapwright.types import IGNORE

NAMES = ["urban", "water", "wetland"]
NEW = {"interval_unit", "mean_boundary_iou", "boundary_width", "without_leak"}


def maps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (6, 7)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    guess = np.where(rng.random(truth.shape) < 0.8, truth, 1 - truth).astype(np.uint8)
    truth[:3, :5] = IGNORE
    return truth, guess


PAIRS = [maps(0), maps(1)]
COUNTS = np.array([cm.confusion(t, g, 3) for t, g in PAIRS])


def full_scores() -> Scores:
    bands = np.array([boundary_counts(t, g, 3, width=1) for t, g in PAIRS])
    leaked = np.array([cm.confusion(t[:, :4], g[:, :4], 3) for t, g in PAIRS])
    blocks = [cm.confusion(t[:, i::4], g[:, i::4], 3) for t, g in PAIRS for i in range(4)]
    return summarize(
        ["a", "b"],
        NAMES,
        COUNTS,
        COUNTS,
        units=Units(np.array(blocks), "blocks of 14 pixels"),
        bands=Bands(bands, 1),
        leaked=leaked,
    )


def test_scores_come_back_whole_from_json() -> None:
    scores = full_scores()
    text = json.dumps(scores.plain(), allow_nan=False)
    back = Scores.from_plain(json.loads(text))
    assert repr(back) == repr(scores)  # NaN differs from itself, its name does not
    assert back.without_leak is not None
    assert isinstance(back.without_leak.iou, tuple)


def test_scores_without_the_new_fields_come_back_as_neutral_ones() -> None:
    """What a file of an earlier version holds."""
    plain = summarize(["a", "b"], NAMES, COUNTS, COUNTS).plain()
    old = {key: value for key, value in plain.items() if key not in NEW}
    for entry in old["classes"]:
        del entry["boundary_iou"]
    scores = Scores.from_plain(json.loads(json.dumps(old)))
    assert scores.interval_unit == "images"
    assert scores.without_leak is None
    assert scores.boundary_width == 0
    assert np.isnan(scores.mean_boundary_iou)
    assert all(np.isnan(entry.boundary_iou) for entry in scores.classes)
    assert json.dumps(scores.plain(), allow_nan=False)


def test_nothing_new_is_claimed_where_nothing_new_was_counted() -> None:
    scores = summarize(["a", "b"], NAMES, COUNTS, COUNTS)
    assert scores.without_leak is None
    assert scores.boundary_width == 0
    assert scores.interval_unit == "images"
    expected = bootstrap_interval(COUNTS, cm.mean_iou)
    assert scores.mean_iou_interval == pytest.approx(tuple(expected))
    assert scores.plain()["without_leak"] is None


def test_boundary_scores_are_pooled_and_absent_classes_left_out() -> None:
    scores = full_scores()
    stacked = [np.concatenate(side) for side in zip(*PAIRS, strict=True)]
    assert [entry.boundary_iou for entry in scores.classes[:2]] != pytest.approx(
        boundary_of(*stacked)[:2]  # a seam between two images is an outline of both
    )
    pooled = np.sum([boundary_counts(t, g, 3, width=1) for t, g in PAIRS], axis=0)
    expected = pooled[:2, 0] / pooled[:2, 1]
    assert [entry.boundary_iou for entry in scores.classes[:2]] == pytest.approx(expected)
    assert np.isnan(scores.classes[2].boundary_iou)
    assert scores.mean_boundary_iou == pytest.approx(expected.mean())
    assert scores.boundary_width == 1


def boundary_of(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    counts = boundary_counts(truth, guess, 3, width=1)
    return counts[:, 0] / np.maximum(counts[:, 1], 1)


def test_units_change_the_interval_and_nothing_else() -> None:
    plain, blocks = summarize(["a", "b"], NAMES, COUNTS, COUNTS), full_scores()
    assert blocks.interval_unit == "blocks of 14 pixels"
    assert blocks.mean_iou == plain.mean_iou
    assert blocks.mean_iou_interval != plain.mean_iou_interval
    low, high = blocks.mean_iou_interval
    assert low < blocks.mean_iou < high


def test_scores_without_a_leak_are_those_of_the_other_pixels() -> None:
    scores = full_scores()
    rest = sum(cm.confusion(t[:, 4:], g[:, 4:], 3) for t, g in PAIRS)
    leak = scores.without_leak
    assert leak is not None
    assert leak.mean_iou == pytest.approx(float(cm.mean_iou(rest)))
    assert leak.iou[:2] == pytest.approx(tuple(cm.iou(rest)[:2]))
    assert np.isnan(leak.iou[2])
    assert leak.pixels == scores.pixels - rest.sum()


def test_a_search_that_found_no_leak_is_told_apart_from_none() -> None:
    scores = summarize(["a", "b"], NAMES, COUNTS, COUNTS, leaked=np.zeros_like(COUNTS))
    assert scores.without_leak is not None
    assert scores.without_leak.pixels == 0
    assert scores.without_leak.mean_iou == scores.mean_iou


def test_a_leak_of_everything_leaves_nothing_to_score() -> None:
    scores = summarize(["a", "b"], NAMES, COUNTS, COUNTS, leaked=COUNTS)
    assert scores.without_leak is not None
    assert np.isnan(scores.without_leak.mean_iou)
    back = Scores.from_plain(json.loads(json.dumps(scores.plain(), allow_nan=False)))
    assert repr(asdict(back)) == repr(asdict(scores))
