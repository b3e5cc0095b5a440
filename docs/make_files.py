"""Writes docs/files.md from what the code says of each file: `python docs/make_files.py`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from mapwright.data.augmentation import Augmentation
from mapwright.data.config import Config
from mapwright.data.spec import Band, Class, DatasetSpec, Exclude, Given, Mask, Split, Validity
from mapwright.data.splits import Fold, Splits
from mapwright.experiment.ground import Optimism
from mapwright.experiment.screening import Rung
from mapwright.experiment.space import Range, Space
from mapwright.experiment.spec import Named, StudySpec
from mapwright.plan import Plan
from mapwright.recipes.form import Leave, Prediction, Pretrain, Recipe

PAGE = Path(__file__).with_name("files.md")

Tables = tuple[tuple[str, type[Config]], ...]

FILES: tuple[tuple[str, str, Tables], ...] = (
    (
        "dataset.toml",
        "What a folder holds. `mapwright init` writes it; every value can be corrected.",
        (
            ("", DatasetSpec),
            ("[[bands]]", Band),
            ("[[classes]]", Class),
            ("[mask]", Mask),
            ("[valid]", Validity),
            ("[split]", Split),
            ("[split] given", Given),
            ("exclude", Exclude),
        ),
    ),
    (
        "plan.toml",
        "Every setting of a training, with its reason in a run folder. `--set KEY=VALUE` sets one "
        "by hand; `mapwright plan` shows what each would be on your data.",
        (("", Plan), ("[augmentation]", Augmentation)),
    ),
    (
        "splits.json",
        "Which images learn and which are held out. A run folder has one, and `train --splits` "
        "takes one.",
        (("", Splits), ("folds", Fold)),
    ),
    (
        "A recipe",
        "A whole task for `mapwright run`. [src/mapwright/recipes](../src/mapwright/recipes) holds "
        "those that come with it.",
        (("", Recipe), ("[pretrain]", Pretrain), ("[predict]", Prediction), ("[export]", Leave)),
    ),
    (
        "study.toml",
        "A study for `mapwright experiment`; see [experiments](experiments.md).",
        (
            ("", StudySpec),
            ("[[configurations]]", Named),
            ("[[rungs]]", Rung),
            ("[optimism]", Optimism),
        ),
    ),
    (
        "space.toml",
        "A search for `mapwright tune`; see [experiments](experiments.md).",
        (("", Space), ("[space] KEY", Range)),
    ),
)


def page() -> str:
    """The page as Markdown."""
    parts = [
        "# The files that Mapwright reads",
        "Made from the code by `python docs/make_files.py`; a key that is not listed is refused.",
    ]
    for name, about, tables in FILES:
        parts += [f"## {name}", about]
        for heading, kind in tables:
            parts += [f"### `{heading}`"] if heading else []
            parts.append(table(kind))
    return "\n\n".join(parts) + "\n"


def table(kind: type[Config]) -> str:
    """Keys of a table of a file: what each takes, what it is when left out, what it means."""
    told = meanings(kind)
    rows = ["| key | takes | left out | meaning |", "| --- | --- | --- | --- |"]
    for key, field in kind.model_fields.items():
        usual = None if field.is_required() else field.get_default(call_default_factory=True)
        default = "required" if field.is_required() else shown(usual)
        default = "planned" if kind in (Plan, Augmentation) else default
        cells = (f"`{key}`", takes(field.annotation), default, told[key])
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def meanings(kind: type[Config]) -> dict[str, str]:
    """What the docstring says of each argument."""
    _, _, text = inspect.cleandoc(kind.__doc__ or "").partition("Args:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE)
    told = {key: re.sub(r"\s+", " ", meaning).strip() for key, meaning in entries}
    return {key: meaning.replace("None = ", "left out = ") for key, meaning in told.items()}


def takes(annotation: Any) -> str:
    """A type in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return takes(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(takes(part) for part in inner if part is not NoneType))
    if origin is tuple:
        return f"list of {takes(inner[0])}"
    if origin is dict or (inspect.isclass(annotation) and issubclass(annotation, Config)):
        return "table"
    words = {int: "whole number", float: "number", str: "text", bool: "`true`, `false`"}
    return words[annotation]


def shown(value: Any) -> str:
    """A default as it would stand in the file."""
    if value is None or value in ((), {}) or isinstance(value, Config):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
