"""Look at the files of a folder and guess its `dataset.toml`, with a reason for every guess."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mapwright.data.dataset import Dataset
from mapwright.data.group_file import GROUPS_NAME, holds_groups
from mapwright.data.guess_masks import guess_masks
from mapwright.data.layouts import Reasons, find_layout
from mapwright.data.look import readable, spread
from mapwright.data.patterns import match_files
from mapwright.data.reflectance import darkest, offset_hint
from mapwright.data.roles import SENTINEL2
from mapwright.data.spec import FILE_NAME, DatasetSpec
from mapwright.errors import DatasetError
from mapwright.io.raster import RasterInfo, inspect, read_raster

_ENOUGH_IMAGES = 5  # labelled images; fewer are cut into blocks
_BLOCKS, _LEAST_BLOCK, _MOST_BLOCK = 25, 64, 1024  # how many in all, and their side in pixels
_LOOK_STEP = 4  # every fourth pixel is enough to see the darkest ones
_LONGEST_NAME = 32  # characters; what is longer tells how a band was made, not its name
_ALPHA_SHARE = 0.5  # an alpha band is opaque on at least this share of pixels that are not 0


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
    classes, mask = guess_masks(root, layout, list(masks.values()), name, reasons)
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
        "split": _with_groups(root, layout.split or _guess_split(labelled, reasons), reasons),
    }
    return Description(DatasetSpec.parse(spec, f"the guesses for {root}"), reasons)


def _guess_split(images: Sequence[Path], reasons: Reasons) -> dict[str, Any]:
    """Whole images when there are enough, else blocks of them."""
    if len(images) >= _ENOUGH_IMAGES:
        reasons["split"] = "one image in five validates; every image is a scene of its own"
        return {"by": "scene", "val": 0.2, "seed": 0}
    pixels = sum(info.size[0] * info.size[1] for info in readable(inspect, images))
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


def _with_groups(root: Path, split: dict[str, Any], reasons: Reasons) -> dict[str, Any]:
    """The split with the table of groups that the folder holds, if it does."""
    if not holds_groups(root / GROUPS_NAME):
        return split
    reasons["split.groups"] = "images of one group stand on one side, as this table says"
    return {**split, "groups": GROUPS_NAME}


def require_folder(root: Path) -> None:
    """Raise a DatasetError unless `root` is a folder."""
    if not root.is_dir():
        raise DatasetError(
            "this is a file, not a folder" if root.exists() else "there is no such folder",
            where=root,
            expected="a folder with images and masks",
            fix="give the folder that holds both",
        )


def _guess_bands(
    paths: Sequence[Path], reasons: Reasons
) -> tuple[list[dict[str, Any]], bool, float | None]:
    """Band table, whether alpha is validity, nodata value."""
    infos = readable(inspect, spread(paths))
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
    if first.axes:
        reasons["bands"] += f"; {first.axes}"
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
    rasters = readable(
        lambda path: read_raster(path, places, nodata=nodata, step=_LOOK_STEP), spread(paths, 20)
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
    alphas = readable(lambda path: read_raster(path, [band]), [info.path for info in looked])
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
    if info.count == len(SENTINEL2) and not any(named):
        reasons["bands"] = "unnamed; 13 bands are taken for those of Sentinel-2, from B1 to B12"
        return list(SENTINEL2)
    reasons["bands"] = "the files name no bands: give them their names"
    return _distinct([name or f"band_{i}" for i, name in enumerate(named, start=1)])


def _distinct(names: Sequence[str]) -> list[str]:
    """Append the position to names that occur twice."""
    counts = Counter(names)
    return [n if counts[n] == 1 else f"{n}_{i}" for i, n in enumerate(names, start=1)]
