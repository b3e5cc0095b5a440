"""Generated land: shares of classes, light that looks like them, noise that keeps its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import label

from mapwright.demo.land.ground import Ground
from mapwright.demo.land.landscape import SHARES, make_labels
from mapwright.demo.land.routes import cheapest_ways
from mapwright.demo.land.sentinel import Overpass, Scene, make_scene, ndvi, swath_edge
from mapwright.demo.land.tessellation import parcels, patches

Array = NDArray[Any]
SIZE = 96
HERE = Ground(seed=4, top=-660_000, left=25_000, height=SIZE, width=SIZE)
CLASSES = ("unlabelled", "urban", "cropland", "grass", "forest", "wetland", "water")
SUMMER = Overpass(day=200, azimuth=2.9, elevation=0.9, haze=0.005, gains=(1.0,) * 5, glint=0.002)


def shown(labels: Array, ground: Ground, date: Overpass = SUMMER, seed: int = 0) -> Scene:
    return make_scene(labels, ground, date, np.random.default_rng(seed))


# labels


@pytest.mark.parametrize("shares", [{}, {"water": 0.0}, {"urban": 0.0, "wetland": 0.05}])
@pytest.mark.parametrize("shape", [(SIZE, SIZE), (50, 131)])
def test_classes_have_their_shares(shares: dict[str, float], shape: tuple[int, int]) -> None:
    for seed in range(3):
        labels = make_labels(Ground(seed, 0, 0, *shape), shares)
        assert labels.shape == shape and labels.dtype == np.uint8
        for name, share in {**SHARES, **shares}.items():
            found = (labels == CLASSES.index(name)).mean()
            assert found == pytest.approx(share, abs=0.01), (seed, name)


def test_unlabelled_pixels_can_be_asked_for() -> None:
    assert (make_labels(HERE, {"unlabelled": 0.02}) == 0).mean() == pytest.approx(0.02, abs=1e-3)


def test_all_land_can_be_one_class() -> None:
    none = dict.fromkeys(SHARES, 0.0)
    assert (make_labels(HERE, none) == 4).all()
    assert (make_labels(HERE, {**none, "water": 1.0}) == 6).all()


def test_classes_lie_in_patches_not_in_grains() -> None:
    labels = make_labels(Ground(3, 0, 0, 200, 200))
    same = (labels[:, 1:] == labels[:, :-1]).mean()
    assert 0.88 < same < 0.99


def test_wetland_is_rare_and_in_small_patches() -> None:
    labels = make_labels(Ground(3, 0, 0, 300, 300))
    wet = labels == 5
    _, count = label(wet)
    assert 0.001 <= wet.mean() <= 0.01
    assert count >= 4 and wet.sum() / count < 80


# light


@pytest.fixture(scope="module")
def spectra() -> dict[str, Array]:
    """Median of each band over all pixels of each class, away from borders: (6,) per class."""
    ground = Ground(8, 0, 0, 256, 256)
    labels = make_labels(ground, {"wetland": 0.03})
    pixels = shown(labels, ground).pixels
    return {
        name: np.median(pixels[:, labels == value], axis=1)
        for value, name in enumerate(CLASSES)
        if value
    }


def test_ndvi_falls_from_forest_to_town_to_water(spectra: dict[str, Array]) -> None:
    index = {name: median[5] for name, median in spectra.items()}
    assert index["forest"] > 7000 > index["grass"] > index["urban"] > 2000
    assert index["water"] < 1000
    assert index["forest"] > index["wetland"] > index["urban"]


def test_water_is_dark_in_infrared_and_forest_is_dark_in_red(spectra: dict[str, Array]) -> None:
    assert spectra["water"][3] < 500 and spectra["water"][4] < 300
    assert spectra["forest"][0] < 500 < spectra["urban"][0]
    assert spectra["water"][3] < spectra["wetland"][3] < spectra["grass"][3]


def test_mixed_pixels_lie_between_their_neighbours() -> None:
    ground = Ground(0, 0, 0, 40, 40)
    labels = np.full((40, 40), 6, np.uint8)
    labels[:, 20:] = 4
    nir = shown(labels, ground).pixels[3].mean(axis=0)
    water, forest = nir[:14].mean(), nir[26:].mean()
    assert water < 500 and forest > 1500
    rise = (nir - water) / (forest - water)
    mixed = (rise > 0.15) & (rise < 0.85)
    assert 2 <= mixed.sum() <= 4 and mixed[17:23].sum() == mixed.sum()


def test_light_within_a_class_is_correlated_but_not_flat() -> None:
    ground = Ground(0, 0, 0, 80, 80)
    nir = shown(np.full((80, 80), 4, np.uint8), ground).pixels[3].astype(np.float64)
    assert 0.05 < nir.std() / nir.mean() < 0.5
    beside = np.corrcoef(nir[:, 1:].ravel(), nir[:, :-1].ravel())[0, 1]
    afar = np.corrcoef(nir[:, 40:].ravel(), nir[:, :-40].ravel())[0, 1]
    assert beside > 0.5 and beside > afar + 0.3


def test_fields_differ_from_each_other_more_than_within() -> None:
    ground = Ground(0, 0, 0, 120, 120)
    nir = shown(np.full((120, 120), 2, np.uint8), ground).pixels[3].astype(np.float64)
    field = parcels(ground, "field", *ground.places, (24.0, 11.0), 130.0).keys
    groups = [nir[field == key] for key in np.unique(field) if (field == key).sum() > 60]
    assert len(groups) > 10
    assert np.std([group.mean() for group in groups]) > 1.5 * np.median([g.std() for g in groups])


def test_ndvi_of_nothing_is_zero() -> None:
    dark = np.zeros((1, 1), np.int32)
    assert ndvi(dark, dark)[0, 0] == 0
    assert ndvi(dark, dark + 7)[0, 0] == 10_000
    assert ndvi(dark + 20_000, dark)[0, 0] == -10_000


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.5, 35), (1.0, 70)])
def test_the_swath_edge_takes_its_share(share: float, count: int) -> None:
    assert swath_edge((7, 10), share).sum() == count


def test_unlabelled_pixels_look_like_land() -> None:
    labels = make_labels(HERE).copy()
    whole = shown(labels, HERE).pixels
    labels[30:40, 30:50] = 0
    holed = shown(labels, HERE).pixels
    assert np.abs(holed[:, 60:] - whole[:, 60:]).mean() < 60  # the hole changes little elsewhere
    hole = holed[:5, 30:40, 30:50]
    assert hole.min() > 50 and hole.max() < 6000 and hole.std() > 20


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 3)])
@pytest.mark.parametrize("value", range(7))
def test_tiny_rasters_of_one_class_get_finite_light(shape: tuple[int, int], value: int) -> None:
    scene = shown(np.full(shape, value, np.uint8), Ground(0, 3, -5, *shape))
    assert scene.pixels.shape == (6, *shape)
    assert scene.coarse.shape == (-(-shape[0] // 2), -(-shape[1] // 2))
    assert (scene.pixels[:5] >= 1).all() and (scene.pixels[:5] <= 20_000).all()
    assert np.abs(scene.pixels[5]).max() <= 10_000


def test_haze_brightens_blue_most() -> None:
    labels = np.full((30, 30), 4, np.uint8)
    ground = Ground(0, 0, 0, 30, 30)
    clear, hazy = (
        shown(labels, ground, Overpass(200, 2.9, 0.9, haze, (1.0,) * 5, 0.0)).pixels
        for haze in (0.0, 0.03)
    )
    rise = (hazy[:5] - clear[:5]).mean(axis=(1, 2))
    assert rise[2] > rise[1] > rise[0] > rise[4]


# randomness that belongs to places


def test_windows_of_one_plane_agree_where_they_overlap() -> None:
    whole = Ground(3, -664_243, 25_867, 60, 70)
    part = Ground(3, -664_223, 25_877, 20, 30)
    inner = slice(20, 40), slice(10, 40)
    for draw in (
        lambda g: g.speckle("a"),
        lambda g: g.noise("a", 7.5),
        lambda g: g.fractal("a", 30, 3),
        lambda g: g.grain("a", 20, 2.0, 0.7, 3),
        lambda g: patches(g, "a", *g.places, 9),
        lambda g: parcels(g, "a", *g.places, (12, 5), 40).keys,
    ):
        assert np.array_equal(draw(whole)[inner], draw(part))


def test_noise_has_mean_0_and_deviation_1() -> None:
    ground = Ground(1, 0, 0, 600, 600)
    for drawn in (ground.speckle("x"), ground.noise("x", 4), ground.grain("x", 5, 1.5, 0.3, 2)):
        assert drawn.dtype == np.float32
        assert abs(float(drawn.mean())) < 0.05
        assert float(drawn.std()) == pytest.approx(1, abs=0.05)
    assert abs(np.corrcoef(ground.speckle("x").ravel(), ground.speckle("y").ravel())[0, 1]) < 0.01


def test_ways_go_round_what_costs_much() -> None:
    cost = np.ones((9, 9), np.float32)
    cost[:8, 4] = 100
    (way,) = cheapest_ways(cost, (0, 0), [(0, 8)])
    assert way[0] == (0, 8) and way[-1] == (0, 0)
    assert (8, 4) in way and not any(cost[place] > 1 for place in way)
    assert all(max(abs(a - c), abs(b - d)) == 1 for (a, b), (c, d) in zip(way, way[1:]))  # noqa: B905, RUF007
