"""Files of a folder in groups that differ only in what a `*` stands for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mapwright.data.patterns import is_image

MASK_WORDS = re.compile(
    r"mask|label|truth|(^|[/_\-. ])gt([/_\-. ]|$)|(^|/)ann|annot|target|segment", re.I
)
"""What names of mask files or folders hold."""

MAX_DEPTH = 4
"""Folders below the root that are looked into."""

_SIDES = {
    "train": ("train", "training", "tra", "trn"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "tst"),
}
_SIDE_WORD = re.compile(
    r"(?<![A-Za-z])(" + "|".join(sum(_SIDES.values(), ())) + r")(?![A-Za-z])", re.I
)
_HEADS = (re.compile(r"([A-Za-z][A-Za-z_\-]*[_\-])."), re.compile(r"(.*[A-Za-z].*[_\-])."))


@dataclass(frozen=True)
class Group:
    """Files of one folder that differ only in what `*` stands for.

    Args:
        pattern: Path below the root, with one `*`.
        files: By what the `*` stands for.
    """

    pattern: str
    files: dict[str, Path]

    @property
    def says_mask(self) -> bool:
        """Whether the names of folder or files speak of masks."""
        return bool(MASK_WORDS.search(self.pattern))

    @property
    def side(self) -> tuple[str, str] | None:
        """The word for the side of a split that its names hold: (`train`, `tra`), or None.

        Other words for the same side in one name make it unclear, and it has none.
        """
        words = {word.lower() for word in _SIDE_WORD.findall(self.pattern)}
        if len(words) != 1:
            return None
        word = words.pop()
        return next(side for side, known in _SIDES.items() if word in known), word

    @property
    def without_side(self) -> str:
        """The pattern with `{}` for the word of the side."""
        return _SIDE_WORD.sub("{}", self.pattern)


def find_groups(root: Path) -> list[Group]:
    """Every way to read the image files below a folder as groups; plain readings come first."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if is_image(path) and not hidden and len(relative.parts) <= MAX_DEPTH:
            folders[relative.parent].append(path)
    return [group for folder, paths in folders.items() for group in _readings(folder, paths)]


def _readings(folder: Path, paths: list[Path]) -> Iterator[Group]:
    for name, files in (*_by_last_word(paths).items(), *_by_first_words(paths).items()):
        yield Group((folder / name).as_posix(), files)


def _by_last_word(paths: list[Path]) -> dict[str, dict[str, Path]]:
    """One folder's files: all, by their ending, by the last word of the stem if it says mask."""
    masks = [path for path in paths if MASK_WORDS.search(_last_word(path))]
    taken = set(masks)
    others = [path for path in paths if path not in taken]
    groups: dict[str, dict[str, Path]] = defaultdict(dict)
    endings = {path.suffix for path in others}
    if len({path.stem for path in others}) == len(others) and others:
        tail = next(iter(endings)) if len(endings) == 1 else ""
        groups[f"*{tail}"] = {path.stem: path for path in others}
    for path in others if len(endings) > 1 else ():
        groups[f"*{path.suffix}"][path.stem] = path
    # images may have an ending of their own too, such as _sat: both readings are offered
    shared = len({_last_word(path) for path in others}) == 1
    for path in [*masks, *(others if masks or shared else [])]:
        if word := _last_word(path):
            groups[f"*_{word}{path.suffix}"][path.stem.removesuffix(f"_{word}")] = path
    return groups


def _by_first_words(paths: list[Path]) -> dict[str, dict[str, Path]]:
    """One folder's files by the words that their names begin with, such as `img_`."""
    groups: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in paths:
        for head in sorted({found[1] for shape in _HEADS if (found := shape.match(path.stem))}):
            groups[f"{head}*{path.suffix}"][path.stem.removeprefix(head)] = path
    return groups


def _last_word(path: Path) -> str:
    _, separator, word = path.stem.rpartition("_")
    return word if separator else ""
