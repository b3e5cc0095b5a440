import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio import features

from builders import COLORS, write_png, write_tiff
from mapwright.errors import ImageFileError, OutputError, SettingError
from mapwright.io.maps import Legend, class_map_writer
from mapwright.io.vector import PolygonOptions, polygonize
from mapwright.types import IGNORE

LEGEND = Legend((1, 5, 3), ("vann", "skog & <myr>", "åker"), COLORS[:3], 0)
UTM = Affine(10, 0, 262_000, 0, -10, 6_650_000)
FIRST = np.array(
    [
        [0, 0, 1, 1, 2],
        [0, IGNORE, 1, 0, 2],
        [0, 0, 0, 1, 2],
        [1, 0, 2, 2, 2],
    ],
    np.uint8,
)


def make_map(
    path: Path,
    classes: np.ndarray = FIRST,
    transform: Affine = UTM,
    crs: str | None = "EPSG:25833",
) -> Path:
    with class_map_writer(path, GeoBox(classes.shape, transform, crs), LEGEND) as writer:
        writer.write(0, classes)
    return path


def read(path: Path) -> tuple[np.ndarray, dict[str, list], dict]:
    """Polygons and columns of a GeoPackage or GeoJSON, and what the file says of itself."""
    meta, _, shapes, values = pyogrio.raw.read(path, layer=path.stem)
    columns = dict(zip(meta["fields"], (v.tolist() for v in values), strict=True))
    return shapely.from_wkb(shapes), columns, meta


def burnt(shapes: np.ndarray, values: list[int], like: Path) -> np.ndarray:
    with rasterio.open(like) as source:
        return features.rasterize(
            zip(shapes, values, strict=True),
            out_shape=source.shape,
            transform=source.transform,
            fill=source.nodata,
            dtype=source.dtypes[0],
        )


def test_a_geopackage_holds_one_polygon_for_each_patch(tmp_path: Path) -> None:
    path = polygonize(make_map(tmp_path / "map.tif"), tmp_path / "out.gpkg")
    shapes, columns, meta = read(path)
    assert columns["value"] == [1, 1, 3, 5, 5, 5]  # class by class, from the top
    assert columns["name"] == ["vann", "vann", "åker", *["skog & <myr>"] * 3]
    assert columns["color"][:2] == [COLORS[0]] * 2
    assert list(columns) == ["value", "name", "color", "area_m2", "area_ha"]
    assert rasterio.crs.CRS.from_user_input(meta["crs"]).to_epsg() == 25833
    assert shapely.area(shapes).tolist() == [700, 100, 600, 300, 100, 100]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.tif", "out.gpkg"]


def test_holes_that_touch_at_a_corner_are_two_rings_of_a_valid_polygon(tmp_path: Path) -> None:
    classes = np.zeros((5, 5), np.uint8)
    classes[1, 1], classes[2, 2], classes[4, 4] = 1, IGNORE, 1
    source = make_map(tmp_path / "map.tif", classes)
    shapes, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
    assert columns["value"] == [1, 5, 5]
    assert shapely.get_num_interior_rings(shapes).tolist() == [2, 0, 0]
    assert shapely.is_valid(shapes).all()
    assert shapely.area(shapes).tolist() == [2200, 100, 100]


def test_polygons_rasterise_to_the_map(tmp_path: Path) -> None:
    source = make_map(tmp_path / "map.tif")
    shapes, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
    with rasterio.open(source) as written:
        np.testing.assert_array_equal(burnt(shapes, columns["value"], source), written.read(1))


