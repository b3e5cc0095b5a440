import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from mapwright.errors import SettingError
from mapwright.metrics.components import (
    Cut,
    ObjectRule,
    divide,
    drop_small,
    label_objects,
    presence_of,
)

SHAPES = st.tuples(st.integers(1, 10), st.integers(1, 10))
masks = SHAPES.flatmap(lambda shape: arrays.arrays(np.bool_, shape))
pairs = SHAPES.flatmap(
    lambda shape: st.tuples(arrays.arrays(np.bool_, shape), arrays.arrays(np.bool_, shape))
)


@settings(deadline=None)
@given(masks)
def test_components_are_those_of_scipy(mask: np.ndarray) -> None:
    ids = label_objects(mask)
    expected, _ = ndimage.label(mask, np.ones((3, 3)))
    assert ids.dtype == np.int32
    assert (ids == expected).all()


def test_a_whole_scene_may_be_empty() -> None:
    assert not label_objects(np.zeros((0, 5), bool)).size
    assert label_objects(np.zeros((4, 5), bool)).tolist() == [[0] * 5] * 4


@settings(deadline=None)
@given(masks, st.integers(0, 6))
def test_small_objects_go_and_the_rest_keeps_its_order(mask: np.ndarray, smallest: int) -> None:
    ids = label_objects(mask)
    kept = drop_small(ids, smallest)
    sizes = np.bincount(ids.ravel())
    assert (kept[ids == 0] == 0).all()
    large = [k for k in range(1, len(sizes)) if sizes[k] >= smallest]
    for number, k in enumerate(large, start=1):
        assert (kept[ids == k] == number).all()
    assert (kept > 0).sum() == sum(sizes[k] for k in large)


@settings(deadline=None, max_examples=200)
@given(pairs, st.integers(1, 3))
def test_every_pixel_goes_to_the_nearest_core_of_its_own_object(
    pair: tuple[np.ndarray, np.ndarray], core_pixels: int
) -> None:
    mask, core = pair
    ids = label_objects(mask)
    parts = divide(ids, core, core_pixels)
    assert ((parts > 0) == mask).all()
    assert np.array_equal(np.unique(parts[mask]), np.arange(1, parts.max(initial=0) + 1))
    for k in range(1, ids.max(initial=0) + 1):
        inside = ids == k
        cores, _ = ndimage.label(core & inside)
        cores = drop_small(cores, core_pixels)
        numbers = np.unique(parts[inside])
        assert len(numbers) == max(int(cores.max()), 1)
        if len(numbers) == 1:
            continue
        owner = {int(c): int(parts[cores == c][0]) for c in range(1, cores.max() + 1)}
        assert sorted(owner.values()) == numbers.tolist()
        for row, col in np.argwhere(inside):
            ways = {
                c: ((np.argwhere(cores == c) - (row, col)) ** 2).sum(axis=1).min() for c in owner
            }
            nearest = min(ways.values())
            assert parts[row, col] in {owner[c] for c, way in ways.items() if way == nearest}


def test_a_core_across_a_gap_has_no_say() -> None:
    # the object on the left has two cores far apart; a core of the right one is nearer to its end
    mask = np.zeros((3, 12), bool)
    mask[1, :8] = mask[1, 9:] = True
    core = np.zeros_like(mask)
    core[1, 0] = core[1, 3] = core[1, 9] = True
    parts = divide(label_objects(mask), core)
    assert len(np.unique(parts[1, :8])) == 2
    assert parts[1, 7] == parts[1, 3]
    assert len(np.unique(parts[1, 9:])) == 1


def test_several_objects_are_divided_without_a_gap_in_the_numbers() -> None:
    mask = np.zeros((5, 9), bool)
    mask[0] = mask[2, :3] = mask[4] = True
    core = np.zeros_like(mask)
    core[[0, 4], 0] = core[[0, 4], 8] = core[[0, 4], 4] = True
    parts = divide(label_objects(mask), core)
    assert parts[0, [0, 4, 8]].tolist() == [1, 4, 5]
    assert parts[2].tolist() == [2] * 3 + [0] * 6
    assert parts[4, [0, 4, 8]].tolist() == [3, 6, 7]


