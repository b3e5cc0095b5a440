"""What a model of clouds is given: stacks of every size, and images that it does not expect."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from builders import make_bundle, write_tiff
from cloud_stacks import make_stack
from mapwright.bundle import Bundle
from mapwright.data.fingerprint import BandStats
from mapwright.data.roles import SENTINEL2
from mapwright.data.spec import Band
from mapwright.errors import ImageFileError
from mapwright.predict.model import Model

NAMES = ("red", "green", "blue", "nir")
PLACES = [SENTINEL2.index(name) for name in NAMES]
PLAN = {"architecture": "pspnet", "encoder": "resnet18", "tile": 224, "overlap": 0.0}


def learnt_from(low: float, middle: float, high: float) -> Bundle:
    """An untrained model whose bands had these values, at their places in a stack of thirteen."""
    bundle = make_bundle(1, (0, 2), (1,), bands=NAMES, plan=PLAN, images="subscenes/*.npy")
    steps = (low, 1.2 * low, middle, 0.9 * high, high)
    bands = tuple(
        BandStats(name=name, mean=middle, std=middle / 2, minimum=low / 2, maximum=1.2 * high,
                  percentiles=steps)
        for name in NAMES
    )  # fmt: skip
    places = tuple(Band(name=name, index=SENTINEL2.index(name) + 1) for name in NAMES)
    return replace(
        bundle,
        spec=bundle.spec.model_copy(update={"bands": places}),
        fingerprint=bundle.fingerprint.model_copy(update={"bands": bands}),
    )


@pytest.fixture(scope="module")
def model() -> Model:
    """Learnt from reflectance."""
    return Model(learnt_from(0.05, 0.2, 0.8))


@pytest.mark.parametrize("size", [(1022, 1022), (350, 225), (40, 17), (1, 1)])
def test_every_pixel_of_a_stack_gets_one_value_at_native_resolution(
    model: Model, tmp_path: Path, size: tuple[int, int]
) -> None:
    image, _ = make_stack(1, *size)
    image[size[0] // 2, 0, PLACES[0]] = np.nan
    path = tmp_path / "scène.npy"
    np.save(path, image)
    written = model.predict_file(path, tmp_path / "maps", with_overlay=size[0] < 100)
    assert written.map == tmp_path / "maps" / "scène.png"  # a stack without a place is a picture
    with Image.open(written.map) as opened:
        values = np.array(opened)
    assert values.shape == size
    invalid = np.zeros(size, bool)
    invalid[size[0] // 2, 0] = True
    np.testing.assert_array_equal(values == 255, invalid)
    assert set(np.unique(values[~invalid])) <= {0, 1}


def test_a_stack_and_a_geotiff_of_the_same_values_give_the_same_map(
    model: Model, tmp_path: Path
) -> None:
    image, _ = make_stack(2, 300, 231)
    np.save(tmp_path / "stack.npy", image)
    np.save(tmp_path / "first.npy", np.moveaxis(image, -1, 0))
    bands = np.moveaxis(image, -1, 0)[PLACES[::-1]]
    tiff = write_tiff(tmp_path / "named.tif", bands, descriptions=NAMES[::-1])
    maps = [model.predict(tmp_path / name) for name in ("stack.npy", "first.npy", tiff.name)]
    assert len(np.unique(maps[0].classes)) == 2
    for other in maps[1:]:
        np.testing.assert_array_equal(other.classes, maps[0].classes)
    assert not any(one.doubts for one in maps)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((50, 60, 3), r"band 4 \(red\) does not exist"),
        ((50, 60, 4), r"band 8 \(nir\) does not exist"),
        ((50, 60), r"band 4 \(red\) does not exist"),
    ],
)
def test_a_stack_with_too_few_bands_is_one_clear_error(
    model: Model, tmp_path: Path, shape: Sequence[int], message: str
) -> None:
    np.save(tmp_path / "a.npy", np.ones(shape, np.float32))
    with pytest.raises(ImageFileError, match=message) as error:
        model.predict_file(tmp_path / "a.npy", tmp_path / "maps")
    assert error.value.where == tmp_path / "a.npy"
    assert f"from 1 to {shape[2] if len(shape) > 2 else 1}" in str(error.value)
    assert not (tmp_path / "maps").exists()


def test_a_scene_newer_than_the_offset_is_named(tmp_path: Path) -> None:
    model = Model(learnt_from(300, 1800, 6000))
    rng = np.random.default_rng(0)
    numbers = np.exp(rng.normal(7.3, 0.7, (60, 70, 13))).clip(250, 7000)
    for name, shift in (("old", 0), ("new", 1000)):
        np.save(tmp_path / f"{name}.npy", (numbers + shift).astype(np.uint16))
    assert model.predict(tmp_path / "old.npy").doubts == ()
    (doubt,) = model.predict(tmp_path / "new.npy").doubts
    assert (doubt.kind, doubt.amount) == ("offset", 1000)
    assert "since processing baseline 04.00 carry 1000 more" in doubt.text


def test_reflectance_given_to_a_model_of_digital_numbers_names_the_factor(tmp_path: Path) -> None:
    image, _ = make_stack(3, 60, 70)
    np.save(tmp_path / "reflectance.npy", image)
    (doubt,) = Model(learnt_from(300, 1800, 6000)).predict(tmp_path / "reflectance.npy").doubts
    assert (doubt.kind, doubt.amount) == ("scale", pytest.approx(1e-4))
    assert "1/10000 of those learnt from" in doubt.text


def test_digital_numbers_given_to_a_model_of_reflectance_name_the_factor(
    model: Model, tmp_path: Path
) -> None:
    image, _ = make_stack(3, 60, 70)
    np.save(tmp_path / "numbers.npy", (image * 10_000).astype(np.uint16))
    (doubt,) = model.predict(tmp_path / "numbers.npy").doubts
    assert (doubt.kind, doubt.amount) == ("scale", pytest.approx(1e4))


def test_an_image_with_a_place_keeps_it(model: Model, tmp_path: Path) -> None:
    image, _ = make_stack(4, 40, 50)
    bands = np.moveaxis(image, -1, 0)
    place = rasterio.Affine(20, 0, 5e5, 0, -20, 6e6)
    path = write_tiff(tmp_path / "a.tif", bands, crs="EPSG:32633", transform=place)
    written = model.predict_file(path, tmp_path / "maps")
    assert written.map.suffix == ".tif"
    with rasterio.open(written.map) as source:
        assert (source.transform, source.shape) == (place, (40, 50))
