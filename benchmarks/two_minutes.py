"""Two minutes on each kind of real data: does the planned training beat the constant prediction?

    MAPWRIGHT_DATA=... python benchmarks/two_minutes.py [BUDGET [NAME ...]]

Every data set is described by `mapwright init`, with the corrections below where a folder can't say
something of itself; everything else is planned. One split (seed 0), scored on what is held out.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mapwright.data.dataset import Dataset
from mapwright.data.describe import describe
from mapwright.data.spec import DatasetSpec
from mapwright.run import Options, train_on
from mapwright.training.budget import parse_seconds


def values(*given: Any) -> list[dict[str, Any]]:
    """Classes of these mask values."""
    return [{"name": str(v), "values": [v], "color": "#808080"} for v in given]


WATER = [{"name": name, "values": [k], "color": "#4477aa"} for k, name in enumerate("lw")]

CORRECTIONS: dict[str, dict[str, Any]] = {
    "roofs": {"exclude": [{"stem": "278", "why": "its mask is that of 270"}]},
    "clouds": {},
    # water; of the twelve bands, those that are neither answers nor elevation
    "landcover": {"bands": [{"name": f"band {k}", "index": k} for k in range(1, 8)]},
    "ships": {},
    "extras/sen1floods11": {
        "images": "*_S2Hand.tif",
        "masks": "*_LabelHand.tif",
        "classes": WATER,
        "mask": {"ignore": [-1]},
    },
    "extras/eye_in_the_sky": {
        "classes": values("#000000", "#007d00", "#00ff00", "#646464", "#000096"),
        "mask": {"source": "colors", "ignore": ["#ffffff"]},
    },
    "extras/spacenet_atlanta": {},
    "extras/loveda": {"mask": {"ignore": [0]}},
    "extras/potsdam": {"mask": {"ignore": [0]}, "classes": values(1, 2, 3, 4, 5)},
    "extras/vaihingen": {"mask": {"ignore": [0]}, "classes": values(1, 2, 3, 4, 5)},
}


def main() -> None:
    """Print a row of the table for each data set."""
    data = Path(os.environ["MAPWRIGHT_DATA"])
    budget = parse_seconds(sys.argv[1] if len(sys.argv) > 1 else "2m")
    print("| data | held out | steps | took s | mean IoU (95 %) | constant |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in sys.argv[2:] or CORRECTIONS:
        corrections, root = CORRECTIONS[name], data / name
        guessed = describe(root).spec.plain()
        dataset = Dataset(root, DatasetSpec.parse(guessed | corrections, name))
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            run = train_on(dataset, Path(folder) / "run", Options(budget=budget))
        took, scores = time.monotonic() - began, run.scores
        assert scores
        low, high = scores.mean_iou_interval
        print(
            f"| {name} | {len(scores.images)} of {len(dataset.units)} | "
            f"{run.model.bundle.history.steps[0]} | {took:.0f} | "
            f"{scores.mean_iou:.3f} ({low:.3f} to {high:.3f}) | {scores.mean_iou_baseline:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
