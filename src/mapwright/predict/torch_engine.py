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

    def probabilities(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine`; float32 arithmetic."""
        return self.look(tiles)[0]

    @torch.inference_mode()
    def look(
        self, tiles: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """See `Engine`; float32 arithmetic."""
        batch = torch.from_numpy(tiles).to(self._device)
        views, gated = views_of(self._tta), self._networks[0].gate is not None
        total, seen = torch.zeros(()), torch.zeros(())
        for network in self._networks:
            for quarters, flip in views:
                view = _turn(batch, quarters, flip).contiguous(memory_format=torch.channels_last)
                if gated:
                    logits, presence = network.with_presence(view)
                    seen = seen + presence.sigmoid()
                else:
                    logits = network(view)
                total = total + _turn_back(logits.softmax(dim=1), quarters, flip)
        count = len(self._networks) * len(views)
        mean: NDArray[np.float32] = (total / count).cpu().numpy()
        if not gated:
            return mean, None
        empty = self._networks[0].inputs.invalid(batch).all(dim=(1, 2, 3))
        return mean, torch.where(empty, 0.0, seen / count).cpu().numpy()


def _turn(x: Tensor, quarters: int, flip: bool) -> Tensor:
    return torch.rot90(x.flip(-1) if flip else x, quarters, (-2, -1))


def _turn_back(x: Tensor, quarters: int, flip: bool) -> Tensor:
    back = torch.rot90(x, -quarters, (-2, -1))
    return back.flip(-1) if flip else back
