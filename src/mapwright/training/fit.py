"""Plan and fold to trained weights."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from mapwright.bundle import Bundle, assemble
from mapwright.data.borders import Borders
from mapwright.data.dataset import Dataset, Item
from mapwright.data.fingerprint import Fingerprint
from mapwright.data.tiles import SampleCache, TrainingTiles
from mapwright.hardware import Hardware
from mapwright.metrics.confusion import confusion, iou, mean_over_present
from mapwright.models.inputs import SegmentationModel
from mapwright.models.weights import StartingWeights
from mapwright.plan import Plan
from mapwright.predict.pipeline import decide, predict_samples, predict_whole, tiling_of
from mapwright.predict.torch_engine import TorchEngine
from mapwright.progress import progress_bar
from mapwright.training.ahead import reading_threads
from mapwright.training.loop import Record, fit
from mapwright.training.pixels import learn_pixels
from mapwright.training.state import Fitted, Keeper
from mapwright.training.transfer import transfer
from mapwright.types import Window

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # only the command line speaks


@dataclass(frozen=True)
class Job:
    """One fold to train.

    Args:
        cache: Reads the images.
        dataset: What they are.
        train: What to learn from.
        val: What to validate on; empty = the last weights are kept.
        plan: The settings.
        fingerprint: Statistics of `train`, in its order.
        hardware: The machine.
        parent: The model to start from, or None.
        places: For each class, where some of its pixels lie in each image of `train`.
    """

    cache: SampleCache
    dataset: Dataset
    train: Sequence[Item]
    val: Sequence[Item]
    plan: Plan
    fingerprint: Fingerprint
    hardware: Hardware
    parent: Bundle | None = None
    places: Sequence[Sequence[NDArray[np.int64]]] = ()

    def build(self) -> tuple[SegmentationModel, StartingWeights]:
        """The model to train, and what it starts from."""
        torch.manual_seed(self.plan.seed)
        if self.parent:
            plan = self.plan.model_copy(update={"weights": "random"})
            model, _ = assemble(self.dataset.spec, plan, self.fingerprint)
            return model, transfer(self.parent, self.dataset.spec, model)
        return assemble(self.dataset.spec, self.plan, self.fingerprint)

    def tiles(self) -> TrainingTiles:
        """Its batches."""
        sizes = zip(self.fingerprint.heights, self.fingerprint.widths, strict=True)
        pixels = self.fingerprint.class_pixels
        # any tile shows a class that has more than half of the pixels
        seldom = [of for of, n in zip(self.places, pixels, strict=False) if 2 * n <= sum(pixels)]
        return TrainingTiles(
            self.cache,
            self.train,
            list(sizes),
            patch=self.plan.patch,
            context=self.plan.augmentation.context,
            batch=self.plan.batch,
            seed=self.plan.seed,
            rare=self.plan.rare,
            places=seldom,
            empty=self.plan.empty,
            mining=self.plan.mining,
            bare=self._bare(),
            borders=self._borders(),
            pinned=self.hardware.device == "cuda",
        )

    def _borders(self) -> Borders | None:
        """Where objects touch, if that is learnt."""
        counted = self.dataset.spec.counted
        if not self.plan.border or counted is None:
            return None
        return self.cache.borders(counted, self.plan.border)

    def _bare(self) -> list[int]:
        """Numbers of the images to learn from in which only the first class occurs."""
        if not self.places:
            return []
        first, *objects = self.places
        return [
            number
            for number, there in enumerate(first)
            if len(there) and not any(len(of[number]) for of in objects)
        ]

    def fabric(self) -> Fabric:
        """Device and precision."""
        half = self.plan.precision == "bfloat16"
        return Fabric(
            accelerator=self.hardware.device,
            devices=1,
            precision="bf16-mixed" if half else "32-true",
        )


def fit_fold(
    job: Job,
    *,
    title: str,
    record: Record,
    keeper: Keeper,
    deadline: float,
) -> tuple[Fitted, StartingWeights]:
    """Train on some images and keep weights by what they score on others.

    Args:
        job: What to train.
        title: What the progress bar says.
        record: Keeps the training log.
        keeper: Saves the state on the way.
        deadline: `time.monotonic()` at which the clock ends it.

    Raises:
        TrainingError: The loss is not a number.
        WeightsError: Demanded weights can't be had.
    """
    model, start = job.build()
    if job.plan.pixels and not job.parent:
        learn_pixels(model, job.tiles().draw, job.plan)
    with progress_bar(title, job.plan.steps, "steps") as progress:
        fitted = fit(
            model,
            job.tiles().choose,
            job.plan,
            job.fabric(),
            progress=progress,
            validate=Validation(job) if job.val else None,
            record=record,
            keeper=keeper,
            deadline=deadline,
            threads=reading_threads(job.hardware),
        )
    return fitted, start


class Validation:
    """Pooled scores over whole held-out images, tiled as in prediction.

    Args:
        job: Names the images.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._tiling = tiling_of(job.plan)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """IoU per class, and their mean as `score`."""
        assert isinstance(model, SegmentationModel)
        spec = self._job.dataset.spec
        classes = len(spec.classes)
        engine = TorchEngine([model], classes, device=next(model.parameters()).device)
        counts = np.zeros((classes, classes), np.int64)
        for item in self._job.val:
            for sample, strip in predict_samples(
                engine,
                partial(self._job.cache.read, item),
                self._job.dataset.size(item),
                self._tiling,
            ):
                counts += confusion(sample.mask, decide(strip.probabilities, 0.5), classes)
        scores = iou(counts)
        named = {f"iou {n}": float(s) for n, s in zip(spec.class_names, scores, strict=True)}
        return {"score": float(mean_over_present(scores)), **named}


