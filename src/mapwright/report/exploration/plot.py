"""Line and bar charts as small SVG in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from mapwright.io.maps import rgb_of
from mapwright.report.exploration.parts import amount

WIDTH, HEIGHT = 320, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 24, 36
_DARK, _LIGHT = 70, 185  # luma of colours that are seen on a light and on a dark page

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Axis:
    """From values to a share of the room.

    Args:
        low: The value at its start.
        high: The value at its end, above `low`.
        log: Whether equal steps are equal factors; then both are above 0.
        whole: Whether only whole numbers are named.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @classmethod
    def around(cls, values: Numbers, margin: float = 0.05, *, zero: bool = False) -> Axis:
        """An axis that holds finite values, with some room beside them."""
        low, high = float(np.min(values)), float(np.max(values))
        low = min(low, 0.0) if zero else low
        room = (high - low) or max(abs(high), 1.0) * 0.1
        return cls(low if zero and low == 0 else low - margin * room, high + margin * room)

    def at(self, values: Any) -> Numbers:
        """0 at the start, 1 at the end."""
        values = np.asarray(values, np.float64)
        if self.log:
            return np.asarray(np.log(values / self.low) / math.log(self.high / self.low))
        return np.asarray((values - self.low) / (self.high - self.low))

    def ticks(self, most: int) -> list[float]:
        """Round values on the axis, at most about so many."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            every = max(1, -(-(last - first + 1) // most))
            return [10.0**power for power in range(first, last + 1, every)]
        least = (self.high - self.low) / most
        step = nice_step(max(least, 1.0) if self.whole else least)
        start = math.ceil(self.low / step - 1e-9)
        stop = math.floor(self.high / step + 1e-9)
        return [k * step for k in range(start, stop + 1)]


def nice_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is no smaller."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(f * power for f in (1.0, 2.0, 5.0, 10.0) if f * power >= least * (1 - 1e-9))


@dataclass
class Plot:
    """A chart that is drawn upon, then rendered.

    Args:
        x: The horizontal axis.
        y: The vertical axis.
        title: Stands above it.
        counted: What the vertical axis counts; stands above it, to the right.
        width: Of all of it, in CSS pixels at natural size.
        height: See `width`.
    """

    x: Axis
    y: Axis
    title: str = ""
    counted: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    _drawn: list[Markup] = field(default_factory=list)

    def col(self, values: Any) -> Numbers:
        """Values on the horizontal axis as places in the drawing."""
        return np.round(_LEFT + self.x.at(values) * (self.width - _LEFT - _RIGHT), 1)

    def row(self, values: Any) -> Numbers:
        """Values on the vertical axis as places in the drawing."""
        room = self.height - _TOP - _BOTTOM
        return np.round(_TOP + (1 - np.clip(self.y.at(values), 0, 1)) * room, 1)

    def bars(self, edges: Numbers, heights: Numbers) -> None:
        """A filled histogram: B + 1 edges, B heights."""
        self._draw('<path class="fill" d="{}Z"/>', self._steps(edges, heights, closed=True))

    def steps(self, edges: Numbers, heights: Numbers, color: str) -> None:
        """The outline of a histogram in a class colour, readable on any ground."""
        self._line(self._steps(edges, heights, closed=False), color)

    def line(self, x: Numbers, y: Numbers, color: str, *, dots: bool = False) -> None:
        """A line in a class colour."""
        points = list(zip(self.col(x), self.row(y), strict=True))
        self._line("M" + "L".join(f"{a:g} {b:g}" for a, b in points), color)
        for a, b in points if dots else ():
            self._draw('<circle class="cased" cx="{}" cy="{}" r="3" fill="{}"/>', a, b, color)

    def span(self, x: Numbers, low: Numbers, high: Numbers, color: str) -> None:
        """The area between two lines, faint."""
        there = [f"{a:g} {b:g}" for a, b in zip(self.col(x), self.row(high), strict=True)]
        back = [f"{a:g} {b:g}" for a, b in zip(self.col(x), self.row(low), strict=True)]
        path = "M" + "L".join([*there, *reversed(back)]) + "Z"
        self._draw('<path class="span" d="{}" fill="{}"/>', path, color)

    def dots(self, x: Numbers, y: Numbers, names: Sequence[str]) -> None:
        """Points; few carry their name as a tooltip."""
        cols, rows = self.col(x), self.row(y)
        if len(cols) > 300:
            path = "".join(f"M{a:g} {b:g}h0" for a, b in zip(cols, rows, strict=True))
            self._draw('<path class="dots" d="{}"/>', path)
            return
        for a, b, name in zip(cols, rows, names, strict=True):
            self._draw(
                '<circle class="dot" cx="{}" cy="{}" r="2.6"><title>{}</title></circle>', a, b, name
            )

    def mark(self, x: float, y: float, name: str) -> None:
        """A point that is named."""
        a, b = float(self.col(x)), float(self.row(y))
        left = a > self.width * 0.6
        self._draw('<circle class="mark" cx="{}" cy="{}" r="3.4"/>', a, b)
        self._draw(
            '<text class="name" x="{}" y="{}"{}>{}</text>',
            a - 6 if left else a + 6,
            b + 3.5,
            Markup(' text-anchor="end"') if left else "",
            name if len(name) <= 22 else name[:21] + "…",
        )

    def render(
        self,
        alt: str,
        x_label: str = "",
        *,
        x_names: Sequence[str] = (),
        y_ticks: bool = True,
        second: tuple[float, str] | None = None,
    ) -> Markup:
        """The chart as SVG.

        Args:
            alt: What it shows, for those who can't see it.
            x_label: Stands below the horizontal axis.
            x_names: What stands at 0, 1, 2, ... instead of numbers.
            y_ticks: Whether the vertical axis is numbered.
            second: A factor and a unit for a second row of numbers below the horizontal axis.
        """
        inner = Markup("").join([*self._frame(x_label, x_names, y_ticks, second), *self._drawn])
        height = self.height + (14 if second else 0)
        return Markup(
            '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" '
            'style="max-width:{}px">{}</svg>'
        ).format(alt, self.width, height, round(self.width * 1.25), inner)

    def _frame(
        self,
        x_label: str,
        x_names: Sequence[str],
        y_ticks: bool,
        second: tuple[float, str] | None,
    ) -> list[Markup]:
        bottom, right = self.height - _BOTTOM, self.width - _RIGHT
        parts = [text(_LEFT, 13, self.title, "title", "start")] if self.title else []
        if self.counted:
            parts.append(text(right, 13, self.counted, "label", "end"))
        for value in self.y.ticks(max(5, self.height // 40)) if y_ticks else ():
            row = float(self.row(value))
            parts.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(_LEFT, row, right))
            parts.append(text(_LEFT - 6, row + 3.5, amount(value), "tick", "end"))
        parts.append(Markup('<path class="axis" d="M{} {}H{}"/>').format(_LEFT, bottom, right))
        if x_names:
            places = [(float(k), name) for k, name in enumerate(x_names)]
        else:
            places = [(value, amount(value)) for value in self.x.ticks(5)]
        for value, name in places:
            parts.append(text(float(self.col(value)), bottom + 14, name, "tick", "middle"))
            if second:
                there = amount(float(f"{value * second[0]:.2g}"))
                parts.append(text(float(self.col(value)), bottom + 27, there, "tick", "middle"))
        below = bottom + (43 if second else 29)
        label = f"{x_label} (below: {second[1]})" if second else x_label
        parts.append(text((_LEFT + right) / 2, below, label, "label", "middle"))
        return parts

    def _steps(self, edges: Numbers, heights: Numbers, *, closed: bool) -> str:
        cols, rows = self.col(edges), self.row(heights)
        base = float(self.row(self.y.low))
        path = f"M{cols[0]:g} {base:g}" if closed else f"M{cols[0]:g} {rows[0]:g}"
        path += "".join(f"V{b:g}H{a:g}" for a, b in zip(cols[1:], rows, strict=True))
        return path + (f"V{base:g}" if closed else "")

    def _line(self, path: str, color: str) -> None:
        """A light or dark colour would vanish on one of the two grounds, so it is cased."""
        red, green, blue = rgb_of(color)
        luma = 0.299 * red + 0.587 * green + 0.114 * blue  # of BT.601
        if not _DARK < luma < _LIGHT:
            self._draw('<path class="casing" d="{}"/>', path)
        self._draw('<path class="line" d="{}" stroke="{}"/>', path, color)

    def _draw(self, form: str, *values: object) -> None:
        self._drawn.append(Markup(form).format(*values))


def text(x: float, y: float, words: str, kind: str, anchor: str) -> Markup:
    """A line of text in a drawing."""
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        kind, f"{x:g}", f"{y:g}", anchor, escape(words)
    )


def legend(entries: Sequence[tuple[str, str]]) -> Markup:
    """Names beside their colours."""
    inner = Markup("").join(
        Markup('<span><span class="key" style="background:{}"></span>{}</span>').format(color, name)
        for name, color in entries
    )
    return Markup('<div class="legend">{}</div>').format(inner)
