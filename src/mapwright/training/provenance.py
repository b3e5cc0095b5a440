"""What made a model, for its file to tell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256

from mapwright.card import Ground, History
from mapwright.data.dataset import Dataset
from mapwright.data.splits import Fold
from mapwright.hardware import Hardware, library_versions
from mapwright.models.weights import StartingWeights
from mapwright.plan import Plan
from mapwright.training.options import Options
from mapwright.training.state import Fitted


@dataclass(frozen=True)
class Provenance:
    """What is known of a training before it begins.

    Args:
        dataset: What is learnt from.
        images: SHA-256 of the file of each image, or part of one, that a fold names.
        options: How it is trained.
        hardware: The machine.
    """

    dataset: Dataset
    images: Mapping[str, str]
    options: Options
    hardware: Hardware

    def history(
        self,
        fitted: Sequence[Fitted],
        start: StartingWeights,
        *,
        folds: tuple[Fold, ...],
        plan: Plan,
        seconds: float,
    ) -> History:
        """The history of some members.

        Args:
            fitted: The members.
            start: What they started from.
            folds: What each of them learnt from and was validated on.
            plan: The settings of all folds.
            seconds: How long training took.
        """
        parent = self.options.parent
        return History(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            folds=folds,
            images=dict(self.images),
            grounds=self._grounds,
            weights_source=start.source,
            weights_reason=start.reason,
            parent=parent.bundle.spec.name if parent else "",
            ancestors=self.ancestors,
            steps=tuple(part.step for part in fitted),
            best_steps=tuple(part.best_step for part in fitted),
            cut_short=tuple(k for k, part in enumerate(fitted) if part.cut_short),
            budget=self.options.budget,
            seconds=round(seconds, 1),
            plan_hash=self._hash(plan),
            versions=library_versions(),
            hardware=self.hardware.name,
        )

    @cached_property
    def ancestors(self) -> tuple[str, ...]:
        """Images that the model to start from, and those before it, had learnt from."""
        if self.options.parent is None:
            return ()
        history = self.options.parent.bundle.history
        learnt = {digest for seen in history.learnt for digest in seen.windows}
        return tuple(sorted({*history.ancestors, *learnt}))

    @cached_property
    def _grounds(self) -> dict[str, Ground]:
        """Where each image, or part of one, lies."""
        items = self.dataset.choose(list(self.images))
        found = {item.stem: Ground.of(self.dataset.geobox(item)) for item in items}
        return {name: ground for name, ground in found.items() if ground}

    def _hash(self, plan: Plan) -> str:
        """Data, settings, budget and machine as one number: equal means repeatable."""
        told = {
            "images": dict(self.images),
            "dataset": self.dataset.spec.plain(),
            "plan": plan.plain(),
            "budget": self.options.budget,
            "hardware": self.hardware.__dict__,
        }
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
