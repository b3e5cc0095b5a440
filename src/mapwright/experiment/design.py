"""The configurations of a study, and the order of its cells."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from mapwright.apply import MODEL_NAME
from mapwright.data.masks import file_digest
from mapwright.errors import SettingError
from mapwright.experiment.keys import START, checked, flatten
from mapwright.experiment.spec import StudySpec

SPLIT = "split"
"""The factor of a study of splits: how the data are divided."""


@dataclass(frozen=True)
class Configuration:
    """One way to train.

    Args:
        id: The same for the same settings, whatever else a study holds.
        label: What it is called.
        settings: Every setting that is not left to the plan, by dotted name.
        levels: The value of each factor.
    """

    id: str
    label: str
    settings: Mapping[str, Any]
    levels: Mapping[str, Any]


@dataclass(frozen=True)
class Factor:
    """Something that configurations differ in.

    Args:
        name: A setting by its dotted name.
        values: Its values.
        default: The value of the base.
    """

    name: str
    values: tuple[Any, ...]
    default: Any

    def plain(self) -> dict[str, Any]:
        """The factor as JSON-able built-in types."""
        return {"name": self.name, "values": list(self.values), "default": self.default}


@dataclass(frozen=True)
class Layout:
    """What a study compares.

    Args:
        factors: What configurations differ in.
        configurations: The ways to train; the first is what others are held against.
    """

    factors: tuple[Factor, ...]
    configurations: tuple[Configuration, ...]


@dataclass(frozen=True)
class Cell:
    """One training of a study.

    Args:
        configuration: How, by id.
        seed: Of everything random in it.
        repeat: Which division, from 0.
        fold: Which fold of it, from 0.
    """

    configuration: str
    seed: int
    repeat: int
    fold: int

    @property
    def id(self) -> str:
        """A name that makes a file name."""
        return f"{self.configuration}-s{self.seed}-r{self.repeat}-f{self.fold}"

    @property
    def turn(self) -> tuple[int, int, int]:
        """What cells of different configurations share when they are compared."""
        return self.seed, self.repeat, self.fold


def lay_out(spec: StudySpec, planned: Mapping[str, Any], folder: Path) -> Layout:
    """The configurations of a study.

    Args:
        spec: The study.
        planned: What the plan chooses for the base, by dotted name: the default of a factor that
            the base does not set.
        folder: What a relative path of a model to start from begins at.

    Raises:
        SettingError: A model to start from is not there, or two configurations are the same.
    """
    make = _Maker(spec, planned, folder)
    if spec.optimism:
        found = [make.division(kind) for kind in spec.optimism.splits]
        return Layout((Factor(SPLIT, spec.optimism.splits, None),), tuple(found))
    if spec.design == "paired":
        return _paired(spec, make)
    if spec.design == "grid":
        return _grid(spec, make)
    factors = [make.factor(name, values) for name, values in spec.values.items()]
    base = {factor.name: factor.default for factor in factors}
    found = [make.configuration("base", {}, base)]
    for factor in factors:
        for value in factor.values:
            if value != factor.default:
                own = {factor.name: value}
                found.append(make.configuration(_label(own), own, base | own))
    return Layout(tuple(factors), tuple(found))


def _grid(spec: StudySpec, make: _Maker) -> Layout:
    factors = []
    for name, values in spec.values.items():
        default = make.default(name)
        factors.append(Factor(name, tuple(values), default if default in values else values[0]))
    names = [factor.name for factor in factors]
    chosen = [
        dict(zip(names, levels, strict=True))
        for levels in product(*(factor.values for factor in factors))
    ]
    base = {factor.name: factor.default for factor in factors}
    chosen.sort(key=lambda levels: levels != base)  # stable: the others stay in order
    found = [make.configuration(_label(levels), levels, levels) for levels in chosen]
    return Layout(tuple(factors), tuple(found))


def _paired(spec: StudySpec, make: _Maker) -> Layout:
    own = [checked(flatten(entry.settings), entry.name) for entry in spec.configurations]
    names = list(dict.fromkeys(name for settings in own for name in settings))
    levels = [{n: settings.get(n, make.default(n)) for n in names} for settings in own]
    found = [
        make.configuration(entry.name, settings, level)
        for entry, settings, level in zip(spec.configurations, own, levels, strict=True)
    ]
    for what in ("id", "label"):
        seen: dict[str, Configuration] = {}
        for configuration in found:
            other = seen.setdefault(getattr(configuration, what), configuration)
            if other is not configuration:
                raise SettingError(
                    f"the configurations {other.label!r} and {configuration.label!r} are the same",
                    where="[[configurations]]",
                    expected="names and settings that differ",
                )
    factors = [
        Factor(name, tuple(_unique(level[name] for level in levels)), levels[0][name])
        for name in names
    ]
    return Layout(tuple(factors), tuple(found))


class _Maker:
    def __init__(self, spec: StudySpec, planned: Mapping[str, Any], folder: Path) -> None:
        self._planned, self._folder, self._seconds = planned, folder, spec.seconds
        self._base = spec.base_settings
        self._shared: tuple[str, ...] = ("augmentation",) if spec.seconds else ()
        if spec.optimism:  # planned from the pieces, they would differ between ways to divide
            self._shared = ("augmentation", "tile", "overlap")

    def default(self, name: str) -> Any:
        """The base's value of a setting."""
        chosen = {**self._planned, **self._base}
        if name == START:
            return chosen.get(START, chosen["weights"])
        if name in chosen:
            return chosen[name]
        return {key: value for key, value in chosen.items() if key.startswith(f"{name}.")}

    def factor(self, name: str, values: Sequence[Any]) -> Factor:
        """A factor against the base, whose value is one of its values, asked for or not."""
        default = self.default(name)
        return Factor(name, tuple(_unique([default, *values])), default)

    def configuration(
        self, label: str, own: Mapping[str, Any], levels: Mapping[str, Any]
    ) -> Configuration:
        """A configuration from what it changes of the base."""
        base = steady(self._base, self._planned, own, self._shared)
        return configure(label, base, own, levels, self._folder, self._seconds)

    def division(self, kind: str) -> Configuration:
        """The base, trained on one way to divide the data."""
        base = self.configuration(kind, {}, {SPLIT: kind})
        return replace(base, id=_id([base.id, kind]))