def test_areas_are_those_of_the_ground_not_of_the_projection(tmp_path: Path) -> None:
    classes = np.zeros((40, 50), np.uint8)
    box, areas = (14.99, 59.995, 15.01, 60.005), {}
    for crs in ("EPSG:25833", "EPSG:3035", "EPSG:3857", "EPSG:4326"):
        left, bottom, right, top = rasterio.warp.transform_bounds("EPSG:4326", crs, *box)
        place = Affine((right - left) / 50, 0, left, 0, (bottom - top) / 40, top)
        source = make_map(tmp_path / "map.tif", classes, place, crs)
        shapes, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
        areas[crs] = columns["area_m2"][0]
        assert columns["area_ha"][0] == pytest.approx(areas[crs] / 10_000, rel=1e-12)
        if crs == "EPSG:3035":  # equal-area
            assert areas[crs] == pytest.approx(shapely.area(shapes[0]), rel=1e-7)
        if crs == "EPSG:25833":
            assert areas[crs] == pytest.approx(shapely.area(shapes[0]) / 0.9996**2, rel=1e-5)
        if crs == "EPSG:3857":  # cos^2 of the latitude, but for the flattening of the earth
            assert areas[crs] == pytest.approx(shapely.area(shapes[0]) / 4, rel=0.01)
    # 0.02 degrees along the parallel of 60 degrees, by 0.01 along the meridian
    assert areas["EPSG:4326"] == pytest.approx(0.02 * 55_800.0 * 0.01 * 111_412.3, rel=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:25833", "EPSG:3857", "EPSG:4326"])
def test_areas_add_up_to_those_of_the_pixels(tmp_path: Path, crs: str) -> None:
    from mapwright.areas.ground import Ground
    from mapwright.types import Window

    transform = Affine(1e-3, 0, 25, 0, -1e-3, 71) if crs == "EPSG:4326" else UTM
    source = make_map(tmp_path / "m.tif", blobs(), transform, crs)
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
    cells = Ground(GeoBox((60, 70), transform, crs)).cells(Window(0, 0, 60, 70))
    values = LEGEND.encode(blobs())
    for value in LEGEND.values:
        ours = sum(
            a for a, v in zip(columns["area_m2"], columns["value"], strict=True) if v == value
        )
        assert ours == pytest.approx(cells[values == value].sum(), rel=1e-6)


def test_areas_agree_with_the_geodesic_ones(tmp_path: Path) -> None:
    from pyproj import Geod

    source = make_map(tmp_path / "m.tif", FIRST, Affine(1e-4, 0, 5, 0, -1e-4, 60), "EPSG:4326")
    shapes, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
    expected = [abs(Geod(ellps="WGS84").geometry_area_perimeter(s)[0]) for s in shapes]
    np.testing.assert_allclose(columns["area_m2"], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:3995", Affine(1000, 0, -2500, 0, -1000, 2000)),  # the pole is inside
        ("EPSG:3832", Affine(1000, 0, 3_337_000, 0, -1000, 1_000_000)),  # and the date line
        ("EPSG:27572", Affine(10, 0, 600_000, 0, -10, 2_200_000)),  # its degrees are grads
        ("EPSG:2263", Affine(10, 0, 1_000_000, 0, -10, 200_000)),  # its unit is the foot
        ('LOCAL_CS["site",UNIT["metre",1]]', Affine(2, 0, 0, 0, -2, 0)),
    ],
)
def test_areas_in_unusual_places(tmp_path: Path, crs: str, transform: Affine) -> None:
    from pyproj import CRS

    classes = np.zeros((4, 5), np.uint8)
    source = make_map(tmp_path / "m.tif", classes, transform, crs)
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
    unit = CRS(crs).axis_info[0].unit_conversion_factor
    assert columns["area_m2"][0] == pytest.approx(20 * transform.a**2 * unit**2, rel=0.06)


def test_the_area_of_a_large_patch_is_the_sum_of_its_pixels(tmp_path: Path) -> None:
    transform = Affine(5000, 0, 900_000, 0, -5000, 7_900_000)  # far outside the zone
    sums = []
    for name in ("whole", "board"):
        classes = np.zeros((40, 60), np.uint8)
        if name == "board":
            classes[::2, 1::2] = classes[1::2, ::2] = 1
        source = make_map(tmp_path / f"{name}.tif", classes, transform)
        _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
        sums.append(sum(columns["area_m2"]))
    assert len(columns["value"]) == 2400
    assert sums[0] == pytest.approx(sums[1], rel=2e-7)


def test_a_map_in_degrees_may_reach_over_the_date_line(tmp_path: Path) -> None:
    areas = []
    for left in (0, 170, 340):
        place = Affine(1, 0, left, 0, -1, 70)
        source = make_map(tmp_path / "m.tif", np.zeros((5, 20), np.uint8), place, "EPSG:4326")
        areas += read(polygonize(source, tmp_path / "out.gpkg"))[1]["area_m2"]
    assert areas == pytest.approx([areas[0]] * 3, rel=1e-12)


