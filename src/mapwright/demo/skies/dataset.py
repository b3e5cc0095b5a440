"""Made-up clouds as files: tiles of four bands and where their clouds are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from mapwright.data.spec import DatasetSpec
from mapwright.demo.skies.lands import BANDS
from mapwright.demo.skies.tile import SCALE, make_sky_tile
from mapwright.demo.tiles import TileKind
from mapwright.io.files import replacing
from mapwright.io.raster import open_raster

SPEC = DatasetSpec.model_validate(
    {
        "name": "made-up clouds",
        "images": "images/*.tif",
        "masks": "masks/*.tif",
        "bands": [
            {"name": name, "index": i, "scale": 1 / SCALE, "unit": "reflectance"}
            for i, name in enumerate(BANDS, 1)
        ],
        "classes": [
            {"name": "clear", "values": [0], "color": "#2b2f36"},
            {"name": "cloud", "values": [1], "color": "#ffffff"},
        ],
        "split": {"val": 0.05},
    }
)
"""What such a folder holds."""


def _make_one(root: Path, seed: int) -> None:
    tile = make_sky_tile(seed)
    _save(root / "images" / f"{seed}.tif", tile.image)
    _save(root / "masks" / f"{seed}.tif", tile.mask[None])


def _save(path: Path, pixels: NDArray[np.uint16] | NDArray[np.uint8]) -> None:
    count, height, width = pixels.shape
    profile = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    plain = Affine(1, 0, 0, 0, -1, 0)  # no place on the ground, but no warning either
    with (
        replacing(path) as temporary,
        open_raster(temporary, "w", driver="GTiff", transform=plain, **profile) as target,
    ):
        target.write(pixels)


SKIES = TileKind(SPEC, _make_one)
