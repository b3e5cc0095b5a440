"""The optimizers that a plan may name."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from mapwright.data.optimizers import MOMENTUM
from mapwright.plan import Plan


def make_optimizer(parameters: Iterable[nn.Parameter], plan: Plan) -> torch.optim.Optimizer:
    """The optimizer of a plan; all that it remembers is tensors, so a saved state is exact.

    Args:
        parameters: What it changes.
        plan: Its name, learning rate and weight decay. AdamW takes the decay off the weights
            (Loshchilov and Hutter 2019), the others add it to the gradient.
    """
    rate, decay = plan.learning_rate, plan.weight_decay
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    if plan.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
    if plan.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, lr=rate, weight_decay=decay)
    return torch.optim.SGD(
        parameters, lr=rate, weight_decay=decay, momentum=MOMENTUM, nesterov=True
    )
