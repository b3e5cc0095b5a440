"""Look at the files of a folder and guess its `dataset.toml`, with a reason for every guess."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from mapwright.data.dataset import Dataset
from mapwright.data.layouts import Layout, Reasons, find_layout
from mapwright.data.masks import read_mask_values
from mapwright.data.patterns import match_files
from mapwright.data.reflectance import darkest, offset_hint
from mapwright.data.spec import FILE_NAME, DatasetSpec
from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.raster import RasterInfo, inspect, read_raster

_T = TypeVar("_T")

_LOOK_AT = 200  # files; more would make `init` slow on a large folder and change no guess
_SOFT_SHARE = 0.8  # a mask is soft only if its two extremes hold this share of all pixels
_SOFT_RANGE = 255  # and its values use a full byte
_FEW = 16  # up to so many values may be class codes, so where they lie is looked at
_EDGE_SHARE = 0.9  # of the pixels between the extremes must lie on edges
_MAX_DISTINCT = 64  # more distinct values than this are no class codes
_ENOUGH_IMAGES = 5  # labelled images; fewer are cut into blocks
_BLOCKS, _LEAST_BLOCK, _MOST_BLOCK = 25, 64, 1024  # how many in all, and their side in pixels
_LOOK_STEP = 4  # every fourth pixel is enough to see the darkest ones
_LONGEST_NAME = 32  # characters; what is longer tells how a band was made, not its name
_ALPHA_SHARE = 0.5  # an alpha band is opaque on at least this share of pixels that are not 0

PALETTE = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#edc948", "#76b7b2",
    "#b07aa1", "#9c755f", "#ff9da7", "#86bcb6", "#8cd17d", "#d37295",
)  # fmt: skip
_BACKGROUND, _FOREGROUND = "#2b2f36", "#ff5a36"


@dataclass(frozen=True)
class Description:
    """A guessed description and why.

    Args:
        spec: The description.
        reasons: Why each value was chosen.
    """

    spec: DatasetSpec
    reasons: Reasons


def open_dataset(root: str | Path, spec_file: str | Path | None = None) -> Dataset:
    """Open a folder by its `dataset.toml`, or by the guesses that `init` would write.

    Args:
        root: The data folder.
        spec_file: A description kept elsewhere, for folders that can't be written to.

    Raises:
        DatasetError: Not a folder, or it can't be described.
        SettingError: The description is wrong.
    """
    root = Path(root)
    require_folder(root)
    path = Path(spec_file) if spec_file else root / FILE_NAME
    if path.exists() or spec_file:
        return Dataset(root, DatasetSpec.load(path))
    description = describe(root)
    return Dataset(root, description.spec, description.reasons)


def describe(root: Path) -> Description:
    """Guess the description of a folder from its files.

    Raises:
        DatasetError: No images or masks are found, or they don't fit one description.
    """
    require_folder(root)
    layout, reasons = find_layout(root)
    images = match_files(root, layout.images)
    masks = match_files(root, layout.masks or "*") if layout.source == "file" else {}
    taken = set(masks.values())
    images = {stem: path for stem, path in images.items() if path not in taken}
    name = root.resolve().name
    bands, alpha, nodata = _guess_bands(list(images.values()), reasons)
    classes, mask = _guess_masks(layout, list(masks.values()), name, reasons)
    alone = [stem for stem in images if stem not in masks] if masks else []
    if alone:
        shown = ", ".join(alone[:8]) + (", ..." if len(alone) > 8 else "")
        reasons["images"] += f"; {len(alone)} have no mask and are for prediction: {shown}"
    reasons["name"] = "the name of the folder"
    labelled = [path for stem, path in images.items() if stem in masks or not masks]
    spec = {
        "name": name,
        "images": layout.images,
        "masks": layout.masks,
        "bands": bands,
        "classes": classes,
        "mask": mask,
        "valid": {"nodata": nodata, "alpha": alpha},
        "split": layout.split or _guess_split(labelled, reasons),
    }
    return Description(DatasetSpec.parse(spec, f"the guesses for {root}"), reasons)


def _guess_masks(
    layout: Layout, paths: Sequence[Path], name: str, reasons: Reasons
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Class table and [mask] table."""
    if layout.source == "file":
        return _guess_classes(paths, name, reasons)
    positive = _singular(name)
    reasons["classes"] = f"inside and outside of an object; {positive!r} is named after the folder"
    return _two_classes(0, 1, positive), {"source": layout.source}


