"""Train on a folder: what `mapwright.train` and the commands call."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from mapwright.apply import MODEL_NAME, load
from mapwright.bundle import require_bundle
from mapwright.data.dataset import Dataset
from mapwright.data.describe import open_dataset
from mapwright.data.divide import draw_splits as draw_splits
from mapwright.data.divide import require_masks
from mapwright.data.fingerprint import Fingerprint, survey
from mapwright.data.splits import Splits, read_splits
from mapwright.errors import DatasetError, OutputError, SettingError
from mapwright.io.files import require_new
from mapwright.metrics.summary import Scores
from mapwright.models.custom import Build, name_of
from mapwright.plan import PlanWithReasons
from mapwright.story import Run as Run
from mapwright.story import Story
from mapwright.training import resume
from mapwright.training.options import Options as Options
from mapwright.training.tensorboard import require_tensorboard


def train(
    root: str | Path,
    out: str | Path | None = None,
    *,
    dataset_file: str | Path | None = None,
    build: str | Build | None = None,
    **options: Any,
) -> Run:
    """Train a model on a folder of images and masks, and score it on held-out ones.

    Args:
        root: The data folder.
        out: The run folder, new or empty; None = the next free `runs/NAME-N`.
        dataset_file: A `dataset.toml` kept elsewhere; None = the folder's own, or guesses.
        build: A function (in_channels, classes) that makes the network, or its name
            `package.module:function`; see `mapwright.models.custom`. None = as planned.
        **options: See `Options`.

    Returns:
        The run, with its model and scores.

    Raises:
        MapwrightError: Something about the data, the settings or the output is wrong.
    """
    if build is not None:
        options["settings"] = {**(options.get("settings") or {}), "build": name_of(build)}
    dataset = open_dataset(Path(root), Path(dataset_file) if dataset_file else None)
    return train_on(dataset, out, Options(**options))


def train_on(dataset: Dataset, out: str | Path | None, options: Options) -> Run:
    """Train on a data set that is open already; see `train`."""
    began = time.monotonic()
    if options.began is None:
        options = replace(options, began=began)
    if options.budget is not None and options.budget <= 0:
        raise SettingError("no time at all", where="budget", expected="more than 0 seconds")
    if options.resume and out is None:
        raise SettingError(
            "nothing says which training to resume", where="--resume", expected="-o RUN as well"
        )
    if options.parent is not None:
        require_bundle(options.parent.bundle)  # said before anything is read
    if options.tensorboard:
        require_tensorboard()
    require_masks(dataset)
    splits = _splits(dataset, options)
    folder = Path(out) if out else _free_name(dataset.spec.name)
    if not options.resume:
        require_new(folder)
    elif (folder / MODEL_NAME).exists():  # written last, and whole
        return _finished(folder, dataset, splits)
    story = Story(dataset, folder, options, splits, survey(dataset, dataset.choose(splits.names)))
    story.open()
    members = [story.fit(number) for number in range(len(splits.folds))]
    return story.close(members, time.monotonic() - began)


def plan_for(dataset: Dataset, options: Options) -> tuple[PlanWithReasons, Fingerprint]:
    """What a training would do; with a budget, the speed of this machine is measured.

    Raises:
        MapwrightError: Something about the data or the settings is wrong.
    """
    require_masks(dataset)
    splits = _splits(dataset, options)
    records = survey(dataset, dataset.choose(splits.names))
    story = Story(dataset, Path(), options, splits, records)
    return story.planned(), story.fingerprint


def _splits(dataset: Dataset, options: Options) -> Splits:
    """The divisions that were drawn before, or new ones."""
    if options.splits is None:
        return draw_splits(dataset, options.folds)
    if isinstance(options.splits, Splits):
        return options.splits
    if options.folds != 1:
        raise SettingError(
            "--splits says how many folds there are", where="--folds", expected="one of the two"
        )
    splits = read_splits(options.splits)
    unlabelled = [item.stem for item in dataset.choose(splits.names) if not item.mask]
    if unlabelled:
        raise DatasetError(
            f"{unlabelled[0]!r} has no mask", where=options.splits, expected="labelled images only"
        )
    return splits


def _finished(folder: Path, dataset: Dataset, splits: Splits) -> Run:
    """A run that was finished before it was resumed, if it is one of these data."""
    model = load(folder)
    same = model.bundle.history.images == dataset.digests(dataset.choose(splits.names))
    if not same or model.bundle.spec != dataset.spec:
        raise OutputError(
            "the folder holds a finished training on other data",
            where=folder,
            expected=f"a training on {dataset.root} as it is described",
            fix="choose another folder",
        )
    resume.end(folder)
    scores = model.bundle.scores
    return Run(folder, model, Scores.from_plain(scores) if scores else None)


def _free_name(name: str) -> Path:
    number = 1
    while Path(f"runs/{name}-{number}").exists():
        number += 1
    return Path(f"runs/{name}-{number}")
