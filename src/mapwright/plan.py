"""Every setting of a training, each with the reason for its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import tomlkit
from pydantic import Field

from mapwright.data.augment import Augmentation
from mapwright.data.config import Config
from mapwright.data.fingerprint import Fingerprint
from mapwright.errors import SettingError
from mapwright.hardware import Hardware

_LARGEST_PATCH = 256  # pixels; enough context for an encoder that halves five times
_STRIDE = 32  # pixels


class Plan(Config):
    """The settings of a training.

    Args:
        architecture: See `mapwright.models.build`.
        encoder: See `mapwright.models.build`.
        weights: What the encoder starts from: `auto`, `random`, a name or a file.
        patch: Side of the square tiles that are learnt from, in pixels.
        batch: Tiles per step.
        steps: Number of steps.
        learning_rate: Highest learning rate of AdamW.
        weight_decay: Of AdamW.
        warmup: Share of the steps in which the learning rate rises.
        clip: Largest norm of the gradient.
        validate_every: Steps between two validations.
        augmentation: How tiles are varied.
        precision: Number type of the heavy arithmetic in training.
        channels_last: Whether the bands of a pixel lie together in memory.
        tile: Side of the square tiles that maps are made from, in pixels.
        overlap: Share by which those tiles overlap.
        seed: Seed of everything random.
    """

    architecture: str = "unet"
    encoder: str = "resnet18"
    weights: str = "auto"
    patch: int = Field(default=_LARGEST_PATCH, ge=_STRIDE, le=4096)
    batch: int = Field(default=8, ge=2)
    steps: int = Field(default=400, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    warmup: float = Field(default=0.1, ge=0, le=1)
    clip: float = Field(default=5.0, gt=0)
    validate_every: int = Field(default=25, ge=1)
    augmentation: Augmentation = Augmentation()
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = True
    tile: int = Field(default=_LARGEST_PATCH, ge=_STRIDE)
    overlap: float = Field(default=0.5, ge=0, lt=1)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class PlanWithReasons:
    """A plan, and why each value was chosen.

    Args:
        plan: The settings.
        reasons: Setting -> rule in words.
    """

    plan: Plan
    reasons: dict[str, str]

    def to_toml(self) -> str:
        """The plan as TOML, each value with its reason as a comment."""
        document = tomlkit.document()
        for key, value in self.plan.plain().items():
            if reason := self.reasons.get(key):
                document.add(tomlkit.comment(reason))
            document.add(key, value)
        return tomlkit.dumps(document)


def make_plan(
    fingerprint: Fingerprint, hardware: Hardware, settings: Mapping[str, Any] | None = None
) -> PlanWithReasons:
    """Derive a plan from the data and the machine.

    Args:
        fingerprint: Statistics of the training images.
        hardware: The machine.
        settings: Values set by hand; the rest follows.

    Raises:
        SettingError: A setting is unknown or out of range.
    """
    given = dict(settings or {})
    smallest = min(*fingerprint.heights, *fingerprint.widths)
    patch = min(_LARGEST_PATCH, max(_STRIDE, smallest // _STRIDE * _STRIDE))
    chosen: dict[str, tuple[Any, str]] = {
        "patch": (
            patch,
            f"the smallest image side is {smallest}, rounded down to a multiple of {_STRIDE}, "
            f"at most {_LARGEST_PATCH}",
        ),
        "architecture": ("unet", "keeps fine outlines; the reference of the field"),
        "encoder": ("resnet18", "small enough to learn from few images without overfitting"),
        "weights": ("auto", "pretrained when they are on this machine, else random"),
        "batch": (8, "batch normalisation needs several tiles for a stable mean"),
        "precision": (
            "bfloat16" if hardware.bfloat16 else "float32",
            f"{hardware.name} multiplies bfloat16 in hardware: two to four times faster"
            if hardware.bfloat16
            else f"{hardware.name} has no bfloat16 arithmetic",
        ),
        "channels_last": (True, "the layout that convolutions are fastest in"),
    }
    values = {key: value for key, (value, _) in chosen.items()} | given
    reasons = {key: reason for key, (_, reason) in chosen.items()}
    values.setdefault("tile", values["patch"])
    reasons["tile"] = "maps are made from tiles of the size that was learnt from"
    reasons |= dict.fromkeys(given, "set by hand")
    return PlanWithReasons(Plan.parse(values, "settings"), reasons)


def parse_settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`key=value` texts, values in TOML notation or bare words, keys nested by dots.

    Raises:
        SettingError: A text has no `=`.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key.strip():
            raise SettingError(
                f"{pair!r} is no setting", where="--set", expected="key=value, such as steps=200"
            )
        inner = settings
        *parents, last = key.strip().split(".")
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = _value(text.strip())
    return settings


def _value(text: str) -> Any:
    try:
        return tomlkit.parse(f"x = {text}").unwrap()["x"]
    except tomlkit.exceptions.ParseError:
        return text
