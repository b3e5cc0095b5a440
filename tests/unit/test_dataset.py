from pathlib import Path

import numpy as np
import pytest

from builders import make_dataset, make_spec, rectangles, write_png, write_tiff
from mapwright.data.bands import ImageReader, band_indices
from mapwright.data.dataset import Dataset
from mapwright.data.masks import read_mask_values
from mapwright.data.patterns import match_files, natural_key
from mapwright.data.spec import DatasetSpec
from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.raster import inspect
from mapwright.types import IGNORE, Window

RGBA = {"valid": {"alpha": True}}


def one_pair(root: Path, image: np.ndarray, mask: np.ndarray) -> None:
    write_tiff(root / "images" / "a.tif", image, photometric="minisblack")
    write_tiff(root / "masks" / "a.tif", mask)


TIFF = {"images": "images/*.tif", "masks": "masks/*.tif"}


def test_pairs_in_natural_order(tmp_path: Path) -> None:
    for stem in ("tile_10", "tile_2", "tile_1", "b", "B"):
        write_png(tmp_path / "images" / f"{stem}.png", np.zeros((3, 4, 4), np.uint8))
    write_png(tmp_path / "masks" / "tile_2.png", np.zeros((4, 4), np.uint8))
    write_png(tmp_path / "masks" / "tile_3.png", np.zeros((4, 4), np.uint8))
    dataset = Dataset(tmp_path, make_spec())
    assert [item.stem for item in dataset.items] == ["B", "b", "tile_1", "tile_2", "tile_10"]
    assert [item.stem for item in dataset.labelled] == ["tile_2"]
    assert len(dataset.unlabelled) == 4
    assert [path.name for path in dataset.stray_masks] == ["tile_3.png"]


def test_masks_are_optional(tmp_path: Path) -> None:
    make_dataset(tmp_path, count=2, bands=3)
    dataset = Dataset(tmp_path, make_spec(masks=None))
    assert [item.mask for item in dataset.items] == [None, None]


def test_excluded_images_are_left_out_with_their_masks(tmp_path: Path) -> None:
    make_dataset(tmp_path, count=3, bands=3)
    spec = make_spec(exclude=[{"stem": "01", "why": "cloudy"}])
    dataset = Dataset(tmp_path, spec)
    assert [item.stem for item in dataset.items] == ["00", "02"]
    assert dataset.stray_masks == ()


def test_an_excluded_image_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    make_dataset(tmp_path, count=3, bands=3)
    dataset = Dataset(tmp_path, make_spec(exclude=[{"stem": "011", "why": "typo"}]))
    with pytest.raises(DatasetError, match=r"no image '011' to exclude[\s\S]*'01' is meant"):
        _ = dataset.items


def test_chosen_stems_keep_their_order_and_unknown_ones_are_named(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, count=3, bands=3), make_spec())
    assert [item.stem for item in dataset.choose(["02", "00"])] == ["02", "00"]
    with pytest.raises(DatasetError, match=r"no image 'roof'[\s\S]*look at the names"):
        dataset.choose(["00", "roof"])


@pytest.mark.parametrize("pattern", ["images/*.jpg", "nothing/*.png"])
def test_a_pattern_without_images_is_named(tmp_path: Path, pattern: str) -> None:
    make_dataset(tmp_path, count=1)
    with pytest.raises(DatasetError, match="no image found") as caught:
        _ = Dataset(tmp_path, make_spec(images=pattern)).items
    assert str(tmp_path / pattern) in str(caught.value)


def test_stems_are_what_the_star_stands_for(tmp_path: Path) -> None:
    for name in ("a_1_sat.png", "a_2_sat.png", "a_2_mask.png", "b_3_sat.png", "a_4_sat.txt"):
        (tmp_path / name).write_text("any")
    assert list(match_files(tmp_path, "a_*_sat.png")) == ["1", "2"]
    assert list(match_files(tmp_path, "*_mask.png")) == ["a_2"]
    assert list(match_files(tmp_path, "a_2*")) == ["_mask", "_sat"]
    assert match_files(tmp_path, "no/*.png") == {}


def test_folders_and_hidden_files_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "1.png").write_text("any")
    (tmp_path / "._1.png").write_text("what macOS leaves behind")
    (tmp_path / ".1.4711.part.png").write_text("what a killed writer leaves behind")
    assert list(match_files(tmp_path, "*.png")) == ["1"]


