"""Settings as people write them on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from mapwright.data.config import read_toml
from mapwright.errors import SettingError


def parse_settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`key=value` texts, values in TOML notation or bare words, keys nested by dots.

    Raises:
        SettingError: A text has no `=`.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key.strip():
            raise SettingError(
                f"{pair!r} is no setting", where="--set", expected="key=value, such as steps=200"
            )
        inner = settings
        *parents, last = key.strip().split(".")
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise SettingError(
                    f"{parent!r} is set to a value and to parts of it",
                    where=f"--set {pair}",
                    expected="one or the other",
                )
        inner[last] = _value(text.strip())
    return settings


def read_settings(
    path: Path | None, given: Mapping[str, Any]
) -> tuple[dict[str, Any], Path | None]:
    """Settings from a file, such as the `best.toml` of a study.

    Args:
        path: The file; None = there is none.
        given: Settings that win over those of the file, nested.

    Returns:
        The settings, and the model to start from where the file names one as `start`.

    Raises:
        SettingError: The file can't be read.
    """
    settings = read_toml(path) if path else {}
    start = settings.pop("start", None)
    merged = _over(settings, given)
    return merged, Path(start) if start is not None else None


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables, one laid over the other."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[name] = _over(under, value)
        else:
            merged[name] = value
    return merged


def _value(text: str) -> Any:
    try:
        return tomlkit.parse(f"x = {text}").unwrap()["x"]
    except tomlkit.exceptions.ParseError:
        return text
