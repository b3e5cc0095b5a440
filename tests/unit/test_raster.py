import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine

from builders import write_png, write_tiff
from mapwright.errors import ImageFileError
from mapwright.io.raster import (
    ground_sampling_distance,
    inspect,
    open_raster,
    read_raster,
    valid_pixels,
)
from mapwright.types import Window

PLACE = Affine(10, 0, 500_000, 0, -10, 6_000_000)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(1, 250, (3, 8, 6), np.uint8)


def test_a_geotiff_says_its_names_place_and_nodata(tmp_path: Path) -> None:
    path = write_tiff(
        tmp_path / "a.tif",
        PIXELS.astype(np.uint16),
        crs="EPSG:32633",
        transform=PLACE,
        nodata=65535,
        descriptions=["red", "", "nir"],
        photometric="minisblack",
    )
    info = inspect(path)
    assert info.descriptions == info.names == ("red", "", "nir")
    assert (info.count, info.size, info.dtype) == (3, (8, 6), "uint16")
    assert (info.nodata, info.alpha) == (65535, None)
    assert info.geobox.crs == "EPSG:32633"
    assert info.geobox.transform == PLACE


def test_a_plain_picture_has_colours_and_no_place(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", np.zeros((4, 8, 6), np.uint8))
    info = inspect(path)
    assert info.descriptions == ("", "", "", "")
    assert info.names == ("red", "green", "blue", "alpha")
    assert (info.alpha, info.nodata, info.geobox.crs) == (4, None, None)


def test_nodata_may_be_nan(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.ones((2, 2), np.float32), nodata=math.nan)
    assert math.isnan(inspect(path).nodata or 0)


def test_all_bands_in_the_order_of_the_file(tmp_path: Path) -> None:
    raster = read_raster(write_png(tmp_path / "a.png", PIXELS))
    np.testing.assert_array_equal(raster.pixels, PIXELS)
    assert raster.pixels.dtype == np.uint8
    assert raster.valid.all()
    assert raster.valid.shape == raster.geobox.shape == (8, 6)


def test_bands_in_the_order_wanted(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", PIXELS)
    np.testing.assert_array_equal(read_raster(path, [3, 1]).pixels, PIXELS[[2, 0]])


def test_an_image_of_one_pixel(tmp_path: Path) -> None:
    raster = read_raster(write_png(tmp_path / "a.png", np.full((3, 1, 1), 9, np.uint8)))
    assert raster.pixels.tolist() == [[[9]], [[9]], [[9]]]
    assert raster.valid.tolist() == [[True]]


@pytest.mark.parametrize(
    "window",
    [
        Window(0, 0, 8, 6),
        Window(2, 1, 3, 4),
        Window(-2, -3, 20, 20),
        Window(7, 5, 1, 1),
        Window(6, 4, 9, 9),
        Window(-5, 0, 5, 6),
        Window(8, 0, 2, 2),
        Window(100, 100, 4, 4),
        Window(-100, -100, 4, 4),
    ],
)
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_window_is_cut_padded_and_placed(tmp_path: Path, ending: str, window: Window) -> None:
    path = tmp_path / f"a{ending}"
    if ending == ".tif":
        write_tiff(path, PIXELS, crs="EPSG:32633", transform=PLACE)
    else:
        write_png(path, PIXELS)
    raster = read_raster(path, window=window)
    np.testing.assert_array_equal(raster.pixels, window.cut(PIXELS, 0))
    np.testing.assert_array_equal(raster.valid, window.cut(np.ones((8, 6), bool), 0))
    assert raster.geobox.shape == (window.height, window.width)
    found, whole = raster.geobox.transform, inspect(path).geobox.transform
    assert found.c == whole.c + window.col * whole.a
    assert found.f == whole.f + window.row * whole.e


@pytest.mark.parametrize("step", [1, 2, 3, 5, 100])
def test_every_nth_pixel_keeps_the_footprint(tmp_path: Path, step: int) -> None:
    path = write_tiff(tmp_path / "a.tif", PIXELS, crs="EPSG:32633", transform=PLACE)
    raster = read_raster(path, step=step)
    assert raster.pixels.shape[1:] == (-(-8 // step), -(-6 // step))
    assert raster.geobox.shape == raster.pixels.shape[1:]
    assert np.isin(raster.pixels, PIXELS).all()
    assert raster.geobox.transform.a * raster.geobox.width == 10 * 6
    assert raster.geobox.boundingbox == inspect(path).geobox.boundingbox


def test_alpha_says_where_pixels_are_valid_only_when_asked(tmp_path: Path) -> None:
    pixels = np.full((4, 2, 2), 7, np.uint8)
    pixels[3] = [[0, 1], [254, 255]]
    path = write_png(tmp_path / "a.png", pixels)
    asked = read_raster(path, alpha=True)
    assert asked.pixels.shape == (3, 2, 2)
    assert asked.valid.tolist() == [[False, True], [True, True]]
    plain = read_raster(path)
    np.testing.assert_array_equal(plain.pixels, pixels)
    assert plain.valid.all()


def test_a_band_called_alpha_can_be_read_as_data(tmp_path: Path) -> None:
    pixels = np.arange(4 * 4, dtype=np.uint8).reshape(4, 2, 2)
    path = write_png(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_raster(path, [4]).pixels[0], pixels[3])


def test_asking_for_alpha_of_a_file_without_one_is_fine(tmp_path: Path) -> None:
    path = write_png(tmp_path / "a.png", PIXELS)
    assert read_raster(path, alpha=True).valid.all()


def test_nodata_in_one_band_read_makes_the_pixel_invalid(tmp_path: Path) -> None:
    pixels = np.ones((3, 1, 3), np.uint8)
    pixels[1, 0, 0] = pixels[2, 0, 1] = 0
    path = write_png(tmp_path / "a.png", pixels)
    assert read_raster(path, nodata=0).valid.tolist() == [[False, False, True]]
    assert read_raster(path, [1, 2], nodata=0).valid.tolist() == [[False, True, True]]
    assert read_raster(path).valid.all()


@pytest.mark.parametrize("nodata", [None, math.nan])
def test_nan_and_infinity_are_never_valid(nodata: float | None) -> None:
    pixels = np.array([[[1, np.nan, np.inf, -np.inf, 0]]], np.float32)
    assert valid_pixels(pixels, nodata).tolist() == [[True, False, False, False, True]]


def test_nodata_of_a_float_file_is_met_in_its_own_precision(tmp_path: Path) -> None:
    lowest = float(np.finfo(np.float32).min)
    path = write_tiff(tmp_path / "a.tif", np.array([[lowest, 0.1, 2]], np.float32), nodata=lowest)
    assert read_raster(path, nodata=inspect(path).nodata).valid.tolist() == [[False, True, True]]
    assert read_raster(path, nodata=0.1).valid.tolist() == [[True, False, True]]


def test_an_image_without_one_valid_pixel(tmp_path: Path) -> None:
    raster = read_raster(write_png(tmp_path / "a.png", np.zeros((3, 4, 4), np.uint8)), nodata=0)
    assert not raster.valid.any()
    assert np.isnan(raster.masked()).all()


def test_masked_is_float_with_nan_where_invalid(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.array([[0, 65535, 7]], np.uint16))
    masked = read_raster(path, nodata=0).masked()
    assert masked.dtype == np.float32
    np.testing.assert_array_equal(masked, [[[np.nan, 65535, 7]]])


def test_what_does_not_fit_float32_is_not_valid(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.array([[1e300, 1.0]]))
    raster = read_raster(path)
    np.testing.assert_array_equal(raster.masked(), [[[np.nan, 1]]])
    assert raster.valid.tolist() == [[False, True]]


@pytest.mark.parametrize("band", [0, 4, -1])
def test_a_band_that_is_not_there_is_named(tmp_path: Path, band: int) -> None:
    path = write_png(tmp_path / "a.png", PIXELS)
    with pytest.raises(ImageFileError, match=rf"band {band} does not exist[\s\S]*from 1 to 3"):
        read_raster(path, [1, band])


@pytest.mark.parametrize("part", [0, 0.001, 0.02, 0.5, 0.97])
@pytest.mark.parametrize("ending", [".png", ".jpg", ".tif"])
def test_a_file_cut_short_is_named(tmp_path: Path, ending: str, part: float) -> None:
    pixels = RNG.integers(0, 255, (3, 60, 60), np.uint8)
    whole = tmp_path / f"whole{ending}"
    (write_tiff if ending == ".tif" else write_png)(whole, pixels)
    data = whole.read_bytes()
    cut = tmp_path / f"cut{ending}"
    cut.write_bytes(data[: int(len(data) * part)])
    assert read_raster(whole).pixels.shape == (3, 60, 60)
    with pytest.raises(ImageFileError, match=rf"can't be read as an image[\s\S]*cut\{ending}"):
        read_raster(cut)


@pytest.mark.parametrize("place", [1, 20, 0.5, -13])  # signature, header, pixels, their checksum
def test_a_png_with_a_flipped_bit_is_named(tmp_path: Path, place: float) -> None:
    path = write_png(tmp_path / "a.png", RNG.integers(0, 255, (60, 60), np.uint8))
    data = bytearray(path.read_bytes())
    data[int(place * len(data)) if place == 0.5 else int(place)] ^= 1
    path.write_bytes(data)
    with pytest.raises(ImageFileError, match=r"a\.png"):
        inspect(path)


@pytest.mark.parametrize("name", ["text.png", "text.tif", "text.jpg"])
def test_a_text_file_is_no_image(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hello")
    with pytest.raises(ImageFileError, match=rf"can't be read as an image[\s\S]*{name}"):
        inspect(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"no such file[\s\S]*a\.tif"):
        inspect(tmp_path / "a.tif")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError):
        inspect(tmp_path)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("side", [10_000, 14_000])  # Pillow warns at the first, refuses the second
def test_a_large_png_is_no_bomb(tmp_path: Path, side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 1)
    path = tmp_path / "scene.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    assert inspect(path).size == (side, side)


@pytest.mark.parametrize(
    ("crs", "transform", "metres"),
    [
        (None, PLACE, None),
        ("EPSG:32633", PLACE, 10),
        ("EPSG:32633", Affine(4, 0, 0, 0, -9, 0), 6),
        ("EPSG:32633", Affine(math.sqrt(3), 1, 0, 1, -math.sqrt(3), 0), 2),
        ("EPSG:2263", Affine(2, 0, 0, 0, -2, 0), 2 * 0.3048006096),
        ("EPSG:4326", Affine(1e-4, 0, 10, 0, -1e-4, 60), 11.1195 * math.sqrt(0.5)),
    ],
)
def test_ground_sampling_distance(
    tmp_path: Path, crs: str | None, transform: Affine, metres: float | None
) -> None:
    path = write_tiff(tmp_path / "a.tif", PIXELS, crs=crs, transform=transform)
    found = ground_sampling_distance(inspect(path).geobox)
    assert found == (None if metres is None else pytest.approx(metres, rel=1e-4))


def test_a_failure_to_write_is_a_failure_of_the_system(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "height": 2, "width": 2, "count": 1, "dtype": "uint8"}
    with pytest.raises(OSError), open_raster(tmp_path / "no" / "a.tif", "w", **profile):
        pass


def test_reading_leaves_no_trace_beside_the_file(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", PIXELS)
    before = path.read_bytes()
    read_raster(path, nodata=0)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    assert path.read_bytes() == before
