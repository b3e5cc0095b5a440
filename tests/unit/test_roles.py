import pytest

from mapwright.data.roles import band_roles


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (("red", "green", "blue", "nir"), ("red", "green", "blue", "nir")),
        (("Red", "NEAR INFRARED", "SWIR_16", "swir-2"), ("red", "nir", "swir1", "swir2")),
        (("red_edge_1", "RE2", "rededge705", "nir08"), ("rededge", "rededge", "rededge", "nir")),
        (("B02", "B8A", "B10", "B11", "B12"), ("blue", "nir", "cirrus", "swir1", "swir2")),
        (("B2", "B3", "B4", "B8"), ("blue", "green", "red", "nir")),
        (("Band 4", "band_08", "B12"), ("red", "nir", "swir2")),
        (("elevation", "ndvi", "grey", ""), (None, None, None, None)),
    ],
)
def test_names_say_which_part_of_the_spectrum(
    names: tuple[str, ...], roles: tuple[str | None, ...]
) -> None:
    assert band_roles(names) == roles


@pytest.mark.parametrize(
    "names",
    [("B2", "B3", "B4", "B5"), ("B4", "B5", "B6", "B7"), ("B3", "B4", "B5", "B8"), ("B10", "B11")],
)
def test_numbers_that_may_be_landsats_say_nothing(names: tuple[str, ...]) -> None:
    assert band_roles(names) == (None,) * len(names)


@pytest.mark.parametrize("name", ["redness", "reed", "nirvana", "infrared", "b", "band", "re77"])
def test_words_that_only_begin_like_a_band_say_nothing(name: str) -> None:
    assert band_roles([name]) == (None,)
