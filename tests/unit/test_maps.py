import json
import math
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from PIL import Image
from rasterio import Affine
from rio_cogeo.cogeo import cog_validate

from builders import COLORS, make_spec, write_tiff
from mapwright.errors import OutputError, SettingError
from mapwright.io.maps import (
    Legend,
    class_map_writer,
    map_suffix,
    probability_writer,
    rgb_of,
)
from mapwright.io.raster import inspect, read_raster
from mapwright.types import IGNORE

PLAIN = GeoBox((5, 4), Affine.identity(), None)
PLACED = GeoBox((300, 290), Affine(10, 0, 500_000, 0, -10, 6_000_000), "EPSG:32633")
LEGEND = Legend((0, 192, 64), ("water", "wood", "field"), COLORS[:3], 255)


def write(path: Path, geobox: GeoBox, legend: Legend, classes: np.ndarray, rows: int = 3) -> None:
    with class_map_writer(path, geobox, legend) as writer:
        for row in range(0, len(classes), rows):
            writer.write(row, classes[row : row + rows])


def some_classes(shape: tuple[int, int], classes: int = 3) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, classes + 1, shape).astype(np.uint8)
    return np.where(values == classes, np.uint8(IGNORE), values)


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_class_map_holds_the_source_values(tmp_path: Path, ending: str) -> None:
    classes = some_classes((5, 4))
    path = tmp_path / f"map{ending}"
    write(path, PLAIN, LEGEND, classes)
    raster = read_raster(path)
    expected = np.array([0, 192, 64, 255])[np.where(classes == IGNORE, 3, classes)]
    np.testing.assert_array_equal(raster.pixels[0], expected)
    assert inspect(path).nodata == 255
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_geotiff_map_keeps_the_place_and_names_its_classes(tmp_path: Path) -> None:
    classes = some_classes(PLACED.shape)
    path = tmp_path / "map.tif"
    write(path, PLACED, LEGEND, classes, rows=70)
    assert inspect(path).geobox == PLACED
    with rasterio.open(path) as source:
        assert source.descriptions == ("class",)
        tags = source.tags(1)
        assert (tags["0"], tags["64"], tags["192"]) == ("water", "field", "wood")
        colors = source.colormap(1)
        assert colors[192] == (*rgb_of(COLORS[1]), 255)
        assert colors[255][3] == 0
        assert source.block_shapes == [(512, 512)]
    np.testing.assert_array_equal(read_raster(path, nodata=255).valid, classes != IGNORE)


