import math
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from mapwright.data.overlaps import Pair, Unit, audit_split, leaked_pixels
from mapwright.io.place import pixel_on_ground

UTM = "EPSG:32633"


def box(
    x: float = 5e5, y: float = 6e6, rows: int = 50, cols: int = 40, side: float = 10,
    crs: str | None = UTM, turn: float = 0,
) -> GeoBox:  # fmt: skip
    """A grid whose upper left corner is at x, y; turned by `turn` degrees around it."""
    c, s = side * math.cos(math.radians(turn)), side * math.sin(math.radians(turn))
    return GeoBox((rows, cols), Affine(c, s, x, s, -c, y), crs)


def only(val: GeoBox, train: GeoBox, buffer: float = 0) -> Pair:
    audit = audit_split([Unit("v", val, "val"), Unit("t", train, "train")], buffer)
    (pair,) = (*audit.shared, *audit.near)
    return pair


def test_shared_rows_and_columns_are_counted() -> None:
    pair = only(box(), box(x=5e5 + 100, y=6e6 - 450))
    assert (pair.val, pair.train) == ("v", "t")
    assert (pair.rows, pair.cols, pair.pixels, pair.distance) == (5, 30, 150, 0)
    assert pair.share == pytest.approx(150 / 2000)


def test_pixels_of_the_validation_unit_count() -> None:
    coarse = box(rows=5, cols=4, side=100)
    assert only(box(), coarse).pixels == 2000
    assert only(coarse, box()).pixels == 20


@pytest.mark.parametrize(("shift", "pixels"), [(4.9, 2000), (5.1, 1950), (394.9, 50), (395.1, 0)])
def test_a_pixel_counts_when_its_centre_is_covered(shift: float, pixels: int) -> None:
    audit = audit_split(
        [Unit("v", box(), "val"), Unit("t", box(x=5e5 + shift, cols=100), "train")], 1
    )
    assert sum(pair.pixels for pair in audit.shared) == pixels
    assert len(audit.near) == (pixels == 0)


def test_tiles_that_touch_share_nothing() -> None:
    units = [Unit("v", box(), "val")]
    for k, (dx, dy) in enumerate(((400, 0), (-400, 0), (0, 500), (0, -500), (400, 500))):
        units.append(Unit(f"t{k}", box(5e5 + dx, 6e6 + dy), "train"))
    audit = audit_split(units)
    assert (audit.shared, audit.near, audit.leaked, audit.leaked_share) == ((), (), {}, 0)
    near = audit_split(units, buffer=1).near
    assert {pair.train for pair in near} == {f"t{k}" for k in range(5)}
    assert max(pair.distance for pair in near) < 0.01


def test_the_distance_is_in_metres_on_the_ground() -> None:
    pair = only(box(), box(x=5e5 + 400 + 73), buffer=100)
    assert pair.distance == pytest.approx(73 / 0.9996, rel=1e-4)  # scale of UTM at its meridian
    assert (
        audit_split([Unit("v", box(), "val"), Unit("t", box(x=5e5 + 600), "train")], 100).near == ()
    )


def test_the_distance_in_web_mercator_is_not_that_of_its_coordinates() -> None:
    north = 8_400_000  # 60 degrees: coordinates are twice as long as the ground
    val, train = (box(x, north, crs="EPSG:3857") for x in (0, 400 + 100))
    expected = 100 * pixel_on_ground(val)[0] / 10
    assert only(val, train, buffer=80).distance == pytest.approx(expected, rel=1e-3)
    assert pixel_on_ground(val)[0] == pytest.approx(5, rel=0.01)


def test_another_crs_covers_the_same_ground() -> None:
    x, y = 6.9e5, 6e6  # in zone 33; the other zone is turned by some degrees there
    val = box(x, y, rows=200, cols=200)
    wide = box(3.0e5 - 10_000, y + 15_000, rows=400, cols=400, side=100, crs="EPSG:32634")
    assert only(val, wide).pixels == 200 * 200
    assert leaked_pixels(Unit("v", val, "val"), [Unit("t", wide, "train")]).all()


def test_degrees_and_metres() -> None:
    val = GeoBox((60, 80), Affine(1e-4, 0, 15.0, 0, -1e-4, 54.15), "EPSG:4326")
    metres = box(5e5, 6_000_800, rows=40, cols=30, side=20)
    pair = only(val, metres)
    assert 0 < pair.pixels < 60 * 80
    leaked = leaked_pixels(Unit("v", val, "val"), [Unit("t", metres, "train")])
    assert leaked.sum() == pair.pixels
    assert leaked[:, 0].any()
    assert pair.rows == leaked.any(axis=1).sum()


