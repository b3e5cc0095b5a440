import json
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from rasterio import Affine

from mapwright.errors import ImageFileError
from mapwright.io.coco import CocoInstances
from mapwright.io.instances import UNCLEAR, InstanceMap, Instances, stem_of
from mapwright.io.polygon_instances import PolygonInstances
from mapwright.io.run_table import RunTable
from mapwright.types import IGNORE


def test_classes_become_labels() -> None:
    ids = np.array([[0, 1, 2], [3, UNCLEAR, 1]], np.int32)
    found = InstanceMap(ids, ("ship", "buoy", "ship"))
    labels = found.labels({"buoy": 1, "ship": 2})
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 2, 1], [2, IGNORE, 2]]
    with pytest.raises(ImageFileError, match=r"'buoy', which is not declared[\s\S]*one of ship"):
        found.labels({"ship": 1})


def test_labels_of_an_image_without_objects() -> None:
    empty = InstanceMap(np.zeros((2, 3), np.int32), ())
    assert empty.labels({"ship": 1}).tolist() == [[0] * 3] * 2


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.jpg", "a"), ("x/y/a.TIF", "a"), ("a", "a"), ("a.b.png", "a.b"), ("a.b", "a.b")],
)
def test_stems(name: str, stem: str) -> None:
    assert stem_of(name) == stem


def test_all_sources_come_through_one_door(tmp_path: Path) -> None:
    """The same two rectangles as run lengths, COCO and GeoJSON give the same map."""
    shape, crs = (8, 10), "EPSG:32633"
    place = GeoBox(shape, Affine(2, 0, 500_000, 0, -2, 6_000_000), crs)
    ids = np.zeros(shape, np.int32)
    ids[1:4, 2:5], ids[5:8, 4:10] = 1, 2
    (tmp_path / "a.csv").write_text(
        "ImageId,EncodedPixels,Class\na.tif,18 3 26 3 34 3,boat\n"
        "a.tif,38 3 46 3 54 3 62 3 70 3 78 3,ship\n"
    )
    corners = [[(2, 1), (5, 1), (5, 4), (2, 4)], [(4, 5), (10, 5), (10, 8), (4, 8)]]
    rings = [[number for corner in ring for number in corner] for ring in corners]
    content = {
        "images": [{"id": 1, "file_name": "a.tif", "height": 8, "width": 10}],
        "categories": [{"id": 1, "name": "boat"}, {"id": 2, "name": "ship"}],
        "annotations": [
            {"id": k, "image_id": 1, "category_id": k, "segmentation": [ring]}
            for k, ring in enumerate(rings, start=1)
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    features = [
        {
            "type": "Feature",
            "properties": {"kind": kind},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [(500_000 + 2 * x, 6_000_000 - 2 * y) for x, y in [*ring, ring[0]]]
                ],
            },
        }
        for ring, kind in zip(corners, ["boat", "ship"], strict=True)
    ]
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    collection = {"type": "FeatureCollection", "crs": named, "features": features}
    (tmp_path / "a.geojson").write_text(json.dumps(collection))
    sources: list[Instances] = [
        RunTable.open(tmp_path / "a.csv"),
        CocoInstances.open(tmp_path / "a.json"),
        PolygonInstances(tmp_path / "a.geojson", "kind"),
    ]
    for source in sources:
        assert source.listed("a.tif")
        assert sorted(source.class_names) == ["boat", "ship"]
        found = source.read("a.tif", place)
        kinds = np.array(["", *found.classes])[found.ids]
        assert (kinds == np.array(["", "boat", "ship"])[ids]).all()
        assert found.ids.dtype == np.int32
