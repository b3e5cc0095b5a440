"""Shapes that grew together are cut where they narrow; shapes that are one stay one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from mapwright.metrics.components import Cut, ObjectRule, label_objects
from mapwright.metrics.necks import thick_parts

Mask = np.ndarray
PLAIN, AT_NECKS = Cut(0.5), Cut(0.5, neck=0.7)


def ship(centre: tuple[float, float], length: float, width: float, degrees: float) -> Mask:
    """(90, 90) bool, a rectangle turned clockwise from east."""
    y, x = np.indices((90, 90)) - np.array(centre)[:, None, None]
    turn = np.deg2rad(degrees)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return np.asarray((abs(along) <= length / 2) & (abs(across) <= width / 2))


def v_of_ships(half: float, length: float, width: float) -> tuple[Mask, Mask]:
    """Two ships whose lower ends touch, open at the top by twice `half` degrees."""
    turn, ships = np.deg2rad(half), []
    for side in (-1, 1):
        along = np.array([-np.cos(turn), side * np.sin(turn)])
        aside = np.array([np.sin(turn), side * np.cos(turn)])
        row, col = np.array([70.0, 45.0]) + along * length / 2 + aside * (width / 2 + 0.5)
        ships.append(ship((row, col), length, width, np.rad2deg(np.arctan2(*along))))
    return ships[0], ships[1]


def cut(mask: Mask, how: Cut) -> Mask:
    return how.objects(mask.astype(np.float32))


def best_iou(truth: Mask, ids: Mask) -> float:
    found = [ids == k for k in range(1, ids.max() + 1)]
    return max((truth & one).sum() / (truth | one).sum() for one in found)


@pytest.mark.parametrize("half", [15, 20, 30, 45])
@pytest.mark.parametrize("size", [(40, 10), (30, 6), (60, 14)])
def test_two_ships_in_a_v_are_told_apart_by_their_shape(
    half: float, size: tuple[float, float]
) -> None:
    ships = v_of_ships(half, *size)
    # as a map shows them: the gap between their ends is closed
    union = ndimage.binary_closing(ships[0] | ships[1], np.ones((3, 3)))
    assert cut(union, PLAIN).max() == 1
    ids = cut(union, AT_NECKS)
    assert ids.max() == 2
    assert ((ids > 0) == union).all()
    assert min(best_iou(one, ids) for one in ships) > 0.9


def test_ships_end_to_end_and_corner_to_corner_are_told_apart() -> None:
    corners = np.zeros((40, 60), bool)
    corners[5:17, 5:25] = corners[17:29, 25:45] = True
    bridge = np.zeros((40, 60), bool)
    bridge[10:20, 2:27] = bridge[10:20, 30:55] = bridge[14:16, 27:30] = True
    for union in (corners, bridge):
        assert cut(union, PLAIN).max() == 1
        ids = cut(union, AT_NECKS)
        assert np.ptp(np.bincount(ids.ravel())[1:]) <= 2  # the middle of the bridge is anyone's


def test_ships_side_by_side_have_no_neck_but_a_seam_of_lower_probability() -> None:
    # a watershed of the probability: cores of 0.8, each pixel to the nearest
    probability = np.zeros((40, 60), np.float32)
    probability[10:20, 10:40] = probability[21:31, 18:48] = 0.95
    probability[20, 18:40] = 0.6
    truth = np.zeros(probability.shape, int)
    truth[10:20, 10:40], truth[21:31, 18:48] = 1, 2
    assert PLAIN.objects(probability).max() == 1
    assert AT_NECKS.objects(probability).max() == 1
    ids = Cut(0.5, core=0.8).objects(probability)
    assert ids.max() == 2
    assert (ids[truth > 0] == truth[truth > 0]).all()
    assert set(ids[20, 18:40].tolist()) <= {1, 2}


@pytest.mark.parametrize("degrees", [0, 17, 45, 71, 90])
@pytest.mark.parametrize("size", [(30, 4), (40, 10), (60, 30), (8, 3)])
def test_one_ship_stays_one(degrees: float, size: tuple[float, float]) -> None:
    one = ship((45, 45), *size, degrees)
    assert cut(one, AT_NECKS).tolist() == cut(one, PLAIN).tolist()


def test_rings_discs_whole_images_and_nothing_stay_as_they_are() -> None:
    y, x = np.indices((40, 40)) - 20
    disc = y**2 + x**2 <= 15**2
    ring = disc & (y**2 + x**2 > 8**2)
    for mask in (disc, ring, np.ones((40, 40), bool), np.zeros((40, 40), bool)):
        assert (thick_parts(mask, 0.7) == mask).all()
    for shape in ((0, 4), (1, 1), (1, 50)):
        assert (thick_parts(np.ones(shape, bool), 0.7)).all()


def test_the_border_of_the_image_is_no_outline() -> None:
    # a ship that the border cuts off lengthwise is as thick there as further in
    cut_off = np.zeros((30, 60), bool)
    cut_off[:6, 5:55] = True
    assert cut(cut_off, AT_NECKS).max() == 1
    across = np.zeros((30, 60), bool)
    across[10:20, :] = True
    assert cut(across, AT_NECKS).max() == 1


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(np.bool_, (12, 14), fill=st.just(True)), st.sampled_from([0.3, 0.7, 0.95]))
def test_thick_parts_lie_inside_and_no_shape_is_lost(mask: Mask, neck: float) -> None:
    parts = thick_parts(mask, neck)
    assert not (parts & ~mask).any()
    shapes = label_objects(mask)
    assert set(np.unique(shapes[parts])) == set(range(1, shapes.max(initial=0) + 1))
    ids = Cut(0.5, neck=neck, core_pixels=1).objects(mask.astype(np.float32))
    assert ((ids > 0) == mask).all()
    assert np.array_equal(np.unique(ids[mask]), np.arange(1, ids.max(initial=0) + 1))


def test_a_rule_says_what_it_does() -> None:
    rule = ObjectRule(Cut(0.35, core=0.8, neck=0.7), smallest=20, gate=0.4)
    assert rule.words == (
        "connected pixels (8 neighbours) of probability 0.35 or more, divided among cores of 0.8 "
        "or more, divided at necks of 0.7 of their thickness or less; objects of 20 pixels or "
        "more; none on images whose presence is below 0.4"
    )
    assert ObjectRule(Cut(0.5)).words.endswith("of probability 0.5 or more")
