"""Real labels: run lengths of ships, polygons of buildings."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from scipy import ndimage

from mapwright.data.describe import open_dataset
from mapwright.data.truth import true_objects
from mapwright.io.polygon_instances import PolygonInstances
from mapwright.io.raster import inspect, read_raster
from mapwright.io.rle import encode_instances, text_window
from mapwright.io.run_table import RunTable, write_run_table
from mapwright.metrics.components import label_objects
from mapwright.metrics.object_scores import object_scores
from mapwright.metrics.objects import count_objects, image_f2


def folder_of(stored_data: Path, name: str) -> Path:
    folder = stored_data / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in MAPWRIGHT_DATA")
    return folder


@pytest.fixture(scope="module")
def ships(stored_data: Path) -> Path:
    return folder_of(stored_data, "ships")


def test_every_row_decodes_to_its_area_and_comes_back(ships: Path, tmp_path: Path) -> None:
    table = RunTable.open(ships / "train_ship_segmentations_v2.csv", disjoint=True)
    assert len(table) == 12
    written = []
    for stem in table.stems:
        rows = table.rows(stem)
        found = table.read(stem, inspect(ships / "train_v2" / f"{stem}.jpg").geobox)
        areas = [sum(map(int, row.text.split()[1::2])) for row in rows]
        sizes = np.bincount(found.ids.ravel(), minlength=len(rows) + 1)
        assert sizes[1:].tolist() == areas
        for number, row in enumerate(rows, start=1):
            window = text_window(row.text, found.ids.shape)
            assert window is not None
            assert ndimage.find_objects(found.ids)[number - 1] == window.slices
        assert encode_instances(found.ids) == [row.text for row in rows]
        assert image_f2([count_objects(found.ids, label_objects(found.ids > 0))])[0] == 1
        written.append((f"{stem}.jpg", encode_instances(found.ids)))
    write_run_table(tmp_path / "again.csv", written)
    original = (ships / "train_ship_segmentations_v2.csv").read_bytes()
    assert (tmp_path / "again.csv").read_bytes() == original.replace(b"\r\n", b"\n")


def test_columns_come_first_as_ships_stand_out_from_the_sea_around_them(ships: Path) -> None:
    table = RunTable.open(ships / "train_ship_segmentations_v2.csv")
    seen = 0
    for stem in filter(table.count, table.stems):
        path = ships / "train_v2" / f"{stem}.jpg"
        grey = read_raster(path).pixels.mean(axis=0)
        mask = table.read(stem, inspect(path).geobox).ids > 0
        assert contrast(grey, mask) > 3 * contrast(grey, mask.T)
        seen += 1
    assert seen == 9


def contrast(grey: np.ndarray, mask: np.ndarray) -> float:
    """How far the mean inside a mask is from that of a ring around it."""
    near = ndimage.binary_dilation(mask, iterations=2)
    ring = ndimage.binary_dilation(mask, iterations=8) & ~near
    return abs(float(grey[mask].mean() - grey[ring].mean()))


def test_the_folder_is_described_with_objects_to_count_and_nothing_incomplete(
    ships: Path,
) -> None:
    dataset = open_dataset(ships)
    assert dataset.spec.counted == 1
    assert dataset.spec.mask.source == "rle:train_ship_segmentations_v2.csv"
    assert len(dataset.labelled) == 12
    assert {item.image.parent.name for item in dataset.items} == {"train_v2"}
    table = RunTable.open(ships / "train_ship_segmentations_v2.csv")
    counts = []
    for item in dataset.labelled:
        truth = true_objects(dataset, item, 1)
        assert truth.max() == table.count(item.stem)
        assert ((truth > 0) == (dataset.read_mask(item) == 1)).all()
        counts.append(count_objects(truth, truth))
    scores = object_scores(counts)
    assert (scores.with_objects, scores["f2"].value) == (9, 1)
    assert scores["f2"].baseline == 3 / 12  # nothing predicted


def test_weak_labels_decode_too(ships: Path) -> None:
    table = RunTable.open(ships / "incomplete" / "data.csv")
    images = sorted((ships / "incomplete").glob("*.jpg"))
    found = [table.read(path.name, inspect(path).geobox) for path in images]
    assert all(len(entry.classes) == 1 and entry.ids.any() for entry in found)


def test_buildings_have_the_area_of_their_polygons(stored_data: Path) -> None:
    folder = folder_of(stored_data, "extras/spacenet_atlanta")
    grid = inspect(folder / "sample_geotiff.tif").geobox
    found = PolygonInstances(folder / "geotiff_labels.geojson").read("sample_geotiff", grid)
    assert len(found.classes) > 10
    assert np.array_equal(np.unique(found.ids[found.ids > 0]), np.arange(1, len(found.classes) + 1))
    content = json.loads((folder / "geotiff_labels.geojson").read_text())
    shapes = [shapely.from_geojson(json.dumps(f["geometry"])) for f in content["features"]]
    pixel = abs(grid.resolution.x * grid.resolution.y)
    area = sum(shape.intersection(grid.extent.geom).area for shape in shapes) / pixel
    assert (found.ids > 0).sum() == pytest.approx(area, rel=0.005)
    assert len(found.classes) == len(shapes)
