from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mapwright.errors import OutputError
from mapwright.io.picture import (
    INVALID_COLOR,
    as_rgb,
    color_classes,
    overlay,
    rgb_bands,
    save_picture,
)
from mapwright.types import IGNORE

GREY = (0x9A, 0x9A, 0x9A)
COLORS = ("#000000", "#ff0000", "#0000ff")


@pytest.mark.parametrize(
    ("names", "bands"),
    [
        (("blue", "green", "red", "nir"), (2, 1, 0)),
        (("Red", "GREEN", "Blue"), (0, 1, 2)),
        (("nir", "red", "green"), (0, 1, 2)),
        (("grey",), (0, 0, 0)),
        (("a", "b"), (0, 1, 1)),
        (("a", "b", "c", "d"), (0, 1, 2)),
    ],
)
def test_red_green_and_blue_by_name_else_the_first_three(
    names: tuple[str, ...], bands: tuple[int, int, int]
) -> None:
    assert rgb_bands(names) == bands


def test_byte_pictures_are_shown_as_they_are() -> None:
    image = np.array([[[0, 10]], [[127, 20]], [[255, 30]]], np.float32)
    picture = as_rgb(image, ("red", "green", "blue"), byte_values=True)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[[0, 127, 255], [10, 20, 30]]]


def test_other_values_are_stretched_band_by_band() -> None:
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None]
    image = np.stack([ramp, 300 + 5 * ramp, -8000 * ramp])
    picture = as_rgb(image, ("a", "b", "c"), byte_values=False)[0].astype(int)
    assert np.abs(picture[:, 0] - picture[:, 1]).max() <= 1
    assert np.abs(picture[:, 0] - picture[::-1, 2]).max() <= 1
    assert picture[[0, 1, 50, 99, 100], 0] == pytest.approx([0, 0, 127, 255, 255], abs=1)
    assert (np.diff(picture[:, 0]) >= 0).all()


def test_invalid_pixels_are_grey_and_do_not_spoil_the_stretch() -> None:
    image = np.linspace(0, 100, 300, dtype=np.float32).reshape(3, 10, 10)
    holed = image.copy()
    holed[1, 0, 0] = np.nan
    shown, plain = (as_rgb(i, ("a", "b", "c"), byte_values=False) for i in (holed, image))
    assert tuple(shown[0, 0]) == GREY
    assert np.abs(shown[1:].astype(int) - plain[1:]).max() <= 3


@pytest.mark.parametrize("byte_values", [True, False])
def test_an_image_without_a_valid_pixel_is_grey(byte_values: bool) -> None:
    picture = as_rgb(np.full((3, 2, 2), np.nan, np.float32), ("a", "b", "c"), byte_values)
    assert (picture == GREY).all()


@pytest.mark.parametrize("byte_values", [True, False])
def test_a_constant_band_of_one_pixel_can_be_shown(byte_values: bool) -> None:
    assert as_rgb(np.full((1, 1, 1), 5, np.float32), ("a",), byte_values).shape == (1, 1, 3)


def test_classes_have_their_colours_and_ignored_ones_are_grey() -> None:
    shown = color_classes(np.array([[0, 1, 2, IGNORE]], np.uint8), COLORS)
    assert shown.tolist() == [[[0, 0, 0], [255, 0, 0], [0, 0, 255], list(GREY)]]
    assert INVALID_COLOR == "#9a9a9a"


def test_an_overlay_mixes_inside_and_draws_edges_in_full() -> None:
    picture = np.full((5, 9, 3), 100, np.uint8)
    classes = np.zeros((5, 9), np.uint8)
    classes[:, 5:] = 1
    shown = overlay(picture, classes, COLORS, strength=0.5)
    assert shown[2, 5].tolist() == [255, 0, 0]
    assert shown[2, 7].tolist() == [177, 50, 50]
    assert shown[2, 1].tolist() == [50, 50, 50]


def test_the_background_of_two_classes_and_ignored_pixels_stay_as_they_are() -> None:
    picture = np.full((3, 5, 3), 100, np.uint8)
    classes = np.array([[0, 0, 1, 1, IGNORE]] * 3, np.uint8)
    shown = overlay(picture, classes, COLORS[:2])
    assert (shown[:, [0, 1, 4]] == 100).all()
    assert (shown[:, [2, 3]] != 100).any()


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_a_picture_is_written_whole(tmp_path: Path, ending: str) -> None:
    picture = np.full((9, 7, 3), (200, 100, 50), np.uint8)
    path = tmp_path / "figures" / f"a{ending}"
    save_picture(path, picture)
    with Image.open(path) as read:
        assert np.abs(np.array(read).astype(int) - picture).max() <= 3
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_picture_where_a_folder_stands_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match=r"a\.png"):
        save_picture(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
