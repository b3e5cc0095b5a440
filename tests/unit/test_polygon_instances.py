import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from rasterio import Affine
from rasterio.warp import transform as warp

from mapwright.errors import DatasetError, ImageFileError
from mapwright.io.polygon_instances import PolygonInstances

UTM = "EPSG:32633"
GRID = GeoBox((6, 8), Affine(10, 0, 500_000, 0, -10, 5_000_060), UTM)


def ring(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    """Pixels of `GRID`, x right and y down, as a closed ring on the ground."""
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return [(500_000 + 10 * x, 5_000_060 - 10 * y) for x, y in corners]


def write(path: Path, *shapes: Any, crs: str | None = UTM, **properties: list[Any]) -> Path:
    features = []
    for k, shape in enumerate(shapes):
        kind = "MultiPolygon" if isinstance(shape[0][0], list) else "Polygon"
        features.append(
            {
                "type": "Feature",
                "properties": {key: values[k] for key, values in properties.items()},
                "geometry": {"type": kind, "coordinates": shape},
            }
        )
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        name = "urn:ogc:def:crs:" + crs.replace(":", "::")
        content["crs"] = {"type": "name", "properties": {"name": name}}
    path.write_text(json.dumps(content))
    return path


def test_the_smallest_polygon_takes_a_pixel_and_numbers_are_without_gaps(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.geojson",
        [ring(2, 2, 4, 4)],
        [ring(0, 0, 8, 6)],
        [ring(90, 0, 91, 1)],  # not on the grid
        [ring(3, 3, 5, 5)],  # as large as the first
        kind=["hut", "yard", "far", "hut"],
    )
    source = PolygonInstances(path, "kind")
    found = source.read("a", GRID)
    assert sorted(np.unique(found.ids)) == [1, 2, 3]
    kinds = np.array(["", *found.classes])[found.ids]
    assert kinds[0, 0] == "yard"
    assert (kinds == "hut").sum() == 7
    first = found.ids[2, 2]
    assert found.ids[3, 3] == first != found.ids[4, 4]
    assert source.class_names == ("far", "hut", "yard")


def test_holes_stay_open_and_parts_are_one_object(tmp_path: Path) -> None:
    hole = [ring(0, 0, 4, 4), ring(1, 1, 3, 3)]
    parts = [[ring(5, 0, 6, 1)], [ring(7, 5, 8, 6)]]
    found = PolygonInstances(write(tmp_path / "a.geojson", hole, parts)).read("a", GRID)
    assert len(found.classes) == 2
    assert not found.ids[1:3, 1:3].any()
    assert found.ids[0, 5] == found.ids[5, 7] > 0
    assert (found.ids > 0).sum() == 12 + 2


def test_polygons_in_degrees_are_brought_to_the_grid(tmp_path: Path) -> None:
    corners = ring(2, 1, 6, 5)
    xs, ys = zip(*corners, strict=True)
    lon, lat = warp(UTM, "EPSG:4326", xs, ys)
    path = write(tmp_path / "a.geojson", [list(zip(lon, lat, strict=True))], crs=None)
    ids = PolygonInstances(path).read("a", GRID).ids
    expected = np.zeros(GRID.shape, int)
    expected[1:5, 2:6] = 1
    assert ids.tolist() == expected.tolist()


def test_a_rotated_grid_gets_its_own_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", [ring(1, 1, 3, 4)])
    # a quarter turn: rows run to the east, columns to the north
    turned = GeoBox((8, 6), Affine(0, 10, 500_000, 10, 0, 5_000_000), UTM)
    ids = PolygonInstances(path).read("a", turned).ids
    assert ids.tolist() == PolygonInstances(path).read("a", GRID).ids[::-1].T.tolist()


def test_an_image_that_lies_elsewhere_has_no_object(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", [ring(0, 0, 8, 6)])
    far = GeoBox((6, 8), Affine(10, 0, 700_000, 0, -10, 5_500_000), UTM)
    found = PolygonInstances(path).read("a", far)
    assert (found.ids.any(), found.classes) == (False, ())
    assert (PolygonInstances(path).read("a", GRID).ids == 1).all()  # not a pixel outside


def test_one_file_for_each_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", [ring(0, 0, 1, 1)])
    source = PolygonInstances({"a": path})
    assert source.listed("a.tif")
    assert not source.listed("b.tif")
    assert source.read("a.tif", GRID).ids.sum() == 1
    with pytest.raises(ImageFileError, match=r"nothing is said of the image b\.tif"):
        source.read("b.tif", GRID)


def test_a_file_that_is_written_again_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", [ring(0, 0, 1, 1)])
    source = PolygonInstances(path)
    assert source.read("a", GRID).ids.sum() == 1
    write(path, [ring(0, 0, 2, 2)])
    os.utime(path, ns=(1, 1))
    assert source.read("a", GRID).ids.sum() == 4


def test_a_polygon_without_a_class_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", [ring(0, 0, 1, 1)], [ring(1, 1, 2, 2)], kind=[2, None])
    with pytest.raises(DatasetError, match=r"a polygon without a class[\s\S]*a\.geojson"):
        PolygonInstances(path, "kind").read("a", GRID)
    whole = write(tmp_path / "b.geojson", [ring(0, 0, 1, 1)], [ring(1, 1, 2, 2)], kind=[2, 1.5])
    assert PolygonInstances(whole, "kind").class_names == ("1.5", "2")


def test_a_grid_without_a_place_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.geojson", [ring(0, 0, 1, 1)])
    with pytest.raises(ImageFileError, match="CRS"):
        PolygonInstances(path).read("a", GeoBox((6, 8), Affine(1, 0, 0, 0, 1, 0), None))
