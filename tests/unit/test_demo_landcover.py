"""Generated Sentinel-2 scenes as files: grids, numbers, band order, offset, nodata."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from builders import write_tiff
from mapwright.demo.land.ground import Ground
from mapwright.demo.land.landscape import make_labels
from mapwright.demo.land.product import BANDS, Product
from mapwright.demo.land.sentinel import ndvi
from mapwright.demo.landcover import make_landcover
from mapwright.errors import DatasetError, ImageFileError, OutputError, SettingError

Array = NDArray[Any]
SIZE = 96
HERE = Ground(seed=4, top=-660_000, left=25_000, height=SIZE, width=SIZE)


def read(path: Path) -> Array:
    with rasterio.open(path) as source:
        return np.asarray(source.read())


def one(root: Path, product: Product, size: int = 64) -> Array:
    """The only scene of a folder, (6, H, W)."""
    files = make_landcover(root, scenes=(1, 0), size=size, seed=2, product=product)
    return read(files[0])


def write_truth(root: Path, name: str, labels: Array, **options: Any) -> Path:
    part = name[:3]
    options = {"crs": "EPSG:32633", "transform": Affine(10, 0, 5e5, 0, -10, 6.6e6)} | options
    return write_tiff(root / f"{part}_truth" / f"{name}.tif", labels, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "land"
    make_landcover(root, scenes=(2, 1), size=SIZE, seed=4)
    return root


# files and grids


def test_the_folder_has_the_layout_of_the_task(made: Path) -> None:
    files = sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())
    assert files == [
        "tra_scene/tra_scene_0.tif",
        "tra_scene/tra_scene_1.tif",
        "tra_truth/tra_truth_0.tif",
        "tra_truth/tra_truth_1.tif",
        "val_scene/val_scene_0.tif",
        "val_truth/val_truth_0.tif",
    ]


def test_scenes_and_truth_say_what_they_are(made: Path) -> None:
    with (
        rasterio.open(made / "tra_scene" / "tra_scene_1.tif") as scene,
        rasterio.open(made / "tra_truth" / "tra_truth_1.tif") as truth,
    ):
        assert scene.descriptions == BANDS
        assert set(scene.dtypes) == {"int32"}
        assert scene.nodata is None and truth.nodata is None
        assert truth.dtypes == ("uint8",) and truth.count == 1
        assert truth.compression.name == "lzw" and all(truth.descriptions)
        assert scene.transform == truth.transform
        assert scene.crs == truth.crs == rasterio.crs.CRS.from_epsg(32633)
        assert scene.res == (10.0, 10.0)
        assert scene.shape == truth.shape == (SIZE, SIZE)


def test_made_up_scenes_lie_beside_each_other(made: Path) -> None:
    boxes = []
    for path in made.glob("*_scene/*.tif"):
        with rasterio.open(path) as scene:
            boxes.append(scene.bounds)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a.left >= b.right or b.left >= a.right or a.bottom >= b.top or b.bottom >= a.top
            assert apart, (a, b)


def test_the_same_seed_gives_the_same_files(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    make_landcover(again, scenes=(2, 1), size=SIZE, seed=4)
    for path in sorted(made.rglob("*.tif")):
        assert path.read_bytes() == (again / path.relative_to(made)).read_bytes()


def test_another_seed_gives_another_land(made: Path, tmp_path: Path) -> None:
    make_landcover(tmp_path / "other", scenes=(1, 0), size=SIZE, seed=5)
    truth = Path("tra_truth") / "tra_truth_0.tif"
    assert (read(made / truth) != read(tmp_path / "other" / truth)).mean() > 0.2


def test_the_number_of_scenes_does_not_change_them(made: Path, tmp_path: Path) -> None:
    make_landcover(tmp_path / "one", scenes=(1, 0), size=SIZE, seed=4)
    first = Path("tra_scene") / "tra_scene_0.tif"
    assert np.array_equal(read(made / first), read(tmp_path / "one" / first))


def test_a_full_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError):
        make_landcover(tmp_path, scenes=(1, 0), size=64)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "options",
    [
        {"size": 31},
        {"seed": -1},
        {"scenes": (-1, 1)},
        {"shares": {"forest": 0.5}},
        {"shares": {"water": -0.1}},
        {"shares": {"water": 0.9}},
        {"shares": {"water": math.nan}},
    ],
)
def test_settings_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(SettingError):
        make_landcover(tmp_path / "none", **options)
    assert not (tmp_path / "none").exists()


# how scenes are delivered


def test_ndvi_comes_from_the_red_and_nir_of_the_file(made: Path) -> None:
    for path in made.glob("*_scene/*.tif"):
        red, _, _, nir, _, index = read(path).astype(np.float64)
        assert np.array_equal(index, np.rint(10_000 * (nir - red) / (nir + red)))


def test_a_false_band_order_moves_contents_but_not_names(tmp_path: Path) -> None:
    order = ("blue", "green", "red", "nir", "swir1", "ndvi")
    true = one(tmp_path / "true", Product())
    false = one(tmp_path / "false", Product(order=order))
    assert np.array_equal(false, true[[2, 1, 0, 3, 4, 5]])
    with rasterio.open(tmp_path / "false" / "tra_scene" / "tra_scene_0.tif") as scene:
        assert scene.descriptions == BANDS
    first, third, nir, index = false[[0, 2, 3, 5]]
    assert np.array_equal(ndvi(third, nir), index)
    assert not np.array_equal(ndvi(first, nir), index)


def test_the_offset_is_added_to_reflectance_only(tmp_path: Path) -> None:
    plain = one(tmp_path / "plain", Product())
    moved = one(tmp_path / "moved", Product(offset=1000))
    assert np.array_equal(moved[:5], plain[:5] + 1000)
    assert np.array_equal(moved[5], plain[5])


@pytest.mark.parametrize("size", [64, 65])
def test_one_file_per_band_with_swir_at_20_m(tmp_path: Path, size: int) -> None:
    whole = one(tmp_path / "whole", Product(), size)
    one(tmp_path / "bands", Product(band_files=True), size)
    folder = tmp_path / "bands" / "tra_scene" / "tra_scene_0"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(BANDS)
    for i, name in enumerate(BANDS):
        with rasterio.open(folder / f"{name}.tif") as file:
            assert file.descriptions == (name,)
            band, side = file.read(1), 20 if name == "swir1" else 10
            assert file.res == (side, side)
            assert (file.bounds.left, file.bounds.top) == (240_000, 6_670_000)
        if name == "swir1":
            assert band.shape == (-(-size // 2), -(-size // 2))
            band = band.repeat(2, 0).repeat(2, 1)[:size, :size]
        assert np.array_equal(band, whole[i])


def test_a_false_order_reaches_the_files_of_bands(tmp_path: Path) -> None:
    order = ("swir1", "green", "blue", "nir", "red", "ndvi")
    whole = one(tmp_path / "whole", Product())
    one(tmp_path / "bands", Product(order=order, band_files=True))
    folder = tmp_path / "bands" / "tra_scene" / "tra_scene_0"
    assert np.array_equal(read(folder / "swir1.tif")[0], whole[0])
    assert read(folder / "red.tif").shape == (1, 32, 32)


@pytest.mark.parametrize("nodata", [0, 65535, -9999, math.nan])
def test_what_lies_beyond_the_swath_is_nodata_in_all_bands(tmp_path: Path, nodata: float) -> None:
    plain = one(tmp_path / "plain", Product(offset=1000))
    product = Product(offset=1000, wedge=0.25, nodata=nodata)
    cut = one(tmp_path / "cut", product)
    with rasterio.open(tmp_path / "cut" / "tra_scene" / "tra_scene_0.tif") as scene:
        assert scene.nodata == nodata or (math.isnan(nodata) and math.isnan(scene.nodata))
        assert scene.dtypes[0] == ("float32" if math.isnan(nodata) else "int32")
    gone = np.isnan(cut) if math.isnan(nodata) else cut == nodata
    beyond = gone[:5].all(axis=0)
    assert gone[5][beyond].all()
    assert beyond.mean() == pytest.approx(0.25, abs=1e-3)
    assert np.array_equal(cut[:, ~beyond], plain[:, ~beyond])
    truth = Path("tra_truth") / "tra_truth_0.tif"
    assert np.array_equal(read(tmp_path / "plain" / truth), read(tmp_path / "cut" / truth))


def test_a_20_m_pixel_is_nodata_where_any_of_its_parts_is(tmp_path: Path) -> None:
    product = Product(band_files=True, wedge=0.3)
    one(tmp_path / "cut", product, size=65)
    folder = tmp_path / "cut" / "tra_scene" / "tra_scene_0"
    fine, coarse = read(folder / "nir.tif")[0] == 0, read(folder / "swir1.tif")[0] == 0
    wide = coarse.repeat(2, 0).repeat(2, 1)[:65, :65]
    assert wide[fine].all() and (wide & ~fine).any()
    assert wide.sum() <= 4 * fine.sum()


@pytest.mark.parametrize(
    "options",
    [
        {"order": ("red", "green", "blue")},
        {"order": ("red", "red", "blue", "nir", "swir1", "ndvi")},
        {"wedge": 1.5},
        {"wedge": math.nan},
        {"nodata": 0.5},
        {"nodata": math.inf},
    ],
)
def test_impossible_products_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Product(**options)


# scenes over given labels


def test_given_labels_keep_their_files_and_grids(tmp_path: Path) -> None:
    labels = make_labels(HERE)[:41, :67]
    turned = Affine(8.0, 3.0, 300_000.5, 3.0, -8.0, 7_000_000.25)
    given = tmp_path / "gitt på nytt"
    write_truth(given, "tra_truth_0", labels, crs="EPSG:25832", transform=turned, compress="lzw")
    write_truth(given, "val_truth_7", labels[:1, :1], crs=None, transform=None)
    files = make_landcover(tmp_path / "out", labels=given)
    names = [str(path.relative_to(tmp_path / "out")) for path in files]
    assert names == ["tra_scene/tra_scene_0.tif", "val_scene/val_scene_7.tif"]
    for path in given.rglob("*.tif"):
        assert path.read_bytes() == (tmp_path / "out" / path.relative_to(given)).read_bytes()
    with rasterio.open(files[0]) as scene:
        assert scene.transform == turned and scene.crs.to_epsg() == 25832
        assert scene.shape == (41, 67)
    assert read(files[1]).shape == (6, 1, 1)


def test_labels_outside_the_legend_are_refused(tmp_path: Path) -> None:
    labels = np.full((8, 8), 4, np.int16)
    labels[0, :3] = -1
    path = write_truth(tmp_path / "given", "tra_truth_0", labels)
    with pytest.raises(ImageFileError, match="value -1 on 3 pixels") as caught:
        make_landcover(tmp_path / "out", labels=tmp_path / "given")
    assert str(path) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no label rasters"):
        make_landcover(tmp_path / "out", labels=tmp_path)


def overlap(root: Path, files: Sequence[Path]) -> tuple[Array, Array]:
    """What two scenes hold of the ground that they share, (6, H, W) each, without its rim."""
    with rasterio.open(files[0]) as first, rasterio.open(files[1]) as second:
        a, b = first.bounds, second.bounds
        box = max(a.left, b.left), max(a.bottom, b.bottom), min(a.right, b.right), min(a.top, b.top)
        return tuple(  # type: ignore[return-value]
            scene.read(window=rasterio.windows.from_bounds(*box, scene.transform))
            for scene in (first, second)
        )


def correlations(first: Array, second: Array) -> list[float]:
    pairs = zip(first, second, strict=True)
    return [float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in pairs]


def test_scenes_that_overlap_show_the_same_ground(tmp_path: Path) -> None:
    labels = make_labels(Ground(1, 0, 0, 140, 120))
    corner = Affine(10, 0, 0, 0, -10, 0)
    below = Affine(10, 0, 200, 0, -10, -600)
    write_truth(tmp_path / "given", "tra_truth_0", labels[:80], transform=corner)
    write_truth(tmp_path / "given", "val_truth_0", labels[60:, 20:], transform=below)
    files = make_landcover(tmp_path / "out", labels=tmp_path / "given", seed=1)
    here, there = overlap(tmp_path, files)
    assert here.shape == (6, 20, 100)
    assert not np.array_equal(here, there)  # two dates
    assert min(correlations(here, there)) > 0.85
    forest = labels[60:80, 20:] == 4
    assert correlations(here[:4, forest], there[:4, forest])[3] > 0.6  # not by the classes alone
    assert abs(correlations(here[:4, forest], there[:4, ::-1][:, forest])[3]) < 0.5


def test_real_labels_that_overlap_get_scenes_that_agree(stored_data: Path, tmp_path: Path) -> None:
    found = stored_data / "landcover_truth"
    if not found.is_dir():
        pytest.skip("no landcover_truth in MAPWRIGHT_DATA")
    for name, rows in (("tra_truth_1", slice(0, 60)), ("val_truth_1", slice(792, 852))):
        with rasterio.open(found / name[:9] / f"{name}.tif") as source:
            labels, t, crs = source.read(1)[rows], source.transform, source.crs
        place = Affine(t.a, t.b, t.c, t.d, t.e, t.f + rows.start * t.e)
        write_truth(tmp_path / "given", name, labels, transform=place, crs=crs)
    files = make_landcover(tmp_path / "out", labels=tmp_path / "given")
    here, there = overlap(tmp_path, files)
    assert here.shape == (6, 11, 322)
    assert min(correlations(here, there)) > 0.85


def test_scenes_differ_in_date_and_air(tmp_path: Path) -> None:
    labels = make_labels(HERE)
    for number in range(4):
        write_truth(tmp_path / "given", f"tra_truth_{number}", labels)
    files = make_landcover(tmp_path / "out", labels=tmp_path / "given")
    means = np.stack([read(path)[:5].mean(axis=(1, 2)) for path in files])
    spread = means.std(axis=0) / means.mean(axis=0)
    assert (spread > 0.003).all() and (spread < 0.3).all()