def test_a_png_map_shows_the_colours_and_invalid_pixels_are_transparent(tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    write(path, PLAIN, LEGEND, np.array([[0, 1, 2, IGNORE]] * 5, np.uint8))
    with Image.open(path) as picture:
        assert picture.mode == "P"
        shown = np.array(picture.convert("RGBA"))[0]
    assert [tuple(pixel[:3]) for pixel in shown[:3]] == [rgb_of(color) for color in COLORS[:3]]
    assert shown[:, 3].tolist() == [255, 255, 255, 0]


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_map_of_one_pixel(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"map{ending}"
    write(path, GeoBox((1, 1), Affine.identity(), None), LEGEND, np.array([[1]], np.uint8))
    assert read_raster(path).pixels.tolist() == [[[192]]]


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_rows_may_come_in_any_order(tmp_path: Path, ending: str) -> None:
    path, classes = tmp_path / f"map{ending}", some_classes((5, 4))
    with class_map_writer(path, PLAIN, LEGEND) as writer:
        for row in (4, 0, 2, 1, 3):
            writer.write(row, classes[row : row + 1])
    np.testing.assert_array_equal(read_raster(path).pixels[0], LEGEND.encode(classes))


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_rows_that_were_never_written_are_invalid(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"map{ending}"
    with class_map_writer(path, PLAIN, LEGEND) as writer:
        writer.write(1, np.ones((2, 4), np.uint8))
    assert read_raster(path).pixels[0, :, 0].tolist() == [255, 192, 192, 255, 255]


def test_values_above_a_byte_are_written_as_uint16(tmp_path: Path) -> None:
    legend = Legend((1, 4000), ("a", "b"), COLORS[:2], 65535)
    path = tmp_path / "map.tif"
    write(path, PLACED, legend, some_classes(PLACED.shape, 2))
    info = inspect(path)
    assert (info.dtype, info.nodata) == ("uint16", 65535)
    assert np.unique(read_raster(path).pixels).tolist() == [1, 4000, 65535]


@pytest.mark.parametrize("values", [(-1, 0, 1), (0, 70_000)])
def test_class_values_of_any_mask_can_be_written_or_are_refused_at_once(
    tmp_path: Path, values: tuple[int, ...]
) -> None:
    try:
        legend = make_spec(*[(value,) for value in values]).legend
    except SettingError:
        return
    classes = np.arange(len(values), dtype=np.uint8).repeat(4).reshape(-1, 4)
    path = tmp_path / "map.tif"
    write(path, GeoBox(classes.shape, Affine.identity(), None), legend, classes)
    assert read_raster(path).pixels[0, :, 0].tolist() == list(values)


def test_a_class_that_is_not_in_the_legend_is_invalid() -> None:
    assert LEGEND.encode(np.array([[0, 2, 3, 254, 255]], np.uint8)).tolist() == [
        [0, 64, 255, 255, 255]
    ]


@pytest.mark.parametrize(
    ("source", "crs", "nodata", "suffix"),
    [
        ("a.png", None, 255, ".png"),
        ("a.JPG", None, 255, ".png"),
        ("a.tif", None, 255, ".tif"),
        ("a.TIFF", None, 255, ".tif"),
        ("a.jp2", "EPSG:32633", 255, ".tif"),
        ("a.png", None, 65535, ".tif"),
    ],
)
def test_the_kind_of_map_follows_its_image(
    source: str, crs: str | None, nodata: int, suffix: str
) -> None:
    geobox = GeoBox((2, 2), Affine.identity(), crs)
    legend = Legend((0, 1), ("a", "b"), COLORS[:2], nodata)
    assert map_suffix(Path(source), geobox, legend) == suffix


def test_probabilities_keep_names_place_and_nan(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((2, *PLACED.shape)).astype(np.float32)
    values[:, :9, :9] = np.nan
    path = tmp_path / "map.tif"
    with probability_writer(path, PLACED, ("no", "yes")) as writer:
        for row in range(0, 300, 100):
            writer.write(row, values[:, row : row + 100])
    info = inspect(path)
    assert (info.descriptions, info.dtype, info.geobox) == (("no", "yes"), "float32", PLACED)
    assert math.isnan(info.nodata or 0)
    np.testing.assert_array_equal(read_raster(path).pixels, values)


# --- cloud-optimised -----------------------------------------------------------------------------

GRIDS = {
    "north up": (Affine(10, 0, 262_000.5, 0, -10, 6_650_000.25), "EPSG:25833"),
    "south up": (Affine(1 / 3, 0, 0.1, 0, 1 / 3, 60.7), "EPSG:4258"),
    "rotated": (Affine(8.1, -6.3, 262_000, -6.2, -8.4, 6_650_000), "EPSG:32633"),
    "oblong": (Affine(0.2, 0, 1e6 / 3, 0, -0.3, 1e7 / 3), "EPSG:3035"),
    "with heights": (Affine(10, 0, 262_000, 0, -10, 6_650_000), "EPSG:5973"),
    "by formula": (Affine(10, 0, 0.7, 0, -10, 0.3), "+proj=laea +lat_0=61 +lon_0=9 +ellps=GRS80"),
    "without CRS": (Affine(2.5, 0, 100, 0, -2.5, 200), None),
    "plain": (Affine.identity(), None),
}


def assert_cloud_optimised(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        valid, errors, remarks = cog_validate(path, strict=True)
    assert (valid, errors, remarks) == (True, [], [])


@pytest.mark.parametrize("grid", GRIDS)
def test_maps_are_cloud_optimised_on_exactly_the_grid_of_the_image(
    tmp_path: Path, grid: str
) -> None:
    transform, crs = GRIDS[grid]
    pixels = np.zeros((1, 530, 90), np.uint8)
    image = write_tiff(tmp_path / "image.tif", pixels, crs=crs, transform=transform)
    geobox = inspect(image).geobox
    classes = some_classes(geobox.shape)
    write(tmp_path / "map.tif", geobox, LEGEND, classes, rows=100)
    with probability_writer(tmp_path / "soft.tif", geobox, ("confidence",)) as writer:
        writer.write(0, np.where(classes == IGNORE, np.nan, 0.25)[None])
    for name in ("map.tif", "soft.tif"):
        assert_cloud_optimised(tmp_path / name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(image) as before, rasterio.open(tmp_path / name) as after:
                assert after.transform == before.transform
                assert after.crs == before.crs
                assert after.overviews(1) == [2]
                assert after.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    np.testing.assert_array_equal(
        read_raster(tmp_path / "map.tif").pixels[0], LEGEND.encode(classes)
    )
    assert len(list(tmp_path.iterdir())) == 3


def test_overviews_show_the_commonest_class_and_the_mean_probability(tmp_path: Path) -> None:
    blocks = np.array([[0, 0, 1, 2], [0, 1, 2, 2], [2, IGNORE, 255, 255], [2, 2, 255, 255]])
    classes = np.tile(blocks.astype(np.uint8), (150, 150))
    geobox = GeoBox(classes.shape, PLACED.transform, PLACED.crs)
    write(tmp_path / "map.tif", geobox, LEGEND, classes, rows=64)
    for nodata in (9, -9):  # without a colour table
        signed = Legend((-1, 50, 100), LEGEND.names, LEGEND.colors, nodata)
        write(tmp_path / f"signed {nodata}.tif", geobox, signed, classes, rows=64)
    soft = np.where(classes == IGNORE, np.nan, classes / 4).astype(np.float32)
    with probability_writer(tmp_path / "soft.tif", geobox, ("a",)) as writer:
        writer.write(0, soft[None])
    with rasterio.open(tmp_path / "map.tif", overview_level=0) as half:
        assert half.shape == (300, 300)
        assert half.read(1)[:2, :2].tolist() == [[0, 64], [64, 255]]
        assert set(np.unique(half.read(1))) == {0, 64, 255}
        assert half.colormap(1)[192] == (*rgb_of(COLORS[1]), 255)
    with rasterio.open(tmp_path / "signed 9.tif", overview_level=0) as half:
        assert half.read(1)[:2, :2].tolist() == [[-1, 100], [100, 9]]
    with rasterio.open(tmp_path / "signed -9.tif", overview_level=0) as half:
        assert half.read(1)[:2, :2].tolist() == [[-1, 50], [100, -9]]
    with rasterio.open(tmp_path / "soft.tif", overview_level=0) as half:
        assert half.read(1)[:2, 0].tolist() == pytest.approx([0.0625, 0.5])
        assert math.isnan(half.read(1)[1, 1])


def test_class_names_stand_in_an_attribute_table_where_gdal_can_keep_it_inside(
    tmp_path: Path,
) -> None:
    legend = Legend((0, 7), ("vann", "skog & <myr>"), COLORS[:2], 255)
    write(tmp_path / "map.tif", PLAIN, legend, some_classes(PLAIN.shape, 2))
    assert [p.name for p in tmp_path.iterdir()] == ["map.tif"]
    inside = b"<F>skog &amp; &lt;myr&gt;</F>" in (tmp_path / "map.tif").read_bytes()
    version = tuple(map(int, rasterio.__gdal_version__.split(".")[:2]))
    assert inside == (version >= (3, 12))


def test_a_failure_of_the_second_step_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(source: Path, target: Path, **options: object) -> None:
        assert Path(source).exists()
        for ending in ("", ".ovr.tmp", ".aux.xml"):
            Path(f"{target}{ending}").write_text("half")
        raise rasterio.errors.RasterioIOError("no room")

    monkeypatch.setattr("rasterio.shutil.copy", copy)
    path = tmp_path / "map [1].tif"
    path.write_text("old")
    with pytest.raises(OutputError, match="no room"):
        write(path, PLAIN, LEGEND, some_classes((5, 4)))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_does_not_hold_what_was_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rasterio.shutil.copy

    def copy(source: Path, target: Path, **options: object) -> None:
        if source.suffix == ".tif":  # not the virtual file before it
            with rasterio.open(source, "r+") as damaged:
                damaged.write(np.array([[[64]]], np.uint8), window=((2, 3), (1, 2)))
        real(source, target, **options)

    monkeypatch.setattr("rasterio.shutil.copy", copy)
    with pytest.raises(OutputError, match="does not hold what was written"):
        write(tmp_path / "map.tif", PLACED, LEGEND, np.zeros(PLACED.shape, np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["landcover_truth/val_truth/val_truth_0.tif", "spacenet_atlanta", "sen1floods11"]
)
def test_maps_of_stored_images_keep_their_place(
    tmp_path: Path, stored_data: Path, name: str
) -> None:
    folder = stored_data / name if (stored_data / name).exists() else stored_data / "extras" / name
    images = [folder] if folder.is_file() else sorted(folder.rglob("*.tif"))
    if not images:
        pytest.skip(f"no {name} in MAPWRIGHT_DATA")
    for image in images:
        geobox = inspect(image).geobox
        path = tmp_path / f"{image.stem}.tif"
        write(path, geobox, LEGEND, some_classes(geobox.shape), rows=200)
        assert_cloud_optimised(path)
        with rasterio.open(image) as before, rasterio.open(path) as after:
            assert (after.transform, after.crs) == (before.transform, before.crs)


@pytest.mark.parametrize("name", ["map.png", "map.tif", "probabilities.tif"])
def test_a_failure_on_the_way_leaves_the_old_map(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("old")
    values = np.zeros((5, 4), np.uint8)
    with pytest.raises(ValueError, match="stop"):
        if name == "probabilities.tif":
            with probability_writer(path, PLAIN, ("a",)) as writer:
                writer.write(0, values[None].astype(np.float32))
                raise ValueError("stop")
        else:
            with class_map_writer(path, PLAIN, LEGEND) as writer:
                writer.write(0, values)
                raise ValueError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_map_where_a_folder_stands_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"map{ending}"
    path.mkdir()
    with pytest.raises(OutputError, match="map"):
        write(path, PLAIN, LEGEND, some_classes((5, 4)))
    assert list(tmp_path.iterdir()) == [path]


FULL_DISK = """
import json, resource, sys
from pathlib import Path
import numpy as np
from odc.geo.geobox import GeoBox
from rasterio import Affine
from mapwright.errors import OutputError
from mapwright.io.files import write_text
from mapwright.io.maps import Legend, class_map_writer, probability_writer

kind, folder = sys.argv[1], Path(sys.argv[2])
rng = np.random.default_rng(0)
place = GeoBox((520, 200), Affine(10, 0, 5e5, 0, -10, 6e6), "EPSG:32633")
legend = Legend((0, 1, 2), ("a", "b", "c"), ("#000000", "#111111", "#222222"), 255)
classes = rng.integers(0, 3, place.shape).astype(np.uint8)
probabilities = rng.random((2, *place.shape)).astype(np.float32)

def write(path):
    if kind == "text":
        return write_text(path, "x" * 50_000)
    maps = kind in ("png", "tif")
    values = classes if maps else probabilities
    how = class_map_writer(path, place, legend) if maps else probability_writer(path, place, "ab")
    with how as writer:
        for row in range(0, 520, 104):
            writer.write(row, values[..., row : row + 104, :])

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

ending = {"text": ".txt", "png": ".png"}.get(kind, ".tif")
whole, target = folder / ("whole" + ending), folder / ("target" + ending)
write(whole)
size = whole.stat().st_size
outcomes = {}
for allowed in [*range(0, 2 * size, size // 8), size - 2000, size - 16, size - 1, size, 2 * size]:
    target.write_text("old")
    limit(allowed)
    try:
        write(target)
        outcome = "written"
    except OutputError:
        outcome = "refused"
    except BaseException as error:
        outcome = repr(error)
    finally:
        limit(resource.RLIM_INFINITY)
    expected = whole.read_bytes() if outcome == "written" else b"old"
    if target.read_bytes() != expected or len(list(folder.iterdir())) != 2:
        outcome += ", but a half-written file is left"
    outcomes.setdefault(outcome, []).append(size - allowed)
json.dump(outcomes, sys.stdout)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("kind", ["text", "png", "tif", "probabilities"])
def test_a_full_disk_leaves_the_old_file_or_the_whole_new_one(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-c", FULL_DISK, kind, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)  # bytes missing on the disk, by what came of it
    assert set(outcomes) == {"written", "refused"}, outcomes
    assert min(outcomes["written"]) < 0  # a GeoTIFF needs a larger file on the way
    assert len(outcomes["refused"]) > 10
