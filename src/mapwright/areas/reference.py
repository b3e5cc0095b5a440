"""Reference points on a map: which can be used, and what was found at them."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mapwright.areas.census import Found, Tally
from mapwright.areas.classmap import ClassMap, Values
from mapwright.areas.points import Points
from mapwright.errors import DatasetError, SettingError

_OUTSIDE = "outside the map"
_NO_CLASS = "where the map has no class"
_NOT_ENTERED = "without a class yet"


def locate(classes: ClassMap, points: Points) -> tuple[Values, Values]:
    """Row and column of the pixel under each point, -1 outside the map.

    Raises:
        SettingError: The CRS of the points is unknown, or the map has none to bring them to.
    """
    if points.crs is None:
        return classes.pixels_of(points.x, points.y)
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    if classes.geobox.crs is None:
        raise SettingError(
            "the points have a CRS and the map has none",
            where=points.path,
            expected="points in pixels: columns x and y of a .csv, from the upper left corner",
            fix="give the map its CRS, as gdal_edit.py -a_srs",
        )
    try:
        own = CRS.from_user_input(points.crs)
    except CRSError as error:
        raise SettingError(
            f"the CRS {points.crs!r} is not known",
            where=points.path,
            expected="such as EPSG:4326",
            fix="correct --crs",
        ) from error
    change = Transformer.from_crs(own, classes.geobox.crs.proj, always_xy=True)
    x, y = (np.where(np.isfinite(v), v, np.nan) for v in change.transform(points.x, points.y))
    return classes.pixels_of(x, y)


@dataclass(frozen=True)
class Used:
    """The points that can be used.

    Args:
        points: All of them.
        kept: Numbers of those that are used.
        pixels: One number per pixel under each of those.
        mapped: Their values in the map.
        strata: Their strata.
        truth: Values of the classes found there.
        left_out: Names of the others, by reason.
    """

    points: Points
    kept: Values
    pixels: Values
    mapped: Values
    strata: Values
    truth: Values
    left_out: Mapping[str, tuple[str, ...]]


def use(
    classes: ClassMap, points: Points, rows: Values, cols: Values, found: Found, tally: Tally
) -> Used:
    """Take the points that say something, and tell why the others do not.

    Raises:
        DatasetError: A class is not known, or no point can be used.
    """
    left_out: dict[str, list[str]] = defaultdict(list)
    known = {*tally.classes.tolist(), *classes.tagged}
    kept, truth = [], []
    for number, label in enumerate(points.labels):
        value = _value(classes, points, number, known) if label else None
        if rows[number] < 0:
            left_out[_OUTSIDE].append(points.ids[number])
        elif not found.valid[number]:
            left_out[_NO_CLASS].append(points.ids[number])
        elif value is None:
            left_out[_NOT_ENTERED].append(points.ids[number])
        else:
            kept.append(number)
            truth.append(value)
    if not kept:
        raise _no_points(points, left_out)
    chosen = np.array(kept)
    return Used(
        points,
        chosen,
        rows[chosen] * classes.geobox.width + cols[chosen],
        found.values[chosen],
        found.strata[chosen],
        np.array(truth),
        {reason: tuple(ids) for reason, ids in left_out.items()},
    )


def _value(classes: ClassMap, points: Points, number: int, known: Collection[int]) -> int:
    """The value of the class that was entered, by its name or by the value itself."""
    label = points.labels[number]
    names = {classes.name_of(value): value for value in known}
    folded = {name.casefold(): value for name, value in names.items()}
    for found in (names.get(label), folded.get(label.casefold()), _whole(label)):
        if found is not None and found in known:
            return found
    near = difflib.get_close_matches(label, names, 1)
    raise DatasetError(
        f"point {points.ids[number]} has the class {label!r}, which the map does not know",
        where=points.path,
        expected="one of " + ", ".join(_both(classes, value) for value in sorted(known)),
        fix=f"correct it to {near[0]!r}" if near else "correct it, or leave it empty",
    )


def _both(classes: ClassMap, value: int) -> str:
    name = classes.name_of(value)
    return name if name == str(value) else f"{name} ({value})"


def _whole(label: str) -> int | None:
    try:
        number = float(label)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _no_points(points: Points, left_out: Mapping[str, Sequence[str]]) -> DatasetError:
    reasons = ", ".join(f"{len(ids)} {reason}" for reason, ids in left_out.items())
    return DatasetError(
        f"none of the {len(points.ids)} points can be used: {reasons}",
        where=points.path,
        expected=f"points on the map with a class; read as {points.note}",
        fix="say the CRS of the points with --crs"
        if _OUTSIDE in left_out
        else "enter the class that was found at each point",
    )
