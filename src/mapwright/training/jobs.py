"""Folds as jobs: what was learnt of each image in one pass serves all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.bundle import require_bundle
from mapwright.data.dataset import Dataset, Item
from mapwright.data.fingerprint import Fingerprint, Record, merge
from mapwright.data.splits import Fold, drawn_by_lot
from mapwright.data.tiles import SampleCache
from mapwright.hardware import Hardware
from mapwright.plan import Plan
from mapwright.predict.model import Model
from mapwright.training.fit import Job


@dataclass(frozen=True)
class Jobs:
    """What the jobs of a training have in common.

    Args:
        cache: Reads the images.
        dataset: What they are.
        records: What is known of each.
        hardware: The machine.
        parent: The model to start from, or None.
    """

    cache: SampleCache
    dataset: Dataset
    records: Mapping[str, Record]
    hardware: Hardware
    parent: Model | None

    def of(self, fold: Fold, plan: Plan) -> Job:
        """A fold to train, without what it validates on: a plan may say later how much that is."""
        return Job(
            cache=self.cache,
            dataset=self.dataset,
            train=self.dataset.choose(fold.train),
            val=(),
            plan=plan,
            fingerprint=self.fingerprint(fold.train),
            hardware=self.hardware,
            parent=require_bundle(self.parent.bundle) if self.parent else None,
            places=self._places(fold.train),
        )

    def drawn(self, names: Sequence[str], most: int) -> tuple[Item, ...]:
        """At most so many of some images, drawn by lot; 0 = all."""
        return self.dataset.choose(drawn_by_lot(names, most))

    def fingerprint(self, names: Sequence[str]) -> Fingerprint:
        """Statistics of some images."""
        spec = self.dataset.spec
        records = [self.records[name] for name in names]
        return merge(records, spec.band_names, spec.class_names)

    def _places(self, names: Sequence[str]) -> list[list[NDArray[np.int64]]]:
        """For each class, where some of its pixels lie in each image."""
        return [
            [self.records[name].places[index] for name in names]
            for index in range(len(self.dataset.spec.classes))
        ]
