"""Studies and searches with real, tiny trainings."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from conftest import write_squares
from mapwright.cli import main
from mapwright.errors import OutputError
from mapwright.experiment.conduct import StudyTask, run_study
from mapwright.run import Run

pytest.importorskip("optuna")

STUDY = """
name = "losses"
question = "Does the loss matter?"
data = "squares"
metric = "iou square"
folds = 2
steps = 2
drop = false
[base]
encoder = "tu-mobilenetv3_small_100"
weights = "random"
patch = 32
tile = 32
batch = 2
tta = "none"
augmentation.rotate = 0.0
[factors]
loss = ["dice+cross_entropy", "dice"]
"""
COMMAND = "import sys; from mapwright.cli import main; main(sys.argv[1:])"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_squares(tmp_path / "squares", count=4, size=32)
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def start(place: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", COMMAND, "experiment", str(place / "study.toml")]
    return subprocess.Popen(
        [*command, "-o", str(place / "out"), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )


def finished(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()


def cells(place: Path) -> dict[str, int]:
    """Finished cells and when each was written."""
    folder = place / "out" / "cells"
    return {p.name: p.stat().st_mtime_ns for p in folder.glob("[!.]*.json")}


def test_a_killed_study_goes_on_and_repeats_nothing(place: Path) -> None:
    killed = start(place)
    while not cells(place):
        assert killed.poll() is None
        time.sleep(0.05)
    time.sleep(random.uniform(0, 3))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = cells(place)
    results = run_study(StudyTask(place / "study.toml", place / "out"))
    after = cells(place)
    assert len(after) == 4
    assert {name: after[name] for name in before} == before, "a finished cell was run again"
    assert [run["status"] for run in results["runs"]] == ["done"] * 4
    assert not (place / "out" / "work").exists() or len(before) < 4
    _check_results(place, results)


def _check_results(place: Path, results: dict) -> None:
    assert results == json.loads((place / "out" / "results.json").read_text())
    page = (place / "out" / "study.html").read_text()
    assert page.count("data:image/") >= 3  # an image, its truth and a prediction
    assert results["dataset"]["images"] == ["00", "01", "02", "03"]
    labels = {entry["id"]: entry["label"] for entry in results["configurations"]}
    assert list(labels.values()) == ["base", "loss=dice"]
    held_out: dict[str, list[str]] = {label: [] for label in labels.values()}
    for run in results["runs"]:
        held_out[labels[run["configuration"]]] += [image["stem"] for image in run["images"]]
        counts = sum(image["counts"][1][1] for image in run["images"])
        union = counts + sum(i["counts"][0][1] + i["counts"][1][0] for i in run["images"])
        assert run["scores"]["iou square"] == pytest.approx(counts / union)
        assert run["curves"]["step"] == [1, 2] and len(run["curves"]["loss"]) == 2
        assert run["curves"]["iou square"][-1] == pytest.approx(run["scores"]["iou square"])
        assert (place / "out" / "plans" / f"{run['id']}.toml").exists()
    for stems in held_out.values():
        assert sorted(stems) == ["00", "01", "02", "03"], "each image is held out once"
    (comparison,) = results["comparisons"]
    assert labels[comparison["first"]] == "loss=dice" and labels[comparison["second"]] == "base"
    assert "square" in comparison["text"] and comparison["verdict"]
    rows = list(csv.DictReader((place / "out" / "results.csv").read_text().splitlines()))
    assert [row["loss"] for row in rows] == ["dice+cross_entropy", "dice"] * 2
    for name in labels:
        with Image.open(place / "out" / "predictions" / name / "02.png") as picture:
            assert picture.size == (32, 32) and picture.mode == "P"


def test_two_processes_share_the_work_and_do_no_cell_twice(place: Path) -> None:
    both = [start(place), start(place)]
    for process in both:
        finished(process)
    assert len(cells(place)) == 4
    workers = _workers(place / "out" / "claims.journal")
    done = [cell for found in workers.values() for cell in found]
    assert sorted(done) == sorted(set(done)), "a cell was claimed and run twice"
    assert set(done) == {name.removesuffix(".json") for name in cells(place)}
    more = place / "study.toml"
    more.write_text(STUDY.replace('"dice"]', '"dice", "cross_entropy"]'), encoding="utf-8")
    before = cells(place)
    results = run_study(StudyTask(more, place / "out"))
    after = cells(place)
    assert len(after) == 6 and {name: after[name] for name in before} == before
    assert len(results["configurations"]) == 3


def _workers(journal: Path) -> dict[int, list[str]]:
    """The cells that each process was at work on to the end, from the journal of Optuna."""
    claims, ended = [], {}
    for line in journal.read_text().splitlines():
        entry = json.loads(line)
        if entry["op_code"] == 4:  # a trial is created
            claims.append(entry["user_attrs"])
        if entry["op_code"] == 6:  # its state is set
            ended[entry["trial_id"]] = entry["state"]
    found: dict[int, list[str]] = {}
    for number, attrs in enumerate(claims):
        if ended.get(number) == 1:
            found.setdefault(attrs["worker"]["pid"], []).append(attrs["cell"])
    return found


def test_another_base_or_mask_is_refused_and_leaves_the_study_alone(place: Path) -> None:
    text = STUDY.replace('loss = ["dice+cross_entropy", "dice"]', 'loss = ["dice"]')
    (place / "study.toml").write_text(text.replace("folds = 2", "folds = 1"), encoding="utf-8")
    task = StudyTask(place / "study.toml", place / "out")
    run_study(task)
    before = cells(place)
    (place / "study.toml").write_text(text.replace("batch = 2", "batch = 4"), encoding="utf-8")
    with pytest.raises(OutputError, match="base: not as when the study began"):
        run_study(task)
    (place / "study.toml").write_text(text.replace("folds = 2", "folds = 1"), encoding="utf-8")
    masks = place / "squares" / "masks"
    (masks / "01.png").write_bytes((masks / "02.png").read_bytes())
    with pytest.raises(OutputError, match="masks: not as when the study began"):
        run_study(task)
    assert cells(place) == before


def test_a_model_to_start_from_is_held_against_random_weights(
    trained: Run, squares: Path, tmp_path: Path
) -> None:
    """The model has learnt these very images: it wins at once, and the study says why."""
    (tmp_path / "study.toml").write_text(
        f"""
