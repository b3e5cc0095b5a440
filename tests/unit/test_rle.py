import numpy as np
import pytest

from mapwright.errors import ImageFileError
from mapwright.io.rle import (
    decode_instances,
    decode_mask,
    decode_union,
    encode_instances,
    encode_mask,
    parse_runs,
    require_disjoint,
    text_window,
)
from mapwright.types import Window

SHAPE = (3, 4)  # pixels are numbered 1 4 7 10 / 2 5 8 11 / 3 6 9 12


def test_pixels_are_numbered_from_one_down_the_columns() -> None:
    mask = decode_mask("2 1 4 3", SHAPE)
    assert mask.dtype == bool
    assert mask.astype(int).tolist() == [[0, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]]
    assert encode_mask(mask) == "2 1 4 3"


def test_a_run_goes_on_at_the_top_of_the_next_column() -> None:
    mask = decode_mask("3 2", SHAPE)
    assert np.argwhere(mask).tolist() == [[0, 1], [2, 0]]
    assert encode_mask(mask) == "3 2"
    assert encode_mask(np.ones(SHAPE, bool)) == "1 12"


def test_no_text_is_no_pixel() -> None:
    for text in ("", " ", "\t\n"):
        assert not decode_mask(text, SHAPE).any()
        assert text_window(text, SHAPE) is None
    assert encode_mask(np.zeros(SHAPE, bool)) == ""
    assert encode_instances(np.zeros(SHAPE, np.int32)) == []


def test_the_last_pixel_is_inside() -> None:
    assert np.argwhere(decode_mask("12 1", SHAPE)).tolist() == [[2, 3]]


def test_runs_that_touch_are_one_run_when_written() -> None:
    assert encode_mask(decode_mask("1 2 3 1", SHAPE)) == "1 3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", r"3 values, an odd number"),
        ("1 2.0", r"'2\.0' is no whole number"),
        ("1 a", r"'a' is no whole number"),
        ("1 nan", r"'nan' is no whole number"),
        ("1 -2", r"'-2' is no whole number"),
        ("1,2", r"'1,2' is no whole number"),
        ("1 \u0663", r"is no whole number"),  # a digit, but not one of ours
        ("1 1_0", r"'1_0' is no whole number"),
        ("1\u00a02", r"is no whole number"),  # a space, but not one of ours
        ("0 2", r"run 1 starts at pixel 0"),
        ("1 1 5 0", r"run 2 has a length of 0"),
        ("13 1", r"run 1, pixel 13 and 1 long, goes past the end"),
        ("1 1 12 2", r"run 2, pixel 12 and 2 long, goes past the end"),
        ("9223372036854775807 9223372036854775807", r"goes past the end"),
        ("1 99999999999999999999999999", r"goes past the end"),
        ("2 9223372036854775807", r"goes past the end"),  # start + length is below 0 in 64 bits
        ("4 3 6 1", r"run 2 starts at pixel 6, not after run 1, which ends at 6"),
        ("4 1 1 1", r"run 2 starts at pixel 1, not after run 1, which ends at 4"),
        ("4 1 4 1", r"run 2 starts at pixel 4, not after run 1"),
    ],
)
def test_a_broken_text_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ImageFileError, match=message) as raised:
        decode_mask(text, SHAPE, "ships.csv, line 7, image a.jpg")
    assert raised.value.where == "ships.csv, line 7, image a.jpg"


def test_the_size_of_the_image_is_said_where_a_run_leaves_it() -> None:
    with pytest.raises(ImageFileError, match=r"pixels up to 12, for 3 rows x 4 columns"):
        decode_mask("1 13", SHAPE)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("5 1", Window(1, 1, 1, 1)),
        ("2 1 9 1", Window(1, 0, 2, 3)),
        ("3 2", Window(0, 0, 3, 2)),  # over the end of a column: all rows
        ("4 3", Window(0, 1, 3, 1)),
        ("1 12", Window(0, 0, 3, 4)),
    ],
)
def test_the_window_of_a_text(text: str, window: Window) -> None:
    assert text_window(text, SHAPE) == window


def test_objects_keep_the_order_of_their_texts() -> None:
    ids = decode_instances(["12 1", "1 2", ""], SHAPE)
    assert ids.dtype == np.int32
    assert ids.tolist() == [[2, 0, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1]]
    assert encode_instances(ids) == ["12 1", "1 2"]
    assert (decode_union(["12 1", "1 2"], SHAPE) == (ids > 0)).all()


def test_the_smallest_of_several_objects_takes_a_pixel_in_any_order() -> None:
    large, middle, small = "1 12", "1 3", "2 1"
    ids = decode_instances([large, small, middle], SHAPE)
    assert ids[:, 0].tolist() == [3, 2, 3]
    assert (ids[:, 1:] == 1).all()
    again = decode_instances([small, middle, large], SHAPE)
    assert (again == np.array([0, 3, 1, 2])[ids]).all()


def test_the_first_of_equally_large_objects_takes_a_pixel() -> None:
    assert decode_instances(["1 2", "2 2"], SHAPE)[:, 0].tolist() == [1, 1, 2]
    assert encode_instances(decode_instances(["1 2", "1 2"], SHAPE)) == ["1 2"]


def test_objects_that_overlap_can_be_refused() -> None:
    texts, wheres = ["1 2", "9 2", "2 3"], ["line 2", "line 3", "line 4"]
    assert decode_instances(texts[:2], SHAPE, wheres[:2], disjoint=True).max() == 2
    with pytest.raises(ImageFileError, match=r"overlap[\s\S]*line 4 and line 2"):
        decode_instances(texts, SHAPE, wheres, disjoint=True)
    with pytest.raises(ImageFileError, match=r"object 3 and object 1"):
        decode_instances(texts, SHAPE, disjoint=True)


def test_texts_are_checked_against_each_other_without_a_size() -> None:
    require_disjoint([])
    require_disjoint(["1 3 10 2", "4 6 12 1"])
    for texts in (["1 3", "3 1"], ["1 1 9 1", "5 5"], ["2 1", "2 1"]):
        with pytest.raises(ImageFileError, match="overlap"):
            require_disjoint(texts)
    with pytest.raises(ImageFileError, match="without a pixel"):
        require_disjoint(["1 3", ""])


def test_numbers_of_objects_may_have_gaps_and_any_type() -> None:
    ids = np.array([[0, 7], [900, 7]], np.uint16)
    assert encode_instances(ids) == ["3 2", "2 1"]
    assert encode_instances(np.array([[-1, 5]], np.int64)) == ["2 1"]


def test_one_object_ends_where_the_next_begins() -> None:
    assert encode_instances(np.array([[2, 1], [2, 1]])) == ["3 2", "1 2"]
    assert encode_instances(np.array([[1, 2]])) == ["1 1", "2 1"]


def test_a_map_need_not_lie_row_by_row_in_memory() -> None:
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    assert encode_mask(np.asfortranarray(mask)) == encode_mask(mask)
    assert encode_mask(np.repeat(mask, 2, axis=1)[:, ::2]) == encode_mask(mask)


def test_an_image_may_be_one_pixel() -> None:
    assert decode_mask("1 1", (1, 1)).tolist() == [[True]]
    with pytest.raises(ImageFileError):
        parse_runs("2 1", (1, 1))
