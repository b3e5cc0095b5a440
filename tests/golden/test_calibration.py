"""Calibration errors worked out by hand, and what is kept of images to find them."""

from __future__ import annotations

import numpy as np
import pytest

from mapwright.metrics.calibration import BINS, assess_calibration, bin_of
from mapwright.metrics.soft_counts import Points, Soft, SoftCounter, pooled, share_of_pixels
from mapwright.metrics.threshold import Packed
from mapwright.types import IGNORE, Window

NAMES = ("meadow", "roof", "water")

# four pixels, three classes: most probable class, its probability, and the true class
#   a  0.79 meadow  right      b  0.77 meadow  wrong (roof)     both in the bin above 11/15 = 0.733
#   c  0.50 roof    right      d  0.94 water   right            bins above 7/15 and above 14/15
SOFT = np.array(
    [[0.79, 0.15, 0.06], [0.77, 0.19, 0.04], [0.31, 0.50, 0.19], [0.02, 0.04, 0.94]], np.float32
)
TRUTH = np.array([0, 1, 1, 2])
ECE = (2 * abs(0.78 - 0.5) + abs(0.50 - 1) + abs(0.94 - 1)) / 4
NLL = -np.log([0.79, 0.19, 0.50, 0.94]).mean()
BRIER = np.mean(
    [
        0.21**2 + 0.15**2 + 0.06**2,
        0.77**2 + 0.81**2 + 0.04**2,
        0.31**2 + 0.5**2 + 0.19**2,
        0.02**2 + 0.04**2 + 0.06**2,
    ]
)


def by_hand(soft: np.ndarray = SOFT, truth: np.ndarray = TRUTH, weight: float = 1.0) -> Soft:
    n = len(truth)
    points = Points(np.log(soft), truth, np.full(n, weight), np.zeros(n, np.int32))
    return Soft(1, points)


def test_ece_nll_and_brier_are_those_worked_out_by_hand() -> None:
    found = assess_calibration([by_hand()], [1.0], NAMES, [(2, 2)], ["a"])
    assert found.before.ece == pytest.approx(ECE)
    assert found.before.nll == pytest.approx(NLL)
    assert found.before.brier == pytest.approx(BRIER)
    assert found.pixels == 4
    assert not found.changed
    assert found.after == found.before or np.isnan(found.after.interval[0])


def test_the_error_of_a_class_is_that_of_its_own_probability() -> None:
    found = assess_calibration([by_hand()], [1.0], NAMES, [(2, 2)], ["a"])
    # meadow: 0.79 and 0.77 share a bin of which one is meadow; 0.31 and 0.02 are none
    meadow = (2 * abs(0.78 - 0.5) + 0.31 + 0.02) / 4
    # roof: 0.15 none and 0.19 roof share a bin (2/15 to 3/15), 0.50 roof, 0.04 none
    roof = (2 * abs(0.17 - 0.5) + 0.50 + 0.04) / 4
    # water: 0.06, 0.04 none share the first bin, 0.19 none, 0.94 water
    water = (0.10 + 0.19 + 0.06) / 4
    assert [one.before.ece for one in found.classes] == pytest.approx([meadow, roof, water])
    assert found.before.classwise == pytest.approx(np.mean([meadow, roof, water]))
    mapped = [one.mapped_before for one in found.classes]
    assert mapped == pytest.approx([abs(0.78 - 0.5), 0.5, 0.06])


def test_what_a_pixel_stands_for_weighs_in_every_figure() -> None:
    one, twice = by_hand(), by_hand(weight=3.0)
    both = assess_calibration([one, twice], [1.0, 1.0], NAMES, [(2, 2)] * 2, ["a", "b"])
    assert both.before.ece == pytest.approx(ECE)
    assert both.pixels == 16
    assert both.before.bins.pixels[11] == 8


def test_a_bin_ends_with_its_upper_edge() -> None:
    edges = np.arange(1, BINS + 1) / BINS
    assert bin_of(edges).tolist() == list(range(BINS))
    assert bin_of(np.array([0.0, 1e-9, 1 / BINS + 1e-9])).tolist() == [0, 0, 1]


def test_after_is_with_the_temperature_of_each_image() -> None:
    found = assess_calibration([by_hand(), by_hand()], [1.0, 2.0], NAMES, [(2, 2)] * 2, ["a", "b"])
    root = np.sqrt(SOFT.astype(float))
    tempered = root / root.sum(axis=1, keepdims=True)
    likely = np.concatenate([SOFT[range(4), TRUTH], tempered[range(4), TRUTH]])
    assert found.after.nll == pytest.approx(-np.log(likely).mean())
    assert found.before.nll == pytest.approx(NLL)
    assert found.used == (1.0, 2.0)
    assert found.changed


