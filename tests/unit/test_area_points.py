"""Reference points from files of any kind."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyproj import Transformer
from rasterio import Affine

from area_maps import PLACE, points_on, some_map, write_csv
from builders import write_tiff
from mapwright.areas.assess import area
from mapwright.areas.result import Areas
from mapwright.errors import DatasetError, SettingError


def reference(tmp_path: Path) -> tuple[Path, Areas, np.ndarray, np.ndarray, list[str]]:
    """A map, what a plain .csv of points gives, and the points themselves."""
    path = some_map(tmp_path / "map.tif")
    rng = np.random.default_rng(3)
    rows, cols = rng.integers(0, 60, 150), rng.integers(10, 50, 150)
    wrong = rng.random(150) < 0.2
    labels = np.array(["1", "2", "7"])[np.where(wrong, rng.integers(0, 3, 150), rows // 20)]
    areas = area(path, points_on(tmp_path / "plain.csv", rows, cols, labels.tolist()))
    x, y = PLACE.c + (cols + 0.5) * 10, PLACE.f - (rows + 0.5) * 10
    return path, areas, x, y, labels.tolist()


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857", "EPSG:25832"])
@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".shp"])
def test_vector_files_in_any_crs_give_the_same_as_a_table(
    tmp_path: Path, ending: str, crs: str
) -> None:
    import pyogrio
    import shapely

    path, expected, x, y, labels = reference(tmp_path)
    there = Transformer.from_crs("EPSG:32633", crs, always_xy=True).transform(x, y)
    if ending == ".geojson" and crs != "EPSG:4326":
        return
    file = tmp_path / f"points{ending}"
    pyogrio.raw.write(
        file,
        shapely.to_wkb(shapely.points(*there)),
        [np.array([int(label) for label in labels])],
        ["Label"],
        geometry_type="Point",
        crs=crs,
    )
    found = area(path, file)
    assert found.counts == expected.counts
    assert [e.estimated for e in found.classes] == [e.estimated for e in expected.classes]


def test_lon_and_lat_of_a_european_spreadsheet_are_understood(tmp_path: Path) -> None:
    path, expected, x, y, labels = reference(tmp_path)
    lon, lat = Transformer.from_crs("EPSG:32633", 4326, always_xy=True).transform(x, y)
    lines = ["﻿Lon;Lat;Klasse"]
    for a, b, label in zip(lon, lat, labels, strict=True):
        lines.append(f"{a:.8f};{b:.8f};{label}".replace(".", ","))
    file = tmp_path / "punkter.csv"
    file.write_text("\r\n".join(lines), encoding="utf-8")
    assert area(path, file, column="Klasse").counts == expected.counts


def test_the_crs_of_a_table_can_be_said(tmp_path: Path) -> None:
    path, expected, x, y, labels = reference(tmp_path)
    there = Transformer.from_crs("EPSG:32633", 3857, always_xy=True).transform(x, y)
    rows = [list(row) for row in zip(*there, labels, strict=True)]
    file = write_csv(tmp_path / "p.csv", "X,Y,Reference", rows)
    assert area(path, file, crs="EPSG:3857").counts == expected.counts
    with pytest.raises(SettingError, match="not known"):
        area(path, file, crs="EPSG:nothing")


def test_a_longitude_beyond_180_is_the_same_place(tmp_path: Path) -> None:
    values = np.array([[1, 1, 1, 2, 2, 2]], np.uint8)
    place = Affine(1, 0, 177, 0, -1, -17)
    path = write_tiff(tmp_path / "fiji.tif", values, crs="EPSG:4326", transform=place)
    rows = [[177.5, -17.5, 1], [178.5, -17.5, 1], [-179.5, -17.5, 2], [-178.5, -17.5, 2]]
    areas = area(path, write_csv(tmp_path / "p.csv", "lon,lat,class", rows))
    assert areas.counts == [[2, 0], [0, 2]]
    assert not areas.left_out


def test_points_in_pixels_serve_a_map_without_a_crs(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    Image.fromarray(np.array([[0, 0, 3], [0, 3, 3]], np.uint8)).save(path)
    rows = [[0.5, 0.5, 0], [1.5, 0.5, 0], [2.5, 1.5, 3], [1.2, 1.9, 3], [3.0, 1.0, 3]]
    areas = area(path, write_csv(tmp_path / "p.csv", "x,y,class", rows))
    assert areas.counts == [[2, 0], [0, 2]]
    assert areas.left_out == {"outside the map": ("5",)}
    with pytest.raises(SettingError, match="the map has none"):
        area(path, write_csv(tmp_path / "q.csv", "lon,lat,class", [[1, 1, 0]]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("x,y,class\n", "no point"),
        ("a,b,class\n1,2,3\n", "no columns of coordinates"),
        ("x,y,code\n1,2,3\n", "no column of classes"),
        ("x,y,class\n1,zwei,3\n", "'zwei' in column y of row 1"),
        ("x,y,class\n1,nan,3\n", "'nan' in column y of row 1"),
        ("x,y,class\n1,2\n", "row 1 has 2 columns"),
        ("x,y,class\n1,2,\n3,4,\n", "without a class|outside"),
    ],
)
def test_tables_that_can_not_be_used_are_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(DatasetError, match=message):
        area(some_map(tmp_path / "map.tif"), tmp_path / "p.csv")


def test_files_that_hold_no_points_are_refused(tmp_path: Path) -> None:
    import pyogrio
    import shapely

    path = some_map(tmp_path / "map.tif")
    (tmp_path / "latin.csv").write_bytes("x,y,class\n1,2,sj\xf8\n".encode("latin-1"))
    (tmp_path / "broken.gpkg").write_bytes(b"nothing")
    square = tmp_path / "square.gpkg"
    shape = shapely.to_wkb(np.array([shapely.box(0, 0, 1, 1)]))
    pyogrio.raw.write(
        square, shape, [np.array([1])], ["class"], geometry_type="Polygon", crs="EPSG:32633"
    )
    for name, message in (
        ("latin.csv", "UTF-8"),
        ("broken.gpkg", "can't be read"),
        ("square.gpkg", "no point"),
        ("none.csv", "no such file"),
    ):
        with pytest.raises(DatasetError, match=message):
            area(path, tmp_path / name)
