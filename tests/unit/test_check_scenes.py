"""What `check` says of georeferenced scenes with many bands."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rasterio import Affine

from builders import make_spec, write_tiff
from mapwright.data.band_audit import kept_pixels, some_pixels
from mapwright.data.check import CheckReport, check
from mapwright.data.dataset import Dataset
from mapwright.data.findings import Finding
from mapwright.data.spec import DatasetSpec

Array = NDArray[Any]

NAMES = ("red", "green", "blue", "nir", "swir1", "ndvi")
SIDE = 48
GIVEN = {"by": "given", "given": {"train": ["tra_*"], "val": ["val_*"]}}


def reflectances(number: int) -> dict[str, Array]:
    """Whole numbers of reflectance x 10000 over water, forest and fields, and their NDVI."""
    rng = np.random.default_rng(number)
    ends = np.array(
        [[170, 290, 330, 110, 50], [250, 420, 230, 2300, 1100], [600, 800, 500, 3500, 2200]]
    )
    parts = rng.dirichlet([0.3, 0.3, 0.3], SIDE * SIDE)
    noise = rng.normal(1, 0.04, (SIDE * SIDE, 5))
    values = np.round(parts @ ends * noise).T.reshape(5, SIDE, SIDE)
    bands = dict(zip(NAMES, values, strict=False))
    red, nir = bands["red"], bands["nir"]
    return bands | {"ndvi": np.round((nir - red) / (nir + red) * 10_000)}


def write_scene(
    root: Path,
    stem: str,
    number: int,
    *,
    order: Sequence[str] = NAMES,
    add: int = 0,
    x: float | None = None,
    crs: str | None = "EPSG:32633",
    described: bool = True,
) -> None:
    """One image whose bands are called `NAMES` and hold `order`, with its mask on its grid."""
    bands = reflectances(number)
    pixels = np.stack([bands[n] + (n != "ndvi") * add for n in order]).astype(np.int32)
    left = 5e5 + 1000 * number if x is None else x
    place = {"crs": crs, "transform": Affine(10, 0, left, 0, -10, 6e6) if crs else None}
    texts = NAMES if described else ()
    write_tiff(root / "images" / f"{stem}.tif", pixels, descriptions=texts, **place)
    mask = (bands["nir"] > 1500).astype(np.uint8)
    write_tiff(root / "masks" / f"{stem}.tif", mask, **place)


def look(root: Path, split: Mapping[str, Any] = GIVEN, **changes: Any) -> CheckReport:
    return check(Dataset(root, spec(split, **changes)))


def spec(split: Mapping[str, Any] = GIVEN, **changes: Any) -> DatasetSpec:
    bands = [{"name": name, "index": i} for i, name in enumerate(NAMES, 1)]
    whole = {"images": "images/*.tif", "masks": "masks/*.tif", "split": split, "bands": bands}
    values = make_spec((0,), (1,)).plain() | whole | changes
    return DatasetSpec.parse(values, "a test")


def only(report: CheckReport) -> Finding:
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four training and two validation scenes, apart from each other."""
    for number, stem in enumerate(("tra_0", "tra_1", "tra_2", "tra_3", "val_0", "val_1")):
        write_scene(tmp_path, stem, number)
    return tmp_path


@pytest.mark.parametrize(
    "split", [GIVEN, {"by": "scene"}, {"by": "block", "block": 32, "buffer": 8}]
)
def test_sound_scenes_have_no_findings(root: Path, split: Mapping[str, Any]) -> None:
    assert look(root, split).findings == []


def test_a_wrong_band_order_is_an_error(tmp_path: Path) -> None:
    order = ("blue", "green", "red", "nir", "swir1", "ndvi")
    for number in range(4):
        write_scene(tmp_path, f"{'tv'[number == 3]}{number}", number, order=order, described=False)
    report = look(tmp_path, {"by": "scene"})
    assert report.harmful
    assert "the bands are blue, green, red, nir, swir1, ndvi" in only(report).advice
    assert "[[bands]] in dataset.toml" in only(report).advice


def test_an_index_that_is_not_used_still_tells_the_band_order(tmp_path: Path) -> None:
    order = ("blue", "green", "red", "nir", "swir1", "ndvi")
    for number in range(4):
        write_scene(tmp_path, f"{number}", number, order=order)
    bands = [{"name": n, "index": i, "use": n != "ndvi"} for i, n in enumerate(NAMES, 1)]
    found = only(look(tmp_path, {"by": "scene"}, bands=bands))
    assert (found.level, found.kind) == ("error", "band order")
    assert 'bands_by = "index"' in found.advice


def test_a_band_that_is_not_used_and_not_there_does_not_matter(root: Path) -> None:
    bands = [{"name": n, "index": i} for i, n in enumerate(NAMES, 1)]
    assert look(root, bands=[*bands, {"name": "x", "index": 9, "use": False}]).findings == []


def test_one_file_in_another_order_is_named(root: Path) -> None:
    write_scene(root, "tra_2", 2, order=("blue", "green", "red", "nir", "swir1", "ndvi"))
    found = only(look(root))
    assert (found.level, found.kind, found.stems) == ("error", "band order", ("tra_2",))


def test_a_mixture_of_baselines_is_an_error(root: Path) -> None:
    for number, stem in ((0, "tra_0"), (5, "val_1")):
        write_scene(root, stem, number, add=1000)
    found = {f.kind: f for f in look(root).findings}
    assert found["offset mixed"].level == "error"
    assert found["offset mixed"].stems == ("tra_0", "val_1")


