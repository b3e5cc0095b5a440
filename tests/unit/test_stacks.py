"""NumPy files as images: axes, windows, types, and files that are refused."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapwright.errors import ImageFileError
from mapwright.io.raster import inspect, read_raster
from mapwright.io.scene import Layer, read_layers
from mapwright.io.stacks import open_stack
from mapwright.types import Window

RNG = np.random.default_rng(0)


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array, allow_pickle=False)
    return path


@pytest.mark.parametrize(
    ("shape", "last"),
    [
        ((102, 90, 13), True),
        ((13, 102, 90), False),
        ((8, 8, 13), True),  # smaller than the number of bands, but square
        ((13, 8, 8), False),
        ((1, 1, 13), True),
        ((41, 50, 40), True),
        ((50, 40, 3), True),
        ((3, 50, 40), False),
        ((300, 4, 4), True),
        ((35, 40, 40), False),
    ],
)
def test_the_axis_of_the_bands_is_recognised_and_said(
    tmp_path: Path, shape: tuple[int, ...], last: bool
) -> None:
    array = RNG.random(shape, np.float32)
    path = save(tmp_path / "a.npy", array)
    wanted = np.moveaxis(array, -1, 0) if last else array
    info = inspect(path)
    assert info.axes == f"shape {shape}: bands come {'last' if last else 'first'}"
    assert (info.count, *info.size) == wanted.shape
    assert (info.dtype, info.nodata, info.alpha, info.geobox.crs) == ("float32", None, None, None)
    np.testing.assert_array_equal(read_raster(path).pixels, wanted)


@pytest.mark.parametrize("shape", [(3, 200, 3), (8, 300, 13), (5, 30, 20), (1, 9, 32)])
def test_a_shape_that_could_be_both_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(ImageFileError, match="does not say which axis holds the bands"):
        inspect(path)


def test_two_axes_are_one_band(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.arange(12).reshape(3, 4))
    assert inspect(path).count == 1
    np.testing.assert_array_equal(read_raster(path).pixels[0], np.arange(12).reshape(3, 4))


@pytest.mark.parametrize(
    "window",
    [Window(0, 0, 20, 31), Window(3, 5, 7, 9), Window(-4, -2, 10, 12), Window(15, 25, 20, 20),
     Window(40, 40, 5, 5), Window(-9, 0, 5, 5)],
)  # fmt: skip
def test_a_window_is_what_the_whole_holds_there(tmp_path: Path, window: Window) -> None:
    array = RNG.random((20, 31, 4), np.float32)
    array[2, 3, 1] = np.nan
    path = save(tmp_path / "a.npy", array)
    part = read_raster(path, [4, 2], window=window, nodata=0)
    whole = read_raster(path, [4, 2], nodata=0).masked()
    np.testing.assert_array_equal(part.masked(), window.cut(whole, np.nan))
    assert part.geobox.shape == (window.height, window.width)


def test_only_the_window_is_read(tmp_path: Path) -> None:
    """A file far larger than what is asked for: sparse, so its zeros need no disk."""
    path = tmp_path / "huge.npy"
    array = np.lib.format.open_memmap(path, "w+", np.float32, (60_000, 60_000, 13))
    array[30_000, 30_000] = 7
    del array
    part = read_raster(path, [2, 8], window=Window(29_999, 29_999, 3, 3))
    assert part.pixels[:, 1, 1].tolist() == [7, 7]
    assert part.pixels.sum() == 14
    path.unlink()


@pytest.mark.parametrize("step", [2, 3, 50])
def test_every_nth_pixel_keeps_the_footprint(tmp_path: Path, step: int) -> None:
    array = RNG.random((20, 31, 2), np.float32)
    raster = read_raster(save(tmp_path / "a.npy", array), step=step)
    np.testing.assert_array_equal(raster.pixels, np.moveaxis(array[::step, ::step], -1, 0))
    box = raster.geobox.extent.boundingbox
    assert (box.span_x, box.span_y) == pytest.approx((31, 20))


@pytest.mark.parametrize("kind", ["?", "u1", "i2", "<f2", "f4", ">f4", ">u2", "i8", "f8"])
def test_every_type_of_number_keeps_its_values(tmp_path: Path, kind: str) -> None:
    array = RNG.integers(0, 2, (9, 7, 3)).astype(kind)
    path = save(tmp_path / "a.npy", array)
    raster = read_raster(path)
    assert raster.pixels.dtype.isnative
    assert inspect(path).dtype == raster.pixels.dtype.name
    np.testing.assert_array_equal(raster.pixels, np.moveaxis(array.astype(float), -1, 0))
    assert raster.masked().dtype == np.float32


def test_columns_first_in_memory_is_the_same_image(tmp_path: Path) -> None:
    array = RNG.random((20, 31, 4), np.float32)
    path = save(tmp_path / "a.npy", np.asfortranarray(array))
    np.testing.assert_array_equal(read_raster(path).pixels, np.moveaxis(array, -1, 0))


def test_a_file_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.zeros((5, 6, 2)))
    assert read_raster(path).pixels.sum() == 0
    save(path, np.ones((7, 6, 2)))
    assert read_raster(path).pixels.sum() == 84


def test_a_missing_band_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.zeros((50, 60, 3)))
    with pytest.raises(ImageFileError, match="band 4 does not exist"):
        read_raster(path, [4])


def test_stacks_of_one_size_are_layers_and_others_are_refused(tmp_path: Path) -> None:
    one = save(tmp_path / "a.npy", RNG.random((50, 60, 3)))
    two = save(tmp_path / "b.npy", RNG.random((50, 60)))
    both = read_layers([Layer(one, (2,)), Layer(two, (1,))])
    assert both.pixels.shape == (2, 50, 60)
    small = save(tmp_path / "c.npy", RNG.random((25, 30)))
    with pytest.raises(ImageFileError, match="on another grid and can't be placed: 25 x 30"):
        read_layers([Layer(one, (2,)), Layer(small, (1,))])


class Bomb:
    """Would leave a file behind if it were ever unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_nothing_in_a_file_is_ever_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for name, write in {
        "objects": lambda path: np.save(path, np.array([Bomb(mark)] * 9, object).reshape(3, 3)),
        "pickle": lambda path: path.write_bytes(pickle.dumps(Bomb(mark))),
    }.items():
        path = tmp_path / f"{name}.npy"
        write(path)
        with pytest.raises(ImageFileError, match=r"Python objects, which are not loaded|pickle"):
            inspect(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([["a", "b"]]), "values of the type <U1"),
        (np.zeros((4, 4), [("a", "f4")]), "values of the type"),
        (np.zeros((4, 4), complex), "values of the type complex128"),
        (np.zeros(5), r"the shape \(5,\)"),
        (np.zeros((2, 3, 4, 5)), r"the shape \(2, 3, 4, 5\)"),
        (np.zeros((0, 3)), r"the shape \(0, 3\)"),
        (np.zeros(()), r"the shape \(\)"),
    ],
)
def test_what_is_no_image_is_one_clear_error(
    tmp_path: Path, array: np.ndarray, message: str
) -> None:
    path = save(tmp_path / "a.npy", array)
    with pytest.raises(ImageFileError, match=message) as error:
        inspect(path)
    assert error.value.where == path


