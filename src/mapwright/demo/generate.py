"""Made-up data sets by name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mapwright.demo.dataset import SETTLEMENTS
from mapwright.demo.landcover import make_landcover
from mapwright.demo.sea.dataset import make_ships
from mapwright.demo.skies.dataset import SKIES
from mapwright.demo.tiles import make_tiles
from mapwright.errors import SettingError
from mapwright.io.files import require_new

TILES: Final = {"settlements": SETTLEMENTS, "clouds": SKIES}
"""Kinds of made-up tiles by name."""

_IMAGES = {"landcover": 6, "ships": 48}
_SIZES = {"landcover": 512, "ships": 768}
_TILES = 24
_VALIDATE = 3  # one scene of land cover in so many


def generate(
    kind: str,
    folder: Path,
    *,
    images: int | None = None,
    size: int | None = None,
    seed: int = 0,
    labels: Path | None = None,
    test: int = 0,
) -> str:
    """Make up a data set.

    Args:
        kind: One of `TILES`, `landcover` or `ships`.
        folder: A new or empty folder.
        images: How many; None = a few.
        size: Height and width in pixels; None = as real ones have.
        seed: Which ones.
        labels: Of land cover: a folder with `tra_truth` and `val_truth` to make scenes for.
        test: Of ships: how many further images, in `test_v2` and without a mask.

    Returns:
        What was made, in words.

    Raises:
        SettingError: A number that can't be, or one that this kind has no use for.
    """
    if labels and (kind != "landcover" or images or size):
        raise SettingError(
            "--labels says how many scenes there are and how large",
            where="--labels",
            expected="landcover, without --images and --size",
        )
    if test and kind != "ships":
        raise SettingError("only ships have images without a mask", where="--test", expected="0")
    if kind in TILES:
        made = TILES[kind]
        if size not in (None, made.size):
            raise SettingError(f"{kind} of {size} pixels", where="--size", expected=f"{made.size}")
        require_new(folder)
        make_tiles(made, folder, images or _TILES, seed)
        return _told(folder, kind)
    count, side = images or _IMAGES[kind], size or _SIZES[kind]
    if kind == "ships":
        make_ships(folder, count, seed=seed, size=side, test=test)
    else:
        val = max(1, count // _VALIDATE)
        train = max(1, count - val)
        make_landcover(folder, labels=labels, scenes=(train, val), size=side, seed=seed)
    return _told(folder, kind)


def _told(folder: Path, kind: str) -> str:
    return f"{folder}: made-up {kind}; nothing in it is real"
