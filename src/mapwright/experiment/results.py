"""What a study found, as plain data and as a table of one line for each training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mapwright.data.blocks import parse_name
from mapwright.data.dataset import Dataset
from mapwright.experiment.design import Cell, Configuration, Factor
from mapwright.experiment.ground import Optimism
from mapwright.experiment.measure import measure_named, measures
from mapwright.experiment.outcome import Outcome
from mapwright.experiment.store import Dropped
from mapwright.io.files import write_csv, write_json
from mapwright.metrics.ranking import SURELY_WORSE
from mapwright.metrics.undefined import without_nan
from mapwright.types import Counts

RESULTS, TABLE = "results.json", "results.csv"

Compare = Callable[[Mapping[str, Any]], tuple[list[dict[str, Any]], list[str]]]
"""Takes the results so far; gives comparisons as plain data, and findings in words."""


@dataclass(frozen=True)
class Account:
    """Everything that results are made from.

    Args:
        name: Of the study.
        question: What it is to find out.
        metric: The score that configurations are compared by.
        dataset: The data.
        factors: What configurations differ in.
        configurations: The ways to train; the first is what others are held against.
        cells: All cells of the study, in order.
        outcomes: What those left behind that were run, by id.
        dropped: The configurations that were given up, by id.
        busy: Cells that other processes are at work on.
        budget: Seconds that all cells together may take.
        environment: What this process ran on.
        findings: What else is to be said.
        optimism: Of a study of splits, how the data were divided.
    """

    name: str
    question: str
    metric: str
    dataset: Dataset
    factors: Sequence[Factor]
    configurations: Sequence[Configuration]
    cells: Sequence[Cell]
    outcomes: Mapping[str, Outcome]
    dropped: Mapping[str, Dropped]
    busy: frozenset[str]
    budget: float | None
    environment: Mapping[str, Any]
    findings: Sequence[str] = ()
    optimism: Optimism | None = None


def results_of(account: Account, compare: Compare | None = None) -> dict[str, Any]:
    """What a study found, as JSON-able built-in types.

    Args:
        account: The study.
        compare: Says which differences are real.
    """
    spec = account.dataset.spec
    machines = {o.environment["hardware"]["name"] for o in account.outcomes.values()}
    plain: dict[str, Any] = {
        "name": account.name,
        "question": account.question,
        "metric": account.metric,
        "dataset": {
            "name": spec.name,
            "images": [item.stem for item in account.dataset.labelled],
            "classes": [{"name": c.name, "color": c.color} for c in spec.classes],
        },
        "factors": [factor.plain() for factor in account.factors],
        "configurations": [_configuration(entry, account) for entry in account.configurations],
        "runs": [run for cell in account.cells if (run := _run(cell, account))],
        "comparisons": [],
        "findings": [*account.findings, *_failures(account), *_notes(account)],
        "cut": _cut(account),
        "environment": {**account.environment, "machines": sorted(machines)},
    }
    if compare:
        comparisons, findings = compare(plain)
        plain["comparisons"] = comparisons
        plain["findings"] = [*findings, *_worse(account), *plain["findings"]]
    clean: dict[str, Any] = without_nan(plain)
    return clean


def write_results(folder: Path, results: Mapping[str, Any]) -> list[Path]:
    """Write `results.json` and `results.csv`, one line for each training."""
    write_json(folder / RESULTS, results)
    rows = table_rows(results)
    if rows:
        write_csv(folder / TABLE, rows)
    return [folder / RESULTS, *([folder / TABLE] if rows else [])]


def table_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row for each training: its configuration, what it took, and its scores."""
    configurations = {entry["id"]: entry for entry in results["configurations"]}
    factors = [entry["name"] for entry in results["factors"]]
    scores = list(dict.fromkeys(name for run in results["runs"] for name in run["scores"]))
    return [
        {
            "run": run["id"],
            "configuration": configurations[run["configuration"]]["label"],
            **{n: configurations[run["configuration"]]["settings"].get(n) for n in factors},
            **{key: run[key] for key in ("seed", "repeat", "fold", "status", "seconds", "steps")},
            **{name: run["scores"].get(name) for name in scores},
            "error": (run["error"] or "").split("\n")[0],
        }
        for run in results["runs"]
    ]


def _configuration(entry: Configuration, account: Account) -> dict[str, Any]:
    dropped = account.dropped.get(entry.id)
    return {
        "id": entry.id,
        "label": entry.label,
        "settings": dict(entry.levels),
        "dropped": dropped and {"after_cells": dropped.after_cells, "why": dropped.why},
    }


