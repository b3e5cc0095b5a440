"""What a study of splits found, as the page says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mapwright.report.study.plain import listed, number, words
from mapwright.report.study.told import Axis

_SIGNS = {
    "flattered": ("▲", "worse"),
    "too modest": ("▼", "open"),
    "no detectable difference": ("≈", "same"),
}
_NAMES = {"tiles": "tiles at random", "block": "blocks", "scene": "scenes"}


@dataclass(frozen=True)
class Row:
    """One way to divide the data, ready to be shown.

    Args:
        split: How the data were divided.
        shown: The score on what it held out, in words.
        kept: The score on ground apart, in words.
        difference: In words, with its sign.
        interval: Its bounds in words; empty where there are none.
        p: Corrected p-value in words; empty where there is none.
        sign: Says the verdict without colour.
        kind: How the row is drawn.
        verdict: In words.
        middle: Where the difference lies, percent of the axis; None = it is not known.
        low: Lower end of the interval, likewise.
        high: Upper end.
    """

    split: str
    shown: str
    kept: str
    difference: str
    interval: str
    p: str
    sign: str
    kind: str
    verdict: str
    middle: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Promises:
    """The section of the page.

    Args:
        apart: What lay apart: `scenes` or `blocks`.
        axis: The common axis of the differences.
        rows: One for each way to divide.
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
    ends = [end for entry in entries for end in _bounds(entry) or ()]
    ends += [v for e in entries if (v := number(e.get("difference"), 6)) is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.06 * (high - low) or 1.0
    axis = Axis(low - margin, high + margin)
    return Promises(f"{words(told.get('apart'))}s", axis, [_row(entry, axis) for entry in entries])


def _row(entry: Mapping[str, Any], axis: Axis) -> Row:
    said = words(entry.get("verdict") or "no verdict")
    sign, kind = _SIGNS.get(said, ("·", "other"))
    difference, p = number(entry.get("difference"), 6), number(entry.get("p"), 2)
    bounds, split = _bounds(entry), words(entry.get("split"))
    low, high = bounds or (None, None)
    return Row(
        split=_NAMES.get(split, split),
        shown=_score(entry.get("shown")),
        kept=_score(entry.get("kept")),
        difference="–" if difference is None else f"{difference:+.3f}",
        interval=f"{bounds[0]:+.3f} to {bounds[1]:+.3f}" if bounds else "",
        p="" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
        sign=sign,
        kind=kind,
        verdict=said,
        middle=None if difference is None else axis.percent(difference),
        low=None if low is None else axis.percent(low),
        high=None if high is None else axis.percent(high),
    )


def _score(value: Any) -> str:
    found = number(value, 6)
    return "–" if found is None else f"{found:.3f}"


def _bounds(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    ends = [number(value, 6) for value in entry.get("interval") or ()]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return None
    return ends[0], ends[1]
