"""A training that is watched: what its event files hold against its own log."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from conftest import write_squares
from mapwright.cli import main
from mapwright.training import loop

SETTINGS = {
    "steps": 6, "batch": 2, "patch": 32, "tile": 32, "validate_every": 2, "save_every": 0,
    "encoder": "tu-mobilenetv3_small_100", "weights": "random", "tta": "none",
}  # fmt: skip
PAIRS = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]


class KilledError(Exception):
    pass


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares", count=4, size=32)


def steps_of(folder: Path) -> list[int]:
    """Steps of all events in the order of the file."""
    (path,) = folder.glob("*tfevents*")
    return [event.step for event in LegacyEventFileLoader(str(path)).Load() if event.step]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    read = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    read.Reload()
    tags = read.Tags()["scalars"]
    return {tag: [(point.step, point.value) for point in read.Scalars(tag)] for tag in tags}


def call(*args: str | Path, code: int = 0) -> Any:
    found = CliRunner().invoke(main, [*map(str, args)])
    if code == 0 and found.exception:
        raise found.exception
    assert found.exit_code == code, found.output
    return found


def test_an_interrupted_training_of_two_folds_goes_on_in_the_same_curves(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    command = ["train", data, "-o", run, "--folds", "2", *PAIRS, "--tensorboard"]
    draws = iter(range(100))
    usual = loop._loss

    def dying(*args: Any) -> Any:
        if next(draws) == 9:  # in the second fold, after its first look
            raise KilledError
        return usual(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_loss", dying)
        with pytest.raises(KilledError):
            call(*command)
    board = run / "tensorboard"
    assert steps_of(board / "fold 1") == [2, 4, 6]
    assert steps_of(board / "fold 2") == [2], "what was logged before the end is on disk"
    call(*command, "--resume")
    rows = list(csv.DictReader((run / "progress.csv").read_text().splitlines()))
    for number in (0, 1):
        assert steps_of(board / f"fold {number + 1}") == [2, 4, 6]
        found = curves(board / f"fold {number + 1}")
        own = [row for row in rows if row["fold"] == str(number)]
        assert len(found) == len(own[0]) - 2
        for name in own[0].keys() - {"fold", "step"}:
            points = found[name.replace(" ", "/", 1)]
            for row, (step, value) in zip(own, points, strict=True):
                assert step == float(row["step"])
                assert value == pytest.approx(float(row[name] or "nan"), nan_ok=True)
    scores = json.loads((run / "scores.json").read_text())
    final = curves(board)
    assert final["final/mean iou"] == [(6, pytest.approx(scores["mean_iou"]))]
    square = next(entry for entry in scores["classes"] if entry["name"] == "square")
    if not math.isnan(square["iou"]):
        assert final["final/iou square"] == [(6, pytest.approx(square["iou"]))]


def test_without_the_flag_there_is_the_csv_alone(data: Path, tmp_path: Path) -> None:
    call("train", data, "-o", tmp_path / "run", *PAIRS, "--set", "steps=2")
    assert (tmp_path / "run" / "progress.csv").is_file()
    assert not list(tmp_path.rglob("*tfevents*"))


def test_every_training_of_a_study_is_a_run(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    base = "".join(f"{k} = {json.dumps(v)}\n" for k, v in SETTINGS.items() if k != "save_every")
    (tmp_path / "study.toml").write_text(
        'name = "losses"\nfolds = 2\n[base]\n'
        + base
        + '[factors]\nloss = ["dice+cross_entropy", "dice"]\n'
    )
    out = tmp_path / "out"
    call("experiment", tmp_path / "study.toml", "--data", data, "-o", out, "--tensorboard")
    results = json.loads((out / "results.json").read_text())
    labels = {entry["id"]: entry["label"] for entry in results["configurations"]}
    for run in results["runs"]:
        place = out / "tensorboard" / f"{labels[run['configuration']]} {run['configuration']}"
        cell = place / f"s0-r0-f{run['fold']}"
        assert steps_of(cell / "train") == run["curves"]["step"]
        final = curves(cell)["final/mean iou"]
        assert final == [(6, pytest.approx(run["scores"]["mean iou"]))]
