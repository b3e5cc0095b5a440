import io
import sys
import time

import pytest

from mapwright.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_said_when_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("work", 3) as progress:
        progress.advance(note="first")
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar("reading", 3, "tiles") as progress:
        for number in range(3):
            progress.advance(note=f"tile {number}")
    assert "reading" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "tile 2" in terminal.getvalue()
    assert "tiles/s" in terminal.getvalue()


def test_no_bar_for_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("reading", 0) as progress:
        progress.advance()
    assert terminal.getvalue() == ""


def test_a_bar_within_a_bar_is_a_line_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar("study", 2, "cells") as outer:
        for number in range(2):
            with progress_bar(f"cell {number}", 3, "steps") as inner:
                inner.advance(3, note="half done")
                time.sleep(0.25)  # the terminal is written to ten times a second
            outer.advance(note=f"after cell {number}")
    for text in ("study", "cell 0", "cell 1", "half done", "after cell 1", "2/2"):
        assert text in terminal.getvalue()
