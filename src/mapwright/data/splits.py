"""Which images train and which validate; drawn once, then written to a file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mapwright.data.config import Config
from mapwright.data.spec import Split
from mapwright.errors import SettingError


class Fold(Config):
    """One division of the images.

    Args:
        train: Stems to learn from.
        val: Stems to validate on; empty when all images are learnt from.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]


class Splits(Config):
    """The divisions of a run, as in `splits.json`.

    Args:
        by: What stands on one side only.
        seed: Seed of the draw.
        folds: The divisions.
    """

    by: str
    seed: int
    folds: tuple[Fold, ...]


def make_splits(stems: Sequence[str], split: Split, folds: int = 1) -> Splits:
    """Draw the divisions of a run.

    Args:
        stems: The labelled images.
        split: How to divide them.
        folds: 1 = one division with the share `split.val` to validate on; more = that many
            divisions, each image validated on once; 0 = learn from all, validate on none.

    Raises:
        SettingError: One side would be empty.
    """
    if folds == 0:
        parts: list[list[int]] = [[]]
    else:
        order = np.random.default_rng(split.seed).permutation(len(stems)).tolist()
        if folds == 1:
            parts = [order[: _held_out(len(stems), split.val)]]
        else:
            _require_enough(len(stems), folds)
            parts = [order[k::folds] for k in range(folds)]
    return Splits(
        by=split.by, seed=split.seed, folds=tuple(_fold(stems, set(part)) for part in parts)
    )


def _fold(stems: Sequence[str], val: set[int]) -> Fold:
    return Fold(
        train=tuple(stem for i, stem in enumerate(stems) if i not in val),
        val=tuple(stem for i, stem in enumerate(stems) if i in val),
    )


def _held_out(images: int, val: float) -> int:
    count = max(1, int(val * images + 1e-9) if val < 1 else int(val))
    if count >= images:
        raise SettingError(
            f"{count} of {images} labelled images would validate, and none would train",
            where="[split] val",
            expected=f"a share below 1, or a number below {images}",
            fix="lower it, add labelled images, or train on all of them with --folds 0",
        )
    return count


def _require_enough(images: int, folds: int) -> None:
    if folds < 0 or folds > images:
        raise SettingError(
            f"{folds} folds of {images} labelled images",
            where="folds",
            expected=f"0 for none held out, 1 for one split, or 2 to {images}",
            fix="choose fewer folds",
        )
