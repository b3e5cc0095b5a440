from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import make_dataset, make_spec
from mapwright.data.blocks import block_name, cut, keep_away, parse_name
from mapwright.data.dataset import Dataset
from mapwright.data.spec import Split
from mapwright.data.splits import make_splits
from mapwright.errors import DatasetError, SettingError
from mapwright.types import IGNORE, Window

windows = st.builds(
    Window, st.integers(0, 40), st.integers(0, 40), st.integers(1, 30), st.integers(1, 30)
)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(32, 200))
def test_blocks_cover_an_image_once(height: int, width: int, side: int) -> None:
    seen = np.zeros((height, width), int)
    for window in cut(height, width, side):
        seen[window.slices] += 1
        assert max(window.height, window.width) <= 1.5 * side
    assert (seen == 1).all()


@given(st.text(max_size=8), windows)
def test_a_block_is_known_by_its_name(scene: str, window: Window) -> None:
    assert parse_name(block_name(scene, window)) == (scene, window)


@pytest.mark.parametrize("name", ["a", "a[1]", "a[1:2]", "a[0:1,2:3]x", "", "[]"])
def test_other_names_are_whole_images(name: str) -> None:
    assert parse_name(name) == (name, None)


@given(windows, st.lists(windows, max_size=4), st.integers(0, 10))
def test_what_is_kept_is_far_from_all_others(
    window: Window, others: list[Window], buffer: int
) -> None:
    kept = keep_away(window, others, buffer)
    if kept is None:
        return
    assert kept.height > 0 and kept.width > 0
    whole, near = np.zeros((100, 100), bool), np.zeros((100, 100), bool)
    whole[window.slices] = True
    for row, col, height, width in others:
        grown = Window(row - buffer, col - buffer, height + 2 * buffer, width + 2 * buffer)
        near[grown.clip(100, 100).slices] = True
    assert whole[kept.slices].all()
    assert not near[kept.slices].any()


@given(windows, windows, st.integers(0, 10))
def test_a_window_that_nothing_is_near_to_stays_whole(
    window: Window, other: Window, buffer: int
) -> None:
    if not window.meets(other, buffer):
        assert keep_away(window, [other], buffer) == window


@pytest.fixture
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = make_dataset(tmp_path_factory.mktemp("scenes"), count=2, size=128, bands=3)
    return Dataset(root, make_spec(split={"by": "block", "block": 32, "buffer": 6}))


def test_a_block_reads_what_the_scene_holds_there(scenes: Dataset) -> None:
    assert len(scenes.units) == 32
    for name in ("00[0:32,0:32]", "01[96:128,64:96]"):
        (item,) = scenes.choose([name])
        whole = scenes.read(scenes.choose([item.scene])[0])
        block, window = scenes.read(item), parse_name(name)[1]
        assert window
        for part, of in zip(vars(block).values(), vars(whole).values(), strict=True):
            np.testing.assert_array_equal(part, window.cut(of, 0))


@pytest.mark.parametrize("window", [Window(-4, -4, 12, 12), Window(28, 5, 30, 30)])
def test_nothing_of_a_neighbour_is_read(scenes: Dataset, window: Window) -> None:
    (item,) = scenes.choose(["00[32:64,32:64]"])
    part = scenes.read(item, window)
    inside = Window(0, 0, 32, 32)
    expected = window.cut(inside.cut(scenes.read(item).image, np.nan), np.nan)
    np.testing.assert_array_equal(part.image, expected)
    assert (part.labels[np.isnan(part.image).any(axis=0)] == IGNORE).all()


def test_training_blocks_keep_the_buffer(scenes: Dataset) -> None:
    splits = make_splits([item.stem for item in scenes.units], scenes.spec.split, folds=4)
    validated = [name for fold in splits.folds for name in fold.val]
    assert sorted(validated) == sorted(item.stem for item in scenes.units)
    for fold in splits.folds:
        for name in fold.train:
            scene, window = parse_name(name)
            for other, held in map(parse_name, fold.val):
                assert window and held
                assert scene != other or not window.meets(held, 6)
        assert fold.train


def test_a_part_of_no_image_is_named(scenes: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"no image '0'[\s\S]*'0[01]' is meant"):
        scenes.choose(["0[0:32,0:32]"])


