"""What is known of the areas of a map: figures, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mapwright.errors import SettingError

Z95 = 1.96
"""Normal quantile of a 95 % interval, rounded as in Olofsson et al. (2014)."""

Design = Literal["stratified", "random"]
"""How points were drawn: at random within strata, or over the whole map alike."""


@dataclass(frozen=True)
class Estimate:
    """An estimate with its uncertainty.

    Args:
        value: The estimate.
        standard_error: Its standard error.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassArea:
    """One class; estimates are None without a reference sample, or where not defined.

    Args:
        name: The class.
        value: Its value in the map.
        pixels: Pixels that the map gives it.
        mapped: Their area.
        map_points: Reference points on those pixels.
        reference_points: Reference points that are of this class.
        estimated: Area that is of this class.
        users: User's accuracy: of the area mapped as the class, the share that is.
        producers: Producer's accuracy: of the area of the class, the share that is mapped so.
    """

    name: str
    value: int
    pixels: int
    mapped: float
    map_points: int = 0
    reference_points: int = 0
    estimated: Estimate | None = None
    users: Estimate | None = None
    producers: Estimate | None = None


@dataclass(frozen=True)
class Stratum:
    """A part of the map within which points were drawn alike.

    Args:
        name: Its name.
        area: Its area.
        points: Reference points in it.
    """

    name: str
    area: float
    points: int


@dataclass(frozen=True)
class Areas:
    """Areas of a map.

    Args:
        path: The map.
        crs: Its CRS, or None.
        unit: `ha`, or `pixels` for a map without a CRS.
        classes: One entry per class.
        total: Area of all pixels that have a class, and that the estimates add up to.
        pixels: How many those are.
        design: How the reference sample was drawn; None without one.
        strata: The strata of the estimate.
        overall: Overall accuracy.
        counts: (K, K) points, rows = map class, columns = reference class.
        matrix: (K, K) estimated share of the area, in the same order.
        left_out: Names of points that were not used, by reason.
        notes: What was taken for what, and which estimator served.
        warnings: What the reader must beware of.
    """

    path: Path
    crs: str | None
    unit: str
    classes: tuple[ClassArea, ...]
    total: float
    pixels: int
    design: Design | None = None
    strata: tuple[Stratum, ...] = ()
    overall: Estimate | None = None
    counts: list[list[int]] = field(default_factory=list)
    matrix: list[list[float]] = field(default_factory=list)
    left_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The result as JSON-able built-in types."""
        return {**asdict(self), "path": str(self.path)}

    def amount(self, area: float) -> str:
        """An area as text, with as many digits as the size of the map calls for: `1 234`."""
        steps = ((10_000, 0), (100, 1), (1, 2), (0, 4))
        digits = next(digits for least, digits in steps if self.total >= least)
        digits = 0 if self.unit == "pixels" else digits
        return f"{area:,.{digits}f}".replace(",", " ")

    def sentences(self) -> tuple[str, ...]:
        """Each class in words."""
        return tuple(self._sentence(entry) for entry in self.classes)

    def _sentence(self, entry: ClassArea) -> str:
        text = f"{entry.name}: {self.amount(entry.mapped)} {self.unit} mapped"
        if entry.estimated is None:
            return text
        shown = entry.estimated
        value, low, high = (self.amount(v) for v in (shown.value, shown.low, shown.high))
        return f"{text}; estimated {value} {self.unit} (95 %: {low} to {high})"


def require_design(design: str, strata: Path | str | None) -> None:
    """Check that a design is known and fits its strata.

    Raises:
        SettingError: It is not.
    """
    if design not in ("stratified", "random"):
        raise SettingError(
            f"there is no design {design!r}", expected="stratified or random", fix="correct it"
        )
    if design == "random" and strata is not None:
        raise SettingError(
            "a simple random sample has no strata",
            where="strata",
            expected="--design random without --strata",
            fix="leave out --strata, or say --design stratified",
        )
