"""Masks with a band for each class."""

from pathlib import Path

import numpy as np
import pytest

from builders import make_spec, write_tiff
from cloud_stacks import RED, make_stack, name_of, write_catalogue
from mapwright.data.dataset import Dataset
from mapwright.data.describe import describe, open_dataset
from mapwright.data.roles import SENTINEL2
from mapwright.data.spec import DatasetSpec
from mapwright.errors import ImageFileError
from mapwright.io.one_hot import from_one_hot
from mapwright.types import IGNORE, Window

MASKS = {"images": "subscenes/*.npy", "masks": "masks/*.npy", "mask": {"source": "one-hot"}}
BANDS = [
    {"name": name, "index": SENTINEL2.index(name) + 1} for name in ("red", "green", "blue", "nir")
]
WHERE = Path("a.npy")


def clouds(root: Path, *classes: tuple[int, ...], **changes: object) -> Dataset:
    """A catalogue; without `classes`, shadow counts as clear."""
    plain = make_spec(*(classes or ((0, 2), (1,))), **MASKS | changes).plain()
    return Dataset(root, DatasetSpec.parse(plain | {"bands": BANDS}, "a test"))


def test_a_band_becomes_its_number_and_nothing_becomes_nan() -> None:
    bands = np.zeros((3, 2, 2), bool)
    bands[0, 0, 0] = bands[2, 0, 1] = bands[1, 1, 0] = True
    np.testing.assert_array_equal(from_one_hot(bands, WHERE), [[0, 2], [1, np.nan]])
    holes = np.where(bands, 1.0, 0.0)
    holes[:, 1, 1] = np.nan
    np.testing.assert_array_equal(from_one_hot(holes, WHERE), [[0, 2], [1, np.nan]])


def test_pixels_of_several_classes_are_counted_and_the_file_named() -> None:
    bands = np.zeros((3, 40, 50), np.uint8)
    bands[:2, :30, :40] = 1
    with pytest.raises(ImageFileError, match="1,200 pixels belong to more than one class") as error:
        from_one_hot(bands, WHERE)
    assert error.value.where == WHERE


@pytest.mark.parametrize("value", [0.5, 255, -1, 2])
def test_other_values_than_0_and_1_are_refused(value: float) -> None:
    bands = np.zeros((2, 4, 4))
    bands[0] = 1
    bands[1, 2, 1:3] = value
    with pytest.raises(ImageFileError, match=rf"the value {value:g} stands on 2 pixels"):
        from_one_hot(bands, WHERE)


def test_classes_are_merged_by_the_numbers_of_bands(tmp_path: Path) -> None:
    dataset = clouds(write_catalogue(tmp_path, 2, unlabelled=[1]))
    for number, item in enumerate(dataset.items):
        image, mask = make_stack(number, 70, 81)
        sample = dataset.read(item)
        wanted = mask[..., 1].astype(np.uint8)
        if number == 1:
            wanted[:10, :10] = IGNORE
        np.testing.assert_array_equal(sample.mask, wanted)
        np.testing.assert_array_equal(sample.image[0], image[..., RED])
        np.testing.assert_array_equal(sample.image[3], image[..., 7])


def test_a_window_of_a_mask_is_what_the_whole_holds_there(tmp_path: Path) -> None:
    dataset = clouds(write_catalogue(tmp_path, 1, unlabelled=[0]))
    (item,) = dataset.items
    window = Window(-5, 60, 40, 40)
    whole, part = dataset.read(item), dataset.read(item, window)
    np.testing.assert_array_equal(part.mask, whole.cut(window).mask)
    np.testing.assert_array_equal(part.image, whole.cut(window).image)


def test_a_class_that_nobody_declares_is_named_with_its_count(tmp_path: Path) -> None:
    dataset = clouds(write_catalogue(tmp_path, 1), (0,), (1,))  # no class for shadow
    shadow = int(make_stack(0, 70, 81)[1][..., 2].sum())
    with pytest.raises(ImageFileError, match=rf"no class declares: 2 \({shadow} pixels\)"):
        dataset.read(dataset.items[0])


def test_shadow_can_be_ignored(tmp_path: Path) -> None:
    mask = {"source": "one-hot", "ignore": [2]}
    dataset = clouds(write_catalogue(tmp_path, 1), (0,), (1,), mask=mask)
    found = dataset.read(dataset.items[0]).mask
    np.testing.assert_array_equal(found == IGNORE, make_stack(0, 70, 81)[1][..., 2])


