"""What a step makes small, and what it says of empty tiles."""

from __future__ import annotations

import torch
from torch import Tensor

from mapwright.losses import border_loss, loss_named, presence_loss
from mapwright.models.inputs import Look
from mapwright.plan import Plan
from mapwright.types import IGNORE

_BORDER = 0.5  # of the loss; it must not lead, for a border is nothing without its objects


def judge(seen: Look, labels: Tensor, plan: Plan) -> Tensor:
    """The loss of a batch, a scalar.

    Args:
        seen: What the model says of it.
        labels: (N, L, H, W) int64: class indices or `IGNORE`; where the model says where objects
            touch, also 1 where they do, else 0, or `IGNORE`.
        plan: Names the loss and weighs its parts.
    """
    mask = labels[:, 0]
    loss = loss_named(plan.loss, plan.alarm, plan.smooth)(seen.logits, mask)
    if seen.presence is not None:
        loss = loss + plan.gate * presence_loss(seen.presence, mask)
    if seen.border is not None:
        loss = loss + _BORDER * border_loss(seen.border, labels[:, 1])
    return loss


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
