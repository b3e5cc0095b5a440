"""A comparison worked by hand: two configurations, two seeds, three images."""

import numpy as np
import pytest
from scipy import stats

from mapwright.metrics.paired import difference, seed_noise
from mapwright.metrics.trials import collect, of_hits, of_values
from mapwright.metrics.verdicts import compare, holm

A = np.array([[0.5, 0.6, 0.7], [0.5, 0.6, 0.7]])
B = np.array([[0.6, 0.6, 0.9], [0.6, 0.8, 0.9]])


def test_a_difference_worked_by_hand() -> None:
    study = collect({"A": A, "B": B}, of_values("score", noise=0.02))
    noise = seed_noise(study.cells, study.measure)
    # B - A per seed: 0.1 and 1/6, so residuals of +-1/60 in four cells, one degree of freedom
    pooled = (6 * 0.02**2 + 4 / 60**2) / 7
    own = (6 * pooled + 2 / 60**2) / 6.5
    assert noise.variance == pytest.approx([own, own])
    assert noise.freedom == pytest.approx([0.5, 0.5])

    found = difference(study.cells, (0, 1), study.groups, study.measure, noise)
    assert found.value == pytest.approx(2 / 15)
    # B - A per image: 0.1, 0.1, 0.2; variance 1/300 over three images
    assert found.images == pytest.approx(1 / 900)
    assert found.seeds == pytest.approx(2 * own / 2)
    # residuals of image and seed: 1/30, -1/15, 1/30 and their negatives; 2 degrees of freedom
    assert found.mixed == pytest.approx(2 * 6 / 30**2 / 2 / 6)
    freedom = (1 / 900 + own) ** 2 / ((1 / 900) ** 2 / 2 + own**2 / 7)
    assert found.freedom == pytest.approx(freedom)

    (comparison,) = compare(study)
    error = np.sqrt(1 / 900 + own)
    assert comparison.p == pytest.approx(2 * stats.t.sf(2 / 15 / error, freedom))
    reach = stats.t.ppf(0.975, freedom) * error
    assert comparison.interval == pytest.approx((2 / 15 - reach, 2 / 15 + reach))
    assert comparison.verdict == "better"
    assert comparison.sentence() == (
        "B instead of A: +0.133 (0.022 to 0.245) score over 3 images and 2 seeds: better"
    )


def test_a_pooled_iou_is_that_of_the_sums() -> None:
    first = np.array([[[90, 10, 0], [0, 5, 5]]])  # IoU 0.9 and 0, pooled 90 / 110
    second = np.array([[[80, 10, 10], [5, 0, 5]]])  # IoU 0.8 and 0.5, pooled 85 / 110
    (comparison,) = compare(collect({"first": first, "second": second}, of_hits("IoU")))
    assert comparison.baseline_score == pytest.approx(90 / 110)
    assert comparison.score == pytest.approx(85 / 110)
    assert comparison.difference == pytest.approx(-5 / 110)  # the mean of images says +0.2


def test_holm_of_four_comparisons() -> None:
    # Holm 1979: 4 x 0.005, 3 x 0.01, then 2 x 0.03; the last may not be below the one before
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([[0.6, 0.6]])) == pytest.approx(np.array([[1.0, 1.0]]))
