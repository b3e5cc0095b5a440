"""Losses: they take logits, and a pixel to ignore weighs exactly nothing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mapwright.types import IGNORE, LossName

_SMOOTH = 1.0  # pixels; keeps a class that is absent from a batch from dominating it


def loss_named(name: LossName) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of a name: takes logits (N, K, H, W) and target (N, H, W)."""
    return {
        "dice+cross_entropy": dice_cross_entropy,
        "cross_entropy": cross_entropy,
        "dice": soft_dice,
    }[name]


def dice_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Soft Dice plus cross-entropy, equally weighted (Isensee et al. 2021).

    Args:
        logits: (N, K, H, W) float.
        target: (N, H, W) int64 class indices, `IGNORE` where nothing is known.

    Returns:
        Scalar float32; 0, with zero gradient, when every pixel is ignored.
    """
    return cross_entropy(logits, target) + soft_dice(logits, target)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy over the pixels that are not ignored; shapes as above."""
    total = torch.nn.functional.cross_entropy(
        logits.float(), target, ignore_index=IGNORE, reduction="sum"
    )
    return total / (target != IGNORE).sum().clamp(min=1)


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """One minus the soft Dice over the whole batch; shapes as above.

    Of two classes only the second is scored, since the first is its complement; of more, the
    mean over all. Pooling over the batch (not per image) lets a false alarm on an image without
    the class cost as much as one elsewhere.
    """
    classes = logits.shape[1]
    known = target != IGNORE
    truth = torch.nn.functional.one_hot(torch.where(known, target, 0), classes)
    truth = truth.permute(0, 3, 1, 2) * known.unsqueeze(1)
    guess = logits.float().softmax(dim=1) * known.unsqueeze(1)
    if classes == 2:
        truth, guess = truth[:, 1:], guess[:, 1:]
    over = (0, 2, 3)
    overlap = (truth * guess).sum(over)
    dice = (2 * overlap + _SMOOTH) / (truth.sum(over) + guess.sum(over) + _SMOOTH)
    return (1 - dice).mean() * known.any()
