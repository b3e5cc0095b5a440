"""How well a time budget is kept: whole commands against the clock.

    MAPWRIGHT_DATA=... .venv/bin/python benchmarks/budget.py 2m 4m

For each data set and each budget, one `mapwright train --folds 2 --budget B` with everything else
planned; seconds are those of the whole process. The score beside is out of fold, against the
constant prediction.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from mapwright.training.budget import parse_seconds

DATASETS = ("roofs", "clouds", "landcover")


def main(budgets: list[str]) -> None:
    """Print one row per data set and budget."""
    stored = Path(os.environ["MAPWRIGHT_DATA"])
    print("| data | budget s | took s | ratio | steps a fold | mean IoU | constant |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, budget) in enumerate((n, b) for n in DATASETS for b in budgets):
            out = Path(folder) / str(number)
            command = ["-m", "mapwright", "train", stored / name, "-o", out, "--folds", "2"]
            began = time.monotonic()
            done = subprocess.run(
                [sys.executable, *map(str, command), "--budget", budget, "--json"],
                check=True,
                capture_output=True,
                text=True,
            )
            took, seconds = time.monotonic() - began, parse_seconds(budget)
            scores = json.loads(done.stdout)["scores"]
            plan = tomllib.loads((out / "plan.toml").read_text())
            print(
                f"| {name} | {seconds:.0f} | {took:.0f} | {took / seconds:.2f} "
                f"| {plan['fold_steps']} | {scores['mean_iou']:.3f} "
                f"| {scores['mean_iou_baseline']:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:] or ["2m", "4m"])
