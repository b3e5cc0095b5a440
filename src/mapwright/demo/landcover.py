"""Made-up Sentinel-2 scenes with land-cover labels, as folders of GeoTIFF files.

The spectra are synthetic: no pixel was measured by a satellite. They follow what is known of such
surfaces closely enough to try a whole task, and no further: a score on them says nothing about
real scenes.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from mapwright.demo.land.ground import Ground
from mapwright.demo.land.landscape import make_labels, roll_shares
from mapwright.demo.land.product import Product, write_bands, write_scene
from mapwright.demo.land.sentinel import make_scene, roll_overpass
from mapwright.demo.land.surfaces import WATER, Labels
from mapwright.errors import DatasetError, ImageFileError, SettingError
from mapwright.io.files import replacing, require_new
from mapwright.io.raster import open_raster
from mapwright.progress import progress_bar

PARTS: Final = ("tra", "val")
"""Beginnings of the folders' and files' names: scenes to train on, scenes to validate on."""
_CORNER: Final = (240_000, 6_670_000)  # easting and northing in UTM zone 33
_PIXEL: Final = 10  # metres
_GAP: Final = 1.1  # distance of neighbouring scenes, in sides of one
_SEASON: Final = (175.0, 225.0)  # days of the year: late June to mid August
_PLAIN: Final = Product()


class _Truth(NamedTuple):
    """Labels of one scene, their grid, and the file they come from, if from one."""

    part: str
    stem: str
    labels: Labels
    geobox: GeoBox
    file: Path | None


def make_landcover(
    folder: Path,
    *,
    labels: Path | None = None,
    scenes: tuple[int, int] = (4, 2),
    size: int = 512,
    seed: int = 0,
    shares: Mapping[str, float] | None = None,
    product: Product = _PLAIN,
) -> list[Path]:
    """Write made-up Sentinel-2 scenes with labels to train and validate on.

    The spectra are synthetic. The folder holds `tra_scene/tra_scene_0.tif` and
    `tra_truth/tra_truth_0.tif` and so on, and the same for `val`. Scenes: int32, red, green, blue,
    nir, swir1 (reflectance x 10000) and ndvi (x 10000, from the whole numbers of red and nir).
    Truth: uint8, 1 urban, 2 cropland, 3 grass, 4 forest, 5 wetland, 6 water, 0 unlabelled.

    The same arguments give the same pixels. Places that two scenes share show the same ground in
    both, at two dates.

    Args:
        folder: A new or empty folder.
        labels: A folder with `tra_truth` and `val_truth`, whose rasters are copied and given
            scenes on their own grids; None = labels are made up.
        scenes: How many to train and to validate on, if labels are made up.
        size: Height and width in pixels of 10 m, if labels are made up; at least 32.
        seed: Which land; 0 or larger.
        shares: Share of the pixels per class, as in `make_labels`, in all scenes; None = they
            differ from scene to scene.
        product: How scenes are written.

    Returns:
        The files of all scenes.

    Raises:
        DatasetError: `labels` holds no truth.
        ImageFileError: A raster in `labels` can't be read or has values above 6.
        SettingError: `scenes`, `size`, `seed` or `shares` is out of range.
        OutputError: `folder` is not empty, or can't be written.
    """
    if seed < 0 or min(scenes) < 0:
        raise SettingError(f"seed = {seed}, scenes = {scenes}", expected="numbers from 0")
    require_new(folder)
    files = _truth_files(labels) if labels else []
    total = len(files) if labels else sum(scenes)
    found = (_read(*file) for file in files) if labels else _invent(scenes, size, seed, shares)
    season = np.random.default_rng([seed, 0]).uniform(*_SEASON)
    written = []
    with progress_bar("make", total, "scenes") as progress:
        for truth in found:
            _write_truth(folder / f"{truth.part}_truth" / f"{truth.stem}.tif", truth)
            name = truth.stem.replace("truth", "scene")
            ground = _ground(truth.labels.shape, truth.geobox, seed)
            rng = np.random.default_rng(ground.key(name))
            scene = make_scene(truth.labels, ground, roll_overpass(rng, season), rng)
            target = folder / f"{truth.part}_scene" / name
            written += write_scene(target, scene, truth.geobox, product)
            progress.advance()
    return written


def _invent(
    scenes: tuple[int, int], size: int, seed: int, shares: Mapping[str, float] | None
) -> Iterator[_Truth]:
    """Make labels up, on grids beside each other: one row to train on, one to validate on."""
    pitch = _PIXEL * round(_GAP * size)
    for down, (part, count) in enumerate(zip(PARTS, scenes, strict=True)):
        for number in range(count):
            x, y = _CORNER[0] + number * pitch, _CORNER[1] - down * pitch
            transform = Affine(_PIXEL, 0.0, x, 0.0, -_PIXEL, y)
            geobox = GeoBox((size, size), transform, "EPSG:32633")
            ground = _ground((size, size), geobox, seed)
            stem = f"{part}_truth_{number}"
            rolled = shares or roll_shares(np.random.default_rng(ground.key(stem)))
            yield _Truth(part, stem, make_labels(ground, rolled), geobox, None)


def _truth_files(labels: Path) -> list[tuple[str, Path]]:
    files = [
        (part, path) for part in PARTS for path in sorted((labels / f"{part}_truth").glob("*.tif"))
    ]
    if not files:
        raise DatasetError(
            "no label rasters found",
            where=labels,
            expected="tra_truth/*.tif and val_truth/*.tif",
            fix="give the folder that holds tra_truth and val_truth",
        )
    return files


def _read(part: str, path: Path) -> _Truth:
    with open_raster(path) as source:
        values, geobox = source.read(1), GeoBox.from_rio(source)
    odd = values[~((values >= 0) & (values <= WATER) & (values == np.floor(values)))]
    if odd.size:
        raise ImageFileError(
            f"value {odd[0]} on {odd.size} pixels",
            where=path,
            expected="labels 1 to 6, and 0 where there is none",
            fix="translate its values before",
        )
    return _Truth(part, path.stem, values.astype(np.uint8), geobox, path)


def _write_truth(target: Path, truth: _Truth) -> None:
    if truth.file is None:
        write_bands(target, truth.labels[None], truth.geobox, ("land cover",))
        return
    with replacing(target) as temporary:
        shutil.copyfile(truth.file, temporary)


def _ground(shape: tuple[int, ...], geobox: GeoBox, seed: int) -> Ground:
    """The window that a grid covers, so that grids which overlap share what lies there."""
    t = geobox.transform
    top = round(-t.f / math.hypot(t.b, t.e))
    left = round(t.c / math.hypot(t.a, t.d))
    return Ground(seed, top, left, shape[0], shape[1])
