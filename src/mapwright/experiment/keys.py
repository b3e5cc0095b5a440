"""Settings of a plan by dotted names, such as `augmentation.zoom`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mapwright.data.config import nearest
from mapwright.errors import SettingError
from mapwright.plan import Plan

START = "start"
"""Not a plan's: a model file to start from, or what `weights` may be."""

BUILT = (
    "architecture",
    "encoder",
    "build",
    "weights",
    "pixels",
    "patch",
    "batch",
    "precision",
    START,
)
"""Settings that decide whether a network can be built, and trained on this machine."""

_APART = {
    "seed": "`seeds` says which",
    "fold_steps": "every training here is one fold: set `steps`",
    "score_on": "trainings are compared image by image: all that are held out are scored",
    "save_every": "an interrupted training of a study begins anew",
}


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables to dotted names; an empty table vanishes."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names to nested tables."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, last = name.split(".")
        inner = tree
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return tree


KNOWN = flatten(Plan().plain())
"""Every setting of a plan with its usual value."""


def require_known(names: Iterable[str], where: object) -> None:
    """Raise a SettingError unless every name is a setting that a study may vary.

    Args:
        names: Dotted names; `augmentation` stands for the whole table.
        where: The file and table that they come from.
    """
    tables = {name.rpartition(".")[0] for name in KNOWN if "." in name}
    choices = [START, *sorted(tables), *(name for name in KNOWN if name not in _APART)]
    for name in names:
        if name in _APART:
            raise SettingError(f"{name!r} can't be set in a study", where=where, fix=_APART[name])
        if name not in choices:
            guess = nearest(name, choices)
            raise SettingError(
                f"a plan has no setting {name!r}",
                where=where,
                expected="one of " + ", ".join(choices),
                fix=f"write {guess!r} instead" if guess else "remove it",
            )


def checked(flat: Mapping[str, Any], where: object) -> dict[str, Any]:
    """Settings with the values as a plan holds them, so that 1 and 1.0 are one.

    Args:
        flat: Values by dotted name, `start` among them or not.
        where: The file and table that they come from.

    Raises:
        SettingError: A name is unknown, or a value out of range.
    """
    require_known(flat, where)
    own = {name: value for name, value in flat.items() if name != START}
    plain = flatten(Plan.parse(nest(own), where).plain())
    start = {START: str(flat[START])} if START in flat else {}
    return {name: plain[name] for name in own} | start
