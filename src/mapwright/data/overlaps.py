"""Ground that images on opposite sides of a split share, or nearly share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox

from mapwright.data.footprints import Neighbour, neighbours, take_footprints
from mapwright.io.place import Numbers, pixels_between, rim
from mapwright.types import Valid, Window

_SLACK = 1e-6  # pixels: a centre on the very edge of a footprint must not depend on rounding
_MARGIN = 2  # pixels around where a footprint seems to lie: its sides may be curved
_STRIP = 1 << 20  # pixels that are looked at together


@dataclass(frozen=True)
class Unit:
    """One image, or part of one, on its side of a split.

    Args:
        stem: The image.
        grid: Its pixels.
        side: `train` or `val`; or the number of the fold that it validates in, where every other
            fold's units train.
    """

    stem: str
    grid: GeoBox
    side: str | int


@dataclass(frozen=True)
class Pair:
    """A validation unit and a training unit that share ground, or lie near each other.

    Args:
        val: Stem of the validation unit.
        train: Stem of the training unit.
        pixels: Pixels of the validation unit whose centre the footprint of the other covers.
        share: Those as a share of its pixels.
        rows: Rows of the validation unit that hold such pixels.
        cols: Columns that do.
        distance: Metres between the two footprints; 0 where they touch or share ground.
    """

    val: str
    train: str
    pixels: int
    share: float
    rows: int
    cols: int
    distance: float


@dataclass(frozen=True)
class SplitAudit:
    """What was found.

    Args:
        shared: Pairs that share ground, the most pixels first.
        near: Pairs that share none but are nearer than the buffer, the nearest first.
        leaked: Stem of each validation unit that shares ground -> its pixels that do.
        val_pixels: Pixels of all validation units that were looked at.
        unplaced: Stems without a CRS, or outside of what their CRS can describe: not looked at.
    """

    shared: tuple[Pair, ...]
    near: tuple[Pair, ...]
    leaked: dict[str, int]
    val_pixels: int
    unplaced: tuple[str, ...]

    @property
    def leaked_share(self) -> float:
        """Share of the validation pixels that lie on ground that is also trained on."""
        return sum(self.leaked.values()) / max(self.val_pixels, 1)


def audit_split(units: Sequence[Unit], buffer: float = 0.0) -> SplitAudit:
    """Find units on opposite sides whose footprints overlap, or lie nearer than a buffer.

    Footprints are compared in space, so units may have any mixture of CRS and rotation.

    Args:
        units: The units of a split.
        buffer: In metres.
    """
    placed = [unit for unit in units if unit.grid.crs is not None]
    places = take_footprints([unit.grid for unit in placed])
    known = [unit for unit, r in zip(placed, places.radii, strict=True) if np.isfinite(r)]
    ids = {id(unit) for unit in known}
    vals = [k for k, unit in enumerate(placed) if unit.side != "train"]
    shared, near = [], []
    trains: dict[int, list[Unit]] = defaultdict(list)
    for found in neighbours(places, [unit.side for unit in placed], vals, buffer):
        pair = _pair(placed[found.first], placed[found.second], found)
        if pair.pixels:
            shared.append(pair)
            trains[found.first].append(placed[found.second])
        elif found.distance < buffer:
            near.append(pair)
    return SplitAudit(
        shared=tuple(sorted(shared, key=lambda pair: -pair.pixels)),
        near=tuple(sorted(near, key=lambda pair: pair.distance)),
        leaked={
            placed[val].stem: int(leaked_pixels(placed[val], others).sum())
            for val, others in sorted(trains.items())
        },
        val_pixels=sum(u.grid.height * u.grid.width for u in known if u.side != "train"),
        unplaced=tuple(unit.stem for unit in units if id(unit) not in ids),
    )


def leaked_pixels(unit: Unit, train_units: Sequence[Unit]) -> Valid:
    """Pixels of a validation unit that lie on ground that is also trained on.

    Args:
        unit: The validation unit.
        train_units: Training units that may share ground with it, such as those that `audit_split`
            found; those without a CRS count as elsewhere.

    Returns:
        (H, W) bool, True where the centre of the pixel lies in the footprint of a training unit.
    """
    leaked = np.zeros(unit.grid.shape, bool)
    for other in train_units:
        if unit.grid.crs is not None and other.grid.crs is not None:
            for window, inside in _covered(unit.grid, other.grid):
                leaked[window.slices] |= inside
    return leaked


def _pair(val: Unit, train: Unit, found: Neighbour) -> Pair:
    pixels = 0
    rows = np.zeros(int(val.grid.height), bool)
    cols = np.zeros(int(val.grid.width), bool)
    for window, inside in _covered(val.grid, train.grid) if found.may_share else ():
        pixels += int(inside.sum())
        rows[window.slices[0]] |= inside.any(axis=1)
        cols[window.slices[1]] |= inside.any(axis=0)
    share = pixels / (val.grid.height * val.grid.width)
    apart = 0.0 if pixels else found.distance
    return Pair(val.stem, train.stem, pixels, share, int(rows.sum()), int(cols.sum()), apart)


def _covered(grid: GeoBox, other: GeoBox) -> Iterator[tuple[Window, Valid]]:
    """Strips of `grid` that may lie in the footprint of `other`, with which pixels do."""
    window = _window(grid, other)
    step = max(1, _STRIP // max(window.width, 1))
    for row in range(window.row, window.row + window.height, step):
        height = min(step, window.row + window.height - row)
        strip = Window(row, window.col, height, window.width)
        rows = np.arange(row, row + height)[:, None] + 0.5
        cols = np.arange(window.col, window.col + window.width)[None, :] + 0.5
        x, y = pixels_between(grid, other, *np.broadcast_arrays(cols, rows))
        inside = (x + _SLACK >= 0) & (x + _SLACK < other.width)
        yield strip, inside & (y + _SLACK >= 0) & (y + _SLACK < other.height)


def _window(grid: GeoBox, other: GeoBox) -> Window:
    """The part of `grid` that holds the footprint of `other`; empty where they are apart."""
    cols, rows = pixels_between(other, grid, *rim(other))
    if not np.isfinite([cols, rows]).all():
        return Window(0, 0, int(grid.height), int(grid.width))
    left, right = _range(cols, int(grid.width))
    top, bottom = _range(rows, int(grid.height))
    return Window(top, left, bottom - top, right - left)


def _range(values: Numbers, length: int) -> tuple[int, int]:
    """First and last pixel (not included) of a range with its margin, cut to 0..`length`."""
    margin = _MARGIN + 0.002 * (values.max() - values.min())
    first = int(np.clip(np.floor(values.min() - margin), 0, length))
    return first, max(first, int(np.clip(np.ceil(values.max() + margin), 0, length)))
