import json
from collections.abc import Sequence

import pytest

from mapwright.data.spec import Split
from mapwright.data.splits import Splits, make_splits
from mapwright.errors import SettingError

STEMS = tuple(f"{number:02d}" for number in range(20))


@pytest.mark.parametrize(("val", "count"), [(0.2, 4), (0.01, 1), (0.95, 19), (3, 3), (19, 19)])
def test_a_share_or_a_number_validates(val: float, count: int) -> None:
    splits = make_splits(STEMS, Split(val=val))
    (fold,) = splits.folds
    assert len(fold.val) == count
    assert sorted(fold.train + fold.val) == list(STEMS)


@pytest.mark.parametrize(("val", "count"), [(0.29, 29), (0.57, 57), (0.3, 30)])
def test_a_share_is_not_lost_to_rounding(val: float, count: int) -> None:
    stems = [str(number) for number in range(100)]
    assert len(make_splits(stems, Split(val=val)).folds[0].val) == count


def test_stems_keep_their_order() -> None:
    (fold,) = make_splits(STEMS, Split(val=0.4)).folds
    assert list(fold.val) == sorted(fold.val)
    assert list(fold.train) == sorted(fold.train)


def test_the_seed_decides() -> None:
    draws = {make_splits(STEMS, Split(seed=seed)).folds[0].val for seed in range(10)}
    assert len(draws) == 10
    assert make_splits(STEMS, Split(seed=3)) == make_splits(STEMS, Split(seed=3))


@pytest.mark.parametrize("folds", [2, 5, 7, 20])
def test_in_folds_every_image_validates_once(folds: int) -> None:
    splits = make_splits(STEMS, Split(), folds)
    assert len(splits.folds) == folds
    assert sorted(stem for fold in splits.folds for stem in fold.val) == list(STEMS)
    sizes = {len(fold.val) for fold in splits.folds}
    assert max(sizes) - min(sizes) <= 1
    for fold in splits.folds:
        assert set(fold.train) == set(STEMS) - set(fold.val)


def test_no_fold_learns_from_everything() -> None:
    (fold,) = make_splits(STEMS, Split(), 0).folds
    assert (fold.train, fold.val) == (STEMS, ())


@pytest.mark.parametrize(
    ("stems", "val"), [(STEMS, 20), (STEMS, 21), (["a"], 0.2), (["a"], 1), ([], 0.2)]
)
def test_nothing_left_to_train_on_is_refused(stems: Sequence[str], val: float) -> None:
    with pytest.raises(SettingError, match=rf"of {len(stems)} labelled images"):
        make_splits(stems, Split(val=val))


@pytest.mark.parametrize("folds", [-1, 21])
def test_folds_that_can_not_be_are_refused(folds: int) -> None:
    with pytest.raises(SettingError, match=rf"{folds} folds of 20 labelled images"):
        make_splits(STEMS, Split(), folds)


@pytest.mark.parametrize("stems", [STEMS, ["a ", " b", "c d", "ü", '"']])
def test_splits_read_back_from_their_file(stems: Sequence[str]) -> None:
    splits = make_splits(stems, Split(seed=5))
    assert sorted(splits.folds[0].train + splits.folds[0].val) == sorted(stems)
    assert Splits.parse(json.loads(json.dumps(splits.plain())), "splits.json") == splits
