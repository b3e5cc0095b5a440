"""Made-up stacks in the layout of the Sentinel-2 Cloud Mask Catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

BANDS = 13
RED, GREEN, BLUE, NIR = 3, 2, 1, 7  # 0-based places of the four bands of the brief
TILES = ("32TQM", "33UWR", "36MZC", "11SKA", "54HVE", "19FDV")


def name_of(number: int) -> str:
    """A name as products of level 1C have it; every second one is of another tile."""
    tile = TILES[number // 2 % len(TILES)]
    return f"S2A_MSIL1C_201803{number + 1:02d}T100021_N0206_R122_T{tile}_20180301T120000"


def make_stack(seed: int, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(height, width, 13) reflectance and (height, width, 3) clear, cloud, shadow; seeded."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(height, width)), 6)
    cloud = field > 0.5 * field.std()
    shadow = np.roll(cloud, (5, 5), (0, 1)) & ~cloud
    image = 0.08 + 0.04 * rng.random((height, width, BANDS), np.float32)
    image += 0.02 * np.arange(BANDS, dtype=np.float32)  # every band has values of its own
    image[cloud] += 0.5
    image[shadow] *= 0.5
    return image, np.stack([~cloud & ~shadow, cloud, shadow], axis=-1)


def write_catalogue(
    root: Path, count: int = 6, size: tuple[int, int] = (70, 81), unlabelled: Sequence[int] = ()
) -> Path:
    """`root`/subscenes and `root`/masks; masks of some numbers have a corner of no class."""
    for folder in ("subscenes", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image, mask = make_stack(number, *size)
        if number in unlabelled:
            mask[:10, :10] = False
        np.save(root / "subscenes" / f"{name_of(number)}.npy", image)
        np.save(root / "masks" / f"{name_of(number)}.npy", mask)
    return root
