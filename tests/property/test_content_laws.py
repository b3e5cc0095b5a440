"""Whatever the shift: what two images share is found, from either side."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from mapwright.data.content.anchors import find_anchors
from mapwright.data.content.search import find_shared

SIDE = 320
LEAST = 150  # pixels that are shared along each axis
_RNG = np.random.default_rng(3)
WHOLE = sum(
    gaussian_filter(_RNG.normal(size=(2 * SIDE, 2 * SIDE)), sigma) * sigma for sigma in (1, 3, 8)
)
WHOLE = np.clip(110 + 25 * np.asarray(WHOLE), 0, 255).astype(np.float32)
NOISE = [_RNG.normal(0, 2, (SIDE, SIDE)).astype(np.float32) for _ in range(2)]
MIDDLE = SIDE // 2
STEP = st.integers(LEAST - SIDE, SIDE - LEAST)


@given(rows=STEP, cols=STEP)
@settings(max_examples=20, deadline=None)
def test_any_shift_with_enough_in_common_is_found_from_either_side(rows: int, cols: int) -> None:
    corners = [(max(-rows, 0), max(-cols, 0)), (max(rows, 0), max(cols, 0))]
    pictures = [
        WHOLE[row : row + SIDE, col : col + SIDE] + noise
        for (row, col), noise in zip(corners, NOISE, strict=True)
    ]
    anchors = [find_anchors(picture) for picture in pictures]
    (found,) = find_shared(anchors, lambda k: pictures[k])
    (back,) = find_shared(anchors[::-1], lambda k: pictures[1 - k])
    assert (found.rows, found.cols) == (rows, cols)
    assert (back.rows, back.cols) == (-rows, -cols)
    assert (found.height, found.width) == (SIDE - abs(rows), SIDE - abs(cols))
    assert (found.height, found.width) == (back.height, back.width)
