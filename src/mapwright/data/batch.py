"""What a step learns from: a batch, and one whose files are still to be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mapwright.data.hard import HardTiles
from mapwright.types import Window


@dataclass(frozen=True)
class Batch:
    """Sources of the tiles of one step.

    Args:
        image: (N, C, S, S) float32 file values, NaN where invalid.
        mask: (N, S, S) int64 class indices or `IGNORE`.
        places: Stem and window of each source, for messages.
        border: (N, S, S) int64, 1 where objects touch, else 0, `IGNORE` where the mask is; None
            where borders are not learnt.
    """

    image: Tensor
    mask: Tensor
    places: tuple[tuple[str, Window], ...]
    border: Tensor | None = None

    @property
    def labels(self) -> Tensor:
        """(N, L, S, S) int64, all that is to be learnt: the mask, then the border if there is one.

        What varies them together can't move one against the other.
        """
        return torch.stack([self.mask, *([] if self.border is None else [self.border])], dim=1)

    def moved(self, move: Callable[[Tensor], Tensor]) -> Batch:
        """The same on another device.

        Args:
            move: Brings a tensor there.
        """
        border = None if self.border is None else move(self.border)
        return replace(self, image=move(self.image), mask=move(self.mask), border=border)


@dataclass(frozen=True)
class Unread:
    """A batch whose places are chosen, and whose files are not read yet.

    Args:
        batch: Holds anything at all until each of `reads` has run.
        reads: Each reads a tile into its place in the batch, in any thread and any order.
    """

    batch: Batch
    reads: tuple[Callable[[], None], ...] = ()

    def read(self) -> Batch:
        """Read it here and now."""
        for read in self.reads:
            read()
        return self.batch


Choose = Callable[[int, HardTiles], Unread]
"""Chooses the places of a step, counted from 0, knowing some places of false alarms."""

Draw = Callable[[int, HardTiles], Batch]
"""Gives the batch of such a step at once."""
