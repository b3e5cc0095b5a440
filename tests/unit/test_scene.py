"""One grid over several files."""

from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine
from rasterio.warp import transform_bounds

from builders import Array, make_spec, write_tiff
from mapwright.data.bands import ImageReader
from mapwright.data.dataset import Dataset
from mapwright.data.spec import DatasetSpec
from mapwright.errors import ImageFileError
from mapwright.io.raster import inspect
from mapwright.io.scene import Layer, read_layers, read_on_grid, same_grid
from mapwright.types import IGNORE, Window

FINE = Affine(10, 0, 5e5, 0, -10, 6e6)
COARSE = Affine(20, 0, 5e5, 0, -20, 6e6)
UTM = "EPSG:32633"


def ramp(side: int, metres: float) -> Array:
    """Values that are the metres from the upper left corner, down and to the right."""
    along = (np.arange(side) + 0.5) * metres
    return (along[:, None] + along[None, :]).astype(np.float32)


@pytest.fixture
def layers(tmp_path: Path) -> tuple[Layer, Layer]:
    fine = write_tiff(tmp_path / "fine.tif", ramp(40, 10), crs=UTM, transform=FINE)
    coarse = write_tiff(tmp_path / "coarse.tif", ramp(20, 20), crs=UTM, transform=COARSE)
    return Layer(fine, (1,)), Layer(coarse, (1,))


def test_a_coarse_band_is_brought_to_the_fine_grid_without_a_shift(
    layers: tuple[Layer, Layer],
) -> None:
    raster = read_layers(layers)
    assert raster.pixels.shape == (2, 40, 40)
    assert raster.valid.all()
    fine, coarse = raster.pixels[:, 2:-2, 2:-2]
    np.testing.assert_allclose(coarse, fine, atol=1e-3)


@pytest.mark.parametrize(
    "window", [Window(3, 5, 10, 11), Window(-4, 30, 20, 20), Window(39, 39, 1, 1)]
)
def test_a_window_holds_what_the_whole_holds_there(
    layers: tuple[Layer, Layer], window: Window
) -> None:
    part, whole = read_layers(layers, window=window), read_layers(layers)
    np.testing.assert_array_equal(part.masked(), window.cut(whole.masked(), np.nan))


def test_a_category_is_never_mixed(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).choice([3, 70, 200], (20, 20)).astype(np.uint8)
    fine = write_tiff(tmp_path / "fine.tif", ramp(40, 10), crs=UTM, transform=FINE)
    path = write_tiff(tmp_path / "codes.tif", codes, crs=UTM, transform=COARSE)
    raster = read_layers([Layer(fine, (1,)), Layer(path, (1,), "nearest")])
    np.testing.assert_array_equal(raster.pixels[1], codes.repeat(2, 0).repeat(2, 1))


def test_what_a_band_does_not_cover_or_know_is_invalid(tmp_path: Path) -> None:
    fine = write_tiff(tmp_path / "fine.tif", ramp(40, 10), crs=UTM, transform=FINE)
    coarse = ramp(10, 20)
    coarse[5, 5] = 0
    path = write_tiff(tmp_path / "coarse.tif", coarse, crs=UTM, transform=COARSE, nodata=0)
    raster = read_layers([Layer(fine, (1,)), Layer(path, (1,), "nearest")], nodata=0)
    valid = np.zeros((40, 40), bool)
    valid[:20, :20] = True
    valid[10:12, 10:12] = False
    np.testing.assert_array_equal(raster.valid, valid)


def test_without_a_crs_another_size_is_refused(tmp_path: Path) -> None:
    fine = write_tiff(tmp_path / "fine.tif", ramp(40, 10))
    coarse = write_tiff(tmp_path / "coarse.tif", ramp(20, 20))
    with pytest.raises(ImageFileError, match=r"20 x 20 pixels, no CRS[\s\S]*40 x 40 pixels"):
        read_layers([Layer(fine, (1,)), Layer(coarse, (1,))])


@pytest.mark.parametrize(
    ("transform", "crs", "same"),
    [
        (FINE, UTM, True),
        (Affine(10, 0, 5e5 + 0.004, 0, -10, 6e6), UTM, True),
        (Affine(10, 0, 5e5 + 0.5, 0, -10, 6e6), UTM, False),
        (Affine(10.001, 0, 5e5, 0, -10, 6e6), UTM, False),
        (FINE, "EPSG:32632", False),
        (FINE, None, True),
    ],
)
def test_grids_are_the_same_up_to_rounding(
    tmp_path: Path, transform: Affine, crs: str | None, same: bool
) -> None:
    one = write_tiff(tmp_path / "a.tif", ramp(40, 10), crs=UTM, transform=FINE)
    two = write_tiff(tmp_path / "b.tif", ramp(40, 10), crs=crs, transform=transform)
    assert same_grid(inspect(one).geobox, inspect(two).geobox) == same


