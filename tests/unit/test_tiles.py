import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from builders import make_dataset, make_spec, write_png
from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.hard import HardTiles, heard
from mapwright.data.tiles import SampleCache, TrainingTiles
from mapwright.types import IGNORE, Window


class CountingDataset(Dataset):
    """Notes what is read."""

    def read(self, item: Item, window: Window | None = None) -> Sample:
        self.__dict__.setdefault("seen", []).append(item.stem)
        return super().read(item, window)


@pytest.fixture
def dataset(tmp_path: Path) -> CountingDataset:
    return CountingDataset(
        make_dataset(tmp_path, count=4, bands=4), make_spec(valid={"alpha": True})
    )


def tiles(
    dataset: Dataset,
    *,
    patch: int = 32,
    context: float = 1.5,
    batch: int = 4,
    seed: int = 0,
    size: int = 64,
) -> TrainingTiles:
    sizes = [(size, size)] * len(dataset.items)
    cache = SampleCache(dataset, 2**24)
    return TrainingTiles(
        cache, dataset.items, sizes, patch=patch, context=context, batch=batch, seed=seed
    )


def test_a_batch_holds_what_the_files_hold_at_its_places(dataset: Dataset) -> None:
    batch = tiles(dataset).draw(0)
    assert (batch.image.shape, batch.image.dtype) == ((4, 3, 48, 48), torch.float32)
    assert (batch.mask.shape, batch.mask.dtype) == ((4, 48, 48), torch.int64)
    items = {item.stem: item for item in dataset.items}
    for image, mask, (stem, window) in zip(batch.image, batch.mask, batch.places, strict=True):
        sample = dataset.read(items[stem])
        np.testing.assert_array_equal(image, window.cut(sample.image, np.nan))
        np.testing.assert_array_equal(mask, window.cut(sample.mask, IGNORE))


def test_a_batch_follows_from_seed_and_step_alone(dataset: Dataset) -> None:
    forward, backward = tiles(dataset), tiles(dataset)
    first = [forward.draw(step) for step in range(4)]
    second = [backward.draw(step) for step in reversed(range(4))][::-1]
    for one, other in zip(first, second, strict=True):
        assert one.places == other.places
        assert torch.equal(one.image.nan_to_num(-1), other.image.nan_to_num(-1))
        assert torch.equal(one.mask, other.mask)
    assert len({batch.places for batch in first}) == 4
    assert tiles(dataset, seed=1).draw(0).places != first[0].places


@pytest.mark.parametrize(("patch", "context"), [(32, 1.0), (32, 1.5), (64, 2.0), (30, 1.1)])
def test_the_central_tile_lies_inside_the_image(
    dataset: Dataset, patch: int, context: float
) -> None:
    drawn = tiles(dataset, patch=patch, context=context, batch=16)
    assert (drawn.source - patch) % 2 == 0
    assert patch * context <= drawn.source < patch * context + 2
    margin = (drawn.source - patch) // 2
    for _, window in drawn.draw(0).places:
        for start in (window.row + margin, window.col + margin):
            assert 0 <= start <= 64 - patch


def test_every_place_of_an_image_is_drawn(dataset: Dataset) -> None:
    drawn = tiles(dataset, patch=62, context=1.0, batch=300)
    places = {(window.row, window.col) for _, window in drawn.draw(0).places}
    assert places == {(row, col) for row in range(3) for col in range(3)}


@pytest.mark.parametrize("size", [1, 5, 31])
def test_an_image_smaller_than_the_tile_stands_in_its_centre(tmp_path: Path, size: int) -> None:
    write_png(tmp_path / "images" / "a.png", np.full((3, size, size), 9, np.uint8))
    write_png(tmp_path / "masks" / "a.png", np.zeros((size, size), np.uint8))
    dataset = Dataset(tmp_path, make_spec())
    batch = tiles(dataset, patch=32, context=1.5, size=size).draw(0)
    known = batch.mask[0] == 0
    assert int(known.sum()) == size * size
    assert torch.equal(~batch.image[0].isnan().any(dim=0), known)
    rows, cols = torch.nonzero(known, as_tuple=True)
    for found in (rows, cols):
        assert abs(int(found.min() + found.max()) - 47) <= 1
    assert (batch.mask[0][~known] == IGNORE).all()


def test_large_images_are_drawn_more_often(tmp_path: Path) -> None:
    for stem, size in (("large", 60), ("small", 20)):
        write_png(tmp_path / "images" / f"{stem}.png", np.zeros((3, size, size), np.uint8))
        write_png(tmp_path / "masks" / f"{stem}.png", np.zeros((size, size), np.uint8))
    dataset = Dataset(tmp_path, make_spec())
    drawn = TrainingTiles(
        SampleCache(dataset, 2**20), dataset.items, [(60, 60), (20, 20)],
        patch=8, context=1.0, batch=1000, seed=0,
    )  # fmt: skip
    large = sum(stem == "large" for stem, _ in drawn.draw(0).places)
    assert large == pytest.approx(900, abs=50)


