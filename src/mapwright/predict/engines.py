"""What turns a batch of tiles into probabilities; the rest of prediction knows only this."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mapwright.card import Card
from mapwright.onnxfile import OnnxFile
from mapwright.types import Tta


class Seen(NamedTuple):
    """All that a model says of a batch of tiles.

    Args:
        probabilities: (N, K, h, w) float32, summing to one over K.
        presence: (N,) float32, probability that a tile holds an object; None without a gate. A tile
            without a valid pixel holds none.
        border: (N, h, w) float32, probability that objects touch at a pixel; None where that was
            not learnt.
    """

    probabilities: NDArray[np.float32]
    presence: NDArray[np.float32] | None = None
    border: NDArray[np.float32] | None = None

    @property
    def channels(self) -> NDArray[np.float32]:
        """(N, K, h, w), or (N, K + 1, h, w) with the border as the last channel."""
        if self.border is None:
            return self.probabilities
        return np.concatenate([self.probabilities, self.border[:, None]], axis=1)


class Engine(Protocol):
    """Runs a model.

    Args:
        classes: Number of classes K.
        border: Whether it says where objects touch.
    """

    classes: int
    border: bool

    def probabilities(self, tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C, h, w) file values, NaN where invalid -> (N, K, h, w) summing to one over K."""

    def look(self, tiles: NDArray[np.float32]) -> Seen:
        """The same, and what else the model says."""


def open_engine(card: Card, tta: Tta) -> Engine:
    """What runs a model: ONNX Runtime an exported one, torch any other.

    Args:
        card: The model.
        tta: Test-time augmentation.
    """
    if isinstance(card, OnnxFile):
        from mapwright.predict.onnx_engine import OnnxEngine

        return OnnxEngine(card, tta)
    from mapwright.bundle import require_bundle
    from mapwright.hardware import detect_hardware
    from mapwright.predict.torch_engine import TorchEngine

    networks = require_bundle(card).networks()
    return TorchEngine(networks, len(card.spec.classes), tta, detect_hardware().device)


def views_of(tta: Tta) -> list[tuple[int, bool]]:
    """Quarter turns and whether to flip, for each view of a test-time augmentation."""
    if tta == "none":
        return [(0, False)]
    quarters = (0, 2) if tta == "flips" else (0, 1, 2, 3)
    return [(q, flip) for q in quarters for flip in (False, True)]
