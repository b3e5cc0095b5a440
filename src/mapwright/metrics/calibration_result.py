"""How good probabilities are, in figures; see `mapwright.metrics.calibration`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from mapwright.metrics.undefined import with_nan


@dataclass(frozen=True)
class Bins:
    """A reliability diagram.

    Args:
        pixels: In each bin.
        probability: Their mean; NaN in an empty bin.
        share: Share of them that are right, or of the class; NaN in an empty bin.
        ece: Expected calibration error: the mean distance of the two.
    """

    pixels: tuple[float, ...]
    probability: tuple[float, ...]
    share: tuple[float, ...]
    ece: float

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The bins from a mapping of their fields."""
        lists = {key: tuple(plain[key]) for key in ("pixels", "probability", "share")}
        return cls(**lists, ece=plain["ece"])


@dataclass(frozen=True)
class Side:
    """Probabilities before or after temperature scaling.

    Args:
        bins: By the probability of the most probable class; with it, the ECE.
        interval: 95 % bootstrap interval of the ECE.
        classwise: Mean of the errors of all classes' own probabilities.
        brier: Brier score.
        nll: Mean negative log-likelihood of the truth.
    """

    bins: Bins
    interval: tuple[float, float]
    classwise: float
    brier: float
    nll: float

    @property
    def ece(self) -> float:
        """Expected calibration error."""
        return self.bins.ece

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The side from a mapping of its fields."""
        bins = Bins.from_plain(plain["bins"])
        return cls(**{**plain, "bins": bins, "interval": tuple(plain["interval"])})


@dataclass(frozen=True)
class ClassCalibration:
    """The probability of one class.

    Args:
        name: The class.
        before: Of all pixels, by the probability of this class.
        after: The same after temperature scaling.
        mapped_before: ECE of the pixels for which this class is the most probable one.
        mapped_after: The same after temperature scaling.
    """

    name: str
    before: Bins
    after: Bins
    mapped_before: float
    mapped_after: float


@dataclass(frozen=True)
class Calibration:
    """Probabilities of images against their truth, before and after temperature scaling.

    Args:
        temperature: The one that the model holds.
        used: Those that the figures after are made with, lowest first: each fitted without the
            images that it is used on.
        pixels: Valid, labelled pixels; of more than two classes those that the drawn ones stand
            for.
        images: Images.
        unit: What intervals were drawn from.
        before: Probabilities as the networks give them.
        after: After temperature scaling.
        gain: 95 % interval of how much lower the ECE is after.
        classes: One entry per class.
        reason: Why this temperature, in words.
    """

    temperature: float
    used: tuple[float, ...]
    pixels: int
    images: int
    unit: str
    before: Side
    after: Side
    gain: tuple[float, float]
    classes: tuple[ClassCalibration, ...]
    reason: str = ""

    @property
    def changed(self) -> bool:
        """Whether anything was scaled."""
        return self.used != (1.0,)

    @property
    def verdict(self) -> str:
        """What scaling did to the ECE: `lower`, `higher`, or `not detectably other`."""
        low, high = self.gain
        if low > 0:
            return "lower"
        return "higher" if high < 0 else "not detectably other"

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The figures from what `asdict` gave, with None for NaN."""
        values = dict(with_nan(plain))
        for key in ("before", "after"):
            values[key] = Side.from_plain(values[key])
        values["classes"] = tuple(
            ClassCalibration(**{**entry, **{k: Bins.from_plain(entry[k]) for k in _SIDES}})
            for entry in values["classes"]
        )
        return cls(**{**values, "used": tuple(values["used"]), "gain": tuple(values["gain"])})


_SIDES = ("before", "after")
