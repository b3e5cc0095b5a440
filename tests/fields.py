"""Made-up ground for studies of splits, and a learner that knows places by heart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from builders import write_tiff
from mapwright.data.dataset import Dataset
from mapwright.experiment.bench import Bench, Trained
from mapwright.experiment.design import Cell, Configuration
from mapwright.experiment.outcome import Outcome

MACHINE = {"hardware": {"name": "a machine"}}
BANDS = ("place 1", "place 2", "place 3", "place 4", "place 5", "hint")
_DESCRIPTION = """
name = "fields"
images = "images/*.tif"
masks = "masks/*.tif"
bands = [{bands}]
classes = [
  {{ name = "low", values = [0], color = "#2b2f36" }},
  {{ name = "high", values = [1], color = "#ff5a36" }},
]
"""


def gaussian_field(rng: np.random.Generator, size: int, reach: float) -> NDArray[np.float64]:
    """(size, size) with mean 0 and deviation 1: noise, smoothed over `reach` pixels; 0 = white."""
    noise = rng.normal(size=(size, size))
    field = gaussian_filter(noise, reach, mode="wrap") if reach else noise
    return np.asarray((field - field.mean()) / field.std())


def make_scene(
    rng: np.random.Generator, size: int, reach: float, seen: float = 0.5
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A scene whose classes follow a field that the bands hardly show.

    Five bands have nothing to do with the classes. Where they change slowly from place to place,
    their values tell places apart, and who learns by heart what is at a place knows it next to it.

    Returns:
        (6, size, size) float32 and (size, size) uint8 of 0 and 1.
    """
    latent = gaussian_field(rng, size, reach)
    places = [gaussian_field(rng, size, reach) for _ in BANDS[:-1]]
    hint = 0.3 * (seen * latent + rng.normal(size=(size, size)))
    return np.stack([*places, hint]).astype(np.float32), (latent > 0).astype(np.uint8)


def write_fields(root: Path, scenes: int, size: int, reach: float, seed: int = 0) -> Path:
    """A data folder of such scenes."""
    rng = np.random.default_rng(seed)
    for number in range(scenes):
        image, mask = make_scene(rng, size, reach)
        write_tiff(root / "images" / f"scene{number:02d}.tif", image, photometric="minisblack")
        write_tiff(root / "masks" / f"scene{number:02d}.tif", mask)
    bands = ", ".join(f'{{ name = "{n}", index = {k} }}' for k, n in enumerate(BANDS, start=1))
    (root / "dataset.toml").write_text(_DESCRIPTION.format(bands=bands), encoding="utf-8")
    return root


def train_by_heart(bench: Bench, configuration: Configuration, cell: Cell, watch: Any) -> Trained:
    """In place of `Bench.train`: a pixel is what most of the five likest known ones are."""
    _, fold, apart = bench.division(configuration, cell)
    known, classes = (np.concatenate(part) for part in zip(
        *(pixels(bench.dataset, name) for name in fold.train), strict=True))  # fmt: skip
    tree = cKDTree(known)
    counts = {}
    for name in fold.val:
        values, truth = pixels(bench.dataset, name)
        near = tree.query(values, 5)[1]
        guess = (classes[near].mean(axis=1) > 0.5).astype(int)
        counts[name] = np.bincount(2 * truth + guess, minlength=4).reshape(2, 2).tolist()
    outcome = Outcome(
        cell=cell,
        status="done",
        settings={},
        seconds=1.0,
        counts={name: found for name, found in counts.items() if name not in apart},
        apart={name: found for name, found in counts.items() if name in apart},
        environment=MACHINE,
    )
    return Trained(outcome)


def pixels(dataset: Dataset, name: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(n, C) values and (n,) classes of every pixel of an image or a part of one."""
    sample = dataset.read(dataset.choose([name])[0])
    return sample.image.reshape(len(sample.image), -1).T, sample.mask.ravel().astype(np.int64)
