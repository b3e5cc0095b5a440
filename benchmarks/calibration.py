"""What a model's probabilities are worth, before and after temperature scaling.

    .venv/bin/python benchmarks/calibration.py RUN DATA [OTHER]

RUN is a finished run with folds, DATA what it was trained on: each image is predicted by the
member that never saw it, scaled by the temperature fitted on the other folds. OTHER is a folder of
labelled images that no member has seen: there the members are held beside their mean, one view of
each of the first 16 images.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mapwright.apply import dataset_for, load
from mapwright.card import Decision
from mapwright.data.dataset import Sample
from mapwright.evaluation import choose_items, tally
from mapwright.held_out import score_folds
from mapwright.metrics.calibration import assess_calibration
from mapwright.metrics.calibration_result import Calibration
from mapwright.metrics.soft_counts import Soft, SoftCounter, pooled
from mapwright.metrics.temperature import best_temperature, nll_sums, temper
from mapwright.predict.model import Model
from mapwright.types import Probabilities, Window

COUNT = 16


def main(run: Path, data: Path, other: Path | None = None) -> None:
    """Print what the module says."""
    loaded = load(run)
    decision = Decision(threshold=loaded.bundle.decision.raw_threshold)
    model = replace(loaded, bundle=replace(loaded.bundle, decision=decision))
    held = out_of_fold(model, data, run / "dataset.toml")
    if other:
        unseen(replace(model, tta="none"), other, held)


def out_of_fold(model: Model, data: Path, spec: Path) -> float:
    """Print the figures of held-out images; the temperature for all of them."""
    dataset = dataset_for(model, data, spec)
    items, _ = choose_items(model, dataset, "val")
    found = {entry.stem: entry for entry in tally(model, dataset, items, tuned=True)}
    folds = [[found[stem] for stem in fold.val] for fold in model.bundle.history.folds]
    plan = model.bundle.plan
    scores, decision = score_folds(folds, dataset, tta=plan.tta, tune_for=plan.tune_for)
    assert scores.calibration
    show(scores.calibration)
    print(f"threshold {decision.threshold:.3f}; {decision.calibration}")
    return decision.temperature


def unseen(model: Model, folder: Path, held: float) -> None:
    """Print what members and their mean ask for on images that none of them has seen."""
    dataset = dataset_for(model, folder)
    names = dataset.spec.class_names
    members = [model.only([k]) for k in range(len(model.bundle.history.folds))]
    samples = [dataset.read(item) for item in dataset.labelled[:COUNT]]
    soft = [[one.probabilities(sample.image) for one in members] for sample in samples]
    each = [fitted(kept(samples, [p[k] for p in soft])) for k in range(len(members))]
    asked = float(np.exp(np.mean(np.log(each))))
    mean = kept(samples, [np.mean(p, axis=0) for p in soft])
    one_by_one = kept(samples, [np.mean([temper(q, asked) for q in p], axis=0) for p in soft])
    print(f"members ask for {', '.join(f'{t:.2f}' for t in each)}")
    for title, entries, temperature in (
        ("mean, as it is", mean, 1.0),
        ("mean, scaled by what members ask for", mean, asked),
        ("mean, scaled by what it asks for", mean, fitted(mean)),
        ("mean, scaled by the temperature of the run", mean, held),
        (f"members scaled by {asked:.2f}, then averaged", one_by_one, 1.0),
    ):
        sizes, groups = [s.mask.shape for s in samples], [str(k) for k in range(len(samples))]
        used = [temperature] * len(entries)
        found = assess_calibration(entries, used, names, sizes, groups).after
        print(
            f"    {title:45s} T {temperature:.2f}  ECE {found.ece:.4f}  NLL {found.nll:.4f}  "
            f"Brier {found.brier:.4f}"
        )


def kept(samples: Sequence[Sample], soft: Sequence[Probabilities]) -> list[Soft]:
    """What is kept of probabilities beside their truth."""
    found = []
    for sample, probabilities in zip(samples, soft, strict=True):
        counter = SoftCounter([Window(0, 0, *sample.mask.shape)], len(probabilities))
        counter.add(0, sample.mask, probabilities.astype(np.float32))
        found.append(counter.soft())
    return found


def fitted(soft: Sequence[Soft]) -> float:
    """The temperature that these images ask for."""
    return best_temperature(nll_sums(pooled(soft)))


def show(found: Calibration) -> None:
    """Print before and after."""
    print(f"out of fold: temperatures {', '.join(f'{t:.3f}' for t in found.used)}")
    rows = [
        ("ECE", found.before.ece, found.after.ece),
        ("classwise ECE", found.before.classwise, found.after.classwise),
        ("NLL", found.before.nll, found.after.nll),
        ("Brier", found.before.brier, found.after.brier),
        *((f"ECE where {one.name}", one.mapped_before, one.mapped_after) for one in found.classes),
    ]
    for name, before, after in rows:
        print(f"    {name:24s} {before:.4f} {after:.4f}")
    intervals = np.round([found.before.interval, found.after.interval, found.gain], 4).tolist()
    print(f"    95 % before, after, gain {intervals}: {found.verdict}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
