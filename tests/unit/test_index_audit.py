from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mapwright.data.findings import Finding
from mapwright.data.index_audit import audit_indices
from mapwright.data.index_names import KNOWN, index_kind, probable_names
from mapwright.data.roles import band_roles
from mapwright.data.spec import Band

Array = NDArray[np.float64]

TRUTH = ("red", "green", "blue", "nir", "swir1", "swir2", "rededge")
MEAN = dict(red=800, green=900, blue=600, nir=2600, swir1=1900, swir2=1100, rededge=1500)
NINA = ("red", "green", "blue", "nir", "swir1", "ndvi")


def bands(names: Sequence[str], offset: float = 0.0) -> list[Band]:
    return [
        Band(name=name, index=i, scale=1e-4, offset=offset) for i, name in enumerate(names, start=1)
    ]


def ground(seed: int, pixels: int = 400) -> dict[str, Array]:
    """Whole numbers of reflectance x 10000 of a mixture of five surfaces."""
    rng = np.random.default_rng(seed)
    ends = np.random.default_rng(99).uniform(0.1, 2.2, (5, len(TRUTH)))
    mixture = rng.dirichlet(np.full(5, 0.5), pixels) @ ends
    return {
        name: np.round(MEAN[name] * mixture[:, k] * rng.normal(1, 0.03, pixels) + 20)
        for k, name in enumerate(TRUTH)
    }


def index(spectrum: Mapping[str, Array], plus: str, minus: str, scale: float = 10_000) -> Array:
    a, b = spectrum[plus], spectrum[minus]
    return np.round((a - b) / (a + b) * scale)


def images(
    order: Sequence[str], *pairs: tuple[str, str], count: int = 5, add: float = 0.0
) -> dict[str, Array]:
    """Some pixels of each image: bands in `order`, and an index of each pair."""
    found = {}
    for seed in range(count):
        spectrum = ground(seed)
        rows = [spectrum[name] + add for name in order]
        found[f"image {seed}"] = np.stack([*rows, *(index(spectrum, *pair) for pair in pairs)])
    return found


