"""What an interrupted training leaves behind, so that another goes on where it stands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mapwright.data.config import read_toml
from mapwright.data.dataset import Dataset
from mapwright.data.splits import Splits
from mapwright.errors import OutputError
from mapwright.io.files import write_json
from mapwright.plan import Plan
from mapwright.training.options import Options

_PLACE = "resume"  # below the run folder


def is_interrupted(folder: Path) -> bool:
    """Whether a training in this run folder got as far as its plan."""
    return (folder / "plan.toml").exists()


def state_of(folder: Path, number: int) -> Path:
    """The state file of a fold."""
    return folder / _PLACE / f"fold{number}.safetensors"


def what_counts(
    dataset: Dataset, images: Mapping[str, str], folds: int, options: Options
) -> dict[str, Any]:
    """What a resumed training must share with the interrupted one, as JSON-able values.

    Args:
        dataset: What is learnt from.
        images: SHA-256 of the file of each image, or part of one, that a fold names.
        folds: Number of folds; 0 = nothing is held out.
        options: How it is trained.
    """
    told = {
        "images": dict(images),
        "masks": {item.stem: dataset.mask_digest(item) for item in dataset.labelled},
        "dataset.toml": dataset.spec.plain(),
        "--folds": folds,
        "--set": dict(options.settings or {}),
        "--budget": options.budget is not None,
        "--from": options.parent.bundle.history.plain() if options.parent else None,
    }
    plain: dict[str, Any] = json.loads(json.dumps(told))
    return plain


def begin(folder: Path, counts: Mapping[str, Any]) -> None:
    """Note what a training that goes on here must share with this one; see `what_counts`."""
    write_json(folder / _PLACE / "options.json", dict(counts))


def reopen(folder: Path, counts: Mapping[str, Any]) -> tuple[Splits, Plan]:
    """The divisions and the plan of the interrupted training.

    Args:
        folder: The run folder.
        counts: What the training that goes on brings along; see `what_counts`.

    Raises:
        OutputError: It is not the same training.
    """
    known = json.loads((folder / _PLACE / "options.json").read_text())
    for name, value in counts.items():
        if known[name] != value:
            raise OutputError(
                f"{name}: not as when the training began",
                where=folder,
                expected="the same images, masks, dataset.toml and options",
                fix="restore them, or start anew in another folder",
            )
    splits, plan = folder / "splits.json", folder / "plan.toml"
    return (
        Splits.parse(json.loads(splits.read_text()), splits),
        Plan.parse(read_toml(plan), plan),
    )


def end(folder: Path) -> None:
    """Leave nothing to go on from."""
    shutil.rmtree(folder / _PLACE, ignore_errors=True)
