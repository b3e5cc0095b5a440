"""The rules that choose every setting of a training, from the data and the machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median_low
from typing import Any

from mapwright.data.fingerprint import BandStats, Fingerprint
from mapwright.data.optimizers import learning_choices
from mapwright.data.sampling import border_choice, choices, object_side, require_listed
from mapwright.data.variation import epochs_of, variation
from mapwright.errors import SettingError
from mapwright.hardware import Hardware
from mapwright.plan import BATCH, FEWEST, LARGEST_PATCH, OWN, STRIDE, Plan, PlanWithReasons

_SEEN = 40  # times that every pixel is looked at without a budget
_MOST = 10_000  # steps without a budget
LOOK = 200
"""Images that a validation looks at, at most."""
_FEW_IMAGES = 60  # up to so many, one split is a lottery and test-time views are cheap
_COLOURS = 3  # bands; more are a spectrum
_SMALLEST, _AROUND = 128, 4  # pixels of a tile for small objects, and how many of their sides
_WIDE, _WIDEST = 512, 768  # pixels of a tile that maps are made from, and of one whole image
_NEARBY = ("unet", "unetplusplus", "linknet", "fpn")  # without a mean over the whole tile,
_CONVOLVING = ("resnet", "resnext", "vgg", "densenet", "mobilenet_v2")  # and so are these
_BRANCH = 32  # channels of the branch that sees single pixels
_MEMORY_SHARE = 0.7  # of the memory that training may plan with

Memory = Callable[[Plan], int]
"""Bytes that a training by a plan takes at its peak."""


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
    return _fit_memory(PlanWithReasons(plan, rules.reasons), fingerprint, hardware, given, memory)


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
            rules.put(key, OWN[key], "the network is what the function gives")
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
    smallest, gsd = int(median_low(sides)), rules.fingerprint.gsd
    side = _in_strides(smallest, LARGEST_PATCH)
    reason = (
        f"the shorter side of the middle image is {smallest} pixels, rounded to a multiple of "
        f"{STRIDE}, at most {LARGEST_PATCH}: the context that the encoder can use"
    )
    large = object_side(rules.fingerprint) if rules.objects else 0
    if large and (close := max(_SMALLEST, _in_strides(_AROUND * large, LARGEST_PATCH))) < side:
        side = close
        reason = (
            f"nine of ten objects have fewer pixels than {large} x {large} and most images hold "
            f"none: tiles of about {_AROUND} times that side show one with what is around it, and "
            "more of them are learnt from in the same time"
        )
    ground = f"; {side * gsd:.0f} m on the ground" if gsd else ""
    rules.put("patch", side, reason + ground)
    area = rules.values["patch"] ** 2
    batch = int(min(32, max(BATCH, BATCH * LARGEST_PATCH**2 // (2 * area))))
    rules.put(
        "batch",
        batch,
        f"batch normalisation needs at least {BATCH} tiles for a stable mean; "
        f"smaller tiles come in more",
    )


def _in_strides(length: int, most: int) -> int:
    """A length as a multiple of the stride, in pixels: one at least and at most `most`."""
    return min(most, max(STRIDE, length // STRIDE * STRIDE))


def _schedule(rules: _Rules) -> None:
    area = rules.values["patch"] ** 2
    tiles = rules.fingerprint.pixels / area
    wanted = math.ceil(_SEEN * tiles / rules.values["batch"])
    steps = min(max(wanted, FEWEST), _MOST)
    rules.put(
        "steps",
        steps,
        f"{epochs_of(rules.fingerprint, {**rules.values, 'steps': steps}):.3g} epochs; an epoch "
        f"is as many pixels as the images have. {_SEEN} are wanted, in {FEWEST} to {_MOST} steps; "
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
    many = rules.fingerprint.images > LOOK
    rules.put(
        "validate_on",
        LOOK if many else 0,
        f"{LOOK} images tell good weights from better ones; the score at the end is of all"
        if many
        else "all that are held out",
    )
    rules.put("score_on", 0, "all that are held out; a budget may leave time for a part of many")


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
    by_hand = rules.values.get("augmentation", {})
    how, reason = variation(rules.fingerprint, rules.values, by_hand)
    rules.values["augmentation"] = how.plain()
    rules.reasons.setdefault("augmentation", reason)


def _arithmetic(rules: _Rules) -> None:
    hardware = rules.hardware
    if hardware.bfloat16:
        reason = f"{hardware.name} multiplies bfloat16 in hardware: two to four times faster"
        rules.put("precision", "bfloat16", reason)
    else:
        rules.put("precision", "float32", f"{hardware.name} has no bfloat16 arithmetic")
    rules.put("channels_last", True, "the layout that convolutions are fastest in")


def _maps(rules: _Rules) -> None:
    patch = rules.values["patch"]
    if _sees_nearby(rules.values):
        largest = max(*rules.fingerprint.heights, *rules.fingerprint.widths)
        whole = math.ceil(largest / STRIDE) * STRIDE
        rules.put(
            "tile",
            max(patch, whole if whole <= _WIDEST else _WIDE),
            f"the largest side of any image, {largest} pixels, where that is at most {_WIDEST}, "
            f"else {_WIDE}, and never less than learnt from: this network sees what is near, "
            "whatever the size of the tile, and large tiles have fewer edges",
        )
    rules.put("tile", patch, "this network sees the whole tile, so as large as those learnt from")
    if _sees_nearby(rules.values) and rules.values["tile"] >= _WIDE:
        rules.put("overlap", 0.25, "of so large tiles; a half takes twice the time for nothing")
    rules.put("overlap", 0.5, "every pixel lies near the middle of some tile: no seams")
    few = rules.fingerprint.images <= _FEW_IMAGES
    rules.put(
        "tta",
        "flips" if few else "none",
        f"{rules.fingerprint.images} images: four views of each cost seconds and steady the map"
        if few
        else f"{rules.fingerprint.images} images: more views would cost more than they give",
    )


def _sees_nearby(values: Mapping[str, Any]) -> bool:
    """Whether what a network says of a place is known not to depend on the size of the tile."""
    architecture, encoder = str(values["architecture"]), str(values["encoder"])
    return not values["build"] and architecture in _NEARBY and encoder.startswith(_CONVOLVING)


def _fit_memory(
    planned: PlanWithReasons,
    fingerprint: Fingerprint,
    hardware: Hardware,
    given: Mapping[str, Any],
    memory: Memory | None,
) -> PlanWithReasons:
    """Halve the batch, then the patch, until the training fits into the machine."""
    if memory is None:
        return planned
    limit = _MEMORY_SHARE * hardware.memory
    while (need := memory(planned.plan)) > limit:
        plan = planned.plan
        if "batch" not in given and plan.batch > 2:
            key, value = "batch", plan.batch // 2
        elif "patch" not in given and plan.patch > 2 * STRIDE:
            key, value = "patch", plan.patch // 2 // STRIDE * STRIDE
        else:
            raise SettingError(
                f"training would take {need / 2**30:.1f} GiB",
                where=f"patch {plan.patch}, batch {plan.batch}, {plan.network}",
                expected=f"at most {limit / 2**30:.1f} GiB on {hardware.name}",
                fix="set a smaller patch, batch or encoder",
            )
        reason = f"halved until {_MEMORY_SHARE:.0%} of {hardware.memory / 2**30:.0f} GiB suffice"
        if key == "patch" and plan.tile == plan.patch and "tile" not in given:
            planned = planned.put("tile", value, planned.reasons["tile"])
        planned = planned.put(key, value, reason)
        how, why = variation(fingerprint, planned.plan.plain(), given.get("augmentation", {}))
        planned = planned.put(
            "augmentation", how, "set by hand" if "augmentation" in given else why
        )
    return replace(planned, memory=need)
