"""F2 of the Airbus Ship Detection Challenge, worked by hand."""

import numpy as np
import pytest

from mapwright.errors import SettingError
from mapwright.metrics.components import label_objects
from mapwright.metrics.object_scores import object_scores
from mapwright.metrics.objects import ObjectCounts, count_objects, image_f2, overlaps

Ids = np.ndarray


def row(*parts: tuple[int, int]) -> Ids:
    """A map of one row: so many pixels of each number."""
    return np.repeat([n for n, _ in parts], [pixels for _, pixels in parts])[None]


def f2(truth: Ids, guess: Ids) -> float:
    return float(image_f2([count_objects(truth, guess)])[0])


NOTHING = row((0, 20))
SHIP = row((1, 10), (0, 10))


def test_nothing_where_nothing_is() -> None:
    assert f2(NOTHING, NOTHING) == 1


def test_any_prediction_where_nothing_is() -> None:
    assert f2(NOTHING, row((1, 1), (0, 19))) == 0
    assert f2(NOTHING, row((1, 20))) == 0


def test_a_ship_that_is_missed() -> None:
    assert f2(SHIP, NOTHING) == 0


def test_a_ship_that_is_met_exactly() -> None:
    assert f2(SHIP, SHIP) == 1
    assert f2(SHIP, 7 * SHIP) == 1  # numbers mean nothing


@pytest.mark.parametrize("shared", range(9, 21))
def test_an_iou_equal_to_a_threshold_is_no_hit(shared: int) -> None:
    # a ship of 20 pixels, of which a prediction within it covers 9 .. 20: IoU 0.45 .. 1.00.
    # Strictly above 0.50, 0.55 .. lie none for 10, one for 11 (0.55 > 0.50 alone), .. nine for 19,
    # ten for 20. Each hit is TP = 1, FN = FP = 0: F2 = 1; each other 0.
    truth, guess = row((1, 20)), row((1, shared), (0, 20 - shared))
    assert f2(truth, guess) == pytest.approx(max(shared - 10, 0) / 10)


def test_three_fifths_is_not_above_sixty_percent() -> None:
    # 6 pixels shared, union 10: above 0.50 and 0.55 only
    truth, guess = row((0, 2), (1, 8)), row((1, 8), (0, 2))
    assert f2(truth, guess) == pytest.approx(0.2)


def test_touching_ships_taken_for_one() -> None:
    # two ships of 4 x 5 pixels side by side: 20 / 40 with either, and 0.5 is not above 0.5
    truth = np.zeros((6, 12), int)
    truth[1:5, 1:6], truth[1:5, 6:11] = 1, 2
    assert f2(truth, label_objects(truth > 0)) == 0
    assert f2(truth, truth) == 1


def test_one_prediction_over_a_large_and_a_small_ship() -> None:
    # 30 of 40 pixels are the large ship: IoU 0.75, above 0.50 .. 0.70, five thresholds.
    # There TP = 1, FN = 1, FP = 0: 5 / 9; elsewhere 0. (5 x 5 / 9) / 10 = 5 / 18
    assert f2(row((1, 30), (2, 10)), row((1, 40))) == pytest.approx(5 / 18)


def test_one_ship_in_two_predictions() -> None:
    # halves: 0.5 each, no hit. 16 and 4 of 20: 0.8 is above 0.50 .. 0.75, six thresholds.
    # There TP = 1, FN = 0, FP = 1: 5 / 6. (6 x 5 / 6) / 10 = 0.5
    assert f2(row((1, 20)), row((1, 10), (2, 10))) == 0
    assert f2(row((1, 20)), row((1, 16), (2, 4))) == pytest.approx(0.5)


def test_what_is_kept_of_each_object() -> None:
    # halves pair with none, 16 of 20 pixels do; the last ship meets nothing
    truth = row((1, 20), (2, 20), (3, 5), (0, 5))
    guess = row((1, 10), (2, 10), (3, 16), (4, 4), (0, 10))
    laid = overlaps(truth, guess)
    assert laid.hits(0).tolist() == [[20, 0, 1], [20, 16, 20], [5, 0, 1]]
    assert laid.hits(1).tolist() == [[10, 0, 1], [10, 0, 1], [16, 16, 20], [4, 0, 1]]
    counts = count_objects(truth, guess)
    assert (counts.truth_pixels, counts.guess_pixels, counts.both_pixels) == (45, 40, 40)
    assert counts.guesses == 4


