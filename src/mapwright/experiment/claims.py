"""Who is at work on which cell: claims through Optuna's storage, so that no cell is done twice.

A claim is a running trial of an Optuna study that names its cell. Storages number trials in one
order for all processes, so of two claims on one cell the one with the lower number holds. The
storage knows nothing of results: they are files of the study, and a lost storage costs nothing.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psutil

from mapwright.errors import OutputError, SettingError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

JOURNAL = "claims.journal"
STALE = 120.0
"""Seconds without a sign of life after which a claim is taken over."""

BEAT = 15.0
"""Seconds between two signs of life."""


def open_storage(url: str | None, folder: Path) -> BaseStorage:
    """Open where claims and the history of a search are kept.

    Args:
        url: A database as Optuna names it, such as `postgresql://...`, `sqlite:///...` or
            `redis://...`, or a path of a journal file; None = a journal file in `folder`.
        folder: The study.

    Raises:
        SettingError: Optuna is not installed, or the database can't be opened.
        OutputError: The journal is damaged.
    """
    require_optuna()
    import optuna
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalRedisBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url and "://" in url:
        try:
            if url.startswith("redis"):
                return JournalStorage(JournalRedisBackend(url))
            return RDBStorage(url)
        except Exception as error:  # each database has errors of its own
            raise SettingError(
                f"the storage can't be opened: {str(error).splitlines()[0]}",
                where=url,
                expected="a database as Optuna names it, whose driver is installed",
            ) from error
    path = str((Path(url) if url else folder / JOURNAL).resolve())
    try:
        return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    except (ValueError, KeyError) as error:
        raise OutputError(
            f"the journal of claims can't be read: {error}",
            where=path,
            expected="a journal of Optuna",
            fix="remove it while no process is at work on the study; finished cells are kept",
        ) from error


def require_optuna() -> None:
    """Raise a SettingError unless Optuna is installed."""
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise SettingError(
            "studies need Optuna, which is not installed",
            where="mapwright experiment and mapwright tune",
            fix="pip install 'mapwright[study]'",
        ) from error


def worker_of(process: psutil.Process | None = None) -> dict[str, Any]:
    """What tells a process from all others: its machine, number and time of birth."""
    process = process or psutil.Process()
    return {"host": _host(), "pid": process.pid, "born": process.create_time()}


def _host() -> str:
    """The machine, and the container on it: process numbers say nothing outside of it."""
    with suppress(OSError):
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    return platform.node()


def is_dead(worker: dict[str, Any]) -> bool:
    """Whether a process of this machine has ended; of another machine nobody knows."""
    if worker.get("host") != _host():
        return False
    try:
        born = psutil.Process(worker["pid"]).create_time()
    except psutil.Error:
        return True
    return abs(born - float(worker["born"])) > 1


class Claim:
    """A cell that this process is at work on.

    Args:
        lost: Whether another process took it over.
    """

    def __init__(self) -> None:
        self.lost = False


class Claims:
    """The claims of one study.

    Args:
        storage: Where they are kept.
        study: A name that belongs to the study alone.
        stale: Seconds without a sign of life after which a claim is taken over.
        beat: Seconds between two signs of life.
    """

    def __init__(
        self, storage: BaseStorage, study: str, stale: float = STALE, beat: float = BEAT
    ) -> None:
        import optuna

        optuna.create_study(storage=storage, study_name=study, load_if_exists=True)
        self._storage, self._stale, self._beat = storage, stale, beat
        self._study = storage.get_study_id_from_name(study)
        self._seen: dict[int, tuple[Any, float]] = {}

    @contextmanager
    def take(self, cell: str) -> Iterator[Claim | None]:
        """Claim a cell while the block runs; None when another process is at work on it."""
        if any(not self._over(trial) for trial in self._running(cell)):
            yield None
            return
        number = self._announce(cell)
        others = [trial for trial in self._running(cell) if trial._trial_id < number]
        if any(not self._over(trial) for trial in others):
            self._end(number, "FAIL")
            yield None
            return
        for trial in others:
            self._end(trial._trial_id, "FAIL")
        claim, stop = Claim(), threading.Event()
        beating = threading.Thread(target=self._live, args=(number, claim, stop), daemon=True)
        beating.start()
        try:
            yield claim
        finally:
            stop.set()
            beating.join()
            self._end(number, "COMPLETE")

    def held(self) -> set[str]:
        """The cells that somebody is at work on."""
        return {t.user_attrs["cell"] for t in self._running() if not self._over(t)}

    def _running(self, cell: str | None = None) -> list[FrozenTrial]:
        from optuna.trial import TrialState

        trials = self._storage.get_all_trials(
            self._study, deepcopy=False, states=(TrialState.RUNNING,)
        )
        return [t for t in trials if cell in (None, t.user_attrs.get("cell"))]

    def _announce(self, cell: str) -> int:
        from optuna.trial import TrialState, create_trial

        attrs = {"cell": cell, "worker": worker_of(), "beat": uuid4().hex}
        template = create_trial(state=TrialState.RUNNING, user_attrs=attrs)
        return self._storage.create_new_trial(self._study, template)

    def _over(self, trial: FrozenTrial) -> bool:
        """Whether the process of a claim has ended, or has not been heard of for too long.

        Silence is measured by the clock of this process, so that clocks need not agree.
        """
        if is_dead(trial.user_attrs.get("worker", {})):
            return True
        beat = trial.user_attrs.get("beat")
        known, since = self._seen.get(trial._trial_id, (None, 0.0))
        if known != beat:
            self._seen[trial._trial_id] = beat, time.monotonic()
            return False
        return time.monotonic() - since > self._stale

    def _live(self, number: int, claim: Claim, stop: threading.Event) -> None:
        """Give signs of life until told to stop, or until another process took over."""
        from optuna.exceptions import UpdateFinishedTrialError

        while not stop.wait(self._beat):
            try:
                self._storage.set_trial_user_attr(number, "beat", uuid4().hex)
            except UpdateFinishedTrialError:
                claim.lost = True
                return
            except Exception:  # a database that is away for a while ends no training
                continue

    def _end(self, number: int, state: str) -> None:
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        with suppress(UpdateFinishedTrialError):
            values = [0.0] if state == "COMPLETE" else None
            self._storage.set_trial_state_values(number, TrialState[state], values)
