"""Frozen, checked settings from TOML; an unknown key is an error that names the nearest one."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from mapwright.errors import MapwrightError, SettingError


class Config(BaseModel):
    """A settings object: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: object) -> Self:
        """Check `values`; `where` is the file or option that they come from.

        Raises:
            SettingError: Something is missing, unknown or out of range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _explain(cls, error, where) from error

    def plain(self) -> dict[str, Any]:
        """The values as JSON-able built-in types."""
        return self.model_dump(mode="json")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        SettingError: Missing, unreadable or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(
            f"the file can't be read as TOML: {error}",
            where=path,
            expected="a TOML text file",
            fix="correct the line named, or write the file anew with `mapwright init`",
        ) from error


def nearest(word: str, choices: list[str]) -> str | None:
    """The choice most like `word`, or None when none is close."""
    found = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    return found[0] if found else None


def _explain(model: type[BaseModel], error: ValidationError, where: object) -> MapwrightError:
    """The first problem of a validation, in one sentence."""
    problems = error.errors()
    unknown = [problem for problem in problems if problem["type"] == "extra_forbidden"]
    first = (unknown or problems)[0]  # a wrong key explains the one that is missing
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        guess = nearest(str(first["loc"][-1]), known)
        return SettingError(
            f"unknown key {key!r}",
            where=where,
            expected="one of " + ", ".join(known),
            fix=f"write {guess!r} instead" if guess else "remove it",
        )
    quiet = first["type"] == "missing" or isinstance(first["input"], dict)
    given = "" if quiet else f", given {shorten(repr(first['input']), 80)}"
    return SettingError(
        f"{key or 'value'}: {first['msg'][:1].lower()}{first['msg'][1:]}{given}",
        where=where,
        fix="correct this value",
    )


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that are known at a place inside nested settings."""
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        if field is None:
            break
        inner = _models_in(field.annotation)
        if not inner:
            break
        model = inner[0]
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