name = "start"
folds = 2
steps = 1
[base]
encoder = "resnet18"
patch = 32
batch = 2
learning_rate = 1e-6
tta = "none"
[factors]
start = ["random", "{trained.folder}/"]
""",
        encoding="utf-8",
    )
    results = run_study(StudyTask(tmp_path / "study.toml", tmp_path / "out", data=squares))
    scores: dict[str, list[float]] = {}
    starts = {entry["id"]: entry["settings"]["start"] for entry in results["configurations"]}
    for run in results["runs"]:
        scores.setdefault(starts[run["configuration"]], []).append(run["scores"]["mean iou"])
    assert min(scores[f"{trained.folder}/"]) > 0.8 > max(scores["random"])
    assert any("learnt from by the model that this one started" in t for t in results["findings"])


def test_a_search_tries_choices_and_goes_on(place: Path) -> None:
    base = STUDY[STUDY.index("[base]") : STUDY.index("[factors]")]
    space = 'learning_rate = {low = 1e-4, high = 1e-2, log = true}\nloss = ["dice", "focal"]\n'
    (place / "space.toml").write_text(f"steps = 1\n{base}\n[space]\n{space}", encoding="utf-8")
    out = place / "out"
    for trials in ("1", "3"):
        command = ["tune", str(place / "squares"), "--space", str(place / "space.toml")]
        run = CliRunner().invoke(main, [*command, "-o", str(out), "--trials", trials, "--json"])
        assert run.exit_code == 0, run.output
        results = json.loads(run.stdout)
        assert len(results["runs"]) == len(results["configurations"]) == int(trials)
    assert results["configurations"][0]["label"] == "choice 0"
    rates = [entry["settings"]["learning_rate"] for entry in results["configurations"]]
    assert len(set(rates)) == 3 and all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert "flatters" in results["findings"][0]
    assert "learning_rate" in (out / "best.toml").read_text()
