"""Training batches: a batch is a pure function of the seed and its step number.

So the order of workers, an interruption or a second process changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.types import Window


@dataclass(frozen=True)
class Batch:
    """Sources of the tiles of one step.

    Args:
        image: (N, C, S, S) float32 file values, NaN where invalid.
        mask: (N, S, S) int64 class indices or `IGNORE`.
        places: Stem and window of each source, for messages.
    """

    image: Tensor
    mask: Tensor
    places: tuple[tuple[str, Window], ...]


class SampleCache:
    """Keeps whole samples in memory while there is room; of others, windows are read as asked.

    Samples that are in stay in: with random draws, throwing out the oldest would read more.

    Args:
        dataset: Reads the files.
        limit: Bytes that samples may take.
    """

    def __init__(self, dataset: Dataset, limit: int) -> None:
        self._dataset, self._limit, self._used = dataset, limit, 0
        self._samples: dict[str, Sample] = {}

    def read(self, item: Item, window: Window | None = None) -> Sample:
        """An item, or a part of it; what lies outside is invalid and unlabelled."""
        sample = self._samples.get(item.stem)
        if sample is None and self._fits(item):
            sample = self._samples[item.stem] = self._dataset.read(item)
            self._used += _bytes(sample)
        if sample is None:
            return self._dataset.read(item, window)
        return sample.cut(window) if window else sample

    def _fits(self, item: Item) -> bool:
        height, width = self._dataset.size(item)
        need = height * width * (4 * len(self._dataset.spec.used) + 2)
        return self._used + need <= self._limit


class TrainingTiles:
    """The batches of a training, by step.

    Args:
        cache: Where samples come from.
        items: The images to learn from.
        sizes: Height and width of each, in pixels.
        patch: Side of the tiles, in pixels.
        context: How much larger the sources are, as a factor.
        batch: Tiles per step.
        seed: Seed of the draws.
        rare: Share of the tiles that are centred on a pixel of a class drawn evenly, so that a
            rare class is seen as often as a common one; 0 = every place alike.
        places: For each class, for each image, where in it some of its pixels lie, as row times
            width plus column; needed when `rare` is above 0.
    """

    def __init__(
        self,
        cache: SampleCache,
        items: Sequence[Item],
        sizes: Sequence[tuple[int, int]],
        *,
        patch: int,
        context: float,
        batch: int,
        seed: int,
        rare: float = 0.0,
        places: Sequence[Sequence[NDArray[np.int64]]] = (),
    ) -> None:
        self._rare = rare
        held = [[(k, there) for k, there in enumerate(of) if len(there)] for of in places]
        self._classes = [holders for holders in held if holders]
        self._cache, self._items, self._sizes = cache, items, sizes
        self._patch, self._batch, self._seed = patch, batch, seed
        self.source = patch + 2 * int(np.ceil(patch * (context - 1) / 2))  # keeps the parity
        area = np.array([h * w for h, w in sizes], np.float64)
        self._share = area / area.sum()

    def draw(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        rng = np.random.default_rng([self._seed, step])
        places = [self._place(rng) for _ in range(self._batch)]
        samples = [self._cache.read(item, window) for item, window in places]
        return Batch(
            torch.from_numpy(np.stack([sample.image for sample in samples])),
            torch.from_numpy(np.stack([sample.mask for sample in samples]).astype(np.int64)),
            tuple((item.stem, window) for item, window in places),
        )

    def _place(self, rng: np.random.Generator) -> tuple[Item, Window]:
        """An image and a window in it: anywhere, or around a pixel of an evenly drawn class."""
        if rng.random() >= self._rare:
            chosen = int(rng.choice(len(self._items), p=self._share))
            return self._items[chosen], self._draw(self._sizes[chosen], rng)
        holders = self._classes[int(rng.integers(len(self._classes)))]
        chosen, here = holders[int(rng.integers(len(holders)))]
        height, width = self._sizes[chosen]
        row, col = divmod(int(here[rng.integers(len(here))]), width)
        corner = (self._near(row, height), self._near(col, width))
        margin = (self.source - self._patch) // 2
        return self._items[chosen], Window(
            corner[0] - margin, corner[1] - margin, self.source, self.source
        )

    def _near(self, place: int, side: int) -> int:
        """Where a tile around a place begins, inside the image when that is large enough."""
        free = side - self._patch
        return min(max(place - self._patch // 2, 0), free) if free > 0 else free // 2

    def _draw(self, size: tuple[int, int], rng: np.random.Generator) -> Window:
        """A source whose central tile lies inside the image, when the image is large enough."""
        margin = (self.source - self._patch) // 2
        row, col = (self._start(side, rng) - margin for side in size)
        return Window(row, col, self.source, self.source)

    def _start(self, side: int, rng: np.random.Generator) -> int:
        free = side - self._patch
        return int(rng.integers(0, free + 1)) if free > 0 else free // 2


def _bytes(sample: Sample) -> int:
    return int(sample.image.nbytes + sample.mask.nbytes + sample.labels.nbytes)
