"""Laws of areas: of the ground under cells, of tallies, of estimates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer
from rasterio import Affine

from mapwright.areas.allocate import allocate
from mapwright.areas.classmap import codes
from mapwright.areas.estimate import Estimates, estimate, merge_small
from mapwright.areas.ground import Ground
from mapwright.types import Window

GEOD = Geod(ellps="WGS84")


@given(
    south=st.floats(-89, 88),
    west=st.floats(-180, 170),
    height=st.floats(0.001, 1.0),
    width=st.floats(0.001, 1.0),
)
def test_a_geographic_cell_has_the_area_that_geodesics_enclose(
    south: float, west: float, height: float, width: float
) -> None:
    grid = GeoBox((1, 1), Affine(width, 0, west, 0, -height, south + height), "EPSG:4326")
    found = Ground(grid).cells(Window(0, 0, 1, 1))[0, 0]
    # a parallel is no geodesic: the sides are cut into short ones
    along = np.linspace(west, west + width, 200)
    longitudes = np.concatenate([along, along[::-1]])
    latitudes = np.repeat([south, south + height], 200)
    expected = abs(GEOD.polygon_area_perimeter(longitudes, latitudes)[0])
    assert found == pytest.approx(expected, rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    crs=st.sampled_from(["EPSG:32633", "EPSG:3857", "EPSG:3035", "EPSG:3413", "EPSG:2263"]),
    x=st.floats(-5e5, 5e5),
    y=st.floats(-5e5, 5e5),
    side=st.sampled_from([1.0, 30.0, 1000.0]),
    turn=st.floats(0, 6.28),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_projected_cells_add_up_to_the_ground_that_they_cover(
    crs: str, x: float, y: float, side: float, turn: float, size: tuple[int, int]
) -> None:
    centre = {"EPSG:32633": (5e5, 6.6e6), "EPSG:3857": (1e6, 8e6), "EPSG:3035": (4.3e6, 3.2e6)}
    left, top = centre.get(crs, (1e6, 1e6))
    cos, sin = side * np.cos(turn), side * np.sin(turn)
    grid = GeoBox(size, Affine(cos, sin, left + x, sin, -cos, top + y), crs)
    height, width = size
    rows, cols = np.linspace(0, height, 30), np.linspace(0, width, 30)
    edge_rows = np.concatenate([np.zeros(30), rows, np.full(30, height), rows[::-1]])
    edge_cols = np.concatenate([cols, np.full(30, width), cols[::-1], np.zeros(30)])
    t = grid.transform
    x_edge = t.a * edge_cols + t.b * edge_rows + t.c
    y_edge = t.d * edge_cols + t.e * edge_rows + t.f
    base = grid.crs.proj.geodetic_crs
    unproject = Transformer.from_crs(grid.crs.proj, base, always_xy=True)
    around = unproject.transform(x_edge, y_edge)
    expected = abs(base.get_geod().polygon_area_perimeter(*around)[0])
    found = Ground(grid).cells(Window(0, 0, height, width)).sum()
    noise = 1e-3  # square metres, of geodesics over a few metres
    assert found == pytest.approx(expected, rel=2e-6, abs=noise)


@settings(deadline=None)
@given(
    row=st.integers(0, 900),
    col=st.integers(0, 900),
    height=st.integers(1, 100),
    width=st.integers(1, 100),
    crs=st.sampled_from(["EPSG:32633", "EPSG:4326", None]),
)
def test_a_cell_has_the_same_area_in_whatever_window_it_is_read(
    row: int, col: int, height: int, width: int, crs: str | None
) -> None:
    side = 1e-3 if crs == "EPSG:4326" else 100.0
    left, top = (10.0, 60.0) if crs == "EPSG:4326" else (3e5, 6.6e6)
    ground = Ground(GeoBox((1000, 1000), Affine(side, 0, left, 0, -side, top), crs))
    part = ground.cells(Window(row, col, height, width))
    assert part.shape == (height, width)
    assert part[0, 0] == pytest.approx(ground.cells(Window(row, col, 1, 1))[0, 0], rel=2e-6)


@given(st.lists(st.integers(-(2**40), 2**40) | st.integers(0, 300), max_size=50))
def test_codes_lead_back_to_the_values(values: list[int]) -> None:
    array = np.array(values, np.int64)
    found, number = codes(array)
    assert found.tolist() == sorted(set(values))
    assert (found[number] == array).all()


def tables(square: bool) -> st.SearchStrategy[np.ndarray]:
    """(H, K, K) counts with at least two points in each stratum; strata = classes if `square`."""

    def build(args: tuple[int, int, int]) -> np.ndarray:
        classes, strata, seed = args
        rng = np.random.default_rng(seed)
        strata = classes if square else strata
        counts = rng.integers(0, 30, (strata, classes, classes))
        counts *= rng.random(counts.shape) < 0.7
        if square:
            counts *= np.eye(classes, dtype=np.int64)[:, :, None]
        counts[np.arange(strata), np.arange(strata) % classes, 0] += 2
        return counts

    sizes = st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(0, 10**6))
    return sizes.map(build)


def weights_of(counts: np.ndarray) -> np.ndarray:
    weights = np.random.default_rng(int(counts.sum())).random(len(counts)) + 0.01
    return weights / weights.sum()


@given(tables(square=True))
def test_with_the_classes_as_strata_the_equations_of_olofsson_hold(counts: np.ndarray) -> None:
    """Olofsson et al. 2014, equations 1 to 10, written out term by term."""
    w = weights_of(counts)
    n = counts.sum(axis=0).astype(float)
    k, ni = len(n), n.sum(axis=1)
    result = estimate(counts, w)
    p = w[:, None] * n / ni[:, None]  # 4
    area = p.sum(axis=0)  # 9
    users = np.diag(p) / p.sum(axis=1)  # 2
    assert result.matrix == pytest.approx(p)
    assert result.area.value == pytest.approx(area)
    variance = ((w[:, None] * p - p**2) / (ni - 1)[:, None]).sum(axis=0)  # 10
    assert result.area.error**2 == pytest.approx(variance, abs=1e-12)
    assert float(result.overall.value) == pytest.approx(np.trace(p))  # 1
    overall = (w**2 * users * (1 - users) / (ni - 1)).sum()  # 5
    assert float(result.overall.error) ** 2 == pytest.approx(overall, abs=1e-12)
    assert result.users.value == pytest.approx(users)
    expected = users * (1 - users) / (ni - 1)  # 6
    assert result.users.error**2 == pytest.approx(expected, abs=1e-12)
    for j in range(k):
        if not n[:, j].sum():
            assert np.isnan(result.producers.value[j])
            continue
        producers = p[j, j] / area[j]  # 3
        first = w[j] ** 2 * (1 - producers) ** 2 * users[j] * (1 - users[j]) / (ni[j] - 1)
        others = [i for i in range(k) if i != j]
        share = n[others, j] / ni[others]
        rest = (w[others] ** 2 * share * (1 - share) / (ni[others] - 1)).sum()
        variance = (first + producers**2 * rest) / area[j] ** 2  # 7
        assert result.producers.value[j] == pytest.approx(producers)
        assert result.producers.error[j] ** 2 == pytest.approx(variance, abs=1e-12)


@given(tables(square=False))
def test_shares_add_up_and_accuracies_are_shares(counts: np.ndarray) -> None:
    result = estimate(counts, weights_of(counts))
    assert result.matrix.sum() == pytest.approx(1)
    assert result.area.value.sum() == pytest.approx(1)
    for part in (result.users, result.producers, result.overall, result.area):
        defined = ~np.isnan(part.value)
        assert ((part.value >= 0) & (part.value <= 1 + 1e-12))[defined].all()
        assert (part.error[defined] >= 0).all()


@given(tables(square=False), st.randoms())
def test_another_order_of_the_classes_gives_the_same_in_that_order(
    counts: np.ndarray, random: object
) -> None:
    order = np.arange(counts.shape[1])
    random.shuffle(order)  # type: ignore[attr-defined]
    weights = weights_of(counts)
    one, other = estimate(counts, weights), estimate(counts[:, order][:, :, order], weights)
    assert other.matrix == pytest.approx(one.matrix[order][:, order])
    for name in ("area", "users", "producers"):
        first, second = getattr(one, name), getattr(other, name)
        assert second.value == pytest.approx(first.value[order], nan_ok=True)
        assert second.error == pytest.approx(first.error[order], nan_ok=True, abs=1e-9)


@given(tables(square=True))
def test_a_perfect_reference_gives_the_mapped_area_without_any_width(counts: np.ndarray) -> None:
    perfect = counts * np.eye(counts.shape[1], dtype=np.int64)
    perfect[np.arange(len(counts)), np.arange(len(counts)), np.arange(len(counts))] += 2
    weights = weights_of(counts)
    result = estimate(perfect, weights)
    assert result.area.value == pytest.approx(weights)
    assert result.area.error == pytest.approx(0, abs=1e-9)
    assert _sure(result)


def _sure(result: Estimates) -> bool:
    return all(
        (part.value == 1).all() or part.value == pytest.approx(1)
        for part in (result.users, result.producers, result.overall)
    )


@given(tables(square=False))
def test_a_stratum_that_was_looked_at_in_full_brings_no_error(counts: np.ndarray) -> None:
    result = estimate(counts, weights_of(counts), np.ones(len(counts), bool))
    assert (result.area.error == 0).all()


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 4))
def test_merging_small_strata_loses_no_point_and_no_area(
    seed: int, strata: int, classes: int
) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 2, (strata, classes, classes)) * (rng.random((strata, 1, 1)) < 0.5)
    counts[0, 0, 0] += 2
    weights = np.full(strata, 1 / strata)
    merged, shares, which = merge_small(counts, weights)
    assert (merged.sum(axis=0) == counts.sum(axis=0)).all()
    assert shares.sum() == pytest.approx(1)
    assert (merged.sum(axis=(1, 2)) >= 2).all()
    assert bool(which) == (counts.sum(axis=(1, 2)) < 2).any()
    assert len(merged) == strata - max(len(which) - 1, 0)


@given(
    ground=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=8),
    count=st.integers(2, 2000),
    minimum=st.none() | st.integers(2, 100),
    seed=st.integers(0, 10**6),
)
def test_every_point_is_shared_out_and_no_stratum_falls_short(
    ground: list[float], count: int, minimum: int | None, seed: int
) -> None:
    strata = len(ground)
    pixels = np.random.default_rng(seed).integers(1, 1000, strata)
    least = min(50, count // strata) if minimum is None else minimum
    if least < 2 or least * strata > count or count > pixels.sum():
        return
    points = allocate(count, np.array(ground), pixels, minimum)
    assert points.sum() == count
    assert (points >= np.minimum(least, pixels)).all()
    assert (points <= pixels).all()
