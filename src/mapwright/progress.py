"""Progress bars with rate and time left, on standard error, and only when that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """What long work reports to: it neither knows nor cares who is looking."""

    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """Report that `amount` more is done; `note` is a short text such as the current loss."""


class _Silent:
    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """Say nothing."""


@contextmanager
def progress_bar(title: str, total: float, unit: str = "images") -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere.

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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    bar = RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        yield _RichBar(bar, title, total, unit)


class _RichBar:
    def __init__(self, bar: object, title: str, total: float, unit: str) -> None:
        from rich.progress import Progress as RichProgress

        assert isinstance(bar, RichProgress)
        self._bar, self._unit = bar, unit
        self._task = bar.add_task(title, total=total, rate="", note="")

    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """Move the bar; the rate is measured by the bar itself."""
        self._bar.advance(self._task, amount)
        task = self._bar.tasks[self._task]
        rate = "" if task.speed is None else f"{task.speed:.1f} {self._unit}/s"
        fields = {"rate": rate} if note is None else {"rate": rate, "note": note}
        self._bar.update(self._task, **fields)  # type: ignore[arg-type]
