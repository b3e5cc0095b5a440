"""Laws of comparisons: what must not matter does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapwright.metrics.ranking import rank
from mapwright.metrics.trials import Trials, collect, of_hits
from mapwright.metrics.verdicts import Comparison, compare

IOU = of_hits("IoU")
PLACES = ("a", "b", "a", "c", "d", "b", "d")


def study(seed: int, *, gaps: bool = True) -> dict[str, np.ndarray]:
    """Three configurations, three seeds, seven images; a fifth of the cells may be missing."""
    rng = np.random.default_rng(seed)
    tables = rng.integers(1, 1000, (3, 3, 7, 3)).astype(float)
    tables[..., 0] *= rng.uniform(1, 4, (3, 1, 1))
    if gaps:
        tables[rng.random((3, 3, 7)) < 0.2] = np.nan
    return dict(zip("xyz", tables, strict=True))


def key(one: Comparison) -> frozenset[str]:
    return frozenset((one.name, one.baseline))


def values(trials: Trials) -> dict[frozenset[str], list[Any]]:
    """What is said of each pair, the difference without its sign."""
    return {
        key(one): [abs(one.difference), one.p, one.detectable, one.images, one.groups, one.seeds]
        for one in compare(trials)
    }


def same(first: Trials, second: Trials) -> None:
    a, b = values(first), values(second)
    assert a.keys() == b.keys()
    for pair in a:
        assert a[pair] == pytest.approx(b[pair], rel=1e-6, abs=1e-9, nan_ok=True)
    one, other = rank(first), rank(second)
    assert one.together == other.together
    for place in one.places:
        assert place.p == pytest.approx(other[place.name].p, rel=1e-6)
        assert place.behind == pytest.approx(other[place.name].behind, rel=1e-6, nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(7)))
def test_the_order_of_images_changes_nothing(seed: int, order: list[int]) -> None:
    tables = study(seed)
    turned = {name: table[:, order] for name, table in tables.items()}
    same(
        collect(tables, IOU, PLACES),
        collect(turned, IOU, [PLACES[k] for k in order]),
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.permutations("xyz"), st.permutations(range(3)))
def test_the_order_of_configurations_and_seeds_changes_nothing(
    seed: int, names: list[str], order: list[int]
) -> None:
    tables = study(seed)
    turned = {name: tables[name][order] for name in names}
    same(collect(tables, IOU), collect(turned, IOU))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 10**6))
def test_larger_pixels_counts_and_images_that_nobody_scored_change_nothing(
    seed: int, times: int
) -> None:
    tables = study(seed)
    more = {
        name: np.concatenate([table * times, np.full((3, 2, 3), np.nan)], axis=1)
        for name, table in tables.items()
    }
    same(collect(tables, IOU, PLACES), collect(more, IOU, [*PLACES, "a", "nowhere"]))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_swapping_two_configurations_turns_the_sign(seed: int) -> None:
    trials = collect(study(seed), IOU)
    there = {key(one): one for one in compare(trials, "x")}
    for name in "yz":
        (back,) = (one for one in compare(trials, name) if one.name == "x")
        one = there[key(back)]
        assert one.difference == pytest.approx(-back.difference)
        assert one.interval == pytest.approx((-back.interval[1], -back.interval[0]))
        assert one.joint_interval == pytest.approx(
            (-back.joint_interval[1], -back.joint_interval[0])
        )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_a_configuration_against_itself_is_exactly_zero(seed: int, gaps: bool) -> None:
    tables = study(seed, gaps=gaps)
    trials = collect({**tables, "again": tables["x"]}, IOU)
    (one,) = (one for one in compare(trials, "x") if one.name == "again")
    assert (one.difference, one.interval, one.p) == (0.0, (0.0, 0.0), 1.0)
    assert one.verdict == "no detectable difference"
    assert one.words() == "no detectable difference, the same in every cell"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_intervals_hold_the_difference_and_joint_ones_are_wider(seed: int) -> None:
    for one in compare(collect(study(seed), IOU)):
        low, high = one.joint_interval
        assert low < one.interval[0] < one.difference < one.interval[1] < high
        assert (one.verdict in {"better", "worse"}) == (one.p < 0.05)
        # the corrected p of Holm never is above that of Bonferroni, to which the interval belongs
        assert one.p < 0.05 or low < 0 < high
