"""Made-up tiles as a data folder, made on all cores: images, masks and dataset.toml."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from mapwright.data.spec import FILE_NAME, DatasetSpec
from mapwright.data.write_spec import to_toml
from mapwright.io.files import write_text
from mapwright.progress import progress_bar

_FIRST = 10_000  # seed of the first tile; those below are the demo's


@dataclass(frozen=True)
class TileKind:
    """Tiles of one kind.

    Args:
        spec: What a folder of them holds.
        write: Makes the tile of a seed and writes it below a folder; runs in other processes.
        size: Their height and width in pixels.
    """

    spec: DatasetSpec
    write: Callable[[Path, int], None]
    size: int = 256


def make_tiles(
    kind: TileKind,
    root: Path,
    count: int,
    seed: int = 0,
    *,
    least: int = 0,
    deadline: float = math.inf,
) -> None:
    """Write tiles with masks, on all cores; `dataset.toml` comes last and says that all are there.

    Args:
        kind: What they show.
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
        for made, _ in enumerate(pool.map(kind.write, [root] * count, seeds, chunksize=8), 1):
            progress.advance()
            if made >= least and time.monotonic() > deadline:
                pool.shutdown(cancel_futures=True)
                break
    write_text(root / FILE_NAME, to_toml(kind.spec, {}))
