"""Settings as people write them on the command line."""

from __future__ import annotations

from typing import Any

import tomlkit

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


def _value(text: str) -> Any:
    try:
        return tomlkit.parse(f"x = {text}").unwrap()["x"]
    except tomlkit.exceptions.ParseError:
        return text