@pytest.mark.parametrize("kept", [0, 4, 9, 60, 127, 200, 3727])
def test_a_file_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    path = save(tmp_path / "a.npy", np.zeros((30, 30), np.float32))
    assert path.stat().st_size == 3728
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ImageFileError, match="it was cut short"):
        read_raster(path)


def test_any_damage_to_the_header_is_our_error_or_none(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.zeros((30, 30), np.float32))
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(100):
        data = bytearray(whole)
        for place in rng.integers(0, 128, rng.integers(1, 4)):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            open_stack(path)
        except ImageFileError as error:
            assert len(error.what) < 300


def test_a_shape_larger_than_any_disk_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.zeros((3, 3), np.uint8))
    for shape in (b"(9999999999, 9999999999)", b"(-3, -3)"):
        data = path.read_bytes().replace(b"(3, 3), }" + b" " * 20, shape + b", }   ")
        other = tmp_path / "b.npy"
        other.write_bytes(data)
        with pytest.raises(ImageFileError):
            inspect(other)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match="there is no such file"):
        inspect(tmp_path / "a.npy")


def test_a_name_of_another_alphabet(tmp_path: Path) -> None:
    path = save(tmp_path / "снимок é" / "сцена 1.NPY".replace("NPY", "npy"), np.zeros((9, 8, 2)))
    assert inspect(path).size == (9, 8)
