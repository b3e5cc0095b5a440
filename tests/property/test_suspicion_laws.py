"""Masks made wrong among right ones, on maps of a model that is made up: unsure along outlines,
with patches that it overlooks or invents."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from mapwright.metrics.disagreement import compare, steps
from mapwright.metrics.fitting import better_fit, class_thumbnail
from mapwright.metrics.suspicion import Gathered, fence, suspicion
from mapwright.types import IGNORE, ClassIndex, Probabilities

SIDE, IMAGES = 64, 24
SEEDS = range(8)
Data = dict[int, tuple[ClassIndex, Probabilities]]


def houses(rng: np.random.Generator) -> NDArray[np.bool_]:
    """(64, 64) bool: 3 to 7 rectangles."""
    mask = np.zeros((SIDE, SIDE), bool)
    for _ in range(rng.integers(3, 8)):
        row, col = rng.integers(0, SIDE - 14, 2)
        height, width = rng.integers(6, 14, 2)
        mask[row : row + height, col : col + width] = True
    return mask


def make(seed: int, skill: float = 4.0) -> Data:
    """Masks and what a model says: the truth, blurred, with noise that hangs together."""
    rng = np.random.default_rng(seed)
    data = {}
    for number in range(IMAGES):
        truth = houses(rng)
        noise = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 3)
        logit = (
            skill * (2 * gaussian_filter(truth.astype(float), 1.2) - 1) + 2.5 * noise / noise.std()
        )
        second = 1 / (1 + np.exp(-logit))
        mask = truth.astype(np.uint8)
        mask[:5, :9] = IGNORE
        data[number] = mask, np.stack([1 - second, second]).astype(np.float32)
    return data


def judge(data: Mapping[int, tuple[ClassIndex, Probabilities]]) -> dict[int, float]:
    """The score of each mask."""
    gathered, blocks = Gathered(2), {}
    for number, (mask, soft) in data.items():
        guess = (soft[1] >= 0.5).astype(np.uint8)
        sure = steps(soft, guess)
        gathered.add(mask, soft, guess, sure)
        blocks[number] = compare(mask, guess, sure, 2)
    usual = gathered.usual(list(blocks.values()))
    return {number: suspicion(block, usual)[0] for number, block in blocks.items()}


def ranking(scores: Mapping[int, float]) -> list[int]:
    return sorted(scores, key=lambda number: -scores[number])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mask_of_another_image_is_ranked_first_and_called_wrong(seed: int) -> None:
    data = make(seed)
    other = make(seed + 1000)[0][0]
    data[5] = other, data[5][1]
    scores = judge(data)
    assert ranking(scores)[0] == 5
    assert scores[5] >= fence(list(scores.values()))


def exchanged(seed: int) -> Data:
    """Images of which the masks of 3 and 11 have changed places."""
    data = make(seed)
    (one, soft_one), (two, soft_two) = data[3], data[11]
    data[3], data[11] = (two, soft_one), (one, soft_two)
    return data


def thumbnails(data: Data) -> list[NDArray[np.uint8]]:
    """The predictions, reduced."""
    return [class_thumbnail((soft[1] >= 0.5).astype(np.uint8), 2) for _, soft in data.values()]


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_exchanged_masks_both_are_ranked_first_and_called_wrong(seed: int) -> None:
    scores = judge(exchanged(seed))
    assert set(ranking(scores)[:2]) == {3, 11}
    assert min(scores[3], scores[11]) >= fence(list(scores.values()))


def test_an_exchanged_mask_is_said_to_fit_its_own_image_and_no_other() -> None:
    found = []
    for seed in SEEDS:
        data = exchanged(seed)
        guesses = thumbnails(data)
        for own in (3, 11):
            others = [k for k in data if k != own]
            mask = class_thumbnail(data[own][0], 2)
            best = better_fit(mask, guesses[own], [guesses[k] for k in others])
            if best is not None:
                found.append((own, others[best]))
    assert set(found) == {(3, 11), (11, 3)}
    assert len(found) >= 14  # of 16: in words, "fits far better" is said too rarely, not too often


def test_where_all_masks_are_right_none_is_called_wrong() -> None:
    flagged = fits = total = 0
    for seed in SEEDS:
        for skill in (2.0, 4.0):  # a weak model errs on a tenth of the pixels: it must not cry wolf
            data = make(seed, skill)
            scores = judge(data)
            limit = fence(list(scores.values()))
            flagged += sum(score >= limit for score in scores.values())
            total += len(scores)
            guesses = thumbnails(data)
            for k, (mask, _) in data.items():
                rest = guesses[:k] + guesses[k + 1 :]
                fits += better_fit(class_thumbnail(mask, 2), guesses[k], rest) is not None
    assert total == 384
    assert flagged <= 1
    assert fits == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_pixels_that_count_nowhere_change_no_score(seed: int) -> None:
    data = make(seed)
    before = judge(data)
    changed = {
        k: (mask, np.where(mask == IGNORE, soft[::-1], soft)) for k, (mask, soft) in data.items()
    }
    assert judge(changed) == before


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_images_and_of_two_classes_does_not_matter(seed: int) -> None:
    data = make(seed)
    data[7] = make(seed + 50)[1][0], data[7][1]
    scores = judge(data)
    backwards = judge(dict(reversed(data.items())))
    assert backwards == pytest.approx(scores)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_larger_the_part_that_is_wrong_the_higher_the_score(seed: int) -> None:
    data = make(seed)
    mask, soft = data[2]
    found = []
    for wrong in (0, 12, 24, 48):
        spoilt = mask.copy()
        spoilt[20 : 20 + wrong, 10:58] = np.where(mask[20 : 20 + wrong, 10:58] == 0, 1, 0)
        found.append(judge({**data, 2: (spoilt, soft)})[2])
    assert found == sorted(found)
    assert found[-1] > found[0] + 0.3


def test_an_even_mask_fits_no_other_image_better() -> None:
    empty = class_thumbnail(np.zeros((9, 300), np.uint8), 2)
    full = class_thumbnail(np.ones((1, 1), np.uint8), 2)
    assert full.shape == empty.shape == (2, 16, 16)
    assert full[1].min() == 255
    assert better_fit(empty, full, [empty, full]) is None
    assert better_fit(empty, full, []) is None
