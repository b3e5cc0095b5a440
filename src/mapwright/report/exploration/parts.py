"""What the page is made of: sections, figures, tables, and how numbers are written in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """Drawings or pictures that belong together, and what to look for in them.

    Args:
        drawings: Each with a text alternative of its own.
        caption: One sentence: what to look for, and what it means for training; empty where the
            figure above says it for both.
        found: What these data show there; empty where the figure says it all.
        title: Stands above it, where several follow each other.
        kind: How drawings stand: `charts` side by side, `tiles` smaller and side by side, `wide`
            one below the other.
    """

    drawings: tuple[Markup, ...]
    caption: str
    found: str = ""
    title: str = ""
    kind: Literal["charts", "tiles", "wide"] = "charts"


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        head: Names of its columns.
        rows: Its cells, text or markup.
        numeric: Whether all columns but the first hold numbers.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: bool = True


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading.

    Args:
        key: Its anchor.
        title: Its heading.
        parts: What it shows, in order; a text is a paragraph.
    """

    key: str
    title: str
    parts: tuple[Figure | Table | str, ...]


def key(color: str, name: str) -> Markup:
    """A class name beside its colour."""
    return Markup('<span class="key" style="background:{}"></span>{}').format(color, name)


def cell_bar(share: float, text: str) -> Markup:
    """A number with a bar below it, for a table cell."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup('{}<span class="meter"><i style="width:{}%"></i></span>').format(
        text, f"{width:.4g}"
    )


def percent(share: float) -> str:
    """A share as people write it: fewer digits where it is large, never a false 0 or 100 %."""
    if share != share:
        return "–"
    if 0 < share < 1e-4:
        return f"{100 * share:.1g} %" if share >= 1e-5 else "< 0.001 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    value = 100 * share
    if value in (0.0, 100.0):
        return f"{value:.0f} %"
    return f"{value:.2f} %" if value < 1 else f"{value:.1f} %"


def amount(value: float) -> str:
    """A number in short: 1,234 / 56k / 7.8M / 0.012."""
    rounded = float(f"{value:.3g}")
    for limit, scale, sign in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(rounded) >= limit:
            return f"{rounded / scale:.3g}{sign}"
    return f"{value:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}"


def count(number: int, word: str, many: str | None = None) -> str:
    """A number and its word: `1 image`, `2,000 images`."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"