def test_index_masks_are_read_as_well(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, 1)
    path = root / "masks" / f"{name_of(0)}.npy"
    index = np.load(path).argmax(axis=-1).astype(np.uint8)
    np.save(path, index)
    dataset = clouds(root, mask={"source": "file"})
    np.testing.assert_array_equal(dataset.read(dataset.items[0]).mask, index == 1)
    np.save(path, index[..., None])  # an axis of one band makes no difference
    again = clouds(root, mask={"source": "file"}).read(dataset.items[0])
    np.testing.assert_array_equal(again.mask, index == 1)


def test_a_geotiff_of_four_classes_keeps_the_band_that_it_calls_alpha(tmp_path: Path) -> None:
    classes = np.random.default_rng(0).integers(0, 4, (30, 40))
    bands = (classes == np.arange(4)[:, None, None]).astype(np.uint8)
    write_tiff(tmp_path / "images/0.tif", np.ones((3, 30, 40), np.uint8))
    write_tiff(tmp_path / "masks/0.tif", bands, alpha=4)
    mask = {"source": "one-hot"}
    places = {"images": "images/*.tif", "masks": "masks/*.tif", "mask": mask}
    dataset = Dataset(tmp_path, make_spec((0,), (1,), (2,), (3,), **places))
    np.testing.assert_array_equal(dataset.read(dataset.items[0]).mask, classes)


def test_a_mask_of_another_size_is_named_with_both(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path, 1)
    path = root / "masks" / f"{name_of(0)}.npy"
    np.save(path, np.load(path)[:69])
    dataset = clouds(root)
    with pytest.raises(ImageFileError, match="the mask is 69 x 81 pixels, its image 70 x 81"):
        dataset.read(dataset.items[0])


def test_init_recognises_the_catalogue(tmp_path: Path) -> None:
    description = describe(write_catalogue(tmp_path / "catalogue", 6, unlabelled=[0, 1]))
    spec, reasons = description.spec, description.reasons
    assert (spec.images, spec.masks) == ("subscenes/*.npy", "masks/*.npy")
    assert spec.mask.source == "one-hot"
    assert spec.class_names == ("clear", "cloud", "cloud shadow")
    assert [entry.values for entry in spec.classes] == [(0,), (1,), (2,)]
    assert spec.band_names == SENTINEL2
    assert len(spec.bands) == 13
    assert "shape (70, 81, 13): bands come last" in reasons["bands"]
    assert reasons["mask.ignore"].startswith("0.59% of the pixels are of no class")
    assert not any(band.offset for band in spec.bands)


def test_what_init_proposes_passes_the_check(tmp_path: Path) -> None:
    import mapwright as mw

    report = mw.check(open_dataset(write_catalogue(tmp_path, 6)))
    assert not report.harmful
    assert [finding.kind for finding in report.findings] == []


def test_equal_grey_bands_are_no_bands_of_classes(tmp_path: Path) -> None:
    for number in range(2):
        grey = np.random.default_rng(number).integers(0, 2, (30, 40)).astype(np.uint8)
        write_tiff(tmp_path / f"images/{number}.tif", np.ones((4, 30, 40), np.uint8))
        write_tiff(tmp_path / f"masks/{number}.tif", np.stack([grey] * 3))
    assert describe(tmp_path).spec.mask.source == "file"


def test_the_shipped_recipe_describes_the_catalogue(tmp_path: Path) -> None:
    from mapwright.data.config import read_toml
    from mapwright.data.divide import draw_splits
    from mapwright.recipe import Recipe, apply_recipe, recipe_path

    path = recipe_path("clouds-sentinel2")
    recipe = Recipe.parse(read_toml(path), path)
    dataset = apply_recipe(recipe, open_dataset(write_catalogue(tmp_path, 12)))
    assert isinstance(dataset.spec, DatasetSpec)
    assert dataset.spec.band_names == ("red", "green", "blue", "nir")
    image, mask = make_stack(0, 70, 81)
    sample = dataset.read(dataset.items[0])
    np.testing.assert_array_equal(sample.image, np.moveaxis(image[..., [3, 2, 1, 7]], -1, 0))
    np.testing.assert_array_equal(sample.mask, mask[..., 1])
    for fold in draw_splits(dataset, int(recipe.plan["folds"])).folds:
        tiles = [{name.split("_")[5] for name in side} for side in (fold.train, fold.val)]
        assert not tiles[0] & tiles[1]  # what a tile holds stands on one side
