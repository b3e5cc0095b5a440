import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from odc.geo.geobox import GeoBox
from rasterio import Affine

from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.coco import CocoInstances
from mapwright.io.coco_masks import Counts, decode_counts, fill_rings
from mapwright.io.instances import UNCLEAR

SHAPE = (6, 5)
GRID = GeoBox(SHAPE, Affine(1, 0, 0, 0, 1, 0), None)
# made with pycocotools 2.0.11 from the mask below, column by column
TEXT = "0162M0:N"
MASK = np.zeros(SHAPE, int)
MASK[1:4, 1:3] = MASK[5, 4] = MASK[0, 0] = 1
# a rectangle and a bar of 40 x 50 pixels, likewise
LONG = "[6n0:0000000000000000000000000000000000000_6TOka0"


def square(left: float, top: float, right: float, bottom: float) -> list[float]:
    return [left, top, right, top, right, bottom, left, bottom]


def coco(folder: Path, *annotations: dict[str, Any], **changes: Any) -> Path:
    content = {
        "images": [{"id": 7, "file_name": "sub/a.jpg", "height": 6, "width": 5}],
        "categories": [{"id": 3, "name": "ship"}, {"id": 1, "name": "buoy"}],
        "annotations": [
            {"id": 10 + k, "image_id": 7, "category_id": 3, **entry}
            for k, entry in enumerate(annotations)
        ],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def test_compressed_counts_are_those_of_pycocotools() -> None:
    assert decode_counts(TEXT).tolist() == [0, 1, 6, 3, 3, 3, 13, 1]
    mask = np.zeros((40, 50), bool)
    mask[3:33, 5:25] = mask[10:12, 30] = True
    runs = Counts(LONG, (40, 50)).runs()
    assert np.array_equal(np.sort(runs.pixels()), np.flatnonzero(mask))
    assert decode_counts("").tolist() == []


def compress(counts: list[int]) -> str:
    """The other way, number by number as the format's own code does it."""
    text = ""
    for k, count in enumerate(counts):
        left = count - counts[k - 2] if k > 2 else count
        more = True
        while more:
            bits, left = left & 0x1F, left >> 5
            more = left != (-1 if bits & 0x10 else 0)
            text += chr(48 + bits + (0x20 if more else 0))
    return text


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**31 - 1), max_size=12))
def test_counts_come_back_from_their_text(counts: list[int]) -> None:
    assert decode_counts(compress(counts)).tolist() == counts


@settings(deadline=None)
@given(st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda s: arrays.arrays(bool, s)))
def test_a_mask_comes_back_from_its_counts(mask: np.ndarray) -> None:
    flat = np.concatenate([[False], mask.T.ravel(), [not mask[-1, -1]]])
    counts = np.diff(np.flatnonzero(np.diff(flat)), prepend=-0)
    for form in (counts.astype(np.int64), compress(counts.tolist())):
        back = np.zeros(mask.size, bool)
        back[Counts(form, mask.shape).runs().pixels()] = True
        assert (back.reshape(mask.shape) == mask).all()


@pytest.mark.parametrize("text", ["0162M0:", "0162M0:NN", "0162", "/", "p", "ä", "0P", "oooooooo0"])
def test_broken_counts_are_named(text: str) -> None:
    with pytest.raises(ImageFileError, match=r"broken run lengths[\s\S]*a\.json"):
        Counts(text, SHAPE).runs("a.json")


def test_counts_that_end_within_a_number_were_cut_short() -> None:
    for text in ("P", "0P", "0162PP"):
        with pytest.raises(ImageFileError, match="cut short"):
            decode_counts(text)


@pytest.mark.parametrize("counts", [[31], [29], [10, 30, -10], [-1, 31], []])
def test_counts_must_add_up_to_the_image(counts: list[int]) -> None:
    with pytest.raises(ImageFileError, match=r"30 pixels, for 6 rows x 5 columns"):
        Counts(np.array(counts, np.int64), SHAPE).runs()


def test_a_pixel_is_in_a_polygon_when_its_centre_is() -> None:
    assert fill_rings(
        [np.array([[0.4, 0.4], [1.6, 0.4], [1.6, 1.6], [0.4, 1.6]])], SHAPE
    ).tolist() == [
        0,
        1,
        5,
        6,
    ]
    assert fill_rings([np.array([[0.6, 0.6], [1.4, 0.6], [1.4, 1.4], [0.6, 1.4]])], SHAPE).size == 0


def test_a_polygon_is_cut_at_the_border_of_the_image() -> None:
    ring = np.array([[-9.0, 3], [99, 3], [99, 99], [-9, 99]])
    assert fill_rings([ring], SHAPE).tolist() == list(range(15, 30))
    assert fill_rings([ring + 100], SHAPE).size == 0
    assert fill_rings([ring - [0, 200]], SHAPE).size == 0


