"""Reading ahead: the order, the errors and the end of the threads."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch

from mapwright.data.batch import Batch, Unread
from mapwright.data.hard import LAG, Alarms, HardTiles
from mapwright.errors import ImageFileError
from mapwright.hardware import Hardware
from mapwright.training.ahead import reading_ahead, reading_threads
from mapwright.types import Window

TILES = 3


class Library:
    """Batches whose tiles hold their own number.

    Args:
        before: Called in the thread that reads, with step and tile.
    """

    def __init__(self, before: Callable[[int, int], None] = lambda step, tile: None) -> None:
        self.before = before
        self.chosen: list[int] = []
        self.known: dict[int, int] = {}
        self.read: list[tuple[int, int]] = []

    def choose(self, step: int, hard: HardTiles) -> Unread:
        self.chosen.append(step)
        self.known[step] = len(hard)
        image = torch.full((TILES, 1, 1, 1), -1.0)
        places = tuple((f"{step}", Window(tile, 0, 1, 1)) for tile in range(TILES))
        batch = Batch(image, torch.zeros(TILES, 1, 1, dtype=torch.int64), places)

        def read(tile: int) -> None:
            self.before(step, tile)
            self.read.append((step, tile))
            image[tile] = 10 * step + tile

        return Unread(batch, tuple(lambda tile=tile: read(tile) for tile in range(TILES)))


def numbers(batch: Batch) -> list[float]:
    return batch.image.flatten().tolist()


def readers() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("reading ahead")]


@pytest.fixture(autouse=True)
def _no_thread_outlives_its_training() -> Iterator[None]:
    yield
    assert not readers()


@pytest.mark.parametrize("threads", [1, 4])
def test_batches_come_whole_and_in_order_however_long_reading_takes(threads: int) -> None:
    library = Library(lambda step, tile: time.sleep(random.random() * 0.004))
    with reading_ahead(library.choose, 8, threads) as take:
        found = [numbers(take(step, Alarms())) for step in range(8)]
    assert found == [[10 * step + tile for tile in range(TILES)] for step in range(8)]
    assert library.chosen == list(range(8))
    assert sorted(library.read) == [(step, tile) for step in range(8) for tile in range(TILES)]


def test_the_next_batches_are_read_while_the_caller_does_something_else() -> None:
    done = threading.Event()
    library = Library(lambda step, tile: done.set() if (step, tile) == (LAG, TILES - 1) else None)
    with reading_ahead(library.choose, 9, 1) as take:
        take(0, Alarms())
        assert done.wait(5)
        assert library.chosen == list(range(LAG + 1))
        take(1, Alarms())
        assert library.chosen == list(range(LAG + 2))


def test_a_training_that_goes_on_reads_on_from_its_step_and_nothing_after_its_last() -> None:
    library = Library()
    with reading_ahead(library.choose, 7, 2) as take:
        assert numbers(take(5, Alarms())) == [50, 51, 52]
        take(6, Alarms())
    assert library.chosen == [5, 6]
    assert {step for step, _ in library.read} == {5, 6}


def test_where_nothing_is_left_to_do_no_thread_is_started() -> None:
    with reading_ahead(Library().choose, 5, 2):
        assert not readers()


def test_a_batch_is_chosen_by_what_was_found_before_a_fixed_number_of_steps() -> None:
    library, alarms = Library(), Alarms()
    with reading_ahead(library.choose, 9, 2) as take:
        for step in range(9):
            alarms.note(take(step, alarms).places, [0.5] * TILES)
    assert library.known == {step: TILES * max(0, step - LAG) for step in range(9)}


def test_an_error_is_raised_at_the_step_that_needs_the_file_and_not_before() -> None:
    broken = ImageFileError("cut short", where="c.jpg", expected="a whole file", fix="copy it")

    def before(step: int, tile: int) -> None:
        if step == 2 and tile > 0:
            raise broken if tile == 1 else ValueError("a later tile")

    library = Library(before)
    with reading_ahead(library.choose, 9, 3) as take:
        take(0, Alarms())
        while (2, 0) not in library.read:
            time.sleep(0.001)
        assert numbers(take(1, Alarms())) == [10, 11, 12]
        with pytest.raises(ImageFileError) as caught:
            take(2, Alarms())
    assert caught.value is broken


def test_an_error_in_a_batch_that_nobody_asks_for_is_none() -> None:
    def before(step: int, tile: int) -> None:
        assert step == 0

    library = Library(before)
    with reading_ahead(library.choose, 9, 1) as take:
        take(0, Alarms())


class Stop(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize("end", [Stop, KeyboardInterrupt, SystemExit])
def test_what_ends_a_training_ends_its_threads_and_what_they_have_not_begun(end: type) -> None:
    held, go = threading.Event(), threading.Event()

    def before(step: int, tile: int) -> None:
        if step == 1:
            held.set()
            go.wait(5)

    library = Library(before)
    timer = threading.Timer(0.05, go.set)
    with pytest.raises(end), reading_ahead(library.choose, 9, 1) as take:
        take(0, Alarms())
        assert held.wait(5)
        timer.start()
        raise end
    assert library.read == [*((0, tile) for tile in range(TILES)), (1, 0)]
    assert not readers()
    timer.join()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interruption_from_the_keyboard_is_heard_while_a_file_is_waited_for() -> None:
    go = threading.Event()

    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.05)
        go.set()

    def before(step: int, tile: int) -> None:
        if step == 1:
            go.wait(5)

    library, timer = Library(before), threading.Timer(0.05, interrupt)
    began = time.monotonic()
    # a shell that starts tests in the background has the signal ignored
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), reading_ahead(library.choose, 9, 1) as take:
            take(0, Alarms())
            timer.start()
            take(1, Alarms())
    finally:
        signal.signal(signal.SIGINT, usual)
    assert time.monotonic() - began < 4
    assert (1, 1) not in library.read
    timer.join()


@pytest.mark.parametrize(
    ("device", "cores", "threads"),
    [("cpu", 1, 1), ("cpu", 2, 1), ("cpu", 4, 2), ("cpu", 64, 4), ("cuda", 2, 2), ("cuda", 16, 4)],
)
def test_half_of_the_cores_read_and_beside_a_gpu_all_of_a_few(
    device: str, cores: int, threads: int
) -> None:
    assert reading_threads(Hardware(device, "", cores, 2**30, False)) == threads
