"""Do 95 % intervals hold the truth in 95 % of samples? Made-up maps whose truth is known.

Of 2 000 samples, intervals that hold the truth 95 times in 100 do so 94 to 96 times.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mapwright.areas.estimate import Estimated, Estimates, estimate

RUNS = 2000
LOW, HIGH = 0.93, 0.97

# share of the area that is map class i (row) and truly class j (column)
TRUTH = np.array(
    [
        [0.090, 0.008, 0.010, 0.006],
        [0.015, 0.200, 0.020, 0.012],
        [0.012, 0.025, 0.240, 0.018],
        [0.020, 0.014, 0.030, 0.280],
    ]
)
MAPPED, AREA = TRUTH.sum(axis=1), TRUTH.sum(axis=0)
CLASSES = len(TRUTH)


def coverage(
    runs: list[Estimates], part: Callable[[Estimates], Estimated], truth: np.ndarray
) -> np.ndarray:
    """Share of the runs whose interval holds the truth."""
    value = np.array([part(run).value for run in runs])
    error = np.array([part(run).error for run in runs])
    return (np.abs(value - truth) <= 1.96 * error).mean(axis=0)


def require_coverage(runs: list[Estimates]) -> None:
    users, producers = np.diag(TRUTH) / MAPPED, np.diag(TRUTH) / AREA
    for part, truth in (
        (lambda run: run.area, AREA),
        (lambda run: run.overall, np.trace(TRUTH)),
        (lambda run: run.producers, producers),
    ):
        found = coverage(runs, part, truth)
        assert (found >= LOW).all(), found
        assert (found <= HIGH).all(), found
    # a proportion near 1 from some hundred points is skewed: a little less is the normal interval
    assert (coverage(runs, lambda run: run.users, users) > LOW - 0.01).all()


def stratified(points: list[int], seed: int) -> list[np.ndarray]:
    """Samples with the map's classes as strata: (K, K, K) counts of each run."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros((RUNS, CLASSES, CLASSES, CLASSES), np.int64)
    for h, n in enumerate(points):
        drawn[:, h, h] = rng.multinomial(n, TRUTH[h] / MAPPED[h], size=RUNS)
    return list(drawn)


def test_of_a_stratified_sample() -> None:
    runs = [estimate(counts, MAPPED) for counts in stratified([250, 250, 250, 300], seed=0)]
    require_coverage(runs)


def test_of_a_simple_random_sample_with_poststrata() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(1000, TRUTH.ravel() / TRUTH.sum(), size=RUNS)
    eye = np.eye(CLASSES, dtype=np.int64)[:, :, None]
    runs = [estimate(eye * counts.reshape(CLASSES, CLASSES), MAPPED) for counts in drawn]
    require_coverage(runs)


def test_of_a_sample_in_strata_that_are_not_the_classes_of_the_map() -> None:
    """Three strata that share out every pair of map class and truth in their own way."""
    rng = np.random.default_rng(2)
    split = rng.dirichlet([2, 2, 2], size=TRUTH.size).T.reshape(3, *TRUTH.shape) * TRUTH
    weights = split.sum(axis=(1, 2))
    drawn = [
        rng.multinomial(n, (part / part.sum()).ravel(), size=RUNS)
        for n, part in zip((300, 500, 200), split, strict=True)
    ]
    stacked = np.stack(drawn, axis=1).reshape(RUNS, 3, CLASSES, CLASSES)
    require_coverage([estimate(counts, weights) for counts in stacked])


def test_counted_pixels_and_unweighted_points_would_miss_the_truth() -> None:
    """The simulation can tell a wrong estimator: these two are what people do instead."""
    runs = [estimate(counts, MAPPED) for counts in stratified([250, 250, 250, 300], seed=0)]
    pixels = [replace(run, area=Estimated(MAPPED, run.area.error)) for run in runs]
    assert coverage(pixels, lambda run: run.area, AREA).min() < 0.8
    equal = np.full(CLASSES, 1 / CLASSES)
    unweighted = [estimate(counts, equal) for counts in stratified([250] * 4, seed=0)]
    assert np.median(coverage(unweighted, lambda run: run.area, AREA)) < 0.5


def test_the_estimates_are_unbiased_and_the_standard_error_is_theirs() -> None:
    runs = [estimate(counts, MAPPED) for counts in stratified([120, 150, 200, 200], seed=3)]
    value = np.array([run.area.value for run in runs])
    error = np.array([run.area.error for run in runs])
    spread = value.std(axis=0)
    assert np.abs(value.mean(axis=0) - AREA).max() < 4 * (spread / RUNS**0.5).max()
    assert np.sqrt((error**2).mean(axis=0)) == pytest.approx(spread, rel=0.06)
