import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mapwright.data.alike import SIDE, near_duplicates, outliers, thumbnail


def scene(seed: int, size: int = 128) -> np.ndarray:
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=(3, size, size)), (0, 4, 4))
    return (100 + 400 * field).astype(np.float32)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (32, 32), (100, 33)])
def test_a_thumbnail_of_any_image_has_one_size(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=(2, *size)).astype(np.float32)
    small = thumbnail(image)
    assert small.shape == (SIDE, SIDE)
    assert small.dtype == np.uint8


def test_a_thumbnail_is_the_mean_of_its_cells() -> None:
    image = np.zeros((1, 64, 64), np.float32)
    image[:, :, 32:] = 10
    small = thumbnail(image)
    assert (small[:, :16] == 0).all()
    assert (small[:, 16:] == 255).all()


def test_invalid_pixels_do_not_show() -> None:
    image = scene(0)
    holed = image.copy()
    holed[:, 10:14, 10:14] = np.nan
    difference = np.abs(thumbnail(image).astype(int) - thumbnail(holed))
    assert np.median(difference) == 0
    assert (thumbnail(np.full((1, 40, 40), np.nan, np.float32)) == 0).all()


def test_copies_are_found_however_they_were_changed() -> None:
    image = scene(1)
    rng = np.random.default_rng(2)
    brighter = image * 1.3 + 20
    noisy = image + rng.normal(scale=8, size=image.shape).astype(np.float32)
    smaller = image[:, ::2, ::2]
    others = [scene(seed) for seed in range(10, 30)]
    images = [image, *others, brighter, noisy, smaller]
    pairs = near_duplicates([thumbnail(x.astype(np.float32)) for x in images])
    same = {0, 21, 22, 23}
    assert {(a, b) for a, b, _ in pairs} == {(a, b) for a in same for b in same if a < b}
    assert all(0.985 <= correlation <= 1 for *_, correlation in pairs)


def test_different_scenes_and_flat_images_are_not_alike() -> None:
    flat = [np.full((1, 50, 50), value, np.float32) for value in (1, 1, 2)]
    images = [thumbnail(scene(seed)) for seed in range(60)] + [thumbnail(x) for x in flat]
    assert near_duplicates(images) == []


def test_an_image_of_another_scale_is_out_of_the_family() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(1000, 100, size=(20, 3))
    means[7, 1] /= 10_000
    (found,) = outliers(means)
    assert (found.image, found.band) == (7, 1)
    assert found.usual == pytest.approx(1000, rel=0.1)


def test_a_wide_family_and_a_small_one_have_no_outliers() -> None:
    rng = np.random.default_rng(0)
    assert outliers(rng.lognormal(0, 0.5, size=(50, 4))) == []
    assert outliers(np.array([[1.0], [1.0], [1000.0]])) == []


def test_images_without_a_valid_pixel_are_left_out() -> None:
    means = np.full((10, 1), 5.0)
    means[3] = np.nan
    assert outliers(means) == []
