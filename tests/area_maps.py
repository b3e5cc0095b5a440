"""Small class maps, points on them, and the command line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from click.testing import CliRunner, Result
from rasterio import Affine

from builders import write_tiff
from mapwright.areas.result import Areas
from mapwright.cli import main
from mapwright.io.maps import Legend

PLACE = Affine(10, 0, 252_250, 0, -10, 6_653_070)  # four degrees west of the central meridian
LEGEND = Legend((1, 2, 7), ("wood", "field", "sjø"), ("#004400", "#ffee00", "#0000ff"), 255)


def some_map(path: Path, shape: tuple[int, int] = (60, 50), **changes: Any) -> Path:
    """Classes 1, 2 and 7 in bands of rows, with a corner of nodata."""
    values = np.repeat(np.array([1, 2, 7], np.uint8), -(-shape[0] // 3))[: shape[0], None]
    values = np.repeat(values, shape[1], axis=1)
    values[: shape[0] // 6, : shape[1] // 5] = 255
    options = {"crs": "EPSG:32633", "transform": PLACE, "nodata": 255} | changes
    return write_tiff(path, values, **options)


def write_csv(path: Path, header: str, rows: list[Any]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


def points_on(
    path: Path, rows: np.ndarray, cols: np.ndarray, labels: list[Any], place: Affine = PLACE
) -> Path:
    x, y = place.c + (cols + 0.5) * place.a, place.f + (rows + 0.5) * place.e
    return write_csv(path, "x,y,class", [list(row) for row in zip(x, y, labels, strict=True)])


def by_name(areas: Areas) -> dict[str, float]:
    return {entry.name: entry.mapped for entry in areas.classes}


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def all_points(path: Path) -> tuple[Path, np.ndarray]:
    """Points in every third pixel of `some_map`, each with the class of the map."""
    with rasterio.open(path) as source:
        values = source.read(1)
    rows, cols = np.nonzero(values != 255)
    rows, cols = rows[::3], cols[::3]
    found = values[rows, cols]
    points = points_on(path.with_suffix(".csv"), rows, cols, found.tolist())
    return points, found
