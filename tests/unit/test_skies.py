"""Made-up clouds: the same seed gives the same tile, and the mask is where the clouds are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mapwright.data.check import check
from mapwright.data.describe import open_dataset
from mapwright.demo.land.ground import Ground
from mapwright.demo.skies.clouds import Sky, is_cloud, look_through, make_sky
from mapwright.demo.skies.dataset import SKIES
from mapwright.demo.skies.lands import BANDS, make_land
from mapwright.demo.skies.tile import SCALE, SkyTile, make_sky_tile
from mapwright.demo.tiles import make_tiles

TILES = 40


@pytest.fixture(scope="module")
def tiles() -> list[SkyTile]:
    return [make_sky_tile(seed, 96) for seed in range(TILES)]


def test_the_same_seed_gives_the_same_tile(tiles: list[SkyTile]) -> None:
    again = make_sky_tile(3, 96)
    assert np.array_equal(again.image, tiles[3].image)
    assert np.array_equal(again.mask, tiles[3].mask)
    assert not np.array_equal(tiles[4].image, tiles[3].image)


def test_values_are_reflectance(tiles: list[SkyTile]) -> None:
    values = np.stack([tile.image for tile in tiles]) / SCALE
    assert values.shape == (TILES, len(BANDS), 96, 96)
    assert values.min() > 0
    assert 0.05 < np.median(values) < 0.4
    assert np.quantile(values, 0.99) < 1.3


def test_some_tiles_are_clear_some_covered_and_many_in_between(tiles: list[SkyTile]) -> None:
    cover = np.array([tile.mask.mean() for tile in tiles])
    assert (cover == 0).sum() >= 3
    assert (cover > 0.95).sum() >= 1
    assert ((cover > 0.02) & (cover < 0.9)).sum() >= TILES // 3


def test_brightness_alone_does_not_tell(tiles: list[SkyTile]) -> None:
    """Or a network would learn no more than a threshold."""
    light = np.stack([tile.image[:3].mean(axis=0) for tile in tiles]) / SCALE
    cloud = np.stack([tile.mask for tile in tiles]) == 1
    assert light[cloud].mean() > light[~cloud].mean()
    assert np.quantile(light[~cloud], 0.95) > np.quantile(light[cloud], 0.25)


def test_no_cloud_leaves_the_land_as_it_is() -> None:
    ground, empty = Ground(5, 0, 0, 64, 64), np.zeros((64, 64), np.float32)
    land = make_land(ground, np.random.default_rng(0))
    sky = Sky(empty, empty + 0.7, empty)
    seen = look_through(land, sky, np.random.default_rng(1))
    assert np.abs(seen - land).mean() < 0.02  # blur and noise of the sensor
    assert not is_cloud(sky, np.random.default_rng(2)).any()


def test_shadows_darken_and_are_no_cloud() -> None:
    ground, empty = Ground(5, 0, 0, 64, 64), np.zeros((64, 64), np.float32)
    land = make_land(ground, np.random.default_rng(0))
    sky = Sky(empty, empty + 0.7, empty + 0.5)
    seen = look_through(land, sky, np.random.default_rng(1))
    assert seen.mean() == pytest.approx(0.5 * land.mean(), rel=0.02)
    assert not is_cloud(sky, np.random.default_rng(2)).any()


@pytest.mark.parametrize("size", [2, 7, 64])
def test_any_size_can_be_made(size: int) -> None:
    sky = make_sky(Ground(2, 0, 0, size, size), np.random.default_rng(8))
    for field in (sky.opacity, sky.light, sky.shade):
        assert field.shape == (size, size)
        assert np.isfinite(field).all()
        assert field.min() >= 0
    assert max(sky.opacity.max(), sky.shade.max()) <= 1


def test_a_folder_of_them_passes_the_check(tmp_path: Path) -> None:
    make_tiles(SKIES, tmp_path, 4)
    dataset = open_dataset(tmp_path)
    report = check(dataset)
    assert not report.harmful
    assert dataset.spec.band_names == BANDS
    assert dataset.spec.class_names == ("clear", "cloud")
