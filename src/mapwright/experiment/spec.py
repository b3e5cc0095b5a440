"""What a `study.toml` says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mapwright.data.config import Config, read_toml
from mapwright.errors import SettingError
from mapwright.experiment.ground import Optimism
from mapwright.experiment.keys import START, checked, flatten, require_known
from mapwright.experiment.screening import Rung
from mapwright.training.budget import parse_seconds

Design = Literal["one-at-a-time", "grid", "paired"]


class Named(Config):
    """A configuration of a paired study.

    Args:
        name: What it is called.
        settings: How it differs from the base.
    """

    name: str = Field(min_length=1)
    settings: dict[str, Any] = Field(default_factory=dict)


class StudySpec(Config):
    """A study.

    Args:
        name: What it is called.
        question: What it is to find out.
        data: The data folder, as seen from the folder of the `study.toml`.
        metric: The score that configurations are compared by, such as `mean iou` or `f1 roof`.
        design: `one-at-a-time`: each value of each factor against the base. `grid`: every
            combination. `paired`: the configurations that are named.
        seeds: Each is a training of its own, of equal draws in all configurations.
        folds: Folds of each division; 1 = one division into training and validation.
        repeats: Divisions, each drawn with a seed of its own.
        steps: Training steps of each training; None = as planned.
        seconds: Time of each training instead of steps.
        budget: Time that all trainings together may take, such as `2h`; None = as long as it takes.
        drop: Whether a configuration that is surely worse is given up.
        base: Settings that all configurations share.
        factors: The values of each factor.
        configurations: Of a paired study.
        rungs: Stages before the whole: after each, not all configurations go on.
        optimism: Of a study of splits, which compares no settings.
    """

    name: str = Field(min_length=1)
    question: str = ""
    data: str | None = None
    metric: str = "mean iou"
    design: Design = "one-at-a-time"
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    folds: int = Field(default=5, ge=1)
    repeats: int = Field(default=1, ge=1)
    steps: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    budget: str | None = None
    drop: bool = True
    base: dict[str, Any] = Field(default_factory=dict)
    factors: dict[str, Any] = Field(default_factory=dict)
    configurations: tuple[Named, ...] = ()
    rungs: tuple[Rung, ...] = ()
    optimism: Optimism | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError("seeds must differ and be 0 or more")
        if self.steps and self.seconds:
            raise ValueError("give steps or seconds, not both")
        if self.optimism:
            others = {"design", "factors", "configurations", "rungs"} & self.model_fields_set
            if others:
                raise ValueError(f"[optimism] goes without {', '.join(sorted(others))}")
            return self
        _require_growing(self.rungs, len(self.seeds), self.folds, self.drop)
        if self.design == "paired" and (self.factors or len(self.configurations) < 2):
            raise ValueError("a paired design has two or more [[configurations]] and no [factors]")
        if self.design != "paired" and (self.configurations or not self.factors):
            raise ValueError(f"a {self.design} design has [factors] and no [[configurations]]")
        return self

    @property
    def drops(self) -> bool:
        """Whether configurations may be given up; of ways to divide the data none is."""
        return self.drop and self.optimism is None

    @property
    def budget_seconds(self) -> float | None:
        """The budget in seconds."""
        return parse_seconds(self.budget) if self.budget else None

    @property
    def base_settings(self) -> dict[str, Any]:
        """Settings that all configurations share, by dotted name.

        Weights are the last ones unless asked otherwise: choosing them by the images that score
        would flatter, and some configurations more than others.
        """
        given = checked(flatten(self.base), "[base]")
        usual: dict[str, Any] = {"keep": "last"}
        if self.optimism:  # planned from the pieces, it would be another for each way to divide
            usual["patch"] = self.optimism.patch
        return usual | given | ({"steps": self.steps} if self.steps else {})

    @property
    def values(self) -> dict[str, list[Any]]:
        """The values of each factor, by dotted name, each once.

        Raises:
            SettingError: A factor or a value of it is unknown.
        """
        return {name: _values(name, given) for name, given in _factors(self.factors).items()}


def _require_growing(rungs: Sequence[Rung], seeds: int, folds: int, drop: bool) -> None:
    """Raise a ValueError unless every rung holds more trainings than the one before."""
    sizes = [*((rung.seeds, rung.folds) for rung in rungs), (seeds, folds)]
    for (few, less), (many, more) in pairwise(sizes):
        if few > many or less > more or (few, less) == (many, more):
            raise ValueError(
                f"rungs must grow up to {seeds} seeds and {folds} folds: {few} and {less} are "
                f"followed by {many} and {more}"
            )
    if rungs and not drop:
        raise ValueError("rungs give configurations up, and drop is false")


def read_study(path: Path) -> StudySpec:
    """Read a `study.toml` and check every name and value in it.

    Raises:
        SettingError: Something is missing, unknown or out of range.
    """
    spec = StudySpec.parse(read_toml(path), path)
    base, values, _ = spec.base_settings, spec.values, spec.budget_seconds
    for entry in spec.configurations:
        checked(flatten(entry.settings), f"the configuration {entry.name!r}")
    clash = {"steps", "validate_every"} & set(values) if spec.seconds else set()
    clash |= {"steps"} & set(values) if spec.steps else set()
    clash |= {"weights"} & set(values) if START in (*values, *base) else set()
    if spec.optimism and "best" in (base["keep"], *values.get("keep", ())):
        raise SettingError(
            "keep = 'best' would choose weights by the ground that lies apart",
            where=path,
            expected="keep = 'last' in a study of splits",
            fix="leave it out",
        )
    for name in sorted(clash):
        raise SettingError(
            f"{name!r} is said twice",
            where=path,
            expected=f"{name} either as a factor or by "
            + ("start" if name == "weights" else "steps or seconds of the study"),
        )
    return spec


def _factors(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names of the factors; lists are where the names end."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= (
            _factors(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": value}
        )
    return flat


def _values(name: str, given: Any) -> list[Any]:
    where = f"[factors] {name}"
    require_known([name], where)
    if not isinstance(given, list) or not given:
        raise SettingError(
            f"{given!r} is no list of values", where=where, expected="such as [1, 2]"
        )
    found: list[Any] = []
    for value in given:
        plain = value_of(name, value, where)
        if plain not in found:
            found.append(plain)
    return found


def value_of(name: str, value: Any, where: object) -> Any:
    """One value of a factor as a plan holds it; of a whole table, what it says by dotted name."""
    if isinstance(value, dict):
        return checked(flatten({name: value}), where)
    return checked({name: value}, where)[name]
