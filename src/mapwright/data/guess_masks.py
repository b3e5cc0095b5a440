"""Guess classes and how masks are kept from the values that they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from mapwright.data.guess_objects import PALETTE, guess_listed, singular, two_classes
from mapwright.data.layouts import Layout, Reasons
from mapwright.data.look import readable, spread
from mapwright.data.masks import read_mask_values
from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.raster import inspect, read_raster

_SOFT_SHARE = 0.8  # a mask is soft only if its two extremes hold this share of all pixels
_SOFT_RANGE = 255  # and its values use a full byte
_FEW = 16  # up to so many values may be class codes, so where they lie is looked at
_EDGE_SHARE = 0.9  # of the pixels between the extremes must lie on edges
_ENOUGH_MASKS = 10  # to see how masks are kept
_MAX_DISTINCT = 64  # more distinct values than this are no class codes

_CATALOGUE = (
    {"name": "clear", "color": "#2b2f36"},
    {"name": "cloud", "color": "#ffffff"},
    {"name": "cloud shadow", "color": "#4e79a7"},
)


def guess_masks(
    root: Path, layout: Layout, paths: Sequence[Path], name: str, reasons: Reasons
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Class table and [mask] table."""
    if layout.source == "file":
        return _guess_classes(layout, paths, name, reasons)
    return guess_listed(root, layout, name, reasons), {"source": layout.source}


@dataclass
class _MaskValues:
    """What the masks hold.

    Args:
        counts: Pixels per value.
        nodata: The value that the files declare as nodata, or None.
        between: Pixels that are neither the lowest nor the highest value of their mask.
        edges: How many of those lie between a lower and a higher neighbour.
    """

    counts: Counter[int]
    nodata: float | None
    between: int = 0
    edges: int = 0

    @property
    def extremes(self) -> float:
        """Share of the pixels that have the lowest or the highest value of all."""
        low, high = min(self.counts), max(self.counts)
        return (self.counts[low] + self.counts[high]) / self.counts.total()

    @property
    def soft(self) -> bool:
        """Whether the values between the extremes are soft edges and no classes.

        Either there are too many of them for class codes, or nearly all their pixels lie on the
        slope from one extreme to the other.
        """
        if max(self.counts) < _SOFT_RANGE or self.extremes < _SOFT_SHARE or not self.between:
            return False
        return len(self.counts) > _FEW or self.edges > _EDGE_SHARE * self.between


