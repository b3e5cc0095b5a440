"""True ground under the cells of a grid, in any CRS."""

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from rasterio import Affine

from mapwright.areas.ground import Ground, area_from_equator
from mapwright.types import Window


def test_the_cells_of_the_world_add_up_to_the_area_of_the_ellipsoid() -> None:
    grid = GeoBox((18, 36), Affine(10, 0, -180, 0, -10, 90), "EPSG:4326")
    a, b = 6_378_137.0, 6_356_752.314_245
    e = (1 - (b / a) ** 2) ** 0.5
    whole = 2 * np.pi * a**2 * (1 + (1 - e**2) / e * np.arctanh(e))
    assert Ground(grid).cells(Window(0, 0, 18, 36)).sum() == pytest.approx(whole, rel=1e-12)


def test_cells_beyond_the_pole_cover_nothing() -> None:
    grid = GeoBox((4, 1), Affine(1, 0, 0, 0, -1, 92), "EPSG:4326")
    cells = Ground(grid).cells(Window(0, 0, 4, 1))[:, 0]
    assert (cells[:2] == 0).all()
    assert (cells[2:] > 0).all()


def test_on_a_sphere_a_zone_is_a_cylinder() -> None:
    latitude = np.array([-0.3, 0.0, 1.2])
    assert area_from_equator(latitude, 10.0, 0.0) == pytest.approx(100 * np.sin(latitude))


def test_web_mercator_pixels_shrink_with_the_square_of_the_latitudes_cosine() -> None:
    _, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(0, 60)
    grid = GeoBox((1, 1), Affine(10, 0, 0, 0, -10, y + 5), "EPSG:3857")
    ground = Ground(grid)
    assert ground.face_value == pytest.approx(100)
    assert ground.cells(Window(0, 0, 1, 1))[0, 0] == pytest.approx(25, rel=0.01)


@pytest.mark.parametrize(
    ("crs", "metre"),
    [("EPSG:26918", 1.0), ("EPSG:2263", 1200 / 3937), ("ESRI:102718", 1200 / 3937)],
)
def test_feet_are_not_metres(crs: str, metre: float) -> None:
    x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(-74.0, 40.7)
    grid = GeoBox((3, 3), Affine(30, 0, x, 0, -30, y), crs)
    ground = Ground(grid)
    assert ground.face_value == pytest.approx(900 * metre**2)
    assert ground.cells(Window(0, 0, 3, 3)) == pytest.approx(900 * metre**2, rel=2e-3)


def test_a_geographic_crs_in_grads_is_understood() -> None:
    degrees = Affine(0.09, 0, 2, 0, -0.09, 45)
    grads = Affine(0.1, 0, 2, 0, -0.1, 50)  # 100 grads are 90 degrees
    one = Ground(GeoBox((5, 5), degrees, "EPSG:4275")).cells(Window(0, 0, 5, 5))
    other = Ground(GeoBox((5, 5), grads, "EPSG:4807")).cells(Window(0, 0, 5, 5))
    assert other == pytest.approx(one, rel=1e-9)


def test_a_map_over_the_pole_has_no_hole_and_no_bulge() -> None:
    grid = GeoBox((101, 101), Affine(1000, 0, -50_500, 0, -1000, 50_500), "EPSG:3413")
    cells = Ground(grid).cells(Window(0, 0, 101, 101))
    assert cells[50, 50] == pytest.approx(cells[50, 40], rel=1e-3)
    assert cells.min() > 0.99 * cells.max()


def test_a_map_over_the_date_line_is_as_large_as_elsewhere() -> None:
    side = 1000.0
    over = GeoBox((20, 20), Affine(side, 0, 2e7 + 37_000, 0, -side, 0), "EPSG:3857")
    inside = GeoBox((20, 20), Affine(side, 0, 1e6, 0, -side, 0), "EPSG:3857")
    one, other = (Ground(grid).cells(Window(0, 0, 20, 20)) for grid in (over, inside))
    assert one == pytest.approx(other, rel=1e-6)


def test_pixels_that_lie_on_no_place_of_the_earth_cover_nothing() -> None:
    grid = GeoBox((40, 40), Affine(1e6, 0, -2e7, 0, -1e6, 2e7), "ESRI:54009")  # Mollweide
    cells = Ground(grid).cells(Window(0, 0, 40, 40))
    assert cells[0, 0] == 0
    assert cells[20, 20] == pytest.approx(1e12, rel=0.02)
    assert np.isfinite(cells).all()


def test_a_height_beside_the_projection_changes_nothing() -> None:
    plain, compound = CRS("EPSG:25832"), CRS("EPSG:25832+5941")
    place = Affine(10, 0, 5e5, 0, -10, 6.6e6)
    window = Window(0, 0, 4, 4)
    one, other = (
        Ground(GeoBox((4, 4), place, crs.to_wkt())).cells(window) for crs in (plain, compound)
    )
    assert other == pytest.approx(one, rel=1e-12)
