"""Tiny folders of images and masks, and the description of such a folder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio import Affine
from rasterio.enums import ColorInterp

from mapwright.data.spec import DatasetSpec

if TYPE_CHECKING:
    from mapwright.bundle import Bundle

Array = NDArray[Any]

COLORS = ("#2b2f36", "#ff5a36", "#4e79a7", "#f28e2b", "#59a14f", "#e15759")


def write_png(path: Path, pixels: Array, **options: Any) -> Path:
    """Write (H, W) or (C, H, W) with Pillow: PNG, or whatever the ending of `path` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    last = pixels if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
    Image.fromarray(last).save(path, **options)
    return path


def write_tiff(
    path: Path,
    pixels: Array,
    *,
    crs: str | None = None,
    transform: Affine | None = None,
    nodata: float | None = None,
    descriptions: Sequence[str] = (),
    alpha: int | None = None,
    **profile: Any,
) -> Path:
    """Write (H, W) or (C, H, W) as GeoTIFF; `alpha` is the 1-based band to call alpha."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = pixels if pixels.ndim == 3 else pixels[None]
    count, height, width = bands.shape
    profile |= {"crs": crs, "nodata": nodata, "transform": transform, "dtype": bands.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", count=count, height=height, width=width, **profile
        ) as target:
            for index, text in enumerate(descriptions, start=1):
                target.set_band_description(index, text)
            if alpha:
                plain = [ColorInterp.gray, *[ColorInterp.undefined] * (count - 1)]
                plain[alpha - 1] = ColorInterp.alpha
                target.colorinterp = plain
            target.write(bands)
    return path


def rectangles(number: int, size: int = 64, bands: int = 3) -> tuple[Array, NDArray[np.bool_]]:
    """Bright rectangles on noisy ground: (bands, size, size) uint8 and (size, size) bool."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(20, 80, (bands, size, size), np.uint8)
    mask = np.zeros((size, size), bool)
    for _ in range(3):
        row, col = rng.integers(0, size - size // 4, 2)
        height, width = rng.integers(1, size // 4 + 1, 2)
        mask[row : row + height, col : col + width] = True
    pixels[:, mask] += 120
    return pixels, mask


def make_dataset(
    root: Path,
    count: int = 6,
    size: int = 64,
    *,
    bands: int = 4,
    ending: str = ".png",
    masks: int | None = None,
    positive: int = 255,
    descriptions: Sequence[str] = (),
    crs: str | None = None,
    nodata: float | None = None,
) -> Path:
    """`root`/images and `root`/masks with `count` pairs of bright rectangles.

    Four bands of PNG are RGBA, with a transparent corner; `masks` limits the number of masks.
    """
    for number in range(count):
        pixels, mask = rectangles(number, size, bands)
        name = f"{number:02d}{ending}"
        if ending == ".png":
            if bands == 4:
                pixels[3] = 255
                pixels[:, : size // 8, : size // 8] = 0
            write_png(root / "images" / name, pixels)
        else:
            place = Affine(10, 0, 5e5 + 1000 * number, 0, -10, 6e6) if crs else None
            write_tiff(
                root / "images" / name,
                pixels,
                crs=crs,
                transform=place,
                nodata=nodata,
                descriptions=descriptions,
                photometric="minisblack",
            )
        if masks is None or number < masks:
            write_png(root / "masks" / f"{number:02d}.png", np.uint8(positive) * mask)
    return root


def make_spec(
    *classes: Sequence[int], bands: Sequence[str] = ("red", "green", "blue"), **changes: Any
) -> DatasetSpec:
    """The description of `make_dataset`; `classes` are the mask values of each class."""
    values = classes or ((0,), (255,))
    spec = {
        "name": "test",
        "images": "images/*.png",
        "masks": "masks/*.png",
        "bands": [{"name": name, "index": i} for i, name in enumerate(bands, start=1)],
        "classes": [
            {"name": f"class {i}", "values": list(v), "color": COLORS[i % len(COLORS)]}
            for i, v in enumerate(values)
        ],
    }
    return DatasetSpec.parse(spec | changes, "a test")


def make_bundle(
    members: int = 1,
    *classes: Sequence[int],
    threshold: float = 0.5,
    seed: int = 0,
    plan: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Bundle:
    """An untrained model that knows its data, made without training; see `make_spec`.

    Its band values are like those of `rectangles`, and its logits are far enough from 0 to matter.
    """
    import torch

    from mapwright.bundle import Bundle, assemble
    from mapwright.card import Decision, History
    from mapwright.data.fingerprint import BandStats, ClassStats, Fingerprint
    from mapwright.data.splits import Fold
    from mapwright.plan import Plan

    described = make_spec(*classes, **spec)
    settings = Plan.parse(
        {"encoder": "tu-mobilenetv3_small_100", "weights": "random", "patch": 64, "tile": 64}
        | dict(plan or {}),
        "a test",
    )
    bands = [
        BandStats(
            name=name, mean=70.0 + 5 * k, std=50.0, minimum=20.0, maximum=200.0,
            percentiles=(21.0, 23.0, 55.0, 190.0, 198.0),
        )
        for k, name in enumerate(described.band_names)
    ]  # fmt: skip
    fingerprint = Fingerprint(
        bands=tuple(bands),
        classes=tuple(
            ClassStats(name=name, pixels=100, images=2, objects=3, object_pixels=(1, 2, 3))
            for name in described.class_names
        ),
        heights=(64, 64),
        widths=(64, 64),
        gsd=0.5,
    )
    states = []
    for number in range(members):
        torch.manual_seed(seed + number)
        network, _ = assemble(described, settings, fingerprint)
        with torch.no_grad():
            for head in network.network.segmentation_head.parameters():
                head.mul_(5.0)
        states.append(network.state_dict())
    stems = [f"{number:02d}" for number in range(members + 1)]
    folds = [Fold(train=tuple(s for s in stems if s != stems[k]), val=(stems[k],))
             for k in range(members)]  # fmt: skip
    history = History(
        created="2026-01-01T00:00:00+00:00",
        folds=tuple(folds),
        images={stem: sha256(stem.encode()).hexdigest() for stem in stems},
        weights_source="random",
        weights_reason="a test",
        steps=(1,) * members,
        best_steps=(1,) * members,
        seconds=1.0,
        versions={"torch": torch.__version__},
        hardware="a test",
    )
    return Bundle(
        spec=described,
        plan=settings,
        fingerprint=fingerprint,
        decision=Decision(threshold=threshold),
        history=history,
        members=tuple(states),
    )
