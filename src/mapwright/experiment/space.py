"""What a `space.toml` says: the values that a search may choose from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from mapwright.data.config import Config, read_toml
from mapwright.errors import SettingError
from mapwright.experiment.design import Configuration, configure
from mapwright.experiment.keys import BUILT, KNOWN, START, checked, flatten, require_known
from mapwright.experiment.spec import value_of

if TYPE_CHECKING:
    from optuna import Trial


class Range(Config):
    """Numbers to choose from.

    Args:
        low: The lowest.
        high: The highest.
        log: Whether factors count instead of differences, as for a learning rate.
        step: Distance of neighbours; None = any number, or any whole one.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        if self.log and (self.low <= 0 or self.step):
            raise ValueError("with log = true, low must be above 0, and there is no step")
        return self


class Space(Config):
    """A search.

    Args:
        metric: The score to make large, such as `mean iou` or `f1 roof`.
        folds: Folds that each choice is trained on; 1 = one division.
        steps: Training steps of each; None = as planned.
        seed: Of the search and of the trainings.
        base: Settings that all choices share.
        space: For each setting a list to choose from, or a range.
    """

    metric: str = "mean iou"
    folds: int = Field(default=1, ge=1)
    steps: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    base: dict[str, Any] = Field(default_factory=dict)
    space: dict[str, Any] = Field(min_length=1)

    @property
    def base_settings(self) -> dict[str, Any]:
        """Settings that all choices share, by dotted name."""
        given = checked(flatten(self.base), "[base]")
        return {"keep": "last"} | given | ({"steps": self.steps} if self.steps else {})

    @property
    def choices(self) -> dict[str, list[Any] | Range]:
        """What to choose from, by dotted name.

        Raises:
            SettingError: A setting, a value or an end of a range is unknown or out of range.
        """
        return _choices(self.space)


def read_space(path: Path) -> Space:
    """Read a `space.toml` and check every name and value in it.

    Raises:
        SettingError: Something is missing, unknown or out of range.
    """
    space = Space.parse(read_toml(path), path)
    base, choices = space.base_settings, space.choices
    twice = set(base) & set(choices) - {"keep"}
    if START in (*base, *choices) and "weights" in (*base, *choices):
        twice.add("weights")
    for name in sorted(twice):
        raise SettingError(f"{name!r} is said twice", where=path, expected="each setting once")
    return space


def _choices(tree: Mapping[str, Any], prefix: str = "") -> dict[str, list[Any] | Range]:
    found: dict[str, list[Any] | Range] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        where = f"[space] {name}"
        table = any(known.startswith(f"{name}.") for known in KNOWN)
        if isinstance(value, dict) and table:
            found |= _choices(value, f"{name}.")
            continue
        require_known([name], where)
        if isinstance(value, list) and value:
            found[name] = [value_of(name, entry, where) for entry in value]
        elif isinstance(value, dict):
            found[name] = _range(name, value, where)
        else:
            raise SettingError(
                f"{value!r} is nothing to choose from",
                where=where,
                expected="a list, or a table such as {low = 1e-4, high = 1e-2, log = true}",
            )
    return found


def _range(name: str, value: Mapping[str, Any], where: str) -> Range:
    chosen = Range.parse(value, where)
    usual = KNOWN.get(name)
    if isinstance(usual, bool) or not isinstance(usual, int | float):
        raise SettingError(f"{name} is no number", where=where, expected="a list of its values")
    for end in (chosen.low, chosen.high):
        checked({name: int(end) if isinstance(usual, int) and end == int(end) else end}, where)
    return chosen


def suggest(trial: Trial, name: str, choice: list[Any] | Range) -> Any:
    """Let a search choose a value; whole numbers where the plan wants whole ones."""
    if isinstance(choice, list):
        return choice[trial.suggest_categorical(name, list(range(len(choice))))]
    if isinstance(KNOWN[name], int):
        low, high = int(choice.low), int(choice.high)
        return trial.suggest_int(name, low, high, step=int(choice.step or 1), log=choice.log)
    step = choice.step
    return trial.suggest_float(name, choice.low, choice.high, step=step, log=choice.log)


def to_try_out(space: Space, folder: Path) -> list[Configuration]:
    """The base, and each listed value that may keep a network from being built."""
    base, none = space.base_settings, dict[str, Any]()
    return [
        configure("base", base, none, none, folder),
        *(
            configure(f"{name}={value}", base, {name: value}, none, folder)
            for name, choice in space.choices.items()
            if isinstance(choice, list) and name in BUILT
            for value in choice
        ),
    ]