def test_a_map_without_crs_has_pixel_coordinates_and_says_so(tmp_path: Path) -> None:
    for ending in (".tif", ".png"):
        source = make_map(tmp_path / f"map{ending}", FIRST, Affine.identity(), None)
        for kind in ("gpkg", "geojson"):
            path = polygonize(source, tmp_path / f"out.{kind}", legend=LEGEND)
            shapes, columns, meta = read(path)
            assert shapely.total_bounds(shapes).tolist() == [0, 0, 5, 4]
            assert columns["pixels"] == [7, 1, 3, 1, 1, 6]
            assert "area_m2" not in columns
            text = pyogrio.read_info(path, layer="out")["layer_metadata"]["DESCRIPTION"]
            assert "without a CRS: x and y are columns and rows of pixels" in text
        assert meta["crs"] == "EPSG:4326"  # which is what every GeoJSON claims


def test_geojson_is_in_longitude_and_latitude_and_fine_enough(tmp_path: Path) -> None:
    transform = Affine(0.05, 0, 262_000, 0, -0.05, 6_650_000)
    source = make_map(tmp_path / "map.tif", FIRST, transform)
    path = polygonize(source, tmp_path / "out.geojson")
    text = json.loads(path.read_text("utf-8"))
    assert "crs" not in text
    shapes, _, meta = read(path)
    assert meta["crs"] == "EPSG:4326"
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    ring = np.array(text["features"][0]["geometry"]["coordinates"][0])
    assert shapely.is_ccw(shapely.LinearRing(ring))
    x, y = rasterio.warp.transform("EPSG:4326", "EPSG:25833", *ring.T)
    cols, rows = (np.array(x) - 262_000) / 0.05, (6_650_000 - np.array(y)) / 0.05
    np.testing.assert_allclose(cols, np.rint(cols), atol=0.02)
    np.testing.assert_allclose(rows, np.rint(rows), atol=0.02)


