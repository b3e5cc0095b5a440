import json
import os
from pathlib import Path

import pytest

from mapwright.errors import OutputError
from mapwright.io.files import make_folder, new_folder, replacing, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_appears_whole_in_a_folder_that_is_made(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "text.txt"
    write_text(target, "Straße\n")
    assert target.read_bytes() == "Straße\n".encode()
    assert names(tmp_path) == ["a", "b", "text.txt"]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "map.tif"
    target.write_text("old")
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".tif")
        assert temporary != target
    assert target.read_text() == "new"
    assert names(tmp_path) == ["map.tif"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    target = tmp_path / "map.tif"
    target.write_text("old")
    expected = OutputError if failure is OSError else failure
    with pytest.raises(expected), replacing(target) as temporary:
        temporary.write_text("half")
        Path(f"{temporary}.aux.xml").write_text("beside it")
        raise failure("stop")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["map.tif"]


def test_a_body_that_writes_nothing_is_a_failure_and_the_old_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "map.tif"
    target.write_text("old")
    with pytest.raises(OutputError), replacing(target):
        pass
    assert target.read_text() == "old"


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out.txt" / "kept").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"out\.txt"):
        write_text(tmp_path / "out.txt", "text")
    assert names(tmp_path) == ["kept", "out.txt"]


@pytest.mark.parametrize("inner", ["", "deeper", "deeper/still"])
def test_a_file_where_a_folder_is_needed(tmp_path: Path, inner: str) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match=r"a file stands where a folder is needed[\s\S]*run"):
        make_folder(tmp_path / "run" / inner)
    assert (tmp_path / "run").read_text() == "a file"


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a place to refuse writing")
def test_a_place_that_can_not_be_written_to_is_named() -> None:
    with pytest.raises(OutputError, match=r"could not write[\s\S]*/proc/mapwright"):
        write_text(Path("/proc/mapwright/text.txt"), "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match=r"Permission denied[\s\S]*text\.txt"):
            write_text(tmp_path / "text.txt", "text")
    finally:
        tmp_path.chmod(0o700)


def test_a_new_folder_must_be_empty(tmp_path: Path) -> None:
    assert new_folder(tmp_path / "run").is_dir()
    assert new_folder(tmp_path / "run").is_dir()
    (tmp_path / "run" / "scores.json").write_text("{}")
    with pytest.raises(OutputError, match=r"not empty[\s\S]*run"):
        new_folder(tmp_path / "run")
    assert names(tmp_path) == ["run", "scores.json"]


def test_json_reads_back_and_ends_with_a_line_break(tmp_path: Path) -> None:
    value = {"name": "Straße", "folds": [{"val": [1, 2.5, None, True]}]}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "Straße" in text
    assert text.endswith("}\n")


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"path": tmp_path})
    assert json.loads((tmp_path / "a.json").read_text()) == [1]
    assert names(tmp_path) == ["a.json"]


def test_text_that_is_no_unicode_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.txt", "half \udcff")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]
