"""Which images train and which validate; drawn once, then written to a file."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np

from mapwright.data.blocks import block_name, keep_away, parse_name
from mapwright.data.config import Config
from mapwright.data.content.groups import Groups
from mapwright.data.spec import Given, Split
from mapwright.errors import SettingError
from mapwright.types import Window

_Entry = TypeVar("_Entry")

_TRIMMED = 0.25  # a training block that keeps less than this share of its pixels is left out


class Fold(Config):
    """One division of the images.

    Args:
        train: Images, or parts of images, to learn from.
        val: Those to validate on; empty when all are learnt from.
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

    @property
    def names(self) -> tuple[str, ...]:
        """Every image, or part of one, that a fold names, once."""
        return tuple(
            dict.fromkeys(name for fold in self.folds for name in (*fold.train, *fold.val))
        )


def read_splits(path: Path) -> Splits:
    """Read a `splits.json`.

    Raises:
        SettingError: Unreadable, or no splits.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(
            f"the file can't be read as splits: {error}",
            where=path,
            expected="a splits.json of a run folder",
        ) from error
    return Splits.parse(values, path)


def make_splits(names: Sequence[str], split: Split, folds: int = 1) -> Splits:
    """Draw the divisions of a run.

    Args:
        names: The labelled images, or the blocks that they are cut into.
        split: How to divide them; see `Dataset.split`.
        folds: 1 = one division with the share `split.val` to validate on; more = that many
            divisions, each image validated on once; 0 = learn from all, validate on none.

    Raises:
        SettingError: One side would be empty.
    """
    assert split.groups is None, "Dataset.split holds what the table of groups says"
    if split.by == "given" and split.given:
        return _given(names, split, split.given, folds)
    groups = list(_groups(names, split).values())
    if folds == 0:
        parts: list[list[str]] = [[]]
    else:
        order = np.random.default_rng(split.seed).permutation(len(groups)).tolist()
        mixed = [groups[k] for k in order]
        if folds == 1:
            parts = [_hold_out(mixed, len(names), split)]
        else:
            _require_enough(len(groups), folds, split.by)
            parts = deal(mixed, folds)
    return Splits(
        by=split.by,
        seed=split.seed,
        folds=tuple(_fold(names, frozenset(part), split.buffer) for part in parts),
    )


def _given(names: Sequence[str], split: Split, given: Given, folds: int) -> Splits:
    if folds > 1:
        raise SettingError(
            f"{folds} folds of a division that comes with the data",
            where="folds",
            expected='1, or another `by` under [split] than "given"',
        )
    sides = {
        side: tuple(n for n in names if any(fnmatchcase(n, pattern) for pattern in patterns))
        for side, patterns in (("train", given.train), ("val", given.val))
    }
    for side, chosen in sides.items():
        if not chosen:
            raise SettingError(
                f"no labelled image belongs to {side}",
                where="[split] given",
                expected=f"patterns that fit images such as {', '.join(names[:3])}",
            )
    both = set(sides["train"]) & set(sides["val"])
    if both:
        raise SettingError(
            f"{min(both)!r} would train and validate",
            where="[split] given",
            expected="patterns that share no image",
        )
    fold = Fold(train=names if folds == 0 else sides["train"], val=sides["val"] * (folds > 0))
    return Splits(by="given", seed=split.seed, folds=(fold,))


def drawn_by_lot(names: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many of the names, in their order; 0 = all.

    The lot is a digest of the name, not its place in the order: every fourth image could be one of
    a kind.
    """
    if not most or len(names) <= most:
        return tuple(names)
    lots = {name: sha256(name.encode()).digest() for name in names}
    last = sorted(lots.values())[most - 1]
    return tuple(name for name in names if lots[name] <= last)


def group_names(names: Sequence[str], split: Split) -> list[str]:
    """What each image stands together with: a name that images of one group share.

    Raises:
        SettingError: Nothing in an image's name says which group it belongs to.
    """
    grouping = Grouping(split)
    return [grouping.name(image) for image in names]


