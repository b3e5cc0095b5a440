"""How a study goes its way, with trainings that are made up."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from lab import Lab, outcome, statuses
from mapwright.errors import OutputError, SettingError
from mapwright.experiment.bench import Stop
from mapwright.experiment.conduct import StudyTask, run_study
from mapwright.experiment.design import Cell, Configuration
from mapwright.experiment.outcome import Outcome

pytest.importorskip("optuna")

STUDY = """
name = "losses"
data = "data"
metric = "accuracy"
folds = 3
steps = 2
[factors]
loss = ["dice+cross_entropy", "dice", "cross_entropy"]
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(tmp_path, monkeypatch, STUDY)


def test_every_cell_is_run_once_turn_by_turn(lab: Lab) -> None:
    results = lab.run()
    names = ["base", "loss=dice", "loss=cross_entropy"]
    assert lab.trained == [(name, 0, 0, fold) for fold in range(3) for name in names]
    assert statuses(results) == ["done"] * 9
    assert results["runs"][0]["scores"]["accuracy"] == 0.5
    lab.run()
    assert lab.trained == []


def test_more_seeds_and_repeats_run_only_what_is_new_on_the_same_divisions(lab: Lab) -> None:
    lab.run()
    before = json.loads((lab.folder / "out" / "splits.json").read_text())
    lab.write(STUDY.replace("folds = 3", "folds = 3\nseeds = [0, 1]\nrepeats = 2"))
    results = lab.run()
    assert len(lab.trained) == 27
    assert all(seed or repeat for _, seed, repeat, _ in lab.trained)
    assert len(results["runs"]) == 36
    splits = json.loads((lab.folder / "out" / "splits.json").read_text())
    assert splits[0] == before[0] and len(splits) == 2
    assert splits[0]["folds"] != splits[1]["folds"]
    lab.write(STUDY)
    assert len(lab.run()["runs"]) == 9 and lab.trained == []


def test_a_failing_cell_is_told_and_ends_nothing(lab: Lab) -> None:
    def act(configuration: Configuration, cell: Cell) -> Outcome:
        if configuration.label == "loss=dice" and cell.fold == 1:
            return outcome(cell, status="failed", counts={}, error="it broke\n  where: here")
        return outcome(cell)

    lab.act = act
    results = lab.run()
    assert statuses(results).count("failed") == 1 and statuses(results).count("done") == 8
    (failed,) = [run for run in results["runs"] if run["status"] == "failed"]
    assert failed["error"].startswith("it broke") and failed["scores"] == {}
    assert "1 of 9 trainings failed; the first: it broke" in results["findings"]
    lab.run()
    assert lab.trained == [], "a cell that failed is not run again unasked"
    lab.act = lambda configuration, cell: outcome(cell)
    assert statuses(lab.run(retry=True)) == ["done"] * 9
    assert lab.trained == [("loss=dice", 0, 0, 1)]


def test_a_configuration_that_is_surely_worse_is_given_up_for_good(lab: Lab) -> None:
    lab.write(STUDY.replace("folds = 3", "folds = 3\nseeds = [0, 1]"))

    def act(configuration: Configuration, cell: Cell) -> Outcome:
        right = {"base": 80, "loss=dice": 10, "loss=cross_entropy": 82}[configuration.label]
        return outcome(cell, right + cell.fold)

    lab.act = act
    results = lab.run()
    entry = next(e for e in results["configurations"] if e["label"] == "loss=dice")
    assert entry["dropped"]["after_cells"] == 3
    assert "below base over 3 trainings" in entry["dropped"]["why"]
    assert len(lab.trained) == 15
    assert statuses(results).count("dropped") == 3
    assert any("loss=dice: 3 trainings not begun: given up after 3" in t for t in results["cut"])
    lab.run()
    assert lab.trained == []
    lab.write(STUDY.replace("folds = 3", "folds = 3\nseeds = [0, 1]\ndrop = false"))
    lab.run()
    assert len(lab.trained) == 3, "without dropping, what was given up is run after all"


def test_another_rule_can_say_what_is_given_up(lab: Lab) -> None:
    task = StudyTask(lab.folder / "study.toml", lab.folder / "out")

    def rule(results: Any) -> dict[str, str]:
        assert all(list(r.counts) == [f"{r.cell.fold:02d}"] for r in results)
        return {results[0].cell.configuration: "why not"}

    results = run_study(task, drop=rule)
    assert results["configurations"][0]["dropped"] == {"after_cells": 1, "why": "why not"}
    assert len(lab.trained) == 7


