"""Tiling laws: every pixel is covered, and blending changes nothing that tiles agree on."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mapwright.predict.engines import Seen
from mapwright.predict.pipeline import Tiling, predict_rows, predict_whole
from mapwright.predict.stitch import Strip, stitch, tile_weights
from mapwright.predict.windows import plan_windows
from mapwright.types import Window

sides = st.integers(1, 90)
tiles = st.integers(8, 40)
overlaps = st.floats(0, 0.9)


@settings(deadline=None)
@given(sides, sides, tiles, overlaps)
def test_windows_cover_every_pixel_with_tiles_of_one_size(
    height: int, width: int, tile: int, overlap: float
) -> None:
    cover = np.zeros((height, width), int)
    windows = plan_windows(height, width, tile, overlap)
    assert windows == sorted(set(windows))
    for window in windows:
        assert (window.height, window.width) == (tile, tile)
        cover[window.clip(height, width).slices] += 1
        for start, side in ((window.row, height), (window.col, width)):
            assert start >= 0
            assert start + tile <= max(side, tile)
    assert cover.min() >= 1


@settings(deadline=None)
@given(sides, tiles, overlaps)
def test_neighbours_overlap_at_least_as_asked(side: int, tile: int, overlap: float) -> None:
    starts = sorted({window.row for window in plan_windows(side, tile, tile, overlap)})
    for a, b in pairwise(starts):
        assert b - a <= max(1, int(tile * (1 - overlap)))


class PixelEngine:
    """Probabilities that depend on the pixel alone, so no tiling may show."""

    classes, border = 3, False

    def look(self, tiles: np.ndarray) -> Seen:
        return Seen(self.probabilities(tiles))

    def probabilities(self, tiles: np.ndarray) -> np.ndarray:
        value = np.nan_to_num(tiles[:, :1])
        logits = np.concatenate([value, -value, value**2], axis=1)
        soft = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (soft / soft.sum(axis=1, keepdims=True)).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(sides, sides, tiles, overlaps, st.integers(1, 5))
def test_blending_leaves_agreed_values_alone(
    height: int, width: int, tile: int, overlap: float, batch: int
) -> None:
    image = np.random.default_rng(0).normal(size=(1, height, width)).astype(np.float32)
    whole = predict_whole(PixelEngine(), image, Tiling(tile, overlap, batch))
    direct = PixelEngine().probabilities(image[None])[0]
    assert whole.shape == (3, height, width)
    np.testing.assert_allclose(whole, direct, rtol=0, atol=1e-5)


class BorderEngine(PixelEngine):
    """The same, and a border that depends on the pixel alone too."""

    border = True

    def look(self, tiles: np.ndarray) -> Seen:
        return Seen(self.probabilities(tiles), None, np.nan_to_num(tiles[:, 0]) ** 2)


@settings(deadline=None, max_examples=40)
@given(sides, sides, tiles, overlaps, st.integers(1, 5))
def test_borders_are_blended_as_probabilities_are_and_stay_apart_from_them(
    height: int, width: int, tile: int, overlap: float, batch: int
) -> None:
    image = np.random.default_rng(0).random((1, height, width)).astype(np.float32)

    def rows(engine: PixelEngine) -> list[Strip]:
        size, tiling = (height, width), Tiling(tile, overlap, batch)
        return list(predict_rows(engine, lambda w: w.cut(image, np.nan), size, tiling))

    with_border, plain = rows(BorderEngine()), rows(PixelEngine())
    found = np.concatenate([strip.border for strip in with_border])
    np.testing.assert_allclose(found, image[0] ** 2, rtol=0, atol=1e-5)
    for one, other in zip(with_border, plain, strict=True):
        assert other.border is None
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


@settings(deadline=None, max_examples=60)
@given(sides, sides, tiles, overlaps)
def test_strips_follow_each_other_without_gap(
    height: int, width: int, tile: int, overlap: float
) -> None:
    image = np.zeros((1, height, width), np.float32)
    strips = predict_rows(
        PixelEngine(), lambda w: w.cut(image, np.nan), (height, width), Tiling(tile, overlap)
    )
    row = 0
    for strip in strips:
        assert strip.row == row
        row += strip.probabilities.shape[1]
        assert strip.probabilities.shape[1] <= tile
    assert row == height


@settings(deadline=None)
@given(st.sets(st.integers(0, 8)), st.integers(30, 70))
def test_rows_without_any_tile_are_zero_not_missing(left_out: set[int], height: int) -> None:
    windows = plan_windows(height, 20, 10, 0.5)
    kept = [w for i, w in enumerate(windows) if i not in left_out]
    given_tiles = ((w, np.ones((2, 10, 10), np.float32) / 2) for w in kept)
    whole = np.concatenate([s.probabilities for s in stitch(given_tiles, height, 20, 2)], axis=1)
    cover = np.zeros((height, 20), bool)
    for window in kept:
        cover[window.clip(height, 20).slices] = True
    assert whole.shape == (2, height, 20)
    np.testing.assert_allclose(whole[0], np.where(cover, 0.5, 0), atol=1e-6)


def test_weights_are_symmetric_and_never_zero() -> None:
    for tile in (2, 7, 64, 1024):
        weights = tile_weights(tile)
        assert weights.min() > 0
        assert weights.max() == 1
        np.testing.assert_array_equal(weights, weights[::-1, ::-1])
        np.testing.assert_array_equal(weights, weights.T)


def test_an_image_smaller_than_a_tile_is_one_window() -> None:
    assert plan_windows(5, 7, 32, 0.5) == [Window(0, 0, 32, 32)]


@given(sides, sides, tiles, tiles)
def test_tiles_are_no_larger_than_an_image_needs(h: int, w: int, tile: int, least: int) -> None:
    least = min(tile, least)
    tiling = Tiling(tile, least=least)
    within = tiling.within(h, w)
    assert least <= within.tile <= tile
    assert within.tile in (tile, least) or within.tile % 32 == 0
    if within.tile < tile:
        assert within.tile >= max(h, w), "one tile shows all of it"
        assert tiling.pixels(h, w) == within.tile**2
    assert tiling.pixels(h, w) == len(plan_windows(h, w, within.tile, 0.5)) * within.tile**2
    assert Tiling(tile).within(h, w).tile == tile


def test_about_as_many_pixels_are_seen_at_once_whatever_the_tile() -> None:
    assert [Tiling(tile).at_once for tile in (64, 128, 256, 512, 768)] == [64, 16, 4, 1, 1]
    assert Tiling(64, batch=3).at_once == 3
