"""Locks by name, so that two threads don't find out the same thing twice."""

from __future__ import annotations

from threading import Lock

_MANY = 64  # a few threads seldom want two names of one lock, and then one waits a little


class Locks:
    """A lock for each name, of a fixed number that names share: there may be millions of names."""

    def __init__(self) -> None:
        self._locks = [Lock() for _ in range(_MANY)]

    def of(self, name: str) -> Lock:
        """The lock of a name; who holds it must not ask for another."""
        return self._locks[hash(name) % _MANY]
