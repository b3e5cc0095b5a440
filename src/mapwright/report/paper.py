"""What all sheets for a wall have in common: ink, type, room for words, and the file."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from mapwright.io.files import replacing

INK, SOFT, LINE, MARK = "#1f2328", "#59636e", "#d9dee4", "#d9480f"
DPI = 160
TEXT = 10.0  # points
LEAD = 0.26  # inches from one line of text to the next

STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": TEXT,
    "text.color": INK,
    "text.parse_math": False,  # a name may hold a dollar sign
    "savefig.dpi": DPI,
}


def text_width(text: str, size: float = TEXT, *, bold: bool = False) -> float:
    """Room that a line of text takes, in inches; call it within `STYLE`."""
    font = get_font(findfont(FontProperties(weight="bold" if bold else "normal")))
    font.set_size(size, 72)
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64 / 72  # 64ths of a point


def shorten(text: str, room: float, size: float = TEXT, *, bold: bool = False) -> str:
    """The text, or as much of it as `room` inches hold, with an ellipsis."""
    if text_width(text, size, bold=bold) <= room:
        return text
    cuts = [text[:kept].rstrip() + "…" for kept in range(1, len(text))]
    fitting = bisect_right(cuts, room, key=lambda cut: text_width(cut, size, bold=bold))
    return cuts[max(fitting - 1, 0)]


def wrap(text: str, room: float, size: float = TEXT) -> list[str]:
    """The text in lines of at most `room` inches, broken at spaces."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def save_sheet(figure: Figure, path: Path) -> None:
    """Write a figure as JPEG, or PNG, by the ending of `path`; whole or not at all."""
    jpeg = path.suffix.lower() in {".jpg", ".jpeg"}
    # colours that stand for classes must not bleed into each other
    options = {"quality": 93, "subsampling": 0} if jpeg else {}
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, facecolor="white", pil_kwargs=options)
