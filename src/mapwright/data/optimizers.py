"""The settings of the optimizers; `mapwright.training.optimizer` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

OptimizerName = Literal["adamw", "adam", "sgd", "rmsprop"]
"""Optimizers that a plan may name."""

MOMENTUM: Final = 0.9
"""Of SGD, after Nesterov."""

_ADAPTIVE = "in the gradient it would be scaled by its history (Loshchilov and Hutter 2019)"


@dataclass(frozen=True)
class Usual:
    """What is usual for an optimizer.

    Args:
        words: What it is called.
        rate: Highest learning rate.
        rate_reason: Why.
        decay: Weight decay.
        decay_reason: Why.
        moments: Tensors as large as the weights that it remembers.
    """

    words: str
    rate: float
    rate_reason: str
    decay: float
    decay_reason: str
    moments: int


OPTIMIZERS: Final[dict[OptimizerName, Usual]] = {
    "adamw": Usual(
        "AdamW", 1e-3, "usual for AdamW and networks of this size", 1e-2, "usual for AdamW", 2
    ),
    "adam": Usual("Adam", 1e-3, "as for AdamW, whose steps are as long", 0.0, _ADAPTIVE, 2),
    "rmsprop": Usual("RMSprop", 1e-3, "as for Adam, whose steps are as long", 0.0, _ADAPTIVE, 1),
    "sgd": Usual(
        f"SGD with Nesterov momentum {MOMENTUM:g}",
        0.1,
        "with momentum 0.9 as far in the end as nnU-Net's 0.01 with 0.99",
        3e-5,
        "as nnU-Net has it for SGD",
        1,
    ),
}
"""What is usual for each."""


def learning_choices(name: OptimizerName) -> Iterator[tuple[str, float, str]]:
    """Setting, value and reason of an optimizer's learning rate and weight decay."""
    usual = OPTIMIZERS[name]
    yield "learning_rate", usual.rate, usual.rate_reason
    yield "weight_decay", usual.decay, usual.decay_reason
