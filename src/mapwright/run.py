"""The story of a task: from a folder to a run folder with a model and its scores."""

from __future__ import annotations

import csv
import io
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mapwright.bundle import Bundle, Decision, History, save_bundle
from mapwright.data.dataset import Dataset, match_files
from mapwright.data.describe import open_dataset, require_folder
from mapwright.data.fingerprint import take_fingerprint
from mapwright.data.spec import FILE_NAME, DatasetSpec
from mapwright.data.splits import make_splits
from mapwright.data.write_spec import to_toml
from mapwright.errors import DatasetError, OutputError
from mapwright.evaluation import Scores, evaluate
from mapwright.hardware import Hardware, detect_hardware
from mapwright.io.files import make_folder, new_folder, write_json, write_text
from mapwright.plan import make_plan
from mapwright.predict.model import Model, Written
from mapwright.progress import progress_bar
from mapwright.training.fit import fit_fold

MODEL_NAME = "model.safetensors"
_LIBRARIES = (
    "mapwright", "torch", "segmentation-models-pytorch", "timm", "lightning-fabric", "numpy",
    "rasterio", "safetensors",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A finished training.

    Args:
        folder: The run folder.
        model: The trained model.
        scores: Results on the validation images; None when there are none.
    """

    folder: Path
    model: Model
    scores: Scores | None


def train(
    root: str | Path,
    out: str | Path | None = None,
    *,
    dataset_file: str | Path | None = None,
    everything: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Train a model on a folder of images and masks, and score it on held-out ones.

    Args:
        root: The data folder.
        out: The run folder, new or empty; None = the next free `runs/NAME-N`.
        dataset_file: A `dataset.toml` kept elsewhere; None = the folder's own, or guesses.
        everything: Learn from all labelled images and validate on none.
        settings: Values of the plan set by hand, such as `{"steps": 200}`.

    Returns:
        The run, with its model and scores.

    Raises:
        MapwrightError: Something about the data, the settings or the output is wrong.
    """
    dataset = open_dataset(Path(root), Path(dataset_file) if dataset_file else None)
    return train_on(dataset, out, everything=everything, settings=settings)


def train_on(
    dataset: Dataset,
    out: str | Path | None = None,
    *,
    everything: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Train on a data set that is open already; see `train`."""
    began = time.monotonic()
    if not dataset.labelled:
        raise DatasetError(
            "no image has a mask",
            where=dataset.root / (dataset.spec.masks or ""),
            expected="at least two images with a mask of the same stem",
            fix="correct `masks` in dataset.toml",
        )
    splits = make_splits([i.stem for i in dataset.labelled], dataset.spec.split, everything)
    (fold,) = splits.folds
    learn, held_out = dataset.choose(fold.train), dataset.choose(fold.val)
    hardware = detect_hardware()
    fingerprint = take_fingerprint(dataset, learn)
    plan = make_plan(fingerprint, hardware, settings)
    folder = new_folder(Path(out) if out else _free_name(dataset.spec.name))
    write_text(folder / "dataset.toml", to_toml(dataset.spec, dataset.reasons))
    write_json(folder / "splits.json", splits.plain())
    write_text(folder / "plan.toml", plan.to_toml())
    write_json(folder / "environment.json", _environment(hardware))

    fitted, start = fit_fold(
        dataset,
        learn,
        held_out,
        plan.plan,
        fingerprint,
        hardware,
        record=lambda rows: _write_progress(folder / "progress.csv", rows),
    )
    history = History(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        folds=splits.folds,
        images=dataset.digests(dataset.labelled),
        weights_source=start.source,
        weights_reason=start.reason,
        best_steps=(fitted.best_step,),
        seconds=round(time.monotonic() - began, 1),
        versions=_versions(),
        hardware=hardware.name,
    )
    bundle = Bundle(dataset.spec, plan.plan, fingerprint, Decision(), history, (fitted.state,))
    return _finish(folder, bundle, dataset)


def load(path: str | Path) -> Model:
    """Load a model from its file or its run folder.

    Raises:
        ModelFileError: Missing, cut short, altered or not ours.
    """
    path = Path(path)
    return Model.load(path / MODEL_NAME if path.is_dir() else path)


def dataset_for(model: Model, root: Path, spec_file: Path | None = None) -> Dataset:
    """Open a folder for scoring a model.

    By the folder's own description if it has one, which must agree with the model on bands and
    classes; else by the one that the model was made for.

    Raises:
        DatasetError: Not a folder, or its bands or classes are others.
    """
    require_folder(root)
    spec = model.bundle.spec
    path = spec_file or root / FILE_NAME
    if not path.exists() and not spec_file:
        stems = match_files(root, spec.images)
        exclude = tuple(entry for entry in spec.exclude if entry.stem in stems)
        return Dataset(root, spec.model_copy(update={"exclude": exclude}))
    own = DatasetSpec.load(path)
    for what, here, there in (
        ("bands", own.band_names, spec.band_names),
        ("classes", own.class_names, spec.class_names),
    ):
        if here != there:
            raise DatasetError(
                f"the {what} are {', '.join(here)}",
                where=path,
                expected=f"those of the model: {', '.join(there)}",
                fix="describe the folder with the names that the model knows, in its order",
            )
    return Dataset(root, own)


def predict_files(
    model: Model,
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    unlabelled: bool = False,
    probabilities: bool = False,
    with_overlay: bool = False,
) -> list[Written]:
    """Map images into a folder.

    Args:
        model: The model, with its test-time augmentation.
        paths: Images, or folders: of a data folder its images, of another every image in it.
        out: Folder for the maps.
        unlabelled: Of a data folder, only the images without a mask.
        probabilities: Also write one band of probability per class.
        with_overlay: Also write each image with the classes laid over it.

    Raises:
        DatasetError: A folder holds no image.
        ImageFileError: An image can't be read, or lacks a band.
        OutputError: A map can't be written.
    """
    images = [image for path in paths for image in _images(model, Path(path), unlabelled)]
    _require_own_names(images)
    folder = make_folder(Path(out))
    written = []
    with progress_bar("predict", len(images)) as progress:
        for image in images:
            files = model.predict_file(
                image, folder, probabilities=probabilities, with_overlay=with_overlay
            )
            written.append(files)
            progress.advance(note=image.name)
    return written


def _images(model: Model, path: Path, unlabelled: bool) -> list[Path]:
    if not path.is_dir():
        return [path]
    spec = model.bundle.spec
    if match_files(path, spec.images):
        dataset = dataset_for(model, path)
        return [item.image for item in (dataset.unlabelled if unlabelled else dataset.items)]
    found = match_files(path, "*")
    if not found:
        raise DatasetError(
            "no image found", where=path, expected="images, or a data folder of the model's layout"
        )
    return list(found.values())


def _require_own_names(images: Sequence[Path]) -> None:
    """Maps are named after their image, so two images of one name would overwrite each other."""
    seen: dict[str, Path] = {}
    for image in images:
        other = seen.setdefault(image.stem, image)
        if other != image:
            raise OutputError(
                f"two images are named {image.stem!r}",
                where=f"{other} and {image}",
                expected="names that differ, since maps are named after their image",
                fix="predict them into two folders",
            )


def _finish(folder: Path, bundle: Bundle, dataset: Dataset) -> Run:
    """Save first, then score: a failure while scoring must not cost the model."""
    save_bundle(bundle, folder / MODEL_NAME)
    model = Model(bundle)
    held_out = dataset.choose([stem for fold in bundle.history.folds for stem in fold.val])
    if not held_out:
        return Run(folder, model, None)
    scores = evaluate(model, dataset, held_out)
    write_json(folder / "scores.json", scores.plain())
    model = Model(bundle.with_scores(scores.plain()))
    save_bundle(model.bundle, folder / MODEL_NAME)
    return Run(folder, model, scores)


def _free_name(name: str) -> Path:
    number = 1
    while Path(f"runs/{name}-{number}").exists():
        number += 1
    return Path(f"runs/{name}-{number}")


def _write_progress(path: Path, rows: list[dict[str, float]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _LIBRARIES}


def _environment(hardware: Hardware) -> dict[str, Any]:
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "hardware": hardware.__dict__,
        "versions": _versions(),
    }
