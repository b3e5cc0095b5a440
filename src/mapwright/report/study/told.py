"""What the page says in words, before any script runs: verdicts, what was cut, the machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mapwright.report.study.payload import all_configurations
from mapwright.report.study.plain import listed, number, rows_of, words

_SIGNS = {
    "better": ("▲", "better"),
    "worse": ("▼", "worse"),
    "no detectable difference": ("≈", "same"),
    "needs more seeds": ("?", "open"),
}
_TICKS = 6  # about so many along the axis of the differences


@dataclass(frozen=True)
class Verdict:
    """One comparison, ready to be drawn.

    Args:
        first: Label of the one that is judged.
        second: Label of the one that it is compared with.
        difference: In words, with its sign.
        interval: Its bounds in words; empty where there are none.
        p: Corrected p-value in words; empty where there is none.
        sign: Says the verdict without colour.
        kind: `better`, `worse`, `same`, `open` or `other`: how it is drawn.
        verdict: In words.
        text: A sentence; may be empty.
        middle: Where the difference lies, percent of the axis; None = it is not known.
        low: Lower end of the interval, likewise.
        high: Upper end.
        joint: Both ends of the interval that holds for all comparisons at once; None = not given.
    """

    first: str
    second: str
    difference: str
    interval: str
    p: str
    sign: str
    kind: str
    verdict: str
    text: str
    middle: float | None
    low: float | None
    high: float | None
    joint: tuple[float, float] | None


@dataclass(frozen=True)
class Axis:
    """The common axis of all differences, from `low` to `high`.

    Args:
        low: Value at 0 percent.
        high: Value at 100 percent.
    """

    low: float
    high: float

    def percent(self, value: float) -> float:
        """Where a value lies."""
        return (value - self.low) / (self.high - self.low) * 100

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round values: where they lie, in percent, and what they are; zero is one of them."""
        step = _round_step((self.high - self.low) / _TICKS)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        places = [k * step for k in range(first, last + 1)]
        return [(self.percent(at), f"{at:+.{_places(step)}f}" if at else "0") for at in places]


def axis_of(results: Mapping[str, Any]) -> Axis:
    """An axis that holds every difference, every interval and zero."""
    entries = listed(results, "comparisons")
    numbers = [number(entry.get("difference"), 6) for entry in entries]
    pairs = [_bounds(entry, key) for entry in entries for key in ("interval", "joint_interval")]
    ends = [value for value in numbers if value is not None]
    ends += [value for pair in pairs for value in pair or ()]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.06 * (high - low) or 1.0
    return Axis(low - margin, high + margin)


def verdicts(results: Mapping[str, Any], axis: Axis) -> list[Verdict]:
    """The comparisons in the order of the study; what is missing stays empty."""
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


def _verdict(entry: Mapping[str, Any], labels: Mapping[str, str], axis: Axis) -> Verdict:
    first, second = (words(entry.get(key, "–")) for key in ("first", "second"))
    difference = number(entry.get("difference"), 6)
    interval, joint = _bounds(entry, "interval"), _bounds(entry, "joint_interval")
    low, high = interval or (None, None)
    said = words(entry.get("verdict") or "no verdict")
    # the last one may go on: "needs more seeds (about 4)"
    sign, kind = next((_SIGNS[key] for key in _SIGNS if said.startswith(key)), ("·", "other"))
    p = number(entry.get("p"), 2)
    return Verdict(
        first=labels.get(first, first),
        second=labels.get(second, second),
        difference="–" if difference is None else f"{difference:+.4f}",
        interval=f"{interval[0]:+.4f} to {interval[1]:+.4f}" if interval else "",
        p="" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
        sign=sign,
        kind=kind,
        verdict=said,
        text=words(entry.get("text") or ""),
        middle=None if difference is None else axis.percent(difference),
        low=None if low is None else axis.percent(low),
        high=None if high is None else axis.percent(high),
        joint=(axis.percent(joint[0]), axis.percent(joint[1])) if joint else None,
    )


def _bounds(entry: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    """Both ends of an interval; None where one is missing."""
    ends = [number(value, 6) for value in entry.get(key) or ()]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return None
    return ends[0], ends[1]


def _round_step(rough: float) -> float:
    """The next larger of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * k for k in (1, 2, 5, 10) if power * k >= rough * (1 - 1e-9))


def _places(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))
