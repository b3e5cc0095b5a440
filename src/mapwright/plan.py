"""Every setting of a training, each with the rule that chose its value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import median_low
from typing import Any, Literal, Self

import tomlkit
from pydantic import Field, model_validator

from mapwright.data.augmentation import Augmentation
from mapwright.data.config import Config
from mapwright.data.fingerprint import BandStats, Fingerprint
from mapwright.data.optimizers import OptimizerName, learning_choices
from mapwright.data.sampling import border_choice, choices, require_listed
from mapwright.errors import SettingError
from mapwright.hardware import Hardware
from mapwright.types import LossName, Tta, TuneFor

_STRIDE = 32  # pixels; every encoder halves its input five times
_LARGEST_PATCH = 256  # pixels; the context that such an encoder can use
_BATCH = 8  # tiles; batch normalisation needs several for a stable mean
_SEEN = 40  # times that every pixel is looked at without a budget
_FEWEST, _MOST = 400, 10_000  # steps without a budget
_FEW_IMAGES = 60  # up to so many, one split is a lottery and test-time views are cheap
_OWN = {"architecture": "own", "encoder": "own", "weights": "random"}  # of a network of your own
_COLOURS = 3  # bands; more are a spectrum
_FAINT = {"brightness": 0.05, "contrast": 0.05, "tint": 0.02, "noise": 0.03, "blur": 0.0}
"""How spectra are varied: about as much as air and sensor do."""
_BRANCH = 32  # channels of the branch that sees single pixels
_MEMORY_SHARE = 0.7  # of the memory that training may plan with


class Plan(Config):
    """The settings of a training.

    Args:
        architecture: See `mapwright.models.build`.
        encoder: See `mapwright.models.build`.
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
    patch: int = Field(default=_LARGEST_PATCH, ge=_STRIDE, le=4096)
    batch: int = Field(default=_BATCH, ge=2)
    steps: int = Field(default=_FEWEST, ge=1)
    fold_steps: tuple[int, ...] = ()
    optimizer: OptimizerName = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    warmup: float = Field(default=0.1, ge=0, le=1)
    clip: float = Field(default=5.0, gt=0)
    validate_every: int = Field(default=25, ge=1)
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
    tile: int = Field(default=_LARGEST_PATCH, ge=_STRIDE)
    overlap: float = Field(default=0.5, ge=0, lt=1)
    tta: Tta = "none"
    tune_for: TuneFor = "mean_iou"
    save_every: float = Field(default=30.0, ge=0)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        named = {"architecture", "encoder"} & self.model_fields_set
        if self.build and any(getattr(self, key) != _OWN[key] for key in named):
            raise ValueError("the network is what build gives: leave architecture and encoder out")
        if self.rare + self.empty > 1:
            raise ValueError(f"rare {self.rare:g} and empty {self.empty:g} are more than all tiles")
        return self

    @property
    def network(self) -> str:
        """The network in words."""
        return self.build or f"{self.architecture} with {self.encoder}"


Memory = Callable[[Plan], int]
"""Bytes that a training by a plan takes at its peak."""


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

    def to_toml(self) -> str:
        """The plan as TOML, each value with its reason as a comment."""
        document = tomlkit.document()
        plain = self.plan.plain()
        for key in sorted(plain, key=lambda key: isinstance(plain[key], dict)):  # tables last
            if reason := self.reasons.get(key):
                document.add(tomlkit.comment(reason))
            document.add(key, plain[key])
        return tomlkit.dumps(document)


def make_plan(
    fingerprint: Fingerprint,
    hardware: Hardware,
    settings: Mapping[str, Any] | None = None,
    *,
    folds: int = 1,
    objects: bool = False,
    memory: Memory | None = None,
) -> PlanWithReasons:
    """Derive a plan from the data and the machine.

    Args:
        fingerprint: Statistics of the labelled images.
        hardware: The machine.
        settings: Values set by hand; the rest follows.
        folds: Number of folds; 1 = one split, 0 = no image is held out.
        objects: Whether the objects of a class are counted.
        memory: Predicts the memory of a plan, so that the batch fits.

    Raises:
        SettingError: A setting is unknown or out of range.
    """
    given = dict(settings or {})
    Plan.parse(given, "settings")  # before rules calculate with a value that can't be
    rules = _Rules(fingerprint, hardware, given, objects)
    for rule in (_network, _tiles, _schedule, _learning, _augmentation, _arithmetic, _maps):
        rule(rules)
    rules.put(
        "keep",
        "last" if folds != 1 else "best",
        "choosing weights by the images that score them would flatter the score"
        if folds > 1
        else "no image is held out to choose by"
        if folds == 0
        else "the best weights on the validation images",
    )
    rules.put(
        "tune_for",
        "f2" if objects else "mean_iou",
        "objects are counted, and F2 is the score of those found, missed and invented"
        if objects
        else "the score that stands first in every table",
    )
    plan = Plan.parse(rules.values, "settings")
    if objects == (plan.tune_for == "mean_iou"):
        raise _wrong_aim(plan.tune_for, objects)
    require_listed(plan.border, fingerprint)
    return _fit_memory(PlanWithReasons(plan, rules.reasons), hardware, given, memory)