def _guess_classes(
    layout: Layout, paths: Sequence[Path], name: str, reasons: Reasons
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Class table and [mask] table, from the values that the masks hold."""
    if one_hot := _one_hot_values(paths):
        return _guess_one_hot(layout, *one_hot, reasons)
    if _colour_coded(paths):
        return _guess_colors(spread(paths), reasons)
    found = _mask_values(spread(paths))
    values = sorted(found.counts)
    positive = singular(name)
    if found.soft:
        low, high = values[0], values[-1]
        middle = (low + high + 1) // 2
        reasons["mask.threshold"] = (
            f"{len(values)} distinct values, {found.extremes:.1%} of the pixels at {low} and "
            f"{high}, the rest soft edges: a value >= {middle} is {positive}"
        )
        reasons["classes"] = f"two classes; {positive!r} is named after the folder"
        return two_classes(low, high, positive), {"threshold": float(middle)}
    reasons["classes"] = f"mask values found: {_listed(found.counts)}"
    if len(values) > _MAX_DISTINCT:
        raise DatasetError(
            f"the masks hold {len(values)} distinct values, too many for class codes",
            where=paths[0],
            expected=f"at most {_MAX_DISTINCT} class values, or a soft mask of two classes",
            fix="check that this is the folder of masks; write dataset.toml by hand if it is",
        )
    ignore = _guess_ignore(found.counts, found.nodata, reasons)
    kept = [value for value in values if value not in ignore]
    if len(kept) == 2 and kept[0] == 0:
        reasons["classes"] += f"; {positive!r} is named after the folder"
        return two_classes(kept[0], kept[1], positive), {"ignore": ignore}
    return _many_classes(kept), {"ignore": ignore}


def _one_hot_values(paths: Sequence[Path]) -> tuple[Counter[int], int] | None:
    """Pixels of each band and of none; None unless every mask has a band for each class."""
    found, nothing = Counter[int](), 0
    for path in spread(paths, most=_ENOUGH_MASKS):
        try:
            bands = inspect(path).count
            if bands < 2:
                return None
            values = read_mask_values(path, kind="one-hot")
        except ImageFileError:  # unreadable, or its bands are others: no such mask
            return None
        counts = np.bincount(np.nan_to_num(values, nan=bands).astype(int).ravel(), minlength=bands)
        found.update({band: int(counts[band]) for band in range(bands)})
        nothing += int(counts[bands:].sum())
    return (found, nothing) if sum(count > 0 for count in found.values()) > 1 else None


def _guess_one_hot(
    layout: Layout, found: Counter[int], nothing: int, reasons: Reasons
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    reasons["mask.source"] = (
        "each mask has a band for each class, 1 where the class is; values are the numbers of the "
        "bands, the first being 0"
    )
    share = nothing / (found.total() + nothing)
    reasons["mask.ignore"] = f"{share:.2%} of the pixels are of no class and count nowhere"
    reasons["classes"] = f"bands found: {_listed(found)}"
    classes = _many_classes(sorted(found))
    if Path(layout.images).parent.name == "subscenes" and len(classes) == len(_CATALOGUE):
        reasons["classes"] += "; named as in the Sentinel-2 Cloud Mask Catalogue"
        classes = [{**entry, **named} for entry, named in zip(classes, _CATALOGUE, strict=True)]
    return classes, {"source": "one-hot"}


def _colour_coded(paths: Sequence[Path]) -> bool:
    """Whether some mask has bands that differ, and so shows colours."""
    for path in spread(paths, most=_ENOUGH_MASKS):
        try:
            bands = read_raster(path, alpha=True).pixels
        except ImageFileError:
            continue
        if len(bands) == 3 and (bands != bands[:1]).any():
            return True
    return False


def _guess_colors(
    paths: Sequence[Path], reasons: Reasons
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    counts: Counter[int] = Counter()
    for values in readable(lambda path: read_mask_values(path, kind="colors"), paths):
        found, numbers = np.unique(values, return_counts=True)
        counts.update(dict(zip(found.tolist(), numbers.tolist(), strict=True)))
    if len(counts) > _MAX_DISTINCT:
        raise DatasetError(
            f"the masks show {len(counts)} distinct colours, too many for classes",
            where=paths[0],
            expected=f"at most {_MAX_DISTINCT} colours, one for each class",
            fix="check that this is the folder of masks; pictures with lossy compression such as "
            "JPEG can't hold class colours",
        )
    total = counts.total()
    listed = ", ".join(f"#{value:06x} ({counts[value] / total:.1%})" for value in sorted(counts))
    reasons["mask.source"] = "the masks show a colour for each class"
    reasons["classes"] = f"colours found: {listed}; give the classes their names, and write the "
    reasons["classes"] += "colour of unlabelled pixels into [mask] ignore"
    classes = [
        {"name": f"class {value:06x}", "values": [value], "color": f"#{value:06x}"}
        for value in sorted(counts)
    ]
    return classes, {"source": "colors", "ignore": []}


def _mask_values(paths: Sequence[Path]) -> _MaskValues:
    infos = readable(inspect, paths)
    nodata = next((info.nodata for info in infos if info.nodata is not None), None)
    found = _MaskValues(Counter(), nodata)
    for path, pixels in readable(lambda path: (path, read_mask_values(path)), paths):
        values, numbers = np.unique(pixels[np.isfinite(pixels)], return_counts=True)
        broken = values[values != np.round(values)]
        if len(broken):
            raise DatasetError(
                f"the mask holds values that are not whole numbers, such as {broken[0]:g}",
                where=path,
                expected="class codes, or a soft mask of 0..255",
                fix="check that this is the folder of masks",
            )
        found.counts.update(dict(zip(map(int, values), map(int, numbers), strict=True)))
        if len(values) > 2:
            between = (pixels > values[0]) & (pixels < values[-1])
            slope = (minimum_filter(pixels, 3) < pixels) & (maximum_filter(pixels, 3) > pixels)
            found.between += int(between.sum())
            found.edges += int((between & slope).sum())
    if not found.counts:
        raise DatasetError(
            "the masks hold no value at all",
            where=paths[0],
            expected="class codes, or a soft mask of 0..255",
            fix="check that this is the folder of masks",
        )
    return found


def _guess_ignore(counts: Counter[int], nodata: float | None, reasons: Reasons) -> list[int]:
    if nodata is not None and nodata in counts and len(counts) > 2:
        reasons["mask.ignore"] = f"the mask files declare {nodata:g} as nodata"
        return [int(nodata)]
    share = counts.get(0, 0) / sum(counts.values())
    if len(counts) > 3 and 0 < share < 0.01:
        reasons["mask.ignore"] = f"0 covers only {share:.2%}: taken for unlabelled"
        return [0]
    reasons["mask.ignore"] = "no value looks like unlabelled"
    return []


def _many_classes(values: Sequence[int]) -> list[dict[str, Any]]:
    if len(values) < 2:
        raise DatasetError(
            f"all masks hold one value only: {list(values)}",
            expected="at least two classes",
            fix="check that this is the folder of masks",
        )
    return [
        {"name": f"class {v}", "values": [v], "color": PALETTE[i % len(PALETTE)]}
        for i, v in enumerate(values)
    ]


def _listed(counts: Counter[int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{value} ({counts[value] / total:.1%})" for value in sorted(counts)[:16])
