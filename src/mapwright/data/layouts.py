"""Find which files of a folder are images and which are their masks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mapwright.data.dataset import is_image
from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.raster import SUFFIXES, RasterInfo, inspect

_MASK_WORDS = re.compile(
    r"mask|label|truth|(^|[/_\-. ])gt([/_\-. ]|$)|(^|/)ann|annot|target|segment", re.I
)
_MAX_DEPTH = 4  # folders below the root


@dataclass(frozen=True)
class Layout:
    """Where images and masks are.

    Args:
        images: Pattern below the root, with one `*`.
        masks: Pattern below the root, with one `*`.
    """

    images: str
    masks: str


@dataclass(frozen=True)
class _Group:
    """Files of one folder that differ only in what `*` stands for."""

    pattern: str
    files: dict[str, Path]

    @property
    def says_mask(self) -> bool:
        """Whether the names of folder or files speak of masks."""
        return bool(_MASK_WORDS.search(self.pattern))


def find_layout(root: Path) -> tuple[Layout, dict[str, str]]:
    """Find the pair of file groups that share the most stems.

    Returns:
        The layout, and the reasons for `images` and `masks`.

    Raises:
        DatasetError: No image is found, or no group of masks fits the images.
    """
    groups = list(_groups(root))
    if not groups:
        raise DatasetError(
            "no image found",
            where=root,
            expected="files with an ending such as " + ", ".join(sorted(SUFFIXES)),
            fix="give the folder that holds the images and the masks",
        )
    pairs = [
        (len(a.files.keys() & b.files.keys()), _mask_evidence(a, b), a, b)
        for a in groups
        for b in groups
        if a is not b and a.files.keys() & b.files.keys()
    ]
    likely = [pair for pair in pairs if pair[1] > 0]
    if not likely:
        for group in groups:
            if _first_readable(group) is None:  # its damage is the nearer reason
                inspect(next(iter(group.files.values())))
        raise DatasetError(
            "no masks found that fit the images",
            where=root,
            expected="two folders, or two endings such as _sat and _mask, with equal stems",
            fix="write a dataset.toml that names both patterns; groups found: "
            + ", ".join(f"{group.pattern} ({len(group.files)})" for group in groups[:6]),
        )
    shared, _, images, masks = max(likely, key=lambda pair: (pair[0], pair[1]))
    reasons = {
        "images": f"{len(images.files)} files",
        "masks": f"{len(masks.files)} files, {shared} with the stem of an image; "
        + ("the name says masks" if masks.says_mask else "one band of few values"),
    }
    return Layout(images.pattern, masks.pattern), reasons


def _groups(root: Path) -> Iterator[_Group]:
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        hidden = any(part.startswith(".") for part in relative.parts)
        if is_image(path) and not hidden and len(relative.parts) <= _MAX_DEPTH:
            folders[relative.parent].append(path)
    for folder, paths in folders.items():
        for tail, files in _by_ending(paths).items():
            pattern = (folder / f"*{tail}").as_posix()
            yield _Group(pattern, files)


def _by_ending(paths: list[Path]) -> dict[str, dict[str, Path]]:
    """Split one folder's files into groups: by the last word of the stem if that says mask."""
    masks = [path for path in paths if _MASK_WORDS.search(_last_word(path))]
    taken = set(masks)
    others = [path for path in paths if path not in taken]
    groups: dict[str, dict[str, Path]] = defaultdict(dict)
    endings = {path.suffix for path in others}
    if others:
        tail = endings.pop() if len(endings) == 1 else ""
        groups[tail] = {path.stem: path for path in others}
    # images may have an ending of their own too, such as _sat: both readings are offered
    shared = len({_last_word(path) for path in others}) == 1
    for path in [*masks, *(others if masks or shared else [])]:
        if word := _last_word(path):
            groups[f"_{word}{path.suffix}"][path.stem.removesuffix(f"_{word}")] = path
    return groups


def _last_word(path: Path) -> str:
    _, separator, word = path.stem.rpartition("_")
    return word if separator else ""


def _mask_evidence(images: _Group, masks: _Group) -> int:
    """How likely the second group holds the masks of the first; 0 or less = it does not."""
    if images.says_mask and not masks.says_mask:
        return 0
    band, other = _first_readable(masks), _first_readable(images)
    if band is None or other is None:
        return 0
    whole_numbers = "int" in band.dtype
    evidence = 4 * int(masks.says_mask) - 4 * int(images.says_mask)
    return evidence + int(band.count == 1 and whole_numbers) + int(other.count > band.count) - 1


def _first_readable(group: _Group) -> RasterInfo | None:
    for path in group.files.values():
        try:
            return inspect(path)
        except ImageFileError:
            continue
    return None
