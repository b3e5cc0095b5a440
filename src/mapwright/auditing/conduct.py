"""Judge the masks of a data set by a run's models, each image by those that never saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mapwright.apply import dataset_for, load, remembered_data
from mapwright.auditing.looking import Looked, digest_of, look_at
from mapwright.auditing.places import Place, choose_side, find_places
from mapwright.auditing.result import Audit, Suspect
from mapwright.auditing.twins import copy_words, fits_elsewhere, same_masks
from mapwright.auditing.words import spots_of, suspected_of
from mapwright.data.dataset import Dataset
from mapwright.errors import DatasetError
from mapwright.metrics.suspicion import Gathered, Usual, contradicted, fence, suspicion
from mapwright.predict.model import Model
from mapwright.progress import progress_bar
from mapwright.types import Tta

_FEW = 8  # blocks; of fewer, quartiles say little


@dataclass(frozen=True)
class Task:
    """What is audited, and by whom.

    Args:
        run: The run folder.
        model: Its model.
        dataset: The images and masks.
    """

    run: Path
    model: Model
    dataset: Dataset


def open_task(
    run: Path,
    data: Path | None = None,
    *,
    dataset_file: Path | None = None,
    excluded: bool = False,
    tta: Tta | None = None,
) -> Task:
    """Open a run and its data.

    Args:
        run: The run folder.
        data: The data folder; None = where it was when the model was trained.
        dataset_file: A `dataset.toml` kept elsewhere.
        excluded: Also judge images that the description leaves out.
        tta: Test-time augmentation; None = as planned.

    Raises:
        ModelFileError: The folder holds no model.
        DatasetError: The data folder is not there, or holds other bands or classes.
    """
    model = load(run).with_tta(tta)
    dataset = dataset_for(model, data or _remembered(run), dataset_file)
    if excluded:
        dataset = replace(dataset, spec=dataset.spec.model_copy(update={"exclude": ()}))
    return Task(run, model, dataset)


def conduct(task: Task, block: int | None = None) -> Audit:
    """Judge every mask that some member of the model did not learn from.

    Args:
        task: What is audited.
        block: Side of the blocks that masks are judged in, in pixels; see `choose_side`.

    Raises:
        DatasetError: There is no such mask.
        ImageFileError: An image or mask can't be read.
        SettingError: The blocks are too small.
    """
    model, dataset = task.model, task.dataset
    places, skipped = find_places(model, dataset)
    side = choose_side([dataset.size(place.item) for place in places], block)
    looked, gathered, digests = _look(task, places, side)
    usual = gathered.usual([look.compared for look in looked])
    judged = [(look, *suspicion(look.compared, usual)) for look in looked]
    judged = [entry for entry in judged if entry[0].compared.known]
    judged.sort(key=lambda entry: (-entry[1], entry[0].name))
    threshold = fence([score for _, score, _ in judged])
    same = same_masks(dataset, dataset.labelled, digests)
    scores = {look.name: score for look, score, _ in judged}
    telling = _Telling(task, usual, looked, threshold, same, scores)
    names = dataset.spec.class_names
    return Audit(
        name=dataset.spec.name,
        run=task.run,
        data=dataset.root,
        suspects=tuple(telling.suspect(n, *entry) for n, entry in enumerate(judged, start=1)),
        skipped=tuple(skipped),
        threshold=threshold,
        sure_from={
            name: None if np.isnan(p) else float(p)
            for name, p in zip(names, usual.sure_from, strict=True)
        },
        side=side,
        tta=model.views,
        notes=tuple(_notes(model, len(judged), len(looked) - len(judged))),
    )


def _look(
    task: Task, places: Sequence[Place], side: int
) -> tuple[list[Looked], Gathered, dict[str, str]]:
    """Look at every place; also the digest of every mask, by stem."""
    gathered = Gathered(len(task.dataset.spec.classes))
    models: dict[tuple[int, ...], Model] = {}
    looked: list[Looked] = []
    digests: dict[str, str] = {}
    with progress_bar("audit", len(places)) as progress:
        for place in places:
            fit = models.setdefault(place.members, task.model.only(place.members))
            found, digest = look_at(fit, task.dataset, place, side, gathered, progress)
            looked += found
            if place.item.window is None:
                digests[place.item.stem] = digest
    others = [item for item in task.dataset.labelled if item.stem not in digests]
    with progress_bar("compare masks", len(others)) as progress:
        for item in others:  # a mask that can't be judged may be another one's copy
            digests[item.stem] = digest_of(task.dataset, item)
            progress.advance(note=item.stem)
    return looked, gathered, digests


@dataclass(frozen=True)
class _Telling:
    """Tells what speaks against a mask, once all are judged."""

    task: Task
    usual: Usual
    looked: Sequence[Looked]
    threshold: float
    same: dict[str, tuple[str, ...]]
    scores: dict[str, float]

    def suspect(self, rank: int, look: Looked, score: float, about: int) -> Suspect:
        dataset, probable = self.task.dataset, score >= self.threshold
        spec = dataset.spec
        same = self.same.get(look.name, ())
        better = "" if same or not probable else fits_elsewhere(look, self.looked)
        counts = contradicted(look.compared, self.usual)
        return Suspect(
            rank=rank,
            name=look.name,
            score=score,
            probable=probable,
            about=spec.class_names[about],
            share=int(counts.sum()) / look.compared.known,
            suspected=tuple(self._words(look, same, better)),
            same=same,
            better=better,
            spots=spots_of(look, self.usual, spec, dataset.geobox(look.place.item)),
            place=look.place,
            window=look.window,
        )

    def _words(self, look: Looked, same: tuple[str, ...], better: str) -> list[str]:
        words = [copy_words(look.name, same, self.scores)] if same else []
        if better:
            words.append(f"the mask fits the image {better} far better than its own")
        words += suspected_of(look, self.usual, self.task.dataset.spec)
        return words or ["the model is sure of nothing that speaks against it"]


def _notes(model: Model, judged: int, empty: int) -> list[str]:
    """What the reader of the ranking must know."""
    notes = [model.bundle.caveat] if model.bundle.caveat else []
    if judged < _FEW:
        notes.append(f"with {judged} judged, what is usual is hardly known")
    if empty:
        notes.append(f"{empty} without a valid, labelled pixel are not in the ranking")
    return notes


def _remembered(run: Path) -> Path:
    """The data folder that a run remembers."""
    data = remembered_data(run)
    if data is None:
        raise DatasetError(
            "nothing says where the data are",
            where=(run if run.is_dir() else run.parent) / "environment.json",
            expected="a run folder as `mapwright train` wrote it",
            fix="name the data folder with --data",
        )
    if not data.is_dir():
        raise DatasetError(
            "the data folder of this run is not there any more",
            where=data,
            fix="name the place where it is now with --data",
        )
    return data