def _wrong_aim(tune_for: str, objects: bool) -> SettingError:
    return SettingError(
        f"tune_for is {tune_for!r}, and {'objects are' if objects else 'no objects are'} counted",
        where="settings",
        expected="f2, dice_pooled, dice_mean or dice_objects" if objects else "mean_iou",
        fix="choose one of these, or set `objects` of a class in dataset.toml",
    )


class _Rules:
    """Values chosen so far; what was set by hand is never overruled and later rules see it."""

    def __init__(
        self,
        fingerprint: Fingerprint,
        hardware: Hardware,
        given: Mapping[str, Any],
        objects: bool,
    ) -> None:
        self.fingerprint, self.hardware, self.objects = fingerprint, hardware, objects
        self.values: dict[str, Any] = dict(given)
        self.reasons = dict.fromkeys(given, "set by hand")

    def put(self, key: str, value: Any, reason: str) -> None:
        """Choose a value, unless it was set by hand."""
        if key not in self.values:
            self.values[key], self.reasons[key] = value, reason


def _network(rules: _Rules) -> None:
    rules.put("build", "", "no network of your own was given")
    if rules.values["build"]:
        for key in ("architecture", "encoder", "weights"):
            rules.put(key, _OWN[key], "the network is what the function gives")
    rules.put("architecture", "unet", "keeps fine outlines, and is the reference of the field")
    rules.put("encoder", "resnet18", "learns from few images and is fast on any machine")
    rules.put("weights", "auto", "pretrained when they are on this machine, else random")
    bands = len(rules.fingerprint.bands)
    rules.put(
        "pixels",
        _BRANCH if bands > _COLOURS else 0,
        f"{bands} bands: spectra tell classes apart, and the network blurs them; a branch that "
        "sees each pixel by itself is learnt first, in seconds"
        if bands > _COLOURS
        else f"{bands} bands: the look of a place says more than the colour of a pixel",
    )


