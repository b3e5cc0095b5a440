"""Use a trained model: load it, open data for it, map files with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mapwright.data.dataset import Dataset
from mapwright.data.describe import require_folder
from mapwright.data.patterns import match_files
from mapwright.data.spec import FILE_NAME, DatasetSpec
from mapwright.errors import DatasetError, OutputError
from mapwright.io.files import make_folder
from mapwright.io.vector import PolygonOptions
from mapwright.predict.model import Model, Written
from mapwright.predict.submission import Submission, write_submission
from mapwright.progress import progress_bar

if TYPE_CHECKING:
    from mapwright.models.custom import Build

MODEL_NAME = "model.safetensors"
SUBMISSION_NAME = "submission.csv"


def load(path: str | Path, build: str | Build | None = None) -> Model:
    """Load a model from its file or its run folder.

    Args:
        path: Which.
        build: Of a network of your own, the function that makes it, where the one that the file
            names can't be had; see `mapwright.models.custom`.

    Raises:
        ModelFileError: Missing, cut short, altered or not ours.
        SettingError: The function can't be found by its name.
    """
    path = Path(path)
    return Model.load(path / MODEL_NAME if path.is_dir() else path, build)


def remembered_data(run: Path) -> Path | None:
    """The data folder that a run's `environment.json` names; None where it names none.

    Args:
        run: A run folder, or the model file in it.
    """
    folder = run if run.is_dir() else run.parent
    try:
        told = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        return Path(told["data"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
        same = [tuple(stem for stem in sets if stem in stems) for sets in spec.split.together]
        together = tuple(sets for sets in same if len(sets) > 1)
        split = spec.split.model_copy(update={"together": together})
        if split.groups and not (root / split.groups).is_file():
            split = split.model_copy(update={"groups": None})
        return Dataset(root, spec.model_copy(update={"exclude": exclude, "split": split}))
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
    confidence: bool = False,
    with_overlay: bool = False,
    polygons: PolygonOptions | None = None,
) -> list[Written]:
    """Map images into a folder.

    Args:
        model: The model, with its test-time augmentation.
        paths: Images, or folders: of a data folder its images, of another every image in it.
        out: Folder for the maps.
        unlabelled: Of a data folder, only the images without a mask.
        probabilities: Also write one band of probability per class.
        confidence: Also write the probability of the class that the map shows.
        with_overlay: Also write each image with the classes laid over it.
        polygons: Also write the patches of each map, in this way.

    Raises:
        DatasetError: A folder holds no image.
        ImageFileError: An image can't be read, or lacks a band.
        OutputError: A map can't be written.
        SettingError: A library that the polygons need is not installed.
    """
    images = [image for path in paths for image in _images(model, Path(path), unlabelled)]
    _require_own_names(images)
    folder = make_folder(Path(out))
    written = []
    with progress_bar("predict", len(images)) as progress:
        for image in images:
            files = model.predict_file(
                image,
                folder,
                probabilities=probabilities,
                confidence=confidence,
                with_overlay=with_overlay,
                polygons=polygons,
            )
            written.append(files)
            progress.advance(note=image.name)
    return written


def predict_table(
    model: Model, paths: Sequence[str | Path], out: str | Path, *, unlabelled: bool = False
) -> Submission:
    """Find the objects of images and write them as one table of run lengths, as Kaggle takes it.

    Args:
        model: The model, with its test-time augmentation.
        paths: Images, or folders: of a data folder its images, of another every image in it.
        out: The table, ending in `.csv`, or a folder for `submission.csv`.
        unlabelled: Of a data folder, only the images without a mask.

    Raises:
        MapwrightError: See `write_submission`.
    """
    images = [image for path in paths for image in _images(model, Path(path), unlabelled)]
    _require_own_names(images)
    target = Path(out)
    return write_submission(
        model, images, target if target.suffix.lower() == ".csv" else target / SUBMISSION_NAME
    )


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
