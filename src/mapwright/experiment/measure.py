"""Scores by name, from counted pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.data.config import nearest
from mapwright.errors import SettingError
from mapwright.metrics import confusion as cm
from mapwright.types import Counts

Measure = Callable[[Counts], float]
"""(K, K) counts to a score, higher is better; NaN where it is not defined."""

Formula = Callable[[Any], NDArray[np.float64]]

WHOLE: dict[str, Formula] = {
    "mean iou": cm.mean_iou,
    "mean f1": lambda counts: cm.mean_over_present(cm.f1(counts)),
    "accuracy": cm.accuracy,
}
"""Scores of all classes, by name: (..., K, K) counts to (...) scores."""

PER_CLASS: dict[str, Formula] = {
    "iou": cm.iou,
    "f1": cm.f1,
    "precision": cm.precision,
    "recall": cm.recall,
}
"""Scores of each class, by the word before its name: (..., K, K) counts to (..., K) scores."""


def measures(classes: Sequence[str]) -> dict[str, Measure]:
    """Every score that a study may be about: `mean iou`, `accuracy`, `iou roof`, ...

    Args:
        classes: The names of the classes.
    """
    whole = {name: _of_all(formula) for name, formula in WHOLE.items()}
    single = {
        f"{kind} {name}": _of_class(formula, index)
        for kind, formula in PER_CLASS.items()
        for index, name in enumerate(classes)
    }
    return whole | single


def _of_all(formula: Formula) -> Measure:
    return lambda counts: float(formula(counts))


def _of_class(formula: Formula, index: int) -> Measure:
    return lambda counts: float(formula(counts)[index])


def measure_named(name: str, classes: Sequence[str]) -> Measure:
    """The score of a name.

    Raises:
        SettingError: There is none of that name.
    """
    known = measures(classes)
    if name not in known:
        guess = nearest(name, list(known))
        raise SettingError(
            f"there is no metric {name!r}",
            where="metric",
            expected="one of " + ", ".join(known),
            fix=f"write {guess!r} instead" if guess else None,
        )
    return known[name]


def column_of(metric: str, columns: Sequence[str]) -> str:
    """The column of a training log that comes nearest to a metric."""
    return metric if metric in columns else "score"
