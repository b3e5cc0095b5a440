import json
from collections.abc import Sequence

import numpy as np
import pytest

from mapwright.metrics.object_result import SCORES, ObjectScores
from mapwright.metrics.object_scores import object_scores
from mapwright.metrics.objects import ObjectCounts, count_objects


def images(count: int, seed: int = 0) -> list[ObjectCounts]:
    """Squares, each found wholly, in part or not at all, with false alarms; half without one."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        truth, guess = np.zeros((2, 24, 24), int)
        if rng.random() < 0.5:
            truth[2:8, 2:8] = 1
            guess[2 : 8 - rng.integers(0, 4), 2:8] = rng.integers(0, 2)
        if rng.random() < 0.3:
            guess[12:16, 12:16] = 2
        made.append(count_objects(truth, guess))
    return made


def spread(counts: Sequence[ObjectCounts]) -> dict[str, tuple[float, float]]:
    return {score.name: score.interval for score in object_scores(counts).scores}


def test_every_score_has_a_value_within_its_interval() -> None:
    scores = object_scores(images(60))
    assert [score.name for score in scores.scores] == list(SCORES)
    for score in scores.scores:
        assert score.interval[0] < score.value < score.interval[1]
        assert scores[score.name] is score


def test_intervals_of_many_images_are_those_of_the_images_one_by_one() -> None:
    counts = images(60) * 100  # more than the bootstrap keeps apart
    scores = object_scores(counts)
    f2 = np.repeat([object_scores([entry])["f2"].value for entry in counts[:60]], 100)
    half = 1.96 * f2.std() / np.sqrt(len(f2))
    low, high = scores["f2"].interval
    assert scores["f2"].value == pytest.approx(f2.mean())
    assert (high - low) / 2 == pytest.approx(half, rel=0.12)
    assert (low + high) / 2 == pytest.approx(f2.mean(), abs=half / 4)
    assert spread(counts) == spread(counts)


def test_images_of_a_group_are_drawn_together() -> None:
    counts = images(20)
    pairs = [entry for entry in counts for _ in range(2)]
    places = [str(k // 2) for k in range(len(pairs))]
    alone, grouped = object_scores(pairs), object_scores(pairs, groups=places)
    assert [s.value for s in grouped.scores] == pytest.approx([s.value for s in alone.scores])
    assert (alone.unit, grouped.unit) == ("images", "groups of images")
    # twice the same image says nothing new: as wide as the images once
    assert grouped["f2"].interval == pytest.approx(object_scores(counts)["f2"].interval)
    assert object_scores(counts, groups=[str(k) for k in range(20)]).unit == "images"


def test_scores_come_back_from_their_plain_form() -> None:
    nothing = np.zeros((3, 3), int)
    for counts in (images(12), [count_objects(nothing, nothing)] * 3, []):
        scores = object_scores(counts)
        text = json.dumps(scores.plain(), allow_nan=False)
        again = ObjectScores.from_plain(json.loads(text))
        assert repr(again) == repr(scores)  # NaN is not equal to itself


def test_sizes_are_told_in_pixels_and_in_square_metres() -> None:
    sizes = object_scores(images(3)).sizes
    assert [size.words() for size in sizes[:2]] == ["1 to 63 pixels", "64 to 255 pixels"]
    assert sizes[2].words(2.25) == "576 to 2,304 m²"
    assert sizes[-1].words() == "4,096 pixels and more"


def test_the_order_of_images_changes_no_value() -> None:
    counts = images(30)
    ahead, back = object_scores(counts), object_scores(counts[::-1])
    assert [s.value for s in ahead.scores] == pytest.approx([s.value for s in back.scores])


def test_no_image_at_all() -> None:
    scores = object_scores([])
    assert (scores.images, scores.objects) == (0, 0)
    assert all(np.isnan([s.value, s.baseline, *s.interval]).all() for s in scores.scores)


def test_one_image_has_no_interval() -> None:
    scores = object_scores(images(1))
    assert np.isnan([score.interval for score in scores.scores]).all()


def test_images_without_any_object() -> None:
    nothing = np.zeros((3, 3), int)
    scores = object_scores([count_objects(nothing, nothing)] * 3)
    assert (scores["f2"].value, scores["dice_mean"].value, scores["f2"].baseline) == (1, 1, 1)
    assert np.isnan(scores["dice_pooled"].value)
    assert np.isnan(scores["dice_objects"].value)