def test_two_images_of_one_stem_are_not_silently_taken_for_one(tmp_path: Path) -> None:
    make_dataset(tmp_path, count=2, bands=3)
    write_png(tmp_path / "images" / "00.jpg", np.zeros((3, 64, 64), np.uint8))
    with pytest.raises(DatasetError, match=r"00\.(png|jpg)"):
        _ = Dataset(tmp_path, make_spec(images="images/*")).items


@pytest.mark.parametrize("stem", ["10²", "m²", "٣", "1١"])
def test_names_with_any_digits_can_be_sorted(tmp_path: Path, stem: str) -> None:
    for name in (stem, "2"):
        (tmp_path / f"{name}.png").write_text("any")
    assert set(match_files(tmp_path, "*.png")) == {stem, "2"}


def test_names_with_leading_zeros_never_tie() -> None:
    assert natural_key("1") != natural_key("01")


def test_a_sample_hides_invalid_pixels_in_image_and_mask(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, bands=4), make_spec(**RGBA))
    sample = dataset.read(dataset.items[0])
    pixels, mask = rectangles(0, bands=4)
    assert sample.image.dtype == np.float32
    assert sample.mask.dtype == sample.labels.dtype == np.uint8
    assert np.isnan(sample.image[:, :8, :8]).all()
    assert np.isnan(sample.image).sum() == 3 * 64
    assert (sample.mask[:8, :8] == IGNORE).all()
    np.testing.assert_array_equal(sample.labels, mask)
    np.testing.assert_array_equal(sample.image[:, 8:], pixels[:3, 8:])
    np.testing.assert_array_equal(sample.mask[8:], mask[8:])


def test_only_bands_in_use_decide_what_is_valid(tmp_path: Path) -> None:
    image = np.ones((3, 2, 2), np.float32)
    image[2, 0, 0] = -9999
    image[1, 1, 1] = np.nan
    one_pair(tmp_path, image, np.zeros((2, 2), np.uint8))
    spec = make_spec(valid={"nodata": -9999}, **TIFF)
    last = spec.bands[2].model_copy(update={"use": False})
    unused = spec.model_copy(update={"bands": (*spec.bands[:2], last)})
    for described, invalid in ((spec, 2), (unused, 1)):
        dataset = Dataset(tmp_path, described)
        sample = dataset.read(dataset.items[0])
        assert (sample.mask == IGNORE).sum() == invalid
        assert len(sample.image) == len(described.used)


def test_an_image_of_one_pixel_and_one_without_a_valid_pixel(tmp_path: Path) -> None:
    one_pair(tmp_path, np.full((3, 1, 1), 5, np.uint8), np.full((1, 1), 255, np.uint8))
    dataset = Dataset(tmp_path, make_spec(**TIFF))
    assert dataset.read(dataset.items[0]).mask.tolist() == [[1]]
    hidden = Dataset(tmp_path, make_spec(valid={"nodata": 5}, **TIFF))
    sample = hidden.read(hidden.items[0])
    assert sample.mask.tolist() == [[IGNORE]]
    assert sample.labels.tolist() == [[1]]
    assert np.isnan(sample.image).all()


def test_a_mask_of_other_size_is_named(tmp_path: Path) -> None:
    one_pair(tmp_path, np.ones((3, 4, 6), np.uint8), np.zeros((6, 4), np.uint8))
    dataset = Dataset(tmp_path, make_spec(**TIFF))
    with pytest.raises(ImageFileError, match=r"6 x 4 pixels, its image 4 x 6") as caught:
        dataset.read(dataset.items[0])
    assert "masks/a.tif" in str(caught.value)


def test_an_undeclared_value_names_the_mask(tmp_path: Path) -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[0, :3] = 17
    one_pair(tmp_path, np.ones((3, 4, 4), np.uint8), mask)
    dataset = Dataset(tmp_path, make_spec(**TIFF))
    with pytest.raises(ImageFileError, match=r"17 \(3 pixels\)[\s\S]*masks/a\.tif"):
        dataset.read(dataset.items[0])


def test_three_equal_bands_of_a_mask_count_as_one(tmp_path: Path) -> None:
    mask = np.array([[0, 255], [7, 0]], np.uint8)
    for ending, bands in ((".png", 3), (".png", 4), (".tif", 3)):
        path = tmp_path / f"{bands}{ending}"
        pixels = np.stack([mask] * 3 + [np.full_like(mask, 200)] * (bands - 3))
        (write_png if ending == ".png" else write_tiff)(path, pixels)
        np.testing.assert_array_equal(read_mask_values(path), mask)


