"""The factors of a study, each with the levels by which runs are grouped, coloured and filtered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

from mapwright.report.study.plain import listed, words

_MOST = 12  # values of a number that are still levels of their own
_BINS = 6


@dataclass(frozen=True)
class Factor:
    """One thing that a study varies.

    Args:
        name: What it is called.
        levels: Its values in words; ranges where a search drew many numbers.
        default: The value that stands where nothing is set, in words; None = there is none.
        edges: Where the ranges meet, ascending; empty where levels are values.
    """

    name: str
    levels: tuple[str, ...]
    default: str | None
    edges: tuple[float, ...] = ()

    def level_of(self, settings: Mapping[str, Any]) -> int:
        """Which level a configuration has; -1 where it has none."""
        if self.name not in settings:
            return self.levels.index(self.default) if self.default in self.levels else -1
        value = settings[self.name]
        if self.edges:
            return bisect_right(self.edges, value) if _is_number(value) else -1
        return self.levels.index(words(value))


def factors_of(results: Mapping[str, Any]) -> list[Factor]:
    """The factors that a study names, and those that only its configurations know."""
    settings = [entry.get("settings") or {} for entry in listed(results, "configurations")]
    named = {words(entry.get("name")): entry for entry in listed(results, "factors")}
    for entry in settings:
        named |= {key: {} for key in entry if key not in named}
    return [_factor(name, entry, settings) for name, entry in named.items()]


def _factor(name: str, entry: Mapping[str, Any], settings: Sequence[Mapping[str, Any]]) -> Factor:
    used = [values[name] for values in settings if name in values]
    given = listed(entry, "values")
    if "default" in entry:
        given.append(entry["default"])
    default = words(entry["default"]) if "default" in entry else None
    numbers = sorted({value for value in used if _is_number(value)})
    if len(numbers) > _MOST and len(numbers) == len({words(value) for value in used}):
        edges = tuple(numbers[len(numbers) * k // _BINS] for k in range(1, _BINS))
        return Factor(name, _ranges(numbers, edges), default, edges)
    further = sorted(used, key=lambda value: value if _is_number(value) else float("inf"))
    return Factor(name, tuple(dict.fromkeys(map(words, [*given, *further]))), default)


def _ranges(numbers: Sequence[float], edges: Sequence[float]) -> tuple[str, ...]:
    bounds = [numbers[0], *edges, numbers[-1]]
    return tuple(f"{low:.3g} to {high:.3g}" for low, high in pairwise(bounds))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
