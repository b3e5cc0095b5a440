"""Laws of data: what is invalid counts nowhere, masks keep their values, draws repeat."""

import itertools
import json
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from rasterio import Affine

from builders import COLORS, make_spec, write_tiff
from mapwright.data.augment import augment
from mapwright.data.augmentation import Augmentation
from mapwright.data.check import check
from mapwright.data.dataset import Dataset, Sample
from mapwright.data.fingerprint import look_at, merge, take_fingerprint
from mapwright.data.patterns import natural_key
from mapwright.data.spec import DatasetSpec, Split
from mapwright.data.splits import Splits, make_splits
from mapwright.data.write_spec import to_toml
from mapwright.errors import ImageFileError, SettingError
from mapwright.io.maps import Legend, class_map_writer
from mapwright.io.raster import inspect, read_raster
from mapwright.types import IGNORE, Window

quick = settings(deadline=None, max_examples=40)
slow = settings(deadline=None, max_examples=12)

sides = st.integers(1, 12)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
stems = st.text("01²٣a_", max_size=3)


@settings(deadline=None)
@given(sides, sides, st.integers(-20, 20), st.integers(-20, 20), sides, sides)
def test_a_window_is_padding_and_slicing(
    height: int, width: int, row: int, col: int, rows: int, cols: int
) -> None:
    array = np.arange(2 * height * width).reshape(2, height, width)
    padded = np.pad(array, ((0, 0), (40, 40), (40, 40)), constant_values=-1)
    expected = padded[:, row + 40 : row + 40 + rows, col + 40 : col + 40 + cols]
    window = Window(row, col, rows, cols)
    np.testing.assert_array_equal(window.cut(array, -1), expected)
    inside = window.clip(height, width)
    assert inside.height * inside.width == (expected[0] >= 0).sum()
    if inside.height and inside.width:
        np.testing.assert_array_equal(array[(..., *inside.slices)].ravel(), expected[expected >= 0])


@settings(deadline=None, max_examples=400)
@given(stems, stems)
def test_names_sort_in_one_order_only(a: str, b: str) -> None:
    first, second = natural_key(a), natural_key(b)
    assert (first < second) + (second < first) == (a != b)


@quick
@given(st.lists(st.integers(0, 10**12)), st.sampled_from(["", "tile_", "a1b", "x 0_"]))
def test_numbers_in_names_sort_by_value(numbers: list[int], head: str) -> None:
    stems = [f"{head}{number}_end" for number in numbers]
    expected = [f"{head}{number}_end" for number in sorted(numbers)]
    assert sorted(stems, key=natural_key) == expected


@st.composite
def specs(draw: st.DrawFn) -> DatasetSpec:
    numbers = st.integers(250, 256) | st.integers(-9, 70_000)
    values = draw(st.lists(numbers, min_size=4, max_size=9, unique=True))
    count = draw(st.integers(2, len(values) - 1))
    places = st.sets(st.integers(1, len(values)), min_size=count, max_size=count)
    ends = [0, *sorted(draw(places))]
    groups = [values[a:b] for a, b in itertools.pairwise(ends)]
    text = names.map(str.strip)
    labels = draw(st.lists(text, min_size=len(groups), max_size=len(groups), unique=True))
    bands = draw(st.lists(text, min_size=1, max_size=4, unique=True))
    finite = st.floats(allow_nan=False, allow_infinity=False)
    soft = len(groups) == 2 and draw(st.booleans())
    return DatasetSpec.parse(
        {
            "name": draw(names),
            "images": draw(text.filter(lambda t: "*" not in t)) + "*.tif",
            "masks": draw(st.sampled_from([None, "labels/*_mask.png"])),
            "exclude": draw(st.lists(st.fixed_dictionaries({"stem": names, "why": names}))),
            "bands": [
                {
                    "name": name,
                    "index": draw(st.integers(1, 99)),
                    "use": number == 0 or draw(st.booleans()),
                    "scale": draw(finite),
                    "offset": draw(finite),
                    "unit": draw(st.none() | names),
                }
                for number, name in enumerate(bands)
            ],
            "classes": [
                {"name": name, "values": group, "color": draw(st.sampled_from(COLORS))}
                for name, group in zip(labels, groups, strict=True)
            ],
            "mask": {
                "threshold": draw(finite) if soft else None,
                "ignore": values[ends[-1] :],
            },
            "valid": {"nodata": draw(st.none() | finite), "alpha": draw(st.booleans())},
            "split": {"val": draw(st.floats(0.01, 1e6)), "seed": draw(st.integers(0, 2**40))},
        },
        "a test",
    )


