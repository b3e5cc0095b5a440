"""From a trained run to a ranking of its masks: the command, its files and its errors."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import mapwright as mw
from conftest import TINY, write_squares
from mapwright.cli import main
from mapwright.run import Run


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images of squares; 05 has the mask of 02."""
    root = write_squares(tmp_path_factory.mktemp("audit") / "squares", count=8)
    shutil.copy(root / "masks" / "02.png", root / "masks" / "05.png")
    return root


@pytest.fixture(scope="module")
def folded(spoilt: Path) -> Run:
    return mw.train(spoilt, spoilt.parent / "run", folds=2, settings=TINY)


def test_the_wrong_mask_is_first_and_page_and_table_are_written(folded: Run, spoilt: Path) -> None:
    out = spoilt.parent / "found ä"
    arguments = ["audit", str(folded.folder), "-o", str(out), "--top", "3"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "8 images judged: 1 mask is probably wrong" in done.output
    assert sorted(path.name for path in out.iterdir()) == ["audit.csv", "audit.html"]
    with (out / "audit.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = [rows[0][key] for key in ("image", "probably_wrong", "same_mask")]
    assert told == ["05", "yes", "02"]
    page = (out / "audit.html").read_text(encoding="utf-8")
    assert page.count("<article") == 3
    assert "://" not in page


def test_json_holds_the_whole_ranking_and_files_go_to_the_run(folded: Run, spoilt: Path) -> None:
    moved = spoilt.parent / "moved"
    shutil.copytree(spoilt, moved)
    (moved / "masks" / "05.png").unlink()
    done = CliRunner().invoke(main, ["audit", str(folded.folder), "--data", str(moved), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    names = [entry["image"] for entry in told["ranking"]]
    assert sorted(names) == ["00", "01", "02", "03", "04", "06", "07"]  # 05 has no mask there
    assert told["data"] == str(moved)
    assert (folded.folder / "audit.html").is_file()


def test_an_image_that_was_left_out_of_training_is_judged_when_asked_for(
    folded: Run, spoilt: Path, tmp_path: Path
) -> None:
    spec = mw.open_dataset(spoilt).spec.plain() | {"exclude": [{"stem": "05", "why": "a copy"}]}
    from mapwright.data.spec import DatasetSpec
    from mapwright.data.write_spec import to_toml

    file = tmp_path / "left out.toml"
    file.write_text(to_toml(DatasetSpec.parse(spec, "a test"), {}), encoding="utf-8")
    asked = {"data": spoilt, "dataset_file": file, "out": tmp_path}
    without = mw.audit(folded.folder, **asked)
    assert "05" not in {suspect.name for suspect in without.suspects}
    assert mw.audit(folded.folder, **asked, excluded=True).suspects[0].name == "05"


def test_what_can_not_be_audited_is_one_error_and_leaves_no_file(
    folded: Run, spoilt: Path, tmp_path: Path
) -> None:
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    cases = {
        "there is no such model file": [str(tmp_path / "missing")],
        "there is no such folder": [str(folded.folder), "--data", str(tmp_path / "missing")],
        "blocks of 5 pixels": [str(folded.folder), "--block", "5"],
    }
    for words, arguments in cases.items():
        done = CliRunner().invoke(main, ["audit", *arguments, "-o", str(nothing / "out")])
        assert done.exit_code == 2, done.output
        assert done.output.count("error: ") == 1, done.output
        assert words in done.output
    assert not (nothing / "out").exists()


def test_a_run_that_holds_out_nothing_can_not_judge(spoilt: Path, tmp_path: Path) -> None:
    short = {**TINY, "steps": 2, "validate_every": 2}
    run = mw.train(spoilt, tmp_path / "run", folds=0, settings=short)
    done = CliRunner().invoke(main, ["audit", str(run.folder)])
    assert done.exit_code == 2
    assert "error: no image can be audited: the model learnt from it" in done.output
    assert not (run.folder / "audit.csv").exists()