def _tiles(rules: _Rules) -> None:
    sides = map(min, rules.fingerprint.heights, rules.fingerprint.widths)
    smallest = int(median_low(sides))
    side = min(_LARGEST_PATCH, max(_STRIDE, smallest // _STRIDE * _STRIDE))
    gsd = rules.fingerprint.gsd
    ground = f"; {side * gsd:.0f} m on the ground" if gsd else ""
    rules.put(
        "patch",
        side,
        f"the shorter side of the middle image is {smallest} pixels, rounded to a multiple of "
        f"{_STRIDE}, "
        f"at most {_LARGEST_PATCH}: the context that the encoder can use{ground}",
    )
    area = rules.values["patch"] ** 2
    batch = int(min(32, max(_BATCH, _BATCH * _LARGEST_PATCH**2 // (2 * area))))
    rules.put(
        "batch",
        batch,
        f"batch normalisation needs at least {_BATCH} tiles for a stable mean; "
        f"smaller tiles come in more",
    )


def _schedule(rules: _Rules) -> None:
    area = rules.values["patch"] ** 2
    tiles = rules.fingerprint.pixels / area
    wanted = math.ceil(_SEEN * tiles / rules.values["batch"])
    steps = min(max(wanted, _FEWEST), _MOST)
    rules.put(
        "steps",
        steps,
        f"{rules.values['batch'] * area * steps / rules.fingerprint.pixels:.3g} epochs; an epoch "
        f"is as many pixels as the images have. {_SEEN} are wanted, in {_FEWEST} to {_MOST} steps; "
        "a budget sets them by the clock",
    )
    rules.put("optimizer", "adamw", "needs the least tuning")
    for choice in learning_choices(rules.values["optimizer"]):
        rules.put(*choice)
    rules.put("warmup", 0.1, "the first tenth rises, so that random layers settle; then a cosine")
    rules.put(
        "validate_every",
        max(1, rules.values["steps"] // 16),
        "sixteen looks at the validation images",
    )


def _learning(rules: _Rules) -> None:
    """Loss, sampling and normalisation."""
    for choice in choices(rules.fingerprint, rules.values):
        rules.put(*choice)
    rules.put(*border_choice(rules.fingerprint, rules.objects))
    rules.put("alarm", 0.5, "misses and false alarms weigh alike")
    tailed = [band for band in rules.fingerprint.bands if _long_tail(band)]
    rules.put(
        "normalisation",
        "clipped" if tailed else "standardised",
        f"{tailed[0].name} reaches far beyond its usual values ({tailed[0].minimum:.4g} to "
        f"{tailed[0].maximum:.4g}): clipped to 0.5 to 99.5 % so that single pixels do no harm"
        if tailed
        else "each band minus its mean, by its deviation, over valid training pixels",
    )


def _long_tail(band: BandStats) -> bool:
    """Whether extremes lie more than a whole inner range beyond the 0.5 and 99.5 %."""
    if not band.percentiles:
        return False
    low, high = band.percentiles[0], band.percentiles[-1]
    return max(band.maximum - high, low - band.minimum) > max(high - low, 1e-9)


def _augmentation(rules: _Rules) -> None:
    spectral = len(rules.fingerprint.bands) > _COLOURS
    by_hand = rules.values.get("augmentation", {})
    usual = _FAINT if spectral else {}
    rules.values["augmentation"] = Augmentation.parse({**usual, **by_hand}, "augmentation").plain()
    rules.reasons.setdefault(
        "augmentation",
        "seen from above, every direction is alike: all flips and turns; zoom differs; "
        + (
            "of many bands the values themselves tell, so brightness and tint differ little"
            if spectral
            else "brightness, contrast and tint differ between takes"
        )
        + "; strengths are in units of each band's deviation",
    )


def _arithmetic(rules: _Rules) -> None:
    hardware = rules.hardware
    if hardware.bfloat16:
        reason = f"{hardware.name} multiplies bfloat16 in hardware: two to four times faster"
        rules.put("precision", "bfloat16", reason)
    else:
        rules.put("precision", "float32", f"{hardware.name} has no bfloat16 arithmetic")
    rules.put("channels_last", True, "the layout that convolutions are fastest in")


def _maps(rules: _Rules) -> None:
    rules.put("tile", rules.values["patch"], "maps are made from tiles of the size learnt from")
    rules.put("overlap", 0.5, "every pixel lies near the middle of some tile: no seams")
    few = rules.fingerprint.images <= _FEW_IMAGES
    rules.put(
        "tta",
        "flips" if few else "none",
        f"{rules.fingerprint.images} images: four views of each cost seconds and steady the map"
        if few
        else f"{rules.fingerprint.images} images: more views would cost more than they give",
    )


def _fit_memory(
    planned: PlanWithReasons, hardware: Hardware, given: Mapping[str, Any], memory: Memory | None
) -> PlanWithReasons:
    """Halve the batch, then the patch, until the training fits into the machine."""
    if memory is None:
        return planned
    limit = _MEMORY_SHARE * hardware.memory
    while (need := memory(planned.plan)) > limit:
        plan = planned.plan
        if "batch" not in given and plan.batch > 2:
            key, value = "batch", plan.batch // 2
        elif "patch" not in given and plan.patch > 2 * _STRIDE:
            key, value = "patch", plan.patch // 2 // _STRIDE * _STRIDE
        else:
            raise SettingError(
                f"training would take {need / 2**30:.1f} GiB",
                where=f"patch {plan.patch}, batch {plan.batch}, {plan.network}",
                expected=f"at most {limit / 2**30:.1f} GiB on {hardware.name}",
                fix="set a smaller patch, batch or encoder",
            )
        reason = f"halved until {_MEMORY_SHARE:.0%} of {hardware.memory / 2**30:.0f} GiB suffice"
        planned = replace(
            planned,
            plan=plan.model_copy(update={key: value}),
            reasons=dict(planned.reasons) | {key: reason},
        )
    return replace(planned, memory=need)
