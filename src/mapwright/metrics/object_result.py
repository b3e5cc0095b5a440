"""What is known of a set of images once their objects are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from mapwright.metrics.undefined import with_nan, without_nan

SCORES = {
    "f2": "F2 of the competition: mean over IoU thresholds 0.50 .. 0.95, then over images",
    "dice_pooled": "Dice over the pixels of all images together",
    "dice_mean": "mean over images of each image's Dice; 1 where nothing is and nothing is found",
    "dice_objects": "the same over images that hold an object",
    "presence_accuracy": "share of images rightly said to hold an object, or none",
    "presence_precision": "share of images said to hold an object that do",
    "presence_recall": "share of images that hold an object said to do so",
}
"""The scores of a set of images, in words."""


@dataclass(frozen=True)
class ObjectScore:
    """One score of a set of images.

    Args:
        name: One of `SCORES`.
        value: NaN where it is not defined.
        interval: 95 % bootstrap interval, see `ObjectScores.unit`.
        baseline: The score, had nothing been predicted on any image.
    """

    name: str
    value: float
    interval: tuple[float, float]
    baseline: float

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """A score from its built-in types."""
        return cls(**{**plain, "interval": tuple(plain["interval"])})


@dataclass(frozen=True)
class SizeRecall:
    """How many of the true objects of some size were found.

    Args:
        low: Pixels of the smallest.
        high: Pixels that the largest stays below; None = no bound.
        objects: Number of them.
        found: Share with an IoU above 0.5; NaN where there is none.
        interval: 95 % bootstrap interval of `found`, see `ObjectScores.unit`.
        outlined: Mean share over the IoU thresholds 0.50 .. 0.95.
    """

    low: int
    high: int | None
    objects: int
    found: float
    interval: tuple[float, float]
    outlined: float

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """A row from its built-in types, where None stands for no bound and for no score."""
        values = {**with_nan(plain), "high": plain["high"]}
        return cls(**{**values, "interval": tuple(values["interval"])})

    def words(self, area: float | None = None) -> str:
        """The sizes in words: pixels, or square metres when `area` has those of a pixel."""
        low, high = (None if n is None else n * (area or 1) for n in (self.low, self.high))
        unit = "pixels" if area is None else "m²"
        if high is None:
            return f"{low:,.4g} {unit} and more"
        # whole pixels: the last one that is below the bound
        return f"{low:,.4g} to {high if area else high - 1:,.4g} {unit}"


@dataclass(frozen=True)
class ObjectScores:
    """Scores of a set of images.

    Args:
        images: Number of images.
        with_objects: Number of those that hold an object.
        objects: Number of true objects.
        guesses: Number of predicted objects.
        scores: One entry for each of `SCORES`.
        sizes: Recall by size.
        unit: What the bootstrap draws, in words: images, or groups of images.
        name: The class that is counted.
        area: Square metres of a pixel; None where it is not known.
        truth: Where true objects come from, in words.
        rule: How predicted objects were made, in words.
    """

    images: int
    with_objects: int
    objects: int
    guesses: int
    scores: tuple[ObjectScore, ...]
    sizes: tuple[SizeRecall, ...]
    unit: str = "images"
    name: str = "object"
    area: float | None = None
    truth: str = ""
    rule: str = ""

    def __getitem__(self, name: str) -> ObjectScore:
        """The score of this name."""
        return next(score for score in self.scores if score.name == name)

    def plain(self) -> dict[str, Any]:
        """The scores as JSON-able built-in types; None where a score is not defined."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The scores from what `plain` gave, now or before a field was added."""
        scores = tuple(ObjectScore.from_plain(with_nan(entry)) for entry in plain["scores"])
        sizes = tuple(SizeRecall.from_plain(entry) for entry in plain["sizes"])
        return cls(**{**plain, "scores": scores, "sizes": sizes})
