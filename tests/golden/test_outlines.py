"""Boundary IoU worked by hand."""

import numpy as np
import pytest

from mapwright.metrics.boundary import boundary_counts, boundary_iou
from mapwright.types import IGNORE


def square(side: int, size: int = 12) -> np.ndarray:
    labels = np.zeros((size, size), np.uint8)
    start = (size - side) // 2
    labels[start : start + side, start : start + side] = 1
    return labels


def test_a_square_within_a_larger_one() -> None:
    """Rings of width 1: 36 - 16 = 20 pixels of a 6 x 6 square, 64 - 36 = 28 of an 8 x 8 one."""
    counts = boundary_counts(square(6), square(8), 2, width=1)
    assert counts[1].tolist() == [0, 48]  # the rings lie side by side
    wide = boundary_counts(square(6), square(8), 2, width=2)
    # rings of width 2: 36 - 4 = 32 and 64 - 16 = 48; they share 36 - 16 = 20
    assert wide[1].tolist() == [20, 60]
    assert boundary_iou(wide)[1] == pytest.approx(1 / 3)


def test_the_border_of_the_image_is_an_outline() -> None:
    everything = np.zeros((5, 6), np.uint8)
    counts = boundary_counts(everything, everything, 2, width=1)
    assert counts[0].tolist() == [30 - 12, 30 - 12]
    assert np.isnan(boundary_iou(counts)[1])


def test_unlabelled_ground_has_no_outline() -> None:
    truth = np.zeros((9, 9), np.uint8)
    truth[4, 4] = IGNORE
    guess = np.zeros((9, 9), np.uint8)
    guess[4, 4] = 1  # under an unlabelled pixel: nobody knows that it is wrong
    counts = boundary_counts(truth, guess, 2, width=1)
    assert counts.tolist() == [[32, 32], [0, 0]]  # the ring along the border


def test_a_frayed_outline_hurts_boundary_iou_more_than_iou() -> None:
    truth, guess = square(40, 60), square(40, 60)
    guess[10:50:2, 9] = 1  # teeth on one side
    scores = boundary_iou(boundary_counts(truth, guess, 2))
    both, either = (truth & guess).sum(), (truth | guess).sum()
    assert scores[1] < both / either - 0.02
    assert 0.8 < scores[1] < 1


def test_255_classes_fit() -> None:
    labels = np.arange(225, dtype=np.uint8).reshape(15, 15) + 30  # up to class 254
    counts = boundary_counts(labels, labels, 255, width=1)
    assert counts.shape == (255, 2)
    assert (counts[30:] == 1).all()
    assert (counts[:30] == 0).all()