@dataclass
class _Stopwatch:
    """A progress that notes when it began and when each step ended."""

    began: float = field(default_factory=time.monotonic)
    times: list[float] = field(default_factory=list)

    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """Note the moment; being told of no step done is no step."""
        if amount:
            self.times.append(time.monotonic())

    @property
    def step(self) -> float:
        """Seconds of a step; not of the first if there are others, for it alone waits for files."""
        if len(self.times) == 1:
            return self.times[0] - self.began
        return (self.times[-1] - self.times[0]) / (len(self.times) - 1)


@dataclass(frozen=True)
class Speed:
    """What was measured on this machine.

    Args:
        step: Seconds of one training step.
        pixel: Seconds to predict one pixel once, in float32.
    """

    step: float
    pixel: float


_WARM_UP = 2  # steps: the first ones choose and compile kernels
_PROBE_STEPS = 24


def measure(job: Job, seconds: float) -> Speed:
    """Train a throw-away model for a few steps, and predict one image.

    Args:
        job: What to train.
        seconds: About how long this may take.
    """
    plan = job.plan.model_copy(update={"steps": _PROBE_STEPS, "validate_every": _PROBE_STEPS})
    probe = replace(job, plan=plan, val=())
    model, _ = probe.build()
    warm = plan.model_copy(update={"steps": _WARM_UP})
    fit(model, probe.tiles().choose, warm, probe.fabric(), progress=_Stopwatch())
    watch = _Stopwatch()
    fit(
        model,
        probe.tiles().choose,
        plan,
        probe.fabric(),
        progress=watch,
        deadline=watch.began + seconds * 0.8,
        threads=reading_threads(job.hardware),
    )
    return Speed(watch.step, _pixel(job, model, seconds * 0.1))


def _pixel(job: Job, model: SegmentationModel, seconds: float) -> float:
    """Seconds to predict a pixel: of a part of one image, reckoned up for the tiles of them all."""
    whole = tiling_of(job.plan)
    height, width = job.dataset.size(job.train[0])
    tiling = whole.within(height, width)
    side = tiling.tile * (1 + math.ceil(math.sqrt(tiling.at_once)) // 2)  # tiles come in batches
    part = Window(0, 0, min(height, side), min(width, side))
    image = job.cache.read(job.train[0], part).image
    engine = TorchEngine([model], len(job.dataset.spec.classes), device=job.hardware.device)
    predict_whole(engine, image, tiling)
    began, times = time.monotonic(), 0
    while times < 1 or (time.monotonic() - began < seconds and times < 8):
        predict_whole(engine, image, tiling)
        times += 1
    each = (time.monotonic() - began) / times / tiling.pixels(part.height, part.width)
    sizes = list(zip(job.fingerprint.heights, job.fingerprint.widths, strict=True))
    seen = sum(whole.pixels(*size) for size in sizes)
    return each * seen / sum(map(math.prod, sizes))
