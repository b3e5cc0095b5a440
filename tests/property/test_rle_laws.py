"""Run lengths and masks say the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mapwright.io.rle import (
    decode_instances,
    decode_mask,
    decode_union,
    encode_instances,
    encode_mask,
    parse_runs,
    require_disjoint,
    text_window,
)

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
masks = SHAPES.flatmap(lambda shape: arrays.arrays(np.bool_, shape))
maps = SHAPES.flatmap(lambda shape: arrays.arrays(np.int32, shape, elements=st.integers(0, 4)))


@settings(deadline=None)
@given(masks)
def test_a_mask_comes_back_from_its_text(mask: np.ndarray) -> None:
    text = encode_mask(mask)
    assert (decode_mask(text, mask.shape) == mask).all()
    assert parse_runs(text, mask.shape).area == mask.sum()


@settings(deadline=None)
@given(masks)
def test_the_text_numbers_pixels_down_the_columns(mask: np.ndarray) -> None:
    numbers = list(map(int, encode_mask(mask).split()))
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    listed = [start + k for start, length in pairs for k in range(length)]
    assert listed == (np.flatnonzero(mask.T.ravel()) + 1).tolist()
    # no run begins where the one before ends: the text is the shortest
    assert all(
        a + n < b for a, n, b in zip(numbers[::2], numbers[1::2], numbers[2::2], strict=False)
    )


@settings(deadline=None)
@given(maps)
def test_objects_come_back_from_their_texts(ids: np.ndarray) -> None:
    texts = encode_instances(ids)
    require_disjoint(texts)
    back = decode_instances(texts, ids.shape, disjoint=True)
    present = np.unique(ids[ids > 0])
    assert (np.concatenate([[0], present])[back] == ids).all()
    assert (decode_union(texts, ids.shape) == (ids > 0)).all()
    assert texts == [encode_mask(ids == k) for k in present]


@settings(deadline=None)
@given(masks)
def test_the_window_of_a_text_is_that_of_its_mask(mask: np.ndarray) -> None:
    window = text_window(encode_mask(mask), mask.shape)
    if window is None:
        assert not mask.any()
        return
    rows, cols = np.nonzero(mask)
    assert window[:2] == (rows.min(), cols.min())
    assert window[2:] == (np.ptp(rows) + 1, np.ptp(cols) + 1)


@settings(deadline=None)
@given(SHAPES.flatmap(lambda s: st.lists(arrays.arrays(np.bool_, s), min_size=1, max_size=4)))
def test_a_pixel_of_several_objects_belongs_to_the_smallest(stack: list[np.ndarray]) -> None:
    texts = [encode_mask(mask) for mask in stack]
    ids = decode_instances(texts, stack[0].shape)
    order = sorted(range(len(stack)), key=lambda k: (stack[k].sum(), k))
    for row, col in np.ndindex(ids.shape):
        owners = [k + 1 for k in order if stack[k][row, col]]
        assert ids[row, col] == (owners[0] if owners else 0)
