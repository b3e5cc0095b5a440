"""What a study of splits found, as the page says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mapwright.report.study.differences import Axis, Row, axis_of, row_of
from mapwright.report.study.plain import listed, number, words

_NAMES = {"tiles": "tiles at random", "block": "blocks", "scene": "scenes"}
_DIGITS = 3


@dataclass(frozen=True)
class Promises:
    """The section of the page.

    Args:
        apart: What lay apart: `scenes` or `blocks`.
        axis: The common axis of the differences.
        rows: One for each way to divide: its name, the score on what it held out, and that on
            ground apart.
    """

    apart: str
    axis: Axis
    rows: list[Row]


def promises(results: Mapping[str, Any]) -> Promises | None:
    """What the divisions of a study promised; None where it is not about that."""
    told = results.get("optimism")
    if not told:
        return None
    entries = listed(told, "rows")
    axis = axis_of(entries)
    rows = [row_of(_about(entry), entry, axis, digits=_DIGITS) for entry in entries]
    return Promises(f"{words(told.get('apart'))}s", axis, rows)


def _about(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    split = words(entry.get("split"))
    return _NAMES.get(split, split), _score(entry.get("shown")), _score(entry.get("kept"))


def _score(value: Any) -> str:
    found = number(value, 6)
    return "–" if found is None else f"{found:.{_DIGITS}f}"