def test_the_cache_reads_each_image_once_while_there_is_room(dataset: CountingDataset) -> None:
    cache = SampleCache(dataset, 2**24)
    for item in dataset.items * 3:
        cache.read(item)
    assert dataset.__dict__["seen"] == ["00", "01", "02", "03"]


def test_what_finds_no_room_in_the_cache_is_read_by_window(dataset: CountingDataset) -> None:
    a, b, c = dataset.items[:3]
    one = 64 * 64 * (3 * 4 + 2)
    cache, window = SampleCache(dataset, 2 * one), Window(-3, 40, 20, 30)
    for item in (a, b, c, a, b, c):
        part = cache.read(item, window)
        whole = Dataset.read(dataset, item).cut(window)
        for got, wanted in zip(vars(part).values(), vars(whole).values(), strict=True):
            np.testing.assert_array_equal(got, wanted)
    assert dataset.__dict__["seen"] == ["00", "01", "02", "02"]


def test_rare_classes_get_their_share_of_tiles(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=4, bands=3)
    for number, stem in enumerate(sorted(path.stem for path in (root / "masks").iterdir())):
        mask = np.zeros((64, 64), np.uint8)
        if number == 2:
            mask[40, 50] = 255
        write_png(root / "masks" / f"{stem}.png", mask)
    dataset = Dataset(root, make_spec((0,), (255,)))
    sizes, nothing = [(64, 64)] * 4, np.zeros(0, np.int64)

    def share(rare: float) -> float:
        drawn = TrainingTiles(
            SampleCache(dataset, 2**24),
            dataset.items,
            sizes,
            patch=8,
            context=1.0,
            batch=200,
            seed=0,
            rare=rare,
            places=[[np.arange(4096)] * 4, [nothing, nothing, np.array([40 * 64 + 50]), nothing]],
        ).draw(0)
        return float((drawn.mask == 1).any(dim=(1, 2)).float().mean())

    assert share(0.0) < 0.05
    assert share(1.0) == pytest.approx(0.5, abs=0.1)
    assert share(0.5) == pytest.approx(0.25, abs=0.1)


# --- mostly empty images -----------------------------------------------------------------------


@pytest.fixture
def sea(tmp_path: Path) -> Dataset:
    """Three images without object and one with a single pixel of one, at row 40, column 50."""
    root = make_dataset(tmp_path, count=4, bands=3)
    for stem in ("00", "01", "02", "03"):
        mask = np.zeros((64, 64), np.uint8)
        mask[40, 50] = 255 * (stem == "02")
        write_png(root / "masks" / f"{stem}.png", mask)
    return Dataset(root, make_spec((0,), (255,)))


def at_sea(dataset: Dataset, bare: tuple[int, ...] = (0, 1, 3), **shares: float) -> TrainingTiles:
    nothing = np.zeros(0, np.int64)
    return TrainingTiles(
        SampleCache(dataset, 2**24),
        dataset.items,
        [(64, 64)] * 4,
        patch=8,
        context=1.0,
        batch=400,
        seed=0,
        places=[[nothing, nothing, np.array([40 * 64 + 50]), nothing]],
        bare=bare,
        **shares,
    )


def share_of(drawn: TrainingTiles, *stems: str, hard: HardTiles | None = None) -> float:
    return float(np.mean([stem in stems for stem, _ in drawn.draw(0, hard).places]))


def test_images_without_object_are_drawn_as_often_as_planned(sea: Dataset) -> None:
    assert share_of(at_sea(sea), "02") == pytest.approx(0.25, abs=0.07)
    for empty in (0.1, 0.5, 1.0):
        drawn = at_sea(sea, empty=empty)
        assert share_of(drawn, "00", "01", "03") == pytest.approx(empty, abs=0.08)


def test_tiles_around_objects_empty_ones_and_the_rest_share_a_batch(sea: Dataset) -> None:
    batch = at_sea(sea, empty=0.25, rare=0.5).draw(0)
    stems = np.array([stem for stem, _ in batch.places])
    assert (stems != "02").mean() == pytest.approx(0.25, abs=0.07)
    holds = (batch.mask == 1).any(dim=(1, 2)).numpy()
    assert holds.mean() == pytest.approx(0.5, abs=0.08)
    assert not holds[stems != "02"].any()


@pytest.mark.parametrize("bare", [(), (0, 1, 2, 3)])
def test_with_images_of_one_kind_alone_all_are_drawn(sea: Dataset, bare: tuple[int, ...]) -> None:
    drawn = at_sea(sea, bare, empty=0.5)
    assert {stem for stem, _ in drawn.draw(0).places} == {"00", "01", "02", "03"}


def test_without_a_place_of_any_class_tiles_come_from_anywhere(sea: Dataset) -> None:
    drawn = TrainingTiles(
        SampleCache(sea, 2**24), sea.items, [(64, 64)] * 4,
        patch=8, context=1.0, batch=8, seed=0, rare=0.5, places=[[np.zeros(0, np.int64)] * 4],
    )  # fmt: skip
    assert drawn.draw(0).image.shape == (8, 3, 8, 8)


