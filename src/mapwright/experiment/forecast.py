"""How long a study will take, from the measured speed of each of its configurations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mapwright.experiment.conduct import Opened, StudyTask, open_study
from mapwright.experiment.design import Cell, Configuration, order_cells
from mapwright.experiment.screening import all_failed, rung_of
from mapwright.progress import progress_bar

PROBE = 5.0
"""Seconds to measure a configuration."""

_APART = 0.5  # seconds of a cell beside its steps and predictions: building, writing


@dataclass(frozen=True)
class Pace:
    """What a training of a configuration will take.

    Args:
        configuration: Which, by id.
        label: What it is called.
        steps: Of a training; 0 where its time is set instead.
        step: Seconds of a step; 0 likewise.
        seconds: Of a training, with its validations.
    """

    configuration: str
    label: str
    steps: int
    step: float
    seconds: float


@dataclass(frozen=True)
class Stage:
    """A rung of a study, or what comes after the last.

    Args:
        trainings: How many are left; more than will be run where it is open who goes on.
        goes_on: Configurations that it trains at most.
        least: Seconds of all of it if the fastest go on.
        most: The same if the slowest do.
    """

    trainings: int
    goes_on: int
    least: float
    most: float


@dataclass(frozen=True)
class Forecast:
    """What a study will take.

    Args:
        paces: One for each configuration.
        stages: One for each rung, and one for the rest.
        cells: Every training that is left, with its `stage` and its `seconds`.
        budget: Seconds that all of it may take; None = as long as it takes.
    """

    paces: tuple[Pace, ...]
    stages: tuple[Stage, ...]
    cells: tuple[dict[str, Any], ...]
    budget: float | None

    @property
    def least(self) -> float:
        """Seconds of all of it at least."""
        return sum(stage.least for stage in self.stages)

    @property
    def most(self) -> float:
        """Seconds of all of it at most."""
        return sum(stage.most for stage in self.stages)

    def plain(self) -> dict[str, Any]:
        """The forecast as JSON-able built-in types."""
        return {
            "paces": [vars(pace) for pace in self.paces],
            "stages": [vars(stage) for stage in self.stages],
            "cells": list(self.cells),
            "seconds": [self.least, self.most],
            "budget": self.budget,
        }


def forecast_study(task: StudyTask, probe: float = PROBE) -> Forecast:
    """Predict what is left of a study; nothing is written.

    Args:
        task: The study.
        probe: Seconds to measure a configuration.

    Raises:
        MapwrightError: Something about the study, the data or the folder is wrong.
    """
    opened = open_study(task)
    paces: dict[str, Pace] = {}
    entries = opened.layout.configurations
    with progress_bar("measure", len(entries), "configurations") as progress:
        for entry in entries:
            paces[entry.id] = _pace(opened, entry, probe)
            progress.advance()
    cells = _left(opened)
    budget = task.budget or opened.spec.budget_seconds
    return Forecast(
        tuple(paces.values()), _stages(opened, cells, paces), _told(opened, cells, paces), budget
    )


def _pace(opened: Opened, entry: Configuration, probe: float) -> Pace:
    if opened.spec.seconds:
        return Pace(entry.id, entry.label, 0, 0.0, opened.spec.seconds)
    measured = opened.bench.speed(entry, probe)
    steps, step = measured.plan.steps, round(measured.speed.step, 4)
    return Pace(entry.id, entry.label, steps, step, round(measured.seconds + _APART, 2))


def _left(opened: Opened) -> list[Cell]:
    spec, outcomes = opened.spec, opened.store.outcomes()
    cells = order_cells(opened.layout.configurations, spec.seeds, spec.repeats, spec.folds)
    dropped = opened.store.dropped(spec.metric).keys() if spec.drops else set()
    dropped |= all_failed(cells, outcomes, spec.rungs, spec.seeds).keys()
    return [
        cell
        for cell in cells
        if cell.configuration not in dropped
        and (cell.id not in outcomes or outcomes[cell.id].status == "cut")
    ]


def _stages(opened: Opened, cells: Sequence[Cell], paces: Mapping[str, Pace]) -> tuple[Stage, ...]:
    spec = opened.spec
    always = opened.layout.configurations[0].id
    keeps = [len(paces), *(rung.keep for rung in spec.rungs)]
    stages = []
    for number in range(len(spec.rungs) + 1):
        own = [cell for cell in cells if rung_of(cell, spec.rungs, spec.seeds) == number]
        costs: dict[str, float] = {}
        for cell in own:
            costs[cell.configuration] = (
                costs.get(cell.configuration, 0.0) + paces[cell.configuration].seconds
            )
        most = min(keeps[: number + 1])
        others = sorted(seconds for name, seconds in costs.items() if name != always)
        first = costs.get(always, 0.0)
        goes = max(most - 1, 0)
        stages.append(
            Stage(
                trainings=len(own) * min(most, len(costs)) // max(len(costs), 1),
                goes_on=min(most, len(costs)),
                least=round(first + sum(others[:goes]), 1),
                most=round(first + sum(others[::-1][:goes]), 1),
            )
        )
    return tuple(stages)


def _told(
    opened: Opened, cells: Sequence[Cell], paces: Mapping[str, Pace]
) -> tuple[dict[str, Any], ...]:
    spec = opened.spec
    return tuple(
        {
            "id": cell.id,
            "label": paces[cell.configuration].label,
            **vars(cell),
            "stage": rung_of(cell, spec.rungs, spec.seeds),
            "seconds": paces[cell.configuration].seconds,
        }
        for cell in cells
    )
