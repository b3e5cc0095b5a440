"""The page of a study, with its images beside truth and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mapwright.data.dataset import Dataset
from mapwright.experiment.pictures import SIDE, TRUTH
from mapwright.io.picture import Rgb, as_rgb
from mapwright.report.study.page import write_study_page
from mapwright.report.study.pictures import Picture

PAGE = "study.html"


def write_page(folder: Path, dataset: Dataset, results: Mapping[str, Any]) -> Path:
    """Write `study.html` into the folder of a study.

    Args:
        folder: The study; images are shown whose truth it holds.
        dataset: Reads the images.
        results: As in `results.json`.
    """
    stems = [item.stem for item in dataset.units]
    files = {stem: folder / TRUTH / f"{stem}.png" for stem in stems}
    pictures = {
        stem: Picture(_look(dataset, stem), file.read_bytes())
        for stem, file in files.items()
        if file.is_file()
    }
    return write_study_page(results, folder / PAGE, pictures)


def _look(dataset: Dataset, stem: str) -> Rgb:
    """An image as small as the pictures of its maps are."""
    (item,) = dataset.choose([stem])
    image = dataset.read(item).image
    step = -(-max(image.shape[1:]) // SIDE)
    byte_values = dataset.info(item).dtype == "uint8"
    return as_rgb(image[:, ::step, ::step], dataset.spec.band_names, byte_values)
