"""Draw the sample that a reference survey needs: places to look at, at random within strata."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.areas.allocate import allocate
from mapwright.areas.census import survey
from mapwright.areas.classmap import ClassMap, Values, patches
from mapwright.areas.ground import Floats
from mapwright.areas.result import Design, require_design
from mapwright.areas.write_points import require_writable, write_points


@dataclass(frozen=True)
class Drawn:
    """A sample that was drawn.

    Args:
        path: The file of points.
        design: How they were drawn.
        strata: Name of each stratum; `the whole map` alone for a simple random sample.
        areas: Share of the area in each.
        points: Points in each.
        seed: Seed of the draw.
    """

    path: Path
    design: Design
    strata: tuple[str, ...]
    areas: tuple[float, ...]
    points: tuple[int, ...]
    seed: int

    def plain(self) -> dict[str, Any]:
        """The sample as JSON-able built-in types."""
        return {**asdict(self), "path": str(self.path)}


def draw_sample(
    map_path: Path | str,
    count: int,
    out: Path | str,
    *,
    design: Design = "stratified",
    strata: Path | str | None = None,
    nodata: Collection[float] = (),
    minimum: int | None = None,
    blind: bool = False,
    seed: int = 0,
) -> Drawn:
    """Draw pixels at random and write their centres, with an empty column `class` to fill.

    Within a stratum every pixel has the same chance, or rather every piece of ground: where pixels
    differ in area, their chances are in proportion to it. No pixel is drawn twice. The points
    stand in random order, so that their order tells nothing of the strata.

    Args:
        map_path: A raster of classes.
        count: Points to draw.
        out: `.csv`, `.gpkg` or `.geojson` file to write.
        design: `stratified` = within strata, `random` = over the whole map alike.
        strata: Raster of strata on the grid of the map; None = the classes of the map.
        nodata: Values of the map that count nowhere, beside the file's nodata value.
        minimum: Points in each stratum at least; None = 50, or an equal share when `count` is
            too small for that. A stratum of fewer pixels gives all of them.
        blind: Leave out the class of the map, so that who looks at the places can't know it.
        seed: Same seed, map and count: same points.

    Raises:
        ImageFileError: The map or the strata can't be read as classes.
        SettingError: There are too few points for the strata, or fewer pixels than points.
        OutputError: The file can't be written.
    """
    path = Path(out)
    require_design(design, strata)
    require_writable(path)
    classes = ClassMap.open(Path(map_path), nodata)
    layers = None if strata is None else ClassMap.open(Path(strata))
    nowhere = np.empty(0, np.int64)
    tally, _ = survey(classes, layers, nowhere, nowhere)
    pixels, ground = tally.pixels.sum(axis=1), tally.ground.sum(axis=1)
    names = tuple((layers or classes).name_of(value) for value in tally.strata.tolist())
    values = tally.strata
    if design == "random":
        pixels, ground = pixels.sum(keepdims=True), ground.sum(keepdims=True)
        names, values = ("the whole map",), np.empty(0, np.int64)
    points = allocate(count, ground, pixels, minimum)
    urn = _draw(classes, layers, values, points, np.random.default_rng(seed))
    write_points(path, classes, urn.rows, urn.cols, None if blind else urn.mapped)
    shares = tuple((ground / ground.sum()).tolist())
    return Drawn(path, design, names, shares, tuple(points.tolist()), seed)


@dataclass
class _Urn:
    """Pixels drawn so far, each with its key.

    Args:
        keys: (n,) the smaller, the sooner drawn.
        strata: (n,) numbers of their strata.
        rows: (n,) rows.
        cols: (n,) columns.
        mapped: (n,) values of the map.
    """

    keys: Floats
    strata: Values
    rows: Values
    cols: Values
    mapped: Values

    def _columns(self) -> Iterator[NDArray[Any]]:
        yield from (self.keys, self.strata, self.rows, self.cols, self.mapped)

    def with_(self, other: _Urn) -> _Urn:
        """Both together."""
        pairs = zip(self._columns(), other._columns(), strict=True)
        return _Urn(*(np.concatenate(pair) for pair in pairs))

    def keep(self, which: NDArray[Any]) -> _Urn:
        """A part, or another order."""
        return _Urn(*(column[which] for column in self._columns()))

    def smallest(self, points: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the `points` (H,) pixels of each stratum with the smallest keys."""
        order = np.lexsort((self.keys, self.strata))
        first = np.searchsorted(self.strata[order], np.arange(len(points)))
        rank = np.arange(len(order)) - first[self.strata[order]]
        return order[rank < points[self.strata[order]]]


def _draw(
    classes: ClassMap,
    layers: ClassMap | None,
    values: Values,
    points: NDArray[np.int64],
    rng: np.random.Generator,
) -> _Urn:
    """Draw without replacement in one walk over the map, holding no more than a patch.

    Each pixel gets a key: an exponential number divided by its area. The n smallest keys of a
    stratum are what n draws, one after the other and each in proportion to area, would take
    (Efraimidis and Spirakis 2006, Information Processing Letters 97, 181-185); among pixels of
    equal area that is a simple random sample.
    """
    urn = _Urn(np.empty(0), *(np.empty(0, np.int64) for _ in range(4)))
    limits = np.where(points > 0, np.inf, -np.inf)
    for patch in patches(classes, layers, "draw"):
        cells = classes.ground.cells(patch.window)
        keys = rng.standard_exponential(cells.shape)
        with np.errstate(divide="ignore"):
            keys /= cells
        strata = np.zeros(cells.shape, np.int64)
        if len(values):
            strata = np.searchsorted(values, np.where(patch.valid, patch.strata, values[0]))
        rows, cols = np.nonzero(patch.valid & (keys < limits[strata]))
        if not len(rows):
            continue
        at, window = (rows, cols), patch.window
        new = _Urn(keys[at], strata[at], rows + window.row, cols + window.col, patch.values[at])
        urn = urn.with_(new)
        urn = urn.keep(urn.smallest(points))
        full = np.bincount(urn.strata, minlength=len(points)) == points
        largest = np.zeros(len(points))
        np.maximum.at(largest, urn.strata, urn.keys)
        limits = np.where(full, largest, limits)
    return urn.keep(rng.permutation(len(urn.keys)))
