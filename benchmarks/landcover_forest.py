"""What a network adds to the spectra: a random forest that sees one pixel at a time, beside it.

    .venv/bin/python benchmarks/landcover_forest.py RUN DATA [PIXELS]

RUN is a run folder of `mapwright run worldcover`, DATA the folder of chips that it learnt from. The
forest (scikit-learn, 100 trees, balanced class weights) gets the bands, classes and splits of the
run, and is scored by the same rules: pooled over all held-out pixels, each fold by a forest that
never saw it. It learns from every labelled training pixel, or from PIXELS of them drawn at random,
which is quicker and serves to try the script.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sklearn.ensemble import RandomForestClassifier

from pixelwise import Counted, count, open_run, require_same_pixels, score, show, table

TREES, SEED = 100, 0


def main(run: Path, data: Path, pixels: int | None = None) -> None:
    """Fit a forest per fold and print its scores beside those of the run."""
    dataset, splits, network = open_run(run, data)
    counted: list[Counted] = []
    seconds, learnt = 0.0, 0
    for number, fold in enumerate(splits.folds):
        x, y = table(dataset, dataset.choose(fold.train), pixels, SEED + number)
        began = time.monotonic()
        forest = RandomForestClassifier(
            TREES, class_weight="balanced", random_state=SEED + number, n_jobs=-1
        ).fit(x, y)
        seconds, learnt = seconds + time.monotonic() - began, learnt + len(y)
        counted += count(dataset, splits, number, {"forest": forest.predict})["forest"]
    ours = score(dataset, counted)
    require_same_pixels(ours, network)
    show({"forest": ours, "network": network})
    bands = ", ".join(dataset.spec.band_names)
    print(f"\n{TREES} trees, {learnt:,} pixels of {bands}, {seconds:.0f} s.")
    print(f"Both on the {len(counted)} images that {run.name} was scored on. 95 %: bootstrap over")
    print(f"{ours.interval_unit}; the network's over {network.interval_unit}.")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
