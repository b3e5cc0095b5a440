"""Several processes, one study: who works on what."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from mapwright.errors import OutputError, SettingError
from mapwright.experiment import claims as module
from mapwright.experiment.claims import JOURNAL, Claims, is_dead, open_storage, worker_of

pytest.importorskip("optuna")


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(params=["journal", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return None if request.param == "journal" else f"sqlite:///{tmp_path}/claims.db"


def claims_in(folder: Path, url: str | None = None, **options: float) -> Claims:
    return Claims(open_storage(url, folder), "a study", **options)


def test_a_cell_is_claimed_once_until_it_is_given_back(tmp_path: Path, url: str | None) -> None:
    one, two = claims_in(tmp_path, url), claims_in(tmp_path, url)
    with one.take("cell") as mine:
        assert mine is not None
        assert two.held() == {"cell"}
        with two.take("cell") as theirs:
            assert theirs is None
        with two.take("another") as theirs:
            assert theirs is not None
            assert one.held() == {"cell", "another"}
    assert two.held() == set()
    with two.take("cell") as theirs:
        assert theirs is not None


def test_an_error_gives_the_cell_back(tmp_path: Path) -> None:
    one = claims_in(tmp_path)
    with pytest.raises(ZeroDivisionError), one.take("cell"):
        raise ZeroDivisionError
    assert one.held() == set()


def test_of_many_that_claim_at_once_one_gets_it(tmp_path: Path) -> None:
    everyone = [claims_in(tmp_path) for _ in range(6)]
    got: list[int] = []
    ready, ended = threading.Barrier(6), threading.Barrier(6)

    def claim(number: int) -> None:
        ready.wait()
        with everyone[number].take("cell") as claim:
            if claim is not None:
                got.append(number)
            ended.wait(30)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_silence_is_taken_for_death_after_the_stated_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"host": "another machine", "pid": 1, "born": 0.0}
    with monkeypatch.context() as patch:
        patch.setattr(module, "worker_of", lambda: other)
        silent = claims_in(tmp_path, beat=1000)
        holding = silent.take("cell")
        lost = holding.__enter__()
    mine = claims_in(tmp_path, stale=0.2, beat=1000)
    assert mine.held() == {"cell"}
    with mine.take("cell") as claim:
        assert claim is None
    time.sleep(0.3)
    with mine.take("cell") as claim:
        assert claim is not None
    assert lost is not None
    holding.__exit__(None, None, None)  # it wakes up: nothing breaks


def test_signs_of_life_keep_a_claim_and_show_that_it_was_lost(tmp_path: Path) -> None:
    one, two = claims_in(tmp_path, beat=0.05), claims_in(tmp_path)
    with one.take("cell") as mine:
        assert mine is not None
        (first,) = two._running("cell")
        wait_for(lambda: two._running("cell")[0].user_attrs["beat"] != first.user_attrs["beat"])
        two._end(first._trial_id, "FAIL")  # as a process does that takes over
        wait_for(lambda: mine.lost)


def test_a_process_that_has_ended_is_known_at_once() -> None:
    assert not is_dead(worker_of())
    born = psutil.Process().create_time()
    assert is_dead(worker_of() | {"born": born - 100}), "another process of the same number"
    assert is_dead(worker_of() | {"pid": 2**22 + 1})
    assert not is_dead({"host": "elsewhere", "pid": 1, "born": 0.0})
    assert not is_dead({})


def test_a_damaged_journal_is_one_clear_error(tmp_path: Path) -> None:
    claims_in(tmp_path)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": \n{}\n')
    with pytest.raises(OutputError, match="journal of claims can't be read"):
        open_storage(None, tmp_path)


def test_a_storage_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="storage can't be opened"):
        open_storage("nosuchdatabase://host/name", tmp_path)


def test_without_optuna_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SettingError, match=r"pip install 'mapwright\[study\]'"):
        open_storage(None, tmp_path)
