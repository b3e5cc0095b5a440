"""What a data set holds, held against counting by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio import Affine

from builders import make_dataset, make_spec, rectangles, write_png, write_tiff
from mapwright.data.dataset import Dataset
from mapwright.data.inventory.choose import TILE, examples, spread, tile_around
from mapwright.data.inventory.objects import find_instances, find_patches
from mapwright.data.inventory.position import GRID, Positions
from mapwright.data.inventory.take import Inventory, take_inventory
from mapwright.data.inventory.values import BINS, Kept, PixelValues, bin_edges, keep_pixels
from mapwright.errors import DatasetError, SettingError
from mapwright.types import IGNORE

RNG = np.random.default_rng(0)


def look(root: Path, images: int = 2000, **changes: Any) -> Inventory:
    return take_inventory(Dataset(root, make_spec(**changes)), images)


def values_of(image: np.ndarray, mask: np.ndarray, classes: int = 2, keep: int = 999) -> Kept:
    return keep_pixels(image.astype(np.float32), mask, classes, keep)


def test_patches_are_counted_by_class_with_eight_neighbours_and_without_the_background() -> None:
    mask = np.zeros((5, 6), np.uint8)
    mask[0, 0] = mask[1, 1] = 1  # touch across a corner: one patch
    mask[4, 2:6] = 1
    found = find_patches(mask, 2)
    assert found.kinds.tolist() == [1, 1]
    assert sorted(found.pixels.tolist()) == [2, 4]
    assert all(mask[found.rows, found.cols] == 1)
    assert sorted(find_patches(mask, 3).kinds.tolist()) == [0, 1, 1]


def test_no_patch_of_a_mask_that_is_all_ignored() -> None:
    assert len(find_patches(np.full((3, 3), IGNORE, np.uint8), 2)) == 0


def test_instances_that_touch_stay_apart_and_take_the_class_of_most_of_their_pixels() -> None:
    ids = np.array([[1, 1, 2, 2, 0], [1, 1, 2, 2, 3]], np.int32)
    mask = np.array([[1, 1, 2, 2, 0], [1, 0, 2, 2, IGNORE]], np.uint8)
    found = find_instances(ids, mask)
    assert found.kinds.tolist() == [1, 2]  # the third has only an invalid pixel
    assert found.pixels.tolist() == [4, 4]
    assert len(find_instances(np.zeros((2, 5), np.int32), mask)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (16, 16), (37, 53)])
def test_positions_count_each_pixel_in_the_cell_of_its_centre(shape: tuple[int, int]) -> None:
    mask = RNG.integers(0, 2, shape).astype(np.uint8)
    valid = RNG.random(shape) < 0.7
    mask[~valid] = IGNORE
    positions = Positions(2)
    positions.add(mask, valid)
    expected = np.zeros((3, GRID, GRID), np.int64)
    for row, col in np.ndindex(shape):
        cell = int((row + 0.5) / shape[0] * GRID), int((col + 0.5) / shape[1] * GRID)
        expected[2][cell] += valid[row, col]
        if valid[row, col]:
            expected[mask[row, col]][cell] += 1
    np.testing.assert_array_equal(positions.labelled, expected[:2])
    np.testing.assert_array_equal(positions.valid, expected[2])
    assert positions.pixels.sum() == mask.size
    assert np.isnan(positions.share(1)[positions.labelled.sum(axis=0) == 0]).all()


def test_histograms_and_quantiles_of_all_pixels_are_those_of_numpy() -> None:
    image = RNG.normal(size=(2, 20, 30))
    mask = RNG.integers(0, 2, (20, 30)).astype(np.uint8)
    values = PixelValues.of([values_of(image, mask)], ["a", "b"], 2)
    for kind, found in values.quantiles().items():
        own = image.astype(np.float32)[:, mask == kind]
        expected = np.quantile(own, (0.1, 0.5, 0.9), axis=1, method="inverted_cdf").T
        np.testing.assert_allclose(found, expected)
    for band, entry in enumerate(values.histograms()):
        for kind in (0, 1):
            own = image.astype(np.float32)[band, mask == kind]
            counts = np.histogram(own, entry.edges)[0]
            np.testing.assert_allclose(entry.shares[kind], counts / len(own))
        assert entry.shares[2].sum() == 0  # everything has a label
        assert 0.97 < entry.shares[0].sum() <= 1


def test_a_sample_weighs_as_much_as_the_pixels_that_it_stands_for() -> None:
    image, mask = RNG.normal(size=(1, 100, 100)), np.zeros((100, 100), np.uint8)
    mask[:3, :5] = 1
    kept = values_of(image, mask, keep=50)
    assert (kept.groups == 0).sum() <= 50
    assert kept.weights[kept.groups == 0].sum() == pytest.approx(9985)
    assert (kept.weights[kept.groups == 1] == 1).all()
    assert (kept.groups == 1).sum() == 15


def test_invalid_pixels_are_never_kept_and_unlabelled_ones_are_a_group_of_their_own() -> None:
    image = np.array([[[1, np.nan, 3, 4]], [[5, 6, np.nan, 8]]])
    mask = np.array([[1, IGNORE, IGNORE, IGNORE]], np.uint8)
    kept = values_of(image, mask)
    assert kept.values.tolist() == [[1, 4], [5, 8]]
    assert kept.groups.tolist() == [1, 2]


def test_the_class_explains_all_of_a_band_that_is_the_mask_and_nothing_of_a_constant_one() -> None:
    mask = RNG.integers(0, 2, (9, 9)).astype(np.uint8)
    image = np.stack([mask * 7.0, np.full((9, 9), 3.0)])
    same, flat = PixelValues.of([values_of(image, mask)], ["a", "b"], 2).histograms()
    assert same.explained == pytest.approx(1)
    assert flat.explained == 0
    alone = PixelValues.of([values_of(image, np.zeros_like(mask))], ["a", "b"], 2).histograms()
    assert np.isnan(alone[0].explained)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 255), (-3, 60), (0, 65535), (7, 71)])
def test_bins_of_whole_numbers_hold_equally_many_each(low: int, high: int) -> None:
    edges = bin_edges(low, high, whole=True)
    inside = [np.floor(b - 0.5) - np.ceil(a + 0.5) + 1 for a, b in pairwise(edges)]
    assert len(set(np.round(np.diff(edges)).tolist())) == 1
    assert len(edges) <= BINS + 1
    assert edges[0] < low <= high < edges[-1]
    assert min(inside) >= 0


def test_bins_of_a_constant_band_have_a_width() -> None:
    edges = bin_edges(0.25, 0.25, whole=False)
    assert (np.diff(edges) > 0).all()


def test_a_folder_is_counted_as_by_hand(tmp_path: Path) -> None:
    inventory = look(make_dataset(tmp_path, bands=3))
    masks = [rectangles(number)[1] for number in range(6)]
    positive = sum(int(mask.sum()) for mask in masks)
    assert inventory.class_pixels.tolist() == [6 * 64 * 64 - positive, positive]
    assert inventory.class_units.tolist() == [6, 6]
    assert inventory.empty == ()
    assert inventory.valid_share == 1
    assert inventory.sizes(1).sum() == positive
    assert sum(int(unit.objects[1]) for unit in inventory.units) == len(inventory.sizes(1))
    assert len(inventory.areas(1)) == 0  # no file says how large a pixel is
    pixels = rectangles(3)[0].astype(float).reshape(3, -1)
    np.testing.assert_allclose(inventory.units[3].mean, pixels.mean(axis=1))
    np.testing.assert_allclose(inventory.units[3].std, pixels.std(axis=1))
    assert not inventory.drawn


def test_nodata_counts_nowhere(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=2, bands=4)
    before = look(root, valid={"alpha": True})
    pixels, mask = rectangles(0, bands=4)
    pixels[3] = 255
    pixels[:, :8, :8] = 99  # other values under the same transparent corner
    pixels[3, :8, :8] = 0
    write_png(root / "images" / "00.png", pixels)
    mask[:8, :8] = True
    write_png(root / "masks" / "00.png", np.uint8(255) * mask)
    after = look(root, valid={"alpha": True})
    assert before.valid_share == after.valid_share == 1 - 1 / 64
    np.testing.assert_array_equal(after.class_pixels, before.class_pixels)
    np.testing.assert_array_equal(after.sizes(1), before.sizes(1))
    np.testing.assert_array_equal(after.units[0].mean, before.units[0].mean)
    np.testing.assert_array_equal(after.values.kept.values, before.values.kept.values)
    assert (after.positions.labelled.sum(axis=0)[:2, :2] == 0).all()


def test_an_image_without_the_class_is_empty_and_one_that_is_all_invalid_too(
    tmp_path: Path,
) -> None:
    root = make_dataset(tmp_path, count=3, bands=3)
    write_png(root / "masks" / "01.png", np.zeros((64, 64), np.uint8))
    write_png(root / "images" / "02.png", np.zeros((3, 64, 64), np.uint8))
    inventory = look(root, valid={"nodata": 0})
    assert [unit.stem for unit in inventory.empty] == ["01", "02"]
    assert inventory.units[2].valid == 0
    assert np.isnan(inventory.units[2].mean).all()
    assert inventory.valid_share == pytest.approx(2 / 3)


def test_images_without_any_mask_have_values_but_no_classes(tmp_path: Path) -> None:
    inventory = look(make_dataset(tmp_path, count=3, bands=3), masks=None)
    assert inventory.class_pixels.tolist() == [0, 0]
    assert inventory.labelled == ()
    assert inventory.values.groups == (2,)
    assert inventory.sizes(1).tolist() == []


def test_areas_on_the_ground_are_those_of_the_pixels(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[2:6, 3:8] = 255
    place = Affine(3.0, 0, 5e5, 0, -2.0, 6e6)
    image = RNG.integers(1, 9, (3, 20, 30)).astype(np.uint8)
    write_tiff(tmp_path / "images/a.tif", image, crs="EPSG:32633", transform=place)
    write_png(tmp_path / "masks/a.png", mask)
    inventory = take_inventory(Dataset(tmp_path, make_spec(images="images/*.tif")))
    assert inventory.areas(1) == pytest.approx([20 * 6.0], rel=2e-3)  # UTM stretches a little
    assert inventory.images[0].crs == "EPSG:32633"
    corners = inventory.images[0].corners
    assert corners is not None and np.ptp(corners[:, 1]) == pytest.approx(40 / 111_300, rel=0.01)


def test_blocks_are_the_units_where_the_split_cuts_images_into_blocks(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=1, size=128, bands=3)
    inventory = look(root, split={"by": "block", "block": 64})
    assert len(inventory.units) == 4
    assert sum(unit.pixels for unit in inventory.units) == 128 * 128
    assert sum(unit.classes for unit in inventory.units).tolist() == inventory.class_pixels.tolist()
    assert sum(int(unit.objects[1]) for unit in inventory.units) == len(inventory.sizes(1))


def test_of_a_large_folder_some_images_are_drawn_evenly_and_always_the_same(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=9, size=16, bands=3)
    inventory = look(root, images=3)
    assert [image.stem for image in inventory.images] == ["00", "04", "08"]
    assert inventory.drawn and inventory.looked == 3
    assert inventory.report.images == 9


def test_a_broken_file_is_left_out_and_named_and_only_broken_ones_are_an_error(
    tmp_path: Path,
) -> None:
    root = make_dataset(tmp_path, count=2, size=16, bands=3)
    for stem, left in (("00", 1), ("01", 0)):
        path = root / "images" / f"{stem}.png"
        path.write_bytes(path.read_bytes()[:40])
        if left:
            inventory = look(root)
            assert [image.stem for image in inventory.images] == ["01"]
            assert inventory.report.findings[0].kind == "unusable file"
    with pytest.raises(DatasetError, match="not one image can be used"):
        look(root)


def test_no_image_to_look_at_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="0 images"):
        look(make_dataset(tmp_path, count=1, size=16, bands=3), images=0)


def test_one_pixel(tmp_path: Path) -> None:
    write_png(tmp_path / "images/a.png", np.full((3, 1, 1), 9, np.uint8))
    write_png(tmp_path / "masks/a.png", np.full((1, 1), 255, np.uint8))
    inventory = look(tmp_path)
    assert inventory.class_pixels.tolist() == [0, 1]
    assert [entry.shares[1].sum() for entry in inventory.values.histograms()] == [1, 1, 1]


def test_a_table_of_run_lengths_counts_objects_of_images_that_were_not_looked_at(
    tmp_path: Path,
) -> None:
    for name in "abc":
        pixels = RNG.integers(0, 255, (3, 4, 4)).astype(np.uint8)
        write_png(tmp_path / f"images/{name}.png", pixels)
    rows = ["ImageId,EncodedPixels", "a.png,1 2", "a.png,3 2", "b.png,", "c.png,1 4"]
    (tmp_path / "runs.csv").write_text("\n".join(rows) + "\n")
    classes = [
        {"name": n, "values": [v], "color": "#102030"} for v, n in enumerate(("sea", "ship"))
    ]
    inventory = look(tmp_path, 2, masks=None, mask={"source": "rle:runs.csv"}, classes=classes)
    assert inventory.listed == {"a": 2, "b": 0, "c": 1}
    assert inventory.told_apart
    assert inventory.sizes(1).tolist() == [2, 2, 4]  # the two of a touch, and stay two


def test_examples_go_from_most_to_least_and_few_images_give_several_objects(tmp_path: Path) -> None:
    for number, rows in enumerate((8, 2, 5)):
        mask = np.zeros((16, 16), np.uint8)
        mask[:rows] = 255
        mask[15, 15] = 255
        pixels = RNG.integers(0, 255, (3, 16, 16)).astype(np.uint8)
        write_png(tmp_path / f"images/{number}.png", pixels)
        write_png(tmp_path / f"masks/{number}.png", mask)
    images = look(tmp_path).images
    assert [one.image.stem for one in examples(images, 1, 3)] == ["0", "2", "1"]
    assert [one.image.stem for one in examples(images, 1, 2)] == ["0", "1"]
    many = examples(images, 1, 6)
    assert [one.image.stem for one in many] == ["0", "0", "2", "2", "1", "1"]
    assert (many[1].row, many[1].col) == (15, 15)
    assert examples(images[:0], 1, 3) == []


@pytest.mark.parametrize("size", [(1, 1), (50, 900), (900, 50), (385, 2000)])
@pytest.mark.parametrize("place", [(0, 0), (1, 1)])
@pytest.mark.parametrize("pixels", [1, 300, 10**6])
def test_a_tile_lies_inside_its_image_and_holds_its_object(
    size: tuple[int, int], place: tuple[int, int], pixels: int
) -> None:
    row, col = place[0] * (size[0] - 1), place[1] * (size[1] - 1)
    window = tile_around(size, row, col, pixels)
    assert window.clip(*size) == window
    assert window.row <= row < window.row + window.height
    assert window.col <= col < window.col + window.width
    assert max(window.height, window.width) <= 1.5 * TILE[1]


def test_spread_keeps_the_ends_and_the_order() -> None:
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread(range(3), 9) == [0, 1, 2]
    assert spread(range(5), 1) == [0]
    assert spread([], 3) == []
