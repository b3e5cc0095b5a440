"""Plan and fold to trained weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import psutil
import torch
from lightning_fabric import Fabric
from torch import nn

from mapwright.bundle import assemble
from mapwright.data.dataset import Dataset, Item
from mapwright.data.fingerprint import Fingerprint
from mapwright.data.tiles import Batch, SampleCache, TrainingTiles
from mapwright.hardware import Hardware
from mapwright.metrics.confusion import confusion, iou, mean_over_present
from mapwright.models.inputs import SegmentationModel
from mapwright.models.weights import StartingWeights
from mapwright.plan import Plan
from mapwright.predict.engines import TorchEngine
from mapwright.predict.pipeline import Tiling, decide, predict_whole
from mapwright.progress import progress_bar
from mapwright.training.loop import Fitted, Record, fit

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # only the command line speaks

_CACHE_SHARE = 4  # samples may take one part in this many of the memory that is free


def fit_fold(
    dataset: Dataset,
    train: Sequence[Item],
    val: Sequence[Item],
    plan: Plan,
    fingerprint: Fingerprint,
    hardware: Hardware,
    record: Record,
) -> tuple[Fitted, StartingWeights]:
    """Train on some images and keep the weights that are best on others.

    Args:
        dataset: Reads the images.
        train: What to learn from.
        val: What to validate on; empty = the last weights are kept.
        plan: The settings.
        fingerprint: Statistics of `train`.
        hardware: The machine.
        record: Keeps the training log.

    Raises:
        TrainingError: The loss is not a number.
        WeightsError: Demanded weights can't be had.
    """
    torch.manual_seed(plan.seed)
    model, start = assemble(dataset.spec, plan, fingerprint)
    fabric = Fabric(
        accelerator=hardware.device,
        devices=1,
        precision="bf16-mixed" if plan.precision == "bfloat16" else "32-true",
    )
    cache = SampleCache(dataset, psutil.virtual_memory().available // _CACHE_SHARE)
    tiles = TrainingTiles(
        cache,
        train,
        list(zip(fingerprint.heights, fingerprint.widths, strict=True)),
        patch=plan.patch,
        context=plan.augmentation.context,
        batch=plan.batch,
        steps=plan.steps,
        seed=plan.seed,
    )
    validate = _Validation(cache, val, plan, len(dataset.spec.classes), dataset.spec.class_names)
    with progress_bar("train", plan.steps, "steps") as progress:
        check = validate if val else None
        fitted = fit(model, _batches(tiles), plan, fabric, check, progress, record)
    return fitted, start


def _batches(tiles: TrainingTiles) -> Iterator[Batch]:
    return (tiles[step] for step in range(len(tiles)))


class _Validation:
    """Pooled scores over whole held-out images, tiled as in prediction."""

    def __init__(
        self,
        cache: SampleCache,
        items: Sequence[Item],
        plan: Plan,
        classes: int,
        names: Sequence[str],
    ) -> None:
        self._cache, self._items, self._classes, self._names = cache, items, classes, names
        self._tiling = Tiling(plan.tile, plan.overlap)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        assert isinstance(model, SegmentationModel)
        device = next(model.parameters()).device
        engine = TorchEngine([model], self._classes, device=device)
        counts = np.zeros((self._classes, self._classes), np.int64)
        for item in self._items:
            sample = self._cache.read(item)
            guess = decide(predict_whole(engine, sample.image, self._tiling), 0.5)
            counts += confusion(sample.mask, guess, self._classes)
        scores = iou(counts)
        named = {f"iou {n}": float(s) for n, s in zip(self._names, scores, strict=True)}
        return {"score": float(mean_over_present(scores)), **named}
