"""A study whose trainings are made up: what it does with what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import make_dataset
from mapwright.experiment.bench import Bench, Trained
from mapwright.experiment.conduct import StudyTask, run_study
from mapwright.experiment.design import Cell, Configuration
from mapwright.experiment.keys import KNOWN
from mapwright.experiment.outcome import Outcome

MACHINE = {"hardware": {"name": "a machine"}}

Act = Callable[[Configuration, Cell], Outcome]


def outcome(cell: Cell, right: int = 50, **changes: Any) -> Outcome:
    """One held-out image of 100 pixels, `right` of which are right."""
    counts = {f"{cell.fold:02d}": [[right // 2, 100 - right], [0, right - right // 2]]}
    values = {"status": "done", "settings": {}, "seconds": 10.0, "steps": 2, "counts": counts}
    return Outcome(cell=cell, environment=MACHINE, **{**values, **changes})


class Lab:
    """A study folder beside its data, and what was trained in it, in order."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, study: str) -> None:
        self.folder, self.trained = folder, []
        self.act: Act = lambda configuration, cell: outcome(cell)
        make_dataset(folder / "data", 6, 16)
        self.write(study)

        def train(bench: Bench, configuration: Configuration, cell: Cell, watch: Any) -> Trained:
            self.trained.append((configuration.label, *cell.turn))
            return Trained(self.act(configuration, cell))

        monkeypatch.setattr(Bench, "plan", lambda bench, settings: KNOWN)
        monkeypatch.setattr(Bench, "try_out", lambda bench, configurations: None)
        monkeypatch.setattr(Bench, "environment", MACHINE)
        monkeypatch.setattr(Bench, "train", train)

    def write(self, text: str) -> None:
        (self.folder / "study.toml").write_text(text, encoding="utf-8")

    def run(self, **options: Any) -> dict[str, Any]:
        self.trained = []
        task = StudyTask(self.folder / "study.toml", self.folder / "out", **options)
        return run_study(task)


def statuses(results: dict[str, Any]) -> list[str]:
    return [run["status"] for run in results["runs"]]
