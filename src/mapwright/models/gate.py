"""Is there any object in a tile? Said by the same network, from what it sees of the whole tile.

A tile that is larger than those learnt from is looked at in windows of their size, half a window
apart, and what the surest of them says counts. So maps of whole images need no small tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

_NOTHING = -80.0  # a logit: as sure as single precision can say that there is no object
_WITHOUT_PYRAMID = (smp.DPT,)  # its encoder gives tokens, not maps of falling size


class Gate(nn.Module):
    """Mean and maximum over a window, weighed: one for what is usual, one for what is small.

    Args:
        channels: Number of features F.
        side: Side of a window, that of the tiles learnt from, in pixels.

    Shape:
        (N, F, h, w) features -> (N,) float logits that a tile holds an object.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.side = side
        self.head = nn.Linear(2 * channels, 1)

    def forward(self, features: Tensor, known: Tensor) -> Tensor:
        """Logits of a batch.

        Args:
            features: (N, F, h, w) of tiles.
            known: (N, 1, H, W) float, 1 where the tiles hold a measurement; H and W are multiples
                of h and w. A window without any is not asked.
        """
        rows, height = int(features.shape[-2]), int(known.shape[-2])
        cells = max(1, -(-self.side * rows // height))
        pooled = torch.cat([_mean(features, cells), _highest(features, cells)], dim=1)
        said = self.head(pooled.movedim(1, -1))[..., 0]
        some = _highest(nn.functional.max_pool2d(known, height // rows), cells)[:, 0]
        presence: Tensor = said.masked_fill(some <= 0, _NOTHING).amax(dim=(1, 2))
        return presence


def _mean(features: Tensor, cells: int) -> Tensor:
    """(N, F, h, w) -> (N, F, r, c) mean over the part of each window that lies inside."""
    pool = nn.AvgPool2d(cells, _apart(cells))
    there = torch.ones_like(features[:, :1])
    mean: Tensor = pool(_whole(features, cells, 0.0)) / pool(_whole(there, cells, 0.0))
    return mean


def _highest(features: Tensor, cells: int) -> Tensor:
    """(N, F, h, w) -> (N, F, r, c) highest in each window."""
    pool = nn.MaxPool2d(cells, _apart(cells))
    highest: Tensor = pool(_whole(features, cells, -torch.inf))
    return highest


def _apart(cells: int) -> int:
    return max(1, cells // 2)


def _whole(features: Tensor, cells: int, value: float) -> Tensor:
    """Features padded at the bottom and on the right until windows cover all of them.

    A fixed padding and a cut: a graph for tiles of any size knows no amount beforehand.
    """
    most = cells + _apart(cells) - 2
    rows, cols = (_covered(length, cells) for length in features.shape[-2:])
    return nn.functional.pad(features, (0, most, 0, most), value=value)[..., :rows, :cols]


def _covered(length: int, cells: int) -> int:
    """The longer of a length and a window, and what the last window may reach over it.

    Without `max`, which a trace would take for a constant.
    """
    lacking = cells - length
    return length + (lacking + abs(lacking)) // 2 + _apart(cells) - 1


def gate_for(network: nn.Module, side: int) -> Gate:
    """A gate that fits a network: over its deepest features, or over its logits without any.

    Args:
        network: The network.
        side: Side of the tiles that it learns from, in pixels.
    """
    encoder = encoder_of(network)
    return Gate(encoder.out_channels[-1] if encoder is not None else 1, side)  # type: ignore[index,arg-type]


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
