"""Generated seas: the same seed gives the same sea, and masks are where the ships are."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from mapwright.demo.geometry import Frame
from mapwright.demo.sea import dataset
from mapwright.demo.sea.dataset import IMAGES, TABLE, TEST, Shot, make_ships
from mapwright.demo.sea.fleet import rescue
from mapwright.demo.sea.scene import Sea, make_sea, roll_count
from mapwright.demo.sea.stage import Stage
from mapwright.demo.sea.vessels import KINDS, Vessel, roll_kind, roll_vessel
from mapwright.demo.sea.weather import roll_weather
from mapwright.errors import OutputError, SettingError
from mapwright.io.rle import decode_instances

SIZE = 160
SEEDS = range(20)
CROWDS = range(400, 470)  # small seas, among which some have ships side by side


@pytest.fixture(scope="module")
def seas() -> list[Sea]:
    return [make_sea(seed, SIZE, empty=0.0) for seed in SEEDS]


def vessel(x: float, y: float, length: float, width: float, heading: float = 0.0) -> Vessel:
    white = (220.0, 220.0, 216.0)
    return Vessel(KINDS[0], Frame(x, y, heading), length, width, white, white, 0.0)


def open_water(size: int = 100, hidden: NDArray[np.bool_] | None = None) -> Stage:
    rng = np.random.default_rng(0)
    picture, shore = np.zeros((size, size, 3), np.uint8), np.full((size, size), 99, np.float32)
    return Stage(rng, roll_weather(rng), picture, shore, hidden)


def touching(ids: NDArray[np.uint16]) -> bool:
    """Whether two masks have pixels side by side."""
    return any(
        bool(((first != second) & (first > 0) & (second > 0)).any())
        for first, second in ((ids[:, 1:], ids[:, :-1]), (ids[1:], ids[:-1]))
    )


def test_same_seed_gives_same_bytes() -> None:
    first, second = make_sea(5, SIZE, empty=0.0), make_sea(5, SIZE, empty=0.0)
    assert first.image.tobytes() == second.image.tobytes()
    assert first.instances.tobytes() == second.instances.tobytes()
    assert first.ships == second.ships


def test_global_random_state_has_no_say() -> None:
    first = make_sea(6, SIZE, empty=0.0)
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    second = make_sea(6, SIZE, empty=0.0)
    np.random.set_state(state)  # noqa: NPY002
    assert np.array_equal(first.image, second.image)


def test_other_seeds_give_other_seas(seas: list[Sea]) -> None:
    assert len({sea.image.tobytes() for sea in seas}) == len(seas)


@pytest.mark.parametrize("size", [32, 33, 50, 257])
def test_small_and_odd_sizes_have_a_ship_and_no_overflow(size: int) -> None:
    for seed in range(20):
        sea = make_sea(seed, size, empty=0.0)
        assert sea.image.shape == (3, size, size)
        assert sea.instances.shape == (size, size)
        assert sea.image.dtype == np.uint8
        assert sea.instances.dtype == np.uint16
        assert 1 <= len(sea.ships) <= 15


def test_every_ship_has_pixels_and_every_number_a_ship(seas: list[Sea]) -> None:
    for sea in seas:
        assert np.unique(sea.instances[sea.instances > 0]).tolist() == [
            *range(1, len(sea.ships) + 1)
        ]


def test_a_box_holds_the_pixels_whose_centres_are_inside(seas: list[Sea]) -> None:
    rows, cols = np.mgrid[:SIZE, :SIZE] + 0.5
    for sea in seas:
        for number, ship in enumerate(sea.ships, 1):
            turned = (cols - ship.x + 1j * (rows - ship.y)) * np.exp(-1j * ship.heading)
            box = (np.abs(turned.real) <= ship.length / 2) & (np.abs(turned.imag) <= ship.width / 2)
            assert np.array_equal(sea.instances == number, box)


def test_hulls_lie_in_their_boxes_and_the_picture_stays(seas: list[Sea]) -> None:
    shares = []
    for seed, box in zip(SEEDS, seas, strict=True):
        hull = make_sea(seed, SIZE, empty=0.0, style="hull")
        assert np.array_equal(hull.image, box.image)
        assert np.array_equal(np.unique(hull.instances), np.unique(box.instances))
        for number, ship in enumerate(box.ships, 1):
            inside = hull.instances == number
            grown = binary_dilation(box.instances == number)
            assert not (inside & ~grown).any()
            if ship.length > 15:
                shares.append(inside.sum() / (box.instances == number).sum())
    assert 0.7 < np.mean(shares) < 0.97


def test_ships_stand_out_where_their_masks_are_and_not_beside() -> None:
    right = beside = 0.0
    for seed in SEEDS:
        sea = make_sea(seed, SIZE, empty=0.0, style="hull")
        grey = sea.image.astype(np.float64).mean(axis=0)
        steep = np.hypot(*np.gradient(grey))
        for number in range(1, len(sea.ships) + 1):
            mask = sea.instances == number
            edge = binary_dilation(mask) & ~binary_erosion(mask, border_value=1)
            right += steep[edge].mean()
            moved = [np.roll(edge, shift, (0, 1)) for shift in ((9, 9), (-9, 9), (9, -9), (-9, -9))]
            beside += float(np.mean([steep[other].mean() for other in moved]))
    assert right > 2.8 * beside  # two pixels of shift would fail


def test_ships_side_by_side_touch_and_never_overlap() -> None:
    crowds = [make_sea(seed, 96, empty=0.0) for seed in CROWDS]
    assert sum(touching(sea.instances) for sea in crowds) >= 2
    for sea in crowds:
        within = [ship for ship in sea.ships if _inside(ship.x, ship.y, ship.length, 96)]
        pixels = [int((sea.instances == sea.ships.index(ship) + 1).sum()) for ship in within]
        for ship, count in zip(within, pixels, strict=True):
            area = ship.length * ship.width
            assert abs(count - area) < 0.15 * area + 2 * math.sqrt(area)  # nothing cut away


def _inside(x: float, y: float, length: float, size: int) -> bool:
    return length / 2 + 1 < min(x, y) and max(x, y) < size - length / 2 - 1


def test_ships_reach_over_the_border(seas: list[Sea]) -> None:
    borders = [
        np.concatenate([sea.instances[[0, -1]].ravel(), sea.instances[:, [0, -1]].ravel()])
        for sea in seas
    ]
    assert sum(bool(border.any()) for border in borders) >= 3


def test_probability_of_an_empty_sea() -> None:
    assert not any(make_sea(seed, 32, empty=1.0).ships for seed in range(20))
    empty = sum(not make_sea(seed, 32, empty=0.75).ships for seed in range(120))
    assert 72 <= empty <= 108  # four standard deviations


def test_counts_have_a_long_tail() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([roll_count(rng) for _ in range(3000)])
    assert (counts.min(), counts.max()) == (1, 15)
    assert 0.5 < (counts == 1).mean() < 0.7
    assert 1.7 < counts.mean() < 2.6


def test_sizes_reach_from_boats_of_four_pixels_to_ships_of_250() -> None:
    rng = np.random.default_rng(0)
    frame = Frame(0, 0)
    fleet = [roll_vessel(rng, roll_kind(rng, False, 900), frame, 900) for _ in range(3000)]
    lengths = np.array([ship.length for ship in fleet])
    widths = np.array([ship.width for ship in fleet])
    assert lengths.min() < 5
    assert 240 < lengths.max() < 260
    assert 30 < np.median(lengths) < 55
    assert 7 < np.median(widths) < 13
    assert widths.min() >= 2
    assert (lengths / widths).min() > 1.2


@pytest.mark.parametrize(
    ("columns", "fits", "visible"), [(0, True, True), (10, True, True), (16, False, True)]
)
def test_a_ship_is_seen_whole_or_not_at_all(columns: int, fits: bool, visible: bool) -> None:
    hidden = np.zeros((100, 100), np.bool_)
    hidden[:, 40 : 40 + columns] = True
    stage, ship = open_water(hidden=hidden), vessel(50, 50, 20, 6)
    assert stage.fits(ship, 0) is fits
    assert stage.visible(ship) is visible


def test_a_ship_below_a_cloud_may_be_there_but_is_not_seen() -> None:
    stage, ship = open_water(hidden=np.ones((100, 100), np.bool_)), vessel(50, 50, 20, 6)
    assert stage.fits(ship, 0)
    assert not stage.visible(ship)
    assert not rescue(stage)


def test_ships_keep_off_each_other_and_off_land() -> None:
    stage = open_water()
    stage.launch(vessel(50, 50, 20, 6))
    assert not stage.fits(vessel(50, 55, 20, 6), 0)
    assert stage.fits(vessel(50, 56.1, 20, 6), 0)
    assert not stage.fits(vessel(50, 56.1, 20, 6), 3)
    stage.block([(0, 0), (100, 0), (100, 20), (0, 20)])
    assert not stage.fits(vessel(50, 21, 20, 6), 0)


def test_a_ship_out_of_sight_does_not_fit() -> None:
    stage = open_water()
    assert not stage.fits(vessel(-40, 50, 20, 6), 0)
    assert not stage.fits(vessel(-9.5, 50, 20, 6), 0)
    assert stage.fits(vessel(-2, 50, 20, 6), 0)


def test_rescue_finds_the_last_water() -> None:
    stage = open_water()
    stage.shore[:] = -5
    stage.shore[70:80, 20:30] = 4
    assert rescue(stage)
    (boat,) = stage.fleet
    assert 20 <= boat.frame.x <= 30
    assert 70 <= boat.frame.y <= 80
    assert not rescue(replace(stage, shore=np.full((100, 100), -5, np.float32)))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"size": 31}, "31"),
        ({"size": 4097}, "4097"),
        ({"empty": 1.5}, "1.5"),
        ({"style": "x"}, "x"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, object], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        make_sea(0, **settings)  # type: ignore[arg-type]


def table(folder: Path) -> dict[str, list[str]]:
    """Run-length texts of each image; none for an empty one."""
    texts: dict[str, list[str]] = {}
    with (folder / TABLE).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            held = texts.setdefault(row["ImageId"], [])
            assert row["EncodedPixels"] or not held
            held += [row["EncodedPixels"]] if row["EncodedPixels"] else []
    return texts


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(SettingError, match="-1"):
        make_sea(-1)


def test_a_folder_holds_images_and_a_row_for_each_ship(tmp_path: Path) -> None:
    folder = tmp_path / "Schiffe ä"
    shots = make_ships(folder, 8, size=64, seed=3)
    texts = table(folder)
    assert texts == {shot.name: list(shot.runs) for shot in shots}
    assert list(texts) == sorted(texts)
    assert sum(not held for held in texts.values()) == 6
    assert sorted(path.name for path in (folder / IMAGES).iterdir()) == sorted(texts)
    for name, held in texts.items():
        with Image.open(folder / IMAGES / name) as picture:
            assert (picture.size, picture.mode, picture.format) == ((64, 64), "RGB", "JPEG")
        ids = decode_instances(held, (64, 64), disjoint=True)
        assert ids.max() == len(held)


def test_further_images_are_named_in_no_table_and_change_none_of_the_others(tmp_path: Path) -> None:
    alone = make_ships(tmp_path / "alone", 4, empty=0.5, size=48, seed=9)
    assert make_ships(tmp_path / "more", 4, empty=0.5, size=48, seed=9, test=3) == alone
    assert table(tmp_path / "more") == table(tmp_path / "alone")
    names = {path.name for path in (tmp_path / "more" / TEST).iterdir()}
    assert len(names) == 3
    assert not names & {shot.name for shot in alone}
    assert not (tmp_path / "alone" / TEST).exists()


def test_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("first", "second"):
        make_ships(tmp_path / name, 4, empty=0.5, size=48, seed=9)
    make_ships(tmp_path / "other", 4, empty=0.5, size=48, seed=10)
    first, second, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("first", "second", "other")
    )
    assert first == second
    assert set(first) & set(other) == {TABLE}


def test_workers_make_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = make_ships(tmp_path / "alone", 3, empty=0.3, size=32)
    monkeypatch.setattr(dataset, "FEW", 0)
    assert make_ships(tmp_path / "workers", 3, empty=0.3, size=32) == alone


def test_runs_count_from_one_down_the_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = np.zeros((32, 32), np.uint16)
    ids[2:5, 7], ids[30:, 0], ids[:3, 1] = 1, 2, 2
    sea = Sea(np.zeros((3, 32, 32), np.uint8), ids, ())
    monkeypatch.setattr(dataset, "make_sea", lambda *_, **__: sea)
    (shot,) = make_ships(tmp_path / "set", 1, empty=0.0, size=32)
    lines = (tmp_path / "set" / TABLE).read_text(encoding="utf-8").splitlines()
    name = shot.name
    assert lines == ["ImageId,EncodedPixels", f"{name},{7 * 32 + 3} 3", f"{name},31 5"]


def test_overlapping_images_show_the_same_where_they_share_ground(tmp_path: Path) -> None:
    size = 96
    shots = make_ships(tmp_path / "set", 14, 0.3, seed=1, size=size, overlapping=True)
    pairs = [(a, b) for a in shots for b in shots if a.name < b.name and a.shared(b) > 0]
    assert len(shots) == 14
    assert len(pairs) >= 5
    assert any(a.runs for a, _ in pairs)
    for first, second in pairs:
        (one, one_ids), (two, two_ids) = (_seen(tmp_path / "set", shot) for shot in (first, second))
        mine, theirs = _common(first, second), _common(second, first)
        assert one[mine].size == pytest.approx(first.shared(second) * one.size)
        assert np.abs(one[mine] - two[theirs]).mean() < 1.5
        assert np.array_equal(one_ids[mine] > 0, two_ids[theirs] > 0)


def test_images_of_different_seas_share_nothing(tmp_path: Path) -> None:
    shots = make_ships(tmp_path / "set", 4, 0.5, size=48)
    assert all(a.shared(b) == (1.0 if a is b else 0.0) for a in shots for b in shots)


def _seen(folder: Path, shot: Shot) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    with Image.open(folder / IMAGES / shot.name) as picture:
        pixels = np.asarray(picture.convert("L"), np.float64)
    return pixels, decode_instances(shot.runs, pixels.shape)  # type: ignore[arg-type]


def _common(shot: Shot, other: Shot) -> tuple[slice, slice]:
    """The part of `shot` that `other` shows too."""
    return tuple(  # type: ignore[return-value]
        slice(max(step, 0), shot.size + min(step, 0))
        for step in (other.row - shot.row, other.col - shot.col)
    )


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="not empty"):
        make_ships(tmp_path, 1, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"images": 0}, "images"),
        ({"images": 2, "empty": -0.1}, "empty"),
        ({"images": 2, "seed": -1}, "seed"),
        ({"images": 2, "test": -1}, "test"),
        ({"images": 2, "size": 5000}, "size"),
    ],
)
def test_a_bad_order_makes_no_folder(
    tmp_path: Path, settings: dict[str, object], named: str
) -> None:
    with pytest.raises(SettingError, match=named):
        make_ships(tmp_path / "set", **settings)  # type: ignore[arg-type]
    assert not (tmp_path / "set").exists()
