"""Divisions that are judged: part of the ground lies apart, the rest is divided in several ways."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Literal, Self

from pydantic import Field, model_validator

from mapwright.data.blocks import block_name, cut, parse_name
from mapwright.data.config import Config
from mapwright.data.dataset import Dataset
from mapwright.data.divide import require_masks
from mapwright.data.spec import Split
from mapwright.data.splits import Fold, Splits, group_names, make_splits
from mapwright.errors import SettingError
from mapwright.metrics.blocks import ENOUGH_IMAGES

Kind = Literal["tiles", "block", "scene"]

APART = ", apart"
"""Follows the name of a way to divide in the division that holds its ground apart."""


class Optimism(Config):
    """Ways to divide the data, and what their scores are held against.

    Args:
        splits: `tiles`: tiles that are drawn one by one, so that neighbours learn and validate.
            `block`: blocks with a buffer. `scene`: whole scenes, or groups of them.
        tile: Side of the tiles in pixels; also of the patch that is learnt from, unless [base] sets
            that.
        block: Side of the blocks in pixels.
        buffer: Pixels between a block and what is learnt from.
        apart: What lies apart from all that is learnt from and validated on, in turn: `scene`:
            whole scenes, or groups of them; `block`: blocks with a buffer.
        val: Share of the rest that a division holds out.
    """

    splits: tuple[Kind, ...] = Field(default=("tiles", "block"), min_length=1)
    tile: int = Field(ge=16)
    block: int = Field(ge=32)
    buffer: int = Field(ge=0)
    apart: Literal["scene", "block"] = "scene"
    val: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(set(self.splits)) < len(self.splits):
            raise ValueError("each of splits once")
        if self.block < 2 * self.tile:
            raise ValueError("a block must be two tiles wide or more")
        if "scene" in self.splits and self.apart != "scene":
            raise ValueError('"scene" among splits needs apart = "scene"')
        return self

    @property
    def patch(self) -> int:
        """The patch that goes with the tiles: the next multiple of 32."""
        return -(-self.tile // 32) * 32


def draw_ground(dataset: Dataset, asked: Optimism, folds: int, repeat: int) -> list[Splits]:
    """Divisions of a repeat: for each of `asked.splits` what it holds out, then its ground apart.

    Ground that lies apart is cut as what is held out is, so that both are seen with as little
    around them.

    Args:
        dataset: The data set.
        asked: The ways to divide.
        folds: Times that other ground lies apart, all of it once; 1 = the share `asked.val` once.
        repeat: Each repeat draws with a seed of its own.

    Raises:
        DatasetError: No image has a mask.
        SettingError: There is too little ground for so many folds, or to divide what is left.
    """
    require_masks(dataset)
    seed = dataset.split.seed + repeat
    whole = _Ground(dataset, asked, seed)
    outer = whole.outer(folds)
    found: list[Splits] = []
    for kind in asked.splits:
        inner = [whole.inner(kind, fold.train) for fold in outer]
        apart = [
            Fold(train=one.train, val=whole.cut(kind, fold.val))
            for one, fold in zip(inner, outer, strict=True)
        ]
        found.append(Splits(by=kind, seed=seed, folds=tuple(inner)))
        found.append(Splits(by=kind + APART, seed=seed, folds=tuple(apart)))
    return found


class _Ground:
    """The labelled ground of a data set, to be divided."""

    def __init__(self, dataset: Dataset, asked: Optimism, seed: int) -> None:
        self._dataset, self._asked = dataset, asked
        by = "group" if dataset.split.by == "group" else "scene"
        changes = {"given": None, "seed": seed, "val": asked.val, "buffer": 0}
        self._scenes = dataset.split.model_copy(update={"by": by, **changes})
        blocks = {**changes, "by": "block", "block": asked.block, "buffer": asked.buffer}
        self._blocks = dataset.split.model_copy(update=blocks)

    def outer(self, folds: int) -> tuple[Fold, ...]:
        """What is learnt from, with its validation, and what lies apart."""
        stems = [item.stem for item in self._dataset.labelled]
        if self._asked.apart == "scene":
            return make_splits(stems, self._scenes, folds).folds
        return make_splits(self.cut("block", stems), self._blocks, folds).folds

    def inner(self, kind: Kind, ground: Sequence[str]) -> Fold:
        """One division of the ground that does not lie apart."""
        pieces, split = self.cut(kind, ground), self._split(kind)
        if len(pieces) < 2:
            raise SettingError(
                f"what is left beside the ground apart is {len(pieces)} {_UNITS[kind]}",
                where="[optimism]",
                expected="two or more, to learn from and to validate on",
                fix="make tiles and blocks smaller, or leave this split out",
            )
        return make_splits(pieces, split).folds[0]

    def _split(self, kind: Kind) -> Split:
        if kind == "scene":
            return self._scenes
        if kind == "block":
            return self._blocks
        return self._blocks.model_copy(update={"buffer": 0, "together": ()})

    def cut(self, kind: Kind, names: Sequence[str]) -> tuple[str, ...]:
        """Scenes, or parts of them, in pieces as a way to divide has them."""
        if kind == "scene":
            return tuple(names)
        side = self._asked.tile if kind == "tiles" else self._asked.block
        return tuple(chain.from_iterable(self._pieces(name, side) for name in names))

    def _pieces(self, name: str, side: int) -> list[str]:
        (item,) = self._dataset.choose([name])
        top, left = item.window[:2] if item.window else (0, 0)
        windows = cut(*self._dataset.size(item), side)
        return [block_name(item.scene, window.moved(top, left)) for window in windows]


_UNITS = {"tiles": "tiles", "block": "blocks", "scene": "scenes"}


def units_of(names: Sequence[str], dataset: Dataset, asked: Optimism) -> dict[str, str]:
    """The unit of ground that each piece belongs to: what is drawn at random in intervals.

    Args:
        names: The pieces.
        dataset: The data set.
        asked: What lies apart, and how large blocks are.

    Returns:
        By piece a scene, or what it stands together with, where enough of these lie apart; else a
        block, since few scenes say little of others.
    """
    scenes = {name: parse_name(name)[0] for name in names}
    stems = list(dict.fromkeys(scenes.values()))
    groups = dict(zip(stems, group_names(stems, dataset.split), strict=True))
    if asked.apart == "scene" and len(set(groups.values())) >= ENOUGH_IMAGES:
        return {name: groups[scene] for name, scene in scenes.items()}
    return {name: f"{scene} {_place(name, asked.block)}" for name, scene in scenes.items()}


def _place(name: str, side: int) -> tuple[int, int]:
    """Row and column of the block that the middle of a piece lies in."""
    window = parse_name(name)[1]
    if window is None:
        return 0, 0
    row, col = window.row + window.height // 2, window.col + window.width // 2
    return row // side, col // side
