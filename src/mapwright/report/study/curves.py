"""The logs of all runs, small: each grid of steps once, no more digits or rows than can be seen."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mapwright.report.study.plain import listed, number

MOST_VALUES = 600_000
"""Numbers of all logs together; longer logs are thinned."""

_DIGITS = 4
_AXES = ("step", "epoch")  # the first that a log has is its horizontal axis
_NO_METRIC = {*_AXES, "fold", "seed", "repeat", "seconds"}
_LEARNT = {"loss", "rate", "learning_rate"}  # columns that speak of training without saying so
_PARTS = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}


def curves_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Curves by column of the log.

    Args:
        runs: As `results.json` has them.

    Returns:
        `columns`: name, metric and part (training or validation) of each; `grids`: lists of
        steps; `axis`: what the steps are; `stride`: each how-many-th row is kept; `runs`: per run
        null or [its grid, values of each column or null, ...].
    """
    logs = [run.get("curves") or {} for run in runs]
    names = list(dict.fromkeys(key for log in logs for key in log if key not in _NO_METRIC))
    values = sum(len(log[name] or ()) for log in logs for name in names if name in log)
    stride = max(1, math.ceil(values / MOST_VALUES))
    grids: dict[tuple[Any, ...], int] = {}
    return {
        "columns": [_column(name, names) for name in names],
        "axis": next((axis for axis in _AXES if any(log.get(axis) for log in logs)), "row"),
        "stride": stride,
        "runs": [_packed(log, names, stride, grids) for log in logs],
        "grids": [list(grid) for grid in grids],
    }


def _packed(
    log: Mapping[str, Any], names: Sequence[str], stride: int, grids: dict[tuple[Any, ...], int]
) -> list[Any] | None:
    columns = [listed(log, name) for name in names]
    length = max(map(len, columns), default=0)
    if not length:
        return None
    kept = range(length)[::-stride][::-1]  # the last row is always among them
    axis = next((log[axis] for axis in _AXES if log.get(axis)), range(length))
    steps = tuple(number(axis[row], 9) if row < len(axis) else None for row in kept)
    grid = grids.setdefault(steps, len(grids))
    return [grid, *(_thinned(column, kept) for column in columns)]


def _thinned(column: Sequence[Any], kept: Sequence[int]) -> list[float | int | None] | None:
    values = [number(column[row], _DIGITS) if row < len(column) else None for row in kept]
    return values if any(value is not None for value in values) else None


def _column(name: str, names: Sequence[str]) -> dict[str, str]:
    """What a column of a log measures, and on which images."""
    metric, part = _split(name)
    if part is None:
        paired = {_split(other)[1] for other in names if _split(other)[0] == metric}
        learnt = name in _LEARNT or "validation" in paired
        part = "training" if learnt and "training" not in paired else "validation"
    return {"name": name, "metric": metric, "part": part}


def _split(name: str) -> tuple[str, str | None]:
    """`val_loss`, `loss/val`, `validation loss`: the metric, and the part that the name tells."""
    pieces = re.split(r"[\s_./:-]+", name)
    for place in (0, -1):
        part = _PARTS.get(pieces[place].lower())
        if part and len(pieces) > 1:
            rest = name[len(pieces[0]) :] if place == 0 else name[: -len(pieces[-1])]
            return rest.strip(" _./:-"), part
    return name, None
