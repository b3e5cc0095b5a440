import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mapwright.data.indices import find_indices, fit_pair, share_that_fits

Array = NDArray[np.float64]

RNG = np.random.default_rng(7)


def spectra(pixels: int = 3000, bands: int = 4, seed: int = 0) -> Array:
    """Correlated reflectances x 10000 of a mixture of surfaces, as whole numbers."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(100, 5000, (4, bands))
    parts = rng.dirichlet(np.full(4, 0.4), pixels)
    return np.round(
        parts @ ends * rng.normal(1, 0.05, (pixels, 1)) + rng.normal(0, 40, (pixels, 1))
    ).T.clip(20)


def ratio(a: Array, b: Array) -> Array:
    return (a - b) / (a + b)


def only(pixels: Array) -> tuple[int, int, int]:
    (fit,) = find_indices(pixels)
    return fit.band, fit.plus, fit.minus


@pytest.mark.parametrize(
    ("write", "scale", "offset"),
    [
        (lambda q: q, 1, 0),
        (lambda q: q.astype(np.float32), 1, 0),
        (lambda q: np.round(q * 10_000), 10_000, 0),
        (lambda q: np.trunc(q * 10_000), 10_000, 0),
        (lambda q: np.floor(q * 1000), 1000, -0.5),
        (lambda q: np.round((q + 1) * 100), 100, 100),
        (lambda q: np.round((q + 1) * 127.5), 127.5, 127.5),
        (lambda q: np.round(q * 0.5 + 0.5, 4), 0.5, 0.5),
    ],
)
def test_an_index_is_found_however_it_is_written(
    write: Callable[[Array], Array], scale: float, offset: float
) -> None:
    x = spectra()
    (fit,) = find_indices(np.vstack([x, write(ratio(x[2], x[0]))]))
    assert (fit.band, fit.plus, fit.minus) == (4, 2, 0)
    assert fit.scale == pytest.approx(scale, rel=5e-3)
    assert fit.offset == pytest.approx(offset, abs=5e-3 * scale + 1e-6)
    assert fit.share > 0.98
    assert fit.shift == 0


def test_bands_in_two_dimensions_and_invalid_pixels() -> None:
    x = spectra(2500).reshape(4, 50, 50).astype(np.float32)
    x = np.concatenate([x, ratio(x[1], x[3])[None]])
    x[:, :10] = np.nan
    x[2, 20, 20] = np.nan
    assert only(x) == (4, 1, 3)


@pytest.mark.parametrize("lost", [0.1, 0.3, 0.6])
def test_an_index_whose_lowest_values_were_cut_off(lost: float) -> None:
    x = spectra()
    index = np.round(ratio(x[2], x[0]) * 10_000)
    index = index.clip(np.quantile(index, lost))
    assert only(np.vstack([x, index])) == (4, 2, 0)


def test_some_wild_pixels_do_not_hide_an_index() -> None:
    x = spectra()
    index = np.round(ratio(x[2], x[0]) * 10_000)
    wild = RNG.random(index.size) < 0.06
    index[wild] = RNG.integers(-10_000, 10_000, wild.sum())
    (fit,) = find_indices(np.vstack([x, index]))
    assert (fit.plus, fit.minus) == (2, 0)
    assert fit.share == pytest.approx(1 - wild.mean(), abs=0.02)


def test_an_index_of_reflectances_in_files_that_have_an_offset() -> None:
    x = spectra()
    index = np.round(ratio(x[2], x[0]) * 10_000)
    (fit,) = find_indices(np.vstack([x + 1000, index]))
    assert (fit.plus, fit.minus, fit.shift) == (2, 0, -1000)


def test_an_index_of_bands_that_were_rounded_after_it_was_made() -> None:
    x = spectra() / 20 + RNG.random((4, 3000))
    index = np.round(ratio(x[2], x[0]) * 10_000)
    assert only(np.vstack([np.round(x), index])) == (4, 2, 0)


def test_two_indices_are_both_found() -> None:
    x = spectra()
    both = np.vstack([x, ratio(x[2], x[0]), ratio(x[1], x[3])])
    assert [(f.band, f.plus, f.minus) for f in find_indices(both)] == [(4, 2, 0), (5, 1, 3)]


def test_two_bands_that_are_equal_both_explain_an_index() -> None:
    x = spectra()
    fits = find_indices(np.vstack([x, ratio(x[2], x[0]), x[0]]))
    assert {(f.plus, f.minus) for f in fits} == {(2, 0), (2, 5)}


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x[2] - x[0],
        lambda x: x[2] / x[0],
        lambda x: (x[2] - x[0]) / (x[2] + 6 * x[0] + 5000),
        lambda x: np.tanh(ratio(x[2], x[0]) ** 2),
        lambda x: 0.3 * x[0] + 0.7 * x[2],
        lambda x: (ratio(x[2], x[0]) > 0).astype(float),
        lambda x: np.round(ratio(x[2], x[0])),
        lambda x: np.full(x.shape[1], 3.0),
        lambda x: RNG.normal(size=x.shape[1]),
    ],
    ids=["difference", "ratio", "evi", "kndvi", "sum", "mask", "cut", "constant", "noise"],
)
def test_what_is_no_such_index_is_not_called_one(make: Callable[[Array], Array]) -> None:
    x = spectra()
    assert find_indices(np.vstack([x, make(x)])) == []


def test_shares_that_sum_to_one_are_no_indices_of_each_other() -> None:
    p = RNG.random(3000)
    assert find_indices(np.stack([p, 1 - p, p + RNG.normal(0, 1e-9, 3000)])) == []


@pytest.mark.parametrize("pixels", [0, 1, 99])
def test_too_few_pixels_tell_nothing(pixels: int) -> None:
    x = spectra(200)
    both = np.vstack([x, ratio(x[2], x[0])])
    assert len(find_indices(both)) == 1
    assert find_indices(both[:, :pixels]) == []
    assert fit_pair(both[:, :pixels], 4, 2, 0) is None


@pytest.mark.parametrize("bands", [1, 2])
def test_fewer_than_three_bands_hold_no_index(bands: int) -> None:
    assert find_indices(spectra(bands=bands)) == []


def test_bands_that_are_zero_negative_or_huge() -> None:
    x = spectra()
    odd = np.stack([np.zeros(3000), -x[0], x[1] * 1e30, np.where(x[2] > 900, x[2], 0)])
    assert find_indices(np.vstack([x[:3], odd])) == []


def test_the_pair_that_a_name_means_may_fit_only_a_part() -> None:
    x = spectra()
    index = np.where(np.arange(3000) < 1200, ratio(x[2], x[0]), ratio(x[2], x[1]))
    named = fit_pair(np.vstack([x, index]), 4, 2, 1)
    assert named is not None
    assert named.share == pytest.approx(0.6, abs=0.1)
    other = fit_pair(np.vstack([x, index]), 4, 3, 1)
    assert other is None or other.share < 0.3


def test_how_many_pixels_of_another_image_fit() -> None:
    x, y = spectra(), spectra(seed=1)
    (fit,) = find_indices(np.vstack([x, np.round(ratio(x[2], x[0]) * 1000)]))
    same = np.vstack([y, np.round(ratio(y[2], y[0]) * 1000)])
    other = np.vstack([y, np.round(ratio(y[2], y[1]) * 1000)])
    assert (share_that_fits(same, fit) or 0) > 0.98
    assert (share_that_fits(other, fit) or 0) < 0.3
    flat = np.vstack([y, np.full(3000, 7.0)])
    assert share_that_fits(flat, fit) is None


def test_twelve_bands_take_no_more_than_a_moment() -> None:
    x = spectra(20_000, bands=11)
    start = time.process_time()
    assert only(np.vstack([x, np.round(ratio(x[7], x[3]) * 10_000)])) == (11, 7, 3)
    assert time.process_time() - start < 5
