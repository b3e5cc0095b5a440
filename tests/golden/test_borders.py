"""Where objects touch, by hand."""

import numpy as np
import pytest

from mapwright.data.borders import border_of, touching


def ids(*rows: str) -> np.ndarray:
    """A map of objects from rows of digits, `.` for none and `?` for what counts nowhere."""
    return np.array(
        [[{".": 0, "?": -1}.get(c, ord(c) - 48) for c in row] for row in rows], np.int32
    )


def drawn(border: np.ndarray) -> list[str]:
    return ["".join("#" if here else "." for here in row) for row in border]


def test_two_boxes_that_share_an_edge() -> None:
    found = ids("........", "........", ".111222.", ".111222.", ".111222.", "........", "........")
    # one pixel on either side, and the ends of the edge, from where both are seen two pixels away
    assert drawn(border_of(found, 1)) == [
        "..####..",
        "..####..",
        "...##...",
        "...##...",
        "...##...",
        "..####..",
        "..####..",
    ]
    assert drawn(border_of(found, 2))[2:5] == ["..####.."] * 3
    assert touching(found) == 2


@pytest.mark.parametrize(
    ("row", "expected", "near"),
    [
        ("11122", "..##.", 2),
        ("111.22", "...#..", 2),  # the gap alone: from an object the other is two pixels away
        ("111..22", "...##..", 0),
        ("111...22", "....#...", 0),  # two pixels from either
        ("111....22", ".........", 0),
    ],
)
def test_the_wider_a_gap_the_narrower_what_is_left_of_the_border(
    row: str, expected: str, near: int
) -> None:
    assert drawn(border_of(ids(row), 1)) == [expected]
    assert touching(ids(row)) == near


def test_boxes_that_meet_in_a_corner() -> None:
    found = ids("11....", "11....", "..22..", "..22..", "......")
    assert drawn(border_of(found, 1)) == [
        "..##..",
        ".###..",
        "###...",
        "##....",
        "......",
    ]
    assert touching(found) == 2


def test_three_that_meet_in_one_place() -> None:
    found = ids("111222", "111222", "333333", "333333")
    assert drawn(border_of(found, 1)) == ["..##..", "######", "######", "......"]
    assert touching(found) == 3


def test_the_edge_of_the_image_is_no_border() -> None:
    found = ids("1112", "1112")
    assert drawn(border_of(found, 1)) == ["..##", "..##"]
    assert not border_of(ids("1111", "1111"), 3).any()


def test_objects_of_one_pixel_are_all_border() -> None:
    assert drawn(border_of(ids("12"), 1)) == ["##"]
    assert drawn(border_of(ids("1.2"), 1)) == [".#."]
    assert drawn(border_of(ids("1"), 1)) == ["."]
    assert drawn(border_of(ids("123456789"), 1)) == ["#########"]


def test_what_counts_nowhere_is_no_object() -> None:
    assert drawn(border_of(ids("11??22"), 1)) == ["..##.."]
    assert not border_of(ids("1?", "??"), 2).any()
    assert touching(ids("1?")) == 0


def test_one_object_in_two_pieces_does_not_touch_itself() -> None:
    assert not border_of(ids("11.11"), 1).any()
    assert drawn(border_of(ids("11211"), 1)) == [".###."]
    assert touching(ids("11.11")) == 0


def test_no_object_no_border() -> None:
    for shape in ((0, 0), (0, 4), (3, 0), (1, 1), (5, 7)):
        assert border_of(np.zeros(shape, np.int32), 2).shape == shape
        assert not border_of(np.zeros(shape, np.int32), 2).any()
        assert touching(np.zeros(shape, np.int32)) == 0


def test_numbers_say_nothing_but_which_is_which() -> None:
    found = ids("1122", "1133")
    other = np.array([0, 70_000, 2**31 - 2, 5], np.int32)[found]
    assert drawn(border_of(other, 1)) == drawn(border_of(found, 1)) == [".###", ".###"]
