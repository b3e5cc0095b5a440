"""How good probabilities are, for people: a line, a table, sentences and the diagram."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mapwright.metrics.calibration_result import Bins, Calibration

_BEFORE, _AFTER = "#1971c2", "#d9480f"
_MOST = 12  # panels
_ACROSS = 3


@dataclass(frozen=True)
class CalibrationRow:
    """A line of the table.

    Args:
        label: What was measured.
        before: As the networks give it.
        after: After temperature scaling; NaN where nothing was scaled.
    """

    label: str
    before: float
    after: float


def calibration_line(found: Calibration) -> str:
    """Everything in a line, as it stands below a table of scores."""
    low, high = (found.after if found.changed else found.before).interval
    between = "" if math.isnan(low) else f" (95 %: {low:.3f} to {high:.3f})"
    rare = f", mean over classes {_pair(found, lambda side: side.classwise)}"
    if len(found.classes) == 2:
        second = found.classes[1]
        both = _pair_of(second.mapped_before, second.mapped_after, found.changed)
        rare = f", where it says {second.name!r} {both}"
    told = f"Calibration error {_pair(found, lambda side: side.ece)}{between}{rare}"
    if not found.changed:
        return f"{told}; probabilities are not scaled."
    return f"{told}; temperature {_temperature(found)}, {_VERDICTS[found.verdict]}."


def calibration_rows(found: Calibration) -> list[CalibrationRow]:
    """The lines of the table, the whole first, then class by class."""
    pairs = [
        ("expected calibration error (ECE)", found.before.ece, found.after.ece),
        ("classwise ECE", found.before.classwise, found.after.classwise),
        ("negative log-likelihood", found.before.nll, found.after.nll),
        ("Brier score", found.before.brier, found.after.brier),
    ]
    for one in found.classes:
        pairs.append((f"ECE of pixels most probably {one.name}", one.mapped_before,
                      one.mapped_after))  # fmt: skip
    for one in found.classes if len(found.classes) > 2 else found.classes[1:]:
        pairs.append((f"ECE of the probability of {one.name}", one.before.ece, one.after.ece))
    scaled = found.changed
    return [CalibrationRow(name, b, a if scaled else math.nan) for name, b, a in pairs]


def told_calibration(found: Calibration | None) -> dict[str, Any] | None:
    """What the pages of a report say; None where nobody looked."""
    if found is None:
        return None
    return {
        "changed": found.changed,
        "rows": calibration_rows(found),
        "notes": calibration_notes(found),
        "before": found.before.interval,
        "after": found.after.interval,
    }


def calibration_notes(found: Calibration) -> list[str]:
    """One sentence for each thing that a reader of the table must know."""
    notes = [
        "Of pixels given 80 %, 80 % should be right: ECE is how far from that they are on average, "
        "in 15 bins by the probability of the most probable class (Guo et al. 2017); classwise ECE "
        "is the mean of the same for every class's own probability (Nixon et al. 2019). Most "
        "pixels are easy, so look at the class that matters.",
    ]
    if found.changed:
        low, high = found.gain
        sure = "" if math.isnan(low) else f" (by {low:+.4f} to {high:+.4f}, 95 %)"
        notes.append(
            f"Temperature {_temperature(found)}: the ECE is {_VERDICTS[found.verdict]}{sure}."
        )
    if found.reason:
        notes.append(f"Why: {found.reason}.")
    if not math.isnan(found.before.interval[0]):
        notes.append(f"Intervals: 95 %, bootstrap over {found.unit}.")
    return notes


_VERDICTS = {
    "lower": "lower after it",
    "higher": "higher after it",
    "not detectably other": "not detectably other after it",
}


def reliability_figure(found: Calibration) -> Figure:
    """What was predicted against what came true, before and after, over how often it was said.

    Args:
        found: What to show: the most probable class, then classes; of two, the second alone.
    """
    classes = found.classes if len(found.classes) > 2 else found.classes[1:]
    panels = [("most probable class", found.before.bins, found.after.bins)]
    panels += [(one.name, one.before, one.after) for one in classes[: _MOST - 1]]
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    figure = Figure(figsize=(max(7.2, 2.7 * across + 0.2), 3.4 * down + 0.3), layout="constrained")
    heights = [3, 1] * down
    axes = figure.subplots(2 * down, across, squeeze=False, height_ratios=heights, sharex=True)
    for number in range(across * down):
        top, low = (axes[2 * (number // across) + k, number % across] for k in range(2))
        if number >= len(panels):
            top.set_axis_off()
            low.set_axis_off()
            continue
        title, before, after = panels[number]
        _diagram(top, title, before, after if found.changed else None)
        _histogram(low, before, after if found.changed else None)
    axes[0, 0].legend(frameon=False, loc="upper left", fontsize=8)
    return figure


def _diagram(axis: Any, title: str, before: Bins, after: Bins | None) -> None:
    axis.plot([0, 1], [0, 1], color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
    for bins, color, label in _sides(before, after):
        axis.plot(
            bins.probability, bins.share, color=color, linewidth=1.6, marker="o", markersize=3,
            label=label,
        )  # fmt: skip
    axis.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that is so", aspect="equal")
    axis.set_title(title, fontsize=9)
    axis.grid(True)


def _histogram(axis: Any, before: Bins, after: Bins | None) -> None:
    """The share of the pixels in each bin, on a scale on which one in a million is seen."""
    edges = np.linspace(0, 1, len(before.pixels) + 1)
    axis.set_ylim(1e-5, 1.5)  # before the scale: an empty histogram has no limits of its own
    axis.set_yscale("log")
    for bins, color, _ in _sides(before, after):
        share = np.array(bins.pixels) / max(sum(bins.pixels), 1)
        axis.stairs(np.where(share > 0, share, np.nan), edges, color=color, linewidth=1.3)
    axis.set(xlabel="probability", ylabel="pixels", xlim=(0, 1))
    axis.set_yticks([1e-4, 1e-2, 1], ["0.01 %", "1 %", "100 %"], minor=False)
    axis.minorticks_off()


def _sides(before: Bins, after: Bins | None) -> Sequence[tuple[Bins, str, str]]:
    if after is None:
        return [(before, _BEFORE, "as predicted")]
    return [(before, _BEFORE, "before"), (after, _AFTER, "after scaling")]


def _temperature(found: Calibration) -> str:
    """The one that the model holds, and those that the figures are made with."""
    held, low, high = found.temperature, found.used[0], found.used[-1]
    if low == high == held:
        return f"{held:.2f}"
    if math.isnan(held):
        return f"{low:.2f} to {high:.2f}"
    return f"{held:.2f} ({low:.2f} to {high:.2f} in parts)"


def _pair(found: Calibration, of: Callable[[Any], float]) -> str:
    return _pair_of(of(found.before), of(found.after), found.changed)


def _pair_of(before: float, after: float, changed: bool) -> str:
    one, other = ("–" if math.isnan(value) else f"{value:.3f}" for value in (before, after))
    return f"{one} before and {other} after scaling" if changed else one
