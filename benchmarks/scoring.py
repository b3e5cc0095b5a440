"""What scoring held-out images costs beside predicting them: a budget leaves time for it.

    .venv/bin/python benchmarks/scoring.py [IMAGES]

Images of 512 x 512 pixels full of rectangles, as a town is full of roofs, and of 768 x 768 pixels
of which most are empty, as a sea is; in place of a network stand blurred, noisy masks. Seconds are
processor time of one core. An image is read, counted and, where objects are, cut into them by every
cut that is tried; what follows the last fold is the choice of rules, threshold and temperature, and
the scores with their intervals. `training/scoring_cost.py` holds what a budget reckons with.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image as PilImage
from scipy.ndimage import gaussian_filter

from mapwright.card import Decision
from mapwright.data.dataset import Dataset, Sample
from mapwright.data.spec import DatasetSpec
from mapwright.held_out import score_folds
from mapwright.metrics.object_records import Grid
from mapwright.predict.presence import Presence
from mapwright.predict.stitch import Strip
from mapwright.tally import Counted, Tally, count, wanted
from mapwright.types import Window

TOWN, SEA = (512, 1.0, 60), (768, 0.25, 2)  # side, share of images with objects, and how many
MANY = (200, 2000)  # images, to tell what grows with them from what does not


@dataclass(frozen=True)
class Case:
    """What is scored.

    Args:
        name: In words.
        scenes: Side, share of images with objects, and how many objects those have.
        classes: Number of classes.
        tuned: Whether thresholds and rules are chosen afterwards.
        objects: Whether objects are counted.
        border: Whether rules at borders are tried too.
    """

    name: str
    scenes: tuple[int, float, int]
    classes: int = 2
    tuned: bool = True
    objects: bool = False
    border: bool = False


CASES = (
    Case("two classes, untuned", TOWN, tuned=False),
    Case("two classes", TOWN),
    Case("six classes", TOWN, classes=6),
    Case("objects of a town, one rule", TOWN, tuned=False, objects=True),
    Case("objects of a town", TOWN, objects=True),
    Case("objects of a town, borders", TOWN, objects=True, border=True),
    Case("objects at sea", SEA, objects=True),
    Case("objects at sea, borders", SEA, objects=True, border=True),
)


@dataclass
class Oracle:
    """Stands for a model: says nearly what the mask says, and how long it took to say so."""

    classes: int
    border: bool
    bundle: Any = field(default_factory=lambda: SimpleNamespace(decision=Decision(), soft=True))
    took: float = 0.0

    def samples(
        self, read: Callable[[Window], Sample], size: tuple[int, int], presence: Presence
    ) -> Iterator[tuple[Sample, Strip]]:
        """Strips of a quarter of the image."""
        whole = read(Window(0, 0, *size))
        began = time.process_time()
        rng = np.random.default_rng(0)
        planes = np.stack([whole.mask == k for k in range(self.classes)]).astype(np.float32)
        sure = np.stack([gaussian_filter(plane, 1.5) for plane in planes])
        sure = (sure + abs(rng.normal(0, 0.03, sure.shape))).astype(np.float32)
        sure /= sure.sum(axis=0)
        edge = 4 * sure[0] * sure[1] if self.border else None
        self.took += time.process_time() - began
        step = size[0] // 4
        for row in range(0, size[0], step):
            window = Window(row, 0, step, size[1])
            strip = Strip(
                row, sure[:, row : row + step], edge if edge is None else edge[row : row + step]
            )
            yield whole.cut(window), strip


def make(root: Path, case: Case, images: int) -> Dataset:
    """Write images and masks."""
    side, share, objects = case.scenes
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for k in range(images):
        mask = np.zeros((side, side), np.uint8)
        for _ in range(objects if k < share * images else 0):
            row, col = rng.integers(0, side - 40, 2)
            height, width = rng.integers(8, 40, 2)
            mask[row : row + height, col : col + width] = rng.integers(1, case.classes)
        image = np.stack([mask * 40 + 60] * 3, axis=2) + rng.integers(0, 30, (side, side, 3))
        PilImage.fromarray(image.astype(np.uint8)).save(root / "images" / f"{k}.png")
        PilImage.fromarray(mask).save(root / "masks" / f"{k}.png")
    names = [{"name": f"c{k}", "values": [k], "color": "#000000"} for k in range(case.classes)]
    names[1]["objects"] = case.objects
    bands = [{"name": n, "index": i} for i, n in enumerate(("red", "green", "blue"), 1)]
    files = {"images": "images/*.png", "masks": "masks/*.png"}
    spec = DatasetSpec.model_validate({"name": "x", "bands": bands, "classes": names, **files})
    return Dataset(root, spec)


def tallies(case: Case, dataset: Dataset, images: int) -> tuple[list[Tally], float]:
    """What is counted where there are so many images in two folds, and seconds for each image."""
    rule = Grid.usual(border=case.border) if case.tuned else Decision().object_rule
    objects = Counted(1, rule) if case.objects else None
    alike = dataset.items * (images // 2 // len(dataset.items))
    what = wanted(dataset, alike, case.tuned, False, objects)
    oracle = Oracle(case.classes, case.border)
    began = time.process_time()
    found = [count(oracle, dataset, item, what) for item in dataset.items]  # type: ignore[arg-type]
    return found, (time.process_time() - began - oracle.took) / len(found)


def decided(found: list[Tally], dataset: Dataset, images: int, case: Case) -> float:
    """Seconds to score so many images in two folds."""
    several = [replace(found[k % len(found)], stem=str(k), group=str(k)) for k in range(images)]
    folds = [several[::2], several[1::2]]
    tune_for = "f2" if case.objects else "mean_iou"
    began = time.process_time()
    score_folds(folds if case.tuned else [several], dataset, tta="none", tune_for=tune_for)
    return time.process_time() - began


def main() -> None:
    """Print one row per case."""
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    few, many = MANY
    columns = ("what", "ms to count an image", "ns a pixel", f"s after {few}", f"s after {many}")
    print(f"| {' | '.join((*columns, 'ms an image'))} |")
    print("| --- | --- | --- | --- | --- | --- |")
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            dataset = make(Path(folder), case, images)
            after = []
            for number in MANY:
                found, each = tallies(case, dataset, number)
                after.append(decided(found, dataset, number, case))
            slope = (after[1] - after[0]) / (many - few)
            print(
                f"| {case.name} | {1e3 * each:.0f} | {1e9 * each / case.scenes[0] ** 2:.0f} "
                f"| {after[0]:.2f} | {after[1]:.2f} | {1e3 * slope:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
