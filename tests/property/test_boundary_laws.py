"""Boundary IoU: against definitions written out, and its laws."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import binary_erosion

from mapwright.metrics import confusion as cm
from mapwright.metrics.boundary import BoundaryCounter, boundary_counts, boundary_iou
from mapwright.types import IGNORE, Window

CLASSES = 4
SIDE = 11
Map = np.ndarray
values = st.sampled_from([0, 1, 2, 3, IGNORE])
known = st.integers(0, CLASSES - 1)
shapes = st.tuples(st.integers(1, SIDE), st.integers(1, SIDE))
widths = st.integers(1, 3)


def maps(elements: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Map, Map]]:
    """Truth and prediction of one shape, in patches large enough to have an inside."""
    return shapes.flatmap(
        lambda shape: st.tuples(
            *[
                st.tuples(
                    arrays.arrays(np.uint8, (4, 4), elements=elements), st.integers(1, 4)
                ).map(lambda part: _grown(part[0], part[1], shape))
            ]
            * 2
        )
    )


def _grown(patches: Map, times: int, shape: tuple[int, int]) -> Map:
    large = patches.repeat(times, 0).repeat(times, 1)
    rows, cols = (np.arange(side) % len(large) for side in shape)
    return np.ascontiguousarray(large[rows][:, cols])


def naive(truth: Map, guess: Map, width: int) -> Map:
    """Pixel by pixel: is another class, or the border, within `width` rows and columns?"""
    height, broad = truth.shape
    counts = np.zeros((CLASSES, 2), np.int64)
    unknown = (truth == IGNORE) | (guess == IGNORE)
    for row, col in np.ndindex(truth.shape):
        if unknown[row, col]:
            continue
        in_band = [False, False]
        for r in range(row - width, row + width + 1):
            for c in range(col - width, col + width + 1):
                if not (0 <= r < height and 0 <= c < broad):
                    in_band = [True, True]
                elif not unknown[r, c]:
                    for k, labels in enumerate((truth, guess)):
                        in_band[k] |= bool(labels[r, c] != labels[row, col])
        a, b = truth[row, col], guess[row, col]
        counts[a, 0] += in_band[0] and in_band[1] and a == b
        counts[a, 1] += in_band[0]
        counts[b, 1] += in_band[1] and not (in_band[0] and a == b)
    return counts


@settings(max_examples=150, deadline=None)
@given(maps(values), widths)
def test_counts_equal_a_definition_written_out(pair: tuple[Map, Map], width: int) -> None:
    assert (boundary_counts(*pair, CLASSES, width=width) == naive(*pair, width)).all()


@settings(max_examples=150, deadline=None)
@given(maps(known), widths)
def test_counts_equal_the_erosions_of_the_authors(pair: tuple[Map, Map], width: int) -> None:
    counts = boundary_counts(*pair, CLASSES, width=width)
    for k in range(CLASSES):
        a, b = (_band(labels == k, width) for labels in pair)
        assert counts[k].tolist() == [(a & b).sum(), (a | b).sum()]


def _band(mask: Map, width: int) -> Map:
    """`mask_to_boundary` of the authors' boundary-iou-api: zeros around, eroded d times."""
    eroded = binary_erosion(mask, np.ones((3, 3)), iterations=width, border_value=0)
    return mask & ~eroded


@settings(max_examples=80, deadline=None)
@given(maps(values), widths)
def test_equal_maps_score_one(pair: tuple[Map, Map], width: int) -> None:
    truth = pair[0]
    scores = boundary_iou(boundary_counts(truth, truth, CLASSES, width=width))
    assert (scores[np.unique(truth[truth != IGNORE])] == 1).all()
    assert np.isnan(scores).sum() == CLASSES - len(np.unique(truth[truth != IGNORE]))


@settings(max_examples=80, deadline=None)
@given(maps(values), widths)
def test_counts_do_not_change_when_both_maps_are_turned_or_exchanged(
    pair: tuple[Map, Map], width: int
) -> None:
    counts = boundary_counts(*pair, CLASSES, width=width)
    for turn in (np.flipud, np.fliplr, np.transpose):
        assert (boundary_counts(*map(turn, pair), CLASSES, width=width) == counts).all()
    assert (boundary_counts(*pair[::-1], CLASSES, width=width) == counts).all()


@settings(max_examples=80, deadline=None)
@given(maps(values), widths)
def test_a_band_as_wide_as_the_image_gives_the_plain_iou(pair: tuple[Map, Map], width: int) -> None:
    scores = boundary_iou(boundary_counts(*pair, CLASSES, width=SIDE))
    assert np.array_equal(scores, cm.iou(cm.confusion(*pair, CLASSES)), equal_nan=True)


@settings(max_examples=80, deadline=None)
@given(maps(values), widths, st.integers(1, SIDE), st.integers(1, SIDE))
def test_tiles_with_a_halo_pool_to_the_whole(
    pair: tuple[Map, Map], width: int, tall: int, broad: int
) -> None:
    size = pair[0].shape
    total = np.zeros((CLASSES, 2), np.int64)
    windows = []
    for row in range(0, size[0], tall):
        for col in range(0, size[1], broad):
            inner = Window(row, col, tall, broad).clip(*size)
            outer = Window(row - width, col - width, tall + 2 * width, broad + 2 * width).clip(
                *size
            )
            place = Window(inner.row - outer.row, inner.col - outer.col, *inner[2:])
            tile = [labels[outer.slices] for labels in pair]
            total += boundary_counts(*tile, CLASSES, [place], width=width)[0]
            windows.append(inner)
    assert (total == boundary_counts(*pair, CLASSES, width=width)).all()
    by_window = boundary_counts(*pair, CLASSES, windows, width=width)
    assert by_window.shape == (len(windows), CLASSES, 2)
    assert (by_window.sum(axis=0) == total).all()


@settings(max_examples=80, deadline=None)
@given(maps(values), widths, st.lists(st.integers(1, SIDE), min_size=SIDE, max_size=SIDE))
def test_strips_of_any_height_add_up_to_the_whole(
    pair: tuple[Map, Map], width: int, heights: list[int]
) -> None:
    truth, guess = pair
    counter, row = BoundaryCounter(truth.shape, CLASSES, width), 0
    for height in heights:
        if row < len(truth):
            counter.add(truth[row : row + height], guess[row : row + height])
        row += height
    assert (counter.counts == boundary_counts(truth, guess, CLASSES, width=width)).all()


@settings(max_examples=80, deadline=None)
@given(maps(values), widths, values)
def test_what_stands_under_an_ignored_pixel_changes_nothing(
    pair: tuple[Map, Map], width: int, other: int
) -> None:
    truth, guess = pair
    changed = np.where(truth == IGNORE, np.uint8(other), guess)
    counts = boundary_counts(truth, guess, CLASSES, width=width)
    assert (boundary_counts(truth, changed, CLASSES, width=width) == counts).all()
