from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mapwright.data.findings import Finding
from mapwright.data.reflectance import audit_offset, darkest, offset_hint, offset_state
from mapwright.data.spec import Band

Array = NDArray[np.float32]

NAMES = ("blue", "green", "red", "nir", "swir1", "swir2")
WATER = (330, 290, 170, 110, 50, 30)
FOREST = (230, 420, 250, 2300, 1100, 500)
FIELD = (500, 800, 600, 3500, 2200, 1300)
DESERT = (1150, 1900, 2800, 3500, 4300, 3800)
CLOUD = (4500, 4300, 4200, 4700, 3300, 2600)
SNOW = (8200, 8300, 8100, 7200, 900, 700)
HAZY_CITY = (1500, 1400, 1350, 1600, 1700, 1500)
HAZY_SEA = (1700, 1450, 1250, 1050, 620, 450)
DARK_MOUNTAIN = (-180, 60, 40, 300, 250, 160)  # too much haze taken off, so blue is below 0


def scene(*surfaces: Sequence[float], add: float = 0.0, seed: int = 0) -> Array:
    """(6, 40, 40) whole numbers, in stripes of the surfaces."""
    rng = np.random.default_rng(seed)
    stripes = np.array(surfaces)[np.arange(1600) * len(surfaces) // 1600].T
    noise = rng.normal(1, 0.04, (1, 1600)) + rng.normal(0, 0.01, (6, 1600))
    return np.round(stripes * noise + add).astype(np.float32).reshape(6, 40, 40)


def state(image: Array, names: Sequence[str] = NAMES) -> str:
    return offset_state(darkest(image, names))


def bands(scale: float = 1.0, offset: float = 0.0) -> list[Band]:
    return [Band(name=n, index=i, scale=scale, offset=offset) for i, n in enumerate(NAMES, 1)]


def audit(images: Sequence[Array], declared: Sequence[Band] = ()) -> list[Finding]:
    lows = {f"{k}": darkest(image, NAMES) for k, image in enumerate(images)}
    return audit_offset(declared or bands(), lows)


LAND = [(WATER, FIELD), (FOREST, FIELD), (FOREST,), (WATER,), (FIELD, HAZY_CITY, WATER)]


@pytest.mark.parametrize("surfaces", LAND)
def test_files_without_the_offset(surfaces: Sequence[Sequence[float]]) -> None:
    assert state(scene(*surfaces)) == "has none"


@pytest.mark.parametrize("surfaces", LAND)
def test_files_with_the_offset_never_look_as_if_they_had_none(
    surfaces: Sequence[Sequence[float]],
) -> None:
    found = state(scene(*surfaces, add=1000))
    assert found == "has offset" if WATER in surfaces else found != "has none"


@pytest.mark.parametrize(
    "surfaces",
    [(DESERT,), (CLOUD,), (SNOW,), (HAZY_CITY,), (HAZY_SEA,), (CLOUD, SNOW), (DESERT, CLOUD)],
)
def test_bright_images_without_the_offset_never_look_as_if_they_had_it(
    surfaces: Sequence[Sequence[float]],
) -> None:
    assert state(scene(*surfaces)) != "has offset"


@pytest.mark.parametrize("surfaces", [(DESERT,), (CLOUD,), (HAZY_CITY,)])
def test_bright_images_with_the_offset_can_not_tell(surfaces: Sequence[Sequence[float]]) -> None:
    assert state(scene(*surfaces, add=1000)) == "can't tell"


def test_reflectance_below_zero_in_files_with_the_offset() -> None:
    assert state(scene(DARK_MOUNTAIN, FIELD, add=1000)) != "has none"


def test_haze_over_water_without_short_wave_infrared_is_not_taken_for_the_offset() -> None:
    assert state(scene(HAZY_SEA)[:4], NAMES[:4]) == "can't tell"
    assert state(scene(WATER, add=1000)[:4], NAMES[:4]) == "has offset"


@pytest.mark.parametrize(
    "image",
    [
        scene(WATER, FIELD) / 10_000,
        scene(WATER, FIELD) / 7,
        np.round(scene(WATER, FIELD) / 40).clip(0, 255),
        np.full((6, 40, 40), np.nan, np.float32),
        np.zeros((6, 40, 40), np.float32),
        scene(WATER, FIELD)[:, :5, :5],
    ],
    ids=["reflectance", "radiance", "bytes", "invalid", "empty", "tiny"],
)
def test_what_is_no_digital_number_can_not_tell(image: Array) -> None:
    assert darkest(image, NAMES) is None
    assert state(image) == "can't tell"


def test_landsat_numbers_can_not_tell() -> None:
    image = np.round(scene(WATER, FIELD) * 3.6364 + 7273)
    assert state(image) == "can't tell"


@pytest.mark.parametrize("names", [tuple("abcdef"), ("red", "green", "blue", "x", "y", "z")])
def test_bands_that_are_not_known_can_not_tell(names: Sequence[str]) -> None:
    assert darkest(scene(WATER, FIELD), names) is None


def test_zeros_that_nobody_declared_are_no_dark_pixels() -> None:
    image = scene(WATER, FIELD, add=1000)
    image[:, :10] = 0
    image[5, 10:12] = 0
    assert state(image) == "has offset"


@pytest.mark.parametrize(("add", "expected"), [(0, "has none"), (1000, "has offset")])
def test_bands_that_were_brought_to_the_grid_of_others(add: float, expected: str) -> None:
    image = scene(WATER, FIELD, add=add)
    image[4:, :, 1:] = (image[4:, :, 1:] + image[4:, :, :-1]) / 2
    assert state(image) == expected


def test_other_bands_do_not_count() -> None:
    image = np.concatenate([scene(WATER, FIELD, add=1000), np.full((1, 40, 40), 3, np.float32)])
    lows = darkest(image, (*NAMES, "slope"))
    assert lows is not None
    assert list(lows) == list(NAMES)
    assert offset_state(lows) == "has offset"


def test_numbered_bands_of_sentinel_2() -> None:
    names = ("B02", "B03", "B04", "B08", "B11", "B12")
    assert state(scene(WATER, FIELD, add=1000), names) == "has offset"
    assert state(scene(WATER, FIELD), names) == "has none"


def test_sound_data_without_the_offset_is_no_finding() -> None:
    assert audit([scene(WATER, FIELD, seed=k) for k in range(4)]) == []


def test_sound_data_with_the_offset_declared_is_no_finding() -> None:
    images = [scene(WATER, FIELD, add=1000, seed=k) for k in range(4)]
    assert audit(images, bands(1e-4, -0.1)) == []
    assert audit(images, bands(1.0, -1000.0)) == []


def test_an_offset_that_is_not_declared_is_a_warning_that_says_what_to_write() -> None:
    images = [scene(WATER, FIELD, add=1000), scene(DESERT, add=1000)]
    (found,) = audit(images)
    assert (found.level, found.kind) == ("warning", "offset not declared")
    assert "scale = 0.0001 and offset = -0.1 for blue, green, red, nir" in found.advice
    lows = [darkest(image, NAMES) for image in images]
    hint = offset_hint(lows)
    assert hint is not None
    assert (hint.bands, hint.scale, hint.offset) == (NAMES, 1e-4, -0.1)
    assert "04.00" in hint.reason


def test_an_offset_that_is_declared_and_absent_is_a_warning() -> None:
    (found,) = audit([scene(WATER, FIELD, seed=k) for k in range(3)], bands(1e-4, -0.1))
    assert (found.level, found.kind) == ("warning", "offset declared")
    assert "3 of 3 images" in found.text
    assert "offset = 0.0" in found.advice


def test_a_mixture_is_an_error_that_names_the_fewer() -> None:
    images = [scene(WATER, FIELD, add=1000 * (k in (1, 4)), seed=k) for k in range(6)]
    (found,) = audit(images)
    assert (found.level, found.kind, found.stems) == ("error", "offset mixed", ("1", "4"))
    assert offset_hint([darkest(image, NAMES) for image in images]) is None


def test_one_of_many_is_only_a_warning() -> None:
    images = [scene(WATER, FIELD, add=1000 * (k == 7), seed=k) for k in range(30)]
    (found,) = audit(images)
    assert (found.level, found.kind, found.stems) == ("warning", "offset mixed", ("7",))
    (found,) = audit([*images, *images[7:8] * 2])
    assert found.level == "error"


def test_images_that_can_not_tell_are_no_mixture_and_no_hint() -> None:
    assert audit([scene(WATER, FIELD), scene(DESERT), scene(CLOUD)]) == []
    assert audit([scene(DESERT), scene(CLOUD)]) == []
    assert offset_hint([]) is None
    assert offset_hint([None, None]) is None


@pytest.mark.parametrize(("wet", "told"), [(1, False), (2, False), (3, True)])
def test_a_few_images_with_water_tell_for_a_hundred_without(wet: int, told: bool) -> None:
    images = [scene(WATER, add=1000)] * wet + [scene(FIELD, add=1000)] * 100
    hint = offset_hint([darkest(image, NAMES) for image in images])
    assert (hint is not None) == told


def test_a_scale_of_zero_declares_nothing() -> None:
    assert audit([scene(WATER, FIELD)], bands(0.0, -0.1)) == []
