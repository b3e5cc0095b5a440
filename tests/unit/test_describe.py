import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from builders import make_dataset, rectangles, write_png, write_tiff
from mapwright.data.describe import describe, open_dataset
from mapwright.data.spec import DatasetSpec
from mapwright.data.write_spec import to_toml
from mapwright.errors import DatasetError, ImageFileError, SettingError

RNG = np.random.default_rng(0)


def write_masks(root: Path, masks: list[np.ndarray], **options: float) -> Path:
    """RGB images beside the given masks, all TIFF."""
    for number, mask in enumerate(masks):
        pixels = RNG.integers(0, 255, (3, *mask.shape), np.uint8)
        write_tiff(root / "images" / f"{number}.tif", pixels)
        write_tiff(root / "masks" / f"{number}.tif", mask, **options)
    return root


def soft(mask: np.ndarray) -> np.ndarray:
    return np.round(gaussian_filter(mask.astype(float), 0.7) * 255).astype(np.uint8)


def test_every_guess_has_its_reason_and_loads_back(tmp_path: Path) -> None:
    description = describe(make_dataset(tmp_path / "roofs", masks=4))
    text = to_toml(description.spec, description.reasons)
    assert DatasetSpec.parse(tomllib.loads(text), "text") == description.spec
    for reason in description.reasons.values():
        assert reason in text
    keys = {"name", "images", "masks", "bands", "classes", "split", "mask.ignore"}
    assert keys | {"valid.alpha", "valid.nodata"} <= description.reasons.keys()


def test_hard_masks_of_two_values(tmp_path: Path) -> None:
    spec = describe(make_dataset(tmp_path / "roofs")).spec
    assert (spec.name, spec.images, spec.masks) == ("roofs", "images/*.png", "masks/*.png")
    assert [(c.name, c.values) for c in spec.classes] == [("background", (0,)), ("roof", (255,))]
    assert (spec.mask.threshold, spec.mask.ignore) == (None, ())


@pytest.mark.parametrize("name", ["background", "backgrounds"])
def test_a_folder_called_background(tmp_path: Path, name: str) -> None:
    names = describe(make_dataset(tmp_path / name, bands=3)).spec.class_names
    assert len(set(names)) == 2


@pytest.mark.parametrize("name", ["data", "2024", "_", "Train"])
def test_a_folder_whose_name_says_nothing(tmp_path: Path, name: str) -> None:
    spec = describe(make_dataset(tmp_path / name, bands=3, positive=1)).spec
    assert spec.class_names == ("background", "foreground")
    assert [c.values for c in spec.classes] == [(0,), (1,)]


def test_soft_masks_get_a_threshold_in_the_middle(tmp_path: Path) -> None:
    for number in range(4):
        pixels, mask = rectangles(number)
        write_png(tmp_path / "images" / f"{number}.png", pixels)
        write_png(tmp_path / "labels" / f"{number}.png", soft(mask))
    description = describe(tmp_path)
    assert description.spec.mask.threshold == 128
    assert [c.values for c in description.spec.classes] == [(0,), (255,)]
    assert "soft edges" in description.reasons["mask.threshold"]


def test_class_codes_that_reach_255_are_no_soft_mask(tmp_path: Path) -> None:
    codes = np.array([64, 128, 192, 255], np.uint8)
    masks = [codes[RNG.integers(0, 4, (8, 8))].repeat(4, 0).repeat(4, 1) for _ in range(3)]
    spec = describe(write_masks(tmp_path, masks)).spec
    assert spec.mask.threshold is None
    assert [c.values for c in spec.classes] == [(64,), (128,), (192,), (255,)]
    assert len(set(spec.colors)) == 4


def test_a_third_class_in_patches_is_no_soft_edge(tmp_path: Path) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 255
    mask[30:38, 10:30] = 128
    spec = describe(write_masks(tmp_path, [mask] * 2)).spec
    assert spec.mask.threshold is None
    assert [c.values for c in spec.classes] == [(0,), (128,), (255,)]