class Grouping:
    """Which images stand together, asked for one by one.

    Args:
        split: How images are divided; see `Dataset.split`.
    """

    def __init__(self, split: Split) -> None:
        self._split = split
        self._set = {stem: k for k, same in enumerate(split.together) for stem in same}
        self._joined = Groups(len(split.together))
        firsts: dict[str, int] = {}
        for number, same in enumerate(split.together):
            for stem in same if split.by == "group" else ():
                if found := re.search(split.group or "", stem):  # of others nobody will ask
                    self._joined.join(number, firsts.setdefault(_group_name(found), number))
        self._firsts = firsts

    def name(self, image: str) -> str:
        """A name that images of one group share; see `group_names`."""
        scene, window = parse_name(image)
        stem = scene if window and image not in self._set else image
        own = _group_of(image, self._split) if self._split.by == "group" else image
        number = self._set.get(stem, self._firsts.get(own))
        if number is None:
            return own
        return f"together {self._split.together[self._joined.leader(number)][0]}"


def _groups(names: Sequence[str], split: Split) -> Mapping[str, list[str]]:
    """What must stand together, in order of appearance."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, group in zip(names, group_names(names, split), strict=True):
        groups[group].append(name)
    return groups


def _group_of(name: str, split: Split) -> str:
    """The group that the expression of the split finds in a stem."""
    found = re.search(split.group or "", name)
    if found is None:
        raise SettingError(
            f"nothing in {name!r} names its group",
            where="[split] group",
            expected=f"an expression that finds something in every stem, unlike {split.group}",
        )
    return _group_name(found)


def _group_name(found: re.Match[str]) -> str:
    """What the expression's first bracket found, or all of it."""
    return str(found[1]) if found.groups() and found[1] is not None else str(found[0])


def _hold_out(groups: Sequence[list[str]], names: int, split: Split) -> list[str]:
    """Whole groups until the share to validate on is reached."""
    wanted = max(1, int(split.val * names + 1e-9) if split.val < 1 else int(split.val))
    val: list[str] = []
    for group in groups:
        if len(val) < wanted < names and len(val) + len(group) < names:
            val += group
    if not val:
        raise SettingError(
            f"{wanted} of {names} labelled {_units(split.by)} would validate, and none would train",
            where="[split] val",
            expected=f"a share below 1, or a number below {names}",
            fix="lower it, add labelled images, or train on all of them with --folds 0",
        )
    return val


def deal(groups: Sequence[Sequence[_Entry]], count: int) -> list[list[_Entry]]:
    """Deal whole groups to parts, the largest first, each to the part with the fewest entries.

    Args:
        groups: What must stay together.
        count: Number of parts; some stay empty where there are fewer groups.
    """
    parts: list[list[_Entry]] = [[] for _ in range(count)]
    for group in sorted(groups, key=len, reverse=True):
        min(parts, key=len).extend(group)
    return parts


def _fold(names: Sequence[str], val: frozenset[str], buffer: int) -> Fold:
    held = defaultdict(list)
    for name in val:
        scene, window = parse_name(name)
        if window:
            held[scene].append(window)
    train = [kept for name in names if name not in val for kept in _apart(name, held, buffer)]
    return Fold(train=tuple(train), val=tuple(name for name in names if name in val))


def _apart(name: str, held: Mapping[str, list[Window]], buffer: int) -> list[str]:
    """A training block without what lies too near to validation blocks; nothing if too small."""
    scene, window = parse_name(name)
    if window is None or not buffer:
        return [name]
    kept = keep_away(window, sorted(held[scene]) if scene in held else [], buffer)
    if kept is None or kept.height * kept.width < _TRIMMED * window.height * window.width:
        return []
    return [block_name(scene, kept)]


def _require_enough(groups: int, folds: int, by: str) -> None:
    if folds < 0 or folds > groups:
        raise SettingError(
            f"{folds} folds of {groups} labelled {_units(by)}",
            where="folds",
            expected=f"0 for none held out, 1 for one split, or 2 to {groups}",
            fix="choose fewer folds",
        )


def _units(by: str) -> str:
    return {"group": "groups", "block": "blocks"}.get(by, "images")
