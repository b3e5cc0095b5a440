"""The results of a study as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mapwright.experiment.forecast import Forecast


def forecast_table(forecast: Forecast) -> RenderableType:
    """What a study will take: a line for each configuration, and one for each stage."""
    table = Table(title="A training of each, as measured", title_justify="left")
    table.add_column("configuration", style="bold")
    for name in ("steps", "s a step", "s a training"):
        table.add_column(name, justify="right")
    for pace in forecast.paces:
        steps, step = (f"{pace.steps}", f"{pace.step:.2f}") if pace.steps else ("", "")
        table.add_row(escape(pace.label), steps, step, f"{pace.seconds:.0f}")
    lines = [
        f"{_stage(number, len(forecast.stages))}: {stage.trainings} trainings of "
        f"{stage.goes_on} configurations, {_minutes(stage.least, stage.most)}"
        for number, stage in enumerate(forecast.stages)
        if stage.trainings
    ]
    lines.append(f"in all {_minutes(forecast.least, forecast.most)}")
    if forecast.budget:
        fits = "fits" if forecast.most <= forecast.budget else "may not fit"
        lines[-1] += f": {fits} into the budget of {forecast.budget / 60:.0f} minutes"
    return Group(table, *map(Text, lines))


def _stage(number: int, stages: int) -> str:
    return f"rung {number + 1}" if number + 1 < stages else "all"


def _minutes(least: float, most: float) -> str:
    low, high = f"{least / 60:.1f}", f"{most / 60:.1f}"
    return f"{high} minutes" if low == high else f"{low} to {high} minutes"


def study_table(results: Mapping[str, Any]) -> RenderableType:
    """One row for each configuration; which differences are more than chance it does not say."""
    metric = results["metric"]
    table = Table(title=f"{results['name']}: {metric}", title_justify="left")
    table.add_column("configuration", style="bold")
    for name in ("trainings", "average", "lowest", "highest", "seconds each"):
        table.add_column(name, justify="right")
    for entry in results["configurations"]:
        runs = [run for run in results["runs"] if run["configuration"] == entry["id"]]
        done = [run for run in runs if run["status"] == "done"]
        scores = [s for run in done if (s := run["scores"].get(metric)) is not None]
        cells = (
            [f"{value:.3f}" for value in (np.mean(scores), min(scores), max(scores))]
            if scores
            else ["", "", ""]
        )
        seconds = f"{np.mean([run['seconds'] for run in done]):.0f}" if done else ""
        given_up = " (given up)" if entry["dropped"] else ""
        table.add_row(
            escape(entry["label"]) + given_up, f"{len(done)}/{len(runs)}", *cells, seconds
        )
    texts = [Text(text) for text in (*results["findings"], *results["cut"])]
    return Group(table, *texts)
