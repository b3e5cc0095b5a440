"""Reading ahead: while the network learns from a batch, threads read the next ones.

Places are chosen one batch after the other, in the thread that trains, and depend on no clock; only
reading is left to threads. So what is learnt from is the same however quick they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager

from mapwright.data.batch import Batch, Choose, Unread
from mapwright.data.hard import LAG, Alarms
from mapwright.hardware import Hardware

_MOST = 4  # threads; more gain little, since a part of reading holds Python's lock

Take = Callable[[int, Alarms], Batch]
"""Gives the batch of the next step, by its number and what the steps before found."""


def reading_threads(hardware: Hardware) -> int:
    """How many threads read: beside a GPU one on each core, else on half of them, up to four."""
    free = hardware.cores // 2 if hardware.device == "cpu" else hardware.cores
    return max(1, min(_MOST, free))


@contextmanager
def reading_ahead(choose: Choose, steps: int, threads: int) -> Iterator[Take]:
    """Read up to `LAG` batches before they are asked for.

    Args:
        choose: Chooses the places of a batch.
        steps: Steps of the training; nothing is read for later ones.
        threads: How many read.

    Yields:
        What gives the batches, step by step. What goes wrong while one is read is raised when that
        batch is asked for. The threads end with the context, at the latest after the tiles that
        they are at.
    """
    pool = ThreadPoolExecutor(threads, "reading ahead")
    try:
        yield _Ahead(choose, steps, pool).take
    finally:
        pool.shutdown(cancel_futures=True)


class _Ahead:
    """The batches that are being read, in their order.

    Args:
        choose: Chooses the places of a batch.
        steps: Steps of the training.
        pool: Reads in the order in which it is told to, so the next batch comes first.
    """

    def __init__(self, choose: Choose, steps: int, pool: Executor) -> None:
        self._choose, self._steps, self._pool = choose, steps, pool
        self._begun: deque[tuple[Unread, list[Future[None]]]] = deque()

    def take(self, step: int, alarms: Alarms) -> Batch:
        """See `Take`."""
        for ahead in range(len(self._begun), min(LAG + 1, self._steps - step)):
            unread = self._choose(step + ahead, alarms.known(ahead))
            self._begun.append((unread, [self._pool.submit(read) for read in unread.reads]))
        unread, reading = self._begun.popleft()
        for tile in reading:
            tile.result()
        return unread.batch
