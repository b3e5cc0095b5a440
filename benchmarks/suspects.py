"""Are wrong masks ranked first, and right ones left alone?

    python benchmarks/suspects.py planted RUN DATA
    python benchmarks/suspects.py left-in DATA --like RUN --from MODEL --steps 80

`planted`: the held-out images of a run on data whose masks are exact, such as made-up settlements.
Masks are made wrong on purpose, one at a time, and measures of suspicion are held against each
other: how many spoilt masks lie above 95 of 100 right ones, and the area under the ROC. Also how
many right masks are called probably wrong, and how many spoilt ones.

`left-in`: trains short folds on data from which nothing is excluded, audits them and prints the
first ten.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from scipy import ndimage

from mapwright.apply import dataset_for, load
from mapwright.auditing.places import find_places
from mapwright.data.describe import open_dataset
from mapwright.metrics.disagreement import Compared, compare, steps
from mapwright.metrics.suspicion import Gathered, Usual, fence, suspicion
from mapwright.predict.pipeline import decide
from mapwright.report.auditing.page import audit
from mapwright.report.auditing.table import audit_table
from mapwright.run import Options, train_on
from mapwright.types import IGNORE, ClassIndex, Probabilities

LEAST = 150  # pixels of an object that is dropped or added
Masks = Mapping[str, ClassIndex]
Soft = Mapping[str, Probabilities]


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    planted = kinds.add_parser("planted")
    planted.add_argument("run", type=Path)
    planted.add_argument("data", type=Path)
    left = kinds.add_parser("left-in")
    left.add_argument("data", type=Path)
    left.add_argument("--like", type=Path, help="a run whose dataset.toml describes the data")
    left.add_argument("--from", dest="parent", type=Path)
    left.add_argument("--steps", type=int, default=80)
    left.add_argument("--folds", type=int, default=5)
    asked = parser.parse_args()
    if asked.kind == "planted":
        plant_and_judge(asked.run, asked.data)
    else:
        leave_in(asked.data, asked.like, asked.parent, asked.steps, asked.folds)


def leave_in(data: Path, like: Path | None, parent: Path | None, count: int, folds: int) -> None:
    """Train with every image left in, and audit."""
    dataset = open_dataset(data)
    spec = load(like).bundle.spec if like else dataset.spec
    dataset = replace(dataset, spec=spec.model_copy(update={"exclude": ()}), reasons={})
    settings = {"steps": count, "validate_every": count, "tta": "none"}
    options = Options(folds=folds, settings=settings, parent=load(parent) if parent else None)
    with tempfile.TemporaryDirectory() as folder:
        run = train_on(dataset, Path(folder) / "run", options)
        found = audit(run.folder, data, out=Path(folder), top=10, excluded=True)
    Console(width=140).print(audit_table(found, 10))


def plant_and_judge(run: Path, data: Path) -> None:
    """Spoil masks and see which measure notices."""
    model = load(run).with_tta("none")
    dataset = dataset_for(model, data)
    places, _ = find_places(model, dataset)
    masks, soft = {}, {}
    for place in places:
        sample = dataset.read(place.item)
        masks[place.item.stem] = sample.mask
        soft[place.item.stem] = model.only(place.members).probabilities(sample.image)
    print_table(masks, soft, model.bundle.decision.threshold)


def print_table(masks: Masks, soft: Soft, threshold: float) -> None:
    """Spoil every mask in every way, and print which measure notices."""
    usual = usual_of(masks, soft, threshold)
    right = {stem: measures(masks[stem], soft[stem], usual, threshold) for stem in masks}
    limit = fence([found["score"] for found in right.values()])
    called = sum(found["score"] >= limit for found in right.values())
    print(f"{len(masks)} right masks: {called} called probably wrong (from {limit:.2f} on)")
    print("| what is wrong | masks | called wrong | " + " | ".join(measures_named()) + " |")
    for kind, spoil in SPOILS.items():
        found = []
        rng = np.random.default_rng(0)
        for stem in masks:
            if (wrong := spoil(stem, masks, rng)) is not None:
                found.append(measures(wrong, soft[stem], usual, threshold))
        share = np.mean([one["score"] >= limit for one in found])
        cells = [beyond([f[m] for f in found], [r[m] for r in right.values()]) for m in found[0]]
        print(f"| {kind} | {len(found)} | {share:.2f} | " + " | ".join(cells) + " |")


def beyond(wrong: list[float], right: list[float]) -> str:
    """Share of spoilt masks above the 95th percentile of right ones, and the area under the ROC."""
    bad, good = np.array(wrong)[:, None], np.array(right)
    area = (bad > good).mean() + (bad == good).mean() / 2
    return f"{(bad > np.quantile(good, 0.95)).mean():.2f}, {area:.3f}"


def compared(mask: ClassIndex, soft: Probabilities, threshold: float) -> Compared:
    """Mask against prediction."""
    guess = decide(soft, threshold)
    return compare(mask, guess, steps(soft, guess), len(soft))


def usual_of(masks: Masks, soft: Soft, threshold: float) -> Usual:
    """What is usual over all images."""
    gathered = Gathered(len(next(iter(soft.values()))))
    for stem, mask in masks.items():
        guess = decide(soft[stem], threshold)
        gathered.add(mask, soft[stem], guess, steps(soft[stem], guess))
    return gathered.usual([compared(mask, soft[stem], threshold) for stem, mask in masks.items()])


def measures_named() -> list[str]:
    """The measures, in the order of `measures`."""
    return ["score", "soft minimum", "mean", "1 - mean IoU"]


def measures(
    mask: ClassIndex, soft: Probabilities, usual: Usual, threshold: float
) -> dict[str, float]:
    """Suspicion as it is measured here, and three others; the higher, the worse.

    The soft minimum is that of Lad and Mueller 2023, with their temperature of 0.1.
    """
    known = mask != IGNORE
    own = np.take_along_axis(soft, np.where(known, mask, 0)[None].astype(int), axis=0)[0][known]
    weights = np.exp((1 - own) / 0.1)
    guess = decide(soft, threshold)
    pairs = [(mask == k, known & (guess == k)) for k in range(len(soft))]
    shares = [(a & b).sum() / (a | b).sum() for a, b in pairs if (a | b).any()]
    values = (
        suspicion(compared(mask, soft, threshold), usual)[0],
        1 - float((own * weights).sum() / weights.sum()),
        1 - float(own.mean()),
        1 - float(np.mean(shares)),
    )
    return dict(zip(measures_named(), values, strict=True))


def objects(mask: ClassIndex) -> list[NDArray[np.bool_]]:
    """The objects of the second class that are large enough."""
    ids, count = ndimage.label(mask == 1, np.ones((3, 3)))
    found = (ids == number for number in range(1, count + 1))
    return [inside for inside in found if inside.sum() >= LEAST]


def without(mask: ClassIndex, gone: list[NDArray[np.bool_]]) -> ClassIndex:
    """A mask without some objects."""
    return np.where(np.any(gone, axis=0) & (mask == 1), 0, mask).astype(np.uint8)


def drop(stem: str, masks: Masks, rng: np.random.Generator) -> ClassIndex | None:
    """One object is missing."""
    found = objects(masks[stem])
    return without(masks[stem], [found[rng.integers(len(found))]]) if found else None


def half(stem: str, masks: Masks, rng: np.random.Generator) -> ClassIndex | None:
    """Half of the objects are missing."""
    found = objects(masks[stem])
    if len(found) < 3:
        return None
    return without(masks[stem], [found[k] for k in rng.permutation(len(found))[: len(found) // 2]])


def add(stem: str, masks: Masks, rng: np.random.Generator) -> ClassIndex | None:
    """An object of another image lies where there is none."""
    mask, names = masks[stem], list(masks)
    for _ in range(50):
        found = objects(masks[names[rng.integers(len(names))]])
        if not found:
            continue
        inside = np.roll(found[rng.integers(len(found))], rng.integers(0, len(mask), 2), (0, 1))
        if not (mask[inside] == 1).any():
            return np.where(inside & (mask == 0), 1, mask).astype(np.uint8)
    return None


def swap(stem: str, masks: Masks, rng: np.random.Generator) -> ClassIndex | None:
    """The mask is that of another image."""
    names = [name for name in masks if name != stem]
    other = masks[names[rng.integers(len(names))]]
    if max((other == 1).mean(), (masks[stem] == 1).mean()) < 0.02:
        return None
    return np.where(masks[stem] == IGNORE, IGNORE, np.where(other == 1, 1, 0)).astype(np.uint8)


def shift(pixels: int) -> Callable[[str, Masks, np.random.Generator], ClassIndex | None]:
    """The mask is shifted to the lower right."""

    def spoil(stem: str, masks: Masks, rng: np.random.Generator) -> ClassIndex | None:
        if (masks[stem] == 1).mean() < 0.02:
            return None
        moved = np.roll(masks[stem] == 1, (pixels, pixels), (0, 1))
        return np.where(masks[stem] == IGNORE, IGNORE, moved).astype(np.uint8)

    return spoil


SPOILS = {
    "one object missing": drop,
    "one object too many": add,
    "half of the objects missing": half,
    "shifted by 4 pixels": shift(4),
    "shifted by 8 pixels": shift(8),
    "that of another image": swap,
}

if __name__ == "__main__":
    main()
