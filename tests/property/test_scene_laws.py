"""Laws of the audits: indices are found whatever they are made of, shared ground to the pixel."""

from __future__ import annotations

import math

import numpy as np
import shapely
from affine import Affine
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from mapwright.data.grids import compare_grids
from mapwright.data.indices import find_indices
from mapwright.data.overlaps import Unit, audit_split, leaked_pixels
from mapwright.io.place import pixels_between
from mapwright.io.scene import same_grid

SEEDS = st.integers(0, 2**32 - 1)


def noise(seed: int, bands: int, kinds: int = 3, pixels: int = 1200) -> np.ndarray:
    """Correlated positive bands without an index: (bands, pixels), or whole numbers, or bytes."""
    rng = np.random.default_rng(seed)
    rank = rng.integers(1, 4)
    hidden = rng.gamma(2, size=(rank, pixels)) if rng.random() < 0.5 else rng.random((rank, pixels))
    own = rng.normal(0, 10 ** rng.uniform(-2.5, 0), (bands, pixels))
    values = rng.uniform(0.1, 1, (bands, rank)) @ hidden + own
    values += rng.uniform(0.1, 1) - values.min(axis=1, keepdims=True)
    kind = rng.integers(kinds)
    if kind == 1:
        values = np.round(values * 1000)
    elif kind == 2:
        values = np.round(values / values.max() * 255)
    return np.asarray(values)


@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS,
    bands=st.integers(2, 7),
    pair=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    scale=st.sampled_from([1.0, 100.0, 127.0, 200.0, 1000.0, 10_000.0]),
    whole=st.booleans(),
    lifted=st.booleans(),
)
def test_an_index_of_any_two_bands_is_found(
    seed: int, bands: int, pair: tuple[int, int], scale: float, whole: bool, lifted: bool
) -> None:
    plus, minus = pair[0] % bands, pair[1] % bands
    assume(plus != minus)
    x = noise(seed, bands, kinds=2)
    with np.errstate(all="ignore"):
        ratio = np.nan_to_num((x[plus] - x[minus]) / (x[plus] + x[minus]))
    index = (ratio + lifted) * scale
    index = np.round(index) if whole else index
    low, high = np.percentile(index, (5, 95))
    assume(high - low > (60 if whole else 0.02 * scale))
    found = [fit for fit in find_indices(np.vstack([x, index])) if fit.band == bands]
    assert (found[0].plus, found[0].minus) == (plus, minus)
    assert math.isclose(found[0].scale, scale, rel_tol=0.02)


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, bands=st.integers(3, 7))
def test_noise_is_never_called_an_index(seed: int, bands: int) -> None:
    assert find_indices(noise(seed, bands)) == []


@st.composite
def grids(draw: st.DrawFn, crs: str = "EPSG:32633") -> GeoBox:
    """A small turned grid near one place."""
    turn, side = math.radians(draw(st.floats(0, 360))), draw(st.floats(5, 40))
    x, y = draw(st.floats(-900, 900)), draw(st.floats(-900, 900))
    a, b = side * math.cos(turn), side * math.sin(turn)
    mirrored = draw(st.sampled_from([1, -1]))
    transform = Affine(a, b * mirrored, 5e5 + x, b, -a * mirrored, 6e6 + y)
    return GeoBox((draw(st.integers(1, 60)), draw(st.integers(1, 60))), transform, crs)


def footprint(grid: GeoBox) -> shapely.Polygon:
    t, (height, width) = grid.transform, grid.shape
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    return shapely.Polygon([(t.a * c + t.b * r + t.c, t.d * c + t.e * r + t.f) for c, r in corners])