def divide(sides: dict[str, list[str]]) -> Split:
    return Split.parse({"by": "given", "given": sides}, "a test")


def group(expression: str, val: float = 0.2) -> Split:
    return Split(by="group", group=expression, val=val)


GROUPED = [f"{biome}_{k}" for biome in ("barren", "forest", "snow", "urban") for k in range(5)]


@pytest.mark.parametrize("expression", [r"^[a-z]+", r"^([a-z]+)_\d"])
@pytest.mark.parametrize("folds", [1, 2, 4])
def test_a_group_stands_on_one_side(expression: str, folds: int) -> None:
    splits = make_splits(GROUPED, group(expression, val=0.25), folds)
    for fold in splits.folds:
        sides = [{name.split("_")[0] for name in side} for side in (fold.train, fold.val)]
        assert not sides[0] & sides[1]
        assert sorted(fold.train + fold.val) == sorted(GROUPED)
    if folds == 1:
        assert len(splits.folds[0].val) == 5


def test_groups_of_unlike_size_are_dealt_evenly() -> None:
    names = ["a_0", *(f"b_{k}" for k in range(6)), *(f"c_{k}" for k in range(3)), "d_0", "e_0"]
    splits = make_splits(names, group("^[a-z]"), 2)
    assert sorted(len(fold.val) for fold in splits.folds) == [6, 6]


@pytest.mark.parametrize(
    ("split", "folds", "message"),
    [
        (group(r"^\d+"), 1, "nothing in 'barren_0' names its group"),
        (group("_"), 1, "20 labelled groups|would validate"),
        (group(r"^[a-z]+"), 5, "5 folds of 4 labelled groups"),
        (divide({"train": ["a*"], "val": ["b*"]}), 1, "belongs to train"),
        (divide({"train": ["b*"], "val": ["x*"]}), 1, "belongs to val"),
        (divide({"train": ["*"], "val": ["b*"]}), 1, "'barren_0' would train and"),
        (divide({"train": ["b*"], "val": ["f*"]}), 5, "5 folds of a division"),
    ],
)
def test_a_division_that_can_not_be_is_refused(split: Split, folds: int, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make_splits(GROUPED, split, folds)


def test_a_given_division_is_taken_as_it_is() -> None:
    split = divide({"train": ["barren_*", "urban_[01]"], "val": ["snow_*"]})
    (fold,) = make_splits(GROUPED, split).folds
    assert fold.train == tuple(GROUPED[:5] + GROUPED[15:17])
    assert fold.val == tuple(GROUPED[10:15])
    assert make_splits(GROUPED, split, 0).folds[0].train == tuple(GROUPED)


@pytest.mark.parametrize("folds", [1, 2, 5])
@pytest.mark.parametrize("by", ["scene", "group"])
def test_images_of_one_place_stand_together(by: str, folds: int) -> None:
    same = (("a_1", "b_7", "a_9"), ("b_2", "b_3"))
    names = [f"{letter}_{k}" for letter in "abcdef" for k in range(10)]
    split = Split.parse({"by": by, "group": "^.._?.", "val": 0.3, "together": same}, "a test")
    for fold in make_splits(names, split, folds).folds:
        for stems in same:
            assert len(set(stems) & set(fold.val)) in (0, len(stems))
        assert sorted(fold.train + fold.val) == names


def test_an_image_stands_together_once_and_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="declared twice"):
        Split.parse({"together": [["a", "b"], ["b", "c"]]}, "a test")
    root = make_dataset(tmp_path, count=2, bands=3)
    with pytest.raises(DatasetError, match=r"no image '03' to keep together"):
        _ = Dataset(root, make_spec(split={"together": [["00", "03"]]})).items


def test_blocks_of_one_place_stand_together() -> None:
    names = [f"{scene}[{r}:{r + 32},0:32]" for scene in "abcd" for r in range(0, 160, 32)]
    split = Split.parse({"by": "block", "block": 32, "together": [["a", "b"]]}, "a test")
    for fold in make_splits(names, split, 3).folds:
        assert len({name in fold.val for name in names if name[0] in "ab"}) == 1
