"""From file values to what a network eats; part of the model, so it can't be forgotten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mapwright.models.gate import Gate, deepest_features, object_odds


class Inputs(nn.Module):
    """Standardise each band; a pixel that is invalid in any band becomes 0 in all.

    Args:
        mean: Mean per band, in file values.
        std: Standard deviation per band, in file values.
        nodata: The file value that means "no measurement", or None; NaN and infinity mean it too.
        low: Values below are raised to this, one per band; None = no limit.
        high: Values above are lowered to this, one per band; None = no limit.

    Shape:
        (N, C, H, W) float32 file values -> (N, C, H, W) float32 standardised values.
    """

    mean: Tensor
    std: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        nodata: float | None = None,
        low: Sequence[float] | None = None,
        high: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        unlimited = [math.inf] * len(mean)
        buffers = {
            "mean": mean,
            "std": std,
            "low": low or [-limit for limit in unlimited],
            "high": high or unlimited,
        }
        for name, values in buffers.items():
            column = torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1)
            self.register_buffer(name, column)
        self.nodata = nodata

    def forward(self, image: Tensor) -> Tensor:
        """Standardise a batch."""
        clipped = torch.minimum(torch.maximum(image, self.low), self.high)
        return torch.where(self.invalid(image), 0.0, (clipped - self.mean) / self.std)

    def invalid(self, image: Tensor) -> Tensor:
        """(N, 1, H, W) bool, True where any band holds no measurement."""
        invalid = ~torch.isfinite(image)
        if self.nodata is not None:
            invalid = invalid | (image == self.nodata)
        return invalid.any(dim=1, keepdim=True)


class Look(NamedTuple):
    """All that a model says of a batch.

    Args:
        logits: (N, K, H, W) of the classes.
        presence: (N,) logits that a tile holds an object; None without a gate.
        border: (N, H, W) logits that objects touch at a pixel; None where that was not learnt.
    """

    logits: Tensor
    presence: Tensor | None = None
    border: Tensor | None = None

    def float(self) -> Look:
        """The same in single precision."""
        rest = (part if part is None else part.float() for part in self[1:])
        return Look(self.logits.float(), *rest)


class SegmentationModel(nn.Module):
    """Inputs and network as one: file values in, logits out, for any height and width.

    Args:
        inputs: File values to standardised values.
        network: Standardised (N, C, H, W) to logits (N, K, H, W), and one channel more where the
            borders between objects are learnt.
        stride: Height and width that the network takes are multiples of this, in pixels.
        gate: Says from the network's features whether a tile holds an object; None = there is none.
        border: Whether the last channel of the network says where objects touch.

    Shape:
        (N, C, H, W) float32 file values, NaN where invalid -> (N, K, H, W) float32 logits.
    """

    def __init__(
        self,
        inputs: Inputs,
        network: nn.Module,
        stride: int = 32,
        gate: Gate | None = None,
        border: bool = False,
    ) -> None:
        super().__init__()
        self.inputs, self.network, self.stride = inputs, network, stride
        self.gate, self.border = gate, border

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the classes alone, (N, K, H, W); see `channels`."""
        return self.parted(self.channels(image)).logits

    def channels(self, image: Tensor) -> Tensor:
        """All channels of the network; sizes that are no multiple of the stride are padded."""
        found: Tensor = self.network(self._padded(image))
        return found[..., : image.shape[-2], : image.shape[-1]]

    def everything(self, image: Tensor) -> Look:
        """All that the model says of a batch; the same logits as `forward`."""
        known = self._whole((~self.inputs.invalid(image)).float())
        return self.look(self._padded(image), known, image.shape[-2], image.shape[-1])

    def look(self, x: Tensor, known: Tensor, height: int, width: int, gated: bool = True) -> Look:
        """All that the model says of standardised tiles.

        Args:
            x: (N, C, H, W) standardised, padded at the bottom and on the right.
            known: (N, 1, H, W) float, 1 where there is a measurement; padded by 0.
            height: Rows without padding.
            width: Columns without padding.
            gated: Whether to ask the gate, if there is one.
        """
        if self.gate is None or not gated:
            return self.parted(self.network(x)[..., :height, :width])
        with deepest_features(self.network) as found:
            seen = self.parted(self.network(x)[..., :height, :width])
        if found:
            presence: Tensor = self.gate(found[0], known)
        else:
            presence = self.gate(object_odds(seen.logits), known[..., :height, :width])
        return seen._replace(presence=presence)

    def parted(self, channels: Tensor) -> Look:
        """What each channel of the network means."""
        if not self.border:
            return Look(channels)
        return Look(channels[:, :-1], border=channels[:, -1])

    def _padded(self, image: Tensor) -> Tensor:
        return self._whole(self.inputs(image))  # zeros after standardising: the same as invalid

    def _whole(self, x: Tensor) -> Tensor:
        """(N, C, H, W) with zeros at the bottom and on the right, to multiples of the stride."""
        down, right = (-length % self.stride for length in x.shape[-2:])
        return nn.functional.pad(x, (0, right, 0, down)) if down or right else x
