from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine

from builders import make_dataset, make_spec, rectangles, write_png, write_tiff
from mapwright.data.dataset import Dataset, Sample
from mapwright.data.fingerprint import (
    PERCENTILES,
    Fingerprint,
    Keep,
    look_at,
    merge,
    survey,
    take_fingerprint,
)
from mapwright.errors import DatasetError, ImageFileError
from mapwright.types import IGNORE


def sample(image: np.ndarray, mask: np.ndarray) -> Sample:
    return Sample(image.astype(np.float32), mask.astype(np.uint8), mask.astype(np.uint8))


def test_moments_extremes_and_counts_are_those_of_all_valid_pixels(tmp_path: Path) -> None:
    make_dataset(tmp_path, count=4, bands=4)
    dataset = Dataset(tmp_path, make_spec(valid={"alpha": True}))
    found = take_fingerprint(dataset, dataset.items)
    valid = np.ones((64, 64), bool)
    valid[:8, :8] = False
    pairs = [rectangles(number, bands=4) for number in range(4)]
    pixels = np.concatenate([image[:3, valid] for image, _ in pairs], axis=1).astype(float)
    assert [band.name for band in found.bands] == ["red", "green", "blue"]
    for band, values in zip(found.bands, pixels, strict=True):
        assert band.mean == pytest.approx(values.mean(), rel=1e-12)
        assert band.std == pytest.approx(values.std(), rel=1e-12)
        assert (band.minimum, band.maximum) == (values.min(), values.max())
        assert band.percentiles == pytest.approx(np.percentile(values, PERCENTILES), abs=3)
    positive = sum(int((mask & valid).sum()) for _, mask in pairs)
    assert found.class_pixels == (pixels.shape[1] - positive, positive)
    assert found.valid_share == pytest.approx(1 - 1 / 64)
    assert (found.images, found.pixels) == (4, 4 * 64 * 64)
    assert found.gsd is None


def test_a_fingerprint_of_some_images_needs_no_second_reading(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, bands=3), make_spec())
    records = survey(dataset, dataset.items)
    names = dataset.spec.band_names, dataset.spec.class_names
    for chosen in (dataset.items[:2], dataset.items[3:], dataset.items):
        merged = merge([records[item.stem] for item in chosen], *names)
        assert merged == take_fingerprint(dataset, chosen)


def test_a_record_of_an_image_does_not_hold_on_to_the_image() -> None:
    rng = np.random.default_rng(0)
    image, mask = rng.normal(size=(3, 512, 512)), rng.integers(0, 2, (512, 512))
    record = look_at("a", sample(image, mask), 2, None, Keep(64, 16))
    arrays = [record.sample, *record.places, *record.areas]
    held = sum((array if array.base is None else array.base).nbytes for array in arrays)
    assert held < 8 * (3 * 64 + 2 * 16 + sum(len(areas) for areas in record.areas) + 2)


def test_more_images_keep_fewer_pixels_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapwright.data.fingerprint._SAMPLE", 3000)
    monkeypatch.setattr("mapwright.data.fingerprint._PLACES", 400)
    dataset = Dataset(make_dataset(tmp_path, count=4, bands=3), make_spec())
    few, all_four = survey(dataset, dataset.items[:2]), survey(dataset, dataset.items)
    for stem, record in few.items():
        assert record.sample.shape[1] > all_four[stem].sample.shape[1]
        assert record.mean == pytest.approx(all_four[stem].mean, rel=1e-15)
        assert len(record.places[0]) <= 200
        assert len(all_four[stem].places[0]) <= 100


def test_objects_are_counted_with_their_areas() -> None:
    mask = np.zeros((9, 9))
    mask[0, 0] = 1
    mask[2:4, 2:4] = 1
    mask[4, 4] = 1  # touches at a corner only: still the same object
    mask[7, :] = IGNORE
    record = look_at("a", sample(np.ones((1, 9, 9)), mask), 3, None)
    found = merge([record, record], ["grey"], ["ground", "roof", "water"])
    _, roof, water = found.classes
    assert (roof.pixels, roof.images, roof.objects) == (12, 2, 4)
    assert roof.object_pixels == pytest.approx((1, 3, 5))
    assert (water.pixels, water.images, water.objects) == (0, 0, 0)
    assert water.object_pixels == (0, 0, 0)
    assert found.class_pixels == (2 * (81 - 9 - 6), 12, 0)


