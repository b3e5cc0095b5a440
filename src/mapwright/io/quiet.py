"""Warnings that are known and mean nothing, kept from people by several threads at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


@contextmanager
def quiet(category: type[Warning]) -> Iterator[None]:
    """Show no warning of a category in here.

    Python keeps one list of filters for all threads, and `warnings.catch_warnings` puts back the
    list it found: of two threads that enter in turn, the first to leave makes the other's warnings
    heard, and the last leaves the first one's filter behind. So whoever enters first notes the
    list for all, and whoever leaves last puts it back.
    """
    _FILTERS.enter(category)
    try:
        yield
    finally:
        _FILTERS.leave()


class _Filters:
    """The filters of Python, and who wants some of them off."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._before = warnings.catch_warnings()
        self._off: set[type[Warning]] = set()

    def enter(self, category: type[Warning]) -> None:
        """Somebody wants a category off."""
        with self._lock:
            if not self._inside:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
            self._inside += 1
            if category not in self._off:  # adding it again would take it out for a moment
                warnings.simplefilter("ignore", category)
                self._off.add(category)

    def leave(self) -> None:
        """One of them is done."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._off.clear()
                self._before.__exit__(None, None, None)


_FILTERS = _Filters()
