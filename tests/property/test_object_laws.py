"""Object scores by the book, and rules tuned on records as if they had been applied."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mapwright.metrics.components import Cut
from mapwright.metrics.object_records import Grid, record
from mapwright.metrics.object_result import SCORES
from mapwright.metrics.object_scores import object_scores
from mapwright.metrics.object_tuning import cross_fitted, grid_sums, tune
from mapwright.metrics.objects import count_objects, image_f2

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def ids_of(shape: tuple[int, int], low: int) -> st.SearchStrategy[np.ndarray]:
    """Blocks of numbers rather than single pixels, so that objects meet."""
    return arrays.arrays(np.int32, shape, elements=st.integers(low, 3), fill=st.just(1))


pairs = SHAPES.flatmap(lambda shape: st.tuples(ids_of(shape, -1), ids_of(shape, 0)))


def by_the_book(truth: np.ndarray, guess: np.ndarray) -> Fraction:
    """The competition's words, with a mask for each object and exact fractions."""
    guess = np.where(truth < 0, 0, guess)
    true = [truth == k for k in np.unique(truth[truth > 0])]
    found = [guess == k for k in np.unique(guess[guess > 0])]
    total = Fraction(0)
    for percent in range(50, 100, 5):
        hit_true, hit_found = set(), set()
        for i, a in enumerate(true):
            for j, b in enumerate(found):
                if Fraction(int((a & b).sum()), int((a | b).sum())) > Fraction(percent, 100):
                    hit_true.add(i)
                    hit_found.add(j)
        tp, fn, fp = len(hit_true), len(true) - len(hit_true), len(found) - len(hit_found)
        whole = 5 * tp + 4 * fn + fp
        total += Fraction(5 * tp, whole) if whole else 1
    return total / 10


@settings(deadline=None, max_examples=150)
@given(pairs)
def test_f2_is_that_of_the_book(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert image_f2([count_objects(*pair)])[0] == pytest.approx(float(by_the_book(*pair)))


@settings(deadline=None)
@given(st.lists(pairs, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_numbers_and_order_mean_nothing(
    images: list[tuple[np.ndarray, np.ndarray]], random: object
) -> None:
    table = np.array([0, 70_000, 2, 9, -1])
    renamed = [count_objects(table[truth], table[guess]) for truth, guess in images]
    plain = [count_objects(*pair) for pair in images]
    assert image_f2(renamed).tolist() == image_f2(plain).tolist()
    turned = [count_objects(truth.T[::-1], guess.T[::-1]) for truth, guess in images]
    assert image_f2(turned).tolist() == image_f2(plain).tolist()


probabilities = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.55, 0.8, 0.95, float("nan")])
scenes = SHAPES.flatmap(
    lambda shape: st.tuples(
        ids_of(shape, -1),
        arrays.arrays(np.float32, shape, elements=probabilities, fill=st.just(0.8)),
        arrays.arrays(np.float32, shape, elements=probabilities, fill=st.just(0.0)),
        st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]),
    )
)
GRID = Grid(
    cuts=(
        Cut(0.3),
        Cut(0.5, core=0.8, core_pixels=1),
        Cut(0.55, border=0.3, core_pixels=2, neck=0.8),
    ),
    sizes=(2, 3, 7),
    gates=(0.0, 0.25, 0.5, 0.8, 1.0),
)
BARE = replace(GRID, cuts=tuple(replace(cut, border=None) for cut in GRID.cuts))
PLACES = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 4))


@settings(deadline=None, max_examples=80)
@given(st.lists(scenes, min_size=1, max_size=5), PLACES, st.booleans())
def test_scores_from_records_are_those_of_the_rule_applied(
    images: list[tuple[np.ndarray, np.ndarray, np.ndarray, float | None]],
    place: tuple[int, int, int],
    with_border: bool,
) -> None:
    grid = GRID if with_border else BARE
    rule = grid.rule(place)
    records, counts = [], []
    for truth, probability, touching, presence in images:
        border = touching if with_border else None
        records.append(record(truth, probability, grid, border=border, presence=presence))
        counts.append(count_objects(truth, rule.objects(probability, border, presence)))
        known = records[-1].counts(rule)
        assert known.truth.tolist() == counts[-1].truth.tolist()
        for name in ("guesses", "truth_pixels", "guess_pixels", "both_pixels"):
            assert getattr(known, name) == getattr(counts[-1], name)
    scores = object_scores(counts)
    for name in SCORES:
        part, whole = grid_sums(records, grid, name)[place]
        expected = scores[name].value
        assert (part / whole if whole else np.nan) == pytest.approx(expected, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(st.lists(scenes, min_size=2, max_size=6))
def test_the_best_rule_is_the_best_of_all_and_sums_of_folds_add_up(
    images: list[tuple[np.ndarray, np.ndarray, np.ndarray, float | None]],
) -> None:
    records = [record(t, p, BARE, presence=s) for t, p, _, s in images]
    folds = [grid_sums(part, BARE, "f2") for part in (records[:1], records[1:])]
    together = grid_sums(records, BARE, "f2")
    assert np.allclose(folds[0] + folds[1], together)
    rule, score = tune(together, BARE)
    assert score == pytest.approx((together[..., 0] / together[..., 1]).max())
    applied = [count_objects(t, rule.objects(p, presence=s)) for t, p, _, s in images]
    assert image_f2(applied).mean() == pytest.approx(score)
    rules, honest = cross_fitted(folds, BARE)
    assert rules == [tune(folds[1], BARE)[0], tune(folds[0], BARE)[0]]
    assert honest <= score + 1e-9