def test_a_cell_that_would_not_fit_the_budget_is_not_begun(lab: Lab) -> None:
    results = lab.run(budget=45.0)
    assert len(lab.trained) == 4, "ten seconds each"
    assert statuses(results).count("cut") == 5
    assert any("trainings not begun: the budget of 45 s" in text for text in results["cut"])
    lab.run(budget=45.0)
    assert lab.trained == []
    assert statuses(lab.run(budget=1000.0)) == ["done"] * 9
    assert len(lab.trained) == 5


def test_the_budget_of_the_study_holds_without_an_option(lab: Lab) -> None:
    lab.write(STUDY.replace("steps = 2", 'steps = 2\nbudget = "25s"'))
    lab.run()
    assert len(lab.trained) == 2


def test_a_cell_that_the_budget_ended_is_run_again_when_there_is_time(lab: Lab) -> None:
    lab.act = lambda configuration, cell: outcome(cell, status="cut", counts={}, seconds=50.0)
    results = lab.run(budget=40.0)
    assert statuses(results)[0] == "cut"
    assert "base: 1 trainings ended by the budget of 40 s" in results["cut"]
    lab.act = lambda configuration, cell: outcome(cell)
    assert statuses(lab.run()) == ["done"] * 9
    assert lab.trained[0] == ("base", 0, 0, 0)


def test_an_interruption_leaves_results_and_no_claim(lab: Lab) -> None:
    def act(configuration: Configuration, cell: Cell) -> Outcome:
        if len(lab.trained) == 3:
            raise KeyboardInterrupt
        return outcome(cell)

    lab.act = act
    with pytest.raises(KeyboardInterrupt):
        lab.run()
    results = json.loads((lab.folder / "out" / "results.json").read_text())
    assert statuses(results).count("done") == 2
    lab.act = lambda configuration, cell: outcome(cell)
    lab.run()
    assert len(lab.trained) == 7


def test_the_table_has_a_line_for_each_run(lab: Lab) -> None:
    lab.run()
    rows = list(csv.DictReader((lab.folder / "out" / "results.csv").read_text().splitlines()))
    assert len(rows) == 9
    assert rows[1]["configuration"] == "loss=dice" and rows[1]["loss"] == "dice"
    assert rows[1]["accuracy"] == "0.5" and rows[1]["status"] == "done"


def test_comparisons_are_against_the_base(lab: Lab) -> None:
    lab.act = lambda configuration, cell: outcome(
        cell, (90 if configuration.label == "loss=dice" else 50) + cell.fold
    )
    results = lab.run()
    names = {entry["label"]: entry["id"] for entry in results["configurations"]}
    first = results["comparisons"][0]
    assert (first["first"], first["second"]) == (names["loss=dice"], names["base"])
    assert first["difference"] == pytest.approx(0.4) and first["verdict"] == "better"
    assert first["text"].startswith("loss=dice instead of base")
    assert results["comparisons"][1]["same"] is True


def test_nothing_is_written_when_the_study_is_wrong(lab: Lab) -> None:
    for text, message in (
        (STUDY.replace('"accuracy"', '"iou rof"'), "no metric 'iou rof'"),
        (STUDY.replace("folds = 3", "folds = 7"), "7 folds of 6"),
        (STUDY.replace("loss =", "lss ="), "no setting 'lss'"),
        (STUDY.replace('data = "data"', ""), "nothing says where the data are"),
        (STUDY + 'start = ["models/none.safetensors"]', "no such model"),
    ):
        lab.write(text)
        with pytest.raises(SettingError, match=message):
            lab.run()
        assert not (lab.folder / "out").exists()


def test_a_folder_that_holds_something_else_is_refused(lab: Lab) -> None:
    (lab.folder / "out").mkdir()
    (lab.folder / "out" / "thesis.doc").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        lab.run()


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("[factors]", "[base]\npatch = 64\n[factors]", "base"),
        ("folds = 3", "folds = 2", "folds"),
        ("steps = 2", "steps = 3", "base"),
        ("steps = 2", "seconds = 3", "base|seconds"),
    ],
)
def test_what_all_cells_share_can_not_change(lab: Lab, old: str, new: str, name: str) -> None:
    lab.run()
    lab.write(STUDY.replace(old, new))
    with pytest.raises(OutputError, match=f"({name}): not as when the study began"):
        lab.run()


def test_a_stop_says_what_becomes_of_the_cell() -> None:
    assert Stop("pruned").status == "pruned"


def test_an_outcome_survives_its_file_also_without_a_number() -> None:
    whole = outcome(Cell("c", 1, 2, 0), curves={"loss": [1.0, float("nan")]}, error="x")
    plain = json.loads(json.dumps(whole.plain(), allow_nan=False))
    again = Outcome.from_plain(plain)
    assert again.cell == whole.cell and again.curves["loss"][0] == 1.0
    assert again.curves["loss"][1] != again.curves["loss"][1]
    assert again.pooled.tolist() == whole.pooled.tolist()