def only(findings: Sequence[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_an_index_that_is_what_it_is_called_is_no_finding() -> None:
    samples = images(NINA[:5], ("nir", "red"))
    assert audit_indices(bands(NINA), samples) == []


@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_every_known_index_agrees_with_its_definition(kind: str) -> None:
    for pair in KNOWN[kind]:
        if pair[0] != pair[1]:
            samples = images(TRUTH, pair)
            assert audit_indices(bands([*TRUTH, f"{kind.upper()}_mean"]), samples) == []


def test_swapped_names_of_red_and_blue_are_found() -> None:
    samples = images(("blue", "green", "red", "nir", "swir1"), ("nir", "red"))
    found = only(audit_indices(bands(NINA), samples))
    assert (found.level, found.kind, found.stems) == ("error", "band order", ())
    assert "ndvi is (nir - blue) / (nir + blue) x 10000 in 100.0% of the pixels" in found.text
    assert "not (nir - red) / (nir + red) as its name says" in found.text
    assert "the names of red and blue are swapped" in found.advice
    assert "the bands are blue, green, red, nir, swir1, ndvi" in found.advice
    assert "[[bands]] in dataset.toml" in found.advice


def test_where_files_name_the_bands_their_names_are_to_be_corrected() -> None:
    samples = images(("blue", "green", "red", "nir", "swir1"), ("nir", "red"))
    found = only(audit_indices(bands(NINA), samples, named_by_files=True))
    assert 'bands_by = "index"' in found.advice


def test_two_indices_together_say_more_of_the_order() -> None:
    samples = images(("blue", "green", "red", "swir1", "nir"), ("nir", "red"), ("green", "nir"))
    found = only(audit_indices(bands([*NINA, "ndwi"]), samples))
    assert found.kind == "band order"
    assert "the bands are blue, green, red, swir1, nir, ndvi, ndwi" in found.advice


def test_an_index_with_its_sign_turned_means_that_its_two_bands_are_swapped() -> None:
    samples = images(("nir", "green", "blue", "red", "swir1"), ("nir", "red"))
    found = only(audit_indices(bands(NINA), samples))
    assert "the names of red and nir are swapped" in found.advice


def test_a_band_nobody_calls_by_its_true_name_takes_it() -> None:
    samples = images(("red", "nir"), ("nir", "red"))
    found = only(audit_indices(bands(["blue", "nir", "ndvi"]), samples))
    assert found.level == "error"
    assert "the band called blue is red: the bands are red, nir, ndvi" in found.advice


def test_an_index_without_a_name_is_a_note() -> None:
    samples = images(NINA[:5], ("nir", "red"))
    found = only(audit_indices(bands([*NINA[:5], "band_6"]), samples))
    assert (found.level, found.kind) == ("note", "index band")
    assert "band_6 is (nir - red) / (nir + red) x 10000" in found.text
    assert "usually called ndvi" in found.advice


def test_an_index_without_a_name_of_bands_without_names() -> None:
    samples = images(("red", "nir"), ("nir", "red"))
    found = only(audit_indices(bands(["a", "b", "c"]), samples))
    assert (found.level, found.text[:20]) == ("note", "c is (b - a) / (b + ")
    assert "usually called" not in found.advice


def test_an_index_says_what_its_unnamed_bands_are() -> None:
    samples = images(("red", "green", "nir"), ("nir", "red"))
    found = only(audit_indices(bands(["a", "b", "c", "ndvi"]), samples))
    assert found.level == "note"
    assert found.advice == "so c is nir and a is red: name it so"


def test_an_index_made_before_the_offset_was_added_is_a_note_until_it_is_declared() -> None:
    samples = images(NINA[:5], ("nir", "red"), add=1000)
    found = only(audit_indices(bands(NINA), samples))
    assert (found.level, found.kind) == ("note", "index band")
    assert "(nir - red) / (nir + red - 2000) x 10000" in found.text
    assert audit_indices(bands(NINA, offset=-0.1), samples) == []


def test_a_band_that_is_called_an_index_and_is_none_is_a_warning() -> None:
    samples = images(NINA[:5], ("nir", "red"))
    for image in samples.values():
        image[5] = np.random.default_rng(0).permutation(image[5])
    found = only(audit_indices(bands(NINA), samples))
    assert (found.level, found.kind) == ("warning", "unknown index")
    assert "ndvi is no index of any two bands: (nir - red) / (nir + red)" in found.text


def test_an_index_that_was_cut_to_whole_numbers_is_a_warning() -> None:
    samples = images(NINA[:5], ("nir", "red"))
    for image in samples.values():
        image[5] = np.round(image[5] / 10_000)
    found = only(audit_indices(bands(NINA), samples))
    assert (found.level, found.kind) == ("warning", "unknown index")
    assert "holds nothing but" in found.text
    assert "-0" not in found.text
    assert "whole numbers" in found.advice


def test_an_index_whose_bands_are_not_there_is_no_finding() -> None:
    samples = images(("green", "blue", "swir1"))
    for image in samples.values():
        image[2] = np.random.default_rng(0).normal(size=image.shape[1])
    assert audit_indices(bands(["green", "blue", "ndvi"]), samples) == []


def test_one_image_with_other_bands_is_named() -> None:
    samples = images(NINA[:5], ("nir", "red"), count=12)
    samples["image 7"][[0, 2]] = samples["image 7"][[2, 0]]
    found = only(audit_indices(bands(NINA), samples))
    assert (found.level, found.kind, found.stems) == ("error", "band order", ("image 7",))
    assert "not in image 7, where it is (nir - blue) / (nir + blue)" in found.text


def test_one_image_with_another_scale_is_named() -> None:
    samples = images(NINA[:5], ("nir", "red"), count=12)
    samples["image 3"][5] /= 100
    found = only(audit_indices(bands(NINA), samples))
    assert (found.level, found.kind, found.stems) == ("warning", "odd index", ("image 3",))


def test_half_of_the_images_with_other_bands() -> None:
    samples = images(NINA[:5], ("nir", "red"), count=10)
    for number in range(0, 10, 2):
        samples[f"image {number}"][[0, 2]] = samples[f"image {number}"][[2, 0]]
    found = only(audit_indices(bands(NINA), samples))
    assert (found.level, found.kind, len(found.stems)) == ("error", "band order", 5)
    assert "(nir - red) / (nir + red)" in found.text
    assert "(nir - blue) / (nir + blue)" in found.text


def test_no_image_and_images_without_a_valid_pixel() -> None:
    assert audit_indices(bands(NINA), {}) == []
    assert audit_indices(bands(NINA), {"a": np.empty((6, 0))}) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [("NDVI", "ndvi"), ("mean ndwi (scaled)", "ndwi"), ("ndvi_2023", "ndvi"), ("evi", None),
     ("ndvix", None), ("", None)],
)  # fmt: skip
def test_names_of_indices(name: str, kind: str | None) -> None:
    assert index_kind(name) == kind


def test_every_definition_speaks_of_parts_of_the_spectrum_that_names_can_say() -> None:
    for pairs in KNOWN.values():
        for pair in pairs:
            assert band_roles(pair) == pair


def test_names_are_put_in_order_by_swaps() -> None:
    names = ("red", "green", "blue", "nir")
    assert probable_names(names, {}) == names
    assert probable_names(names, {0: "blue"}) == ("blue", "green", "red", "nir")
    assert probable_names(names, {0: "blue", 2: "nir"}) == ("blue", "green", "nir", "red")
    assert probable_names(names, {1: "swir1"}) == ("red", "swir1", "blue", "nir")
    assert probable_names(("nir", "nir2", "red"), {1: "red"}) == ("nir", "red", "nir2")


def test_an_index_that_may_be_made_from_a_band_that_is_not_there_is_no_finding() -> None:
    samples = images(("red", "green", "nir"), ("nir", "swir1"))
    assert audit_indices(bands(["red", "green", "nir", "ndwi"]), samples) == []
    assert audit_indices(bands(["red", "green", "nir", "gndvi"]), samples)[0].level == "warning"


def test_bands_with_a_scale_of_zero_do_not_break_the_audit() -> None:
    samples = images(NINA[:5], ("nir", "red"), add=1000)
    broken = [band.model_copy(update={"scale": 0.0}) for band in bands(NINA)]
    assert only(audit_indices(broken, samples)).level == "note"
