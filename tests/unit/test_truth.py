"""True objects come from the file where it lists them, else from the masks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from rasterio import Affine

from builders import make_spec, write_png, write_tiff
from mapwright.data.dataset import Dataset
from mapwright.data.truth import true_objects, truth_words
from mapwright.data.write_spec import to_toml
from mapwright.errors import DatasetError, SettingError
from mapwright.io.run_table import RunTable
from mapwright.types import IGNORE, Window

PLACE = Affine(10, 0, 5e5, 0, -10, 6e6)


def dataset(root: Path, *classes: Any, side: int = 6, **changes: Any) -> Dataset:
    pixels = np.full((3, side, side), 7, np.uint8)
    path = root / "images" / "a.tif"
    write_tiff(path, pixels, crs="EPSG:32633", transform=PLACE, photometric="minisblack")
    return Dataset(root, make_spec(*classes, **{"images": "images/*.tif", **changes}))


def listed(root: Path, *rows: str) -> Dataset:
    (root / "runs.csv").write_text(
        "ImageId,EncodedPixels\n" + "".join(f"a.tif,{r}\n" for r in rows)
    )
    return dataset(root, (0,), (1,), masks=None, mask={"source": "rle:runs.csv"})


def test_ships_that_touch_stay_two_where_the_table_says_so(tmp_path: Path) -> None:
    data = listed(tmp_path, "1 12", "13 12")  # the two left columns, and the next two
    ids = true_objects(data, data.labelled[0], 1)
    assert ids.dtype == np.int32
    assert ids.tolist() == [[1, 1, 2, 2, 0, 0]] * 6
    assert "touch" in truth_words(data.spec)


def test_a_part_of_an_image_cuts_objects_off(tmp_path: Path) -> None:
    data = listed(tmp_path, "1 12", "13 12")
    part = data.labelled[0].part(Window(2, 1, 3, 2))
    assert true_objects(data, part, 1).tolist() == [[1, 2]] * 3


def test_an_image_without_objects_has_none(tmp_path: Path) -> None:
    data = listed(tmp_path, "")
    assert not true_objects(data, data.labelled[0], 1).any()
    assert data.read_mask(data.labelled[0]).tolist() == [[0] * 6] * 6


def test_rasters_have_connected_components_and_what_is_unlabelled_counts_nowhere(
    tmp_path: Path,
) -> None:
    mask = np.zeros((6, 6), np.uint8)
    mask[0, 0] = mask[1, 1] = mask[4, 4:] = 255  # the first two touch at a corner
    mask[3, 0] = 9
    mask[5, 5] = 80
    write_png(tmp_path / "masks" / "a.png", mask)
    data = dataset(tmp_path, (0,), (255,), (80,), mask={"ignore": [9]}, masks="masks/*.png")
    ids = true_objects(data, data.labelled[0], 1)
    assert ids[0, 0] == ids[1, 1] == 1
    assert ids[4, 4] == ids[4, 5] == 2
    assert ids[3, 0] == -1
    assert (ids != 0).sum() == 5
    assert (true_objects(data, data.labelled[0], 2) == 1).sum() == 1
    assert "components" in truth_words(data.spec)


def test_polygons_are_objects_of_their_class(tmp_path: Path) -> None:
    def square(left: float, side: float, kind: str) -> dict[str, Any]:
        x, y = 5e5 + left, 6e6
        ring = [[x, y], [x + side, y], [x + side, y - side], [x, y - side], [x, y]]
        shape = {"type": "Polygon", "coordinates": [ring]}
        return {"type": "Feature", "properties": {"kind": kind}, "geometry": shape}

    features = [square(0, 20, "class 1"), square(20, 20, "1"), square(40, 20, "class 2")]
    name = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    text = {"type": "FeatureCollection", "crs": name, "features": features}
    (tmp_path / "a.geojson").write_text(json.dumps(text))
    data = dataset(
        tmp_path, (0,), (1,), (2,), masks="a.geojson",
        mask={"source": "polygons", "attribute": "kind"},
    )  # fmt: skip
    row = true_objects(data, data.labelled[0], 1)[0]
    assert row[0] == row[1] > 0 and row[2] == row[3] > 0 and row[0] != row[2]
    assert not row[4:].any()
    assert (true_objects(data, data.labelled[0], 2)[0] > 0).tolist() == [False] * 4 + [True] * 2
    part = data.labelled[0].part(Window(0, 1, 2, 3))
    assert len(np.unique(true_objects(data, part, 1))) == 2


def coco(root: Path, *annotations: dict[str, Any], kind: str = "class 1") -> Dataset:
    content = {
        "images": [{"id": 7, "file_name": "a.tif", "height": 6, "width": 6}],
        "categories": [{"id": 3, "name": kind}],
        "annotations": [
            {"id": k, "image_id": 7, "category_id": 3, **entry}
            for k, entry in enumerate(annotations)
        ],
    }
    (root / "all.json").write_text(json.dumps(content))
    return dataset(root, (0,), (4,), masks=None, mask={"source": "coco:all.json"})


def rectangle(left: int, right: int, **more: Any) -> dict[str, Any]:
    return {"segmentation": [[left, 0, right, 0, right, 6, left, 6]], **more}


def test_coco_files_are_masks_of_objects_and_crowds_count_nowhere(tmp_path: Path) -> None:
    data = coco(tmp_path, rectangle(0, 2), rectangle(2, 4), rectangle(5, 6, iscrowd=1))
    item = data.labelled[0]
    assert data.read_mask(item)[0].tolist() == [1, 1, 1, 1, 0, IGNORE]
    assert true_objects(data, item, 1)[0].tolist() == [1, 1, 2, 2, 0, -1]
    assert data.mask_digest(item)
    assert data.read_mask(item.part(Window(0, 4, 2, 2))).tolist() == [[0, IGNORE]] * 2


def test_a_category_that_is_no_class_is_named(tmp_path: Path) -> None:
    data = coco(tmp_path, rectangle(0, 2), kind="harbour")
    with pytest.raises(DatasetError, match=r"category 'harbour'[\s\S]*class 1"):
        data.read_mask(data.labelled[0])


def classes(*counted: bool) -> list[dict[str, Any]]:
    return [
        {"name": f"c{k}", "values": [k], "color": "#000000", "objects": yes}
        for k, yes in enumerate(counted)
    ]


def test_a_description_says_whose_objects_are_counted() -> None:
    assert make_spec().counted is None
    spec = make_spec(classes=classes(False, False, True))
    assert spec.counted == 2
    assert to_toml(spec, {}).count("objects = true") == 1


@pytest.mark.parametrize(
    ("counted", "message"),
    [((True, False), "first class"), ((False, True, True), "c1 and c2: one class")],
)
def test_what_can_not_be_counted_is_refused(counted: tuple[bool, ...], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make_spec(classes=classes(*counted))


def test_the_table_and_the_mask_agree(tmp_path: Path) -> None:
    data = listed(tmp_path, "1 3", "8 2 14 2", "36 1")
    item = data.labelled[0]
    grid = GeoBox((6, 6), Affine.identity(), None)
    whole = RunTable.open(tmp_path / "runs.csv").read("a", grid).ids
    assert (true_objects(data, item, 1) == whole).all()
    assert ((data.read_mask(item) == 1) == (whole > 0)).all()
