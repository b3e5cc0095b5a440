import numpy as np
import pytest

from mapwright.errors import SettingError
from mapwright.metrics.components import Cut
from mapwright.metrics.object_records import Grid, record
from mapwright.metrics.object_tuning import cross_fitted, grid_sums, tune

GRID = Grid(cuts=(Cut(0.3), Cut(0.6)), sizes=(1, 5), gates=(0.0, 0.2, 0.4, 0.6, 0.8))


def scene(ship: bool, speck: bool, presence: float) -> tuple[np.ndarray, np.ndarray, float]:
    """A ship of 16 pixels with a halo of 0.4 around it, and a speck of 4 pixels."""
    truth = np.zeros((20, 20), int)
    probability = np.zeros((20, 20), np.float32)
    if ship:
        probability[2:10, 2:10] = 0.4
        truth[4:8, 4:8] = 1
        probability[4:8, 4:8] = 0.9
    if speck:
        probability[15:17, 15:17] = 0.7
    return truth, probability, presence


def sums(*scenes: tuple[np.ndarray, np.ndarray, float], score: str = "f2") -> np.ndarray:
    return grid_sums([record(t, p, GRID, presence=s) for t, p, s in scenes], GRID, score)


def test_threshold_size_and_gate_are_all_found() -> None:
    rule, score = tune(
        sums(
            scene(True, True, 0.9),  # needs 0.6 for the outline and 5 against the speck
            scene(False, True, 0.1),
            *[scene(True, False, 0.5)] * 2,
        ),
        GRID,
    )
    assert (rule.cut, rule.smallest, score) == (Cut(0.6), 5, 1)
    blob = scene(False, False, 0.3)
    blob[1][5:9, 5:9] = 0.9  # looks like a ship: only the gate is against it
    rule, score = tune(sums(scene(True, False, 0.5), blob), GRID)
    assert (rule.gate, score) == (0.4, 1)


def test_of_equally_good_gates_the_middle_is_taken() -> None:
    rule, _ = tune(sums(scene(True, False, 1.0), scene(False, False, 0.1)), GRID)
    assert rule.gate == 0.4
    assert rule.smallest == 1


def test_a_fold_has_no_say_in_its_own_rule() -> None:
    clean, specks = sums(scene(True, False, 1.0)), sums(scene(True, True, 1.0))
    (first, second), score = cross_fitted([clean, specks], GRID)
    assert (first.smallest, second.smallest) == (5, 1)
    # the ship and the speck: TP = 1, FP = 1, 5 / 6 at every threshold
    assert score == pytest.approx((1 + 5 / 6) / 2)


def test_an_undefined_score_leaves_the_first_rule() -> None:
    rule, score = tune(sums(scene(False, False, 0.1), score="dice_objects"), GRID)
    assert rule == GRID.rule((0, 0, 0))
    assert np.isnan(score)


def test_components_below_the_smallest_size_are_not_kept() -> None:
    truth, probability, _ = scene(True, True, 1.0)
    every = record(truth, probability, GRID)
    large = record(truth, probability, Grid(GRID.cuts, (5,), GRID.gates))
    assert (len(every.components), len(large.components)) == (4, 2)
    assert every.presence == pytest.approx((16 * 0.9 + 4 * 0.7 + 10 * 0.4) / 30)


def test_pixels_that_count_nowhere_still_make_a_component_large() -> None:
    truth, probability, _ = scene(False, True, 1.0)  # a speck of 4 pixels
    truth[15] = -1  # two of them
    grid = Grid(GRID.cuts, (1, 3, 5), GRID.gates)
    entry = record(truth, probability, grid)
    assert entry.components[:, 1:4].tolist() == [[4, 2, 0]] * 2
    found = grid_sums([entry], grid, "presence_accuracy")[0, :, 0, 0]
    assert found.tolist() == [0, 0, 1]  # dropped from 5 pixels on, not from 3


def test_images_without_components_share_one_empty_table() -> None:
    truth, probability, _ = scene(False, False, 0.0)
    one, other = record(truth, probability, GRID), record(truth, probability, GRID)
    assert one.components is other.components


def test_a_score_that_does_not_exist_is_named() -> None:
    with pytest.raises(SettingError, match=r"no score 'f1'[\s\S]*dice_pooled"):
        sums(scene(True, True, 1.0), score="f1")


@pytest.mark.parametrize(
    "grid", [{"cuts": ()}, {"sizes": (5, 1)}, {"gates": (0.5, 0.1)}, {"gates": ()}]
)
def test_a_grid_that_can_not_be_tried(grid: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(SettingError, match="ascending order"):
        Grid(**grid)  # type: ignore[arg-type]