def test_geoparquet_is_read_by_a_stranger(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    source = make_map(tmp_path / "map.tif")
    frame = geopandas.read_parquet(polygonize(source, tmp_path / "out.parquet"))
    assert frame.crs.to_epsg() == 25833
    assert frame["name"].tolist()[2] == "åker"
    assert frame.area.tolist() == [700, 100, 600, 300, 100, 100]
    np.testing.assert_array_equal(
        burnt(frame.geometry.to_numpy(), frame.value.tolist(), source),
        rasterio.open(source).read(1),
    )
    plain = make_map(tmp_path / "plain.tif", FIRST, Affine.identity(), None)
    assert geopandas.read_parquet(polygonize(plain, tmp_path / "out.parquet")).crs is None


def test_parquet_without_pyarrow_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_map(tmp_path / "map.tif")
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    with pytest.raises(SettingError, match=r"(?s)needs pyarrow.*mapwright\[parquet\]"):
        polygonize(source, tmp_path / "out.parquet")
    with pytest.raises(SettingError, match="needs pyarrow"):
        PolygonOptions("parquet").path_for(tmp_path, "map")


def test_a_local_plane_has_no_longitude(tmp_path: Path) -> None:
    source = make_map(tmp_path / "map.tif", crs='LOCAL_CS["site",UNIT["metre",1]]')
    with pytest.raises(SettingError, match=r"(?s)'site'.*without a place.*\.gpkg or \.parquet"):
        polygonize(source, tmp_path / "out.geojson")
    assert [p.name for p in tmp_path.iterdir()] == ["map.tif"]


def test_geojson_is_cut_at_the_date_line(tmp_path: Path) -> None:
    transform = Affine(1000, 0, 3_337_000, 0, -1000, 1_000_000)
    source = make_map(tmp_path / "map.tif", FIRST, transform, "EPSG:3832")
    shapes, columns, _ = read(polygonize(source, tmp_path / "out.geojson"))
    assert shapely.is_valid(shapes).all()
    west, _, east, _ = shapely.bounds(shapely.get_parts(shapes)).T
    assert (east - west).max() < 0.1
    assert len(shapes) == len(columns["value"]) == 6


@pytest.mark.parametrize("name", ["out.shp", "out"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match=r"\.gpkg or \.geojson or \.parquet"):
        polygonize(make_map(tmp_path / "map.tif"), tmp_path / name)


@pytest.mark.parametrize("kind", ["gpkg", "geojson", "parquet"])
def test_a_map_without_a_valid_pixel_gives_an_empty_layer(tmp_path: Path, kind: str) -> None:
    source = make_map(tmp_path / "map.tif", np.full((3, 4), IGNORE, np.uint8))
    out = tmp_path / f"out.{kind}"
    polygonize(source, out, min_area=1000, simplify=10)
    if kind == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        assert parquet.read_table(out).num_rows == 0
    else:
        assert pyogrio.read_info(out, layer="out")["features"] == 0


def test_a_map_of_one_pixel_and_names_beyond_ascii(tmp_path: Path) -> None:
    source = make_map(tmp_path / "flyfoto æ [1].tif", np.array([[1]], np.uint8))
    path = polygonize(source, tmp_path / "ut" / "flater ø [1].gpkg")
    shapes, columns, _ = read(path)
    assert columns["name"] == ["skog & <myr>"]
    assert shapely.equals(shapes[0], shapely.box(262_000, 6_649_990, 262_010, 6_650_000))


def test_a_geopackage_brings_its_colours_to_qgis(tmp_path: Path) -> None:
    path = polygonize(make_map(tmp_path / "map.tif"), tmp_path / "out.gpkg")
    meta, _, _, values = pyogrio.raw.read(path, layer="layer_styles", read_geometry=False)
    style = dict(zip(meta["fields"], (v[0] for v in values), strict=True))
    assert (style["f_table_name"], style["f_geometry_column"]) == ("out", "geom")
    assert style["useAsDefault"]
    from xml.etree import ElementTree

    tree = ElementTree.fromstring(style["styleQML"])
    labels = [c.attrib["label"] for c in tree.iter("category")]
    assert labels == ["vann", "åker", "skog & <myr>"]
    colors = [p.attrib["v"] for p in tree.iter("prop") if p.attrib["k"] == "color"]
    assert colors[2] == "255,90,54,255"  # COLORS[1]


# --- which rasters ------------------------------------------------------------------------------


def test_the_legend_comes_from_the_map(tmp_path: Path) -> None:
    columns = read(polygonize(make_map(tmp_path / "m.tif"), tmp_path / "a.gpkg"))[1]
    again = read(polygonize(tmp_path / "m.tif", tmp_path / "b.gpkg", legend=LEGEND))[1]
    assert sorted(zip(*columns.values(), strict=True)) == sorted(zip(*again.values(), strict=True))


def test_a_foreign_raster_calls_its_classes_by_number(tmp_path: Path) -> None:
    values = np.array([[7, 7, -1], [300, 300, -1]], np.int16)
    source = write_tiff(tmp_path / "a.tif", values, crs="EPSG:25833", transform=UTM, nodata=-1)
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
    assert (columns["value"], columns["name"]) == ([7, 300], ["7", "300"])
    assert len(set(columns["color"])) == 2
    named = Legend((7, 300), ("a", "b"), COLORS[:2], -1)
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg", legend=named))
    assert columns["name"] == ["a", "b"]


def test_classes_as_floats_with_nan(tmp_path: Path) -> None:
    values = np.array([[2, 2, np.nan], [4, 4, 4]], np.float32)
    source = write_tiff(tmp_path / "a.tif", values, crs="EPSG:25833", transform=UTM)
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
    assert columns["value"] == [2, 4]


def test_a_value_without_class_is_named(tmp_path: Path) -> None:
    values = np.array([[1, 5, 9], [9, 0, 3]], np.uint8)
    source = write_tiff(tmp_path / "a.tif", values, crs="EPSG:25833", transform=UTM)
    with pytest.raises(ImageFileError, match=r"(?s)the value 9 occurs on 2 pixels.*1, 5, 3"):
        polygonize(source, tmp_path / "out.gpkg", legend=LEGEND)
    assert not (tmp_path / "out.gpkg").exists()


def test_what_is_no_class_map_is_refused(tmp_path: Path) -> None:
    image = write_png(tmp_path / "rgb.png", np.zeros((3, 4, 5), np.uint8))
    with pytest.raises(ImageFileError, match="3 bands"):
        polygonize(image, tmp_path / "out.gpkg")
    heights = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)
    with pytest.raises(ImageFileError, match="20 different values"):
        polygonize(write_tiff(tmp_path / "dem.tif", heights), tmp_path / "out.gpkg")
    with pytest.raises(ImageFileError, match="no such file"):
        polygonize(tmp_path / "none.tif", tmp_path / "out.gpkg")


# --- minimum area and simplification --------------------------------------------------------------


def test_small_patches_join_their_largest_neighbour(tmp_path: Path) -> None:
    source = make_map(tmp_path / "map.tif")
    shapes, columns, _ = read(polygonize(source, tmp_path / "out.gpkg", min_area=250))
    values = burnt(shapes, columns["value"], source)
    assert values.tolist() == [
        [1, 1, 5, 5, 3],
        [1, 0, 5, 3, 3],
        [1, 1, 1, 1, 3],
        [1, 1, 3, 3, 3],
    ]
    assert min(columns["area_m2"]) > 250


def test_a_patch_of_the_smallest_area_itself_stays(tmp_path: Path) -> None:
    source = make_map(tmp_path / "map.tif", FIRST, Affine.identity(), None)
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg", min_area=3))
    assert 3 in columns["pixels"]
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg", min_area=3.01))
    assert 3 not in columns["pixels"]


def test_a_chessboard_has_no_patch_that_is_too_small(tmp_path: Path) -> None:
    board = (np.indices((9, 11)).sum(axis=0) % 2).astype(np.uint8)
    board[:, 6] = IGNORE
    source = make_map(tmp_path / "map.tif", board, Affine.identity(), None)
    shapes, columns, _ = read(polygonize(source, tmp_path / "out.gpkg", min_area=8))
    assert min(columns["pixels"]) >= 8
    assert sum(columns["pixels"]) == 90
    values = burnt(shapes, columns["value"], source)
    np.testing.assert_array_equal(values == 0, board == IGNORE)


def test_small_patches_join_as_in_the_sieve_of_gdal(tmp_path: Path) -> None:
    classes = blobs(shape=(300, 310))
    source = make_map(tmp_path / "map.tif", classes, Affine.identity(), None)
    shapes, columns, _ = read(polygonize(source, tmp_path / "out.gpkg", min_area=40))
    ours = burnt(shapes, columns["value"], source)
    values = LEGEND.encode(classes)
    gdal = features.sieve(values, 40, mask=values != 0, connectivity=4)
    assert (gdal != values).mean() > 0.01
    assert (ours != gdal).mean() < 0.002  # neighbours of equal size


def test_an_island_that_is_too_small_stays_where_it_has_no_neighbour(tmp_path: Path) -> None:
    classes = np.full((5, 7), IGNORE, np.uint8)
    classes[1, 1], classes[3, 3:6], classes[3, 3] = 0, 1, 2
    source = make_map(tmp_path / "map.tif", classes, Affine.identity(), None)
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg", min_area=100))
    assert sorted(zip(columns["value"], columns["pixels"], strict=True)) == [(1, 1), (5, 3)]


def test_the_smallest_area_is_one_of_the_ground(tmp_path: Path) -> None:
    classes = np.ones((200, 12), np.uint8)
    classes[3, 3], classes[-4, 3] = 0, 0  # one pixel each, near the pole and farther off
    place = Affine(0.01, 0, 10, 0, -0.02, 84)
    source = make_map(tmp_path / "map.tif", classes, place, "EPSG:4326")
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg"))
    small = sorted(columns["area_m2"])[:2]
    assert small[0] < 0.7 * small[1]
    _, columns, _ = read(polygonize(source, tmp_path / "out.gpkg", min_area=sum(small) / 2))
    assert sorted(columns["value"]) == [1, 5]


def blobs(seed: int = 0, shape: tuple[int, int] = (60, 70)) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    classes = np.argmax([gaussian_filter(rng.normal(size=shape), 3) for _ in range(3)], axis=0)
    classes[gaussian_filter(rng.normal(size=shape), 4) > 0.05] = IGNORE
    return classes.astype(np.uint8)


@pytest.mark.parametrize("crs", ["EPSG:25833", "EPSG:4326", None])
def test_simplified_borders_stay_shared(tmp_path: Path, crs: str | None) -> None:
    degrees = Affine(1e-4, 0, 10, 0, -5e-5, 60)
    transform = {"EPSG:25833": UTM, "EPSG:4326": degrees, None: Affine.identity()}[crs]
    source = make_map(tmp_path / "map.tif", blobs(), transform, crs)
    exact, _, _ = read(polygonize(source, tmp_path / "a.gpkg"))
    simple, columns, _ = read(polygonize(source, tmp_path / "b.gpkg", simplify=15 if crs else 2))
    assert len(exact) == len(simple)
    assert shapely.is_valid(simple).all()
    assert shapely.coverage_is_valid(simple)
    few, many = (shapely.get_num_coordinates(s).sum() for s in (simple, exact))
    assert few < 0.7 * many
    whole, covered = shapely.union_all(exact), shapely.union_all(simple)
    assert whole.symmetric_difference(covered).area < 1e-9 * whole.area
    corners = {tuple(xy) for xy in shapely.get_coordinates(exact)}
    assert corners >= {tuple(xy) for xy in shapely.get_coordinates(simple)}
    assert "pixels" in columns or min(columns["area_m2"]) > 0


@pytest.mark.parametrize("options", [{"min_area": -1}, {"simplify": float("nan")}])
def test_numbers_that_mean_nothing_are_refused(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="0 or more"):
        polygonize(make_map(tmp_path / "map.tif"), tmp_path / "out.gpkg", **options)


def test_options_about_polygons_need_polygons() -> None:
    assert PolygonOptions.chosen("native", None, None, None) is None
    assert PolygonOptions.chosen("vector", None, 5, None) == PolygonOptions("gpkg", 5.0, 0.0)
    with pytest.raises(SettingError, match="--format vector"):
        PolygonOptions.chosen("native", None, 5.0, None)


# --- whole or not at all ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gpkg", "geojson", "parquet"])
def test_a_failure_leaves_the_old_file(tmp_path: Path, kind: str) -> None:
    source = make_map(tmp_path / "map.tif")
    out = tmp_path / f"out.{kind}"
    out.mkdir()
    with pytest.raises(OutputError, match="out"):
        polygonize(source, out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.tif", out.name]


FULL_DISK = """
import json, resource, sys
from pathlib import Path
import numpy as np
from odc.geo.geobox import GeoBox
from rasterio import Affine
from mapwright.errors import OutputError
from mapwright.io.maps import Legend, class_map_writer
from mapwright.io.vector import polygonize

kind, folder = sys.argv[1], Path(sys.argv[2])
place = GeoBox((60, 50), Affine(10, 0, 5e5, 0, -10, 6e6), "EPSG:25833")
legend = Legend((0, 1, 2), ("a", "b", "c"), ("#000000", "#111111", "#222222"), 255)
with class_map_writer(folder / "map.tif", place, legend) as writer:
    writer.write(0, np.random.default_rng(0).integers(0, 3, place.shape).astype(np.uint8))

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

target = folder / f"target.{kind}"
size = polygonize(folder / "map.tif", folder / f"whole.{kind}").stat().st_size
outcomes = {}
for missing in [*range(0, size, size // 8), 1, 2, 100, 5000, -size]:
    target.write_text("old")
    limit(size - missing)
    try:
        polygonize(folder / "map.tif", target)
        outcome = "written"
    except OutputError:
        outcome = "refused"
    except BaseException as error:
        outcome = repr(error)
    finally:
        limit(resource.RLIM_INFINITY)
    kept = target.read_bytes() == b"old" if outcome == "refused" else True
    if not kept or len(list(folder.iterdir())) != 3:
        outcome += ", but a half-written file is left"
    outcomes.setdefault(outcome, []).append(missing)
json.dump(outcomes, sys.stdout)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("kind", ["gpkg", "geojson", "parquet"])
def test_a_full_disk_leaves_the_old_file_or_the_whole_new_one(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-c", FULL_DISK, kind, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)  # bytes missing on the disk, by what came of it
    assert set(outcomes) == {"written", "refused"}, outcomes
    assert max(outcomes["written"]) <= 0
    assert len(outcomes["refused"]) > 10
