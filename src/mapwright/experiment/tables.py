"""The results of a study as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text


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
