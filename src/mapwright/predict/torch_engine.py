"""The networks themselves, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mapwright.models.inputs import SegmentationModel
from mapwright.predict.engines import views_of
from mapwright.types import Tta


class TorchEngine:
    """One or more networks of the same task in torch; their probabilities are averaged.

    Args:
        networks: The members of the ensemble.
        classes: Number of classes K.
        tta: Test-time augmentation.
        device: Where to run.
    """

    def __init__(
        self,
        networks: Sequence[SegmentationModel],
        classes: int,
        tta: Tta = "none",
        device: torch.device | str = "cpu",
    ) -> None:
        self.classes, self._tta, self._device = classes, tta, torch.device(device)
        self._networks = [
            network.to(self._device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
            for network in networks
        ]

    @torch.inference_mode()
    def probabilities(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine`; float32 arithmetic."""
        batch = torch.from_numpy(tiles).to(self._device)
        views = views_of(self._tta)
        total = torch.zeros(())
        for network in self._networks:
            for quarters, flip in views:
                logits = network(
                    _turn(batch, quarters, flip).contiguous(memory_format=torch.channels_last)
                )
                total = total + _turn_back(logits.softmax(dim=1), quarters, flip)
        mean: NDArray[np.float32] = (total / (len(self._networks) * len(views))).cpu().numpy()
        return mean


def _turn(x: Tensor, quarters: int, flip: bool) -> Tensor:
    return torch.rot90(x.flip(-1) if flip else x, quarters, (-2, -1))


def _turn_back(x: Tensor, quarters: int, flip: bool) -> Tensor:
    back = torch.rot90(x, -quarters, (-2, -1))
    return back.flip(-1) if flip else back
