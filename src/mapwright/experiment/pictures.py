"""Small pictures of what cells predict, for the pages of a study."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio import Affine

from mapwright.data.spec import DatasetSpec
from mapwright.io.maps import Legend, class_map_writer
from mapwright.tally import Tally
from mapwright.types import IGNORE, ClassIndex

PREDICTIONS, TRUTH = "predictions", "truth"
SIDE = 512  # pixels; of larger images every second, third, ... row and column is shown
_SHOWN = 24  # images of a study


def choose_shown(names: Sequence[str]) -> frozenset[str]:
    """A few images, spread evenly, the same ones for all configurations."""
    return frozenset(names[:: max(1, -(-len(names) // _SHOWN))])


def write_pictures(
    folder: Path,
    configuration: str,
    tallies: Sequence[Tally],
    shown: Collection[str],
    spec: DatasetSpec,
) -> None:
    """Write class maps as PNG: `predictions/CONFIGURATION/STEM.png` and `truth/STEM.png`.

    What counts nowhere (invalid or unlabelled) is transparent in both.

    Args:
        folder: The study.
        configuration: Whose maps.
        tallies: Truth and prediction of the held-out images, where they were kept.
        shown: The images to write.
        spec: Names and colours of the classes.
    """
    classes = spec.classes
    legend = Legend(
        values=tuple(range(len(classes))),
        names=spec.class_names,
        colors=tuple(entry.color for entry in classes),
        nodata=IGNORE,
    )
    for tally in tallies:
        if tally.maps is None or tally.stem not in shown:
            continue
        truth, guess = tally.maps
        seen = np.where(truth == IGNORE, truth, guess).astype(np.uint8)
        _write(folder / PREDICTIONS / configuration / f"{tally.stem}.png", seen, legend)
        _write(folder / TRUTH / f"{tally.stem}.png", truth, legend)


def _write(path: Path, classes: ClassIndex, legend: Legend) -> None:
    step = -(-max(classes.shape) // SIDE)
    small = classes[::step, ::step]
    place = GeoBox(small.shape, Affine.identity(), None)
    with class_map_writer(path, place, legend) as writer:
        writer.write(0, small)
