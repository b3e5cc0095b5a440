"""Real rasters of many kinds go the whole way, and come out where they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mapwright.apply import predict_files
from mapwright.data.check import check
from mapwright.data.dataset import Dataset
from mapwright.data.spec import DatasetSpec
from mapwright.io.raster import inspect, read_raster
from mapwright.run import Options, train_on

QUICK = {
    "steps": 2, "patch": 32, "batch": 2, "tile": 64, "overlap": 0.0, "tta": "none",
    "weights": "random",
}  # fmt: skip


def bands(*indices: int) -> list[dict[str, Any]]:
    return [{"name": f"band {k}", "index": k} for k in indices]


def classes(*values: Any) -> list[dict[str, Any]]:
    return [
        {"name": f"class {v}", "values": [v], "color": f"#{40 * k:02x}80{250 - 40 * k:02x}"}
        for k, v in enumerate(values)
    ]


BLOCKS = {"by": "block", "block": 160, "buffer": 16}
EXTRAS: dict[str, dict[str, Any]] = {
    "sen1floods11 optical": {
        "root": "sen1floods11", "images": "*_S2Hand.tif", "masks": "*_LabelHand.tif",
        "bands": bands(2, 3, 4, 8), "classes": classes(0, 1), "mask": {"ignore": [-1]},
        "valid": {"nodata": 0}, "epsg": 4326,
    },
    "sen1floods11 radar": {
        "root": "sen1floods11", "images": "*_S1Hand.tif", "masks": "*_LabelHand.tif",
        "bands": bands(1, 2), "classes": classes(0, 1), "mask": {"ignore": [-1]},
        "valid": {"nodata": float("nan")}, "epsg": 4326,
    },
    "spacenet_atlanta": {
        "root": "spacenet_atlanta", "images": "*_geotiff.tif", "masks": "geotiff_labels.geojson",
        "bands": bands(1), "classes": classes(0, 1), "mask": {"source": "polygons"},
        "valid": {"nodata": 0}, "epsg": 32616,
    },
    "eye_in_the_sky": {
        "root": "eye_in_the_sky", "images": "sat/*.tif", "masks": "gt/*.tif",
        "bands": bands(1, 2, 3, 4),
        "classes": classes("#000000", "#007d00", "#00ff00", "#646464", "#000096"),
        "mask": {"source": "colors", "ignore": ["#ffffff"]}, "epsg": 32632,
    },
    "loveda": {
        "root": "loveda", "images": "img_dir/*.png", "masks": "ann_dir/*.png",
        "bands": bands(1, 2, 3), "classes": classes(1, 2, 3, 4, 5, 6, 7), "mask": {"ignore": [0]},
        "split": {"by": "scene", "val": 1}, "epsg": None,
    },
    "potsdam": {
        "root": "potsdam", "images": "img_dir/*.png", "masks": "ann_dir/*.png",
        "bands": bands(1, 2, 3), "classes": classes(1, 2, 3, 4, 5, 6), "mask": {"ignore": [0]},
        "epsg": None,
    },
    "vaihingen": {
        "root": "vaihingen", "images": "img_dir/*.png", "masks": "ann_dir/*.png",
        "bands": bands(1, 2, 3), "classes": classes(1, 2, 3, 4, 5, 6), "mask": {"ignore": [0]},
        "epsg": None,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", EXTRAS)
def test_a_real_raster_goes_the_whole_way(stored_data: Path, tmp_path: Path, name: str) -> None:
    told = {"name": name, "split": BLOCKS, **EXTRAS[name]}
    root, epsg = stored_data / "extras" / told.pop("root"), told.pop("epsg")
    if not root.is_dir():
        pytest.skip(f"no {root.name} in MAPWRIGHT_DATA")
    dataset = Dataset(root, DatasetSpec.parse(told, name))
    assert not check(dataset).harmful
    run = train_on(dataset, tmp_path / "run", Options(settings=QUICK))
    assert run.scores and run.scores.pixels > 1000
    image = dataset.items[0].image
    (written,) = predict_files(run.model, [image], tmp_path / "maps")
    before, after = inspect(image), inspect(written.map)
    assert after.geobox == before.geobox
    assert (after.geobox.crs and after.geobox.crs.to_epsg()) == epsg
    nodata = run.model.bundle.spec.legend.nodata
    valid = dataset.read_image(dataset.items[0]).valid
    np.testing.assert_array_equal(read_raster(written.map, nodata=nodata).valid, valid)
