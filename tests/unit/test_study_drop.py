"""Which configurations a study gives up."""

import math

import numpy as np
import pytest

from mapwright.experiment.design import Cell
from mapwright.experiment.drop import Result, surely_worse

NAMES = {"a": "base", "b": "loss=dice", "c": "patch=64"}


def results(scores: dict[str, list[float]]) -> list[Result]:
    return [
        Result(Cell(name, 0, 0, fold), score, {})
        for name, values in scores.items()
        for fold, score in enumerate(values)
    ]


def test_what_is_far_below_the_best_in_every_turn_is_given_up_with_the_reason() -> None:
    scores = {
        "a": [0.8, 0.7, 0.75, 0.72],
        "b": [0.3, 0.2, 0.26, 0.22],
        "c": [0.78, 0.7, 0.74, 0.72],
    }
    found = surely_worse(NAMES, 0.25)(results(scores))
    assert list(found) == ["b"]
    assert "below base over 4 trainings" in found["b"]


def test_two_turns_are_never_enough() -> None:
    scores = {"a": [0.8, 0.8], "b": [0.1, 0.1]}
    assert surely_worse(NAMES, 0.25)(results(scores)) == {}


def test_only_turns_that_both_have_finished_count() -> None:
    scores = {"a": [0.8, 0.7, 0.75, 0.72], "b": [0.3, 0.2]}
    assert surely_worse(NAMES, 0.25)(results(scores)) == {}


def test_what_others_are_held_against_is_kept() -> None:
    scores = {"a": [0.3, 0.2, 0.26, 0.22], "b": [0.8, 0.7, 0.75, 0.72]}
    assert surely_worse(NAMES, 0.25, keep=("a",))(results(scores)) == {}


def test_scores_that_are_not_defined_count_nowhere() -> None:
    scores = {"a": [0.8, 0.7, math.nan, 0.72], "b": [0.3, 0.2, 0.1, math.nan]}
    assert surely_worse(NAMES, 0.25)(results(scores)) == {}
    assert surely_worse(NAMES, 0.25)([]) == {}


def test_one_lucky_turn_does_not_lead() -> None:
    """A configuration with a single, perfect turn must not throw out the others."""
    scores = {"a": [0.8, 0.7, 0.75, 0.72], "b": [0.99]}
    assert surely_worse(NAMES, 0.25)(results(scores)) == {}


@pytest.mark.parametrize("folds", [5, 10])
def test_equal_configurations_are_rarely_given_up(folds: int) -> None:
    """Five that are alike: with the stated risk of 1 %, hardly any study loses one."""
    rng = np.random.default_rng(0)
    names = {name: name for name in "abcde"}
    lost = 0
    for _ in range(200):
        shared = rng.normal(0.7, 0.1, folds)
        scores = {name: list(shared + rng.normal(0, 0.03, folds)) for name in names}
        lost += bool(surely_worse(names, 1 / (folds - 1))(results(scores)))
    assert lost <= 6
