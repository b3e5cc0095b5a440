"""Generated settlements: the same seed gives the same tile, and the mask is where the roofs are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from mapwright.demo.settlement import Tile, make_settlement
from mapwright.errors import SettingError

SIZE = 128
SEEDS = range(40)


@pytest.fixture(scope="module")
def tiles() -> list[Tile]:
    return [make_settlement(seed, SIZE, invalid=0.5) for seed in SEEDS]


def slopes(tile: Tile) -> NDArray[np.float64]:
    """Steepness of the grey levels, (H, W), 0 where redacted pixels are near."""
    grey = tile.image[:3].astype(np.float64).mean(axis=0)
    steep = np.hypot(*np.gradient(grey))
    redacted = binary_dilation(tile.image[3] == 0, iterations=2)
    return np.where(redacted, 0.0, steep)


def test_same_seed_gives_same_bytes() -> None:
    first, second = make_settlement(5, SIZE), make_settlement(5, SIZE)
    assert first.image.tobytes() == second.image.tobytes()
    assert first.mask.tobytes() == second.mask.tobytes()


def test_global_random_state_has_no_say() -> None:
    first = make_settlement(6, SIZE)
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    second = make_settlement(6, SIZE)
    np.random.set_state(state)  # noqa: NPY002
    assert np.array_equal(first.image, second.image)


def test_other_seeds_give_other_tiles(tiles: list[Tile]) -> None:
    assert len({tile.image.tobytes() for tile in tiles}) == len(tiles)


@pytest.mark.parametrize("size", [64, 100, 257, 512])
def test_shapes_and_types(size: int) -> None:
    tile = make_settlement(3, size)
    assert tile.image.shape == (4, size, size)
    assert tile.mask.shape == (size, size)
    assert tile.image.dtype == tile.mask.dtype == np.uint8


@pytest.mark.parametrize("size", [63, 1025])
def test_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(SettingError, match=str(size)):
        make_settlement(0, size)


def test_probability_out_of_range_is_refused() -> None:
    with pytest.raises(SettingError, match=r"1\.5"):
        make_settlement(0, SIZE, invalid=1.5)


def test_redacted_pixels_are_black_and_few(tiles: list[Tile]) -> None:
    shares = []
    for tile in tiles:
        alpha = tile.image[3]
        assert set(np.unique(alpha)) <= {0, 255}
        assert not tile.image[:, alpha == 0].any()
        shares.append(float((alpha == 0).mean()))
    assert max(shares) <= 0.22
    assert 0.25 < np.mean(np.array(shares) > 0) < 0.75


@pytest.mark.parametrize(("invalid", "opaque"), [(0.0, True), (1.0, False)])
def test_redaction_can_be_ruled_out_or_forced(invalid: float, opaque: bool) -> None:
    for seed in range(3):
        tile = make_settlement(seed, 64, invalid=invalid)
        assert bool((tile.image[3] == 255).all()) is opaque


def test_redaction_does_not_change_the_mask() -> None:
    whole, cut = make_settlement(9, SIZE, invalid=0.0), make_settlement(9, SIZE, invalid=1.0)
    solid = cut.image[3] == 255
    assert np.array_equal(whole.mask, cut.mask)
    assert np.array_equal(whole.image[:, solid], cut.image[:, solid])


def test_share_of_roofs(tiles: list[Tile]) -> None:
    shares = np.array([(tile.mask >= 128).mean() for tile in tiles])
    assert 0.12 < shares.mean() < 0.22
    assert shares.min() < 0.03  # a forest or a field
    assert shares.max() > 0.25  # dense housing


def test_mask_has_soft_edges_and_hard_insides(tiles: list[Tile]) -> None:
    masks = np.stack([tile.mask for tile in tiles])
    soft = (masks > 0) & (masks < 255)
    assert 0.002 < soft.mean() < 0.04


def test_roofs_stand_out_from_what_surrounds_them(tiles: list[Tile]) -> None:
    edge = other = 0.0
    for tile in tiles:
        rows, columns = np.gradient(tile.mask.astype(np.float64))
        at_edge, steep = np.hypot(rows, columns) > 40, slopes(tile)
        if at_edge.any():
            edge += steep[at_edge].mean()
            other += steep[~at_edge].mean()
    assert edge > 1.3 * other


def test_tiles_differ_in_brightness_and_colour(tiles: list[Tile]) -> None:
    means = np.stack([tile.image[:3, tile.image[3] == 255].mean(axis=1) for tile in tiles])
    assert means.mean(axis=1).std() > 8
    assert (means[:, 0] - means[:, 2]).std() > 3