def _guess_split(images: Sequence[Path], reasons: Reasons) -> dict[str, Any]:
    """Whole images when there are enough, else blocks of them."""
    if len(images) >= _ENOUGH_IMAGES:
        reasons["split"] = "one image in five validates; every image is a scene of its own"
        return {"by": "scene", "val": 0.2, "seed": 0}
    pixels = sum(info.size[0] * info.size[1] for info in _readable(inspect, images))
    side = round(math.sqrt(pixels / _BLOCKS) / 32) * 32
    if side < _LEAST_BLOCK:
        reasons["split"] = "few and small images: every image is a scene of its own"
        return {"by": "scene", "val": 0.2, "seed": 0}
    side = min(side, _MOST_BLOCK)
    reasons["split"] = (
        f"{len(images)} with a mask: too few to hold whole images out. They are cut into blocks of "
        f"about {side} pixels, and one block in five validates"
    )
    reasons["split.buffer"] = "neighbouring pixels are alike: training keeps this far away"
    return {"by": "block", "val": 0.2, "seed": 0, "block": side, "buffer": side // 8}


def require_folder(root: Path) -> None:
    """Raise a DatasetError unless `root` is a folder."""
    if not root.is_dir():
        raise DatasetError(
            "this is a file, not a folder" if root.exists() else "there is no such folder",
            where=root,
            expected="a folder with images and masks",
            fix="give the folder that holds both",
        )


def _spread(paths: Sequence[Path], most: int = _LOOK_AT) -> list[Path]:
    """At most `most` of the paths, evenly spread."""
    step = max(1, -(-len(paths) // most))
    return list(paths[::step])


def _guess_bands(
    paths: Sequence[Path], reasons: Reasons
) -> tuple[list[dict[str, Any]], bool, float | None]:
    """Band table, whether alpha is validity, nodata value."""
    infos = _readable(inspect, _spread(paths))
    counts = Counter(info.count for info in infos)
    if len(counts) > 1:
        rare = min(counts, key=lambda count: counts[count])
        odd = next(info for info in infos if info.count == rare)
        raise DatasetError(
            f"the images do not have the same number of bands: {dict(counts)} (bands: files)",
            where=odd.path,
            expected="one set of bands for all images",
            fix="move the odd files out, or write a dataset.toml whose pattern leaves them out",
        )
    first = infos[0]
    alpha = _alpha_is_validity(infos, reasons)
    names = _band_names(first, alpha, reasons)
    bands = [
        {"name": name, "index": i}
        for i, name in enumerate(names, start=1)
        if not (alpha and i == first.alpha)
    ]
    nodata = next((info.nodata for info in infos if info.nodata is not None), None)
    _declare_offset(bands, [info.path for info in infos], nodata, reasons)
    reasons["valid.nodata"] = (
        "no file declares a nodata value (NaN never counts)"
        if nodata is None
        else "declared by the image files"
    )
    return bands, alpha, nodata


def _declare_offset(
    bands: list[dict[str, Any]], paths: Sequence[Path], nodata: float | None, reasons: Reasons
) -> None:
    """Write down the offset that newer Sentinel-2 files carry, if the values show it."""
    names, places = [band["name"] for band in bands], [band["index"] for band in bands]
    rasters = _readable(
        lambda path: read_raster(path, places, nodata=nodata, step=_LOOK_STEP), _spread(paths, 20)
    )
    hint = offset_hint([darkest(raster.masked(), names) for raster in rasters])
    if hint is None:
        return
    for band in bands:
        if band["name"] in hint.bands:
            band |= {"scale": hint.scale, "offset": hint.offset, "unit": "reflectance"}
    reasons["bands"] += "; scale and offset: " + hint.reason


def _alpha_is_validity(infos: Sequence[RasterInfo], reasons: Reasons) -> bool:
    """Some files call their fourth band alpha when it is near infrared: look at the values."""
    band = infos[0].alpha
    if band is None:
        reasons["valid.alpha"] = "the files have no alpha band"
        return False
    looked = infos[:: max(1, len(infos) // 10)]
    top = float(np.iinfo(infos[0].dtype).max) if "int" in infos[0].dtype else 1.0
    alphas = _readable(lambda path: read_raster(path, [band]), [info.path for info in looked])
    values = np.concatenate([raster.pixels.ravel() for raster in alphas])
    opaque, invalid = float((values == top).mean()), float((values == 0).mean())
    if opaque < _ALPHA_SHARE * (1 - invalid):
        reasons["valid.alpha"] = (
            f"the files call band {band} alpha, but where it is not 0 it is mostly not opaque: "
            "a band"
        )
        return False
    reasons["valid.alpha"] = (
        f"band {band} is alpha ({opaque:.0%} opaque, {invalid:.1%} fully transparent): "
        "it says where pixels are valid and is no band to learn from"
    )
    return True


def _band_names(info: RasterInfo, alpha: bool, reasons: Reasons) -> list[str]:
    named = [
        name if (name != "alpha" or alpha) and len(name) <= _LONGEST_NAME else ""
        for name in info.names
    ]
    colours = info.count - int(alpha)
    if all(named):
        reasons["bands"] = "names as the files give them"
        return _distinct(named)
    if colours == 1:
        reasons["bands"] = "one unnamed band"
        return ["grey", "alpha"][: info.count]
    if colours in (3, 4) and not any(n for n in named if n not in ("red", "green", "blue")):
        reasons["bands"] = "unnamed; taken for red, green, blue" + (", nir" * (colours == 4))
        return ["red", "green", "blue", "nir"][:colours] + ["alpha"] * int(alpha)
    reasons["bands"] = "the files name no bands: give them their names"
    return _distinct([name or f"band_{i}" for i, name in enumerate(named, start=1)])


def _distinct(names: Sequence[str]) -> list[str]:
    """Append the position to names that occur twice."""
    counts = Counter(names)
    return [n if counts[n] == 1 else f"{n}_{i}" for i, n in enumerate(names, start=1)]


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
    paths: Sequence[Path], name: str, reasons: Reasons
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Class table and [mask] table, from the values that the masks hold."""
    if _colour_coded(paths):
        return _guess_colors(_spread(paths), reasons)
    found = _mask_values(_spread(paths))
    values = sorted(found.counts)
    positive = _singular(name)
    if found.soft:
        low, high = values[0], values[-1]
        middle = (low + high + 1) // 2
        reasons["mask.threshold"] = (
            f"{len(values)} distinct values, {found.extremes:.1%} of the pixels at {low} and "
            f"{high}, the rest soft edges: a value >= {middle} is {positive}"
        )
        reasons["classes"] = f"two classes; {positive!r} is named after the folder"
        return _two_classes(low, high, positive), {"threshold": float(middle)}
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
        return _two_classes(kept[0], kept[1], positive), {"ignore": ignore}
    return _many_classes(kept), {"ignore": ignore}


def _colour_coded(paths: Sequence[Path]) -> bool:
    """Whether some mask has bands that differ, and so shows colours."""
    for path in _spread(paths, most=10):
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
    for values in _readable(lambda path: read_mask_values(path, colors=True), paths):
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
    infos = _readable(inspect, paths)
    nodata = next((info.nodata for info in infos if info.nodata is not None), None)
    found = _MaskValues(Counter(), nodata)
    for path, pixels in _readable(lambda path: (path, read_mask_values(path)), paths):
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


def _two_classes(low: int, high: int, positive: str) -> list[dict[str, Any]]:
    return [
        {"name": "background", "values": [low], "color": _BACKGROUND},
        {"name": positive, "values": [high], "color": _FOREGROUND},
    ]


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


def _singular(name: str) -> str:
    """The positive class after the folder: `roofs` -> `roof`."""
    word = name.lower().replace("_", " ").strip()
    word = word[:-1] if word.endswith("s") and not word.endswith("ss") else word
    unfit = {"data", "dataset", "train", "training", "image", "background", ""}
    return "foreground" if word in unfit or not word[0].isalpha() else word


def _listed(counts: Counter[int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{value} ({counts[value] / total:.1%})" for value in sorted(counts)[:16])


def _readable(read: Callable[[Path], _T], paths: Sequence[Path]) -> list[_T]:
    """Read what can be read; `check` is the one to report a damaged file, so guessing goes on."""
    results: list[_T] = []
    failure: ImageFileError | None = None
    for path in paths:
        try:
            results.append(read(path))
        except ImageFileError as error:
            failure = error
    if failure and not results:
        raise failure
    return results
