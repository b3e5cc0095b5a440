"""Find which files of a folder are images and which are their masks."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapwright.data.grouping import MAX_DEPTH, Group, find_groups
from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.coco import CocoInstances, looks_like_coco
from mapwright.io.polygons import SUFFIXES as VECTOR_SUFFIXES
from mapwright.io.raster import SUFFIXES, RasterInfo, inspect

Reasons = dict[str, str]
"""Key of `dataset.toml` -> why it has its value."""

_RUN_COLUMNS = {"imageid", "encodedpixels"}


@dataclass(frozen=True)
class Layout:
    """Where images and masks are.

    Args:
        images: Pattern below the root, with one `*`.
        masks: Pattern below the root, with one `*`; None where a table holds the masks.
        source: How masks are kept, as in `[mask] source`.
        split: The division that the names tell, as in `[split]`, or None.
    """

    images: str
    masks: str | None
    source: str = "file"
    split: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Pair:
    """Images and the masks that fit them."""

    images: Group
    masks: Group
    evidence: int

    @property
    def shared(self) -> int:
        """How many images have a mask."""
        return len(self.images.files.keys() & self.masks.files.keys())

    @property
    def one_side(self) -> bool:
        """Whether their names speak of the same side of a split, or of none."""
        return self.images.side == self.masks.side


def find_layout(root: Path) -> tuple[Layout, Reasons]:
    """Find the pair of file groups that share the most stems.

    Returns:
        The layout, and the reasons for `images`, `masks` and, if the names tell it, `split`.

    Raises:
        DatasetError: No image is found, or no group of masks fits the images.
    """
    groups = find_groups(root)
    if not groups:
        raise DatasetError(
            "no image found",
            where=root,
            expected="files with an ending such as " + ", ".join(sorted(SUFFIXES)),
            fix="give the folder that holds the images and the masks",
        )
    if found := _with_table(root, groups):
        return found
    pairs = [
        _Pair(a, b, evidence)
        for a in groups
        for b in groups
        if a is not b and a.files.keys() & b.files.keys() and (evidence := _mask_evidence(a, b)) > 0
    ]
    if not pairs:
        if found := _with_coco(root, groups) or _with_polygons(root, groups):
            return found
        raise _no_masks(root, groups)
    best = max(pairs, key=lambda pair: (pair.shared, pair.one_side, pair.evidence))
    return _with_sides(best, pairs, groups)


def _with_sides(
    best: _Pair, pairs: Sequence[_Pair], groups: Sequence[Group]
) -> tuple[Layout, Reasons]:
    """The best pair, together with those that differ only in the word for train or val."""
    images, masks = best.images, best.masks
    alike = {
        side: pair
        for pair in pairs
        if (side := pair.images.side)
        and pair.images.side == pair.masks.side
        and pair.images.without_side == images.without_side
        and pair.masks.without_side == masks.without_side
    }
    held = [side for side in alike if side[0] != "train"]
    train = [side for side in alike if side[0] == "train"]
    if images.side not in alike or not held or not train:
        return Layout(images.pattern, masks.pattern), _reasons([best])
    val = [side for side in held if side[0] == "val"] or held
    labelled = [word for _, word in (*train, *held)]
    others = [
        group.side[1]
        for group in groups
        if group.side
        and group.without_side == images.without_side
        and group.side[1] not in labelled
    ]
    given = {
        "train": [f"{word}_*" for _, word in train],
        "val": [f"{word}_*" for _, word in val],
    }
    reasons = _reasons([alike[side] for side in (*train, *held)])
    reasons["split"] = "the names of the files say which train and which validate" + (
        f"; {' and '.join(w for s, w in held if (s, w) not in val)} is left out of both"
        if len(val) < len(held)
        else ""
    )
    layout = Layout(
        _with_words(images.without_side, [*labelled, *others]),
        _with_words(masks.without_side, labelled),
        split={"by": "given", "given": given},
    )
    return layout, reasons


def _with_words(pattern: str, words: Sequence[str]) -> str:
    return pattern.replace("{}", "{" + ",".join(words) + "}")


def _reasons(pairs: Sequence[_Pair]) -> Reasons:
    images, masks, shared = (
        sum(len(pair.images.files) for pair in pairs),
        sum(len(pair.masks.files) for pair in pairs),
        sum(pair.shared for pair in pairs),
    )
    said = pairs[0].masks.says_mask
    return {
        "images": f"{images} files",
        "masks": f"{masks} files, {shared} with the stem of an image; "
        + ("the name says masks" if said else "few values, fewer bands than the images"),
    }


def _with_table(root: Path, groups: Sequence[Group]) -> tuple[Layout, Reasons] | None:
    """A table of run lengths and the images that it names.

    Of several the largest, and one that is called a submission last: that is no truth.
    """
    tables = _files(root, frozenset({".csv"}))
    order = {path: ("submission" in path.name.lower(), -path.stat().st_size) for path in tables}
    for table in sorted(tables, key=lambda path: order[path]):
        name = _first_image(table)
        images = next((group for group in groups if name in group.files), None)
        if images is None:
            continue
        relative = table.relative_to(root).as_posix()
        return Layout(images.pattern, None, source=f"rle:{relative}"), {
            "images": f"{len(images.files)} files",
            "mask.source": f"{relative} has the columns ImageId and EncodedPixels",
        }
    return None


def _first_image(table: Path) -> str | None:
    """The stem of the first image that a table of run lengths names; None for other tables."""
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        header = [name.strip().lower() for name in next(rows, [])]
        first = next(rows, [])
    if not set(header) >= _RUN_COLUMNS or len(first) != len(header):
        return None
    return Path(first[header.index("imageid")]).stem


def _with_coco(root: Path, groups: Sequence[Group]) -> tuple[Layout, Reasons] | None:
    """A COCO file and the images that it names; of several the one that names the most."""
    files = {
        path: CocoInstances.open(path).entries.keys()
        for path in _files(root, frozenset({".json"}))
        if looks_like_coco(path)
    }
    found = [
        (len(stems & images.files.keys()), path, images)
        for path, stems in files.items()
        for images in groups
    ]
    shared, path, images = max(found, key=lambda entry: entry[0], default=(0, root, groups[0]))
    if not shared:
        return None
    relative = path.relative_to(root).as_posix()
    reason = f"{relative} is a COCO file; {shared} of its images are there"
    if others := [other.relative_to(root).as_posix() for other in files if other != path]:
        reason += f"; not used, as masks come from one file: {', '.join(others[:4])}"
    return Layout(images.pattern, None, source=f"coco:{relative}"), {
        "images": f"{len(images.files)} files",
        "mask.source": reason,
    }


def _with_polygons(root: Path, groups: Sequence[Group]) -> tuple[Layout, Reasons] | None:
    """Vector files: one for each image, or a single one for all."""
    vectors = [path for path in _files(root, VECTOR_SUFFIXES) if _may_hold_polygons(path)]
    images = max(groups, key=lambda group: len(group.files))
    folders = {(path.parent, path.suffix) for path in vectors}
    for folder, suffix in sorted(folders):
        stems = {path.stem for path in vectors if (path.parent, path.suffix) == (folder, suffix)}
        if shared := len(stems & images.files.keys()):
            pattern = (folder.relative_to(root) / f"*{suffix}").as_posix()
            reason = f"{len(stems)} vector files, {shared} with the stem of an image"
            return Layout(images.pattern, pattern, source="polygons"), {
                "images": f"{len(images.files)} files",
                "masks": reason,
            }
    if len(vectors) != 1:
        return None
    return Layout(images.pattern, vectors[0].relative_to(root).as_posix(), source="polygons"), {
        "images": f"{len(images.files)} files",
        "masks": "the only vector file: its polygons are drawn on every image",
    }


def _may_hold_polygons(path: Path) -> bool:
    """By its ending; of plain JSON only what speaks of features, since JSON can be anything."""
    return path.suffix.lower() != ".json" or b'"Feature' in path.read_bytes()


def _files(root: Path, suffixes: frozenset[str]) -> list[Path]:
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.suffix.lower() in suffixes
        and path.is_file()
        and len(path.relative_to(root).parts) <= MAX_DEPTH
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]


def _no_masks(root: Path, groups: Sequence[Group]) -> DatasetError:
    for group in groups:
        if _first_readable(group) is None:  # its damage is the nearer reason
            inspect(next(iter(group.files.values())))
    return DatasetError(
        "no masks found that fit the images",
        where=root,
        expected="two folders, or two endings such as _sat and _mask, with equal stems",
        fix="write a dataset.toml that names both patterns; groups found: "
        + ", ".join(f"{group.pattern} ({len(group.files)})" for group in groups[:6]),
    )


def _mask_evidence(images: Group, masks: Group) -> int:
    """How likely the second group holds the masks of the first; 0 or less = it does not."""
    if images.says_mask and not masks.says_mask:
        return 0
    band, other = _first_readable(masks), _first_readable(images)
    if band is None or other is None:
        return 0
    whole_numbers = "int" in band.dtype
    evidence = 4 * int(masks.says_mask) - 4 * int(images.says_mask)
    return evidence + int(band.count == 1 and whole_numbers) + int(other.count > band.count) - 1


def _first_readable(group: Group) -> RasterInfo | None:
    for path in group.files.values():
        try:
            return inspect(path)
        except ImageFileError:
            continue
    return None
