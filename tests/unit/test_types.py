import numpy as np
import pytest

from mapwright.errors import DatasetError, MapwrightError
from mapwright.types import Window


def test_a_window_inside_is_a_plain_slice() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    window = Window(1, 1, 2, 3)
    np.testing.assert_array_equal(window.cut(array, -1), array[:, 1:3, 1:4])
    np.testing.assert_array_equal(array[0][window.slices], array[0, 1:3, 1:4])


def test_what_reaches_over_the_border_is_filled() -> None:
    cut = Window(-1, 1, 3, 3).cut(np.array([[1, 2], [3, 4]]), 9)
    np.testing.assert_array_equal(cut, [[9, 9, 9], [2, 9, 9], [4, 9, 9]])


@pytest.mark.parametrize(("row", "col"), [(-9, 0), (0, -9), (5, 0), (0, 5), (-3, 0), (3, 0)])
def test_a_window_beside_the_image_holds_only_filling(row: int, col: int) -> None:
    window = Window(row, col, 3, 3)
    np.testing.assert_array_equal(window.cut(np.ones((3, 3)), np.nan), np.full((3, 3), np.nan))
    inside = window.clip(3, 3)
    assert inside.height * inside.width == 0
    assert min(inside.height, inside.width) == 0


def test_a_larger_window_holds_the_whole_image_of_one_pixel() -> None:
    cut = Window(-2, -2, 5, 5).cut(np.array([[7]], np.uint8), 255)
    assert cut.dtype == np.uint8
    assert cut[2, 2] == 7
    assert (cut == 255).sum() == 24


def test_clip_keeps_what_lies_inside() -> None:
    assert Window(-2, 3, 5, 10).clip(4, 8) == Window(0, 3, 3, 5)
    assert Window(1, 1, 2, 2).clip(4, 8) == Window(1, 1, 2, 2)


def test_cut_copies_and_leaves_the_array_alone() -> None:
    array = np.zeros((2, 2))
    Window(0, 0, 2, 2).cut(array, 0)[:] = 5
    assert not array.any()


def test_an_error_says_what_where_expected_and_what_to_do() -> None:
    error = DatasetError("no image", where="a/b", expected="a .tif", fix="add one")
    assert isinstance(error, MapwrightError)
    assert (error.what, error.where, error.fix) == ("no image", "a/b", "add one")
    assert str(error).splitlines() == [
        "no image",
        "  where: a/b",
        "  expected: a .tif",
        "  what to do: add one",
    ]


def test_an_error_leaves_out_what_it_does_not_know() -> None:
    assert str(MapwrightError("broken", fix="mend it")) == "broken\n  what to do: mend it"
    assert "where: 0" in str(MapwrightError("broken", where=0))