def test_parts_that_overlap_leave_no_hole(tmp_path: Path) -> None:
    parts = [square(0, 0, 3, 3), square(1, 1, 4, 4)]
    ships = CocoInstances.open(coco(tmp_path, {"segmentation": parts}))
    assert ships.read("a.jpg", GRID).ids[:4, :4].tolist() == [
        [1, 1, 1, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
        [0, 1, 1, 1],
    ]


def test_polygons_and_both_forms_of_counts_give_one_map(tmp_path: Path) -> None:
    counts = {"size": list(SHAPE), "counts": [29, 1]}
    path = coco(
        tmp_path,
        {"segmentation": {"size": list(SHAPE), "counts": TEXT}},
        {"segmentation": counts, "category_id": 1, "iscrowd": 0},
        {"segmentation": [square(0, 4, 2, 6)]},
    )
    ships = CocoInstances.open(path)
    found = ships.read("a", GRID)
    expected = MASK.copy()
    expected[5, 4] = 2  # the smaller one takes the pixel
    expected[4:6, 0:2] = 3
    assert found.ids.tolist() == expected.tolist()
    assert found.classes == ("ship", "buoy", "ship")
    assert ships.class_names == ("ship", "buoy")
    assert (ships.count("a"), ships.listed("a.png"), ships.listed("b")) == (3, True, False)


def test_a_crowd_counts_nowhere_but_hides_no_object(tmp_path: Path) -> None:
    crowd = {"size": list(SHAPE), "counts": [0, 30]}
    path = coco(
        tmp_path, {"segmentation": crowd, "iscrowd": 1}, {"segmentation": [square(1, 1, 3, 3)]}
    )
    ships = CocoInstances.open(path)
    found = ships.read("a", GRID)
    assert (found.classes, ships.count("a")) == (("ship",), 1)
    assert (found.ids == 1).sum() == 4
    assert (found.ids == UNCLEAR).sum() == 26
    labels = found.labels({"ship": 1})
    assert sorted(np.unique(labels).tolist()) == [1, 255]


def test_an_image_without_annotations_is_listed_and_empty(tmp_path: Path) -> None:
    ships = CocoInstances.open(coco(tmp_path))
    assert ships.count("a") == 0
    assert not ships.read("a", GRID).ids.any()
    with pytest.raises(ImageFileError, match=r"nothing is said of the image b\.jpg"):
        ships.read("b.jpg", GRID)


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    ships = CocoInstances.open(coco(tmp_path))
    with pytest.raises(ImageFileError, match=r"is 6 x 5 pixels[\s\S]*5 x 6"):
        ships.read("a", GeoBox((5, 6), Affine(1, 0, 0, 0, 1, 0), None))


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"segmentation": [], "bbox": [0, 0, 2, 2]}, "neither polygons nor run lengths"),
        ({"segmentation": [[0, 0, 1, 1]]}, "neither polygons nor run lengths"),
        ({"segmentation": [[0, 0, 1, 1, 2]]}, "neither polygons nor run lengths"),
        ({"segmentation": [[0, 0, 1, 1, "x", 1]]}, "neither polygons nor run lengths"),
        ({"segmentation": [[0, 0, 1, 1, float("nan"), 1]]}, "neither polygons nor run lengths"),
        ({"segmentation": {"counts": [30]}}, "neither polygons nor run lengths"),
        ({"segmentation": {"counts": ["a"], "size": [6, 5]}}, "neither polygons nor run lengths"),
        ({"segmentation": {"counts": [30], "size": [5, 6]}}, r"a mask of 6 x 5 pixels"),
        ({}, "neither polygons nor run lengths"),
        ({"segmentation": [], "image_id": 8}, "of the image 8, which the file does not hold"),
        ({"segmentation": [], "category_id": 9}, "of the category 9, which the file does not"),
    ],
)
def test_a_broken_annotation_is_named(
    tmp_path: Path, annotation: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message + r"[\s\S]*instances\.json, annotation 10"):
        CocoInstances.open(coco(tmp_path, annotation))


@pytest.mark.parametrize(
    "content", ["", "[1, 2]", "{}", '{"images": [], "annotations": [1], "categories": []}', "\x00"]
)
def test_what_is_no_coco_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DatasetError, match=r"a\.json[\s\S]*a COCO file"):
        CocoInstances.open(tmp_path / "a.json")
    with pytest.raises(DatasetError, match="No such file"):
        CocoInstances.open(tmp_path / "missing.json")


def test_two_images_of_one_stem_are_refused(tmp_path: Path) -> None:
    images = [
        {"id": k, "file_name": name, "height": 6, "width": 5}
        for k, name in enumerate(["x/a.jpg", "y/a.png"])
    ]
    with pytest.raises(DatasetError, match=r"x/a\.jpg and y/a\.png have one stem"):
        CocoInstances.open(coco(tmp_path, images=images))
