"""Training batches: a batch is a pure function of the seed, its step number and the hard tiles.

So the order of workers, an interruption or a second process changes nothing: hard tiles follow
from the batches before and are part of the state of a training.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mapwright.data.batch import Batch, Unread
from mapwright.data.borders import Borders
from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.hard import HardTiles
from mapwright.data.locks import Locks
from mapwright.data.packed import Packed
from mapwright.types import IGNORE, Window


class SampleCache:
    """Keeps whole samples in memory while there is room; of others, windows are read as asked.

    They take as few bytes as hold them exactly. Those that are in stay in: with random draws,
    throwing out the oldest would read more. Several threads may read at once: what they get is the
    same, and which samples stay may differ.

    Args:
        dataset: Reads the files.
        limit: Bytes that samples may take.
    """

    def __init__(self, dataset: Dataset, limit: int) -> None:
        self._dataset, self._limit, self._used = dataset, limit, 0
        self._samples: dict[str, Packed] = {}
        self._borders: dict[tuple[int, int], Borders] = {}
        self._room, self._doors = Lock(), Locks()

    @property
    def bands(self) -> int:
        """Number of bands C of what is read."""
        return len(self._dataset.spec.used)

    def read(self, item: Item, window: Window | None = None) -> Sample:
        """An item, or a part of it; what lies outside is invalid and unlabelled."""
        packed = self._samples.get(item.stem) or self._kept(item)
        if packed is None:
            return self._dataset.read(item, window)
        return packed.cut(window) if window else packed.whole()

    def borders(self, index: int, width: int) -> Borders:
        """Where objects of a class touch; what was found is kept for the next who asks."""
        fresh = Borders(self._dataset, index, width)
        return self._borders.setdefault((index, width), fresh)

    def _kept(self, item: Item) -> Packed | None:
        """Read an item to keep it, if there is room; who else wants it waits, and has it then."""
        height, width = self._dataset.size(item)
        need = height * width * (4 * self.bands + 2)
        with self._doors.of(item.stem):
            if item.stem in self._samples or not self._reserve(need):
                return self._samples.get(item.stem)
            taken = 0
            try:
                packed = self._samples[item.stem] = Packed.of(self._dataset.read(item))
                taken = packed.nbytes
            finally:
                self._reserve(taken - need)
        return packed

    def _reserve(self, need: int) -> bool:
        """Whether so many bytes are left; they are taken then, before others can."""
        with self._room:
            fits = self._used + need <= self._limit
            self._used += need if fits else 0
        return fits


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
        places: For each class to draw so, for each image, where in it some of its pixels lie, as
            row times width plus column; needed when `rare` is above 0.
        empty: Share of the tiles that come from images without object; what is neither `rare` nor
            `empty` comes from the other images then. 0 = images as they come.
        mining: Share of the `empty` tiles that are drawn from the hard tiles.
        bare: Numbers of the images without object.
        borders: Where objects touch; None = that is not learnt.
        pinned: Whether batches lie where a GPU fetches them while the processor goes on.
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
        empty: float = 0.0,
        mining: float = 0.0,
        bare: Sequence[int] = (),
        borders: Borders | None = None,
        pinned: bool = False,
    ) -> None:
        self._rare, self._empty, self._mining, self._borders = rare, empty, mining, borders
        held = [[(k, there) for k, there in enumerate(of) if len(there)] for of in places]
        self._classes = [holders for holders in held if holders]
        self._cache, self._items, self._sizes, self._pinned = cache, items, sizes, pinned
        self._patch, self._batch, self._seed = patch, batch, seed
        self.source = patch + 2 * int(np.ceil(patch * (context - 1) / 2))  # keeps the parity
        self._numbers = {item.stem: number for number, item in enumerate(items)}
        area = np.array([h * w for h, w in sizes], np.float64)
        empty_area = area * np.isin(np.arange(len(area)), bare)
        apart = empty > 0 and 0 < empty_area.sum() < area.sum()  # else there is but one kind
        self._elsewhere = _shares(area - empty_area if apart else area)
        self._bare = _shares(empty_area if apart else area)

    def choose(self, step: int, hard: HardTiles | None = None) -> Unread:
        """The batch of a step, counted from 0, whose files are not read yet.

        Args:
            step: Number of the step.
            hard: Where false alarms were raised, as far as that counts; None = nowhere yet.
        """
        rng = np.random.default_rng([self._seed, step])
        places = [self._place(rng, hard or HardTiles()) for _ in range(self._batch)]
        batch = Batch(
            self._room(torch.float32, self._cache.bands),
            self._room(torch.int64),
            tuple((item.stem, window) for item, window in places),
            self._room(torch.int64) if self._borders else None,
        )
        return Unread(batch, tuple(partial(self._read, batch, *of) for of in enumerate(places)))

    def draw(self, step: int, hard: HardTiles | None = None) -> Batch:
        """The same, read at once."""
        return self.choose(step, hard).read()

    def _room(self, kind: torch.dtype, *bands: int) -> Tensor:
        """(N, ..., S, S) with anything in it."""
        shape = (self._batch, *bands, self.source, self.source)
        return torch.empty(shape, dtype=kind, pin_memory=self._pinned)

    def _read(self, batch: Batch, number: int, place: tuple[Item, Window]) -> None:
        """Read a tile into its place in a batch."""
        sample = self._cache.read(*place)
        batch.image.numpy()[number] = sample.image
        batch.mask.numpy()[number] = sample.mask
        if self._borders and batch.border is not None:
            found = self._borders.read(*place)
            batch.border.numpy()[number] = np.where(sample.mask == IGNORE, IGNORE, found)

    def _place(self, rng: np.random.Generator, hard: HardTiles) -> tuple[Item, Window]:
        """An image and a window in it: of a kind that is drawn by its share."""
        kind = rng.random()
        if kind < self._rare and self._classes:
            return self._around(rng)
        if not self._rare <= kind < self._rare + self._empty:
            return self._anywhere(self._elsewhere, rng)
        if len(hard) and rng.random() < self._mining:
            stem, row, col = hard.draw(rng)
            return self._items[self._numbers[stem]], Window(row, col, self.source, self.source)
        return self._anywhere(self._bare, rng)

    def _anywhere(
        self, shares: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[Item, Window]:
        """Any place of an image; `shares` says how often each is drawn."""
        chosen = int(rng.choice(len(self._items), p=shares))
        return self._items[chosen], self._draw(self._sizes[chosen], rng)

    def _around(self, rng: np.random.Generator) -> tuple[Item, Window]:
        """Around a pixel of an evenly drawn class."""
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


def _shares(area: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = area / area.sum()
    return shares
