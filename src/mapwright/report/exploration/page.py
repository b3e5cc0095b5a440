"""Look at a data set and write what there is to see as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mapwright.data.dataset import Dataset
from mapwright.data.describe import open_dataset
from mapwright.data.inventory.take import MOST_IMAGES, Inventory, take_inventory
from mapwright.errors import OutputError
from mapwright.io.files import write_text
from mapwright.report.exploration.balance import balance_section, objects_section
from mapwright.report.exploration.galleries import (
    alike_section,
    samples_section,
    strange_section,
)
from mapwright.report.exploration.parts import Figure, Section, Table
from mapwright.report.exploration.pictures import Painter
from mapwright.report.exploration.places import map_section, nodata_section, position_section
from mapwright.report.exploration.spectra import bands_section, images_section
from mapwright.report.exploration.summary import (
    cards,
    contents_section,
    drawing_note,
    findings_section,
    opening,
)
from mapwright.report.template import fill

_MARK = '<meta name="generator" content="Mapwright explore">'


@dataclass(frozen=True)
class Exploration:
    """What a look at a data set left.

    Args:
        page: The page.
        inventory: The numbers in it.
    """

    page: Path
    inventory: Inventory

    @property
    def lines(self) -> list[str]:
        """The sentences that the page begins with."""
        return [*opening(self.inventory), *filter(None, [drawing_note(self.inventory)])]


def explore(
    root: str | Path,
    out: str | Path = "explore.html",
    *,
    dataset_file: str | Path | None = None,
    images: int = MOST_IMAGES,
) -> Exploration:
    """Show what a data set holds before anything is learnt from it.

    Args:
        root: The data folder.
        out: The page to write; one from before is replaced.
        dataset_file: A `dataset.toml` kept elsewhere; None = the folder's own, or guesses.
        images: At most so many images are looked at; of more, so many are drawn evenly.

    Raises:
        MapwrightError: Something about the data or the output is wrong.
    """
    return explore_dataset(open_dataset(root, dataset_file), Path(out), images)


def explore_dataset(dataset: Dataset, out: Path, images: int = MOST_IMAGES) -> Exploration:
    """Show a data set that is open already; see `explore`."""
    _require_free(out)
    inventory = take_inventory(dataset, images)
    write_text(out, render(inventory))
    return Exploration(out, inventory)


def render(inventory: Inventory) -> str:
    """The page."""
    told = {
        "mark": _MARK,
        "name": inventory.dataset.spec.name,
        "guessed": bool(inventory.dataset.reasons),
        "opening": opening(inventory),
        "note": drawing_note(inventory),
        "cards": cards(inventory),
        "sections": list(_sections(inventory)),
        "version": version("mapwright"),
        "today": date.today().isoformat(),
        "kind_of": _kind_of,
    }
    return fill("explore.html", told)


def _sections(inventory: Inventory) -> Iterator[Section]:
    painter = Painter(inventory.dataset, _ranges(inventory))
    labelled = bool(inventory.class_pixels.sum())
    yield findings_section(inventory)
    yield contents_section(inventory)
    yield samples_section(inventory, painter)
    if labelled:
        yield balance_section(inventory)
    drawn = (
        objects_section(inventory) if labelled else None,
        position_section(inventory) if labelled else None,
        map_section(inventory),
        bands_section(inventory),
        images_section(inventory),
    )
    yield from filter(None, drawn)
    yield nodata_section(inventory)
    yield from filter(
        None, (alike_section(inventory, painter), strange_section(inventory, painter))
    )


def _ranges(inventory: Inventory) -> NDArray[np.float64]:
    """(C,) from the 1st to the 99th percentile of all pixels of each band."""
    if not inventory.values.groups:
        return np.ones(len(inventory.dataset.spec.used))
    return np.asarray(np.ptp(inventory.values.overall((0.01, 0.99)), axis=1))


def _kind_of(part: Figure | Table | str) -> str:
    return type(part).__name__


def _require_free(out: Path) -> None:
    """Nothing but a page of ours may be replaced; said before anything is read."""
    if not out.exists():
        return
    if out.is_file() and _MARK.encode() in out.read_bytes()[:4096]:
        return
    raise OutputError(
        "something that is no page of `mapwright explore` is in the way",
        where=out,
        expected="a free name, or a page from before",
        fix="choose another name with -o",
    )
