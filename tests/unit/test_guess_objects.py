"""Folders whose masks are lists of objects: COCO files, polygons, tables of run lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import Affine, write_png, write_tiff
from mapwright.data.describe import describe, open_dataset
from mapwright.data.layouts import find_layout
from mapwright.data.truth import true_objects
from mapwright.errors import DatasetError

SIZE = 60


def images(folder: Path, stems: str = "abc") -> None:
    rng = np.random.default_rng(0)
    for stem in stems:
        write_png(folder / f"{stem}.jpg", rng.integers(0, 255, (3, SIZE, SIZE), np.uint8))


def square(left: float, top: float, side: float = 5) -> list[float]:
    right, bottom = left + side, top + side
    return [left, top, right, top, right, bottom, left, bottom]


def coco(
    path: Path, stems: str = "abc", kinds: tuple[str, ...] = ("ship",), **changes: Any
) -> Path:
    """Two objects side by side on each image but the last, of each kind in turn."""
    annotations = []
    for number, _ in enumerate(stems[:-1]):
        for k in range(2):
            annotations.append(
                {
                    "id": len(annotations), "image_id": number,
                    "category_id": 1 + len(annotations) % len(kinds),
                    "segmentation": [square(10 + 5 * k, 20)],
                }
            )  # fmt: skip
    content = {
        "info": {},
        "images": [
            {"id": k, "file_name": f"train/{stem}.jpg", "height": SIZE, "width": SIZE}
            for k, stem in enumerate(stems)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(("none", *kinds))],
        "annotations": annotations,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def geojson(path: Path, *rings: list[float], crs: str | None = None) -> Path:
    features = [
        {
            "type": "Feature", "properties": {},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[*ring[k : k + 2]] for k in (0, 2, 4, 6, 0)]],
            },
        }
        for ring in rings
    ]  # fmt: skip
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


# --- COCO --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["annotations/instances_train.json", "_annotations.coco.json"])
def test_a_coco_file_and_its_images_are_a_data_folder(tmp_path: Path, place: str) -> None:
    images(tmp_path / "images")
    coco(tmp_path / place)
    dataset = open_dataset(tmp_path)
    assert dataset.spec.mask.source == f"coco:{place}"
    assert (dataset.spec.images, dataset.spec.masks) == ("images/*.jpg", None)
    assert dataset.spec.class_names == ("background", "ship")
    assert dataset.spec.counted == 1
    assert "3 of its images are there" in dataset.reasons["mask.source"]
    assert "without an object: none" in dataset.reasons["classes"]
    first, _, last = dataset.labelled
    assert true_objects(dataset, first, 1).max() == 2  # they touch, and stay two
    assert (dataset.read_mask(first) == 1).sum() == 50
    assert not (dataset.read_mask(last) == 1).any()


def test_of_several_kinds_none_is_counted_and_the_reason_says_how(tmp_path: Path) -> None:
    images(tmp_path / "images")
    coco(tmp_path / "annotations" / "all.json", kinds=("ship", "background", "buoy"))
    told = describe(tmp_path)
    assert told.spec.class_names == ("no object", "ship", "background", "buoy")
    assert [entry.values for entry in told.spec.classes] == [(0,), (1,), (2,), (3,)]
    assert told.spec.counted is None
    assert "objects = true" in told.reasons["classes"]
    assert len({entry.color for entry in told.spec.classes}) == 4


def test_of_several_coco_files_the_one_with_most_images_is_taken(tmp_path: Path) -> None:
    images(tmp_path / "train", "abcd")
    images(tmp_path / "val", "xy")
    coco(tmp_path / "annotations" / "a_val.json", "xy")
    coco(tmp_path / "annotations" / "train.json", "abcd")
    layout, reasons = find_layout(tmp_path)
    assert (layout.images, layout.source) == ("train/*.jpg", "coco:annotations/train.json")
    assert "a_val.json" in reasons["mask.source"]


def test_a_broken_coco_file_is_named(tmp_path: Path) -> None:
    images(tmp_path / "images")
    path = coco(tmp_path / "annotations" / "train.json")
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DatasetError) as caught:
        describe(tmp_path)
    assert str(path) in str(caught.value)


def test_a_coco_file_without_an_object_is_refused(tmp_path: Path) -> None:
    images(tmp_path / "images")
    coco(tmp_path / "train.json", annotations=[])
    with pytest.raises(DatasetError, match="lists no object"):
        describe(tmp_path)


def test_other_json_is_no_coco_file(tmp_path: Path) -> None:
    images(tmp_path / "images")
    (tmp_path / "notes.json").write_text('{"images": 3, "annotations": "none"}')
    coco(tmp_path / "elsewhere.json", "xyz")
    with pytest.raises(DatasetError, match="no masks found"):
        find_layout(tmp_path)


def test_raster_masks_win_over_a_coco_file(tmp_path: Path) -> None:
    images(tmp_path / "images")
    for stem in "abc":
        write_png(tmp_path / "masks" / f"{stem}.png", np.eye(SIZE, dtype=np.uint8))
    coco(tmp_path / "instances.json")
    assert find_layout(tmp_path)[0].source == "file"


# --- polygons ----------------------------------------------------------------------------------


def test_small_polygons_on_pictures_are_objects_outlined_in_pixels(tmp_path: Path) -> None:
    images(tmp_path / "images")
    for number, stem in enumerate("abc"):
        geojson(tmp_path / "labels" / f"{stem}.geojson", square(10, 20), square(15, 20 + number))
    dataset = open_dataset(tmp_path)
    assert dataset.spec.mask.source == "polygons"
    assert dataset.spec.counted == 1
    assert "taken for objects" in dataset.reasons["classes"]
    assert "columns and rows" in dataset.reasons["masks"]
    labels = dataset.read_mask(dataset.labelled[0])
    assert (labels[20:25, 10:20] == 1).all()
    assert (labels == 1).sum() == 50
    assert true_objects(dataset, dataset.labelled[0], 1).max() == 2


def test_degrees_on_a_picture_without_a_place_are_still_refused(tmp_path: Path) -> None:
    from mapwright.errors import ImageFileError

    images(tmp_path / "images")
    for stem in "abc":
        geojson(tmp_path / "labels" / f"{stem}.geojson", square(10.1, 55.3, 0.001))
    dataset = open_dataset(tmp_path)
    assert dataset.spec.counted is None
    with pytest.raises(ImageFileError, match="have a CRS and the image has none"):
        dataset.read_mask(dataset.labelled[0])


def test_polygons_that_share_the_land_among_them_are_patches(tmp_path: Path) -> None:
    for number, stem in enumerate("abc"):
        place = Affine(10, 0, 5e5 + 1000 * number, 0, -10, 6e6)
        pixels = np.random.default_rng(number).integers(0, 255, (3, SIZE, SIZE), np.uint8)
        write_tiff(tmp_path / "images" / f"{stem}.tif", pixels, crs="EPSG:32633", transform=place)
    fields = [square(5e5 + 1000 * k, 6e6 - 600, 300) for k in range(3)]
    geojson(tmp_path / "fields.geojson", *fields, crs="urn:ogc:def:crs:EPSG::32633")
    told = describe(tmp_path)
    assert told.spec.counted is None
    assert "objects = true" in told.reasons["classes"]
    assert "columns and rows" not in told.reasons["masks"]
    houses = [square(5e5 + 1000 * k + 40 * n, 6e6 - 600, 30) for k in range(3) for n in range(9)]
    geojson(tmp_path / "fields.geojson", *houses, crs="urn:ogc:def:crs:EPSG::32633")
    assert describe(tmp_path).spec.counted == 1


def test_polygons_that_can_not_be_read_are_left_to_the_check(tmp_path: Path) -> None:
    images(tmp_path / "images")
    (tmp_path / "all.geojson").write_text("{}")
    told = describe(tmp_path)
    assert told.spec.mask.source == "polygons"
    assert told.spec.counted is None


# --- run lengths -------------------------------------------------------------------------------


def test_a_submission_is_no_truth_however_large(tmp_path: Path) -> None:
    images(tmp_path / "train_v2", "abc")
    images(tmp_path / "test_v2", "xyz")
    head = "ImageId,EncodedPixels\n"
    (tmp_path / "train.csv").write_text(head + "a.jpg,1 2\nb.jpg,\nc.jpg,3 4\n")
    rows = "".join(f"{stem}.jpg,1 {n}\n" for n in range(1, 50) for stem in "xyz")
    (tmp_path / "sample_submission_v2.csv").write_text(head + rows)
    layout, _ = find_layout(tmp_path)
    assert (layout.images, layout.source) == ("train_v2/*.jpg", "rle:train.csv")


@pytest.mark.parametrize(
    ("folder", "table", "thing", "after"),
    [
        ("airbus", "train_ship_segmentations_v2.csv", "ship", "table"),
        ("train", "solar-panels.csv", "foreground", "folder"),  # two words: which of them?
        ("ponds", "train.csv", "pond", "folder"),
        ("train", "masks_rle.csv", "foreground", "folder"),
    ],
)
def test_what_a_table_lists_is_named_by_the_table_else_by_the_folder(
    tmp_path: Path, folder: str, table: str, thing: str, after: str
) -> None:
    root = tmp_path / folder
    images(root / "images")
    rows = "ImageId,EncodedPixels\na.jpg,1 2\nb.jpg,\nc.jpg,3 4\n"
    (root / table).write_text(rows)
    dataset = open_dataset(root)
    assert dataset.spec.class_names == ("background", thing)
    assert f"named after the {after}" in dataset.reasons["classes"]
