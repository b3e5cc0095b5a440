"""From a class map to polygons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from mapwright.errors import SettingError
from mapwright.io.class_raster import ClassRaster, read_class_raster
from mapwright.io.maps import Legend
from mapwright.io.measure import Measure
from mapwright.io.outlines import Shapes, find_patches, outlines
from mapwright.io.sieve import merge_small
from mapwright.io.vector_files import (
    PolygonTable,
    VectorType,
    require_vector_file,
    write_polygons,
)
from mapwright.types import ClassIndex


@dataclass(frozen=True)
class PolygonOptions:
    """How maps become polygons.

    Args:
        kind: What file is written.
        min_area: The smallest patch that stays, in square metres, or pixels without a CRS.
        simplify: How coarse borders may become, in metres, or pixels without a CRS.
    """

    kind: VectorType = "gpkg"
    min_area: float = 0.0
    simplify: float = 0.0

    def __post_init__(self) -> None:
        for name in ("min_area", "simplify"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise SettingError(f"{name} is {value:g}", expected="0 or more: 0 changes nothing")

    @classmethod
    def chosen(
        cls,
        form: str,
        kind: VectorType | None,
        min_area: float | None,
        simplify: float | None,
    ) -> PolygonOptions | None:
        """What `--format` and the options beside it ask for; None for `native`, without polygons.

        Raises:
            SettingError: An option that only polygons have, without polygons; or a bad number.
        """
        if form == "vector":
            return cls(kind or "gpkg", min_area or 0.0, simplify or 0.0)
        if (kind, min_area, simplify) != (None, None, None):
            raise SettingError(
                "--vector-type, --min-area and --simplify are about polygons",
                expected="--format vector beside them",
                fix="add --format vector, or leave them out",
            )
        return None

    def path_for(self, folder: Path, stem: str) -> Path:
        """Where the polygons of an image go; checks that they can be written.

        Raises:
            SettingError: A library is not installed.
        """
        path = folder / f"{stem}_polygons.{self.kind}"
        require_vector_file(path)
        return path

    def write(self, map_path: Path, out: Path, legend: Legend | None = None) -> None:
        """Write the patches of a class map as polygons; see `polygonize`."""
        raster = read_class_raster(map_path, legend)
        write_polygons(out, _table(raster, self, map_path.name))


def polygonize(
    map_path: str | Path,
    out: str | Path,
    *,
    legend: Legend | None = None,
    min_area: float = 0.0,
    simplify: float = 0.0,
) -> Path:
    """Write the patches of a class map as polygons.

    One polygon is one patch: pixels of one class that touch along sides; pixels that touch at a
    corner are two patches. Polygons cover the valid part of the map without gap or overlap;
    rasterised on its grid, without `min_area` and `simplify`, they give it back exactly. Invalid
    pixels are in no polygon.

    Columns: `value` in the map, `name` and `color` of the class, then `area_m2` and `area_ha` on
    the ground (on the ellipsoid of the CRS, so free of the distortion of its projection), or
    `pixels` for a map without a CRS. Coordinates are those of the map; of a picture without any,
    columns and rows of pixels from the upper left corner, rows downwards. GeoJSON is in longitude
    and latitude (WGS 84) as RFC 7946 demands. A GeoPackage also holds a style for QGIS.

    The map, at five bytes a pixel, and the polygons are held in memory.

    Args:
        map_path: A class map that Mapwright wrote, or any raster of classes.
        out: The file, ending in `.gpkg`, `.geojson` or `.parquet` (GeoParquet, needs pyarrow).
        legend: What the values mean; None = as the map says.
        min_area: Minimum mapping unit in square metres, or pixels without a CRS. Smaller patches
            take the class of their largest neighbour. Invalid pixels are no neighbour and stay.
        simplify: Tolerance in metres, or pixels without a CRS: corners go whose triangle has less
            area than its square (Visvalingam and Whyatt 1993). Borders stay shared, and the
            border to invalid pixels and of the map stays as it is, so no ground is won or lost.

    Returns:
        The file.

    Raises:
        ImageFileError: The map can't be read, is no class map, or holds a value without a class.
        SettingError: The ending or a number is wrong, or a library is not installed.
        OutputError: The file can't be written; nothing half-written is left.
    """
    path = Path(out)
    options = PolygonOptions(require_vector_file(path), min_area, simplify)
    options.write(Path(map_path), path, legend)
    return path


def _table(raster: ClassRaster, options: PolygonOptions, source: str) -> PolygonTable:
    measure, legend = Measure(raster.geobox), raster.legend
    patches = find_patches(raster.classes)
    if options.min_area:
        patches = merge_small(patches, measure.cells(), options.min_area)
    shapes = outlines(patches.labels)
    if options.simplify:
        shapes = _simplified(shapes, options.simplify / measure.side)
    of_class: ClassIndex = patches.classes[1:]
    areas = measure.areas(shapes)
    columns = {
        "value": np.array(legend.values, np.int64)[of_class],
        "name": np.array(legend.names, object)[of_class],
        "color": np.array(legend.colors, object)[of_class],
    }
    if measure.in_metres:
        columns |= {"area_m2": areas, "area_ha": areas / 10_000}
    else:
        columns |= {"pixels": areas}
    return PolygonTable(
        measure.place(shapes),
        columns,
        crs=None if raster.geobox.crs is None else raster.geobox.crs.proj,
        side=measure.side,
        text=f"Patches of the class map {source}{_place_in_words(raster.geobox)}",
        colors=dict(zip(legend.names, legend.colors, strict=True)),
    )


def _place_in_words(geobox: GeoBox) -> str:
    if geobox.crs is not None:
        return ""
    if geobox.transform.is_identity:
        return "; without a CRS: x and y are columns and rows of pixels"
    return "; without a CRS"


def _simplified(shapes: Shapes, tolerance: float) -> Shapes:
    """Simplified in pixels: an affine map scales all areas alike, so the same corners would go."""
    import shapely

    return np.asarray(shapely.coverage_simplify(shapes, tolerance, simplify_boundary=False), object)
