"""Rungs: few trainings of all configurations first, then more of those that go on."""

import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab import Lab, outcome, statuses
from mapwright.errors import SettingError
from mapwright.experiment.bench import Bench, Measured
from mapwright.experiment.conduct import StudyTask
from mapwright.experiment.design import Cell, Configuration
from mapwright.experiment.forecast import forecast_study
from mapwright.experiment.outcome import Outcome
from mapwright.experiment.screening import Rung, left_behind, rung_of
from mapwright.experiment.tables import forecast_table, study_table
from mapwright.metrics.ranking import Place, Ranking
from mapwright.plan import Plan
from mapwright.training.fit import Speed

pytest.importorskip("optuna")

STUDY = """
name = "rates"
data = "data"
metric = "accuracy"
seeds = [0, 7]
folds = 3
steps = 20
[factors]
learning_rate = [1e-3, 1e-2, 1e-4, 1e-5, 3e-3]
[[rungs]]
folds = 2
keep = 3
"""
RIGHT = {
    "base": 50,
    "learning_rate=0.01": 56,
    "learning_rate=0.0001": 52,
    "learning_rate=1e-05": 10,
    "learning_rate=0.003": 51,
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(tmp_path, monkeypatch, STUDY)
    made.act = lambda configuration, cell: outcome(
        cell, RIGHT[configuration.label] + cell.fold + cell.seed % 2
    )
    return made


def dropped(results: dict[str, Any]) -> dict[str, str]:
    return {e["label"]: e["dropped"]["why"] for e in results["configurations"] if e["dropped"]}


def failing(lab: Lab, *labels: str) -> None:
    """From now on every training of these configurations fails."""
    act = lab.act

    def broken(configuration: Configuration, cell: Cell) -> Outcome:
        if configuration.label in labels:
            error = f"it broke on fold {cell.fold}\n  where: here"
            return outcome(cell, status="failed", counts={}, error=error)
        return act(configuration, cell)

    lab.act = broken


def said(table: Any) -> str:
    """What a terminal shows."""
    told = io.StringIO()
    Console(width=200, file=told).print(table)
    return told.getvalue()


def test_all_are_trained_a_little_and_the_best_go_on_with_the_base(lab: Lab) -> None:
    results = lab.run()
    first, rest = lab.trained[:10], lab.trained[10:]
    assert {label for label, *_ in first} == set(RIGHT)
    assert all(seed == 0 and fold < 2 for _, seed, _, fold in first)
    assert {label for label, *_ in rest} == {"base", "learning_rate=0.01", "learning_rate=0.0001"}
    assert len(rest) == 3 * 4, "the other fold, and three of the other seed"
    assert set(dropped(results)) == {"learning_rate=1e-05", "learning_rate=0.003"}
    assert "surely worse" in dropped(results)["learning_rate=1e-05"]
    assert "surely worse than the best, and given up: learning_rate=1e-05" in results["findings"]
    why = dropped(results)["learning_rate=0.003"]
    assert why.startswith("place 3 of 5, 0.050 accuracy behind learning_rate=0.01; 3 go on.")
    assert "not shown" in why
    assert any("given up after 2, place 3 of 5" in text for text in results["cut"])
    assert statuses(results).count("dropped") == 8


def test_an_interrupted_study_comes_to_the_same_end(lab: Lab) -> None:
    act = lab.act

    def dying(configuration: Configuration, cell: Cell) -> Outcome:
        if len(lab.trained) == 12:  # in the second stage
            raise KeyboardInterrupt
        return act(configuration, cell)

    lab.act = dying
    with pytest.raises(KeyboardInterrupt):
        lab.run()
    lab.act = act
    results = lab.run()
    assert len(lab.trained) == 22 - 11
    assert len(dropped(results)) == 2 and statuses(results).count("done") == 22
    lab.run()
    assert lab.trained == []


def test_a_new_value_goes_through_the_first_rung_too(lab: Lab) -> None:
    lab.run()
    RIGHT["learning_rate=0.03"] = 57
    lab.write(STUDY.replace("3e-3]", "3e-3, 3e-2]"))
    results = lab.run()
    del RIGHT["learning_rate=0.03"]
    new = [label for label, *_ in lab.trained]
    assert new[:2] == ["learning_rate=0.03"] * 2 and new.count("learning_rate=0.03") == 6
    assert "learning_rate=0.0001" in dropped(results), "three go on, and two did better"


def test_what_only_fails_takes_no_place_in_the_next_rung(lab: Lab) -> None:
    failing(lab, "learning_rate=0.01")
    results = lab.run()
    assert statuses(results).count("done") == 8 + 3 * 4
    assert [cell[0] for cell in lab.trained].count("learning_rate=0.01") == 2
    assert statuses(results).count("failed") == 2
    entry = next(e for e in results["configurations"] if e["label"] == "learning_rate=0.01")
    assert entry["dropped"]["after_cells"] == 2
    assert entry["dropped"]["why"] == "every training failed, the first with: it broke on fold 0"
    lab.run()
    assert lab.trained == []


def test_that_every_training_failed_is_told_on_the_page_and_in_the_terminal(lab: Lab) -> None:
    failing(lab, "learning_rate=0.01", "learning_rate=1e-05")
    results = lab.run()
    page = (lab.folder / "out" / "study.html").read_text(encoding="utf-8")
    terminal = said(study_table(results))
    for told in (
        "every training of learning_rate=0.01, learning_rate=1e-05 that was run failed: there is "
        "nothing to compare",
        "learning_rate=0.01: 4 trainings not begun: given up after 2, every training failed, the "
        "first with: it broke on fold 0",
    ):
        assert told in page and told in " ".join(terminal.split())
    assert "learning_rate=0.01 (given up)" in terminal and "0/6" in terminal


def test_a_base_that_only_fails_goes_too_and_leaves_its_place_to_another(lab: Lab) -> None:
    failing(lab, "base")
    results = lab.run()
    assert [cell[0] for cell in lab.trained].count("base") == 2
    goes_on = {"learning_rate=0.01", "learning_rate=0.0001", "learning_rate=0.003"}
    assert {label for label, seed, *_ in lab.trained if seed == 7} == goes_on
    labels = {entry["id"]: entry["label"] for entry in results["configurations"]}
    against = {labels[entry["second"]] for entry in results["comparisons"]}
    assert against == {"learning_rate=0.01"}, "the first that has a score"


def test_a_study_in_which_everything_fails_ends_with_a_page_that_says_so(lab: Lab) -> None:
    failing(lab, *RIGHT)
    results = lab.run()
    assert len(lab.trained) == 10, "the first rung and no more"
    assert set(dropped(results)) == set(RIGHT)
    assert results["comparisons"] == [] and not (lab.folder / "out" / "best.toml").exists()
    page = (lab.folder / "out" / "study.html").read_text(encoding="utf-8")
    assert "10 of 30 trainings failed; the first: it broke on fold 0" in page
    assert page.count("every training failed, the first with: it broke on fold 0") >= 5
    assert "0/6" in said(study_table(results))


def test_only_one_that_does_not_fail_goes_on_alone(lab: Lab) -> None:
    failing(lab, *(label for label in RIGHT if label != "learning_rate=0.01"))
    results = lab.run()
    assert statuses(results).count("done") == 6 and len(dropped(results)) == 4
    text = (lab.folder / "out" / "best.toml").read_text()
    assert tomllib.loads(text)["learning_rate"] == 0.01


def test_what_failed_once_in_a_rung_is_judged_by_the_rest(lab: Lab) -> None:
    act = lab.act

    def stumbling(configuration: Configuration, cell: Cell) -> Outcome:
        if configuration.label == "learning_rate=0.01" and cell.fold == 0 and cell.seed == 0:
            return outcome(cell, status="failed", counts={}, error="it broke")
        return act(configuration, cell)

    lab.act = stumbling
    results = lab.run()
    assert "learning_rate=0.01" not in dropped(results)
    assert [cell[0] for cell in lab.trained].count("learning_rate=0.01") == 6
    assert not any("nothing to compare" in text for text in results["findings"])


def test_what_failed_is_tried_again_when_asked_and_may_go_on_then(lab: Lab) -> None:
    act = lab.act
    failing(lab, "learning_rate=0.01")
    lab.run()
    failing_again = lab.run(retry=True)
    assert lab.trained == [("learning_rate=0.01", 0, 0, 0), ("learning_rate=0.01", 0, 0, 1)]
    assert "learning_rate=0.01" in dropped(failing_again)
    lab.act = act
    results = lab.run(retry=True)
    assert "learning_rate=0.01" not in dropped(results)
    assert [cell[0] for cell in lab.trained] == ["learning_rate=0.01"] * 6


def test_a_budget_that_ends_in_the_first_rung_drops_nothing(lab: Lab) -> None:
    results = lab.run(budget=45.0)
    assert len(lab.trained) == 4 and not dropped(results)
    results = lab.run(budget=1000.0)
    assert len(dropped(results)) == 2


def test_the_best_settings_are_left_for_the_final_training(lab: Lab) -> None:
    lab.run()
    text = (lab.folder / "out" / "best.toml").read_text()
    assert tomllib.loads(text)["learning_rate"] == 0.01
    assert "its score here flatters" in text and text.startswith("# learning_rate=0.01 has the")


@pytest.mark.parametrize(
    ("rungs", "message"),
    [
        ("[[rungs]]\nfolds = 3\nseeds = 2\nkeep = 3", "rungs must grow"),
        ("[[rungs]]\nfolds = 2\nkeep = 3\n[[rungs]]\nfolds = 1\nkeep = 2", "rungs must grow"),
        ("[[rungs]]\nfolds = 4\nkeep = 3", "rungs must grow"),
        ("[[rungs]]\nfolds = 2\nkeep = 1", "keep"),
    ],
)
def test_rungs_that_do_not_grow_are_refused(lab: Lab, rungs: str, message: str) -> None:
    lab.write(STUDY[: STUDY.index("[[rungs]]")] + rungs)
    with pytest.raises(SettingError, match=message):
        lab.run()
    lab.write(STUDY.replace("folds = 3", "folds = 3\ndrop = false"))
    with pytest.raises(SettingError, match="drop is false"):
        lab.run()


def test_cells_belong_to_the_first_rung_that_holds_them() -> None:
    rungs = (Rung(seeds=1, folds=2, keep=3), Rung(seeds=2, folds=2, keep=2))
    cells = [(5, 0), (5, 2), (9, 1), (9, 2), (1, 0)]
    found = [rung_of(Cell("c", seed, 0, fold), rungs, (5, 9, 1)) for seed, fold in cells]
    assert found == [0, 2, 1, 2, 2]


def test_what_is_surely_worse_goes_even_where_there_is_room_and_the_base_never() -> None:
    places = [Place(name, -0.1 * k, 0.001, "a", 0.1) for k, name in enumerate("abcd")]
    ranking = Ranking("IoU", tuple(places), ("a", "b"))
    found = left_behind(ranking, 4, "d")
    assert set(found) == {"c"} and "surely worse" in found["c"]
    assert set(left_behind(ranking, 2, "d")) == {"b", "c"}
    assert left_behind(ranking, 4, "d", gone=["c"]) == {}


def test_one_that_always_goes_on_takes_no_place_where_it_has_no_score() -> None:
    places = [Place(name, -0.1 * k, 1.0, "a", 0.1) for k, name in enumerate("abc")]
    ranking = Ranking("IoU", tuple(places), tuple("abc"))
    found = left_behind(ranking, 2, "base")
    assert set(found) == {"c"} and "; 2 go on." in found["c"]


# --- how long it will take ------------------------------------------------------------------------


@pytest.fixture
def measured(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Steps take longer the smaller the learning rate; a look takes half a second, a score one."""

    def speed(bench: Bench, configuration: Configuration, seconds: float) -> Measured:
        rate = configuration.settings.get("learning_rate", 1e-3)
        plan = Plan(steps=20, validate_every=10, tta="none", learning_rate=rate)
        return Measured(plan, Speed(step=1e-3 / rate, pixel=1e-3), look=500, scored=1000)

    monkeypatch.setattr(Bench, "speed", speed)
    return lab


def test_a_forecast_adds_up_what_every_stage_can_take(measured: Lab) -> None:
    task = StudyTask(measured.folder / "study.toml", measured.folder / "out")
    found = forecast_study(task)
    assert not (measured.folder / "out").exists(), "nothing is written"
    seconds = {pace.label: pace.seconds for pace in found.paces}
    assert seconds["base"] == 20 + 2 * 0.5 + 1 + 0.5  # steps, looks, the score, the rest
    first, last = found.stages
    assert first.trainings == 10 and first.goes_on == 5
    assert first.least == first.most == pytest.approx(2 * sum(seconds.values()), abs=0.1)
    others = sorted(value for name, value in seconds.items() if name != "base")
    assert last.trainings == 12 and last.goes_on == 3
    assert last.least == pytest.approx(4 * (seconds["base"] + sum(others[:2])), abs=0.1)
    assert last.most == pytest.approx(4 * (seconds["base"] + sum(others[2:])), abs=0.1)
    assert len(found.cells) == 30 and json.dumps(found.plain())
    assert found.most == pytest.approx(first.most + last.most)


def test_a_forecast_leaves_out_what_only_failed(measured: Lab) -> None:
    failing(measured, "learning_rate=0.01")
    measured.run()
    measured.write(STUDY.replace("[0, 7]", "[0, 7, 8]"))
    found = forecast_study(StudyTask(measured.folder / "study.toml", measured.folder / "out"))
    assert "learning_rate=0.01" not in {cell["label"] for cell in found.cells}
    assert len(found.cells) == 9


def test_a_forecast_counts_only_what_is_left(measured: Lab) -> None:
    measured.run()
    task = StudyTask(measured.folder / "study.toml", measured.folder / "out", budget=600.0)
    found = forecast_study(task)
    assert found.cells == () and found.most == 0
    measured.write(STUDY.replace("[0, 7]", "[0, 7, 8]"))
    found = forecast_study(task)
    assert len(found.cells) == 9 and {cell["seed"] for cell in found.cells} == {8}
    shown = said(forecast_table(found))
    assert "all: 9 trainings of 3 configurations" in shown
    assert "fits into the budget of 10 minutes" in shown or "may not fit" in shown