def test_soft_edges_of_few_levels_are_soft(tmp_path: Path) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[9:31, 9:31] = 85
    mask[10:30, 10:30] = 170
    mask[11:29, 11:29] = 255
    assert describe(write_masks(tmp_path, [mask] * 2)).spec.mask.threshold == 128


def test_uint16_class_codes(tmp_path: Path) -> None:
    masks = [np.array([[10, 20], [300, 40_000]], np.uint16)] * 2
    spec = describe(write_masks(tmp_path, masks)).spec
    assert [c.values[0] for c in spec.classes] == [10, 20, 300, 40_000]


def test_float_masks_of_whole_numbers_with_holes(tmp_path: Path) -> None:
    masks = [np.array([[0, 1], [1, np.nan]], np.float32)] * 2
    assert [c.values for c in describe(write_masks(tmp_path, masks)).spec.classes] == [(0,), (1,)]


def test_masks_of_three_equal_bands(tmp_path: Path) -> None:
    for number in range(3):
        pixels, mask = rectangles(number, bands=4)
        write_tiff(tmp_path / "images" / f"{number}.tif", pixels, photometric="minisblack")
        write_png(tmp_path / "masks" / f"{number}.png", np.uint8([mask * 255] * 3))
    spec = describe(tmp_path).spec
    assert [c.values for c in spec.classes] == [(0,), (255,)]


def test_masks_that_are_no_whole_numbers_are_named_with_such_a_value(tmp_path: Path) -> None:
    masks = [np.array([[0, 0.25], [1, 1]], np.float32)] * 2
    with pytest.raises(DatasetError, match=r"not whole numbers, such as 0\.25") as caught:
        describe(write_masks(tmp_path, masks))
    assert "masks/0.tif" in str(caught.value)


def test_masks_that_hold_nothing_are_named(tmp_path: Path) -> None:
    masks = [np.full((4, 4), np.nan, np.float32)] * 2
    with pytest.raises(DatasetError):
        describe(write_masks(tmp_path, masks))


def test_masks_of_one_value_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"one value only: \[3\]"):
        describe(write_masks(tmp_path, [np.full((4, 4), 3, np.uint8)] * 2))


def test_pictures_in_the_place_of_masks_are_refused(tmp_path: Path) -> None:
    masks = [RNG.integers(0, 255, (32, 32), np.uint8)] * 2
    with pytest.raises(DatasetError, match=r"distinct values, too many for class codes"):
        describe(write_masks(tmp_path, masks))


def test_a_declared_nodata_value_of_the_masks_is_ignored(tmp_path: Path) -> None:
    masks = [np.array([[-1, 0], [1, 1]], np.int16)] * 2
    description = describe(write_masks(tmp_path, masks, nodata=-1))
    assert description.spec.mask.ignore == (-1,)
    assert [c.values for c in description.spec.classes] == [(0,), (1,)]
    assert "-1" in description.reasons["mask.ignore"]


def test_a_rare_zero_among_many_classes_is_unlabelled(tmp_path: Path) -> None:
    mask = RNG.integers(1, 7, (40, 40), np.uint8)
    rare, common = mask.copy(), mask.copy()
    rare[0, :3] = 0
    common[:8] = 0
    assert describe(write_masks(tmp_path / "a", [rare] * 2)).spec.mask.ignore == (0,)
    assert describe(write_masks(tmp_path / "b", [common] * 2)).spec.mask.ignore == ()


def test_alpha_that_is_opaque_says_where_pixels_are_valid(tmp_path: Path) -> None:
    spec = describe(make_dataset(tmp_path, bands=4)).spec
    assert spec.valid.alpha
    assert spec.band_names == ("red", "green", "blue")
    assert [band.index for band in spec.bands] == [1, 2, 3]


def test_alpha_that_is_mostly_transparent_is_still_alpha(tmp_path: Path) -> None:
    make_dataset(tmp_path, bands=4)
    for path in sorted((tmp_path / "images").iterdir()):
        pixels = RNG.integers(1, 255, (4, 64, 64), np.uint8)
        pixels[3] = 255
        pixels[:, :45] = 0
        write_png(path, pixels)
    spec = describe(tmp_path).spec
    assert spec.valid.alpha
    assert spec.band_names == ("red", "green", "blue")