def test_another_crs_is_brought_to_the_grid(tmp_path: Path) -> None:
    grid = inspect(write_tiff(tmp_path / "a.tif", ramp(40, 10), crs=UTM, transform=FINE)).geobox
    left, bottom, right, top = transform_bounds(UTM, "EPSG:4326", *grid.extent.boundingbox.bbox)
    x, y = (right - left) / 200, (top - bottom) / 200
    columns = np.tile(np.arange(200, dtype=np.int32), (200, 1))
    path = write_tiff(
        tmp_path / "b.tif", columns, crs="EPSG:4326",
        transform=Affine(x, 0, left, 0, -y, top),
    )  # fmt: skip
    raster = read_on_grid(Layer(path, (1,), "nearest"), grid)
    assert raster.valid.mean() > 0.97
    middle = raster.pixels[0, 20]
    np.testing.assert_allclose(middle, np.linspace(2.5, 197.5, 40), atol=4)
    part = read_on_grid(Layer(path, (1,), "nearest"), grid, window=Window(7, 9, 20, 5))
    np.testing.assert_array_equal(part.pixels, raster.pixels[:, 7:27, 9:14])


BANDS = [
    {"name": "red", "index": 1},
    {"name": "swir", "index": 1, "file": "scenes/*/B11.tif"},
    {"name": "green", "index": 2},
]


@pytest.fixture
def safe(tmp_path: Path) -> Dataset:
    """A folder for each scene, a file for each resolution."""
    for number, name in enumerate(("north", "south")):
        folder = tmp_path / "scenes" / name
        pair = np.stack([ramp(40, 10), ramp(40, 10) * 2]) + number
        write_tiff(folder / "B04.tif", pair, crs=UTM, transform=FINE, photometric="minisblack")
        write_tiff(folder / "B11.tif", ramp(20, 20) + number, crs=UTM, transform=COARSE)
        write_tiff(tmp_path / "masks" / f"{name}.tif", np.eye(40, dtype=np.uint8) * 255)
    plain = make_spec().plain() | {"images": "scenes/*/B04.tif", "masks": "masks/*.tif"}
    return Dataset(tmp_path, DatasetSpec.parse(plain | {"bands": BANDS}, "a test"))


def test_bands_in_files_of_their_own_come_in_the_order_described(safe: Dataset) -> None:
    assert [item.stem for item in safe.items] == ["north", "south"]
    image = safe.read(safe.items[1]).image
    inner = image[:, 4:-4, 4:-4]
    np.testing.assert_allclose(inner[1], inner[0], rtol=1e-4)
    np.testing.assert_allclose(inner[2], 2 * inner[0] - 1, rtol=1e-4)


def test_the_files_of_one_image_are_found_from_its_path_alone(safe: Dataset) -> None:
    item = safe.items[0]
    raster = ImageReader(safe.spec).read(item.image)
    np.testing.assert_array_equal(raster.masked(), safe.read(item).image)


def test_a_missing_band_file_is_named(safe: Dataset) -> None:
    (safe.root / "scenes" / "south" / "B11.tif").unlink()
    with pytest.raises(ImageFileError, match=r"no file for band swir of 'south'"):
        Dataset(safe.root, safe.spec).read(safe.items[1])


def test_an_image_from_elsewhere_can_not_name_its_band_files(safe: Dataset, tmp_path: Path) -> None:
    other = write_tiff(tmp_path / "other.tif", np.zeros((2, 4, 4), np.uint8))
    with pytest.raises(ImageFileError, match=r"band swir is in a file of its own"):
        ImageReader(safe.spec).read(other)


def test_only_bands_from_other_files_keep_the_grid_of_the_images(safe: Dataset) -> None:
    bands = tuple(b.model_copy(update={"use": b.name == "swir"}) for b in safe.spec.bands)
    dataset = Dataset(safe.root, safe.spec.model_copy(update={"bands": bands}))
    assert dataset.read(dataset.items[0]).image.shape == (1, 40, 40)


def test_a_mask_on_another_grid_is_refused_with_both_grids(tmp_path: Path) -> None:
    write_tiff(tmp_path / "images" / "a.tif", np.ones((3, 40, 40), np.uint8), crs=UTM,
               transform=FINE, photometric="minisblack")  # fmt: skip
    codes = np.uint8(255) * (np.indices((20, 20)).sum(axis=0) % 2).astype(np.uint8)
    write_tiff(tmp_path / "masks" / "a.tif", codes, crs=UTM, transform=COARSE)
    layout = {"images": "images/*.tif", "masks": "masks/*.tif"}
    dataset = Dataset(tmp_path, make_spec(**layout))
    with pytest.raises(ImageFileError) as caught:
        dataset.read(dataset.items[0])
    for part in ("20 x 20 pixels of 20 x 20", "40 x 40 pixels of 10 x 10", "reproject = true"):
        assert part in str(caught.value)
    warped = Dataset(tmp_path, make_spec(**layout, mask={"reproject": True}))
    labels = warped.read(warped.items[0]).labels
    np.testing.assert_array_equal(labels, (codes == 255).repeat(2, 0).repeat(2, 1))


def test_where_a_reprojected_mask_does_not_reach_nothing_is_labelled(tmp_path: Path) -> None:
    write_tiff(tmp_path / "images" / "a.tif", np.ones((3, 40, 40), np.uint8), crs=UTM,
               transform=FINE, photometric="minisblack")  # fmt: skip
    shifted = Affine(10, 0, 5e5 + 100, 0, -10, 6e6)
    write_tiff(tmp_path / "masks" / "a.tif", np.zeros((40, 40), np.uint8), crs=UTM,
               transform=shifted)  # fmt: skip
    dataset = Dataset(
        tmp_path,
        make_spec(images="images/*.tif", masks="masks/*.tif", mask={"reproject": True}),
    )
    labels = dataset.read(dataset.items[0]).labels
    assert (labels[:, :10] == IGNORE).all()
    assert (labels[:, 10:] == 0).all()
