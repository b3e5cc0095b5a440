import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from mapwright.data.grids import compare_grids

IMAGE = GeoBox((100, 200), Affine(10, 0, 5e5, 0, -10, 6e6), "EPSG:32633")


def grid(
    shape: tuple[int, int] = (100, 200),
    x: float = 5e5,
    y: float = 6e6,
    side: float = 10,
    crs: str | None = "EPSG:32633",
    turn: float = 0,
) -> GeoBox:
    return GeoBox(shape, Affine(side, turn, x, turn, -side, y), crs)


@pytest.mark.parametrize(
    "mask",
    [
        grid(),
        grid(x=5e5 + 0.009),
        grid(side=10 * (1 + 1e-6)),
        grid(crs=None),
        GeoBox((100, 200), Affine(1, 0, 0, 0, 1, 0), None),
    ],
)
def test_the_same_grid_and_one_without_a_place_are_no_difference(mask: GeoBox) -> None:
    assert compare_grids(IMAGE, mask) is None
    assert compare_grids(mask, IMAGE) is None


def test_two_plain_pictures_of_one_size() -> None:
    plain = GeoBox((7, 9), Affine(1, 0, 0, 0, 1, 0), None)
    assert compare_grids(plain, plain) is None


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (grid(x=5e5 + 12.5, y=6e6 + 30), "1.25 columns to the right and 3 rows up (32.5"),
        (grid(x=5e5 - 5, y=6e6), "0.5 columns to the left (5"),
        (grid(x=5e5 + 0.05), "0.005 columns to the right"),
        (grid(y=6e6 - 20_000), "2,000 rows down (20,0"),
        (grid((50, 100), side=20), "the mask is 50 x 100 pixels, its image 100 x 200"),
        (grid((50, 100), side=20), "a pixel of the mask is 2 x 2 of the image's"),
        (grid((100, 201), crs=None), "the mask is 100 x 201 pixels, its image 100 x 200"),
        (grid(crs="EPSG:32634"), "the CRS of the mask is EPSG:32634, that of its image EPSG:32633"),
        (grid(crs="EPSG:25833"), "their place is the same"),
        (grid(turn=0.1), "turned anticlockwise by 0.5729 degrees"),
        (
            GeoBox((100, 200), Affine(10, 0, 5e5, 0, 10, 6e6 - 1000), "EPSG:32633"),
            "rows in the other direction",
        ),
        (grid(x=0.5, y=60, side=1e-4, crs="EPSG:4326"), "EPSG:4326"),
        (grid((1, 1)), "the mask is 1 x 1 pixels"),
        (
            GeoBox((100, 200), Affine(1, 0, 179.0, 0, -1, 89.0), "EPSG:4326"),
            "the CRS of the mask is EPSG:4326",
        ),
    ],
)
def test_how_grids_differ_is_said_in_words(mask: GeoBox, words: str) -> None:
    text = compare_grids(IMAGE, mask)
    assert text is not None
    assert words in text
    assert "image: 100 x 200 pixels of 10 x 10 at (500000, 6000000) in EPSG:32633" in text
    assert "mask: " in text
    assert "nan" not in text
    assert "inf" not in text


def test_degrees_become_metres() -> None:
    image = GeoBox((512, 512), Affine(1e-4, 0, 10, 0, -1e-4, 60), "EPSG:4326")
    mask = GeoBox((512, 512), Affine(1e-4, 0, 10.001, 0, -1e-4, 60), "EPSG:4326")
    text = compare_grids(image, mask)
    assert text is not None
    assert "10 columns to the right (55.8" in text  # a degree of longitude is 55.8 km at 60 degrees
