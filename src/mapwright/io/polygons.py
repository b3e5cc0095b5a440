"""Polygons of a vector file, drawn on the grid of an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from mapwright.errors import ImageFileError

SUFFIXES = frozenset({".geojson", ".json", ".gpkg", ".shp", ".fgb", ".parquet"})
"""File name endings that are taken for polygons."""


@dataclass(frozen=True)
class Polygons:
    """Polygons with the attribute of each.

    Args:
        path: The file.
        shapes: (n,) shapely geometries.
        attributes: (n,) values of the attribute asked for, or None.
        crs: CRS of the coordinates as text, or None.
    """

    path: Path
    shapes: NDArray[Any]
    attributes: NDArray[Any] | None
    crs: str | None

    def draw(self, grid: GeoBox, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Draw the polygons on a grid; a pixel is inside when its centre is.

        Args:
            grid: Where to.
            values: (n,) what to write into each polygon; later ones lie on top.

        Returns:
            (H, W) int64, 0 outside of every polygon.

        Raises:
            ImageFileError: Polygons and grid can't be brought together.
        """
        import shapely
        from rasterio.features import rasterize

        shapes = self._on(grid)
        corners = shapely.box(*grid.extent.boundingbox.bbox)
        near = np.flatnonzero(shapely.intersects(shapes, corners))
        drawn = np.zeros(grid.shape, np.int64)
        if len(near):
            pairs = [(shapes[k], int(values[k])) for k in near]
            rasterize(pairs, out=drawn, transform=grid.transform)
        return drawn

    def _on(self, grid: GeoBox) -> NDArray[Any]:
        import shapely
        from pyproj import CRS, Transformer

        if self.crs is None or grid.crs is None:
            if grid.crs is None and (self.crs is None or self._in_pixels()):
                return self.shapes
            raise ImageFileError(
                "the polygons have a CRS and the image has none, or the other way round",
                where=self.path,
                expected="coordinates on the ground for both, or pixels for both",
                fix="give the image its CRS, or write the polygons in pixels without a CRS",
            )
        there = CRS.from_wkt(grid.crs.to_wkt())
        here = CRS.from_user_input(self.crs)
        if here == there:
            return self.shapes
        change = Transformer.from_crs(here, there, always_xy=True)
        moved: NDArray[Any] = shapely.transform(
            self.shapes, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1]))
        )
        return moved

    def _in_pixels(self) -> bool:
        """Whether the coordinates may be pixels although the reader says degrees.

        GeoJSON without a word on it counts as degrees (RFC 7946), but tools that outline objects
        on pictures write pixels. What is smaller than a pixel was drawn in degrees.
        """
        import shapely

        silent = self.path.suffix.lower() in (".geojson", ".json") and self.crs == "EPSG:4326"
        if not silent or not len(self.shapes):
            return False
        return bool(np.median(shapely.area(self.shapes)) >= 1)


def read_polygons(path: Path, attribute: str | None = None) -> Polygons:
    """Read the polygons of a vector file.

    Raises:
        ImageFileError: Unreadable, without polygons or without the attribute.
    """
    import shapely
    from pyogrio.errors import DataLayerError, DataSourceError
    from pyogrio.raw import read

    try:
        meta, _, wkb, columns = read(path, columns=None if attribute else [])
    except (DataSourceError, DataLayerError, OSError) as error:
        raise ImageFileError(
            f"the file can't be read as polygons: {error}",
            where=path,
            expected="a vector file such as GeoJSON or GeoPackage",
            fix="copy it again from its source",
        ) from error
    fields = list(meta["fields"])
    if attribute and attribute not in fields:
        raise ImageFileError(
            f"the polygons have no attribute {attribute!r}",
            where=path,
            expected=f"one of {', '.join(fields) or 'none at all'}",
            fix="correct [mask] attribute in dataset.toml",
        )
    shapes = shapely.force_2d(shapely.from_wkb(wkb))
    area = np.isin(shapely.get_type_id(shapes), (3, 6)) & ~shapely.is_empty(shapes)
    attributes = columns[fields.index(attribute)][area] if attribute else None
    return Polygons(path, shapes[area], attributes, meta["crs"])