def two_ships() -> tuple[np.ndarray, np.ndarray]:
    """Two ships of 6 x 20 pixels side by side; less sure where they touch, and the border map."""
    probability, border = np.zeros((2, 20, 30), np.float32)
    probability[4:16, 5:25] = 0.9
    probability[9:11, 5:25] = 0.6
    border[9:11, 5:25] = 0.8
    return probability, border


def test_ships_that_touch_are_told_apart_by_a_higher_threshold_or_a_border() -> None:
    probability, border = two_ships()
    expected = np.zeros(probability.shape, int)
    expected[4:10, 5:25], expected[10:16, 5:25] = 1, 2
    assert Cut(0.5).objects(probability).max() == 1
    assert Cut(0.5, core=0.8).objects(probability).tolist() == expected.tolist()
    assert Cut(0.5, border=0.5).objects(probability, border).tolist() == expected.tolist()
    assert Cut(0.5).objects(probability, border).max() == 1  # which has not asked for borders
    assert Cut(0.5, border=0.9).objects(probability, border).max() == 1
    assert Cut(0.5, core=0.5).objects(probability).max() == 1


def test_a_rule_for_borders_without_a_map_of_them_is_refused() -> None:
    rule = ObjectRule(Cut(0.4, border=0.3), smallest=7)
    with pytest.raises(SettingError, match=r"no map of them[\s\S]*divided where a border.*0\.3"):
        rule.objects(two_ships()[0])


def test_a_core_of_a_few_pixels_is_noise() -> None:
    probability, _ = two_ships()
    probability[9:11, 5:25] = 0.9
    probability[4:16, 20:22] = 0.6
    probability[4:16, 23:25] = 0.6
    assert Cut(0.5, core=0.8, core_pixels=12).objects(probability).max() == 2
    assert Cut(0.5, core=0.8, core_pixels=13).objects(probability).max() == 1


def test_a_threshold_is_met_in_single_precision_as_in_a_map() -> None:
    steps = (np.arange(1001) / 1000).astype(np.float32)
    for k in (1, 150, 300, 557, 999):
        assert (Cut(k / 1000).objects(steps[None]) > 0).sum() == 1001 - k


def test_an_invalid_pixel_is_in_no_object() -> None:
    probability, border = two_ships()
    probability[:, 10] = np.nan
    border[:, 20] = np.nan
    by_border = Cut(0.5, core=0.8, border=0.5)
    for ids in (Cut(0.5).objects(probability), by_border.objects(probability, border)):
        assert not ids[:, 10].any()
        assert (ids[4:16, 20] > 0).all()
    assert not ObjectRule(Cut(0.5)).objects(np.full((3, 3), np.nan, np.float32)).any()


def test_the_gate_closes_below_its_threshold() -> None:
    probability, _ = two_ships()
    open_, closed = ObjectRule(Cut(0.5), gate=0.9), ObjectRule(Cut(0.5), gate=0.91)
    assert open_.objects(probability, presence=0.9).max() == 1
    assert closed.objects(probability, presence=0.9).max() == 0
    assert closed.objects(probability).max() == 0  # the map's own presence is 0.9
    assert ObjectRule(Cut(0.5), smallest=241).objects(probability).max() == 0
    assert ObjectRule(Cut(0.5), smallest=240).objects(probability).max() == 1


@pytest.mark.parametrize("pixels", [1, 3, 100])
def test_presence_is_the_mean_of_the_highest(pixels: int) -> None:
    rng = np.random.default_rng(0)
    probability = rng.random((6, 7)).astype(np.float32)
    probability[0] = np.nan
    highest = np.sort(probability[1:].ravel())[-pixels:]
    assert presence_of(probability, pixels) == pytest.approx(highest.mean())


def test_presence_of_an_image_without_a_valid_pixel() -> None:
    assert presence_of(np.full((3, 3), np.nan, np.float32)) == 0
    assert presence_of(np.zeros((0, 3), np.float32)) == 0