def test_three_equal_bands_with_holes_count_as_one(tmp_path: Path) -> None:
    mask = np.array([[0, np.nan]], np.float32)
    path = write_tiff(tmp_path / "a.tif", np.stack([mask] * 3))
    np.testing.assert_array_equal(read_mask_values(path), mask)


def test_a_coloured_mask_is_named(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", np.random.default_rng(0).integers(0, 9, (3, 4, 4), "u1"))
    with pytest.raises(ImageFileError, match=r"3 bands that differ[\s\S]*a\.png"):
        read_mask_values(path)


def test_masks_keep_large_and_fractional_values(tmp_path: Path) -> None:
    for mask in (np.array([[0, 40_000]], np.uint16), np.array([[0.5, np.nan]], np.float32)):
        path = write_tiff(tmp_path / "a.tif", mask)
        found = read_mask_values(path)
        assert found.dtype == mask.dtype
        np.testing.assert_array_equal(found, mask)


def test_bands_are_found_by_name_in_whatever_order(tmp_path: Path) -> None:
    pixels = np.arange(3, dtype=np.uint8).repeat(4).reshape(3, 2, 2)
    spec = make_spec(bands=("red", "green", "blue"))
    for names, order in (
        (["blue", "green", "red"], [2, 1, 0]),
        (["red", "green", "blue"], [0, 1, 2]),
        (["one", "two", "three"], [0, 1, 2]),
        ([], [0, 1, 2]),
    ):
        path = write_tiff(tmp_path / "a.tif", pixels, descriptions=names)
        assert ImageReader(spec).read(path).pixels[:, 0, 0].tolist() == order


def test_a_name_is_found_among_more_bands(tmp_path: Path) -> None:
    pixels = np.arange(4, dtype=np.uint8).repeat(4).reshape(4, 2, 2)
    names = ["nir", "blue", "red", "green"]
    path = write_tiff(tmp_path / "a.tif", pixels, descriptions=names, photometric="minisblack")
    assert band_indices(make_spec().used, inspect(path)) == (3, 4, 2)


def test_a_band_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    with pytest.raises(ImageFileError, match=r"band 2 \(green\) does not exist[\s\S]*a\.png"):
        ImageReader(make_spec()).read(path)


def test_a_window_of_an_image(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, bands=4), make_spec(**RGBA))
    window = Window(-2, 4, 16, 8)
    found = dataset.read_image(dataset.items[0], window)
    whole = dataset.read_image(dataset.items[0])
    np.testing.assert_array_equal(found.masked(), window.cut(whole.masked(), np.nan))


def test_a_digest_follows_the_image_and_one_of_its_own_the_mask(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, count=3, bands=3, masks=2), make_spec())
    before = dataset.digests(dataset.items)
    masks = [dataset.mask_digest(item) for item in dataset.items]
    assert list(before) == ["00", "01", "02"]
    assert len(set(before.values())) == 3
    assert dataset.digests(dataset.items) == before
    write_png(tmp_path / "masks" / "00.png", np.zeros((64, 64), np.uint8))
    write_png(tmp_path / "images" / "02.png", np.zeros((3, 64, 64), np.uint8))
    after = dataset.digests(dataset.items)
    assert [stem for stem in before if before[stem] != after[stem]] == ["02"]
    changed = [dataset.mask_digest(item) for item in dataset.items]
    assert [old != new for old, new in zip(masks, changed, strict=True)] == [True, False, False]
    assert masks[2] == ""


def test_where_descriptions_are_wrong_positions_count(tmp_path: Path) -> None:
    pixels = np.arange(3, dtype=np.uint8)[:, None, None] + np.zeros((3, 2, 2), np.uint8)
    names = ("red", "green", "blue")
    path = write_tiff(tmp_path / "a.tif", pixels, descriptions=names, photometric="minisblack")
    told = {"bands": [{"name": n, "index": k} for n, k in (("red", 3), ("green", 2), ("blue", 1))]}
    spec = make_spec().plain() | told
    for by, order in (("name", [0, 1, 2]), ("index", [2, 1, 0])):
        reader = ImageReader(DatasetSpec.parse(spec | {"bands_by": by}, "a test"))
        assert reader.read(path).pixels[:, 0, 0].tolist() == order