@quick
@given(specs(), st.dictionaries(st.sampled_from(["name", "bands", "mask.ignore"]), lines))
def test_a_written_description_loads_back(spec: DatasetSpec, reasons: dict[str, str]) -> None:
    assert DatasetSpec.parse(tomllib.loads(to_toml(spec, reasons)), "text") == spec


@quick
@given(specs())
def test_invalid_pixels_of_a_map_never_look_like_a_class(spec: DatasetSpec) -> None:
    legend = spec.legend
    declared = {value for entry in spec.classes for value in entry.values}
    assert legend.nodata not in declared
    assert legend.nodata >= 0


@quick
@given(
    st.lists(st.integers(0, 65_535), min_size=2, max_size=30, unique=True),
    st.lists(st.integers(0, 65_535), max_size=2),
    st.data(),
)
def test_encoding_gives_each_class_its_value_and_nothing_else_one(
    values: list[int], ignore: list[int], data: st.DataObject
) -> None:
    ignore = [value for value in dict.fromkeys(ignore) if value not in values]
    legend = make_spec(*[(value,) for value in values], mask={"ignore": ignore}).legend
    classes = data.draw(arrays(np.uint8, (4, 5)))
    encoded = legend.encode(classes)
    known = classes < len(values)
    assert encoded[known].tolist() == [values[index] for index in classes[known]]
    assert (encoded[~known] == legend.nodata).all()
    assert legend.nodata not in values


@quick
@given(
    arrays(
        st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]),
        (4, 5),
        elements=st.integers(0, 9),
    )
)
def test_every_mask_value_is_a_class_or_ignored_or_named(values: np.ndarray) -> None:
    spec = make_spec((0, 5), (1,), (7, 3), mask={"ignore": [9]})
    meaning = {0: 0, 5: 0, 1: 1, 7: 2, 3: 2, 9: IGNORE}
    undeclared = {value: (values == value).sum() for value in (2, 4, 6, 8)}
    try:
        classes = spec.decode(values, "masks/a.png")
    except ImageFileError as error:
        named = [f"{value} ({count} pixels)" for value, count in undeclared.items() if count]
        assert all(text in str(error) for text in named)
        assert named
        assert "masks/a.png" in str(error)
        return
    assert not any(undeclared.values())
    assert classes.ravel().tolist() == [meaning[int(value)] for value in values.ravel()]


@slow
@given(
    sides,
    sides,
    st.lists(st.integers(0, 255), min_size=2, max_size=5, unique=True),
    st.sampled_from([".png", ".tif"]),
    st.sampled_from([None, "EPSG:32633", "EPSG:4326"]),
    st.integers(0, 2**32 - 1),
)
def test_a_class_map_reads_back(
    height: int, width: int, values: list[int], ending: str, crs: str | None, seed: int
) -> None:
    placed = crs and ending == ".tif"
    transform = Affine(0.5, 0, 10, 0, -0.25, 50) if placed else Affine.identity()
    geobox = GeoBox((height, width), transform, crs if placed else None)
    nodata = next(value for value in range(256) if value not in values)
    legend = Legend(tuple(values), tuple(map(str, values)), COLORS[: len(values)], nodata)
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, len(values) + 1, (height, width)).astype(np.uint8)
    classes[classes == len(values)] = IGNORE
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"map{ending}"
        with class_map_writer(path, geobox, legend) as writer:
            for row in range(height):
                writer.write(row, classes[row : row + 1])
        raster = read_raster(path, nodata=inspect(path).nodata)
    table = np.full(256, nodata)
    table[: len(values)] = values
    np.testing.assert_array_equal(raster.pixels[0], table[classes])
    np.testing.assert_array_equal(raster.valid, classes != IGNORE)
    assert raster.geobox == geobox


