"""Verdicts on pairs of configurations, their words, and what can't be judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from mapwright.errors import SettingError
from mapwright.metrics import confusion as cm
from mapwright.metrics.trials import Measure, collect, of_all, of_class, of_hits, of_values
from mapwright.metrics.verdicts import Comparison, compare
from studies import made_up

SCORE = of_values("IoU of roof")


def one_of(found: Sequence[Comparison]) -> Comparison:
    (comparison,) = found
    return comparison


def spread(images: int, mean: float, wide: float, seeds: int = 3) -> np.ndarray:
    """(S, N) values of the same mean under each seed, `wide` apart between images."""
    return np.tile(mean + wide * np.linspace(-1, 1, images), (seeds, 1))


def test_a_clear_difference_is_better_one_way_and_worse_the_other() -> None:
    tables = {"resnet18": spread(24, 0.7, 0.1), "resnet34": spread(24, 0.8, 0.12)}
    up = one_of(compare(collect(tables, SCORE), "resnet18"))
    down = one_of(compare(collect(tables, SCORE), "resnet34"))
    assert (up.verdict, down.verdict) == ("better", "worse")
    assert up.sentence().startswith("resnet34 instead of resnet18: +0.100 (")
    assert up.sentence().endswith(") IoU of roof over 24 images and 3 seeds: better")


def test_images_that_vary_too_much_ask_for_no_seeds() -> None:
    tables = {"a": spread(24, 0.7, 0.1), "b": spread(24, 0.71, -0.1)}
    found = one_of(compare(collect(tables, SCORE)))
    assert found.verdict == "no detectable difference"
    assert found.seeds_needed is None
    assert found.detectable > 0.05
    assert f"one below {found.detectable:.3f} may be missed" in found.sentence()


def test_seeds_that_vary_ask_for_more_of_them_and_as_many_suffice() -> None:
    rng = np.random.default_rng(0)

    def tables(seeds: int) -> dict[str, np.ndarray]:
        noise = rng.normal(size=(2, seeds, 1)) * 0.02
        noise -= noise.mean(axis=1, keepdims=True)
        values = 0.7 + np.array([0, 0.0101])[:, None, None] + noise + 0.001 * rng.random((2, 1, 60))
        return dict(zip("ab", values, strict=True))

    few = one_of(compare(collect(tables(3), SCORE)))
    assert few.verdict == "needs more seeds"
    assert few.seeds_needed is not None and 30 < few.seeds_needed <= 50
    # n = 2 (1.96 + 0.84)^2 x 0.02^2 / 0.01^2 = 63 for noise of exactly 0.02, if it were measured
    assert few.words() == f"needs more seeds (about {few.seeds_needed})"
    enough = one_of(compare(collect(tables(64), SCORE)))
    assert enough.verdict == "better"


def test_a_difference_that_is_surely_small_asks_for_nothing() -> None:
    measure = of_values("IoU", noise=0.001)
    tables = {"a": spread(24, 0.7, 0.1), "b": spread(24, 0.7002, 0.1003)}
    found = one_of(compare(collect(tables, measure)))
    assert found.verdict == "no detectable difference"
    assert found.interval[1] < 0.01


def test_more_comparisons_need_more_evidence_and_say_so() -> None:
    rng = np.random.default_rng(3)
    tables = {"a": 0.7 + 0.02 * rng.normal(size=(3, 24))}
    tables["b"] = tables["a"] + 0.04 + 0.02 * rng.normal(size=(3, 24))
    alone = one_of(compare(collect(tables, SCORE)))
    others = {f"c{k}": tables["a"] + 0.02 * rng.normal(size=(3, 24)) for k in range(30)}
    among = compare(collect({**tables, **others}, SCORE), "a")
    assert len(among) == 31
    assert (alone.verdict, alone.comparisons) == ("better", 1)
    assert among[0].comparisons == 31
    assert among[0].joint_interval[0] < among[0].interval[0]
    assert "corrected for 31 comparisons" in among[0].sentence()
    assert len(compare(collect(dict(list(others.items())[:4]), SCORE))) == 6


def test_one_seed_rests_on_the_assumption_and_says_so() -> None:
    tables = {"a": spread(24, 0.7, 0.1, 1), "b": spread(24, 0.73, 0.1, 1)}
    found = one_of(compare(collect(tables, SCORE)))
    # images all agree that b is better by 0.03, but a seed may make 0.02 x 1.4
    assert found.verdict != "better"
    assert (found.noise, found.noise_freedom) == (pytest.approx(0.02), 0)
    assert "1 seed, noise of seeds assumed:" in found.sentence()
    sure = one_of(compare(collect(tables, of_values("IoU", noise=0.002))))
    assert sure.verdict == "better"


def test_images_of_a_place_count_as_one() -> None:
    places = [f"place {k // 8}" for k in range(24)]
    gain = np.repeat([0.02, 0.05, 0.11], 8)
    tables = {"a": spread(24, 0.7, 0.1), "b": spread(24, 0.7, 0.1) + gain}
    apart = one_of(compare(collect(tables, SCORE)))
    together = one_of(compare(collect(tables, SCORE, places)))
    assert apart.verdict == "better"
    assert together.verdict == "no detectable difference"
    assert (together.images, together.groups) == (24, 3)
    assert "over 24 images in 3 groups and 3 seeds" in together.sentence()


def test_only_cells_that_both_have_are_compared() -> None:
    a, b = np.full((3, 10), 0.5), np.full((2, 10), 0.9)
    b[:, :6] = 0.6
    a[0, 0] = np.nan
    b[1, 6:] = np.nan
    b[0, 6:] = np.nan
    found = one_of(compare(collect({"a": a, "b": b}, SCORE)))
    assert found.difference == pytest.approx(0.1)
    assert (found.images, found.seeds) == (6, 2)
    assert found.noise_freedom == 0  # b has no complete seed


def test_a_seed_with_one_fold_of_five_counts_for_a_fifth() -> None:
    a, b = spread(25, 0.7, 0.1, 1), spread(25, 0.8, 0.1, 1)
    fold = b.copy()
    fold[:, 5:] = np.nan
    whole = one_of(compare(collect({"a": a, "b": b}, SCORE)))
    part = one_of(compare(collect({"a": a, "b": fold}, SCORE)))
    assert whole.verdict == "better"
    assert part.verdict != "better"
    width = [found.interval[1] - found.difference for found in (whole, part)]
    assert width[1] / width[0] == pytest.approx(np.sqrt(5))  # images agree, so only seeds vary


def nothing_in_common() -> list[np.ndarray]:
    a, b = np.full((2, 2, 4), 0.5)
    a[:, :2] = np.nan
    b[:, 2:] = np.nan
    return [a, b]


@pytest.mark.parametrize(
    ("tables", "measure"),
    [
        (nothing_in_common(), SCORE),
        ([np.full((3, 1), 0.5), np.full((3, 1), 0.7)], SCORE),
        ([np.zeros((2, 5, 3)), np.ones((2, 5, 3))], of_hits("IoU")),
        ([np.full((2, 4), np.nan), np.full((2, 4), np.nan)], SCORE),
        ([np.full((2, 4), 0.5), np.zeros((0, 4))], SCORE),
    ],
    ids=["no common cell", "one image", "class absent", "nothing scored", "no seed yet"],
)
def test_what_cannot_be_judged_is_said_so_and_costs_the_others_nothing(
    tables: list[np.ndarray], measure: Measure
) -> None:
    found = one_of(compare(collect(dict(zip("ab", tables, strict=True)), measure)))
    assert found.p == 1
    assert found.verdict == "no detectable difference"
    assert found.comparisons == 0
    assert "too little was scored by both" in found.sentence()
    assert Comparison.from_plain(json.loads(json.dumps(found.plain()))).plain() == found.plain()


def test_a_class_on_one_image_alone_cannot_be_judged() -> None:
    first = np.zeros((3, 8, 3))
    first[:, 2] = [50, 10, 10]
    second = first + np.array([20, 0, 0]) * (first > 0)
    found = one_of(compare(collect({"a": first, "b": second}, of_hits("IoU"))))
    assert found.difference > 0.05
    assert np.isnan(found.interval).all()
    assert found.p == 1


def test_confusion_counts_and_hits_of_a_class_say_the_same() -> None:
    hits = made_up(np.random.default_rng(0), 1, (2, 3, 12), better=np.array([0, 0.1]))[0]
    counts = np.zeros((2, 3, 12, 2, 2))
    counts[..., 1, 1], counts[..., 0, 1], counts[..., 1, 0] = np.moveaxis(hits, -1, 0)
    pairs = [
        (of_hits("IoU"), of_class("IoU", cm.iou, 1, 2)),
        (of_hits("IoU", 2), of_class("IoU", cm.f1, 1, 2)),
    ]
    for by_hits, by_counts in pairs:
        one = one_of(compare(collect(dict(zip("ab", hits, strict=True)), by_hits)))
        other = one_of(compare(collect(dict(zip("ab", counts, strict=True)), by_counts)))
        assert one == other


@pytest.mark.parametrize("formula", [cm.mean_iou, cm.accuracy])
def test_scores_of_all_classes_are_those_of_the_pooled_counts(
    formula: Callable[[np.ndarray], np.ndarray],
) -> None:
    counts = np.random.default_rng(0).integers(0, 900, (2, 2, 6, 4, 4))
    found = one_of(
        compare(collect(dict(zip("ab", counts, strict=True)), of_all("score", formula, 4)))
    )
    assert found.score == pytest.approx(float(formula(counts[1].sum(axis=(0, 1)))))
    assert found.interval[0] < found.difference < found.interval[1]


def test_a_comparison_survives_json() -> None:
    tables = {"a": spread(24, 0.7, 0.1), "b": spread(24, 0.8, 0.12), "c": spread(24, 0.7, 0.2)}
    for found in compare(collect(tables, SCORE)):
        assert Comparison.from_plain(json.loads(json.dumps(found.plain()))) == found


@pytest.mark.parametrize(
    ("tables", "measure", "groups", "what"),
    [
        ({}, SCORE, None, "without configurations"),
        ({"a": np.zeros((2, 3, 1))}, SCORE, None, r"shape \(2, 3, 1\)"),
        ({"a": np.zeros((2, 3))}, of_hits("IoU"), None, r"shape \(2, 3\)"),
        ({"a": np.zeros((2, 3)), "b": np.zeros((2, 4))}, SCORE, None, "a: 3, b: 4"),
        ({"a": np.zeros((1, 0))}, SCORE, None, "1 seeds and 0 images"),
        ({"a": np.zeros((0, 4))}, SCORE, None, "0 seeds and 4 images"),
        ({"a": np.full((2, 3), np.inf)}, SCORE, None, "infinite"),
        ({"a": np.array([[[1, 2, np.nan]]])}, of_hits("IoU"), None, "half there"),
        ({"a": np.zeros((2, 3))}, SCORE, ["x", "y"], "2 groups for 3 images"),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    tables: dict[str, np.ndarray], measure: Measure, groups: list[str] | None, what: str
) -> None:
    with pytest.raises(SettingError, match=what):
        collect(tables, measure, groups)


def test_wrong_names_and_wishes_are_refused() -> None:
    trials = collect({"a": np.zeros((2, 3)), "b": np.zeros((2, 3))}, SCORE)
    with pytest.raises(SettingError, match="one of a, b"):
        compare(trials, "c")
    with pytest.raises(SettingError, match="above 0"):
        compare(trials, interesting=0.0)
