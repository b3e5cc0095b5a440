"""NaN is no JSON: an undefined score becomes None, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def without_nan(value: Any) -> Any:
    """A JSON-able value whose NaN are None and whose tuples are lists."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def with_nan(value: Any) -> Any:
    """What `without_nan` did, undone, but for the tuples."""
    if isinstance(value, Mapping):
        return {key: with_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_nan(inner) for inner in value]
    return float("nan") if value is None else value