def test_hits_misses_and_false_alarms_together() -> None:
    # two ships of 10 pixels; the first met exactly, the second with 6 of 10 (above 0.50 and 0.55),
    # and one false alarm. At two thresholds TP = 2, FN = 0, FP = 1: 10 / 11; at the eight others
    # TP = 1, FN = 1, FP = 2: 5 / 11. (2 x 10 + 8 x 5) / 11 / 10 = 6 / 11
    truth = row((1, 10), (2, 10), (0, 10))
    guess = row((5, 10), (6, 6), (0, 4), (7, 10))
    assert f2(truth, guess) == pytest.approx(6 / 11)


def test_ships_that_touch_at_a_corner_are_one_component() -> None:
    assert label_objects(np.eye(4, dtype=bool)).max() == 1
    assert label_objects(np.array([[1, 0, 1]], bool)).tolist() == [[1, 0, 2]]


def test_pixels_that_count_nowhere() -> None:
    # without its last four pixels, the prediction is the ship
    truth, guess = row((1, 6), (-1, 4), (0, 10)), row((1, 10), (0, 10))
    assert f2(truth, guess) == 1
    # a prediction that lies there wholly is no false alarm
    assert f2(row((-1, 4), (0, 16)), row((3, 4), (0, 16))) == 1
    # and one that reaches out of it by a pixel is
    assert f2(row((-1, 4), (0, 16)), row((3, 5), (0, 15))) == 0


def test_thresholds_below_a_half_are_refused() -> None:
    with pytest.raises(SettingError, match="45"):
        image_f2([count_objects(SHIP, SHIP)], [45, 50])


def test_maps_of_different_size_are_refused() -> None:
    with pytest.raises(SettingError, match="1 x 10 pixels over one of 1 x 20"):
        count_objects(SHIP, SHIP[:, :10])


# four images: met with 6 of 10; missed; a false alarm of 5 pixels; rightly nothing
IMAGES: list[ObjectCounts] = [
    count_objects(SHIP, row((1, 6), (0, 14))),
    count_objects(SHIP, NOTHING),
    count_objects(NOTHING, row((1, 5), (0, 15))),
    count_objects(NOTHING, NOTHING),
]


def test_dice_three_ways_and_presence() -> None:
    scores = object_scores(IMAGES)
    assert (scores.images, scores.with_objects, scores.objects, scores.guesses) == (4, 2, 2, 2)
    expected = {
        "f2": (0.2 + 0 + 0 + 1) / 4,
        "dice_pooled": 2 * 6 / (20 + 11),
        "dice_mean": (2 * 6 / 16 + 0 + 0 + 1) / 4,
        "dice_objects": (2 * 6 / 16 + 0) / 2,
        "presence_accuracy": 2 / 4,
        "presence_precision": 1 / 2,
        "presence_recall": 1 / 2,
    }
    assert {score.name: score.value for score in scores.scores} == pytest.approx(expected)


def test_the_empty_prediction_stands_beside_each_score() -> None:
    empty = {score.name: score.baseline for score in object_scores(IMAGES).scores}
    assert np.isnan(empty.pop("presence_precision"))  # no image was said to hold a ship
    assert empty == {
        "f2": 0.5,
        "dice_pooled": 0,
        "dice_mean": 0.5,
        "dice_objects": 0,
        "presence_accuracy": 0.5,
        "presence_recall": 0,
    }


def test_recall_by_size() -> None:
    # 3 pixels: met; 4 pixels: 3 of 4 (above 0.50 .. 0.70); 10 pixels: missed
    counts = [
        count_objects(row((1, 3), (2, 4), (0, 9)), row((1, 3), (2, 3), (0, 10))),
        count_objects(SHIP, NOTHING),
    ]
    first, second, last = object_scores(counts, edges=(4, 11)).sizes
    assert (first.low, first.high, first.objects, first.found, first.outlined) == (1, 4, 1, 1, 1)
    assert (second.low, second.high, second.objects) == (4, 11, 2)
    assert (second.found, second.outlined) == pytest.approx((0.5, 0.25))
    assert (last.low, last.high, last.objects) == (11, None, 0)
    assert np.isnan([last.found, last.outlined, *last.interval]).all()
