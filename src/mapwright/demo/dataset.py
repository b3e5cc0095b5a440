"""Made-up settlements as a data folder: images, masks and dataset.toml."""

from __future__ import annotations

import math
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from mapwright.data.spec import FILE_NAME, DatasetSpec
from mapwright.data.write_spec import to_toml
from mapwright.demo.settlement import Tile, make_settlement
from mapwright.io.files import replacing, write_text
from mapwright.progress import progress_bar

SPEC = DatasetSpec.model_validate(
    {
        "name": "settlements",
        "images": "images/*.png",
        "masks": "masks/*.png",
        "bands": [{"name": n, "index": i} for i, n in enumerate(("red", "green", "blue"), 1)],
        "classes": [
            {"name": "background", "values": [0], "color": "#2b2f36"},
            {"name": "roof", "values": [255], "color": "#ff5a36"},
        ],
        "mask": {"threshold": 128.0},
        "valid": {"alpha": True},
        "split": {"val": 0.05},
    }
)
"""What such a folder holds."""

_FIRST = 10_000  # seed of the first tile; those below are the demo's


def make_settlements(
    root: Path, count: int, seed: int = 0, *, least: int = 0, deadline: float = math.inf
) -> None:
    """Write tiles with masks, on all cores; `dataset.toml` comes last and says that all are there.

    Args:
        root: The data folder; a whole one is left as it is.
        count: Number of tiles.
        seed: Which ones.
        least: Fewest tiles, whatever the clock says.
        deadline: `time.monotonic()` from which on no further tile is begun.
    """
    if (root / FILE_NAME).exists():
        return
    first = _FIRST + 1_000_000 * seed
    seeds = range(first, first + count)
    # threads of this process must not be copied into the workers, so they start afresh
    with (
        ProcessPoolExecutor(mp_context=get_context("spawn")) as pool,
        progress_bar("make", count, "tiles") as progress,
    ):
        for made, _ in enumerate(pool.map(_make_one, [root] * count, seeds, chunksize=8), 1):
            progress.advance()
            if made >= least and time.monotonic() > deadline:
                pool.shutdown(cancel_futures=True)
                break
    write_text(root / FILE_NAME, to_toml(SPEC, {}))


def write_tile(root: Path, name: str, tile: Tile, labelled: bool = True) -> None:
    """Write one tile into `images/` and, if it is labelled, `masks/`."""
    _save(root / "images" / f"{name}.png", tile.image.transpose(1, 2, 0))
    if labelled:
        _save(root / "masks" / f"{name}.png", tile.mask)


def _make_one(root: Path, seed: int) -> None:
    write_tile(root, str(seed), make_settlement(seed))


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    with replacing(path) as temporary:
        PilImage.fromarray(pixels).save(temporary, compress_level=1)
