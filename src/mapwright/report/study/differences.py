"""Differences as rows of a table with a common axis: those of verdicts and those of splits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mapwright.report.study.plain import number, words

_SIGNS = {
    "better": ("▲", "better"),
    "worse": ("▼", "worse"),
    "no detectable difference": ("≈", "same"),
    "needs more seeds": ("?", "open"),
    "flattered": ("▲", "worse"),
    "too modest": ("▼", "open"),
}
_TICKS = 6  # about so many along the axis


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


@dataclass(frozen=True)
class Row:
    """One difference, ready to be drawn.

    Args:
        about: What it is of, in words: the first columns.
        difference: In words, with its sign.
        interval: Its bounds in words; empty where there are none.
        p: Corrected p-value in words; empty where there is none.
        sign: Says the verdict without colour.
        kind: `better`, `worse`, `same`, `open` or `other`: how it is drawn.
        verdict: In words.
        text: A sentence; may be empty.
        middle: Where the difference lies, percent of the axis; None = it is not known.
        span: Both ends of the interval, likewise.
        joint: Those of the interval that holds for all differences at once; None = not given.
    """

    about: tuple[str, ...]
    difference: str
    interval: str
    p: str
    sign: str
    kind: str
    verdict: str
    text: str
    middle: float | None
    span: tuple[float, float] | None
    joint: tuple[float, float] | None


def axis_of(entries: Sequence[Mapping[str, Any]]) -> Axis:
    """An axis that holds every difference, every interval and zero."""
    numbers = [number(entry.get("difference"), 6) for entry in entries]
    pairs = [_bounds(entry, key) for entry in entries for key in ("interval", "joint_interval")]
    ends = [value for value in numbers if value is not None]
    ends += [value for pair in pairs for value in pair or ()]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.06 * (high - low) or 1.0
    return Axis(low - margin, high + margin)


def row_of(
    about: tuple[str, ...], entry: Mapping[str, Any], axis: Axis, *, digits: int, text: str = ""
) -> Row:
    """A difference of the results as a row; what is missing stays empty.

    Args:
        about: What it is of, in words.
        entry: Its `difference`, `interval`, `joint_interval`, `p` and `verdict`.
        axis: Of all rows.
        digits: Decimals of the difference and its bounds.
        text: A sentence that stands below the verdict.
    """
    difference, p = number(entry.get("difference"), 6), number(entry.get("p"), 2)
    interval, joint = _bounds(entry, "interval"), _bounds(entry, "joint_interval")
    said = words(entry.get("verdict") or "no verdict")
    # a verdict may go on: "needs more seeds (about 4)"
    sign, kind = next((_SIGNS[key] for key in _SIGNS if said.startswith(key)), ("·", "other"))
    return Row(
        about=about,
        difference="–" if difference is None else f"{difference:+.{digits}f}",
        interval=" to ".join(f"{end:+.{digits}f}" for end in interval or ()),
        p="" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
        sign=sign,
        kind=kind,
        verdict=said,
        text=text,
        middle=None if difference is None else axis.percent(difference),
        span=_on(axis, interval),
        joint=_on(axis, joint),
    )


def _on(axis: Axis, ends: tuple[float, float] | None) -> tuple[float, float] | None:
    return (axis.percent(ends[0]), axis.percent(ends[1])) if ends else None


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
