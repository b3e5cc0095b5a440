"""What prediction writes beside the map: confidence and polygons."""

import json
import sys
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from click.testing import CliRunner
from rasterio import features
from rio_cogeo.cogeo import cog_validate

from mapwright.apply import predict_files
from mapwright.cli import main
from mapwright.errors import SettingError
from mapwright.io.vector import PolygonOptions
from mapwright.run import Run

PLACE = Affine(0.5, 0.1, 400_000, 0.1, -0.5, 5_800_000)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A rotated scene of 150 x 200 pixels with a bright rectangle and a corner without data."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(20, 80, (3, 200, 150), np.uint8)
    pixels[:, 90:130, 20:90] += 120
    pixels[:, :30, :40] = 0
    path = tmp_path / "scene.tif"
    profile = {"height": 200, "width": 150, "count": 4, "dtype": "uint8", "photometric": "rgb"}
    with rasterio.open(
        path, "w", driver="GTiff", crs="EPSG:25833", transform=PLACE, alpha="yes", **profile
    ) as target:
        target.write(np.concatenate([pixels, 255 * pixels.any(axis=0, keepdims=True)]))
    return path


def test_confidence_is_the_probability_of_the_class_in_the_map(
    trained: Run, scene: Path, tmp_path: Path
) -> None:
    (files,) = predict_files(
        trained.model, [scene], tmp_path / "maps", probabilities=True, confidence=True
    )
    assert files.confidence == tmp_path / "maps" / "scene_confidence.tif"
    for path in (files.map, files.probabilities, files.confidence):
        assert cog_validate(path, strict=True)[0]
    with rasterio.open(files.confidence) as source:
        assert (source.count, source.dtypes, source.descriptions) == (
            1, ("float32",), ("confidence",),
        )  # fmt: skip
        assert (source.transform, source.crs.to_epsg()) == (PLACE, 25833)
        confidence = source.read(1)
    with rasterio.open(files.map) as source, rasterio.open(files.probabilities) as soft:
        values, probabilities = source.read(1), soft.read()
        nodata = source.nodata
    legend = trained.model.bundle.spec.legend
    assert np.isnan(confidence[:30, :40]).all()
    np.testing.assert_array_equal(np.isnan(confidence), values == nodata)
    for index, value in enumerate(legend.values):
        there = values == value
        assert there.any()
        np.testing.assert_array_equal(confidence[there], probabilities[index][there])


def test_polygons_of_a_scene_are_its_map(trained: Run, scene: Path, tmp_path: Path) -> None:
    (files,) = predict_files(
        trained.model, [scene], tmp_path / "maps", polygons=PolygonOptions("geojson")
    )
    assert files.polygons == tmp_path / "maps" / "scene_polygons.geojson"
    (files,) = predict_files(trained.model, [scene], tmp_path / "maps", polygons=PolygonOptions())
    meta, _, shapes, columns = pyogrio.raw.read(files.polygons, layer="scene_polygons")
    assert set(columns[list(meta["fields"]).index("name")]) == {"background", "square"}
    with rasterio.open(files.map) as source:
        values = source.read(1)
        drawn = np.full_like(values, source.nodata)
        pairs = zip(shapely.from_wkb(shapes), columns[0].tolist(), strict=True)
        np.testing.assert_array_equal(
            features.rasterize(pairs, out=drawn, transform=source.transform), values
        )
    names = {path.name for path in (tmp_path / "maps").iterdir()}
    assert names == {"scene.tif", "scene_polygons.gpkg", "scene_polygons.geojson"}


def test_what_polygons_need_is_checked_before_the_prediction(
    trained: Run, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    with pytest.raises(SettingError, match="pyarrow"):
        predict_files(trained.model, [scene], tmp_path / "maps", polygons=PolygonOptions("parquet"))
    assert not list((tmp_path / "maps").glob("*"))


def test_polygons_from_the_command_line(trained: Run, scene: Path, tmp_path: Path) -> None:
    arguments = ["predict", str(trained.folder), str(scene), "-o", str(tmp_path / "maps"), "--json"]
    vector = ["--format", "vector", "--vector-type", "parquet", "--min-area", "20"]
    result = CliRunner().invoke(main, [*arguments, *vector, "--simplify", "1", "--confidence"])
    assert result.exit_code == 0, result.output
    (files,) = json.loads(result.stdout)
    assert set(files) == {"image", "map", "confidence", "polygons"}
    table = pytest.importorskip("pyarrow.parquet").read_table(files["polygons"])
    assert min(table["area_m2"].to_pylist()) > 10
    refused = CliRunner().invoke(main, [*arguments, "--min-area", "20"])
    assert refused.exit_code == 2
    assert "--format vector" in refused.stderr
