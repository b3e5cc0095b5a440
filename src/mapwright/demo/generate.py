"""Made-up data sets by name."""

from __future__ import annotations

from pathlib import Path

from mapwright.demo.dataset import make_settlements
from mapwright.demo.landcover import make_landcover
from mapwright.demo.sea.dataset import make_ships
from mapwright.errors import SettingError
from mapwright.io.files import require_new

_IMAGES = {"settlements": 24, "landcover": 6, "ships": 48}
_SIZES = {"settlements": 256, "landcover": 512, "ships": 768}
_VALIDATE = 3  # one scene of land cover in so many


def generate(
    kind: str,
    folder: Path,
    *,
    images: int | None = None,
    size: int | None = None,
    seed: int = 0,
    labels: Path | None = None,
) -> str:
    """Make up a data set.

    Args:
        kind: `settlements`, `landcover` or `ships`.
        folder: A new or empty folder.
        images: How many; None = a few.
        size: Height and width in pixels; None = as real ones have.
        seed: Which ones.
        labels: Of land cover: a folder with `tra_truth` and `val_truth` to make scenes for.

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
    count, side = images or _IMAGES[kind], size or _SIZES[kind]
    if kind == "settlements":
        if side != _SIZES[kind]:
            raise SettingError(
                f"settlements of {side} pixels", where="--size", expected=f"{_SIZES[kind]}"
            )
        require_new(folder)
        make_settlements(folder, count, seed)
    elif kind == "ships":
        make_ships(folder, count, seed=seed, size=side)
    else:
        val = max(1, count // _VALIDATE)
        train = max(1, count - val)
        make_landcover(folder, labels=labels, scenes=(train, val), size=side, seed=seed)
    return f"{folder}: made-up {kind}; nothing in it is real"
