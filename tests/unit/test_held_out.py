"""Decisions from held-out images, and scores that are not flattered by them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from builders import make_spec
from mapwright.card import Decision, ObjectDecision
from mapwright.data.dataset import Dataset
from mapwright.errors import SettingError
from mapwright.held_out import ENOUGH, _dealt, is_tuned, score_folds
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.metrics.object_counter import ObjectCounter
from mapwright.metrics.object_records import Grid, Record
from mapwright.metrics.objects import ObjectCounts
from mapwright.metrics.threshold import Packed, counts_at, histogram
from mapwright.onnxfile import Form, _usable
from mapwright.plan import Plan
from mapwright.tally import Tally

SIDE = 24


def dataset(counted: bool = True) -> Dataset:
    two = [
        {"name": name, "values": [k], "color": "#000000", "objects": counted and k == 1}
        for k, name in enumerate(("sea", "ship"))
    ]
    return Dataset(Path(), make_spec(classes=two))


def tally(
    stem: str,
    *,
    ship: bool = True,
    speck: bool = False,
    halo: float = 0.1,
    group: str = "",
    how: ObjectRule | Grid | None = None,
) -> Tally:
    """A ship of 60 pixels with a halo around it, and a speck of 4 pixels elsewhere."""
    truth, probability = np.zeros((SIDE, SIDE), np.int32), np.zeros((SIDE, SIDE), np.float32)
    if ship:
        truth[4:10, 4:14] = 1
        probability[2:12, 2:16] = halo
        probability[4:10, 4:14] = 0.9
    if speck:
        probability[20:22, 20:22] = 0.95
    counter = ObjectCounter(Grid() if how is None else how)
    for rows in (slice(0, 10), slice(10, SIDE)):
        counter.add(probability[rows], np.zeros((SIDE, SIDE), bool)[rows])
    return Tally(
        stem=stem,
        size=(SIDE, SIDE),
        part=False,
        group=group or stem,
        packed=Packed.of(histogram((truth > 0).astype(np.uint8), probability)[None]),
        missed=np.zeros(2, np.int64),
        objects=counter.count(truth),
    )


def scored(*folds: Sequence[Tally], **changes: object) -> tuple:
    return score_folds(folds, dataset(), **{"tta": "none", "tune_for": "f2", **changes})


def test_the_threshold_and_the_size_are_those_that_the_objects_need() -> None:
    folds = [
        [tally(f"{k}{n}", ship=n % 2 == 0, speck=True, halo=0.62) for n in range(6)]
        for k in range(3)
    ]
    scores, decision = scored(*folds, gsd=2.0)
    rule = decision.objects.rule
    assert rule.cut.threshold == decision.threshold > 0.62
    assert 4 < rule.smallest <= 60
    assert scores.objects["f2"].value == 1
    assert scores.objects["f2"].baseline == 0.5
    assert (scores.objects.name, scores.objects.area) == ("ship", 4.0)
    assert scores.objects.rule == rule.words
    assert decision.objects.tuned_for == "f2"
    assert "18 held-out images: 1.000" in decision.objects.reason
    assert "tuned on the others" in scores.note
    # maps show every pixel from the threshold on, the specks too
    assert scores.confusion[0][1] == 18 * 4
    assert [size.objects for size in scores.objects.sizes] == [9, 0, 0, 0, 0]


def test_no_image_has_a_say_in_the_rule_that_it_is_scored_with() -> None:
    clean = [tally(f"a{n}") for n in range(4)]
    specks = [tally(f"b{n}", speck=True) for n in range(4)]
    scores, decision = scored(clean, specks)
    # what was tuned on the clean ones keeps the specks: TP 1, FP 1, F2 = 5 / 6
    assert scores.objects["f2"].value == pytest.approx((1 + 5 / 6) / 2)
    assert decision.objects.rule.smallest > 4
    assert "0.917" in decision.objects.reason


def test_a_single_split_is_dealt_into_parts_that_keep_groups_together() -> None:
    one = [tally(f"{n:02d}", speck=n < 10, group="harbour" if n < 10 else "") for n in range(30)]
    scores, decision = scored(one)
    assert "of 5 parts of the images" in scores.note
    assert len(scores.images) == 30
    assert decision.objects.rule.smallest > 4
    # the harbour lies in one part, so what scores it never saw a speck
    assert scores.objects["f2"].value == pytest.approx((20 + 10 * 5 / 6) / 30)
    assert scores.objects.unit == "groups of images"


def test_blocks_of_one_scene_stay_in_one_part() -> None:
    blocks = [f"harbour[{24 * n}:{24 * n + 24},0:24]" for n in range(10)]
    one = [tally(stem, speck=True) for stem in blocks]
    one += [tally(f"{n:02d}") for n in range(20)]
    scores, _ = scored(one)
    # what scores the harbour never saw a speck
    assert scores.objects["f2"].value == pytest.approx((20 + 10 * 5 / 6) / 30)


def test_a_group_of_blocks_takes_their_whole_scenes_along() -> None:
    blocks = [f"{scene}[{24 * n}:{24 * n + 24},0:24]" for scene in "ab" for n in range(5)]
    shared = {"a[0:24,0:24]": "coast", "b[96:120,0:24]": "coast"}
    one = [tally(stem, speck=True, group=shared.get(stem, "")) for stem in blocks]
    one += [tally(f"{n:02d}") for n in range(20)]
    scores, _ = scored(one)
    assert scores.objects["f2"].value == pytest.approx((20 + 10 * 5 / 6) / 30)


def test_groups_of_unlike_size_make_parts_as_even_as_they_can_be() -> None:
    sizes = [8, 1, 1, 1, 1, 8, 1, 1, 1, 1]
    one = [tally(f"{k}{n}", group=f"g{k}") for k, size in enumerate(sizes) for n in range(size)]
    parts = _dealt(one)
    assert sorted(map(len, parts)) == [2, 3, 3, 8, 8]
    homes = [{entry.group for entry in part} for part in parts]
    assert sum(map(len, homes)) == len(set().union(*homes)) == len(sizes)
    assert [len(part) for part in _dealt(one[:9])] == [8, 1]


def test_nothing_is_tuned_on_images_that_all_belong_together() -> None:
    one = [tally(f"{n:02d}", speck=n % 2 == 0, group="harbour") for n in range(30)]
    scores, decision = scored(one)
    assert decision.objects.rule == ObjectRule(Cut(0.5)) and decision.threshold == 0.5
    assert decision.objects.tuned_for == ""
    assert "the 30 held-out images belong together" in decision.objects.reason
    assert "the 30 held-out images belong together" in scores.note
    assert "tuned on the others" not in scores.note
    # the score is that of the rule that is stored
    assert scores.objects["f2"].value == pytest.approx((1 + 5 / 6) / 2)


def test_what_is_not_tuned_says_so() -> None:
    few = [tally("a", how=ObjectRule(Cut(0.5))), tally("b", ship=False, how=ObjectRule(Cut(0.5)))]
    scores, decision = scored(few)
    assert decision.threshold == 0.5
    assert decision.objects.rule == ObjectRule(Cut(0.5))
    assert "not tuned" in decision.objects.reason
    assert scores.objects["f2"].value == 1
    assert scores.note == ""


def test_without_objects_the_threshold_is_tuned_for_mean_iou() -> None:
    plain = [replace(tally(f"{n}", halo=0.62), objects=None) for n in range(4)]
    scores, decision = score_folds(
        [plain[:2], plain[2:]], dataset(counted=False), tta="none", tune_for="mean_iou"
    )
    assert decision.objects is None and scores.objects is None
    assert decision.threshold > 0.62
    assert scores.mean_iou == 1


@pytest.mark.parametrize(
    ("folds", "held_out", "counted", "expected"),
    [(2, 3, False, True), (1, 999, False, False), (1, ENOUGH, True, True), (1, 5, True, False)],
)
def test_when_decisions_are_tuned(folds: int, held_out: int, counted: bool, expected: bool) -> None:
    assert is_tuned(dataset(counted), folds, held_out) is expected


def test_histograms_of_many_images_take_no_room() -> None:
    entry = tally("a")
    assert len(entry.packed.places) < 10
    assert entry.packed.whole().shape == (1, 2, 1001)
    assert entry.packed.whole().sum() == SIDE**2
    assert (entry.counts(0.5)[0] == counts_at(entry.pooled, 0.5)).all()
    assert isinstance(entry.objects, Record)
    assert isinstance(tally("b", how=ObjectRule(Cut(0.5))).objects, ObjectCounts)


def test_a_score_that_objects_do_not_have_is_refused() -> None:
    with pytest.raises(SettingError, match="no score"):
        scored([tally("a")], [tally("b")], tune_for="mean_iou")


# --- what an exported file can still decide -------------------------------------------------------

RULE = ObjectRule(Cut(0.4, core=0.8, neck=0.7), smallest=20, gate=0.6)
DECIDED = Decision(threshold=0.4, objects=ObjectDecision(rule=RULE, tuned_for="f2", reason="x"))


def test_a_decision_comes_back_from_its_plain_form() -> None:
    assert Decision.parse(DECIDED.plain(), "a test") == DECIDED
    assert Decision.parse({"threshold": 0.3}, "a test").object_rule == ObjectRule(Cut(0.3))


def test_probabilities_keep_the_whole_rule() -> None:
    left, lost = _usable(DECIDED, Form(output="probability"), Plan())
    assert (left, lost) == (DECIDED, "")


def test_a_mask_keeps_sizes_and_shapes_and_says_what_is_lost() -> None:
    left, lost = _usable(DECIDED, Form(output="mask"), Plan())
    assert left.threshold == 0.5
    assert left.object_rule == ObjectRule(Cut(0.5, neck=0.7), smallest=20)
    assert "without cores and its gate" in lost
    plain = Decision(objects=ObjectDecision(rule=ObjectRule(Cut(0.3), smallest=9)))
    left, lost = _usable(plain, Form(output="mask"), Plan())
    assert (left.object_rule, lost) == (ObjectRule(Cut(0.5), smallest=9), "")


def test_the_gate_of_a_network_needs_its_presence() -> None:
    gated = Plan(gate=0.5)
    left, lost = _usable(DECIDED, Form(output="probability"), gated)
    assert left.object_rule == replace(RULE, gate=0.0) and "its gate" in lost
    left, lost = _usable(DECIDED, Form(output="mask", presence=True), gated)
    assert left.object_rule.gate == 0.6 and "its gate" not in lost
