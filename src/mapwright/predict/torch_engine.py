"""The networks themselves, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mapwright.models.inputs import SegmentationModel
from mapwright.predict.engines import Seen, views_of
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
        self.border = networks[0].border
        self._networks = [
            network.to(self._device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
            for network in networks
        ]

    def probabilities(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine`; float32 arithmetic."""
        return self.look(tiles).probabilities

    @torch.inference_mode()
    def look(self, tiles: NDArray[np.float32]) -> Seen:
        """See `Engine`; float32 arithmetic."""
        batch = torch.from_numpy(tiles).to(self._device)
        views, first = views_of(self._tta), self._networks[0]
        total, presence, border = torch.zeros(()), torch.zeros(()), torch.zeros(())
        for network in self._networks:
            for quarters, flip in views:
                view = _turn(batch, quarters, flip).contiguous(memory_format=torch.channels_last)
                seen = network.everything(view)
                total = total + _turn_back(seen.logits.softmax(dim=1), quarters, flip)
                if seen.presence is not None:
                    presence = presence + seen.presence.sigmoid()
                if seen.border is not None:
                    border = border + _turn_back(seen.border.sigmoid(), quarters, flip)
        count = len(self._networks) * len(views)
        empty = first.inputs.invalid(batch).all(dim=(1, 2, 3))
        return Seen(
            (total / count).cpu().numpy(),
            torch.where(empty, 0.0, presence / count).cpu().numpy()
            if first.gate is not None
            else None,
            (border / count).cpu().numpy() if first.border else None,
        )


def _turn(x: Tensor, quarters: int, flip: bool) -> Tensor:
    return torch.rot90(x.flip(-1) if flip else x, quarters, (-2, -1))


def _turn_back(x: Tensor, quarters: int, flip: bool) -> Tensor:
    back = torch.rot90(x, -quarters, (-2, -1))
    return back.flip(-1) if flip else back
