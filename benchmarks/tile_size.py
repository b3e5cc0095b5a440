"""What the size of the tiles and their overlap mean for maps: scores and seconds, one view of each.

    .venv/bin/python benchmarks/tile_size.py RUN DATA [TILE/OVERLAP ...]

RUN is a run folder with one split, DATA the images that it learnt from; its validation images are
scored anew with every size. The first is what `mapwright` planned until it was measured here.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from mapwright.apply import dataset_for, load
from mapwright.data.dataset import Dataset, Item
from mapwright.evaluation import evaluate
from mapwright.predict.model import Model

USUAL = ("256/0.5", "256/0.25", "512/0.5", "512/0.25", "512/0", "768/0.25")


def main(run: Path, data: Path, *asked: str) -> None:
    """Score a run with tiles of several sizes and print a table."""
    model = load(run)
    dataset = dataset_for(model, data)
    splits = json.loads((run / "splits.json").read_text(encoding="utf-8"))
    items = dataset.choose(tuple(splits["folds"][0]["val"]))
    names = [entry.name for entry in model.bundle.spec.classes]
    print(f"{len(items)} images, network of patches of {model.bundle.plan.patch} pixels\n")
    print("| tile | overlap | seconds | mean IoU | " + " | ".join(names) + " |")
    print("| --- " * (4 + len(names)) + "|")
    for wish in asked or USUAL:
        tile, overlap = wish.split("/")
        mean, each, seconds = _score(model, dataset, items, int(tile), float(overlap))
        shown = " | ".join(f"{value:.4f}" for value in each)
        print(f"| {tile} | {float(overlap):g} | {seconds:.1f} | {mean:.4f} | {shown} |", flush=True)


def _score(
    model: Model, dataset: Dataset, items: tuple[Item, ...], tile: int, overlap: float
) -> tuple[float, list[float], float]:
    plan = model.bundle.plan.model_copy(update={"tile": tile, "overlap": overlap, "tta": "none"})
    changed = Model(replace(model.bundle, plan=plan))
    began = time.monotonic()
    scores = evaluate(changed, dataset, items)
    return scores.mean_iou, [entry.iou for entry in scores.classes], time.monotonic() - began


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
