"""Read, infer, blend: an image of any size goes in, finished rows come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from mapwright.data.dataset import Sample
from mapwright.plan import STRIDE, Plan
from mapwright.predict.engines import Engine
from mapwright.predict.presence import Presence
from mapwright.predict.stitch import Strip, stitch
from mapwright.predict.windows import plan_windows
from mapwright.progress import Progress
from mapwright.types import ClassIndex, Image, Probabilities, Window

Read = Callable[[Window], Image]
"""Gives (C, h, w) float32 of a window, NaN where invalid or outside."""

_PIXELS = 4 * 256**2  # that a network sees at a time


@dataclass(frozen=True)
class Tiling:
    """How an image is cut for prediction.

    Args:
        tile: Side of the square tiles, in pixels.
        overlap: Smallest share by which neighbours overlap.
        batch: Tiles at a time; None = as many as have about the pixels of four of 256 x 256.
        least: Smallest side that tiles may have, where an image needs none so large as `tile`;
            None = they are never smaller.
    """

    tile: int
    overlap: float = 0.5
    batch: int | None = None
    least: int | None = None

    @property
    def at_once(self) -> int:
        """Tiles at a time."""
        return self.batch or max(1, _PIXELS // self.tile**2)

    def within(self, height: int, width: int) -> Tiling:
        """The same for an image of some size: one tile of it need not be larger than it is."""
        if self.least is None:
            return self
        whole = math.ceil(max(height, width) / STRIDE) * STRIDE
        return replace(self, tile=min(self.tile, max(self.least, whole)))

    def pixels(self, height: int, width: int) -> int:
        """Pixels of all tiles of an image of some size."""
        tile = self.within(height, width).tile
        return len(plan_windows(height, width, tile, self.overlap)) * tile**2


def tiling_of(plan: Plan) -> Tiling:
    """How images are cut for prediction by a plan."""
    return Tiling(plan.tile, plan.overlap, least=min(plan.patch, plan.tile))


def predict_rows(
    engine: Engine,
    read: Read,
    size: tuple[int, int],
    tiling: Tiling,
    progress: Progress | None = None,
    presence: Presence | None = None,
) -> Iterator[Strip]:
    """Predict an image strip by strip.

    Args:
        engine: Runs the model.
        read: Reads a window of the image.
        size: Height and width of the image, in pixels.
        tiling: How to cut it.
        progress: Told of every tile.
        presence: Told of every tile whether it holds an object.

    Yields:
        Strips of probabilities, and of borders where the model says them, from the top row to the
        last; both are blended alike.
    """
    tiling = tiling.within(*size)
    windows = plan_windows(*size, tiling.tile, tiling.overlap)

    def tiles() -> Iterator[tuple[Window, Probabilities]]:
        for start in range(0, len(windows), tiling.at_once):
            group = windows[start : start + tiling.at_once]
            seen = engine.look(np.stack([read(window) for window in group]))
            if presence is not None:
                presence.note(seen.presence)
            yield from zip(group, seen.channels, strict=True)
            if progress:
                progress.advance(len(group))

    for strip in stitch(tiles(), *size, engine.classes + engine.border):
        yield strip.parted(engine.classes)


def predict_samples(
    engine: Engine,
    read: Callable[[Window], Sample],
    size: tuple[int, int],
    tiling: Tiling,
    presence: Presence | None = None,
) -> Iterator[tuple[Sample, Strip]]:
    """Predict a labelled image strip by strip, each beside what the files hold there.

    Args:
        engine: Runs the model.
        read: Reads a window of the image with its mask.
        size: Height and width of the image, in pixels.
        tiling: How to cut it.
        presence: Told of every tile whether it holds an object.
    """
    strips = predict_rows(engine, lambda w: read(w).image, size, tiling, presence=presence)
    for strip in strips:
        yield read(Window(strip.row, 0, strip.probabilities.shape[1], size[1])), strip


def predict_whole(
    engine: Engine, image: Image, tiling: Tiling, progress: Progress | None = None
) -> Probabilities:
    """Predict an image that is in memory, (C, H, W) -> (K, H, W)."""
    size = image.shape[1], image.shape[2]
    strips = predict_rows(engine, lambda w: w.cut(image, np.nan), size, tiling, progress)
    return np.concatenate([strip.probabilities for strip in strips], axis=1)


def decide(probabilities: Probabilities, threshold: float) -> ClassIndex:
    """Probabilities (K, h, w) to class indices (h, w) uint8.

    With two classes, the second from `threshold` on; with more, the most probable.
    """
    if len(probabilities) == 2:
        return np.asarray(probabilities[1] >= threshold, np.uint8)
    return np.asarray(probabilities.argmax(axis=0), np.uint8)
