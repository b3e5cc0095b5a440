"""Values of a study as JSON that is small, and safe inside a page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

_WHOLE = 1e15  # the largest whole float that is written without an exponent


def listed(results: Mapping[str, Any], key: str) -> list[Any]:
    """A list of the results; empty where it is missing or null."""
    return list(results.get(key) or ())


def number(value: Any, digits: int) -> float | int | None:
    """A number with as many digits as can be seen; None where there is none, or not a finite one.

    Args:
        value: Anything.
        digits: Significant digits to keep; whole numbers keep all of theirs.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return None
    if isinstance(value, int):
        return value
    short = float(f"{float(value):.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < _WHOLE else short


def words(value: Any) -> str:
    """A setting, seed or fold as a person would write it; 1 and 1.0 are the same."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE:
        return str(int(value))
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def rows_of(entries: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested values as rows of a table: `("hardware cores", "2")`."""
    rows: list[tuple[str, str]] = []
    for key, value in entries.items():
        name = f"{before} {key}".strip()
        rows += rows_of(value, name) if isinstance(value, Mapping) else [(name, words(value))]
    return rows


def page_json(value: Any) -> str:
    """JSON for a `<script>` of a page: nothing in it can end the script or start a tag."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def positions(names: Sequence[str]) -> dict[str, int]:
    """Where each name stands; the first place where it stands twice."""
    return {name: place for place, name in reversed(list(enumerate(names)))}
