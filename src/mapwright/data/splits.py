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


def make_splits(stems: Sequence[str], split: Split, everything: bool = False) -> Splits:
    """Draw one division.

    Args:
        stems: The labelled images.
        split: How to divide them.
        everything: Learn from all images and validate on none.

    Raises:
        SettingError: One side would be empty.
    """
    if everything:
        folds = (Fold(train=tuple(stems), val=()),)
        return Splits(by=split.by, seed=split.seed, folds=folds)
    count = int(split.val * len(stems) + 1e-9) if split.val < 1 else int(split.val)
    count = max(count, 1)
    if count >= len(stems):
        raise SettingError(
            f"{count} of {len(stems)} labelled images would validate, and none would train",
            where="[split] val",
            expected=f"a share below 1, or a number below {len(stems)}",
            fix="lower it, add labelled images, or train on all of them with --all",
        )
    order = np.random.default_rng(split.seed).permutation(len(stems))
    val = {stems[i] for i in order[:count]}
    fold = Fold(
        train=tuple(stem for stem in stems if stem not in val),
        val=tuple(stem for stem in stems if stem in val),
    )
    return Splits(by=split.by, seed=split.seed, folds=(fold,))
