"""Look at a few files of many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mapwright.errors import ImageFileError

_T = TypeVar("_T")

_LOOK_AT = 200  # files; more would make `init` slow on a large folder and change no guess


def spread(paths: Sequence[Path], most: int = _LOOK_AT) -> list[Path]:
    """At most `most` of the paths, evenly spread."""
    step = max(1, -(-len(paths) // most))
    return list(paths[::step])


def readable(read: Callable[[Path], _T], paths: Sequence[Path]) -> list[_T]:
    """Read what can be read; `check` is the one to report a damaged file, so guessing goes on."""
    results: list[_T] = []
    failure: ImageFileError | None = None
    for path in paths:
        try:
            results.append(read(path))
        except ImageFileError as error:
            failure = error
    if failure and not results:
        raise failure
    return results
