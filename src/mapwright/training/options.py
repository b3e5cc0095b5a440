"""How to train: what one may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapwright.data.splits import Splits
from mapwright.predict.model import Model


@dataclass(frozen=True)
class Options:
    """How to train.

    Args:
        folds: 1 = one split; more = that many folds, each image scored by a model that never
            saw it, and all models in one file; 0 = learn from all images, score none.
        budget: Seconds for the whole command; None = the plan's number of steps.
        settings: Values of the plan set by hand, such as `{"steps": 200}`.
        parent: A model to start from.
        resume: Go on where an interrupted training in the same folder stands.
        began: `time.monotonic()` at which the budget began; None = now.
        reserve: Seconds of the budget to leave for what comes after training.
        after_pixels: Pixels that all members map after training, with test-time augmentation; the
            budget leaves time for them.
        splits: Divisions, or a `splits.json`, to use instead of drawing; their folds count.
        tensorboard: Also write the log as event files for TensorBoard: where to, or True for
            `tensorboard` in the run folder.
    """

    folds: int = 1
    budget: float | None = None
    settings: Mapping[str, Any] | None = None
    parent: Model | None = None
    resume: bool = False
    began: float | None = None
    reserve: float = 0.0
    after_pixels: int = 0
    splits: Splits | Path | None = None
    tensorboard: bool | Path = False
