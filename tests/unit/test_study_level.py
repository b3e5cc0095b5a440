"""Whether verdicts keep their word, on made-up studies whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from mapwright.metrics.paired import Difference, difference, seed_noise
from mapwright.metrics.ranking import rank
from mapwright.metrics.trials import collect, of_hits
from mapwright.metrics.verdicts import compare, holm
from studies import grouped, made_up

IOU = of_hits("IoU")


def against_first(counts: np.ndarray, groups: np.ndarray) -> list[Difference]:
    noise = seed_noise(counts, IOU)
    return [difference(counts, (0, k), groups, IOU, noise) for k in range(1, counts.shape[1])]


def corrected(found: list[Difference]) -> np.ndarray:
    return holm(np.stack([one.apart() for one in found], axis=-1))


@pytest.mark.parametrize("noise", [0.01, 0.02])
@pytest.mark.parametrize(
    ("shape", "groups", "studies"),
    [((2, 1, 24), 0, 800), ((5, 3, 24), 0, 500), ((5, 3, 10), 5, 500), ((41, 3, 24), 0, 50)],
    ids=["one seed", "three seeds", "five places", "forty comparisons"],
)
def test_equal_configurations_are_called_different_in_at_most_6_percent_of_studies(
    shape: tuple[int, int, int], groups: int, studies: int, noise: float
) -> None:
    rng = np.random.default_rng(1)
    counts = made_up(rng, studies, shape, noise=noise, groups=groups)
    found = against_first(counts, grouped(shape[2], groups))
    assert (corrected(found) < 0.05).any(axis=-1).mean() <= 0.06
    # neither images nor seeds alone would keep it, so these studies can tell
    if noise == 0.02 and shape[1] == 3 and not groups:
        z = np.stack([one.value / np.sqrt(one.images / 2) for one in found], axis=-1)
        assert (np.abs(z) > 1.96).any(axis=-1).mean() > 0.2


def test_what_was_dropped_early_raises_no_more_alarms() -> None:
    counts = made_up(np.random.default_rng(2), 800, (3, 3, 25), noise=0.02)
    counts[:, 1, 1:] = np.nan
    counts[:, 2, 0, 10:] = np.nan
    counts[:, 2, 1:] = np.nan
    found = against_first(counts, grouped(25, 0))
    assert (corrected(found) < 0.05).any(axis=-1).mean() <= 0.06


@pytest.mark.parametrize(
    ("shape", "groups", "gain", "power"),
    [
        ((2, 3, 24), 0, 0.05, 0.40),
        ((2, 3, 24), 0, 0.08, 0.80),
        ((6, 3, 24), 0, 0.08, 0.55),
        ((6, 3, 100), 0, 0.08, 0.80),
        ((2, 3, 20), 5, 0.12, 0.65),
    ],
)
def test_a_planted_difference_is_found(
    shape: tuple[int, int, int], groups: int, gain: float, power: float
) -> None:
    better = np.zeros(shape[0])
    better[1] = gain
    counts = made_up(np.random.default_rng(3), 200, shape, better=better, noise=0.02, groups=groups)
    found = against_first(counts, grouped(shape[2], groups))
    right = (corrected(found)[:, 0] < 0.05) & (found[0].value > 0)
    assert right.mean() >= power


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_intervals_hold_the_truth(gain: float) -> None:
    counts = made_up(
        np.random.default_rng(4), 800, (2, 3, 24), better=np.array([0, gain]), noise=0.02
    )
    (one,) = against_first(counts, grouped(24, 0))
    truth = one.value.mean()
    assert 0.94 <= (np.abs(one.value - truth) <= one.reach(0.975)).mean() <= 0.985


def test_variances_of_images_and_seeds_are_those_of_the_studies() -> None:
    for noise in (0.01, 0.04):
        counts = made_up(np.random.default_rng(5), 400, (4, 4, 24), noise=noise)
        found = against_first(counts, grouped(24, 0))[0]
        told = float((found.images + found.seeds).mean())
        assert found.value.var() == pytest.approx(told, rel=0.25)


def test_the_noise_of_seeds_is_drawn_to_what_is_measured() -> None:
    for noise in (0.005, 0.05):
        counts = made_up(np.random.default_rng(6), 100, (8, 6, 60), noise=noise)
        told = np.sqrt(seed_noise(counts, IOU).variance.mean())
        assert abs(told - noise) < abs(0.02 - noise) / 2


def test_the_truly_best_is_dropped_in_at_most_5_percent_of_studies_give_or_take() -> None:
    better = np.array([0.001, 0, 0, 0])
    counts = made_up(np.random.default_rng(7), 800, (4, 3, 24), better=better, noise=0.02)
    noise, groups = seed_noise(counts, IOU), grouped(24, 0)
    p = np.stack([difference(counts, (k, 0), groups, IOU, noise).below() for k in (1, 2, 3)])
    assert 0.005 < (p * 3 < 0.05).any(axis=0).mean() <= 0.06


def test_one_study_at_a_time_says_what_all_together_say() -> None:
    better = np.array([0, 0.08, 0, 0.02])
    counts = made_up(np.random.default_rng(8), 12, (4, 3, 24), better=better)
    p = corrected(against_first(counts, grouped(24, 0)))
    for study, expected in zip(counts, p, strict=True):
        trials = collect(dict(zip("abcd", study, strict=True)), IOU)
        assert [one.p for one in compare(trials, "a")] == pytest.approx(list(expected))
        assert rank(trials).best == "abcd"[int(IOU.of(study.sum(axis=(1, 2))).argmax())]
