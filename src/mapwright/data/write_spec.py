"""Write a guessed description as `dataset.toml`, each guess with its reason as a comment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import AoT, Table

from mapwright.data.spec import DatasetSpec


def to_toml(spec: DatasetSpec, reasons: Mapping[str, str]) -> str:
    """The text of a `dataset.toml` that loads back to the same description.

    Args:
        spec: The description.
        reasons: Why a value was guessed, by key such as `mask.threshold`.
    """
    document = tomlkit.document()
    title = "What this folder holds."
    guessed = " Every value below is a guess that you can correct." if reasons else ""
    document.add(tomlkit.comment(title + guessed))
    document.add(tomlkit.comment("Leave an image out with:"))
    document.add(tomlkit.comment('exclude = [{ stem = "NAME", why = "the reason" }]'))
    document.add(tomlkit.nl())
    _put(document, "name", spec.name, reasons.get("name"))
    _put(document, "images", spec.images, reasons.get("images"))
    if spec.masks:
        _put(document, "masks", spec.masks, reasons.get("masks"))
    if spec.bands_by != "name":
        _put(document, "bands_by", spec.bands_by, reasons.get("bands_by"))
    if spec.exclude:
        document.add("exclude", tomlkit.item([entry.plain() for entry in spec.exclude]))
    document.add("bands", _tables(spec, "bands", reasons.get("bands")))
    document.add("classes", _tables(spec, "classes", reasons.get("classes")))
    for name in ("mask", "valid", "split"):
        table = tomlkit.table()
        _comment(table, reasons.get(name))
        for key, value in _plain(spec, name).items():
            reason = reasons.get(f"{name}.{key}")
            if value is None:  # TOML has no null: what is not set is left out, its reason is not
                _comment(table, reason and f"no {key}: {reason}")
            else:
                _put(table, key, value, reason)
        document.add(name, table)
    return tomlkit.dumps(document)


def _plain(spec: DatasetSpec, name: str) -> dict[str, Any]:
    """A table's values; what only some data need is left out where it is not used."""
    table = getattr(spec, name)
    always = {"threshold", "ignore", "nodata", "alpha", "by", "val", "seed"}
    plain = table.plain()
    usual = table.model_dump(mode="json", exclude_defaults=True)
    kept = {key: value for key, value in plain.items() if key in always or key in usual}
    if "ignore" in kept:
        kept["ignore"] = _shown(spec, kept["ignore"])
    return kept


def _shown(spec: DatasetSpec, values: list[int]) -> list[int] | list[str]:
    """Mask values as people write them."""
    return [spec.shown(v) for v in values] if spec.mask.source == "colors" else values


def _tables(spec: DatasetSpec, name: str, reason: str | None) -> AoT:
    array = tomlkit.aot()
    for number, entry in enumerate(getattr(spec, name)):
        table = tomlkit.table()
        if number == 0:
            _comment(table, reason)
        for key, value in entry.model_dump(mode="json", exclude_defaults=True).items():
            table.add(key, _shown(spec, value) if key == "values" else value)
        array.append(table)
    return array


def _put(target: Any, key: str, value: Any, reason: str | None) -> None:
    """A comment line, then the value: long reasons stay readable above it."""
    _comment(target, reason)
    target.add(key, value)


def _comment(target: tomlkit.TOMLDocument | Table, reason: str | None) -> None:
    if reason:
        # a control character, from an odd folder name, would not be TOML
        target.add(tomlkit.comment("".join(c if c.isprintable() else " " for c in reason)))
