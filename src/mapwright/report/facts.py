"""What a report says, gathered from a run folder before anything is drawn."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mapwright.apply import load
from mapwright.card import Card
from mapwright.data.config import read_toml
from mapwright.data.dataset import Dataset
from mapwright.errors import DatasetError
from mapwright.evaluation import unseen_members
from mapwright.io.picture import as_rgb
from mapwright.metrics.confusion import mean_over_present
from mapwright.metrics.summary import Scores
from mapwright.predict.model import Model
from mapwright.report.figures import Comparison
from mapwright.report.ground import ground_of
from mapwright.report.mapsheet import Panels
from mapwright.types import IGNORE

_SHOWN = 2  # images each of the best, the median and the worst


@dataclass(frozen=True)
class Facts:
    """Everything that a report shows.

    Args:
        folder: The run folder.
        bundle: The model and its history.
        scores: Held-out results, or None.
        rows: The training log.
        reasons: Why each setting has its value.
        environment: Machine and versions.
        examples: Best, median and worst images; empty without the data.
        scene: Name and panels of the first held-out image, for a sheet; None without the data.
    """

    folder: Path
    bundle: Card
    scores: Scores | None
    rows: Sequence[Mapping[str, float]]
    reasons: Mapping[str, str]
    environment: Mapping[str, Any]
    examples: Sequence[Comparison]
    scene: tuple[str, Panels] | None = None


def gather(folder: Path, root: Path | None = None, *, pictures: bool = True) -> Facts:
    """Read a run folder, and the data it was made from if they are still there.

    Args:
        folder: The run folder.
        root: The data folder; None = where it was when the model was trained.
        pictures: Also map the images that are shown.

    Raises:
        ModelFileError: The folder holds no model.
    """
    model = load(folder)
    for name in ("environment.json", "progress.csv", "plan.toml"):
        if not (folder / name).is_file():
            raise DatasetError(
                f"the run folder lacks {name}",
                where=folder,
                expected="a whole run folder as `mapwright train` wrote it",
                fix="copy it again from its source",
            )
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    scores = Scores.from_plain(model.bundle.scores) if model.bundle.scores else None
    root = root or Path(environment["data"])
    dataset = Dataset(root, model.bundle.spec)
    shown = pictures and scores and _whole(dataset, scores)
    examples = _examples(model, dataset, scores) if scores and shown else []
    return Facts(
        folder=folder,
        bundle=model.bundle,
        scores=scores,
        rows=read_log(folder / "progress.csv"),
        reasons=_reasons(folder / "plan.toml"),
        environment=environment,
        examples=examples,
        scene=(scores.images[0], scene_panels(model, dataset, scores.images[0]))
        if scores and examples
        else None,
    )


def _whole(dataset: Dataset, scores: Scores) -> bool:
    """Whether every image that was scored is still there."""
    if not dataset.root.is_dir():
        return False
    try:
        return bool(dataset.choose(scores.images))
    except DatasetError:
        return False


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a training log; an undefined score is NaN."""
    text = path.read_text(encoding="utf-8").splitlines()
    return [{k: float(v) if v else np.nan for k, v in row.items()} for row in csv.DictReader(text)]


def _reasons(path: Path) -> dict[str, str]:
    """The comment above each value of a plan."""
    reasons, comment = {}, ""
    keys = set(read_toml(path))
    for line in path.read_text(encoding="utf-8").splitlines():
        key = line.strip("[]").partition(" ")[0]
        if line.startswith("#"):
            comment = line.lstrip("# ")
        elif key in keys:
            reasons[key], comment = comment, ""
    return reasons


def _examples(model: Model, dataset: Dataset, scores: Scores) -> list[Comparison]:
    """The best, the median and the worst images by their own mean IoU."""
    means = mean_over_present(np.array(scores.per_image))
    order = [int(i) for i in np.argsort(-means) if not np.isnan(means[i])]
    middle = len(order) // 2
    picks = [("best", order[:_SHOWN]), ("median", order[middle : middle + _SHOWN])]
    picks.append(("worst", order[-_SHOWN:]))
    shown, rows = set[int](), []
    for title, chosen in picks:
        for index in chosen:
            if index not in shown:
                shown.add(index)
                label = f"{title}: {scores.images[index]} ({means[index]:.2f})"
                rows.append(compare(model, dataset, scores.images[index], label))
    return rows


def scene_panels(model: Model, dataset: Dataset, stem: str) -> Panels:
    """One image with truth and prediction, for a sheet."""
    (item,) = dataset.choose([stem])
    row, spec = compare(model, dataset, stem, stem), dataset.spec
    ground = ground_of(dataset.geobox(item))
    return Panels(row.picture, row.truth, row.guess, spec.class_names, spec.colors, ground)


def compare(model: Model, dataset: Dataset, stem: str, title: str) -> Comparison:
    """An image beside its truth and the prediction of members that did not learn from it."""
    (item,) = dataset.choose([stem])
    sample = dataset.read(item)
    members = unseen_members(model, item)
    guess = (model.only(members) if members else model).classify(sample.image)
    invalid = np.isnan(sample.image).any(axis=0)
    picture = as_rgb(
        sample.image, dataset.spec.band_names, byte_values=dataset.info(item).dtype == "uint8"
    )
    return Comparison(
        title, picture, sample.mask, np.where(invalid, IGNORE, guess).astype(np.uint8)
    )