@pytest.mark.parametrize("top", [120, 256])
def test_near_infrared_that_a_file_calls_alpha_is_a_band(tmp_path: Path, top: int) -> None:
    make_dataset(tmp_path, bands=4)
    for path in (tmp_path / "images").iterdir():
        write_png(path, RNG.integers(0, top, (4, 64, 64), np.uint8))
    description = describe(tmp_path)
    assert not description.spec.valid.alpha
    assert description.spec.band_names == ("red", "green", "blue", "nir")
    assert "opaque" in description.reasons["valid.alpha"]


def test_near_infrared_with_wide_borders_of_zero_is_a_band(tmp_path: Path) -> None:
    make_dataset(tmp_path, bands=4)
    for path in (tmp_path / "images").iterdir():
        pixels = RNG.integers(1, 200, (4, 64, 64), np.uint8)
        pixels[:, :40] = 0
        write_png(path, pixels)
    spec = describe(tmp_path).spec
    assert not spec.valid.alpha
    assert spec.band_names[-1] == "nir"


def test_bands_keep_the_names_of_the_files(tmp_path: Path) -> None:
    names = ["blue", "green", "red", "nir", "swir1"]
    make_dataset(tmp_path, bands=5, ending=".tif", descriptions=names, crs="EPSG:32633")
    assert describe(tmp_path).spec.band_names == tuple(names)


def test_equal_names_of_bands_are_told_apart(tmp_path: Path) -> None:
    make_dataset(tmp_path, bands=3, ending=".tif", descriptions=["b", "b", "c"])
    assert describe(tmp_path).spec.band_names == ("b_1", "b_2", "c")


@pytest.mark.parametrize(
    ("bands", "names"),
    [
        (1, ("grey",)),
        (3, ("red", "green", "blue")),
        (4, ("red", "green", "blue", "nir")),
        (12, tuple(f"band_{i}" for i in range(1, 13))),
    ],
)
def test_bands_without_names(tmp_path: Path, bands: int, names: tuple[str, ...]) -> None:
    description = describe(make_dataset(tmp_path, bands=bands, ending=".tif"))
    assert description.spec.band_names == names
    assert description.reasons["bands"]


@pytest.mark.parametrize("nodata", [0, -9999.0, math.nan])
def test_nodata_as_the_image_files_declare_it(tmp_path: Path, nodata: float) -> None:
    for number in range(3):
        pixels, mask = rectangles(number)
        path = tmp_path / "images" / f"{number}.tif"
        write_tiff(path, pixels.astype(np.float32), nodata=nodata)
        write_png(tmp_path / "masks" / f"{number}.png", np.uint8(255) * mask)
    description = describe(tmp_path)
    found = description.spec.valid.nodata
    assert found == nodata or (math.isnan(nodata) and math.isnan(found or 0))
    written = tomllib.loads(to_toml(description.spec, description.reasons))["valid"]["nodata"]
    assert written == nodata or math.isnan(written)


def test_images_with_other_numbers_of_bands_are_named(tmp_path: Path) -> None:
    make_dataset(tmp_path, bands=3)
    write_png(tmp_path / "images" / "03.png", np.zeros((4, 64, 64), np.uint8))
    with pytest.raises(DatasetError, match=r"same number of bands[\s\S]*03\.png"):
        describe(tmp_path)


@pytest.mark.parametrize("damaged", ["images/00.png", "images/03.png", "masks/00.png"])
def test_a_damaged_file_does_not_stop_the_guesses(tmp_path: Path, damaged: str) -> None:
    make_dataset(tmp_path / "roofs")
    expected = describe(tmp_path / "roofs").spec
    path = tmp_path / "roofs" / damaged
    path.write_bytes(path.read_bytes()[:60])
    assert describe(tmp_path / "roofs").spec == expected


def test_a_folder_of_damaged_files_only_is_an_error(tmp_path: Path) -> None:
    make_dataset(tmp_path, count=2)
    for path in (tmp_path / "images").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ImageFileError, match=r"images/0\d\.png"):
        describe(tmp_path)