def test_beyond_the_date_line() -> None:
    east = GeoBox((50, 100), Affine(1e-3, 0, 179.95, 0, -1e-3, 10), "EPSG:4326")
    west = GeoBox((50, 100), Affine(1e-3, 0, -180.0, 0, -1e-3, 10), "EPSG:4326")
    pair = only(east, west)
    assert (pair.rows, pair.cols) == (50, 50)


def test_around_the_pole() -> None:
    polar = GeoBox((200, 200), Affine(100, 0, -10_000, 0, -100, 10_000), "EPSG:3413")
    inner = GeoBox((20, 20), Affine(100, 0, -1000, 0, -100, 1000), "EPSG:3413")
    assert only(inner, polar).pixels == 400
    assert only(polar, inner).pixels == 400


def test_leaked_pixels_are_those_of_any_training_unit() -> None:
    val = Unit("v", box(), "val")
    trains = [Unit("a", box(x=5e5 - 300), "train"), Unit("b", box(y=6e6 + 400), "train")]
    expected = np.zeros((50, 40), bool)
    expected[:, :10] = True
    expected[:10] = True
    assert np.array_equal(leaked_pixels(val, trains), expected)
    audit = audit_split([val, *trains])
    assert audit.leaked == {"v": int(expected.sum())}
    assert audit.leaked_share == pytest.approx(expected.mean())
    assert [pair.train for pair in audit.shared] == ["a", "b"]


def test_no_training_unit_leaks_nothing() -> None:
    nothing = leaked_pixels(Unit("v", box(), "val"), [])
    assert nothing.shape == (50, 40)
    assert not nothing.any()


def test_units_on_one_side_are_not_held_against_each_other() -> None:
    same = [Unit(f"{k}", box(), "train") for k in range(3)]
    assert audit_split(same).shared == ()
    assert audit_split([Unit(f"{k}", box(), "val") for k in range(3)]).shared == ()


def test_folds_are_held_against_each_other_both_ways() -> None:
    units = [Unit("a", box(), 0), Unit("b", box(), 0), Unit("c", box(rows=10), 1)]
    audit = audit_split(units)
    pairs = {(pair.val, pair.train) for pair in audit.shared}
    assert pairs == {("a", "c"), ("b", "c"), ("c", "a"), ("c", "b")}
    assert audit.leaked == {"a": 400, "b": 400, "c": 400}


def test_units_without_a_place_are_named() -> None:
    plain = GeoBox((50, 40), Affine(1, 0, 0, 0, 1, 0), None)
    nowhere = box(x=1e30)
    units = [Unit("a", plain, "val"), Unit("b", box(), "train"), Unit("c", nowhere, "val")]
    audit = audit_split(units)
    assert audit.unplaced == ("a", "c")
    assert (audit.shared, audit.val_pixels) == ((), 0)
    assert not leaked_pixels(units[0], units[1:2]).any()
    assert audit_split(units[:1]).unplaced == ("a",)
    assert audit_split([]).unplaced == ()


def test_single_pixels() -> None:
    assert only(box(rows=1, cols=1), box(rows=1, cols=1)).share == 1


def test_a_large_scene_among_small_tiles() -> None:
    scene = Unit("scene", box(rows=3000, cols=3000), "train")
    tiles = [Unit(f"t{k}", box(x=5e5 + 500 * k, y=6e6 - 100), "val") for k in range(80)]
    audit = audit_split([scene, *tiles])
    assert len(audit.shared) == 60
    assert set(audit.leaked.values()) == {2000}


def test_thousands_of_tiles_take_no_more_than_a_moment() -> None:
    units = [
        Unit(f"{r} {c}", box(5e5 + 390 * c, 6e6 - 500 * r), "val" if (r + c) % 5 == 0 else "train")
        for r in range(50)
        for c in range(50)
    ]
    start = time.process_time()
    audit = audit_split(units)
    assert len(audit.leaked) == 500
    assert {(pair.rows, pair.cols) for pair in audit.shared} == {(50, 1)}
    assert time.process_time() - start < 8


def test_the_real_split_shares_a_corner(stored_data: Path) -> None:
    folder = stored_data / "landcover_truth"
    if not folder.is_dir():
        pytest.skip("no landcover_truth in MAPWRIGHT_DATA")
    units = []
    for path in sorted(folder.glob("*/*.tif")):
        with rasterio.open(path) as source:
            side = "val" if path.stem.startswith("val") else "train"
            units.append(Unit(path.stem, GeoBox.from_rio(source), side))
    audit = audit_split(units)
    (pair,) = audit.shared
    assert (pair.val, pair.train) == ("val_truth_1", "tra_truth_1")
    assert (pair.cols, pair.rows, pair.pixels) == (322, 11, 3542)
    assert audit.leaked_share == pytest.approx(0.0024, abs=1e-4)
