"""Progress bars with rate and time left, on standard error, and only when that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_SLOWEST = 0.05  # units a second; the rate of anything slower would read 0.0
_MEMORY = 3600.0  # seconds that the rate is measured over: some units take minutes
_shown: ContextVar[RichProgress | None] = ContextVar("shown", default=None)


class Progress(Protocol):
    """What long work reports to: it neither knows nor cares who is looking."""

    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """Report that `amount` more is done; `note` is a short text such as the current loss."""


class _Silent:
    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """Say nothing."""


@contextmanager
def progress_bar(title: str, total: float, unit: str = "images") -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere; within another bar, a line below it.

    Args:
        title: What is being done.
        total: How much there is to do, in `unit`.
        unit: What is counted.

    Yields:
        The `Progress` to report to.
    """
    if not sys.stderr.isatty() or total <= 0:
        yield _Silent()
        return
    outer = _shown.get()
    if outer is not None:
        line = _RichBar(outer, title, total, unit)
        try:
            yield line
        finally:
            line.close()
        return
    bar = _open_bars()
    token = _shown.set(bar)
    try:
        with bar:
            yield _RichBar(bar, title, total, unit)
    finally:
        _shown.reset(token)


def _open_bars() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=_MEMORY,
    )


class _RichBar:
    def __init__(self, bar: RichProgress, title: str, total: float, unit: str) -> None:
        self._bar, self._unit = bar, unit
        self._task = bar.add_task(title, total=total, rate="", note="")

    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """Move the bar; the rate is measured by the bar itself."""
        self._bar.advance(self._task, amount)
        task = next(task for task in self._bar.tasks if task.id == self._task)
        slow = task.speed is None or task.speed < _SLOWEST
        rate = "" if slow else f"{task.speed:.1f} {self._unit}/s"
        fields = {"rate": rate} if note is None else {"rate": rate, "note": note}
        self._bar.update(self._task, **fields)  # type: ignore[arg-type]

    def close(self) -> None:
        """Take the line away."""
        self._bar.remove_task(self._task)