def write_with_holes(root: Path, fill: str, holes: np.ndarray, seed: int) -> Dataset:
    """Three images whose invalid pixels hold `fill`; alpha says where, except for NaN."""
    rng = np.random.default_rng(seed)
    for number, hole in enumerate(holes):
        pixels = rng.uniform(1, 60_000, (4, *hole.shape)).astype(np.float32)
        mask = rng.integers(0, 3, hole.shape).astype(np.uint8)
        filling = {"0": 0.0, "65535": 65_535.0, "nan": np.nan}.get(fill)
        if filling is None:
            filling = np.random.default_rng(seed + 1).normal(0, 1e9, (3, int(hole.sum())))
        pixels[:3, hole] = filling
        pixels[3] = ~hole
        alpha = 4 if fill == "random" else None
        image = root / "images" / f"{number}.tif"
        write_tiff(image, pixels, alpha=alpha, photometric="minisblack")
        write_tiff(root / "masks" / f"{number}.tif", mask)
    valid = {"0": {"nodata": 0}, "65535": {"nodata": 65_535}, "random": {"alpha": True}}
    files = {"images": "images/*.tif", "masks": "masks/*.tif"}
    return Dataset(root, make_spec((0,), (1,), (2,), valid=valid.get(fill, {}), **files))


@slow
@given(arrays(bool, (3, 5, 6), elements=st.booleans()), st.integers(0, 2**31))
def test_what_stands_in_invalid_pixels_changes_nothing(holes: np.ndarray, seed: int) -> None:
    holes[0, 0, 0] = False  # one pixel to count
    found = []
    for fill in ("nan", "0", "65535", "random"):
        with TemporaryDirectory() as folder:
            dataset = write_with_holes(Path(folder), fill, holes, seed)
            samples = [dataset.read(item) for item in dataset.items]
            fingerprint = take_fingerprint(dataset, dataset.items)
            found.append((samples, fingerprint, check(dataset).plain()))
    for sample, hole in zip(found[0][0], holes, strict=True):
        np.testing.assert_array_equal(np.isnan(sample.image), np.stack([hole] * 3))
        np.testing.assert_array_equal(sample.mask == IGNORE, hole)
    for samples, fingerprint, report in found[1:]:
        for sample, expected in zip(samples, found[0][0], strict=True):
            assert sample.image.tobytes() == expected.image.tobytes()
            assert sample.mask.tobytes() == expected.mask.tobytes()
            assert sample.labels.tobytes() == expected.labels.tobytes()
        assert fingerprint == found[0][1]
        assert report == found[0][2]
    assert sum(found[0][2]["class_pixels"]) == (~holes).sum()
    assert sum(found[0][1].class_pixels) == (~holes).sum()


@quick
@given(
    st.integers(0, 40),
    st.floats(0.01, 50),
    st.integers(0, 2**40),
    st.integers(0, 45),
)
def test_splits_are_disjoint_complete_and_repeatable(
    images: int, val: float, seed: int, folds: int
) -> None:
    stems = [f"s{number}" for number in range(images)]
    split = Split(val=val, seed=seed)
    try:
        splits = make_splits(stems, split, folds)
    except SettingError:
        assert images < 2 or folds > images or (folds == 1 and val >= 1 and int(val) >= images)
        return
    assert make_splits(stems, split, folds) == splits
    assert Splits.parse(json.loads(json.dumps(splits.plain())), "splits.json") == splits
    for fold in splits.folds:
        assert sorted([*fold.train, *fold.val]) == sorted(stems)
        assert fold.train or not stems
    validated = [stem for fold in splits.folds for stem in fold.val]
    assert len(set(validated)) == len(validated)
    if folds == 1:
        expected = math.floor(val * images + 1e-9) if val < 1 else math.floor(val)
        assert len(validated) == max(expected, 1)
    elif folds > 1:
        assert set(validated) == set(stems)