def test_an_offset_is_to_be_declared_and_then_no_finding(tmp_path: Path) -> None:
    for number in range(4):
        write_scene(tmp_path, f"{number}", number, add=1000)
    kinds = {f.kind: f.level for f in look(tmp_path, {"by": "scene"}).findings}
    assert kinds == {"offset not declared": "warning", "index band": "note"}
    bands = [
        {"name": n, "index": i, "scale": 1e-4, "offset": -0.1 * (n != "ndvi")}
        for i, n in enumerate(NAMES, 1)
    ]
    assert look(tmp_path, {"by": "scene"}, bands=bands).findings == []


def test_ground_on_both_sides_of_the_split_is_named(root: Path) -> None:
    write_scene(root, "val_1", 5, x=5e5 + 1000 + 10 * (SIDE - 1))
    found = only(look(root))
    assert (found.level, found.kind) == ("error", "shared ground")
    assert found.stems == ("val_1", "tra_1")
    assert "val_1 and tra_1 share 1 column x 48 rows, 2.08% of val_1" in found.text
    assert "1.04% of the validation pixels" in found.text
    assert "in 1 of 2 images" in found.text


def test_a_little_shared_ground_is_only_a_warning(root: Path) -> None:
    for number in range(6, 9):
        write_scene(root, f"val_{number}", number)
    write_scene(root, "val_1", 5, x=5e5 + 1000 + 10 * (SIDE - 1))
    assert only(look(root)).level == "warning"


def test_ground_that_this_draw_leaves_on_one_side_is_a_note(root: Path) -> None:
    write_scene(root, "val_1", 5, x=5e5 + 4000 + 200)
    levels = set()
    for seed in range(12):
        found = only(look(root, {"by": "scene", "seed": seed}))
        assert found.kind == "shared ground"
        assert set(found.stems) == {"val_0", "val_1"}
        levels.add(found.level)
    assert levels == {"note", "error"}


def test_a_buffer_holds_between_scenes_too(root: Path) -> None:
    write_scene(root, "val_1", 5, x=5e5 + 3000 + 10 * SIDE + 50)
    found = only(look(root, {**GIVEN, "buffer": 8}))
    assert (found.level, found.kind, found.stems) == ("warning", "near ground", ("val_1", "tra_3"))
    assert "50.02 m apart" in found.text
    assert "8 pixels (80.03 m)" in found.text


def test_images_without_a_place_among_others_are_a_note(root: Path) -> None:
    write_scene(root, "tra_0", 0, crs=None)
    found = only(look(root))
    assert (found.level, found.kind, found.stems) == ("note", "no place", ("tra_0",))
    assert "1 of 6 images" in found.text


def test_images_without_any_place_are_no_finding(tmp_path: Path) -> None:
    for number, stem in enumerate(("tra_0", "val_0")):
        write_scene(tmp_path, stem, number, crs=None)
    assert look(tmp_path).findings == []


def test_a_damaged_scene_does_not_stop_the_others(root: Path) -> None:
    path = root / "images" / "tra_3.tif"
    path.write_bytes(path.read_bytes()[:300])
    write_scene(root, "val_1", 5, x=5e5 + 1000 + 200)
    assert {f.kind for f in look(root).findings} == {"unusable file", "shared ground"}


def test_a_split_that_can_not_be_drawn_is_left_to_training(tmp_path: Path) -> None:
    write_scene(tmp_path, "tra_0", 0)
    assert look(tmp_path).findings == []


def test_some_pixels_are_valid_ones_from_everywhere() -> None:
    image = np.arange(2 * 60 * 60, dtype=np.float32).reshape(2, 60, 60)
    image[0, :30] = np.nan
    some = some_pixels(image, 200)
    assert some.shape[0] == 2
    assert 100 <= some.shape[1] <= 200
    assert some[0].min() >= 1800
    assert len(np.unique(some[0] % 60)) > 15
    assert some_pixels(np.full((2, 3, 3), np.nan, np.float32)).shape == (2, 0)


def test_pixels_of_all_images_fit_into_memory() -> None:
    assert kept_pixels(1, 3) == 1024
    assert kept_pixels(200_000, 3) == 128
    assert kept_pixels(0, 3) == 1024


@pytest.mark.parametrize("folder", ["landcover", "clouds"])
def test_real_chips_raise_no_false_alarm(stored_data: Path, folder: str) -> None:
    from mapwright.data.describe import open_dataset

    if not (stored_data / folder).is_dir():
        pytest.skip(f"no {folder} in MAPWRIGHT_DATA")
    dataset = open_dataset(stored_data / folder)
    kinds = {finding.kind for finding in check(dataset).findings}
    overlap = {"shared content"} if folder == "landcover" else set()  # some chips do
    assert kinds <= {"outlier"} | overlap
    names = {
        "landcover": ("coastal", "blue", "green", "red", "nir", "swir1", "swir2", "qa", "elevation",
                      "elevation_2", "worldcover", "water"),
        "clouds": ("blue", "green", "red", "nir", "swir1", "swir2", "cirrus", "thermal"),
    }[folder]  # fmt: skip
    bands = [
        band.model_copy(update={"name": n})
        for band, n in zip(dataset.spec.bands, names, strict=True)
    ]
    named = Dataset(dataset.root, dataset.spec.model_copy(update={"bands": tuple(bands)}))
    assert {finding.kind for finding in check(named).findings} <= {"outlier"} | overlap
