"""Trainings that are interrupted at a moment of the test's choice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mapwright.training.state import Keeper


@contextmanager
def interrupted(moment: int) -> Iterator[None]:
    """What runs inside must be interrupted, right after its state was saved `moment` + 1 times."""
    saved, save = iter(range(100)), Keeper.save

    def fragile(self: Keeper, *args: object, **kwargs: object) -> None:
        save(self, *args, **kwargs)  # type: ignore[arg-type]
        if next(saved) == moment:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Keeper, "save", fragile)
        yield
