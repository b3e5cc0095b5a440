"""Borders between objects: the same from every side, in every window, and under augmentation."""

from pathlib import Path

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from builders import make_spec, write_png
from mapwright.data.augment import augment
from mapwright.data.augmentation import Augmentation
from mapwright.data.borders import Borders, border_of
from mapwright.data.dataset import Dataset
from mapwright.io.rle import encode_instances
from mapwright.types import IGNORE, Window

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
maps = SHAPES.flatmap(
    lambda s: arrays.arrays(np.int32, s, elements=st.sampled_from([0, 0, 1, 2, 3]))
)
widths = st.integers(1, 3)


@settings(deadline=None)
@given(maps, widths)
def test_a_border_is_where_a_square_meets_two_objects(ids: np.ndarray, width: int) -> None:
    found = border_of(ids, width)
    for row, col in np.ndindex(ids.shape):
        reach = width + (ids[row, col] <= 0)
        rows = slice(max(row - reach, 0), row + reach + 1)
        cols = slice(max(col - reach, 0), col + reach + 1)
        around = np.unique(ids[rows, cols])
        assert found[row, col] == ((around > 0).sum() > 1)


@settings(deadline=None)
@given(maps, widths, st.integers(0, 3), st.booleans())
def test_a_border_turns_with_its_objects(
    ids: np.ndarray, width: int, quarters: int, flip: bool
) -> None:
    def turn(x: np.ndarray) -> np.ndarray:
        return np.rot90(x[:, ::-1] if flip else x, quarters)

    np.testing.assert_array_equal(turn(border_of(ids, width)), border_of(turn(ids), width))


@settings(deadline=None)
@given(maps, st.integers(1, 2))
def test_a_wider_border_holds_a_narrower_one(ids: np.ndarray, width: int) -> None:
    assert not (border_of(ids, width) & ~border_of(ids, width + 1)).any()


windows = st.tuples(
    st.integers(-6, 14), st.integers(-6, 14), st.integers(1, 12), st.integers(1, 12)
).map(lambda four: Window(*four))


def written(root: Path, ids: np.ndarray) -> Dataset:
    """A folder of one image whose objects a table lists."""
    write_png(root / "images" / "a.png", np.zeros((3, *ids.shape), np.uint8))
    rows = "".join(f"a.png,{text}\n" for text in encode_instances(ids) or [""])
    (root / "runs.csv").write_text("ImageId,EncodedPixels\n" + rows)
    return Dataset(root, make_spec((0,), (1,), masks=None, mask={"source": "rle:runs.csv"}))


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(maps, widths, windows, st.booleans())
def test_the_border_of_a_window_is_the_window_of_the_border(
    tmp_path: Path, ids: np.ndarray, width: int, window: Window, at_once: bool
) -> None:
    dataset = written(tmp_path, ids)
    borders = Borders(dataset, 1, width, whole=ids.size if at_once else 0)
    whole = window.cut(border_of(ids, width).astype(np.uint8), 0)
    inside = window.cut(np.ones(ids.shape, bool), 0)
    for _ in range(2):  # found, and remembered
        found = borders.read(dataset.items[0], window)
        assert found.shape == (window.height, window.width)
        np.testing.assert_array_equal(found[inside], whole[inside])


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(maps, widths, st.data(), st.booleans())
def test_a_part_of_an_image_knows_nothing_of_its_neighbours(
    tmp_path: Path, ids: np.ndarray, width: int, data: st.DataObject, at_once: bool
) -> None:
    dataset = written(tmp_path, ids)
    row, col = (data.draw(st.integers(0, side - 1)) for side in ids.shape)
    part = Window(row, col, ids.shape[0] - row, ids.shape[1] - col)
    borders = Borders(dataset, 1, width, whole=ids.size if at_once else 0)
    found = borders.read(dataset.items[0].part(part), Window(0, 0, part.height, part.width))
    np.testing.assert_array_equal(found, border_of(ids[row:, col:], width))


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**16),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([1.0, 1.5]),
    st.sampled_from([8, 12]),
)
def test_every_augmentation_moves_the_border_as_it_moves_the_mask(
    seed: int, rotate: float, zoom: float, patch: int
) -> None:
    made = torch.Generator().manual_seed(seed)
    image = torch.rand(3, 2, 24, 24, generator=made)
    image[:, :, 5:9, 3:8] = torch.nan
    mask = torch.randint(0, 3, (3, 24, 24), generator=made)
    mask[:, 12:15] = IGNORE
    border = torch.where(mask == IGNORE, IGNORE, (mask == 2).long())
    how = Augmentation(rotate=rotate, zoom=zoom, zoom_rate=1.0)

    def varied(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rng = torch.Generator().manual_seed(seed)
        return augment(image, labels, patch, how, torch.ones(2), rng)

    (one, alone), (other, both) = varied(mask), varied(torch.stack([mask, border], dim=1))
    torch.testing.assert_close(one, other, equal_nan=True)
    assert both.shape == (3, 2, patch, patch)
    torch.testing.assert_close(both[:, 0], alone)
    # what was drawn of the mask decides what must have been drawn of the border
    expected = torch.where(alone == IGNORE, IGNORE, (alone == 2).long())
    torch.testing.assert_close(both[:, 1], expected)
