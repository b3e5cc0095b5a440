"""Event files hold what the log holds, whatever interrupts them."""

import math
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from mapwright.data.augmentation import Augmentation
from mapwright.errors import OutputError, SettingError
from mapwright.plan import Plan, PlanWithReasons
from mapwright.training.tensorboard import Board

PLANNED = PlanWithReasons(Plan(steps=25, augmentation=Augmentation(zoom=1.25)), {"steps": "why"})
ROWS = [
    {"epoch": 0.25 * k, "step": 5.0 * k, "loss": 1 / k, "rate": 1e-3, "iou flat roof é": 0.1 * k}
    for k in range(1, 6)
]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every point of every curve, as TensorBoard reads them."""
    read = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    read.Reload()
    return {
        tag: [(event.step, event.value) for event in read.Scalars(tag)]
        for tag in read.Tags()["scalars"]
    }


def raw_steps(folder: Path) -> list[int]:
    """Steps in the order of the file, as any reader sees them."""
    (path,) = folder.glob("*tfevents*")
    return [event.step for event in LegacyEventFileLoader(str(path)).Load() if event.step]


def test_every_column_of_the_log_is_a_curve_over_its_steps(tmp_path: Path) -> None:
    board = Board(tmp_path)
    for number in range(1, 6):  # the whole log comes again at each validation
        board.add_rows("fold 1", ROWS[:number], PLANNED)
    found = curves(tmp_path / "fold 1")
    assert set(found) == {"epoch", "loss", "rate", "iou/flat roof é"}
    for name, points in found.items():
        wanted = [(row["step"], row[name.replace("/", " ")]) for row in ROWS]
        assert points == [(step, pytest.approx(value)) for step, value in wanted]


def test_a_new_process_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    Board(tmp_path).add_rows("fold 1", ROWS[:3], PLANNED)
    again = Board(tmp_path)
    again.add_rows("fold 1", ROWS[:2], PLANNED)  # the state was older than the last row
    again.add_rows("fold 1", ROWS, PLANNED)
    assert raw_steps(tmp_path / "fold 1") == [5, 10, 15, 20, 25]
    read = EventAccumulator(str(tmp_path / "fold 1"))
    read.Reload()
    (text,) = read.Tensors("plan")
    assert b"    # why\n    steps = 25\n" in text.tensor_proto.string_val[0]


def test_rows_are_on_disk_at_once(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.add_rows("fold 1", ROWS[:1], PLANNED)
    assert raw_steps(tmp_path / "fold 1") == [5]
    board.add_rows("fold 1", ROWS[:2], PLANNED)
    assert raw_steps(tmp_path / "fold 1") == [5, 10]


@pytest.mark.parametrize("lost", [1, 3, 15, 40])
def test_half_a_record_is_cut_off_and_written_again(tmp_path: Path, lost: int) -> None:
    Board(tmp_path).add_rows("fold 1", ROWS[:3], PLANNED)
    (path,) = (tmp_path / "fold 1").iterdir()
    path.write_bytes(path.read_bytes()[:-lost])
    Board(tmp_path).add_rows("fold 1", ROWS, PLANNED)
    assert raw_steps(tmp_path / "fold 1") == [5, 10, 15, 20, 25]


def test_what_a_crash_fills_with_zeros_is_cut_off(tmp_path: Path) -> None:
    Board(tmp_path).add_rows("fold 1", ROWS[:3], PLANNED)
    (path,) = (tmp_path / "fold 1").iterdir()
    whole = path.read_bytes()
    for broken in (whole + bytes(64), whole[:-20] + bytes(20), b""):
        path.write_bytes(broken)
        Board(tmp_path).add_rows("fold 1", ROWS, PLANNED)
        assert raw_steps(tmp_path / "fold 1") == [5, 10, 15, 20, 25]


def test_a_score_that_is_no_number_is_no_number_there(tmp_path: Path) -> None:
    Board(tmp_path).add_rows("fold 1", [{"step": 1.0, "loss": 1.0, "score": math.nan}], PLANNED)
    ((_, value),) = curves(tmp_path / "fold 1")["score"]
    assert math.isnan(value)


def test_the_end_names_settings_and_scores_once(tmp_path: Path) -> None:
    for _ in range(2):  # a resumed training ends once more
        Board(tmp_path).add_end(PLANNED, {"final iou roof": 0.5, "final iou sea": math.nan})
    assert curves(tmp_path) == {"final/iou roof": [(25, 0.5)]}
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    data = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"augmentation.zoom" in data and b"resnet18" in data


def test_a_missing_package_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(SettingError, match=r"not installed[\s\S]*mapwright\[tensorboard\]"):
        Board(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "board").write_text("mine")
    with pytest.raises(OutputError):
        Board(tmp_path / "board").add_rows("fold 1", ROWS, PLANNED)
