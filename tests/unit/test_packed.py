"""Samples that are kept in fewer bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mapwright.data.dataset import Sample
from mapwright.data.packed import Packed
from mapwright.types import IGNORE, Window

VALUES = st.one_of(
    st.integers(-40_000, 70_000).map(float),
    st.floats(width=32, allow_nan=True, allow_infinity=True),
)


def made(image: np.ndarray, valid: np.ndarray | None = None) -> Sample:
    labels = np.arange(image[0].size, dtype=np.uint8).reshape(image.shape[1:]) % 3
    mask = labels if valid is None else np.where(valid, labels, np.uint8(IGNORE))
    return Sample(image.astype(np.float32), mask.copy(), labels)


def require_same(one: Sample, other: Sample) -> None:
    assert one.image.dtype == other.image.dtype == np.float32
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.mask, other.mask)
    np.testing.assert_array_equal(one.labels, other.labels)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.just(5), st.just(4)), elements=VALUES),
    st.integers(-7, 7),
    st.integers(-7, 7),
    st.integers(1, 9),
)
def test_what_comes_out_is_what_went_in(image: np.ndarray, row: int, col: int, side: int) -> None:
    sample = made(image, ~np.isnan(image).any(axis=0))
    packed, window = Packed.of(sample), Window(row, col, side, side)
    require_same(packed.whole(), sample)
    require_same(packed.cut(window), sample.cut(window))


@pytest.mark.parametrize(
    ("values", "size"),
    [((0, 255), 1), ((0, 256), 2), ((-1, 30_000), 2), ((-1, 40_000), 4), ((0, 0.5), 4),
     ((0, np.nan), 4), ((0, np.inf), 4), ((0, 65_535), 2)],
)  # fmt: skip
def test_whole_numbers_take_few_bytes(values: tuple[float, float], size: int) -> None:
    image = np.zeros((2, 8, 8), np.float32)
    image[1, 3, :2] = values
    packed = Packed.of(made(image))
    assert packed.image.dtype.itemsize == size
    assert packed.nbytes == 2 * 64 * size + 64


def test_labels_on_invalid_ground_are_kept_beside_the_mask() -> None:
    valid = np.ones((8, 8), bool)
    valid[0] = False
    assert Packed.of(made(np.ones((2, 8, 8)), valid)).nbytes == 2 * 64 + 2 * 64
