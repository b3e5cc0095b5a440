"""Write polygons: GeoPackage, GeoJSON and GeoParquet, whole or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import SettingError
from mapwright.io.cog import SOFTWARE
from mapwright.io.files import replacing
from mapwright.io.outlines import Shapes
from mapwright.io.qgis import polygon_style
from mapwright.io.quiet import quiet

if TYPE_CHECKING:
    from pyproj import CRS

VectorType = Literal["gpkg", "geojson", "parquet"]
"""Kinds of files that polygons are written to, by their ending."""

_NEEDS = {"gpkg": "pyogrio", "geojson": "pyogrio", "parquet": "pyarrow"}
_EXTRA = {"pyogrio": "pip install pyogrio", "pyarrow": "pip install 'mapwright[parquet]'"}
_DEGREE = 111_195.0  # metres of one degree on a sphere of 6 371 km
_STYLES = "layer_styles"  # the table in which QGIS looks for the styles of a GeoPackage
_GEOPACKAGE = "1.2"  # older programs warn of 1.4, which newer GDAL writes by default
_UTC = 100  # what GDAL calls that time zone


@dataclass(frozen=True)
class PolygonTable:
    """Polygons with their attributes.

    Args:
        polygons: (N,) in the coordinates of `crs`.
        columns: By name, (N,) int64, float64 or texts.
        crs: None = coordinates are columns and rows of pixels.
        side: Side of a pixel in metres; coordinates are written finer than that.
        text: What the polygons are, in words.
        colors: By class name, `#rrggbb`.
    """

    polygons: Shapes
    columns: Mapping[str, NDArray[Any]]
    crs: CRS | None
    side: float
    text: str
    colors: Mapping[str, str]


def require_vector_file(path: Path) -> VectorType:
    """The kind of file that a name asks for; checks that it can be written here.

    Raises:
        SettingError: The ending is unknown, or a library can't be loaded.
    """
    endings = [f".{kind}" for kind in get_args(VectorType)]
    if path.suffix.lower() not in endings:
        raise SettingError(
            f"polygons can't be written as {path.suffix or 'a file without an ending'}",
            where=path,
            expected=" or ".join(endings),
            fix="choose such an ending",
        )
    kind: VectorType = path.suffix.lower()[1:]  # type: ignore[assignment]
    try:
        import_module(_NEEDS[kind])
    except ImportError as error:
        raise SettingError(
            f"a {path.suffix} file needs {_NEEDS[kind]}, which can't be loaded: {error}",
            where=path,
            fix=f"{_EXTRA[_NEEDS[kind]]}, or choose another ending",
        ) from error
    return kind


def write_polygons(path: Path, table: PolygonTable) -> None:
    """Write polygons to a file of the kind that its ending says.

    Raises:
        SettingError: The ending is unknown, a library is not installed, or GeoJSON is asked for
            where there is no longitude and latitude.
        OutputError: The file can't be written; nothing half-written is left.
    """
    kind = require_vector_file(path)
    with replacing(path) as temporary:
        if kind == "parquet":
            _write_parquet(temporary, table)
            return
        try:
            (_write_geopackage if kind == "gpkg" else _write_geojson)(temporary, path.stem, table)
        except RuntimeError as error:  # what pyogrio makes of GDAL's failures
            raise OSError(str(error)) from error


def _write_geopackage(path: Path, name: str, table: PolygonTable) -> None:
    _write_layer(path, name, table, driver="GPKG", DESCRIPTION=table.text, VERSION=_GEOPACKAGE)
    style = {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": name,
        "f_geometry_column": "geom",
        "styleName": name,
        "styleQML": polygon_style("name", table.colors),
        "styleSLD": "",
        "useAsDefault": True,
        "description": table.text,
        "owner": SOFTWARE,
        "ui": "",
        "update_time": np.datetime64("now", "ms"),
    }
    import pyogrio

    columns = [np.array([v], object if isinstance(v, str) else None) for v in style.values()]
    pyogrio.raw.write(
        path,
        None,
        columns,
        list(style),
        layer=_STYLES,
        driver="GPKG",
        append=True,
        gdal_tz_offsets={"update_time": np.array([_UTC])},
        FID="id",
    )
    _require_whole(path, name, len(table.polygons), indexed=True)


def _write_geojson(path: Path, name: str, table: PolygonTable) -> None:
    options = {}
    if table.crs is not None and table.crs.geodetic_crs is None:
        raise SettingError(
            f"the CRS {table.crs.name!r} is a plane without a place on the earth",
            where=name,
            expected="a CRS that can be brought to longitude and latitude, which GeoJSON is in",
            fix="choose .gpkg or .parquet",
        )
    if table.crs is not None:  # else GDAL would cut off what is no longitude and latitude
        finer = math.ceil(-math.log10(table.side / _DEGREE / 100))  # a hundredth of a pixel
        options = {"RFC7946": "YES", "COORDINATE_PRECISION": str(max(7, finer))}
    _write_layer(path, name, table, driver="GeoJSON", DESCRIPTION=table.text, **options)
    _require_whole(path, name, len(table.polygons), indexed=False)


def _write_layer(path: Path, name: str, table: PolygonTable, **options: str) -> None:
    import pyogrio
    import shapely

    with quiet(UserWarning):  # that there is no CRS
        pyogrio.raw.write(
            path,
            shapely.to_wkb(table.polygons),
            list(table.columns.values()),
            list(table.columns),
            layer=name,
            geometry_type="Polygon",
            crs=None if table.crs is None else table.crs.to_wkt(),
            **options,
        )


def _require_whole(path: Path, name: str, count: int, indexed: bool) -> None:
    """GDAL may only log that a disk is full, and leave out the spatial index."""
    import pyogrio

    info = pyogrio.read_info(path, layer=name, force_feature_count=True)
    if info["features"] != count or info["capabilities"]["fast_spatial_filter"] != indexed:
        raise OSError("the file was not written whole")


def _write_parquet(path: Path, table: PolygonTable) -> None:
    """GeoParquet 1.1.0 (https://geoparquet.org/releases/v1.1.0/)."""
    import pyarrow as pa
    import pyarrow.parquet
    import shapely

    column = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "crs": None if table.crs is None else table.crs.to_json_dict(),
        "orientation": "counterclockwise",
    }
    if len(table.polygons):
        column["bbox"] = shapely.total_bounds(table.polygons).tolist()
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    arrays = {name: pa.array(values) for name, values in table.columns.items()}
    arrays["geometry"] = pa.array(shapely.to_wkb(table.polygons), pa.binary())
    words = {"geo": json.dumps(geo), "description": table.text}
    pyarrow.parquet.write_table(
        pa.table(arrays).replace_schema_metadata(words), path, compression="zstd"
    )