def test_invalid_pixels_and_their_labels_count_nowhere() -> None:
    image = np.full((2, 3, 3), 7.0)
    image[0, 0] = np.nan
    image[1, 0] = 1e9
    mask = np.zeros((3, 3))
    mask[0] = IGNORE
    record = look_at("a", sample(image, mask), 2, None)
    found = merge([record], ["a", "b"], ["x", "y"])
    assert [(b.mean, b.minimum, b.maximum) for b in found.bands] == [(7, 7, 7)] * 2
    assert found.class_pixels == (6, 0)
    assert found.valid_share == pytest.approx(2 / 3)


def test_an_image_without_a_valid_pixel_changes_only_the_share() -> None:
    nothing = look_at("a", sample(np.full((1, 4, 4), np.nan), np.full((4, 4), IGNORE)), 2, None)
    image = np.arange(16.0).reshape(1, 4, 4)
    record = look_at("b", sample(image, np.zeros((4, 4))), 2, None)
    alone, both = (merge(r, ["a"], ["x", "y"]) for r in ([record], [nothing, record]))
    assert both.bands == alone.bands
    assert both.class_pixels == alone.class_pixels
    assert (alone.valid_share, both.valid_share) == (1, 0.5)


def test_a_small_image_weighs_in_percentiles_by_its_pixels() -> None:
    large, small = np.zeros((1, 400, 400)), np.full((1, 20, 20), 100.0)
    records = [look_at("a", sample(i, np.zeros(i.shape[1:])), 2, None) for i in (large, small)]
    (band,) = merge(records, ["a"], ["x", "y"]).bands
    assert band.percentiles == (0, 0, 0, 0, 0)  # 100 is on 0.25 % of the pixels
    assert band.maximum == 100


def test_a_constant_band_stays_small_when_standardised() -> None:
    record = look_at("a", sample(np.full((1, 1, 1), 5), np.zeros((1, 1))), 2, None)
    (band,) = merge([record], ["a"], ["x", "y"]).bands
    for other in (5.001, 0.0, 10.0):  # rounding, and values that were not there in training
        assert abs(other - band.mean) / band.std <= 1
    assert (band.mean, band.minimum, band.maximum) == (5, 5, 5)


@pytest.mark.parametrize("labels", [0, IGNORE])
def test_no_labelled_pixel_on_valid_ground_is_refused(labels: int) -> None:
    image = np.full((1, 2, 2), np.nan if labels == 0 else 1)
    mask = np.full((2, 2), IGNORE)
    with pytest.raises(DatasetError, match="no valid pixel"):
        merge([look_at("a", sample(image, mask), 2, None)], ["a"], ["x", "y"])


def test_no_image_is_refused() -> None:
    with pytest.raises(DatasetError, match="no valid pixel"):
        merge([], ["a"], ["x", "y"])


def test_a_file_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, count=3, bands=3), make_spec())
    write_png(tmp_path / "masks" / "01.png", np.full((64, 64), 3, np.uint8))
    with pytest.raises(ImageFileError, match=r"01\.png"):
        take_fingerprint(dataset, dataset.items)


def test_the_ground_sampling_distance_is_the_median(tmp_path: Path) -> None:
    for number, metres in enumerate((1, 10, 20)):
        pixels, mask = rectangles(number, 16)
        place = Affine(metres, 0, 5e5, 0, -metres, 6e6)
        path = tmp_path / "images" / f"{number}.tif"
        write_tiff(path, pixels, crs="EPSG:32633", transform=place)
        write_png(tmp_path / "masks" / f"{number}.png", np.uint8(255) * mask)
    dataset = Dataset(tmp_path, make_spec(images="images/*.tif"))
    assert take_fingerprint(dataset, dataset.items).gsd == pytest.approx(10)


def test_a_fingerprint_reads_back(tmp_path: Path) -> None:
    dataset = Dataset(make_dataset(tmp_path, count=2, bands=3), make_spec())
    found = take_fingerprint(dataset, dataset.items)
    assert Fingerprint.parse(found.plain(), "a test") == found
