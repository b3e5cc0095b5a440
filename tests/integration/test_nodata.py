"""What stands in a file where there is no measurement changes nothing, anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rasterio import Affine

import mapwright as mw
from builders import Array, make_spec, rectangles, write_tiff
from mapwright.apply import predict_files
from mapwright.data.dataset import Dataset
from mapwright.data.fingerprint import take_fingerprint
from mapwright.data.tiles import SampleCache, TrainingTiles
from mapwright.io.raster import read_raster
from mapwright.run import Options, train_on

SIDE, COUNT = 64, 4
RANDOM = np.random.default_rng(5)

FILLS: dict[str, tuple[type, float | None, Callable[[int], Any]]] = {
    "0": (np.uint16, 0, lambda n: 0),
    "65535": (np.uint16, 65535, lambda n: 65535),
    "NaN": (np.float32, float("nan"), lambda n: np.nan),
    "NaN, not declared": (np.float32, None, lambda n: np.nan),
    "random, transparent": (np.uint16, None, lambda n: RANDOM.integers(0, 60000, n)),
}


def holes(number: int) -> Array:
    """A wedge, a few single pixels, and on one image half of it: (SIDE, SIDE) bool."""
    rows, cols = np.indices((SIDE, SIDE))
    out = cols + 3 * rows < 20 * number
    out[5::16, 7::16] = True
    if number == 2:
        out[:, SIDE // 2 :] = True
    return out


def make_scenes(root: Path, fill: str) -> Dataset:
    """The same scenes, with another filling of what is invalid."""
    dtype, nodata, value = FILLS[fill]
    alpha = fill.endswith("transparent")
    for number in range(COUNT):
        pixels, mask = rectangles(number, SIDE)
        bands, out = (pixels.astype(dtype) + 1) * 10, holes(number)
        for band in bands:
            band[out] = value(int(out.sum()))
        if alpha:
            opaque = np.where(out, 0, np.iinfo(dtype).max).astype(dtype)
            bands = np.concatenate([bands, opaque[None]])
        place = Affine(10, 0, 5e5 + 1000 * number, 0, -10, 6e6)
        write_tiff(
            root / "images" / f"{number}.tif", bands, crs="EPSG:32633", transform=place,
            nodata=nodata, alpha=4 if alpha else None, photometric="minisblack",
        )  # fmt: skip
        write_tiff(
            root / "masks" / f"{number}.tif", np.uint8(255) * mask, crs="EPSG:32633",
            transform=place,
        )  # fmt: skip
    valid = {"nodata": nodata, "alpha": alpha}
    spec = make_spec(images="images/*.tif", masks="masks/*.tif", valid=valid, split={"val": 1})
    return Dataset(root, spec)


def everything(root: Path, fill: str) -> dict[str, Any]:
    """Statistics, tiles, weights, scores and maps of one filling."""
    dataset = make_scenes(root / "data", fill)
    sizes = [(SIDE, SIDE)] * COUNT
    tiles = TrainingTiles(
        SampleCache(dataset, 0), dataset.items, sizes, patch=32, context=1.5, batch=8, seed=1
    )
    settings = {
        "steps": 3, "patch": 32, "batch": 2, "tile": 32, "weights": "random", "rare": 0.5,
        "precision": "float32",
    }  # fmt: skip
    run = train_on(dataset, root / "run", Options(settings=settings))
    maps = predict_files(run.model, [root / "data" / "images"], root / "maps", probabilities=True)
    return {
        "statistics": take_fingerprint(dataset, dataset.items).plain(),
        "tiles": [tensor.nan_to_num(-1) for tensor in (tiles.draw(0).image, tiles.draw(0).mask)],
        "weights": run.model.bundle.members[0],
        "log": (root / "run" / "progress.csv").read_text(),
        "scores": run.scores.plain() if run.scores else None,
        "maps": [path.read_bytes() for files in maps for path in (files.map, files.probabilities)
                 if path],
        "folder": root,
    }  # fmt: skip


@pytest.fixture(scope="module")
def zeros(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return everything(tmp_path_factory.mktemp("zeros"), "0")


@pytest.mark.parametrize("fill", [fill for fill in FILLS if fill != "0"])
def test_the_filling_of_invalid_pixels_changes_nothing(
    zeros: dict[str, Any], tmp_path: Path, fill: str
) -> None:
    other = everything(tmp_path, fill)
    assert other["statistics"] == zeros["statistics"]
    for one, two in zip(zeros["tiles"], other["tiles"], strict=True):
        assert torch.equal(one, two)
    for name, tensor in zeros["weights"].items():
        assert torch.equal(tensor, other["weights"][name]) or name.endswith("nodata"), name
    assert other["scores"] == zeros["scores"]
    assert other["log"] == zeros["log"]
    assert other["maps"] == zeros["maps"]


def test_a_map_is_invalid_exactly_where_its_image_is(zeros: dict[str, Any]) -> None:
    nodata = mw.load(zeros["folder"] / "run").bundle.spec.legend.nodata
    for number in range(COUNT):
        written = read_raster(zeros["folder"] / "maps" / f"{number}.tif", nodata=nodata)
        np.testing.assert_array_equal(~written.valid, holes(number))
