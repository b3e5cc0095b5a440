"""What random tiles and blocks promise on made-up ground, against ground that lies apart.

    PYTHONPATH=tests .venv/bin/python benchmarks/split_optimism.py [TRIALS]

Each trial makes six scenes of 64 x 64 pixels and divides them as a study of splits does: two scenes
lie apart in turn, the others are cut into tiles of 16 pixels that are drawn one by one, or into
blocks of 32 with a buffer of 16. The learner knows pixels by heart (the five likest ones vote).
Where bands and classes hang together over some pixels, it knows the neighbours of a place too. The
columns, over all trials: the mean IoU that the split showed and that of ground apart, how often the
verdict was `flattered` or `too modest`, and how often the 95 % interval held the mean difference of
all trials. Of white noise (reach 0) the verdicts are false alarms: 5 % is the aim.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fields import MACHINE, train_by_heart, write_fields
from mapwright.data.describe import open_dataset
from mapwright.experiment.bench import Bench
from mapwright.experiment.design import SPLIT, Cell, Configuration
from mapwright.experiment.ground import Optimism, draw_ground
from mapwright.experiment.optimism import judge_splits
from mapwright.experiment.results import Account
from mapwright.metrics.optimism import Promise

TRIALS = 40
SCENES, SIZE, FOLDS = 6, 64, 3
ASKED = Optimism(splits=("tiles", "block"), tile=16, block=32, buffer=16)
COLUMNS = ["reach", "split", "it showed", "apart", "difference", "flattered", "modest", "holds"]


def main() -> None:
    """Print a row for each reach and split."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
    for reach in (0.0, 3.0, 6.0, 12.0):
        found = [_trial(reach, seed) for seed in range(trials)]
        for kind, entries in zip(ASKED.splits, zip(*found, strict=True), strict=True):
            cells = [f"{reach:g}", kind, *_shares(entries)]
            print("| " + " | ".join(cells) + " |", flush=True)


def _shares(entries: tuple[Promise, ...]) -> Iterator[str]:
    truth = float(np.mean([one.difference for one in entries]))
    yield f"{np.mean([one.shown for one in entries]):.3f}"
    yield f"{np.mean([one.kept for one in entries]):.3f}"
    yield f"{truth:+.3f}"
    for verdict in ("flattered", "too modest"):
        yield f"{np.mean([one.verdict == verdict for one in entries]):.2f}"
    yield f"{np.mean([one.interval[0] <= truth <= one.interval[1] for one in entries]):.2f}"


def _trial(reach: float, seed: int) -> tuple[Promise, ...]:
    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(write_fields(Path(folder), SCENES, SIZE, reach, seed))
        splits = draw_ground(dataset, ASKED, FOLDS, 0)
        bench = Bench(dataset, splits, None, Path(folder) / "work", None, ASKED.splits)
        ways = [Configuration(kind, kind, {}, {SPLIT: kind}) for kind in ASKED.splits]
        cells = [Cell(way.id, 0, 0, fold) for way in ways for fold in range(FOLDS)]
        by_id = {way.id: way for way in ways}
        trained = [
            train_by_heart(bench, by_id[cell.configuration], cell, None).outcome for cell in cells
        ]
        account = Account(
            name="fields",
            question="",
            metric="mean iou",
            dataset=dataset,
            factors=(),
            configurations=ways,
            cells=cells,
            outcomes={outcome.cell.id: outcome for outcome in trained},
            dropped={},
            busy=frozenset(),
            budget=None,
            environment=MACHINE,
            optimism=ASKED,
        )
        return judge_splits(account, ASKED)


if __name__ == "__main__":
    main()
