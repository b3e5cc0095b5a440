"""Is there any object in a tile? Said by the same network, from what it sees of the whole tile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

_WITHOUT_PYRAMID = (smp.DPT,)  # its encoder gives tokens, not maps of falling size


class Gate(nn.Module):
    """Mean and maximum over a tile, weighed: one for what is usual, one for what is small.

    Args:
        channels: Number of features F.

    Shape:
        (N, F, h, w) features -> (N,) float logits that a tile holds an object.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.head = nn.Linear(2 * channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of a batch."""
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        presence: Tensor = self.head(pooled)[:, 0]
        return presence


def gate_for(network: nn.Module) -> Gate:
    """A gate that fits a network: over its deepest features, or over its logits without any."""
    encoder = encoder_of(network)
    return Gate(encoder.out_channels[-1] if encoder is not None else 1)  # type: ignore[index,arg-type]


def encoder_of(network: nn.Module) -> nn.Module | None:
    """The part of a network that gives maps of falling size, the deepest last; None without."""
    for module in network.modules():
        if isinstance(module, smp.base.SegmentationModel):
            pyramid = not isinstance(module, _WITHOUT_PYRAMID)
            return module.encoder if pyramid else None
    return None


@contextmanager
def deepest_features(network: nn.Module) -> Iterator[list[Tensor]]:
    """Collects (N, F, h, w) of the encoder's last stage while the network runs."""
    found: list[Tensor] = []
    encoder = encoder_of(network)
    if encoder is None:
        yield found
        return
    hook = encoder.register_forward_hook(lambda _, __, stages: found.append(stages[-1]))
    try:
        yield found
    finally:
        hook.remove()


def object_odds(logits: Tensor) -> Tensor:
    """(N, K, H, W) logits -> (N, 1, H, W) log odds that a pixel is of any class but the first."""
    return logits[:, 1:].logsumexp(dim=1, keepdim=True) - logits[:, :1]