def test_images_without_mask_are_counted_and_named(tmp_path: Path) -> None:
    reason = describe(make_dataset(tmp_path, count=6, masks=4)).reasons["images"]
    assert "2 have no mask" in reason
    assert "04, 05" in reason


def test_masks_beside_their_images(tmp_path: Path) -> None:
    for number in range(3):
        pixels, mask = rectangles(number)
        write_png(tmp_path / f"{number}_sat.jpg", pixels)
        write_png(tmp_path / f"{number}_mask.png", np.uint8(255) * mask)
    spec = describe(tmp_path).spec
    assert (spec.images, spec.masks) == ("*_sat.jpg", "*_mask.png")
    assert [item.stem for item in open_dataset(tmp_path).labelled] == ["0", "1", "2"]


def test_plain_names_beside_masks_take_no_mask_for_an_image(tmp_path: Path) -> None:
    for number in range(3):
        pixels, mask = rectangles(number)
        write_png(tmp_path / f"{number}.png", pixels)
        write_png(tmp_path / f"{number}_mask.png", np.uint8(255) * mask)
    dataset = open_dataset(tmp_path)
    assert [(i.stem, i.image.name) for i in dataset.items] == [
        ("0", "0.png"),
        ("1", "1.png"),
        ("2", "2.png"),
    ]
    assert len(dataset.labelled) == 3


@pytest.mark.parametrize("kind", ["file", "nothing"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data"
    if kind == "file":
        path.write_text("text")
    with pytest.raises(DatasetError, match=r"folder[\s\S]*data"):
        describe(path)
    with pytest.raises(DatasetError, match=r"folder[\s\S]*data"):
        open_dataset(path)


def test_a_folder_is_opened_by_its_own_description(tmp_path: Path) -> None:
    make_dataset(tmp_path)
    guessed = open_dataset(tmp_path)
    assert guessed.reasons
    renamed = guessed.spec.model_copy(update={"name": "other"})
    (tmp_path / "dataset.toml").write_text(to_toml(renamed, {}))
    opened = open_dataset(tmp_path)
    assert (opened.spec, opened.reasons) == (renamed, {})


def test_a_description_kept_elsewhere_wins(tmp_path: Path) -> None:
    make_dataset(tmp_path / "data")
    spec = describe(tmp_path / "data").spec.model_copy(update={"name": "elsewhere"})
    (tmp_path / "data" / "dataset.toml").write_text("broken =")
    path = tmp_path / "mine.toml"
    path.write_text(to_toml(spec, {}))
    assert open_dataset(tmp_path / "data", path).spec.name == "elsewhere"
    with pytest.raises(SettingError, match=r"no\.toml"):
        open_dataset(tmp_path / "data", tmp_path / "no.toml")


def test_looking_writes_nothing(tmp_path: Path) -> None:
    make_dataset(tmp_path, ending=".tif")
    before = sorted(tmp_path.rglob("*"))
    open_dataset(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_excluded_and_not_used_is_written(tmp_path: Path) -> None:
    spec = describe(make_dataset(tmp_path)).spec
    values = spec.plain() | {"exclude": [{"stem": "00", "why": 'a "copy" \\ of 01'}]}
    values["bands"][1] |= {"use": False, "unit": "K", "scale": 0.5}
    changed = DatasetSpec.parse(values, "a test")
    assert DatasetSpec.parse(tomllib.loads(to_toml(changed, {})), "text") == changed


def test_the_real_roofs(roofs: Path) -> None:
    description = describe(roofs)
    spec = description.spec
    assert spec.mask.threshold == 128
    assert spec.valid.alpha
    assert spec.band_names == ("red", "green", "blue")
    assert [(c.name, c.values) for c in spec.classes] == [("background", (0,)), ("roof", (255,))]
    dataset = open_dataset(roofs)
    assert (len(dataset.items), len(dataset.labelled)) == (30, 25)
    assert [i.stem for i in dataset.unlabelled] == ["535", "537", "539", "551", "553"]
    assert "535, 537, 539, 551, 553" in description.reasons["images"]
