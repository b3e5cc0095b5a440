"""What is known about a model, whatever runs it: description, plan, decision, history, scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from affine import Affine
from odc.geo.geobox import GeoBox
from pydantic import Field

from mapwright.data.blocks import parse_name
from mapwright.data.config import Config
from mapwright.data.fingerprint import Fingerprint
from mapwright.data.spec import DatasetSpec
from mapwright.data.splits import Fold
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.metrics.temperature import temper_threshold
from mapwright.plan import Plan
from mapwright.types import Tta, Window


class ObjectDecision(Config):
    """How probabilities become objects.

    Args:
        rule: From the probabilities of an image to its objects.
        tuned_for: The score that it was chosen for; empty when nothing was tuned.
        reason: Why this rule, in words.
    """

    rule: ObjectRule
    tuned_for: str = ""
    reason: str = ""


class Decision(Config):
    """How probabilities become classes and objects.

    Args:
        threshold: With two classes, a pixel is the second class from this probability on. With
            more, the most probable class is taken and this value is not used.
        objects: How objects are made where the objects of a class are counted; None = nobody
            decided. Their rule is for probabilities before calibration: of more than two classes
            no threshold after it would make the same objects.
        temperature: What calibrates probabilities, once members, views and tiles are averaged; see
            `mapwright.metrics.temperature`. 1 = they stay as they are.
        calibration: Why this temperature, in words; empty when nobody looked.
    """

    threshold: float = Field(default=0.5, ge=0, le=1)
    objects: ObjectDecision | None = None
    temperature: float = Field(default=1.0, gt=0)
    calibration: str = ""

    @property
    def raw_threshold(self) -> float:
        """The threshold for probabilities before calibration: it makes the same map."""
        return temper_threshold(self.threshold, 1 / self.temperature)

    @property
    def object_rule(self) -> ObjectRule:
        """The rule for objects: as decided, else every patch of pixels from the threshold on."""
        return self.objects.rule if self.objects else ObjectRule(Cut(self.raw_threshold))

    @property
    def object_words(self) -> str:
        """The rule for objects in words."""
        note = "" if self.temperature == 1 else " (probabilities before calibration)"
        return self.object_rule.words + note

    def calibrated(self, temperature: float, reason: str = "") -> Self:
        """The same decision on probabilities that are not calibrated yet, for those that are."""
        threshold = temper_threshold(self.threshold, temperature)
        update = {"threshold": threshold, "temperature": temperature, "calibration": reason}
        return self.model_copy(update=update)

    def without(
        self, *, probabilities: bool = False, presence: bool = False, border: bool = False
    ) -> Decision:
        """What is left to decide where a file does not give all that a model does.

        Args:
            probabilities: It gives none, as it has decided by the threshold already.
            presence: It does not give what the gate was tuned on.
            border: It does not give where objects touch.
        """
        left = Decision() if probabilities else self.model_copy(update={"objects": None})
        if self.objects is None:
            return left
        rule = self.objects.rule
        if probabilities:
            rule = replace(rule, cut=replace(rule.cut, threshold=0.5, core=None))
        rule = replace(rule, gate=0.0 if presence else rule.gate)
        if border:
            rule = replace(rule, cut=replace(rule.cut, border=None))
        return left.model_copy(update={"objects": self.objects.model_copy(update={"rule": rule})})


class Ground(Config):
    """Where an image lies.

    Args:
        crs: Its CRS, as a code such as `EPSG:32633` or as WKT.
        transform: Six numbers (a, b, c, d, e, f): x = a col + b row + c, y = d col + e row + f.
        height: Rows.
        width: Columns.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    height: int
    width: int

    @classmethod
    def of(cls, grid: GeoBox) -> Self | None:
        """Where a grid lies; None without a CRS."""
        if grid.crs is None:
            return None
        code = grid.crs.to_epsg()
        return cls(
            crs=f"EPSG:{code}" if code else grid.crs.to_wkt(),
            transform=tuple(grid.transform)[:6],
            height=int(grid.height),
            width=int(grid.width),
        )

    @property
    def grid(self) -> GeoBox:
        """Shape, transform and CRS."""
        return GeoBox((self.height, self.width), Affine(*self.transform), self.crs)


