"""One walk over a map: ground per class and stratum, and the classes under points."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.areas.classmap import (
    PATCH,
    ClassMap,
    Patch,
    Values,
    codes,
    patches,
    require_classes,
)
from mapwright.areas.ground import Floats
from mapwright.errors import ImageFileError


@dataclass(frozen=True)
class Tally:
    """What a map holds.

    Args:
        strata: (H,) values of the strata, ascending.
        classes: (K,) values of the map, ascending; equal to `strata` without a raster of strata.
        pixels: (H, K) pixels of each class in each stratum.
        ground: (H, K) their true area in square metres, or pixels without a CRS.
        smallest: Area of the smallest cell that holds a class.
        largest: Area of the largest.
    """

    strata: Values
    classes: Values
    pixels: NDArray[np.int64]
    ground: Floats
    smallest: float
    largest: float


@dataclass(frozen=True)
class Found:
    """What a map says at points.

    Args:
        valid: (n,) whether there is a class.
        values: (n,) value of the map, 0 where there is none.
        strata: (n,) value of the stratum, 0 where there is none.
    """

    valid: NDArray[np.bool_]
    values: Values
    strata: Values


def survey(
    classes: ClassMap, strata: ClassMap | None, rows: Values, cols: Values
) -> tuple[Tally, Found]:
    """Walk over a map once.

    Args:
        classes: The map.
        strata: The raster of strata on the same grid, or None when the map's classes are them.
        rows: (n,) rows of points, -1 for a point outside.
        cols: (n,) their columns.

    Raises:
        ImageFileError: A file can't be read or is no class map, or there is no valid pixel.
    """
    sums: dict[tuple[int, int], Floats] = defaultdict(lambda: np.zeros(2))
    n = len(rows)
    found = Found(np.zeros(n, bool), np.zeros(n, np.int64), np.zeros(n, np.int64))
    waiting = _by_patch(rows, cols)
    smallest, largest = np.inf, 0.0
    for patch in patches(classes, strata, "areas"):
        cells = classes.ground.cells(patch.window)[patch.valid]
        if cells.size:
            _add(patch, cells, sums)
            require_classes(classes.path, len({value for _, value in sums}))
            require_classes((strata or classes).path, len({stratum for stratum, _ in sums}))
            smallest, largest = min(smallest, cells.min()), max(largest, cells.max())
        here = waiting.get((patch.window.row // PATCH, patch.window.col // PATCH), [])
        _look_up(patch, np.array(here, np.int64), rows, cols, found)
    if not sums:
        raise ImageFileError(
            "no pixel of the map has a class",
            where=classes.path,
            expected="pixels that are not nodata" + (" in map and strata" if strata else ""),
            fix="check the nodata value of the file, and --nodata",
        )
    return _tally(sums, float(smallest), float(largest)), found


def _add(patch: Patch, cells: Floats, sums: dict[tuple[int, int], Floats]) -> None:
    """Add pixels and ground of a patch to the sums of each pair of stratum and class."""
    values, value_code = codes(patch.values[patch.valid])
    strata, code = values, value_code
    if patch.strata is not patch.values:
        strata, code = codes(patch.strata[patch.valid])
    pair = code * len(values) + value_code
    size = len(strata) * len(values)
    pixels = np.bincount(pair, minlength=size)
    ground = np.bincount(pair, weights=cells, minlength=size)
    for number in np.flatnonzero(pixels):
        key = int(strata[number // len(values)]), int(values[number % len(values)])
        sums[key] += pixels[number], ground[number]


def _by_patch(rows: Values, cols: Values) -> dict[tuple[int, int], list[int]]:
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (row, col) in enumerate(zip(rows.tolist(), cols.tolist(), strict=True)):
        if row >= 0:
            places[row // PATCH, col // PATCH].append(number)
    return places


def _look_up(patch: Patch, here: Values, rows: Values, cols: Values, found: Found) -> None:
    at = rows[here] - patch.window.row, cols[here] - patch.window.col
    valid = patch.valid[at]
    found.valid[here] = valid
    found.values[here] = np.where(valid, patch.values[at], 0)
    found.strata[here] = np.where(valid, patch.strata[at], 0)


def _tally(sums: dict[tuple[int, int], Floats], smallest: float, largest: float) -> Tally:
    strata = sorted({stratum for stratum, _ in sums})
    classes = sorted({value for _, value in sums})
    table = np.zeros((2, len(strata), len(classes)))
    for (stratum, value), pair in sums.items():
        table[:, strata.index(stratum), classes.index(value)] = pair
    pixels = table[0].round().astype(np.int64)
    return Tally(
        np.array(strata, np.int64), np.array(classes, np.int64), pixels, table[1], smallest, largest
    )
