"""Write places to look at, with an empty column for the class that is found there."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mapwright.areas.classmap import ClassMap, Values
from mapwright.areas.ground import Floats
from mapwright.areas.points import LONLAT, VECTOR_DRIVERS, need_vector_libraries
from mapwright.errors import OutputError, SettingError
from mapwright.io.files import replacing

_WRITABLE = (".csv", ".gpkg", ".geojson")


def require_writable(path: Path) -> None:
    """Check that points may be written to `path`: a known kind of file, and a new one.

    Raises:
        SettingError: The ending is not known.
        OutputError: A file is there already; it may hold what was found at the places.
    """
    if path.suffix.lower() not in _WRITABLE:
        raise SettingError(
            f"points can't be written as {path.suffix or 'a file without an ending'}",
            where=path,
            expected=" or ".join(_WRITABLE),
            fix="choose such an ending",
        )
    if path.exists():
        raise OutputError(
            "the file exists already",
            where=path,
            expected="a new file: an old one may hold classes that somebody has entered",
            fix="choose another name, or remove the file",
        )


def write_points(
    path: Path, classes: ClassMap, rows: Values, cols: Values, mapped: Values | None
) -> None:
    """Write the centres of pixels.

    Columns: `id` from 1, `map_class` by name (unless `mapped` is None), `class` to be filled.
    A .csv has x and y in the CRS of the map and lon, lat for a globe; a .gpkg is in the CRS of
    the map; a .geojson in longitude and latitude, as its standard demands.

    Args:
        path: The file.
        classes: The map.
        rows: (n,) rows of the pixels.
        cols: (n,) their columns.
        mapped: (n,) values of the map there, or None to leave the class of the map out.

    Raises:
        OutputError: The file can't be written; nothing half-written is left.
    """
    x, y = classes.place(rows, cols)
    names = None if mapped is None else [classes.name_of(value) for value in mapped.tolist()]
    if path.suffix.lower() == ".csv":
        _write_csv(path, classes, x, y, names)
    else:
        _write_vector(path, classes, x, y, names)


def _write_csv(
    path: Path, classes: ClassMap, x: Floats, y: Floats, names: list[str] | None
) -> None:
    columns: dict[str, list[str]] = {"id": [str(n) for n in range(1, len(x) + 1)]}
    if classes.crs != LONLAT:
        columns |= {"x": [repr(v) for v in x.tolist()], "y": [repr(v) for v in y.tolist()]}
    if classes.geobox.crs is not None:
        lon, lat = _lonlat(classes, x, y)
        columns |= {"lon": [f"{v:.8f}" for v in lon], "lat": [f"{v:.8f}" for v in lat]}
    if names is not None:
        columns["map_class"] = names
    columns["class"] = [""] * len(x)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_vector(
    path: Path, classes: ClassMap, x: Floats, y: Floats, names: list[str] | None
) -> None:
    pyogrio, shapely = need_vector_libraries(path)
    crs = None if classes.geobox.crs is None else classes.geobox.crs.to_wkt()
    if path.suffix.lower() != ".gpkg" and crs is not None:
        (x, y), crs = _lonlat(classes, x, y), LONLAT
    fields: dict[str, NDArray[np.generic]] = {"id": np.arange(1, len(x) + 1)}
    if names is not None:
        fields["map_class"] = np.array(names, object)
    fields["class"] = np.full(len(x), None, object)
    with replacing(path) as temporary:
        try:
            pyogrio.raw.write(
                temporary,
                shapely.to_wkb(shapely.points(x, y)),
                list(fields.values()),
                list(fields),
                layer=path.stem,
                driver=VECTOR_DRIVERS[path.suffix.lower()],
                geometry_type="Point",
                crs=crs,
            )
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
            raise OSError(str(error)) from error


def _lonlat(classes: ClassMap, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    from pyproj import Transformer

    assert classes.geobox.crs is not None
    change = Transformer.from_crs(classes.geobox.crs.proj, LONLAT, always_xy=True)
    lon, lat = change.transform(x, y)
    return lon, lat