class History(Config):
    """What made a model.

    Args:
        created: Date and time, ISO 8601, UTC.
        folds: What each member learnt from and was validated on.
        images: SHA-256 of the file of each image, or part of one, that a fold names.
        grounds: Where each of them lies, if it has a CRS.
        ancestors: SHA-256 of the images that the models it started from had learnt from.
        weights_source: What the networks started from.
        weights_reason: Why.
        parent: Name of the model that it started from; empty without one.
        steps: How many steps each member was trained for.
        best_steps: After how many of them each member's weights were kept.
        cut_short: Members whose training the clock ended before its last step.
        budget: Seconds that the whole command was given; None = no budget.
        seconds: How long training took.
        plan_hash: SHA-256 of data, settings, budget and machine.
        versions: Versions of the libraries that matter.
        hardware: Name of the processor or GPU.
    """

    created: str
    folds: tuple[Fold, ...]
    images: dict[str, str]
    grounds: dict[str, Ground] = Field(default_factory=dict)
    ancestors: tuple[str, ...] = ()
    weights_source: str
    weights_reason: str
    parent: str = ""
    steps: tuple[int, ...]
    best_steps: tuple[int, ...]
    cut_short: tuple[int, ...] = ()
    budget: float | None = None
    seconds: float
    plan_hash: str = ""
    versions: dict[str, str]
    hardware: str

    @cached_property
    def learnt(self) -> tuple[Seen, ...]:
        """For each member, the images, and the parts of them, that it learnt from."""
        return tuple(self._seen(fold.train) for fold in self.folds)

    @cached_property
    def validated(self) -> Seen:
        """The images, and the parts of them, that some member was validated on."""
        return self._seen([name for fold in self.folds for name in fold.val])

    def only(self, members: Sequence[int]) -> History:
        """The history of some of the members, by number."""
        return self._with(
            folds=tuple(self.folds[number] for number in members),
            steps=tuple(self.steps[number] for number in members),
            best_steps=tuple(self.best_steps[number] for number in members),
            cut_short=tuple(p for p, number in enumerate(members) if number in self.cut_short),
        )

    def as_one(self) -> History:
        """The history of an ensemble that can't be taken apart: what one has learnt, all have."""
        train = {name for fold in self.folds for name in fold.train}
        val = {name for fold in self.folds for name in fold.val} - train
        return self._with(
            folds=(Fold(train=tuple(sorted(train)), val=tuple(sorted(val))),),
            steps=(sum(self.steps),),
            best_steps=(sum(self.best_steps),),
            cut_short=(0,) if self.cut_short else (),
        )

    def _with(self, **update: tuple[Any, ...]) -> History:
        changed = self.model_copy(update=update)
        for known in ("learnt", "validated"):  # a copy brings along what was worked out before
            changed.__dict__.pop(known, None)
        return changed

    def _seen(self, names: Sequence[str]) -> Seen:
        seen: dict[str, list[Window | None]] = defaultdict(list)
        for name in names:
            seen[self.images[name]].append(parse_name(name)[1])
        return Seen({digest: tuple(windows) for digest, windows in seen.items()})


@dataclass(frozen=True)
class Seen:
    """Images known by their content, whole or in part.

    Args:
        windows: SHA-256 of the image file -> its parts; None = all of it.
    """

    windows: Mapping[str, tuple[Window | None, ...]]

    def meets(self, digest: str, window: Window | None) -> bool:
        """Whether a pixel of an image, or of a part of it, is among these."""
        return any(
            one is None or window is None or one.meets(window)
            for one in self.windows.get(digest, ())
        )


@dataclass(frozen=True, kw_only=True)
class Card(ABC):
    """What a model file tells about its model.

    Args:
        spec: The data it was made for.
        plan: The settings it was trained with.
        fingerprint: Statistics of its training images.
        decision: How its probabilities become classes.
        history: What made it.
        scores: Results on held-out images, or None.
    """

    spec: DatasetSpec
    plan: Plan
    fingerprint: Fingerprint
    decision: Decision
    history: History
    scores: Mapping[str, Any] | None = None

    def require_counted(self) -> int:
        """The class whose objects are found: as described, or the second of two.

        Raises:
            SettingError: There are more classes, and none is said to be counted.
        """
        model = f"the model {self.spec.name!r}"
        return self.spec.require_counted(model, "add it to dataset.toml, and train again")

    @property
    def tile(self) -> int:
        """Side of the square tiles that maps are made from, in pixels."""
        return self.plan.tile

    @property
    def smallest_tile(self) -> int:
        """Side of the smallest tiles that maps of small images are made from, in pixels."""
        return min(self.plan.patch, self.plan.tile)

    def views(self, asked: Tta | None) -> Tta:
        """The test-time augmentation to use: what is asked for, else as planned.

        Raises:
            SettingError: What the file gives can't be averaged.
        """
        return asked or self.plan.tta

    @property
    def caveat(self) -> str:
        """What a reader of scores or maps must know of this file; empty when nothing."""
        return ""

    @property
    def soft(self) -> bool:
        """Whether what runs the model gives its probabilities, and not only what it decided."""
        return True

    @property
    def cuts(self) -> bool:
        """Whether what runs the model tells where objects are, at the threshold of their rule."""
        return True

    @abstractmethod
    def only(self, members: Sequence[int]) -> Self:
        """The same model with some of its members, by number, and their part of the history."""

    def header(self) -> dict[str, Any]:
        """All of this as JSON-able values; `read_header` turns them back."""
        return {
            "dataset": self.spec.plain(),
            "plan": self.plan.plain(),
            "fingerprint": self.fingerprint.plain(),
            "decision": self.decision.plain(),
            "history": self.history.plain(),
            "scores": self.scores,
        }


def read_header(values: Mapping[str, Any], where: object) -> dict[str, Any]:
    """The fields of a `Card` from what `Card.header` gave.

    Raises:
        SettingError: Something in it is missing or unknown.
    """
    plan, decision = Plan.parse(values["plan"], where), Decision.parse(values["decision"], where)
    return {
        "spec": DatasetSpec.parse(values["dataset"], where),
        "plan": plan,
        "fingerprint": Fingerprint.parse(values["fingerprint"], where),
        # a rule of older files names a border though no network had learnt any
        "decision": decision if plan.border else decision.without(border=True),
        "history": History.parse(values["history"], where),
        "scores": values["scores"],
    }
