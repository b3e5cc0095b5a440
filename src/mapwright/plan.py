"""The settings of a training, and why each has its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import tomlkit
from pydantic import Field, model_validator

from mapwright.data.augmentation import Augmentation
from mapwright.data.config import Config
from mapwright.data.optimizers import OptimizerName
from mapwright.types import LossName, Tta, TuneFor

STRIDE = 32
"""Pixels; every encoder halves its input five times."""
LARGEST_PATCH = 256
"""Pixels; the context that such an encoder can use."""
BATCH = 8
"""Tiles; batch normalisation needs several for a stable mean."""
FEWEST = 400
"""Steps without a budget."""
OWN = {"architecture": "own", "encoder": "own", "weights": "random"}  # of a network of your own
"""What is said instead of names where the network is one of your own."""


class Plan(Config):
    """The settings of a training.

    Args:
        architecture: Of segmentation_models.pytorch: `unet`, `unetplusplus`, `manet`, `linknet`,
            `fpn`, `pspnet`, `deeplabv3`, `deeplabv3plus`, `pan`, `upernet`, `segformer` or `dpt`.
        encoder: Of segmentation_models.pytorch, such as `resnet18`, or a timm model as `tu-NAME`.
        weights: What the encoder starts from: `auto`, `random`, a name or a file.
        build: `package.module:function` that makes the network instead of these two; see
            `mapwright.models.custom`.
        pixels: Width of the branch that sees each pixel by itself, beside the network; 0 = none.
        patch: Side of the square tiles that are learnt from, in pixels.
        batch: Tiles per step.
        steps: Number of steps of a fold.
        fold_steps: Steps of each fold where a budget set them.
        optimizer: What changes the weights: `adamw`, `adam`, `sgd` with Nesterov momentum, or
            `rmsprop`.
        learning_rate: Highest learning rate of the optimizer.
        weight_decay: Of the optimizer.
        warmup: Share of the steps in which the learning rate rises.
        clip: Largest norm of the gradient.
        validate_every: Steps between two validations.
        validate_on: Held-out images that each of them looks at, drawn by lot; 0 = all.
        score_on: Held-out images of a fold that its scores are of, drawn by lot; 0 = all.
        keep: Which weights to keep: the `best` on the validation images, or the `last`.
        loss: What training makes small; see `mapwright.losses`.
        alarm: Weight of false alarms in Dice; misses have what is left to one.
        smooth: Pixels that Dice counts as found beside those of the batch.
        gate: Weight in the loss of a second output, whether there is any object in a tile; 0 = no
            such output.
        border: Pixels on either side of the edge between two objects that a further channel learns
            to tell as border; see `mapwright.data.borders`. 0 = no such channel.
        rare: Share of the tiles that are drawn around a pixel of an evenly drawn class, of those
            that have at most half of the pixels.
        empty: Share of the tiles that are drawn from images without object; those that are neither
            `rare` nor `empty` come from the other images then. 0 = images as they come.
        mining: Share of the `empty` tiles that are drawn where the network raised false alarms.
        normalisation: `standardised` per band, or `clipped` to the 0.5 and 99.5 % first.
        augmentation: How tiles are varied.
        precision: Number type of the heavy arithmetic in training.
        channels_last: Whether the bands of a pixel lie together in memory.
        tile: Side of the square tiles that maps are made from, in pixels.
        overlap: Share by which those tiles overlap.
        tta: Test-time augmentation of scores and maps.
        tune_for: The score that thresholds, and rules for objects, are tuned for.
        save_every: Seconds between two saved states of the training.
        seed: Seed of everything random.
    """

    architecture: str = "unet"
    encoder: str = "resnet18"
    build: str = Field(default="", pattern=r"^$|^[\w.]+:[\w.]+$")
    weights: str = "auto"
    pixels: int = Field(default=0, ge=0, le=1024)
    patch: int = Field(default=LARGEST_PATCH, ge=STRIDE, le=4096)
    batch: int = Field(default=BATCH, ge=2)
    steps: int = Field(default=FEWEST, ge=1)
    fold_steps: tuple[int, ...] = ()
    optimizer: OptimizerName = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    warmup: float = Field(default=0.1, ge=0, le=1)
    clip: float = Field(default=5.0, gt=0)
    validate_every: int = Field(default=25, ge=1)
    validate_on: int = Field(default=0, ge=0)
    score_on: int = Field(default=0, ge=0)
    keep: Literal["best", "last"] = "best"
    loss: LossName = "dice+cross_entropy"
    alarm: float = Field(default=0.5, ge=0, le=1)
    smooth: float = Field(default=1.0, gt=0)
    gate: float = Field(default=0.0, ge=0)
    border: int = Field(default=0, ge=0, le=16)
    rare: float = Field(default=0.0, ge=0, le=1)
    empty: float = Field(default=0.0, ge=0, le=1)
    mining: float = Field(default=0.0, ge=0, le=1)
    normalisation: Literal["standardised", "clipped"] = "standardised"
    augmentation: Augmentation = Augmentation()
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = True
    tile: int = Field(default=LARGEST_PATCH, ge=STRIDE)
    overlap: float = Field(default=0.5, ge=0, lt=1)
    tta: Tta = "none"
    tune_for: TuneFor = "mean_iou"
    save_every: float = Field(default=30.0, ge=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        named = {"architecture", "encoder"} & self.model_fields_set
        if self.build and any(getattr(self, key) != OWN[key] for key in named):
            raise ValueError("the network is what build gives: leave architecture and encoder out")
        if self.rare + self.empty > 1:
            raise ValueError(f"rare {self.rare:g} and empty {self.empty:g} are more than all tiles")
        return self

    @property
    def network(self) -> str:
        """The network in words."""
        return self.build or f"{self.architecture} with {self.encoder}"


@dataclass(frozen=True)
class PlanWithReasons:
    """A plan, and why each value was chosen.

    Args:
        plan: The settings.
        reasons: Setting -> rule in words.
        memory: Bytes that training is predicted to take at its peak, or None.
    """

    plan: Plan
    reasons: Mapping[str, str]
    memory: int | None = None

    def timed(self, update: Mapping[str, Any], budget: float, step: float) -> PlanWithReasons:
        """The same plan with what a time budget set."""
        reason = f"what fits into a budget of {budget:.0f} s at {step:.2f} s a step, as measured"
        reasons = dict(self.reasons) | dict.fromkeys(update, reason)
        return replace(self, plan=self.plan.model_copy(update=dict(update)), reasons=reasons)

    def put(self, key: str, value: Any, reason: str) -> PlanWithReasons:
        """The same plan with another value."""
        reasons = dict(self.reasons) | {key: reason}
        return replace(self, plan=self.plan.model_copy(update={key: value}), reasons=reasons)

    def to_toml(self) -> str:
        """The plan as TOML, each value with its reason as a comment."""
        document = tomlkit.document()
        plain = self.plan.plain()
        for key in sorted(plain, key=lambda key: isinstance(plain[key], dict)):  # tables last
            if reason := self.reasons.get(key):
                document.add(tomlkit.comment(reason))
            document.add(key, plain[key])
        return tomlkit.dumps(document)
