"""What the plan for mostly empty images adds to a plain U-Net, on made-up seas.

    mapwright generate ships -o seas --images 2000 --seed 1
    mapwright generate ships -o unseen --images 400 --seed 2
    mapwright train seas -o planned --budget 20m
    mapwright train seas -o plain --budget 20m --set loss=dice --set gate=0 --set border=0 \
        --set rare=0 --set empty=0 --set mining=0
    .venv/bin/python benchmarks/ships.py planned plain unseen [IMAGES]

The plain network is a U-Net of the same encoder with Dice loss, learns from tiles as they come, and
calls a ship what is connected and has a probability of one half: what most people start with. Both
are scored on images that neither has seen, or on IMAGES of them drawn by lot, beside an answer that
finds no ship at all.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from mapwright.apply import dataset_for, load
from mapwright.card import Decision
from mapwright.data.splits import drawn_by_lot
from mapwright.evaluation import evaluate
from mapwright.metrics.object_result import ObjectScores
from mapwright.predict.model import Model

NAMES = {
    "f2": "F2",
    "dice_pooled": "Dice, pooled",
    "dice_mean": "Dice, mean over images",
    "dice_objects": "Dice, images with ships",
}


def main(planned: Path, plain: Path, unseen: Path, images: int = 0) -> None:
    """Score both on the same images and print them side by side."""
    plain_model = load(plain)
    plain_model = Model(replace(plain_model.bundle, decision=Decision()))
    found = {
        "as planned": _score(load(planned), unseen, images),
        "plain U-Net": _score(plain_model, unseen, images),
    }
    first = found["as planned"]
    print(f"{first.images} images, {first.with_objects} of them with ships\n")
    print("| | " + " | ".join(NAMES.values()) + " |\n" + "| --- " * (len(NAMES) + 1) + "|")
    for name, scores in found.items():
        print(f"| {name} | " + " | ".join(_shown(scores, key) for key in NAMES) + " |")
    empty = " | ".join(f"{first[key].baseline:.3f}" for key in NAMES)
    print(f"| no ship anywhere | {empty} |\n")
    for name, scores in found.items():
        print(f"{name}: {scores.rule}")


def _score(model: Model, folder: Path, images: int) -> ObjectScores:
    dataset = dataset_for(model, folder)
    names = drawn_by_lot([item.stem for item in dataset.labelled], images)
    scores = evaluate(model, dataset, dataset.choose(names)).objects
    assert scores is not None, "the masks of made-up seas tell ships apart"
    return scores


def _shown(scores: ObjectScores, key: str) -> str:
    low, high = scores[key].interval
    return f"{scores[key].value:.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:4]), *map(int, sys.argv[4:]))