def _run(cell: Cell, account: Account) -> dict[str, Any] | None:
    """A cell as a run, without content where it was never begun; None while it is at work."""
    outcome = account.outcomes.get(cell.id)
    if outcome is None and cell.id in account.busy:
        return None
    missing = "dropped" if cell.configuration in account.dropped else "cut"
    names = account.dataset.spec.class_names
    score = measure_named(account.metric, names)
    images = outcome.images if outcome else {}
    if account.optimism:  # thousands of tiles are too many to be looked at
        images = _by_scene(images)
    return {
        "id": cell.id,
        **vars(cell),
        "status": outcome.status if outcome else missing,
        "seconds": outcome.seconds if outcome else 0.0,
        "steps": outcome.steps if outcome else 0,
        "scores": _scores(outcome, names) if outcome and images else {},
        "images": [
            {"stem": stem, "score": score(counts), "counts": counts.tolist()}
            for stem, counts in images.items()
        ],
        "curves": dict(outcome.curves) if outcome else {},
        "error": outcome.error if outcome else None,
    }


def _scores(outcome: Outcome, names: Sequence[str]) -> dict[str, float]:
    """All scores of a training; in a study of splits also those on ground apart."""
    scores = {name: score(outcome.pooled) for name, score in measures(names).items()}
    if outcome.apart:
        apart = np.sum([np.array(rows, np.int64) for rows in outcome.apart.values()], axis=0)
        scores |= {f"{name}, apart": score(apart) for name, score in measures(names).items()}
    return scores


def _by_scene(images: Mapping[str, Counts]) -> dict[str, Counts]:
    """Counts of parts of scenes, added up."""
    found: dict[str, Counts] = {}
    for name, counts in images.items():
        scene = parse_name(name)[0]
        found[scene] = found[scene] + counts if scene in found else counts
    return found


def _failures(account: Account) -> list[str]:
    run = [o for cell in account.cells if (o := account.outcomes.get(cell.id))]
    failed = [outcome for outcome in run if outcome.error]
    if not failed:
        return []
    of, first = len(account.cells), failed[0].error_line
    texts = [f"{len(failed)} of {of} trainings failed; the first: {first}"]
    known = {outcome.cell.configuration for outcome in run if outcome.status != "failed"}
    lost = {outcome.cell.configuration for outcome in failed} - known
    names = [entry.label for entry in account.configurations if entry.id in lost]
    if names:
        those = ", ".join(names)
        texts.append(f"every training of {those} that was run failed: there is nothing to compare")
    return texts


def _notes(account: Account) -> list[str]:
    labels = {entry.id: entry.label for entry in account.configurations}
    found = [
        (labels[o.cell.configuration], o.note)
        for c in account.cells
        if (o := account.outcomes.get(c.id)) and o.note
    ]
    return [f"{label}: {note}" for label, note in dict(reversed(found)).items()]


def _worse(account: Account) -> list[str]:
    """Which configurations were given up for their scores, and not to save time."""
    given_up = {name for name, dropped in account.dropped.items() if SURELY_WORSE in dropped.why}
    labels = [entry.label for entry in account.configurations if entry.id in given_up]
    return [f"{SURELY_WORSE} than the best, and given up: {', '.join(labels)}"] if labels else []


def _cut(account: Account) -> list[str]:
    """What was not run and why."""
    labels = {entry.id: entry.label for entry in account.configurations}
    texts, unbegun, ended = [], Counter[str](), Counter[str]()
    for cell in account.cells:
        outcome = account.outcomes.get(cell.id)
        if outcome is not None:
            ended[cell.configuration] += outcome.status == "cut"
        elif cell.id not in account.busy:
            unbegun[cell.configuration] += 1
    budget = f"the budget of {account.budget:.0f} s" if account.budget else "an interruption"
    for name, count in unbegun.items():
        dropped = account.dropped.get(name)
        why = f"given up after {dropped.after_cells}, {dropped.why}" if dropped else budget
        texts.append(f"{labels[name]}: {count} trainings not begun: {why}")
    texts += [f"{labels[n]}: {k} trainings ended by {budget}" for n, k in ended.items() if k]
    waiting = sum(
        cell.id in account.busy and cell.id not in account.outcomes for cell in account.cells
    )
    return [*texts, *([f"{waiting} trainings are at work in other processes"] if waiting else [])]