@quick
@given(
    st.integers(1, 3),
    st.lists(st.tuples(sides, sides), min_size=1, max_size=5),
    st.floats(-1e5, 1e5),
    st.floats(0.01, 1e4),
    st.integers(0, 2**32 - 1),
)
def test_moments_are_those_of_all_pixels_however_they_are_divided(
    bands: int, shapes: Sequence[tuple[int, int]], centre: float, spread: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    records, pixels = [], []
    for number, shape in enumerate(shapes):
        image = rng.normal(centre, spread, (bands, *shape)).astype(np.float32)
        hole = rng.random(shape) < 0.3
        hole.flat[0] &= number > 0
        image[rng.integers(bands), hole] = np.nan
        mask = np.where(hole, IGNORE, 0).astype(np.uint8)
        records.append(look_at(str(number), Sample(image, mask, mask), 2, None))
        pixels.append(image[:, ~hole].astype(np.float64))
    found = merge(records, [str(band) for band in range(bands)], ["a", "b"])
    for band, values in zip(found.bands, np.concatenate(pixels, axis=1), strict=True):
        assert band.mean == pytest.approx(values.mean(), rel=1e-9, abs=1e-9 * spread)
        size = max(abs(values.mean()), np.ptp(values))
        if values.std() > 1.01e-5 * size:
            assert band.std == pytest.approx(values.std(), rel=1e-6)
        elif values.std() < 0.99e-5 * size:  # as good as constant
            assert np.abs(values - band.mean).max() <= band.std
        assert (band.minimum, band.maximum) == (values.min(), values.max())
    assert found.class_pixels == (sum(part.shape[1] for part in pixels), 0)


OFF: dict[str, Any] = {
    "reflect": False, "rotate": 0, "zoom": 1, "zoom_rate": 0, "brightness": 0,
    "contrast": 0, "tint": 0, "noise": 0, "blur": 0,
}  # fmt: skip


@st.composite
def batches(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Pixels of 0 or 100 with holes, the mask of those above 50, and a tile size."""
    half, margin = draw(st.integers(1, 8)), draw(st.integers(0, 4))
    source = 2 * (half + margin)
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 3)), source, source)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    image = (rng.random(shape) > 0.5).astype(np.float32) * 100
    mask = (image[:, 0] > 50).astype(np.int64)
    image[rng.random(shape) < draw(st.sampled_from([0, 0.05, 0.9]))] = np.nan
    mask[np.isnan(image).any(axis=1)] = IGNORE
    return torch.from_numpy(image), torch.from_numpy(mask), 2 * half


def vary(
    batch: tuple[torch.Tensor, torch.Tensor, int], how: dict[str, Any], seed: int
) -> tuple[torch.Tensor, torch.Tensor]:
    image, mask, patch = batch
    rng = torch.Generator().manual_seed(seed)
    return augment(image, mask, patch, Augmentation(**how), torch.ones(image.shape[1]), rng)


@quick
@given(batches(), st.integers(0, 2**32))
def test_no_augmentation_is_the_identity(
    batch: tuple[torch.Tensor, torch.Tensor, int], seed: int
) -> None:
    image, mask, patch = batch
    edge = (image.shape[-1] - patch) // 2
    inside = slice(edge, edge + patch)
    tile, labels = vary(batch, OFF, seed)
    expected = image[:, :, inside, inside].clone()
    expected[:, :][expected.isnan().any(dim=1, keepdim=True).expand_as(expected)] = torch.nan
    torch.testing.assert_close(tile, expected, equal_nan=True, rtol=0, atol=0.01)
    torch.testing.assert_close(labels, mask[:, inside, inside])


@quick
@given(batches(), st.integers(0, 2**32))
def test_flips_and_quarter_turns_keep_image_and_mask_aligned(
    batch: tuple[torch.Tensor, torch.Tensor, int], seed: int
) -> None:
    image, _, patch = batch
    tile, labels = vary(batch, OFF | {"reflect": True}, seed)
    invalid = tile.isnan().any(dim=1)
    expected = torch.where(invalid, IGNORE, (tile[:, 0] > 50).long())
    torch.testing.assert_close(labels, expected)
    edge = (image.shape[-1] - patch) // 2
    centre = image[:, :, edge : edge + patch, edge : edge + patch]
    holes = centre.isnan().any(dim=1).sum(dim=(1, 2))
    torch.testing.assert_close(invalid.sum(dim=(1, 2)), holes)


@quick
@given(batches(), st.integers(0, 2**32))
def test_invalid_pixels_never_become_valid_or_labelled(
    batch: tuple[torch.Tensor, torch.Tensor, int], seed: int
) -> None:
    image, mask, _ = batch
    tile, labels = vary(batch, {}, seed)
    invalid = tile.isnan().any(dim=1)
    assert (labels[invalid] == IGNORE).all()
    assert torch.equal(invalid, tile.isnan().all(dim=1))
    dead = image.isnan().any(dim=1).all(dim=2).all(dim=1)
    assert invalid[dead].all()
    for number in range(len(image)):
        known = set(mask[number].unique().tolist()) | {IGNORE}
        assert set(labels[number].unique().tolist()) <= known
