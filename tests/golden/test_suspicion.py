"""What speaks against a mask, worked out by hand."""

import numpy as np
import pytest

from mapwright.metrics.disagreement import BINS, compare, contradictions, steps
from mapwright.metrics.suspicion import LEAST, Gathered, fence, suspicion
from mapwright.types import IGNORE, Window


def two(second: np.ndarray) -> np.ndarray:
    """(2, h, w) float32 probabilities."""
    return np.stack([1 - second, second]).astype(np.float32)


def test_the_score_of_two_small_blocks_by_hand() -> None:
    # Block A, 10 x 10: mask of 4 x 5 = 20 pixels of roof; the model sees the same.
    # Block B: mask of 20 pixels at the top; the model sees 4 x 5 at the bottom instead.
    # It says 0.9 of what it takes for roof and 0.1 of everything else.
    mask = np.zeros((2, 10, 10), np.uint8)
    mask[0, :4, :5] = mask[1, :4, :5] = 1
    seen = np.zeros((2, 10, 10), bool)
    seen[0, :4, :5] = seen[1, 6:, 5:] = True
    gathered, blocks = Gathered(2), []
    for one, there in zip(mask, seen, strict=True):
        soft = two(np.where(there, 0.9, 0.1))
        guess, places = there.astype(np.uint8), steps(soft, there.astype(np.uint8))
        gathered.add(one, soft, guess, places)
        blocks.append(compare(one, guess, places, 2))
    usual = gathered.usual(blocks)
    # Roof pixels: 20 of 0.9 and 20 of 0.1, mean 0.5. Background, 160: 140 of 0.9, 20 of 0.1.
    assert usual.sure_from == pytest.approx([0.8, 0.5])
    # Sure of roof: 20 right, 20 wrong. Sure of background: 60 + 20 + 60 = 140 right, 20 wrong.
    assert usual.weights[0, 1] == 0.05
    assert usual.weights[1, 0] == pytest.approx((140 - 20) / (140 + 20))
    assert usual.shares == pytest.approx([0.8, 0.2])
    # A: nothing. B: 0.75 * 20 + 0.05 * 20 of 40 pixels that either calls roof and a third of 20.
    assert suspicion(blocks[0], usual) == (0.0, 0)
    score, about = suspicion(blocks[1], usual)
    assert score == pytest.approx(16 / (40 + 20 / 3))
    assert about == 1


def test_an_outline_drawn_two_pixels_off_contradicts_nothing_and_three_do() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[:, 8:] = 1
    for off, wrong in ((1, 0), (2, 0), (3, 1)):
        guess = np.zeros_like(mask)
        guess[:, 8 + off :] = 1
        against, _ = contradictions(mask, guess)
        # of a strip of 3, the outer columns have both classes within 2 pixels on one side only
        assert against[:, 8 : 8 + off].any() == bool(wrong), off
        assert not against[:, :8].any()
        assert not against[:, 8 + off :].any()


def test_a_thin_object_that_only_one_of_the_two_has_counts_in_full() -> None:
    road, nothing = np.zeros((9, 9), np.uint8), np.zeros((9, 9), np.uint8)
    road[4] = 1
    for mask, guess in ((road, nothing), (nothing, road)):
        against, _ = contradictions(mask, guess)
        assert np.array_equal(against, road == 1)


def test_regions_are_told_by_pair_and_size_and_whether_they_stand_alone() -> None:
    mask = np.zeros((30, 30), np.uint8)
    mask[2:10, 2:10] = 1  # the model sees it twice as long
    mask[20:24, 20:26] = 1  # the model sees nothing of it
    mask[28, 28] = IGNORE
    guess = np.zeros_like(mask)
    guess[2:10, 2:18] = 1
    guess[28:, 28:] = 2  # three of four pixels count
    found = compare(mask, guess, np.full(mask.shape, 7, np.uint8), 3)
    told = [(r.own, r.other, r.pixels, r.window, r.alone) for r in found.regions]
    assert told == [
        (0, 1, 56, Window(2, 10, 8, 8), False),  # 64 without 2 x 2 at each end of the outline
        (1, 0, 24, Window(20, 20, 4, 6), True),
        (0, 2, 3, Window(28, 28, 2, 2), True),
    ]
    assert found.known == 899
    assert found.own.tolist() == [899 - 64 - 24, 64 + 24, 0]
    assert found.union.tolist()[1:] == [128 + 24, 3]
    assert found.against.whole().sum() == 83


def test_a_model_that_gives_nothing_but_ones_and_zeros_can_be_sure_too() -> None:
    guess = np.zeros((9, 9), np.uint8)
    guess[:, :4] = 1
    soft = two(guess.astype(float))
    sure, gathered = steps(soft, guess), Gathered(2)
    gathered.add(guess, soft, guess, sure)  # of masks that are right
    spoilt = guess.copy()
    spoilt[3:6, 8] = 1
    block = compare(spoilt, guess, sure, 2)
    usual = gathered.usual([block])
    assert usual.sure_from.tolist() == [1, 1]
    assert usual.sure_of(block.regions[0]) == 3
    assert suspicion(block, usual)[0] > 0


def test_steps_hold_every_probability() -> None:
    soft = two(np.array([[0.0, 0.019, 0.02, 1.0]]))
    one = np.ones((1, 4), np.uint8)
    assert steps(soft, one).tolist() == [[0, 0, 1, BINS - 1]]
    assert steps(soft, one * 0).tolist() == [[BINS - 1, 49, 49, 0]]


def test_the_fence_is_three_interquartile_ranges_above_the_upper_quartile() -> None:
    assert fence([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(0.4 + 3 * 0.2)
    assert fence([0.0] * 99 + [0.2]) == LEAST
    assert fence([]) == LEAST
