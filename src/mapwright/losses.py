"""Losses: they take logits, and a pixel to ignore weighs exactly nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mapwright.types import IGNORE, LossName

SMOOTH = 1.0
"""Pixels; keeps a class that is absent from a batch from dominating its Dice."""

_EASY = 2.0  # gamma of Lin et al. 2017: a pixel that is 90 % right weighs a hundredth
_FOCAL = 10.0  # brings focal loss, a mean over mostly easy pixels, to the size of Dice
_TOUCHING = 10.0  # of cross-entropy, where objects touch; w0 of Ronneberger et al. 2015

Loss = Callable[[Tensor, Tensor], Tensor]
"""Takes logits (N, K, H, W) and target (N, H, W); gives a scalar."""


def loss_named(name: LossName, alarm: float = 0.5, smooth: float = SMOOTH) -> Loss:
    """The loss of a name: the sum of its parts, equally weighted.

    Args:
        name: Parts joined by `+`.
        alarm: See `soft_dice`.
        smooth: See `soft_dice`.
    """
    known: dict[str, Loss] = {
        "cross_entropy": cross_entropy,
        "focal": focal,
        "dice": partial(soft_dice, alarm=alarm, smooth=smooth),
    }
    parts = [known[part] for part in name.split("+")]

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        total = parts[0](logits, target)
        for part in parts[1:]:
            total = total + part(logits, target)
        return total

    return loss


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
    return total / _known(target)


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Ten times the mean focal loss, (1 - p)^2 times cross-entropy; shapes as above.

    Where most pixels are empty and easily told so, their small losses add up to more than those
    of the few that are wrong; here they weigh next to nothing (Lin et al. 2017).
    """
    surprise = torch.nn.functional.cross_entropy(  # -log p of the true class, 0 where ignored
        logits.float(), target, ignore_index=IGNORE, reduction="none"
    )
    weight = (1 - (-surprise).exp()) ** _EASY
    return _FOCAL * (weight * surprise).sum() / _known(target)


def soft_dice(logits: Tensor, target: Tensor, alarm: float = 0.5, smooth: float = SMOOTH) -> Tensor:
    """One minus the soft Dice over the whole batch; shapes as above.

    Of two classes only the second is scored, since the first is its complement; of more, the
    mean over all. Pooling over the batch (not per image) lets a false alarm on an image without
    the class cost as much as one elsewhere, as long as some tile of the batch holds the class. In
    a batch without it, G pixels of false alarms cost G / (G + smooth): what pulls them down is
    1 / smooth at first, and fades once they are more than `smooth`, which should therefore be about
    the size of an object where such batches occur.

    Args:
        logits: See above.
        target: See above.
        alarm: Weight of false alarms; misses have what is left to one. At 0.5 this is Dice, else
            the Tversky index (Salehi et al. 2017).
        smooth: Pixels that are counted as found beside those of the batch.
    """
    classes = logits.shape[1]
    known = target != IGNORE
    truth = torch.nn.functional.one_hot(torch.where(known, target, 0), classes)
    truth = truth.permute(0, 3, 1, 2) * known.unsqueeze(1)
    guess = logits.float().softmax(dim=1) * known.unsqueeze(1)
    if classes == 2:
        truth, guess = truth[:, 1:], guess[:, 1:]
    over = (0, 2, 3)
    found = (truth * guess).sum(over)
    wrong = alarm * (guess.sum(over) - found) + (1 - alarm) * (truth.sum(over) - found)
    index = (2 * found + smooth) / (2 * found + 2 * wrong + smooth)
    return (1 - index).mean() * known.any()


def presence_loss(presence: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of "there is an object in this tile" over tiles with any known pixel.

    Args:
        presence: (N,) float logits.
        target: (N, H, W) int64 class indices; any class but the first is an object.

    Returns:
        Scalar float32; 0, with zero gradient, when every pixel is ignored.
    """
    known = target != IGNORE
    there = (known & (target > 0)).any(dim=(1, 2)).float()
    looked = known.any(dim=(1, 2))
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        presence.float(), there, reduction="none"
    )
    return torch.where(looked, each, 0.0).sum() / looked.sum().clamp(min=1)


def border_loss(border: Tensor, target: Tensor) -> Tensor:
    """Soft Dice plus weighted cross-entropy of "objects touch here".

    A pixel where they do weighs ten times as much in cross-entropy, as at the narrowest gaps of
    Ronneberger et al. 2015. That alone would not do for what is one pixel in thousands; Dice counts
    it whatever its share.

    Args:
        border: (N, H, W) float logits.
        target: (N, H, W) int64: 1 where objects touch, else 0, `IGNORE` where nothing is known.

    Returns:
        Scalar float32; 0, with zero gradient, when every pixel is ignored.
    """
    both = torch.stack([torch.zeros_like(border), border], dim=1).float()
    weight = torch.tensor([1.0, _TOUCHING], device=border.device)
    surprise = torch.nn.functional.cross_entropy(
        both, target, weight, ignore_index=IGNORE, reduction="sum"
    )
    total = (target == 0).sum() + _TOUCHING * (target == 1).sum()
    return surprise / total.clamp(min=1) + soft_dice(both, target)


def _known(target: Tensor) -> Tensor:
    """Number of pixels that are not ignored, at least 1."""
    return (target != IGNORE).sum().clamp(min=1)