def centres(grid: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    t, (height, width) = grid.transform, grid.shape
    rows, cols = np.mgrid[:height, :width] + 0.5
    return t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f


@settings(max_examples=150, deadline=None)
@given(val=grids(), train=grids())
def test_shared_ground_is_what_brute_force_finds(val: GeoBox, train: GeoBox) -> None:
    polygon, (x, y) = footprint(train), centres(val)
    expected = shapely.contains_xy(polygon, x, y)
    rim = shapely.distance(polygon.exterior, shapely.points(x, y)) < 1e-3  # either is right there
    unit, other = Unit("v", val, "val"), Unit("t", train, "train")
    leaked = leaked_pixels(unit, [other])
    assert np.array_equal(leaked | rim, expected | rim)
    audit = audit_split([unit, other], buffer=50)
    assert sum(pair.pixels for pair in audit.shared) == leaked.sum()
    distance = shapely.distance(footprint(val), polygon)
    if distance > 51:
        assert audit.near == ()
    elif distance and distance < 49:
        assert math.isclose(audit.near[0].distance, distance, rel_tol=1e-3, abs_tol=0.01)


@settings(max_examples=60, deadline=None)
@given(val=grids(), train=grids())
def test_shared_ground_in_another_crs_is_what_brute_force_finds(val: GeoBox, train: GeoBox) -> None:
    west = Transformer.from_crs(32633, 32632, always_xy=True)
    t = train.transform
    moved = west.transform(t.c, t.f)
    other = GeoBox(train.shape, Affine(t.a, t.b, moved[0], t.d, t.e, moved[1]), "EPSG:32632")
    polygon = footprint(other)
    x, y = west.transform(*centres(val))
    rim = shapely.distance(polygon.exterior, shapely.points(x, y)) < 1e-3
    expected = shapely.contains_xy(polygon, x, y)
    unit, train_unit = Unit("v", val, "val"), Unit("t", other, "train")
    leaked = leaked_pixels(unit, [train_unit])
    assert np.array_equal(leaked | rim, expected | rim)
    audit = audit_split([unit, train_unit])
    assert sum(pair.pixels for pair in audit.shared) == leaked.sum()


def _one_small_pixel_inside_a_large_one() -> list[tuple[GeoBox, int]]:
    small = GeoBox((1, 1), Affine(5.0, 0, 500004.0, 0, -5.0, 5999996.0), "EPSG:32633")
    large = GeoBox((2, 3), Affine(13.0, 0, 500000.0, 0, -13.0, 6000000.0), "EPSG:32633")
    return [(large, 0), (small, 1)]


@example(units=_one_small_pixel_inside_a_large_one())
@settings(max_examples=80, deadline=None)
@given(units=st.lists(st.tuples(grids(), st.integers(0, 2)), min_size=2, max_size=8))
def test_every_pair_is_found_that_looking_at_all_pairs_finds(
    units: list[tuple[GeoBox, int]],
) -> None:
    named = [Unit(f"{k}", grid, side) for k, (grid, side) in enumerate(units)]
    audit = audit_split(named)
    expected = {
        (a.stem, b.stem): int(leaked_pixels(a, [b]).sum())
        for a in named
        for b in named
        if a.side != b.side and leaked_pixels(a, [b]).any()
    }
    assert {(pair.val, pair.train): pair.pixels for pair in audit.shared} == expected
    assert set(audit.leaked) == {val for val, _ in expected}


@settings(max_examples=100, deadline=None)
@given(one=grids(), other=grids())
def test_pixels_go_to_another_grid_and_back(one: GeoBox, other: GeoBox) -> None:
    cols, rows = np.array([0.0, 3.5, 60.0]), np.array([0.0, 17.25, -4.0])
    there = pixels_between(one, other, cols, rows)
    back = pixels_between(other, one, *there)
    assert np.allclose(back[0], cols, atol=1e-4)
    assert np.allclose(back[1], rows, atol=1e-4)


@settings(max_examples=100, deadline=None)
@given(image=grids(), mask=grids(), same=st.booleans(), shift=st.floats(-0.01, 0.01))
def test_a_difference_is_said_exactly_when_there_is_one(
    image: GeoBox, mask: GeoBox, same: bool, shift: float
) -> None:
    if same:
        t = image.transform
        moved = Affine(t.a, t.b, t.c + shift * t.a, t.d, t.e, t.f + shift * t.d)
        mask = GeoBox(image.shape, moved, image.crs)
    assert (compare_grids(image, mask) is None) == same_grid(image, mask)
