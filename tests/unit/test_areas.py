"""Areas of the classes of a map, with and without a reference sample; the command."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from PIL import Image
from pyproj import Transformer
from rasterio import Affine

from area_maps import LEGEND, PLACE, all_points, by_name, call, points_on, some_map, write_csv
from builders import write_tiff
from mapwright.areas.assess import area
from mapwright.areas.classmap import ClassMap
from mapwright.areas.draw import draw_sample
from mapwright.areas.ground import Ground
from mapwright.errors import DatasetError, ImageFileError, SettingError
from mapwright.io.maps import class_map_writer
from mapwright.types import Window


def test_hectares_are_true_and_the_face_value_is_told(tmp_path: Path) -> None:
    areas = area(some_map(tmp_path / "map.tif"))
    assert (areas.unit, areas.crs, areas.pixels) == ("ha", "EPSG:32633", 60 * 50 - 10 * 10)
    assert by_name(areas)["2"] == pytest.approx(20 * 50 * 0.01 / 1.0007, rel=1e-4)
    assert sum(by_name(areas).values()) == pytest.approx(areas.total)
    assert any("taken at face value would give +0.07%" in note for note in areas.notes)


def test_names_come_from_the_map_and_unnamed_values_name_themselves(tmp_path: Path) -> None:
    grid = GeoBox((9, 4), PLACE, "EPSG:32633")
    path = tmp_path / "kart å.tif"
    with class_map_writer(path, grid, LEGEND) as writer:
        classes = np.repeat([0, 1, 255], 12).astype(np.uint8).reshape(9, 4)
        writer.write(0, classes)
    areas = area(path)
    assert list(by_name(areas)) == ["wood", "field"]
    assert [entry.value for entry in areas.classes] == [1, 2]
    assert areas.pixels == 24
    plain = some_map(tmp_path / "plain.tif")
    assert list(by_name(area(plain))) == ["1", "2", "7"]


def test_a_map_without_a_crs_is_counted_in_pixels_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    Image.fromarray(np.array([[0, 0, 3], [0, 3, 3]], np.uint8)).save(path)
    areas = area(path)
    assert (areas.unit, areas.total) == ("pixels", 6)
    assert by_name(areas) == {"0": 3, "3": 3}
    assert "no CRS" in areas.notes[0]
    assert "0: 3 pixels mapped" in areas.sentences()


@pytest.mark.parametrize("nodata", [(7,), (7.0, 2), (99,)])
def test_values_that_count_nowhere_can_be_named(tmp_path: Path, nodata: tuple[float, ...]) -> None:
    areas = area(some_map(tmp_path / "map.tif"), nodata=nodata)
    assert {entry.value for entry in areas.classes} == {1, 2, 7} - set(nodata)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_any_type_of_whole_numbers_is_a_class_map(tmp_path: Path, dtype: str) -> None:
    values = np.array([[1, 1, 5], [5, 5, 9]], dtype)
    path = write_tiff(tmp_path / "map.tif", values, crs="EPSG:3035", transform=PLACE, nodata=9)
    assert [(e.value, e.pixels) for e in area(path).classes] == [(1, 2), (5, 3)]


def test_negative_values_large_values_and_nan_are_understood(tmp_path: Path) -> None:
    values = np.array([[-3, 70_000, np.nan], [-3, np.inf, 0]], np.float64)
    path = write_tiff(tmp_path / "map.tif", values, crs="EPSG:3035", transform=PLACE)
    assert [(e.value, e.pixels) for e in area(path).classes] == [(-3, 2), (0, 1), (70_000, 1)]


def test_transparent_pixels_count_nowhere(tmp_path: Path) -> None:
    values = np.array([[[1, 1, 2]], [[255, 0, 255]]], np.uint8)
    path = write_tiff(tmp_path / "map.tif", values, crs="EPSG:3035", transform=PLACE, alpha=2)
    assert [(e.value, e.pixels) for e in area(path).classes] == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((3, 4, 4), np.uint8), "3 bands"),
        (np.array([[0.5, 1.0]], np.float32), "value 0.5"),
        (np.arange(300, dtype=np.uint16)[None], "more than 255"),
        (np.full((2, 2), 255, np.uint8), "no pixel"),
    ],
)
def test_what_is_no_class_map_is_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    path = write_tiff(tmp_path / "map.tif", values, nodata=255 if message == "no pixel" else None)
    with pytest.raises(ImageFileError, match=message):
        area(path)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2500), (1030, 7), (1025, 1030)])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32633", None])
def test_a_map_read_in_patches_is_counted_like_a_whole_one(
    tmp_path: Path, shape: tuple[int, int], crs: str | None
) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4, shape).astype(np.uint8)
    place = Affine(1e-3, 0, 10, 0, -1e-3, 60) if crs == "EPSG:4326" else PLACE
    path = write_tiff(tmp_path / "map.tif", values, crs=crs, transform=place, nodata=0)
    if not values.any():
        return
    cells = Ground(GeoBox(shape, place, crs)).cells(Window(0, 0, *shape))
    scale = 1 if crs is None else 10_000
    areas = area(path)
    for entry in areas.classes:
        assert entry.pixels == (values == entry.value).sum()
        expected = cells[values == entry.value].sum() / scale
        assert entry.mapped == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326", "EPSG:3035"])
def test_a_map_and_its_reprojection_have_the_same_areas(tmp_path: Path, crs: str) -> None:
    rng = np.random.default_rng(1)
    values = np.kron(rng.integers(1, 4, (12, 12)), np.ones((50, 50))).astype(np.uint8)
    path = write_tiff(tmp_path / "a.tif", values, crs="EPSG:32633", transform=PLACE)
    x = np.array([PLACE.c, PLACE.c + 6000, PLACE.c, PLACE.c + 6000])
    y = np.array([PLACE.f, PLACE.f, PLACE.f - 6000, PLACE.f - 6000])
    there = Transformer.from_crs("EPSG:32633", crs, always_xy=True)
    (left, right), (bottom, top) = ((min(v), max(v)) for v in there.transform(x, y))
    place = Affine((right - left) / 800, 0, left, 0, (bottom - top) / 900, top)
    cols, rows = np.meshgrid(np.arange(800) + 0.5, np.arange(900) + 0.5)
    back = there.transform(left + cols * place.a, top + rows * place.e, direction="INVERSE")
    from_rows, from_cols = ClassMap.open(path).pixels_of(*back)
    moved = np.where(from_rows >= 0, values[from_rows, from_cols], 0).astype(np.uint8)
    other = write_tiff(tmp_path / "b.tif", moved, crs=crs, transform=place, nodata=0)
    assert by_name(area(other)) == pytest.approx(by_name(area(path)), rel=2e-3)


def test_a_perfect_reference_gives_the_mapped_areas(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    points, found = all_points(path)
    areas = area(path, points)
    assert areas.overall is not None
    assert (areas.overall.value, areas.overall.low, areas.overall.high) == (1, 1, 1)
    for entry in areas.classes:
        assert entry.estimated is not None
        assert entry.estimated.value == pytest.approx(entry.mapped)
        assert entry.estimated.low == pytest.approx(entry.estimated.high)
        assert entry.map_points == entry.reference_points == (found == entry.value).sum()


def test_classes_are_known_by_name_in_any_case_or_by_value(tmp_path: Path) -> None:
    grid = GeoBox((9, 4), PLACE, "EPSG:32633")
    path = tmp_path / "map.tif"
    with class_map_writer(path, grid, LEGEND) as writer:
        writer.write(0, np.repeat([0, 1, 2], 12).astype(np.uint8).reshape(9, 4))
    rows, cols = np.array([0, 0, 1, 3, 4, 4, 7, 7, 8]), np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
    labels = ["wood", "WOOD", "1", "2", "2.0", "field", "Sjø", 7, " sjø "]
    areas = area(path, points_on(tmp_path / "p.csv", rows, cols, labels))
    assert areas.counts == [[3, 0, 0], [0, 3, 0], [0, 0, 3]]


def test_an_unknown_class_is_one_clear_error(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    points = points_on(tmp_path / "p.csv", np.array([0, 30]), np.array([30, 30]), [1, "wodo"])
    with pytest.raises(DatasetError, match=r"point 2 has the class 'wodo'"):
        area(path, points)


def test_a_class_that_the_map_never_gives_may_be_in_the_reference(tmp_path: Path) -> None:
    grid = GeoBox((4, 4), PLACE, "EPSG:32633")
    path = tmp_path / "map.tif"
    with class_map_writer(path, grid, LEGEND) as writer:
        writer.write(0, np.repeat([0, 1], 8).astype(np.uint8).reshape(4, 4))
    rows, cols = np.array([0, 0, 1, 3, 3, 3]), np.array([0, 1, 2, 0, 1, 2])
    areas = area(path, points_on(tmp_path / "p.csv", rows, cols, [1, 1, "sjø", 2, 2, "sjø"]))
    water = areas.classes[2]
    assert (water.name, water.pixels, water.mapped, water.users) == ("sjø", 0, 0, None)
    assert water.estimated is not None
    assert water.producers is not None
    assert water.estimated.value == pytest.approx(areas.total / 3)
    assert water.producers.value == 0


def test_points_off_the_map_on_nodata_or_unfilled_are_listed_and_left_out(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    rows = np.array([0, 2, 15, 15, 30, 30, 50, 50, 60, -1])
    cols = np.array([0, 2, 20, 30, 20, 30, 20, 30, 0, 5])
    areas = area(path, points_on(tmp_path / "p.csv", rows, cols, [1, 1, 1, 1, 2, 2, 7, 7, 7, 7]))
    assert areas.left_out == {
        "outside the map": ("9", "10"),
        "where the map has no class": ("1", "2"),
    }
    assert np.sum(areas.counts) == 6
    more = points_on(tmp_path / "q.csv", rows[2:], cols[2:], [1, 1, 2, 2, 7, "", 7, 7])
    with pytest.raises(DatasetError, match=r"fewer than 2 usable points: 7 \(1\)"):
        area(path, more)


def test_points_that_all_miss_the_map_ask_for_their_crs(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    points = write_csv(tmp_path / "p.csv", "x,y,class", [[10.5, 59.9, 1], [10.6, 59.9, 2]])
    with pytest.raises(DatasetError, match="2 outside the map") as caught:
        area(path, points)
    assert "--crs" in str(caught.value)


def test_a_stratum_without_points_is_refused_and_a_poststratum_is_joined(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    rows, cols = np.array([15, 15, 16, 30, 31, 50]), np.array([20, 30, 40, 20, 30, 20])
    points = points_on(tmp_path / "p.csv", rows, cols, [1, 1, 2, 2, 2, 7])
    with pytest.raises(DatasetError, match=r"7 \(1\)"):
        area(path, points)
    areas = area(path, points, design="random")
    assert [(s.name, s.points) for s in areas.strata] == [("1", 3), ("2 + 7", 3)]
    assert any("joined: 2 + 7" in note for note in areas.notes)
    total = sum(e.estimated.value for e in areas.classes if e.estimated)
    assert total == pytest.approx(areas.total)


def test_a_class_of_one_pixel_is_known_once_it_was_looked_at(tmp_path: Path) -> None:
    values = np.ones((40, 40), np.uint8)
    values[20:] = 2
    values[39, 39] = 3
    path = write_tiff(tmp_path / "map.tif", values, crs="EPSG:3035", transform=PLACE)
    drawn = draw_sample(path, 101, tmp_path / "p.csv")
    assert drawn.points == (50, 50, 1)
    with (tmp_path / "p.csv").open() as file:
        rows = [dict(row, **{"class": row["map_class"]}) for row in csv.DictReader(file)]
    filled = write_csv(tmp_path / "f.csv", ",".join(rows[0]), [list(r.values()) for r in rows])
    areas = area(path, filled)
    assert areas.classes[2].estimated is not None
    assert areas.classes[2].estimated.value == pytest.approx(0.01, rel=1e-6)


def test_strata_may_be_another_raster(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    halves = np.ones((60, 50), np.uint8)
    halves[:, 25:] = 4
    halves[0, 49] = 0
    strata = write_tiff(
        tmp_path / "strata.tif", halves, crs="EPSG:32633", transform=PLACE, nodata=0
    )
    rng = np.random.default_rng(0)
    rows, cols = rng.integers(10, 60, 200), rng.integers(0, 50, 200)
    points = points_on(tmp_path / "p.csv", rows, cols, (rows // 20).tolist())
    labels = [("1", "2", "7")[row // 20] for row in rows]
    points = points_on(tmp_path / "p.csv", rows, cols, labels)
    areas = area(path, points, strata=strata)
    assert [s.name for s in areas.strata] == ["1", "4"]
    assert [entry.pixels for entry in areas.classes] == [1000 - 100 - 1, 1000, 1000]
    share = (rows // 20 == 1)[cols < 25].mean(), (rows // 20 == 1)[cols >= 25].mean()
    weights = np.array([s.area for s in areas.strata]) / areas.total
    assert areas.classes[1].estimated is not None
    assert areas.classes[1].estimated.value == pytest.approx(areas.total * (weights @ share))
    with pytest.raises(SettingError, match="no strata"):
        area(path, points, strata=strata, design="random")
    other = some_map(tmp_path / "other.tif", (60, 51))
    with pytest.raises(ImageFileError, match="another grid"):
        area(path, points, strata=other)


def test_rare_classes_that_no_point_showed_elsewhere_are_warned_of(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif", (300, 100))
    points, _ = all_points(path)
    rows = points.read_text().splitlines()
    points.write_text("\n".join([rows[0], *rows[1::40]]))
    areas = area(path, points)
    assert any("may lie unseen" in warning for warning in areas.warnings)


def test_pixels_of_unequal_area_are_warned_of(tmp_path: Path) -> None:
    values = np.repeat(np.array([1, 2], np.uint8), 10)[:, None].repeat(10, axis=1)
    place = Affine(1, 0, 0, 0, -1, 70)
    path = write_tiff(tmp_path / "map.tif", values, crs="EPSG:4326", transform=place)
    rows, cols = np.array([0, 1, 2, 15, 16, 17]), np.arange(6)
    points = points_on(tmp_path / "p.csv", rows, cols, [1, 1, 2, 2, 2, 1], place)
    areas = area(path, points)
    assert any("differ in area by up to" in warning for warning in areas.warnings)


def test_the_command_prints_a_table_sentences_and_json(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    assert "20.0" not in call("area", path, "--nodata", 7).output.split("class")[0]
    points, _ = all_points(path)
    shown = call("area", path, "--reference", points)
    assert shown.exit_code == 0
    assert "2: 9.99 ha mapped; estimated 9.99 ha (95 %: 9.99 to 9.99)" in shown.output
    plain = json.loads(call("area", path, "--reference", points, "--json").output)
    assert plain["overall"]["value"] == 1
    assert plain["classes"][1]["estimated"]["value"] == pytest.approx(10.0, rel=2e-3)


def test_the_command_draws_and_refuses_with_exit_code_2(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    drawn = call("area", path, "--draw", 120, "-o", tmp_path / "p.gpkg", "--json")
    assert json.loads(drawn.output)["points"] == [36, 42, 42] or drawn.exit_code == 0
    for wrong in (
        ("--draw", 120),
        ("-o", tmp_path / "q.csv"),
        ("--draw", 120, "-o", tmp_path / "p.gpkg"),
        ("--reference", tmp_path / "none.csv"),
        ("--draw", 9, "-o", tmp_path / "q.csv", "--reference", tmp_path / "p.gpkg"),
    ):
        result = call("area", path, *wrong)
        assert result.exit_code == 2, wrong
        assert result.stderr.startswith("error: ")


def test_areas_load_no_torch() -> None:
    code = (
        "import sys, mapwright.areas.assess, mapwright.areas.draw, mapwright.report.area_table\n"
        "sys.exit('torch' in sys.modules or 'pyogrio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_points_drawn_from_a_real_map_give_its_areas_back(
    tmp_path: Path, stored_data: Path
) -> None:
    path = stored_data / "landcover_truth" / "tra_truth" / "tra_truth_1.tif"
    if not path.is_file():
        pytest.skip("no landcover_truth in MAPWRIGHT_DATA")
    draw_sample(path, 400, tmp_path / "p.csv", nodata=[0])
    areas = area(path, tmp_path / "p.csv", column="map_class", nodata=[0])
    assert areas.total == pytest.approx(7_227.8, abs=0.5)
    for entry in areas.classes:
        assert entry.estimated is not None
        assert entry.estimated.value == pytest.approx(entry.mapped)
