"""Run lengths, their tables, and object scores, at the size of a large competition.

    .venv/bin/python benchmarks/objects.py

Ships are rotated rectangles of log-normal length on images of 768 x 768 pixels; three quarters of
192 556 images are empty, as in the Airbus Ship Detection Challenge. Seconds are processor time of
one core; what is done a few thousand times is scaled up to the number given.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.ndimage import gaussian_filter

from mapwright.data.borders import border_of
from mapwright.io.rle import decode_instances, decode_mask, encode_instances, encode_mask
from mapwright.io.run_table import RunTable, write_run_table
from mapwright.metrics.components import Cut
from mapwright.metrics.object_records import Grid, record
from mapwright.metrics.object_scores import object_scores
from mapwright.metrics.object_tuning import grid_sums, tune
from mapwright.metrics.objects import count_objects

SHAPE = (768, 768)
IMAGES, SHIPS = 192_556, 81_723
PLACE = GeoBox(SHAPE, Affine(1, 0, 0, 0, 1, 0), None)


def main() -> None:
    """Print one row per measurement."""
    rng = np.random.default_rng(0)
    texts = [encode_mask(ship(rng)) for _ in range(2000)]
    masks = [decode_mask(text, SHAPE) for text in texts[:200]]
    pixels = np.mean([mask.sum() for mask in masks])
    numbers = np.mean([len(text.split()) for text in texts])
    print(f"ships of {pixels:.0f} pixels and {numbers / 2:.0f} runs on the mean\n")
    print("| what | how often | seconds |\n| --- | --- | --- |")
    row("text to mask", 200_000, len(texts), (decode_mask(t, SHAPE) for t in texts))
    row("mask to text", 200_000, len(masks), (encode_mask(mask) for mask in masks))
    tables(rng, texts)
    scores(rng)


def ship(rng: np.random.Generator) -> NDArray[np.bool_]:
    """(H, W) bool, one rotated rectangle."""
    length = float(np.clip(rng.lognormal(3.6, 0.8), 6, 380))
    width, turn = max(3, length * rng.uniform(0.15, 0.35)), rng.uniform(0, np.pi)
    row, col = rng.uniform(10, 758, 2)
    y, x = np.indices(SHAPE) - np.array([row, col])[:, None, None]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return np.asarray((abs(along) <= length / 2) & (abs(across) <= width / 2))


def row(what: str, times: int, done: int, work: Iterable[Any]) -> None:
    """Print the seconds of doing something `times` times; `work` does it `done` times."""
    began = time.process_time()
    for _ in work:
        pass  # nothing is kept, as memory would cost more than the work
    print(f"| {what} | {times} | {(time.process_time() - began) / done * times:.1f} |", flush=True)


def tables(rng: np.random.Generator, texts: list[str]) -> None:
    """Index a table of all images, read from it, write one."""
    full = rng.choice(IMAGES, IMAGES // 4, replace=False)
    owners = np.concatenate([full, rng.choice(full, SHIPS - len(full))])
    counts = np.bincount(owners, minlength=IMAGES)
    rows = int(np.maximum(counts, 1).sum())
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "ships.csv", Path(folder) / "out.csv"
        with path.open("w") as target:
            target.write("ImageId,EncodedPixels\n")
            for k, count in enumerate(counts):
                several = [texts[j] for j in rng.integers(len(texts), size=count)] or [""]
                target.writelines(f"{k:09x}.jpg,{text}\n" for text in several)
        size = path.stat().st_size / 1e6
        row(
            f"row of a table of {size:.0f} MB found",
            rows,
            rows,
            (RunTable.open(path) for _ in range(1)),
        )
        tracemalloc.start()
        table = RunTable.open(path)
        held, peak = (size / 1e6 for size in tracemalloc.get_traced_memory())
        tracemalloc.stop()
        names = [f"{k:09x}.jpg" for k in rng.choice(full, 2000)]
        row("ships of an image read", len(full), 2000, (table.read(n, PLACE) for n in names))
        maps = [table.read(name, PLACE).ids for name in names[:200]]
        row("their map to texts", len(full), 200, (encode_instances(ids) for ids in maps))
        plain = [(f"{k}.jpg", encode_instances(maps[k % 200])) for k in range(10_000)]
        row(
            "image of a submission",
            15_606,
            len(plain),
            (write_run_table(out, plain) for _ in range(1)),
        )
    print(f"\nthe table holds {held:.0f} MB, {peak:.0f} MB while it is made\n")


def scores(rng: np.random.Generator) -> None:
    """Cut, count, score and tune."""
    scenes = [scene(rng, ships=rng.poisson(2) + 1 if k % 4 == 0 else 0) for k in range(80)]
    grid, cut = Grid(), Cut(0.5)
    print("| what | how often | seconds |\n| --- | --- | --- |")
    row("map to objects", IMAGES, len(scenes), (cut.objects(p) for _, p in scenes))
    pairs = [(truth, cut.objects(probability)) for truth, probability in scenes]
    row("objects counted", IMAGES, len(pairs), (count_objects(*pair) for pair in pairs))
    counts = [count_objects(*pair) for pair in pairs] * (IMAGES // len(pairs))
    row(
        "scores and intervals, per image",
        IMAGES,
        len(counts),
        (object_scores(counts) for _ in range(1)),
    )
    steps = f"record of {len(grid.cuts)} cuts"
    row(steps, IMAGES, len(scenes), (record(*pair, grid) for pair in scenes))
    tracemalloc.start()
    records = [record(*pair, grid) for pair in scenes]
    held = tracemalloc.get_traced_memory()[0] / len(records)
    tracemalloc.stop()
    many = records * (IMAGES // len(records))
    rules = f"{len(grid.cuts) * len(grid.sizes) * len(grid.gates)} rules tried, per record"
    row(rules, IMAGES, len(many), (tune(grid_sums(many, grid, "f2"), grid) for _ in range(1)))
    print(f"\na record holds {held:.0f} bytes on the mean\n")
    borders(rng)


def borders(rng: np.random.Generator) -> None:
    """Where objects touch: found for training, and tried by rules."""
    print("| what | how often | seconds |\n| --- | --- | --- |")
    scenes = [harbour(rng, rafts=rng.poisson(1) + 1 if k % 4 == 0 else 0) for k in range(80)]
    row("border of an image found", IMAGES, len(scenes), (border_of(t, 1) for t, _, _ in scenes))
    for border in (False, True):
        grid = Grid.usual(border=border)
        steps = f"record of {len(grid.cuts)} cuts"
        made = (record(t, p, grid, border=b if border else None) for t, p, b in scenes)
        row(steps, IMAGES, len(scenes), made)
        many = [record(t, p, grid, border=b) for t, p, b in scenes] * (IMAGES // len(scenes))
        rules = f"{len(grid.cuts) * len(grid.sizes) * len(grid.gates)} rules tried, per record"
        row(rules, IMAGES, len(many), (tune(grid_sums(many, grid, "f2"), grid) for _ in range(1)))


def harbour(
    rng: np.random.Generator, rafts: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """True objects, rafts of two to five side by side, and blurred maps of them and of borders."""
    truth = np.zeros(SHAPE, np.int32)
    for _ in range(rafts):
        row, col = (int(rng.integers(10, 600)) for _ in range(2))
        length, width = int(rng.integers(20, 90)), int(rng.integers(5, 20))
        for k in range(int(rng.integers(2, 6))):
            place = slice(row, row + length), slice(col + k * width, col + (k + 1) * width)
            truth[place] = truth.max() + 1
    sure = gaussian_filter((truth > 0).astype(np.float32), 1.5) + rng.normal(0, 0.02, SHAPE)
    edge = gaussian_filter(border_of(truth, 1).astype(np.float32), 0.7)
    return truth, sure.clip(0, 1).astype(np.float32), edge


def scene(rng: np.random.Generator, ships: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """True objects, and a blurred, noisy map of them with specks."""
    truth = decode_instances([encode_mask(ship(rng)) for _ in range(ships)], SHAPE)
    sure = gaussian_filter((truth > 0).astype(np.float32), 1.5) + rng.normal(0, 0.02, SHAPE)
    for _ in range(rng.poisson(0.5)):
        row, col = rng.integers(20, 740, 2)
        sure[row : row + 5, col : col + 5] = rng.random()
    return truth, sure.clip(0, 1).astype(np.float32)


if __name__ == "__main__":
    main()
