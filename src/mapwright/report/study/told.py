"""What the page says in words, before any script runs: verdicts, what was cut, the machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from mapwright.report.study.differences import Axis, Row, row_of
from mapwright.report.study.payload import all_configurations
from mapwright.report.study.plain import listed, rows_of, words

_DIGITS = 4


def verdicts(results: Mapping[str, Any], axis: Axis) -> list[Row]:
    """The comparisons in the order of the study, each about the one judged and the other one."""
    labels = {entry["id"]: entry["label"] for entry in all_configurations(results)}
    return [_verdict(entry, labels, axis) for entry in listed(results, "comparisons")]


def counted(results: Mapping[str, Any]) -> str:
    """`12 runs: 10 done, 1 failed, 1 cut`."""
    statuses = Counter(words(run.get("status")) for run in listed(results, "runs"))
    total = statuses.total()
    parts = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    return f"{total} run{'' if total == 1 else 's'}" + (f": {parts}" if parts else "")


def dropped(results: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Configurations that were given up: label, after how many cells, why."""
    return [
        (entry["label"], words(why.get("after_cells", "–")), words(why.get("why") or "–"))
        for entry in all_configurations(results)
        if (why := entry["dropped"])
    ]


def unfinished(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """Runs that are not done, with the reason that was recorded."""
    entries = {entry["id"]: entry for entry in all_configurations(results)}
    return [
        {
            "id": words(run.get("id")),
            "configuration": entries[words(run.get("configuration"))]["label"],
            "seed": words(run.get("seed")),
            "repeat": words(run.get("repeat")),
            "fold": words(run.get("fold")),
            "status": words(run.get("status")),
            "why": _reason(run, entries[words(run.get("configuration"))]["dropped"]),
        }
        for run in listed(results, "runs")
        if run.get("status") != "done"
    ]


def environment(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Machine and versions as rows of a table."""
    return rows_of(results.get("environment") or {})


def _reason(run: Mapping[str, Any], why: Mapping[str, Any] | None) -> str:
    if run.get("error"):
        return words(run["error"])
    if run.get("status") in {"dropped", "pruned"} and why and why.get("why"):
        return words(why["why"])
    return "no reason was recorded"


def _verdict(entry: Mapping[str, Any], labels: Mapping[str, str], axis: Axis) -> Row:
    first, second = (words(entry.get(key, "–")) for key in ("first", "second"))
    about, text = (labels.get(first, first), labels.get(second, second)), entry.get("text") or ""
    return row_of(about, entry, axis, digits=_DIGITS, text=words(text))
