"""Drawing a sample from a map."""

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio import Affine

from area_maps import PLACE, some_map
from builders import write_tiff
from mapwright.areas.assess import area
from mapwright.areas.draw import draw_sample
from mapwright.errors import DatasetError, OutputError, SettingError


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("ending", [".csv", ".gpkg", ".geojson"])
@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857"])
def test_a_drawn_sample_comes_back_to_the_pixels_it_was_drawn_from(
    tmp_path: Path, ending: str, crs: str
) -> None:
    place = {"EPSG:4326": Affine(1e-4, 0, 10, 0, -1e-4, 60)}.get(crs, PLACE)
    path = some_map(tmp_path / "map.tif", crs=crs, transform=place)
    file = tmp_path / f"points å{ending}"
    drawn = draw_sample(path, 150, file)
    assert sum(drawn.points) == 150
    if ending == ".csv":
        rows = read_csv(file)
        assert set(rows[0]) >= {"id", "map_class", "class"}
        assert {row["class"] for row in rows} == {""}
    with pytest.raises(DatasetError, match="150 without a class yet"):
        area(path, file)
    areas = area(path, file, column="map_class")
    assert not areas.left_out
    assert [entry.map_points for entry in areas.classes] == list(drawn.points)
    assert areas.overall is not None
    assert areas.overall.value == 1


def test_no_pixel_is_drawn_twice_and_none_on_nodata(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif", (30, 30))
    pixels = area(path).pixels
    draw_sample(path, pixels, tmp_path / "p.csv", design="random")
    places = {(row["x"], row["y"]) for row in read_csv(tmp_path / "p.csv")}
    assert len(places) == pixels


def test_the_same_seed_draws_the_same_points_however_the_file_is_cut(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 4, (300, 200)).astype(np.uint8)
    texts = []
    for name, options in (
        ("a", {}),
        ("b", {}),
        ("tiled", {"tiled": True, "blockxsize": 64, "blockysize": 64}),
    ):
        path = write_tiff(
            tmp_path / f"{name}.tif", values, crs="EPSG:32633", transform=PLACE, **options
        )
        draw_sample(path, 200, tmp_path / f"{name}.csv", seed=5)
        texts.append((tmp_path / f"{name}.csv").read_text())
    assert texts[0] == texts[1] == texts[2]
    draw_sample(path, 200, tmp_path / "other.csv", seed=6)
    assert (tmp_path / "other.csv").read_text() != texts[0]


def test_points_do_not_stand_in_the_order_of_their_strata(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    draw_sample(path, 150, tmp_path / "p.csv")
    order = [row["map_class"] for row in read_csv(tmp_path / "p.csv")]
    changes = sum(a != b for a, b in pairwise(order))
    assert changes > 60  # about 100 in random order, 2 when sorted


def test_who_looks_can_be_kept_from_knowing_the_map(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    draw_sample(path, 150, tmp_path / "p.csv", blind=True)
    assert list(read_csv(tmp_path / "p.csv")[0]) == ["id", "x", "y", "lon", "lat", "class"]


def test_every_pixel_of_a_stratum_has_the_same_chance(tmp_path: Path) -> None:
    values = np.ones((12, 20), np.uint8)
    values[:3] = 2
    path = write_tiff(tmp_path / "map.tif", values, transform=PLACE)
    times = np.zeros(values.shape)
    runs = 60
    for seed in range(runs):
        file = tmp_path / f"{seed}.csv"
        draw_sample(path, 40, file, minimum=20, seed=seed)
        for row in read_csv(file):
            col = (float(row["x"]) - PLACE.c) / 10
            times[int((PLACE.f - float(row["y"])) / 10), int(col)] += 1
    for value, points in ((1, 20), (2, 20)):
        found = times[values == value]
        chance = points / found.size
        assert found.sum() == runs * points
        spread = (runs * chance * (1 - chance)) ** 0.5
        chi_square = ((found - runs * chance) ** 2).sum() / spread**2
        assert abs(chi_square - found.size) < 4 * (2 * found.size) ** 0.5
        assert np.abs(found - runs * chance).max() < 5 * spread


def test_ground_and_not_pixels_is_drawn_alike(tmp_path: Path) -> None:
    values = np.ones((80, 90), np.uint8)
    place = Affine(1, 0, 0, 0, -1, 80)
    path = write_tiff(tmp_path / "map.tif", values, crs="EPSG:4326", transform=place)
    draw_sample(path, 700, tmp_path / "p.csv")
    latitude = np.array([float(row["lat"]) for row in read_csv(tmp_path / "p.csv")])
    # half of the ground between the equator and 80 degrees lies below 29.5 degrees
    share = (latitude < 30).mean()
    assert share == pytest.approx(0.5 / np.sin(np.radians(80)), abs=0.06)
    assert abs(share - 30 / 80) > 0.07


def test_no_patch_of_a_map_is_favoured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("classmap", "census"):
        monkeypatch.setattr(f"mapwright.areas.{module}.PATCH", 32)
    values = np.ones((32, 5 * 32), np.uint8)
    path = write_tiff(tmp_path / "map.tif", values, transform=PLACE)
    counts = np.zeros(5)
    for seed in range(30):
        file = tmp_path / f"{seed}.csv"
        draw_sample(path, 200, file, seed=seed)
        cols = [(float(row["x"]) - PLACE.c) / 10 for row in read_csv(file)]
        counts += np.histogram(cols, bins=5, range=(0, 160))[0]
    spread = (6000 * 0.2 * 0.8) ** 0.5
    assert (np.abs(counts - 1200) < 4 * spread).all()


def test_a_file_that_may_hold_entered_classes_is_not_overwritten(tmp_path: Path) -> None:
    path = some_map(tmp_path / "map.tif")
    (tmp_path / "p.csv").write_text("kept")
    with pytest.raises(OutputError, match="exists already"):
        draw_sample(path, 150, tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text() == "kept"


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (5, {}, "too few"),
        (149, {"minimum": 50}, "too few"),
        (10, {"minimum": 1}, "too few"),
        (10_000, {}, "more than the map has"),
        (10, {"design": "sideways"}, "no design"),
    ],
)
def test_samples_that_can_not_be_drawn_are_refused(
    tmp_path: Path, count: int, options: dict[str, Any], message: str
) -> None:
    path = some_map(tmp_path / "map.tif")
    with pytest.raises(SettingError, match=message):
        draw_sample(path, count, tmp_path / "p.csv", **options)
    with pytest.raises(SettingError, match=r"can't be written as \.xlsx"):
        draw_sample(path, 100, tmp_path / "p.xlsx")
    assert {file.name for file in tmp_path.iterdir()} == {"map.tif"}
