"""Tables of groups, and splits that keep to them."""

from pathlib import Path

import numpy as np
import pytest

from builders import make_bundle, make_dataset, make_spec
from mapwright.data.dataset import Dataset
from mapwright.data.describe import open_dataset
from mapwright.data.divide import draw_splits
from mapwright.data.group_file import holds_groups, read_groups, write_groups
from mapwright.data.spec import Split
from mapwright.data.splits import group_names, make_splits
from mapwright.errors import DatasetError, OutputError, SettingError
from mapwright.predict.model import Model


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    groups = (("a", 'b,"c"'), ("ü", "d e", "[0:2,3:4]"))
    write_groups(tmp_path / "sub" / "g.csv", groups)
    assert read_groups(tmp_path / "sub" / "g.csv") == groups
    assert holds_groups(tmp_path / "sub" / "g.csv")
    write_groups(tmp_path / "none.csv", [])
    assert read_groups(tmp_path / "none.csv") == ()


def test_columns_may_stand_in_any_order_and_without_a_group_an_image_is_alone(
    tmp_path: Path,
) -> None:
    path = table(
        tmp_path / "g.csv", "\ufeffgroup,ships,image\r\nx,3,a\r\n,0,b\r\nx,1,c\r\nx,3,a\r\n"
    )
    assert read_groups(path) == (("a", "c"),)
    assert holds_groups(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,group\na,1\n", "columns are name, group"),
        ("image,group\na,1\na,2\n", "'a' is in group '1' and in '2'"),
    ],
)
def test_a_wrong_table_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message) as caught:
        read_groups(table(tmp_path / "g.csv", text))
    assert "--groups" in str(caught.value)


def test_a_table_that_is_not_there_or_no_text_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_bytes(b"\xff\xfe\x00image")
    for name in ("g.csv", "none.csv"):
        assert not holds_groups(tmp_path / name)
        with pytest.raises(SettingError, match="can't be read"):
            read_groups(tmp_path / name)
    with pytest.raises(OutputError):
        write_groups(tmp_path / "g.csv" / "below.csv", [("a", "b")])


def test_a_split_keeps_the_groups_of_its_table(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=12, bands=3, size=32)
    write_groups(root / "mine.csv", [("00", "05", "07"), ("01", "11")])
    dataset = Dataset(root, make_spec(split={"groups": "mine.csv", "together": [["11", "02"]]}))
    assert set(map(frozenset, dataset.split.together)) == {
        frozenset({"01", "02", "11"}),
        frozenset({"00", "05", "07"}),
    }
    for repeat in range(20):
        for folds in (1, 3):
            for fold in draw_splits(dataset, folds, repeat).folds:
                for group in dataset.split.together:
                    assert set(group) <= set(fold.val) or not set(group) & set(fold.val)
    assert dataset.grouping.name("11") == dataset.grouping.name("02")
    assert dataset.grouping.name("03") == "03"


def test_a_table_that_names_a_stranger_is_refused(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, bands=3, size=32)
    write_groups(root / "groups.csv", [("00", "1")])
    dataset = Dataset(root, make_spec(split={"groups": "groups.csv"}))
    with pytest.raises(DatasetError, match="no image '1' to keep together") as caught:
        draw_splits(dataset, 1)
    assert "groups.csv" in str(caught.value)
    assert len(dataset.items) == 6  # using a model asks for no groups


def test_guesses_take_a_table_that_the_folder_holds(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, bands=3)
    assert open_dataset(root).spec.split.groups is None
    table(root / "groups.csv", "name,group\nx,1\n")
    assert open_dataset(root).spec.split.groups is None
    write_groups(root / "groups.csv", [("00", "03")])
    dataset = open_dataset(root)
    assert dataset.spec.split.groups == "groups.csv"
    assert dataset.split.together == (("00", "03"),)
    assert "group" in dataset.reasons["split.groups"]


def test_sets_and_groups_by_name_join_each_other() -> None:
    split = Split(by="group", group="^[a-z]+", together=(("a1", "b2"), ("x_y", "c1"), ("9", "d1")))
    names = ["a1", "a2", "b1", "b2", "c1", "x_y", "x_z", "d1", "e1"]
    groups = group_names(names, split)
    assert len({groups[k] for k in range(4)}) == 1
    assert len({groups[k] for k in (4, 5, 6)}) == 1
    assert len(set(groups)) == 4
    assert groups[8] == "e"
    assert [group_names([name], split)[0] for name in names] == groups


def test_thousands_of_groups_are_divided_whole() -> None:
    rng = np.random.default_rng(0)
    names = [f"{number:05d}" for number in range(20_000)]
    owners = rng.integers(0, 6000, len(names))
    order = np.argsort(owners, kind="stable")
    sets = np.split(order, np.flatnonzero(np.diff(owners[order])) + 1)
    split = Split(together=tuple(tuple(names[k] for k in same) for same in sets if len(same) > 1))
    (fold,) = make_splits(names, split).folds
    val = set(fold.val)
    assert len(val) == pytest.approx(4000, abs=30)
    assert all(len(val & set(same)) in (0, len(same)) for same in split.together)


def test_groups_that_are_found_join_those_that_were_declared(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=8, bands=3, size=32)
    write_groups(root / "g.csv", [("00", "05")])
    dataset = Dataset(root, make_spec(split={"groups": "g.csv", "together": [["01", "02"]]}))
    joined = dataset.with_groups([("05", "06"), ("03", "04")])
    assert joined.spec.split.groups is None
    assert set(map(frozenset, joined.spec.split.together)) == {
        frozenset({"00", "05", "06"}),
        frozenset({"01", "02"}),
        frozenset({"03", "04"}),
    }
    assert joined.with_groups(()).spec == joined.spec
    assert len(joined.items) == 8


def test_a_model_is_used_on_a_folder_without_the_images_that_stood_together(tmp_path: Path) -> None:
    from mapwright.apply import dataset_for

    root = make_dataset(tmp_path, count=3, bands=3, size=32)
    together = [["00", "07"], ["01", "02", "09"], ["11", "12"]]
    model = Model(make_bundle(split={"together": together}))
    dataset = dataset_for(model, root)
    assert len(dataset.items) == 3
    assert dataset.split.together == (("01", "02"),)