EPOCHS = frozenset({"steps", "batch", "patch", "gate"})
"""What says how often a training sees its images, and so whether a plan varies tiles."""


def steady(
    base: Mapping[str, Any],
    planned: Mapping[str, Any],
    own: Collection[str],
    shared: Collection[str] = (),
) -> dict[str, Any]:
    """The base for a configuration, with what it must not differ in by the way.

    Whether tiles are varied follows from how often images are seen. A configuration that differs
    from the base in that still varies tiles as the base does.

    Args:
        base: Settings that all configurations share, by dotted name.
        planned: What the plan chooses for the base, by dotted name.
        own: Settings that the configuration changes.
        shared: Settings, or tables of them, that are to be as planned for the base in any case.
    """
    fixed = {*shared, "augmentation"} if EPOCHS & set(own) else set(shared)
    kept = {name: value for name, value in planned.items() if name.partition(".")[0] in fixed}
    return {**kept, **base}


def configure(
    label: str,
    base: Mapping[str, Any],
    own: Mapping[str, Any],
    levels: Mapping[str, Any],
    folder: Path,
    seconds: float | None = None,
) -> Configuration:
    """A configuration.

    Args:
        label: What it is called.
        base: Settings that all configurations share, by dotted name.
        own: What it changes of them; the value of a whole table is what it says by dotted name.
        levels: The value of each factor.
        folder: What a relative path of a model to start from begins at.
        seconds: Time of a cell instead of steps.

    Raises:
        SettingError: A model to start from is not there.
    """
    changes: dict[str, Any] = {}
    for name, value in own.items():
        changes |= value if isinstance(value, dict) else {name: value}
    settings = with_start({**base, **changes}, folder)
    told = {**settings, "seconds": seconds}
    if START in settings:
        told[START] = file_digest(model_file(Path(settings[START])))
    return Configuration(_id(told), label, settings, dict(levels))


def _id(told: Any) -> str:
    return f"c{sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:10]}"


def with_start(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Settings whose `start` is the path of a model; what is none becomes `weights`.

    Args:
        settings: Values by dotted name.
        folder: What a relative path begins at.

    Raises:
        SettingError: There is no such model.
    """
    own = {name: value for name, value in settings.items() if name != START}
    start = settings.get(START)
    if start is None:
        return own
    if not looks_like_file(start):
        return own | {"weights": start}
    path = folder / Path(start).expanduser()
    if not model_file(path).is_file():
        raise SettingError(
            "there is no such model to start from",
            where=path,
            expected="a model file or a run folder, or random, auto or the name of weights",
        )
    return own | {START: str(path)}


def looks_like_file(start: str) -> bool:
    """Whether a value of `start` names a model, and not what `weights` may be."""
    return bool(re.search(r"[/\\]|\.safetensors$", start))


def model_file(path: Path) -> Path:
    """The model file of a path to it or to its run folder."""
    return path / MODEL_NAME if path.is_dir() else path


def _label(levels: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_text(value)}" for name, value in levels.items())


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{k.rpartition('.')[2]}={_text(v)}" for k, v in value.items()) + ")"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unique(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def order_cells(
    configurations: Sequence[Configuration], seeds: Sequence[int], repeats: int, folds: int
) -> list[Cell]:
    """All cells, so that comparisons become possible early: turn by turn, all configurations."""
    turns = product(seeds, range(repeats), range(folds))
    return [Cell(c.id, *turn) for turn in turns for c in configurations]
