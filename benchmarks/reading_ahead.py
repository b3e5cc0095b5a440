"""What reading ahead gains: the same training with and without threads that read the next batches.

    mapwright generate ships -o seas --images 200
    .venv/bin/python benchmarks/reading_ahead.py seas [STEPS [ROUNDS]]

JPEG images with run-length masks, as planned for mostly empty images, mining and borders included,
and a light network, so that reading weighs. Images are read from their files for each tile, as
where more of them are than fit into memory, or were all read before. Every round trains a new
network for STEPS steps in each way, one after the other; the fastest round counts, for other work
only slows it down. Neither the first step counts, which waits for its files in any case, nor the
last ones, during which nothing is left to read.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from mapwright.data.batch import Unread
from mapwright.data.describe import open_dataset
from mapwright.data.fingerprint import merge, survey
from mapwright.data.hard import LAG, HardTiles
from mapwright.data.tiles import SampleCache
from mapwright.hardware import detect_hardware
from mapwright.planning import make_plan
from mapwright.training.fit import Job
from mapwright.training.loop import fit

LIGHT = {
    "encoder": "tu-mobilenetv3_small_050",
    "weights": "random",
    "batch": 8,
    "patch": 256,
    "gate": 0.2,
    "empty": 0.25,
    "mining": 0.5,
}
THREADS = (0, 1, 2, 4)
PLACES = {"files": 0, "memory": 2**40}  # bytes that samples may take


@dataclass
class Watch:
    """A progress that notes when each step ended."""

    times: list[float] = field(default_factory=list)

    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """Note the moment."""
        if amount:
            self.times.append(time.monotonic())


def main(folder: Path, steps: int = 30, rounds: int = 3) -> None:
    """Print one row for each way to read."""
    job = _job(folder, steps)
    print(f"{job.hardware.cores} cores, {job.hardware.device}; {len(job.train)} images\n")
    print("| images from | read | ms a step | steps a second | times as fast |")
    print("| --- | --- | --- | --- | --- |")
    for name, limit in PLACES.items():
        cache = SampleCache(job.dataset, limit)
        placed = Job(**{**vars(job), "cache": cache})
        for item in job.train if limit else ():
            cache.read(item)
        best = dict.fromkeys(THREADS, float("inf"))
        for _ in range(rounds):
            for threads in THREADS:
                best[threads] = min(best[threads], _step(placed, threads))
        for threads, step in best.items():
            how = f"ahead, by {threads} thread{'s' * (threads > 1)}" if threads else "when needed"
            print(
                f"| {name} | {how} | {1000 * step:.0f} | {1 / step:.2f} | {best[0] / step:.2f} |",
                flush=True,
            )
    print(f"\nA batch alone takes {1000 * _reading(job):.0f} ms to read from files.")


def _job(folder: Path, steps: int) -> Job:
    """A training that neither validates nor saves anything."""
    dataset, hardware = open_dataset(folder), detect_hardware()
    items = dataset.labelled
    records = survey(dataset, items)
    of = [records[item.stem] for item in items]
    fingerprint = merge(of, dataset.spec.band_names, dataset.spec.class_names)
    settings = {**LIGHT, "steps": steps, "validate_every": steps}
    objects = dataset.spec.counted is not None
    plan = make_plan(fingerprint, hardware, settings, folds=0, objects=objects).plan
    classes = range(len(dataset.spec.classes))
    places = [[record.places[index] for record in of] for index in classes]
    cache = SampleCache(dataset, 0)
    return Job(cache, dataset, items, (), plan, fingerprint, hardware, places=places)


def _step(job: Job, threads: int) -> float:
    """Seconds of a step with so many threads that read ahead; with none, files are waited for."""
    tiles, watch = job.tiles(), Watch()

    def choose(step: int, hard: HardTiles) -> Unread:
        unread = tiles.choose(step, hard)
        return unread if threads else Unread(unread.read())

    model, _ = job.build()
    fit(model, choose, job.plan, job.fabric(), progress=watch, threads=threads or 1)
    counted = watch.times[:-LAG]
    return (counted[-1] - counted[0]) / (len(counted) - 1)


def _reading(job: Job, batches: int = 5) -> float:
    """Seconds to read a batch, and nothing else."""
    tiles = job.tiles()
    began = time.monotonic()
    for step in range(batches):
        tiles.draw(step)
    return (time.monotonic() - began) / batches


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
