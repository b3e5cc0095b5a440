"""Blocks of scenes, and whether intervals that draw them keep their word."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mapwright.data.blocks import cut
from mapwright.metrics import confusion as cm
from mapwright.metrics.blocks import SMALLEST, BlockCounter, block_side, block_units
from mapwright.metrics.intervals import bootstrap_interval
from mapwright.metrics.threshold import BINS, histogram
from mapwright.types import IGNORE, Counts

SCENE = (854, 850)
THREE = partial(cm.confusion, classes=3)


@pytest.mark.parametrize(
    ("shapes", "blocks"),
    [
        ([SCENE, (852, 848)], 18),
        ([SCENE], 16),
        ([SCENE] * 4, 16),
        ([(10980, 10980)], 16),
        ([(64, 6400)], 45),
        ([(200, 5000), (100, 100)], 23),
        ([(256, 256)] * 5, 20),
    ],
)
def test_few_scenes_become_about_twenty_blocks(shapes: list[tuple[int, int]], blocks: int) -> None:
    side = block_side(shapes)
    assert side >= SMALLEST
    assert sum(len(cut(*shape, side)) for shape in shapes) == blocks


@pytest.mark.parametrize(
    "shapes",
    [[SCENE] * 10, [*[(32, 900)] * 499, (5, 7)], [(32, 32)] * 3, [(95, 95)], [(1, 1)]],
    ids=["ten", "many", "tiny", "below one and a half blocks", "a pixel"],
)
def test_many_or_tiny_images_stay_whole(shapes: list[tuple[int, int]]) -> None:
    side = block_side(shapes)
    assert all(len(cut(*shape, side)) == 1 for shape in shapes)


def test_blocks_pool_to_the_image_and_each_counts_its_own_pixels() -> None:
    truth, guess = noise((50, 41), 0), noise((50, 41), 1)
    windows = cut(50, 41, 13)
    counter = BlockCounter(windows, THREE)
    counter.add(0, truth, guess)
    assert (counter.counts.sum(axis=0) == cm.confusion(truth, guess, 3)).all()
    row, col, height, width = windows[5]
    part = (slice(row, row + height), slice(col, col + width))
    assert (counter.counts[5] == cm.confusion(truth[part], guess[part], 3)).all()


@pytest.mark.parametrize("height", [1, 7, 13, 49, 50])
def test_strips_count_like_the_whole(height: int) -> None:
    truth, guess = noise((50, 41), 0), noise((50, 41), 1)
    whole, strips = (BlockCounter(cut(50, 41, 13), THREE) for _ in range(2))
    whole.add(0, truth, guess)
    for row in range(0, 50, height):
        strips.add(row, truth[row : row + height], guess[row : row + height])
    assert strips.counts.dtype == np.int64
    assert (strips.counts == whole.counts).all()


def test_histograms_of_a_binary_task_can_be_counted_by_block() -> None:
    truth = noise((20, 20), 0) % 2
    second = np.random.default_rng(1).random((20, 20)).astype(np.float32)
    counter = BlockCounter(cut(20, 20, 10), histogram)
    counter.add(0, truth, second)
    assert counter.counts.shape == (4, 2, BINS + 1)
    assert (counter.counts.sum(axis=0) == histogram(truth, second)).all()


def noise(shape: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice([0, 1, 2, IGNORE], shape).astype(np.uint8)


def test_units_say_what_they_are_and_leave_out_ground_without_labels() -> None:
    counts = np.ones((9, 2, 2), np.int64)
    counts[4] = 0
    units = block_units([counts, counts], [(300, 300), (300, 300)], "ab")
    assert units.name == "blocks of 100 pixels"
    assert len(units.counts) == 16
    whole = block_units([counts[:1], counts[4:5]], [(300, 300), (30, 30)], "ab")
    assert whole.name == "images"
    assert len(whole.counts) == 2  # an image is a draw, labelled or not


def test_images_that_are_parts_of_scenes_are_called_blocks() -> None:
    counts = np.ones((1, 2, 2), np.int64)
    units = block_units([counts] * 12, [(256, 256)] * 12, "abcdefghijkl", parts=True)
    assert units.name == "blocks of 256 pixels"
    assert len(units.counts) == 12


def test_many_images_are_drawn_whole_even_when_few_at_a_time_were_counted_in_blocks() -> None:
    counts = [np.full((4, 2, 2), k, np.int64) for k in range(12)]
    units = block_units(counts, [(256, 256)] * 12, "abcdefghijkl")
    assert units.name == "images"
    assert (units.counts[:, 0, 0] == 4 * np.arange(12)).all()


def test_images_of_one_group_are_one_draw() -> None:
    counts = [np.full((1, 2, 2), 1 + k, np.int64) for k in range(12)]
    units = block_units(counts, [(64, 64)] * 12, ["x", "y", "x", *"abcdefghi"])
    assert units.name == "groups of images"
    assert sorted(units.counts[:, 1, 0]) == [2, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    few = block_units(counts, [(64, 64)] * 12, ["x", "y"] * 6)
    assert few.name == "blocks of 64 pixels"


# --- do 95 % intervals hold the truth in 95 % of trials? -----------------------------------------

TRIALS, SCENES, SIDE, RANGE = 200, 2, 160, 4  # RANGE: pixels over which noise is smoothed


def _fields(rng: np.random.Generator, count: int, smooth: float) -> np.ndarray:
    """(count, SIDE, SIDE) smooth noise of unit variance."""
    margin = int(4 * smooth)
    noise = rng.standard_normal((count, SIDE + 2 * margin, SIDE + 2 * margin), np.float32)
    soft = gaussian_filter(noise, (0, smooth, smooth), truncate=3)
    return soft[:, margin:-margin, margin:-margin] * (2 * np.sqrt(np.pi) * smooth)


def _trial(rng: np.random.Generator) -> tuple[Counts, Counts]:
    """Pixels of two scenes with patchy classes and patchy errors: (K, K) pooled, (n, K, K)."""
    windows = cut(SIDE, SIDE, block_side([(SIDE, SIDE)] * SCENES))
    pooled, blocks = np.zeros((2, 2), np.int64), []
    for _ in range(SCENES):
        ground, error = _fields(rng, 2, RANGE)
        truth = (ground > 0.5).astype(np.uint8)
        guess = np.where(error > 1, 1 - truth, truth).astype(np.uint8)
        counter = BlockCounter(windows, partial(cm.confusion, classes=2))
        counter.add(0, truth, guess)
        blocks.append(counter.counts)
        pooled += cm.confusion(truth, guess, 2)
    return pooled, block_units(blocks, [(SIDE, SIDE)] * SCENES, "ab").counts


def _pixel_interval(pooled: Counts, seed: int) -> np.ndarray:
    """What drawing single pixels gives: a multinomial draw of the pooled counts."""
    share = pooled.ravel() / pooled.sum()
    draws = np.random.default_rng(seed).multinomial(pooled.sum(), share, 1000)
    return np.quantile(cm.mean_iou(draws.reshape(-1, 2, 2)), [0.025, 0.975])


def test_drawing_blocks_covers_where_drawing_pixels_does_not() -> None:
    rng = np.random.default_rng(7)
    trials = [_trial(rng) for _ in range(TRIALS)]
    true = cm.mean_iou(np.sum([pooled for pooled, _ in trials], axis=0))
    held = np.zeros(2)
    for seed, (pooled, units) in enumerate(trials):
        bounds = (_pixel_interval(pooled, seed), bootstrap_interval(units, cm.mean_iou, seed=seed))
        held += [low <= true <= high for low, high in bounds]
    by_pixels, by_blocks = held / TRIALS
    assert by_pixels < 0.5
    assert 0.9 <= by_blocks <= 0.985


def test_few_units_make_a_wider_interval_than_plain_percentiles() -> None:
    """Means of normal numbers, for which Student's t is exact: six images, 95 %."""
    rng = np.random.default_rng(1)
    hits = np.clip(rng.normal(500, 100, (400, 6)), 1, 999).round().astype(np.int64)
    units = np.zeros((400, 6, 2, 2), np.int64)
    units[..., 0, 0], units[..., 0, 1] = hits, 1000 - hits
    bounds = [bootstrap_interval(u, cm.accuracy, seed=i) for i, u in enumerate(units)]
    covered = np.mean([low <= 0.5 <= high for low, high in bounds])
    assert 0.92 <= covered <= 0.98
