"""Reference points from CSV, GeoPackage, GeoJSON or another vector file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from mapwright.areas.ground import Floats
from mapwright.errors import DatasetError, SettingError

VECTOR_DRIVERS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
}
"""File name endings of vector files, and the name that GDAL has for each."""

_COORDINATES = (("x", "y"), ("lon", "lat"), ("longitude", "latitude"), ("lng", "lat"))
_CLASS_COLUMNS = ("class", "reference", "reference_class", "ref_class", "ref", "label")
_ID_COLUMNS = ("id", "fid", "point", "name")
LONLAT = "EPSG:4326"
"""What longitude and latitude are taken to be in."""


@dataclass(frozen=True)
class Points:
    """Points with what was found at each.

    Args:
        path: The file.
        ids: Name of each point: its column `id`, else its number from 1.
        x: (n,) first coordinate.
        y: (n,) second coordinate.
        crs: What the coordinates are in, as pyproj takes it; None = the map's own CRS.
        labels: The class found at each point, empty where none was entered.
        note: What was taken for what, in words.
    """

    path: Path
    ids: tuple[str, ...]
    x: Floats
    y: Floats
    crs: str | None
    labels: tuple[str, ...]
    note: str


def read_points(path: Path, *, crs: str | None = None, column: str | None = None) -> Points:
    """Read reference points.

    Args:
        path: `.csv` with columns x, y (in the map's CRS) or lon, lat, or a vector file of points.
        crs: CRS of the coordinates, where the file does not say it or says it wrongly.
        column: Column of the class; None = one named class, reference, ref or label.

    Raises:
        DatasetError: The file can't be read, or lacks coordinates or classes.
        SettingError: `column` is not in the file.
    """
    if not path.is_file():
        raise DatasetError(
            "there is no such file",
            where=path,
            expected="reference points: .csv, .gpkg or .geojson",
            fix="check the path",
        )
    table, x, y, own, place = _vector(path) if path.suffix.lower() != ".csv" else _csv(path)
    name = _class_column(path, table, column)
    ids = _find(table, _ID_COLUMNS)
    count = len(x)
    if not count:
        raise DatasetError(
            "the file holds no point",
            where=path,
            expected="one point or row for each place that was looked at",
            fix="check that the right file was saved",
        )
    numbers = tuple(str(number) for number in range(1, count + 1))
    given = crs or own
    system = given or "the CRS of the map"
    return Points(
        path=path,
        ids=tuple(table[ids]) if ids else numbers,
        x=x,
        y=y,
        crs=given,
        labels=tuple(table[name]),
        note=f"{count} points of {path.name}: {place} in {system}, class in column {name!r}",
    )


_Read = tuple[Mapping[str, Sequence[str]], Floats, Floats, str | None, str]
"""Columns as text, x, y, the CRS that the file states, and where the coordinates came from."""


def _csv(path: Path) -> _Read:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, "it is not in UTF-8") from error
    except OSError as error:
        raise _unreadable(path, str(error)) from error
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = [row for row in lines if any(row)]
    if not rows:
        raise _unreadable(path, "it is empty")
    header = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DatasetError(
                f"row {number} has {len(row)} columns, the header has {len(header)}",
                where=path,
                expected="as many in every row",
                fix="check the row; a name that holds a comma needs quotation marks",
            )
    columns = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(header)
    table = {name: [v.strip() for v in cells] for name, cells in zip(header, columns, strict=True)}
    lower = {name.lower(): name for name in table}
    for pair in _COORDINATES:
        if all(name in lower for name in pair):
            x, y = (_numbers(path, lower[name], table[lower[name]], separator) for name in pair)
            own = None if pair == ("x", "y") else LONLAT
            return table, x, y, own, f"columns {lower[pair[0]]}, {lower[pair[1]]}"
    raise DatasetError(
        "no columns of coordinates",
        where=path,
        expected="columns x and y, or lon and lat; the file has " + ", ".join(header),
        fix="rename the columns in the first row",
    )


def _numbers(path: Path, name: str, cells: Sequence[str], separator: str) -> Floats:
    values = np.zeros(len(cells))
    for number, cell in enumerate(cells):
        try:
            values[number] = float(cell if separator == "," else cell.replace(",", "."))
        except ValueError:
            values[number] = np.nan
        if not np.isfinite(values[number]):
            raise DatasetError(
                f"{cell!r} in column {name} of row {number + 1} is no coordinate",
                where=path,
                expected="a number",
                fix="correct or remove the row",
            )
    return values


def need_vector_libraries(path: Path) -> tuple[ModuleType, ModuleType]:
    """Pyogrio and shapely, which take a second to load.

    Raises:
        SettingError: They are not installed.
    """
    try:
        import pyogrio
        import shapely
    except ImportError as error:
        raise SettingError(
            "vector files need pyogrio and shapely, which are not installed",
            where=path,
            fix="pip install pyogrio shapely, or use a .csv",
        ) from error
    return pyogrio, shapely


def _vector(path: Path) -> _Read:
    pyogrio, shapely = need_vector_libraries(path)
    try:
        layers = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
        if len(layers) == 1:
            meta, _, shapes, values = pyogrio.raw.read(path, layer=layers[0], force_2d=True)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise _unreadable(path, str(error)) from error
    if len(layers) != 1:
        raise DatasetError(
            f"the file has {len(layers)} layers with a place: {', '.join(layers)}",
            where=path,
            expected="one layer of points",
            fix="save the layer of points as a file of its own",
        )
    table = {
        str(name): [_text(value) for value in cells]
        for name, cells in zip(meta["fields"], values, strict=True)
    }
    x, y = _coordinates(path, shapely.from_wkb(shapes))
    return table, x, y, meta["crs"], f"layer {layers[0]}"


def _coordinates(path: Path, shapes: Any) -> tuple[Floats, Floats]:
    import shapely

    points = shapely.get_geometry(shapes, 0)  # a multi-point of one, which QGIS likes to make
    plain = (shapely.get_type_id(points) == 0) & (shapely.get_num_geometries(shapes) == 1)
    if not (plain & ~shapely.is_empty(points)).all():
        number = int(np.flatnonzero(~(plain & ~shapely.is_empty(points)))[0])
        raise DatasetError(
            f"feature {number + 1} is no point",
            where=path,
            expected="one point for each place that was looked at",
            fix="give points; for polygons, their centroids are not a sample",
        )
    return shapely.get_x(points), shapely.get_y(points)


def _text(value: Any) -> str:
    """A cell as text; whole numbers without a point, nothing for what is missing."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _class_column(path: Path, table: Mapping[str, Sequence[str]], column: str | None) -> str:
    if column is not None and column not in table:
        raise SettingError(
            f"there is no column {column!r}",
            where=path,
            expected="one of " + ", ".join(table),
            fix="correct --column",
        )
    name = column or _find(table, _CLASS_COLUMNS)
    if name is None:
        raise DatasetError(
            "no column of classes",
            where=path,
            expected=f"a column named {', '.join(_CLASS_COLUMNS[:-1])} or {_CLASS_COLUMNS[-1]}; "
            f"the file has {', '.join(table) or 'none'}",
            fix="name the column with --column",
        )
    return name


def _find(table: Mapping[str, Sequence[str]], names: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in table}
    return next((lower[name] for name in names if name in lower), None)


def _unreadable(path: Path, reason: str) -> DatasetError:
    return DatasetError(
        f"the points can't be read: {reason}",
        where=path,
        expected="a whole .csv (in UTF-8), .gpkg or .geojson file",
        fix="save it again from its source",
    )