def strips(probabilities: np.ndarray, truth: np.ndarray, cuts: list[int], **how: object) -> Soft:
    height, width = truth.shape
    half = width // 2
    windows = [Window(0, 0, height, half), Window(0, half, height, width - half)]
    counter = SoftCounter(windows, len(probabilities), **how)
    for start, end in zip([0, *cuts], [*cuts, height], strict=True):
        counter.add(start, truth[start:end], probabilities[:, start:end])
    return counter.soft()


def drawn(classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    raised = np.exp(rng.normal(0, 3, (classes, 24, 30)))
    soft = (raised / raised.sum(axis=0)).astype(np.float32)
    truth = rng.integers(0, classes, (24, 30)).astype(np.uint8)
    return soft, truth


@pytest.mark.parametrize("classes", [2, 3])
def test_pixels_that_are_unknown_or_not_predicted_count_nothing(classes: int) -> None:
    soft, truth = drawn(classes)
    known = np.ones(truth.shape, bool)
    known[:5] = known[:, 7] = False
    ignored, blank, broken = truth.copy(), soft.copy(), soft.copy()
    ignored[~known], blank[:, ~known], broken[:, ~known] = IGNORE, 0, np.nan
    left = [
        strips(soft, ignored, [10]), strips(blank, truth, [10]), strips(broken, truth, [10]),
    ]  # fmt: skip
    alone = assess_calibration(left[:1], [1.0], NAMES[:classes], [(24, 30)], ["a"])
    assert alone.pixels == known.sum()
    for other in left[1:]:
        found = assess_calibration([other], [1.0], NAMES[:classes], [(24, 30)], ["a"])
        assert repr(found) == repr(alone)


@pytest.mark.parametrize(("classes", "share"), [(2, 1.0), (3, 1.0), (3, 0.4)])
def test_strips_do_not_matter(classes: int, share: float) -> None:
    soft, truth = drawn(classes)
    found = [strips(soft, truth, cuts, share=share, seed=5) for cuts in ([], [1, 2, 20], [13])]
    points = [one.points for one in found]
    for other in points[1:]:
        order, mine = (np.lexsort([*p.logs.T, p.truth, p.block]) for p in (other, points[0]))
        np.testing.assert_array_equal(other.logs[order], points[0].logs[mine])
        np.testing.assert_array_equal(other.truth[order], points[0].truth[mine])
        np.testing.assert_array_equal(other.block[order], points[0].block[mine])
    assert points[0].weight.sum() == pytest.approx(truth.size, rel=0.2 if share < 1 else 1e-9)


def test_of_two_classes_the_histogram_knows_the_same_as_every_pixel() -> None:
    soft, truth = drawn(2)
    packed = strips(soft, truth, [7])
    assert isinstance(packed.kept, Packed)
    flat = Points(
        np.log(soft.reshape(2, -1).T), truth.ravel(), np.ones(truth.size),
        np.zeros(truth.size, np.int32),
    )  # fmt: skip
    names = NAMES[:2]
    kept, whole = (
        assess_calibration([one], [1.7], names, [(24, 30)], ["a"])
        for one in (packed, Soft(1, flat))
    )
    for side in ("before", "after"):
        mine, theirs = getattr(kept, side), getattr(whole, side)
        assert mine.nll == pytest.approx(theirs.nll, rel=1e-3)
        assert mine.brier == pytest.approx(theirs.brier, rel=1e-3)
        assert mine.ece == pytest.approx(theirs.ece, abs=0.01)


def test_pixels_of_sure_networks_are_kept_apart_to_the_end_of_single_precision() -> None:
    second = np.array([[0.0, 1e-38, 1e-20, 1e-9, 1 - 1e-7, 1.0]], np.float32)
    first = np.array([[1.0, 1.0, 1.0, 1.0, 1e-7, 0.0]], np.float32)
    kept = strips(np.stack([first, second]), np.zeros((1, 6), np.uint8), [])
    logs = kept.points.logs[:, 1]
    assert np.isfinite(kept.points.logs).all()
    order = np.sort(logs)
    assert order[0] < -90
    assert order[1:4] == pytest.approx(np.log([1e-38, 1e-20, 1e-9]), rel=0.01)


def test_images_together_are_the_sum_of_them() -> None:
    some = [strips(*drawn(2, seed), [5]) for seed in range(3)]
    together = pooled(some)
    assert together.weight.sum() == 3 * 24 * 30
    assert len(together.truth) <= sum(len(one.points.truth) for one in some)
    three = pooled([strips(*drawn(3, seed), [5]) for seed in range(3)])
    assert len(three.truth) == 3 * 24 * 30


def test_large_sets_are_thinned_so_that_memory_is_the_same() -> None:
    assert share_of_pixels(1000, 6) == 1
    assert share_of_pixels(10**10, 6) * 10**10 * 6 == pytest.approx(2**20)
    assert share_of_pixels(0, 6) == 1
