"""What one cell left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mapwright.experiment.design import Cell
from mapwright.metrics.undefined import with_nan, without_nan

Status = Literal["done", "failed", "pruned", "cut"]


@dataclass(frozen=True)
class Outcome:
    """What one cell left behind.

    Args:
        cell: Which.
        status: `done`; `failed`: an error ended it; `pruned`: a search gave it up; `cut`: the
            budget ended it, so it is run again when there is time.
        settings: Every setting that was not left to the plan, by dotted name.
        seconds: How long it took.
        steps: Training steps done.
        counts: (K, K) pixels of each held-out image by stem, rows = truth.
        apart: The same of what lay apart from all that was divided, in a study of splits.
        curves: The training log by column.
        error: What went wrong.
        note: What the reader must know.
        environment: What it ran on.
    """

    cell: Cell
    status: Status
    settings: Mapping[str, Any]
    seconds: float
    steps: int = 0
    counts: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    apart: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    error: str | None = None
    note: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def images(self) -> dict[str, NDArray[np.int64]]:
        """(K, K) int64 pixels of each held-out image by stem, rows = truth."""
        return {stem: np.array(rows, np.int64) for stem, rows in self.counts.items()}

    @property
    def pooled(self) -> NDArray[np.int64]:
        """(K, K) int64 pixels of all held-out images; only where there are any."""
        return np.asarray(np.sum(list(self.images.values()), axis=0))

    @property
    def error_line(self) -> str:
        """What went wrong, in one line; empty where nothing did."""
        return (self.error or "").split("\n")[0]

    def plain(self) -> dict[str, Any]:
        """The outcome as JSON-able built-in types."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Outcome:
        """The outcome from what `plain` gave."""
        curves = {name: with_nan(values) for name, values in plain["curves"].items()}
        return cls(**{**plain, "cell": Cell(**plain["cell"]), "curves": curves})
