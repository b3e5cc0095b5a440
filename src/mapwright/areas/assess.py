"""Areas of a map: counted, and estimated where a reference sample says what is really there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from mapwright.areas.census import Tally, survey
from mapwright.areas.classmap import ClassMap, Values
from mapwright.areas.doubts import doubts
from mapwright.areas.estimate import Estimated, Estimates, estimate
from mapwright.areas.points import read_points
from mapwright.areas.reference import Used, locate, use
from mapwright.areas.result import Z95, Areas, ClassArea, Design, Estimate, Stratum, require_design
from mapwright.areas.sample import sample_of
from mapwright.types import Counts

HECTARE = 10_000.0
"""Square metres."""


def area(
    map_path: Path | str,
    reference: Path | str | None = None,
    *,
    design: Design = "stratified",
    strata: Path | str | None = None,
    nodata: Collection[float] = (),
    crs: str | None = None,
    column: str | None = None,
) -> Areas:
    """Areas of the classes of a map, with 95 % intervals where there is a reference sample.

    Mapped areas are true areas on the ellipsoid of the map's CRS, whatever its projection does to
    them. They are biased: a map errs more one way than the other. A probability sample of points
    at which the class was determined independently gives unbiased areas (Olofsson et al. 2014).
    The points must lie uniformly over the ground, within each stratum or over the whole map, as
    those of `draw_sample` do.

    Args:
        map_path: A raster of classes.
        reference: Points with the class found there: .csv, .gpkg, .geojson.
        design: `stratified` = drawn at random within strata, `random` = a simple random or
            systematic sample of the whole map.
        strata: Raster of the strata that the points were drawn in, on the grid of the map; None =
            the classes of the map.
        nodata: Values of the map that count nowhere, beside the file's nodata value.
        crs: CRS of the points, where their file does not say it.
        column: Column that holds the class.

    Raises:
        ImageFileError: The map or the strata can't be read as classes.
        DatasetError: The points can't be used, or a stratum holds fewer than two.
        SettingError: An option has a value that can't be used.
    """
    require_design(design, strata)
    classes = ClassMap.open(Path(map_path), nodata)
    layers = None if strata is None else ClassMap.open(Path(strata))
    if reference is None:
        tally, _ = survey(classes, layers, np.empty(0, np.int64), np.empty(0, np.int64))
        return _counted(classes, tally)
    points = read_points(Path(reference), crs=crs, column=column)
    rows, cols = locate(classes, points)
    tally, found = survey(classes, layers, rows, cols)
    used = use(classes, points, rows, cols, found, tally)
    return _estimated(_counted(classes, tally), classes, layers or classes, tally, used, design)


def _counted(classes: ClassMap, tally: Tally) -> Areas:
    """The result without a reference sample."""
    unit, scale = ("ha", HECTARE) if classes.ground.measured else ("pixels", 1.0)
    entries = tuple(
        ClassArea(classes.name_of(value), value, int(pixels), float(ground) / scale)
        for value, pixels, ground in zip(
            tally.classes.tolist(), tally.pixels.sum(0), tally.ground.sum(0), strict=True
        )
    )
    return Areas(
        path=classes.path,
        crs=classes.crs,
        unit=unit,
        classes=entries,
        total=float(tally.ground.sum()) / scale,
        pixels=int(tally.pixels.sum()),
        notes=tuple(_ground_notes(classes, tally)),
    )


def _ground_notes(classes: ClassMap, tally: Tally) -> list[str]:
    if not classes.ground.measured:
        return ["the map has no CRS: areas are numbers of pixels"]
    face = classes.ground.face_value
    excess = face * tally.pixels.sum() / tally.ground.sum() - 1 if face else 0.0
    if abs(excess) < 1e-4:
        return []
    return [
        f"hectares are true area on the ellipsoid; pixels of {classes.crs} taken at face value "
        f"would give {excess:+.2%}"
    ]


def _estimated(
    counted: Areas, classes: ClassMap, layers: ClassMap, tally: Tally, used: Used, design: Design
) -> Areas:
    """The result with a reference sample."""
    values = np.array(sorted({*tally.classes.tolist(), *used.truth.tolist()}), np.int64)
    names = tuple(layers.name_of(value) for value in tally.strata.tolist())
    other = None if layers is classes else layers.path.name
    sample = sample_of(names, tally, values, used, design, other)
    result = estimate(sample.counts, sample.weights, sample.complete)
    strata = tuple(
        Stratum(name, float(weight) * counted.total, int(points))
        for name, weight, points in zip(sample.names, sample.weights, sample.points, strict=True)
    )
    counts = sample.counts.sum(axis=0)
    entries = _entries(counted, classes, values, counts, result)
    return replace(
        counted,
        classes=entries,
        design=design,
        strata=strata,
        overall=_figure(result.overall, (), 1.0),
        counts=counts.tolist(),
        matrix=result.matrix.tolist(),
        left_out=used.left_out,
        notes=(*counted.notes, used.points.note, sample.note),
        warnings=tuple(doubts(counted, entries, sample, tally)),
    )


def _entries(
    counted: Areas, classes: ClassMap, values: Values, counts: Counts, result: Estimates
) -> tuple[ClassArea, ...]:
    mapped = {entry.value: entry for entry in counted.classes}
    total = counted.total
    return tuple(
        replace(
            mapped.get(value) or ClassArea(classes.name_of(value), value, 0, 0.0),
            map_points=int(counts[k].sum()),
            reference_points=int(counts[:, k].sum()),
            estimated=_figure(result.area, k, total),
            users=_figure(result.users, k, 1.0),
            producers=_figure(result.producers, k, 1.0),
        )
        for k, value in enumerate(values.tolist())
    )


def _figure(of: Estimated, index: int | tuple[()], total: float) -> Estimate | None:
    """One estimate times `total`, with its normal interval cut to what is possible."""
    value, error = float(of.value[index]) * total, float(of.error[index]) * total
    if np.isnan(value):
        return None
    low, high = max(value - Z95 * error, 0.0), min(value + Z95 * error, total)
    return Estimate(value, error, low, high)