def test_hard_tiles_are_drawn_again_at_their_very_place(sea: Dataset) -> None:
    hard = HardTiles()
    hard.learn(heard([("01", Window(-2, 30, 8, 8))], [0.9]))
    drawn = at_sea(sea, empty=0.5, mining=0.5)
    places = [(stem, window.row, window.col) for stem, window in drawn.draw(0, hard).places]
    again = np.mean([place == ("01", -2, 30) for place in places])
    assert again == pytest.approx(0.25, abs=0.07)
    assert share_of(drawn, "00", "03", hard=hard) == pytest.approx(0.25 * 2 / 3, abs=0.07)
    assert share_of(at_sea(sea, empty=0.5), "01", hard=hard) == pytest.approx(1 / 6, abs=0.06)


def test_a_batch_follows_from_seed_step_and_hard_tiles(sea: Dataset) -> None:
    hard = HardTiles()
    hard.learn(heard([("01", Window(3, 5, 8, 8)), ("03", Window(4, 4, 8, 8))], [0.9, 0.2]))
    one, other = (at_sea(sea, empty=0.5, mining=0.9) for _ in range(2))
    other.draw(7, hard)
    assert one.draw(3, hard).places == other.draw(3, HardTiles(hard.plain())).places
    assert one.draw(3, hard).places != one.draw(3).places


# --- several threads ------------------------------------------------------------------------------


class SlowDataset(CountingDataset):
    """Takes its time, and fails as often as it was told."""

    def read(self, item: Item, window: Window | None = None) -> Sample:
        time.sleep(0.002)
        kind = "part" if window else "whole"
        self.__dict__.setdefault("kinds", []).append((item.stem, kind))
        if self.__dict__.get("failures", 0):
            self.__dict__["failures"] -= 1
            raise OSError("no such disk")
        return super().read(item, window)


@pytest.fixture
def slow(tmp_path: Path) -> SlowDataset:
    return SlowDataset(make_dataset(tmp_path, count=4, bands=3), make_spec())


@pytest.mark.parametrize("room", [0, 1, 2, 4])
def test_threads_read_the_same_and_keep_no_more_than_fits(slow: SlowDataset, room: int) -> None:
    one = 64 * 64 * (3 * 4 + 2)
    cache, rng = SampleCache(slow, room * one + one // 2), np.random.default_rng(room)
    wanted = [
        (slow.items[int(rng.integers(4))], Window(*map(int, rng.integers(-9, 40, 2)), 24, 24))
        for _ in range(80)
    ]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda of: cache.read(*of), wanted))
    wholes = {item.stem: Dataset.read(slow, item) for item in slow.items}
    for (item, window), sample in zip(wanted, found, strict=True):
        whole = wholes[item.stem].cut(window)
        for got, right in zip(vars(sample).values(), vars(whole).values(), strict=True):
            np.testing.assert_array_equal(got, right)
    kept = [stem for stem, kind in slow.__dict__["kinds"] if kind == "whole"]
    assert len(kept) == len(set(kept)) >= min(room, 1)
    held = sum(sample.nbytes for sample in cache._samples.values())
    assert held == cache._used <= room * one + one // 2
    assert len(cache._samples) == len(kept)


def test_threads_that_want_the_same_image_read_it_once(slow: SlowDataset) -> None:
    cache = SampleCache(slow, 2**24)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(cache.read, [slow.items[0]] * 12))
    assert slow.__dict__["seen"] == ["00"]
    for sample in found:
        np.testing.assert_array_equal(sample.image, found[0].image)


def test_an_image_that_could_not_be_read_takes_no_room(slow: SlowDataset) -> None:
    slow.__dict__["failures"] = 3
    cache = SampleCache(slow, 64 * 64 * (3 * 4 + 2))
    for _ in range(3):
        with pytest.raises(OSError, match="no such disk"):
            cache.read(slow.items[0])
    for _ in range(3):
        cache.read(slow.items[1])
    assert slow.__dict__["seen"] == ["01"]


def test_tiles_may_be_read_in_any_order_and_thread(dataset: Dataset) -> None:
    right, unread = tiles(dataset, batch=8).draw(5), tiles(dataset, batch=8).choose(5)
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(read) for read in reversed(unread.reads)]:
            done.result()
    assert unread.batch.places == right.places
    assert torch.equal(unread.batch.image.nan_to_num(-1), right.image.nan_to_num(-1))
    assert torch.equal(unread.batch.mask, right.mask)


def test_a_batch_moves_as_a_whole(dataset: Dataset) -> None:
    batch = replace(tiles(dataset).draw(0), border=torch.ones(4, 48, 48, dtype=torch.int64))
    moved = batch.moved(lambda tensor: tensor[:1])
    assert moved.image.shape == (1, 3, 48, 48)
    assert moved.labels.shape == (1, 2, 48, 48)
    assert moved.places == batch.places
    assert tiles(dataset).draw(0).moved(lambda tensor: tensor).border is None
