"""What a step makes small, and what it says of empty tiles."""

from __future__ import annotations

import torch
from torch import Tensor

from mapwright.losses import loss_named, presence_loss
from mapwright.plan import Plan
from mapwright.types import IGNORE


def judge(logits: Tensor, presence: Tensor | None, mask: Tensor, plan: Plan) -> Tensor:
    """The loss of a batch, a scalar.

    Args:
        logits: (N, K, H, W).
        presence: (N,) logits that a tile holds an object; None without a gate.
        mask: (N, H, W) int64 class indices or `IGNORE`.
        plan: Names the loss and weighs its parts.
    """
    loss = loss_named(plan.loss, plan.alarm, plan.smooth)(logits, mask)
    return loss if presence is None else loss + plan.gate * presence_loss(presence, mask)


@torch.no_grad()
def false_alarms(logits: Tensor, mask: Tensor) -> list[float]:
    """The highest probability of an object in each tile without one.

    Args:
        logits: (N, K, H, W).
        mask: (N, H, W) int64 class indices or `IGNORE`.

    Returns:
        One of 0..1 for each tile; NaN for one that holds an object, or of which nothing is known.
    """
    known = mask != IGNORE
    of_object = 1 - logits.float().softmax(dim=1)[:, 0]
    highest = torch.where(known, of_object, 0.0).amax(dim=(1, 2))
    empty = known.any(dim=(1, 2)) & ~(known & (mask > 0)).any(dim=(1, 2))
    alarms: list[float] = torch.where(empty, highest, torch.nan).tolist()
    return alarms
