"""Made-up settlements as files: aerial tiles and the roofs in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from mapwright.data.spec import DatasetSpec
from mapwright.demo.settlement import Tile, make_settlement
from mapwright.demo.tiles import TileKind
from mapwright.io.files import replacing

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


SETTLEMENTS = TileKind(SPEC, _make_one)
