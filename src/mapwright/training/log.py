"""The log of a training: one table over all folds, and the same for TensorBoard when asked for."""

from __future__ import annotations

from pathlib import Path

from mapwright.io.files import write_csv
from mapwright.metrics.summary import Scores
from mapwright.plan import PlanWithReasons
from mapwright.training.state import Rows
from mapwright.training.tensorboard import FOLDER, Board, final_scores


class Log:
    """Writes `progress.csv`, whole after every validation.

    Args:
        folder: The run folder.
        tensorboard: Where to write event files too; True = `tensorboard` in the run folder.
        folds: Number of folds.
    """

    def __init__(self, folder: Path, tensorboard: bool | Path, folds: int) -> None:
        self._folder, self._folds = folder, folds
        place = folder / FOLDER if tensorboard is True else tensorboard
        self._board = Board(place) if place else None
        self._rows: dict[int, Rows] = {}

    def write(self, number: int, rows: Rows, epochs: float, planned: PlanWithReasons) -> None:
        """Note the rows of a fold so far.

        Args:
            number: Which fold.
            rows: All of its rows.
            epochs: Epochs in a step of it; an epoch is as many pixels as there are to learn from.
            planned: The plan, as it stands.
        """
        own = [{"fold": number, "epoch": round(row["step"] * epochs, 4), **row} for row in rows]
        self._rows[number] = own
        write_csv(
            self._folder / "progress.csv", [row for part in self._rows.values() for row in part]
        )
        if self._board:
            run = f"fold {number + 1}" if self._folds > 1 else "train"
            self._board.add_rows(run, own, planned)

    def end(self, planned: PlanWithReasons, scores: Scores | None) -> None:
        """Note the plan as it was at the end, and what it led to."""
        if self._board:
            self._board.add_end(planned, final_scores(scores) if scores else {})
