"""Images that show the same content at some shift: anchors, candidates, comparison, search."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from mapwright.data.content.anchors import SMALLEST, Anchors, find_anchors
from mapwright.data.content.candidates import find_candidates
from mapwright.data.content.groups import Groups
from mapwright.data.content.register import LEAST, compare, texture
from mapwright.data.content.search import Shared, find_shared
from mapwright.data.content.smooth import Grey, detail, grey, highest, lowest, smooth_finely

Array = NDArray[np.float32]


def ground(seed: int, height: int = 700, width: int = 700, contrast: float = 25.0) -> Array:
    """Texture of all sizes, from bytes, as of fields and houses."""
    rng = np.random.default_rng(seed)
    total = sum(
        gaussian_filter(rng.normal(size=(height, width)), sigma) * sigma for sigma in (1, 3, 8)
    )
    return np.clip(110 + contrast * total, 0, 255).astype(np.float32)


def jpeg(picture: Array, quality: int) -> Grey:
    """What is left of a picture after it was stored in a lossy file."""
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(np.float32)


def shared(pictures: Sequence[Grey], every: bool = False) -> list[Shared]:
    return find_shared([find_anchors(p) for p in pictures], lambda k: pictures[k], every=every)


def crop(picture: Array, row: int, col: int, side: int = 384) -> Array:
    return picture[row : row + side, col : col + side]


def test_extremes_are_those_of_the_whole_square() -> None:
    values = np.random.default_rng(0).normal(size=(40, 33)).astype(np.float32)
    top, low = highest(values, 8), lowest(values, 8)
    assert top.shape == (24, 17)
    assert top[5, 3] == values[5:22, 3:20].max()
    assert low[23, 16] == values[23:40, 16:33].min()


def test_smoothing_is_the_mean_of_means_and_details_lie_in_its_middle() -> None:
    values = np.random.default_rng(0).normal(size=(60, 50)).astype(np.float32)
    fine = smooth_finely(values)
    weights = np.convolve(np.full(4, 0.25), np.full(4, 0.25))
    assert fine.shape == (54, 44)
    expected = weights @ values[7:14, 9:16] @ weights
    assert fine[7, 9] == pytest.approx(expected, abs=1e-5)
    details = detail(fine)
    assert details.shape == (39, 29)
    assert details[3, 2] == pytest.approx(fine[11, 10] - fine[3:19, 2:18].mean(), abs=1e-5)


def test_crops_share_their_pairs_of_anchors_bit_for_bit() -> None:
    whole = ground(1)
    first, second = (find_anchors(crop(whole, row, row)) for row in (0, 37))
    one = set(zip(first.keys.tolist(), first.rows.tolist(), first.cols.tolist(), strict=True))
    other = zip(second.keys.tolist(), second.rows.tolist(), second.cols.tolist(), strict=True)
    assert len(one & {(key, row + 37, col + 37) for key, row, col in other}) > 25


def test_an_image_has_some_hundred_anchors_at_most_and_a_small_one_has_none() -> None:
    assert 200 < len(find_anchors(ground(2))) < 400
    assert len(find_anchors(ground(2, SMALLEST - 1, 300))) == 0
    assert len(find_anchors(ground(2, SMALLEST, SMALLEST))) <= 1


@pytest.mark.parametrize("value", [0.0, 0.1, 7.3, 65535.0, np.nan, np.inf])
def test_a_constant_or_invalid_image_has_no_anchor(value: float) -> None:
    assert len(find_anchors(np.full((300, 300), value, np.float32))) == 0


def test_anchors_keep_away_from_invalid_pixels() -> None:
    picture = ground(3)
    picture[200:300, 200:300] = np.nan
    anchors = find_anchors(picture)
    rows, cols = anchors.rows + 3, anchors.cols + 3  # the middle of what was smoothed
    inside = (rows > 190) & (rows < 309) & (cols > 190) & (cols < 309)
    assert len(anchors) > 100
    assert not inside.any()


def test_the_scale_and_offset_of_the_values_do_not_matter() -> None:
    picture = ground(4)
    codes = set(find_anchors(picture).keys.tolist())
    scaled = set(find_anchors(picture * np.float32(2**-9)).keys.tolist())
    assert scaled == codes
    brighter = set(find_anchors(picture * np.float32(1.1) + 9).keys.tolist())
    assert len(brighter & codes) > 0.9 * len(codes)


@pytest.mark.parametrize("quality", [75, 85, 95])
@pytest.mark.parametrize("step", [(256, 0), (-31, 203), (7, 7), (187, -101), (1, 0)])
def test_crops_at_any_shift_are_found_after_compression(
    step: tuple[int, int], quality: int
) -> None:
    whole = ground(quality)
    corner = max(-step[0], 0), max(-step[1], 0)
    first = jpeg(crop(whole, *corner), quality)
    second = jpeg(crop(whole, corner[0] + step[0], corner[1] + step[1]), quality)
    (found,) = shared([first, second])
    assert (found.rows, found.cols) == step
    assert (found.height, found.width) == (384 - abs(step[0]), 384 - abs(step[1]))
    assert found.correlation > 0.8
    (back,) = shared([second, first])
    assert (back.rows, back.cols) == (-step[0], -step[1])


def test_a_change_of_brightness_does_not_hide_what_is_shared() -> None:
    whole = ground(5)
    brighter = jpeg(np.clip(crop(whole, 50, 90) * 1.15 + 10, 0, 255), 85)
    (found,) = shared([jpeg(crop(whole, 0, 0), 85), brighter])
    assert (found.rows, found.cols) == (50, 90)


def test_images_of_other_places_are_not_joined() -> None:
    assert shared([jpeg(ground(seed, 400, 400), 85) for seed in range(12)], every=True) == []


@pytest.mark.parametrize("quality", [75, 95])
def test_smooth_seas_are_not_joined(quality: int) -> None:
    down, across = np.mgrid[:400, :400] / 400
    rng = np.random.default_rng(quality)
    seas = [
        jpeg(np.clip(60 + 20 * down * k / 5 + 9 * across + rng.normal(0, 1.5, (400, 400)), 0, 255),
             quality)
        for k in range(8)
    ]  # fmt: skip
    assert shared(seas, every=True) == []
    details = [texture(sea) for sea in seas]
    matches = [compare(details[0], other, 0, 0) for other in details[1:]]
    assert not any(match and match.sure for match in matches)


def test_constant_images_are_not_joined() -> None:
    flat = np.full((300, 300), 90, np.float32)
    assert shared([flat, flat.copy(), flat + 1], every=True) == []
    assert compare(texture(flat), texture(flat), 0, 0) is None


@pytest.mark.parametrize("period", [8, 16, 24, 40, 64])
def test_periodic_content_is_not_told_apart_and_not_joined(period: int) -> None:
    down, across = np.mgrid[:400, :400]
    board = np.where((down // (period // 2) + across // (period // 2)) % 2, 180, 60)
    rng = np.random.default_rng(period)
    noisy = [np.clip(board + rng.normal(0, 3, board.shape), 0, 255) for _ in range(4)]
    pictures = [jpeg(picture, 90) for picture in noisy]
    assert shared(pictures, every=True) == []
    for shift in (2 * period, 320) if period <= 40 else ():  # half a longer one is out of reach
        match = compare(texture(pictures[0]), texture(pictures[1]), shift, 0)
        assert match is None or not match.sure


def test_a_logo_that_all_images_show_does_not_join_them() -> None:
    logo = ground(99, 40, 100, contrast=80)
    pictures = []
    for seed in range(10):
        picture = ground(seed, 400, 400)
        picture[350:390, 20:120] = logo
        pictures.append(jpeg(picture, 90))
    assert shared(pictures, every=True) == []
    match = compare(texture(pictures[0]), texture(pictures[1]), 0, 0)
    assert match is not None
    assert not match.sure


def test_a_straight_edge_says_nothing_along_itself() -> None:
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(2):
        picture = np.full((400, 400), 60.0)
        picture[:, 200:] = 140
        pictures.append(jpeg(np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255), 90))
    match = compare(*map(texture, pictures), 0, 0)
    assert match is not None
    assert not match.sure


def test_a_frame_of_invalid_pixels_joins_nothing() -> None:
    pictures = [ground(seed, 400, 400) for seed in range(6)]
    for picture in pictures:
        picture[:60], picture[:, 340:] = np.nan, np.nan
    assert shared(pictures, every=True) == []


def test_a_comparison_says_where_the_second_lies_and_how_sure_it_is() -> None:
    whole = ground(6)
    first, second = texture(crop(whole, 0, 0)), texture(crop(whole, 101, 57))
    for rows, cols in ((101, 57), (98, 60), (105, 53)):
        match = compare(first, second, rows, cols)
        assert match is not None
        assert (match.rows, match.cols) == (101, 57)
        assert match.sure
        assert match.correlation == pytest.approx(1, abs=1e-4)
        assert match.agreeing == 1
    elsewhere = compare(first, second, 140, 57)
    assert elsewhere is not None
    assert not elsewhere.sure


def test_too_little_in_common_is_not_compared() -> None:
    first = texture(ground(7, 384, 384))
    assert compare(first, first, 384 - LEAST + 1, 0) is None
    assert compare(first, first, 0, -1000) is None
    assert compare(first, texture(ground(7, LEAST - 1, 384)), 0, 0) is None
    assert compare(first, first, 384 - LEAST, 384 - LEAST) is not None


def test_chains_are_joined_with_no_more_comparisons_than_needed() -> None:
    whole = ground(8, 400, 1600)
    pictures = [jpeg(whole[:384, col : col + 384], 90) for col in range(0, 1201, 200)]
    read: list[int] = []
    anchors = [find_anchors(picture) for picture in pictures]

    def load(number: int) -> Grey:
        read.append(number)
        return pictures[number]

    found = find_shared(anchors, load)
    assert len(found) == len(pictures) - 1
    assert sorted(read) == list(range(len(pictures)))
    groups = Groups(len(pictures))
    for pair in found:
        groups.join(pair.first, pair.second)
    assert groups.members() == [tuple(range(len(pictures)))]


def test_the_order_of_the_images_does_not_matter() -> None:
    whole = ground(9)
    corners = [(0, 0), (120, 40), (300, 300), (250, 310)]
    pictures = [jpeg(crop(whole, *corner), 90) for corner in corners]
    pictures += [jpeg(ground(seed, 384, 384), 90) for seed in (70, 71)]
    order = [3, 5, 0, 2, 4, 1]
    plain = {(p.first, p.second) for p in shared(pictures, every=True)}
    mixed = {
        tuple(sorted((order[p.first], order[p.second])))
        for p in shared([pictures[k] for k in order], every=True)
    }
    assert plain == mixed
    assert (0, 1) in plain
    assert (2, 3) in plain


def test_no_image_and_one_image_have_no_candidates() -> None:
    assert len(find_candidates([])) == 0
    assert len(find_candidates([find_anchors(ground(1))])) == 0
    assert shared([]) == []


def test_a_pair_that_too_many_images_show_is_no_address() -> None:
    same = Anchors(np.array([5, 6], np.uint32), np.array([1, 2], np.int16), np.zeros(2, np.int16))
    assert len(find_candidates([same] * 20)) > 0
    assert len(find_candidates([same] * 200)) == 0


def test_shifts_of_large_images_are_counted_in_larger_steps() -> None:
    keys = np.arange(50, dtype=np.uint32)
    rows = np.arange(0, 50_000, 1000, dtype=np.int32)
    first = Anchors(keys, rows, rows)
    found = find_candidates([first, Anchors(keys, rows - 700, rows + 30_000)])
    assert (found.first.tolist(), found.second.tolist()) == ([0], [1])
    assert found.votes.tolist() == [50]
    assert abs(found.rows[0] - 700) <= 7
    assert abs(found.cols[0] + 30_000) <= 7


def test_groups_grow_by_their_lowest_member() -> None:
    groups = Groups(6)
    groups.join(5, 3)
    groups.join(1, 5)
    assert groups.leader(5) == 1
    assert groups.joined(3, 1)
    assert not groups.joined(0, 1)
    assert groups.members() == [(1, 3, 5)]


def test_the_bands_of_an_image_are_averaged() -> None:
    image = np.stack([np.full((2, 3), value, np.float32) for value in (1, 2, 6)])
    image[1, 0, 0] = np.nan
    assert np.isnan(grey(image)[0, 0])
    assert grey(image)[1, 2] == 3
