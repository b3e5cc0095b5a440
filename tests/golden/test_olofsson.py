"""Worked examples of the literature on estimating areas from a reference sample."""

import csv
from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine

import mapwright.areas.assess as assess
from builders import write_tiff
from mapwright.areas.estimate import estimate

# Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57: tables 8 and 9, section 5.2
NAMES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])  # of 30 m
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
SHARES = [
    [0.0176, 0.0000, 0.0013, 0.0011],
    [0.0000, 0.0110, 0.0016, 0.0024],
    [0.0019, 0.0000, 0.2967, 0.0213],
    [0.0040, 0.0020, 0.0179, 0.6212],
]
HECTARES = [21_158, 11_686, 285_770, 581_386]
HALF_WIDTHS = [6_158, 3_756, 15_510, 16_282]
USERS, USERS_HALF = [0.88, 0.73, 0.93, 0.96], [0.07, 0.10, 0.04, 0.02]
# The paper prints 0.23 and 0.01 for the half widths of forest gain and stable non-forest; its
# own equation 7 gives 0.25 and 0.02.
PRODUCERS, PRODUCERS_HALF = [0.75, 0.85, 0.93, 0.96], [0.21, 0.25, 0.03, 0.02]


def by_stratum(counts: np.ndarray) -> np.ndarray:
    """(K, K) of map class and reference class to (H, K, K) with the map's classes as strata."""
    return np.eye(len(counts), dtype=np.int64)[:, :, None] * counts


def test_the_example_of_olofsson_2014() -> None:
    result = estimate(by_stratum(COUNTS), PIXELS / PIXELS.sum())
    total = PIXELS.sum() * 0.09  # hectares
    assert result.matrix == pytest.approx(np.array(SHARES), abs=5e-5)
    assert result.area.value * total == pytest.approx(HECTARES, abs=0.5)
    assert 1.96 * result.area.error * total == pytest.approx(HALF_WIDTHS, abs=1)
    assert result.users.value == pytest.approx(USERS, abs=0.005)
    assert 1.96 * result.users.error == pytest.approx(USERS_HALF, abs=0.005)
    assert result.producers.value == pytest.approx(PRODUCERS, abs=0.005)
    assert 1.96 * result.producers.error == pytest.approx(PRODUCERS_HALF, abs=0.005)
    assert result.overall.value == pytest.approx(0.95, abs=0.005)
    assert 1.96 * result.overall.error == pytest.approx(0.02, abs=0.005)


def test_the_same_from_a_map_and_a_file_of_points(tmp_path: Path) -> None:
    """A tenth of the pixels, of ten times the area, in a projection that keeps areas."""
    values = np.repeat([1, 2, 3, 4], PIXELS // 10).astype(np.uint8).reshape(1000, 1000)
    side = 30 * 10**0.5
    place = Affine(side, 0, 4.2e6, 0, -side, 3.3e6)
    path = write_tiff(tmp_path / "change.tif", values, crs="EPSG:3035", transform=place)
    with (tmp_path / "points.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y", "class"])
        for mapped, row in enumerate(COUNTS, start=1):
            places = np.argwhere(values == mapped)[: row.sum()]
            for (line, col), truth in zip(places, np.repeat([1, 2, 3, 4], row), strict=True):
                x, y = place.c + (col + 0.5) * side, place.f - (line + 0.5) * side
                writer.writerow([x, y, truth])
    areas = assess.area(path, tmp_path / "points.csv")
    assert areas.unit == "ha"
    assert areas.total == pytest.approx(900_000, rel=1e-6)
    assert areas.counts == COUNTS.tolist()
    for entry, hectares, half in zip(areas.classes, HECTARES, HALF_WIDTHS, strict=True):
        assert entry.estimated is not None
        assert entry.estimated.value == pytest.approx(hectares, abs=0.6)
        assert entry.estimated.high - entry.estimated.value == pytest.approx(half, abs=1)
    assert areas.sentences()[0] == (
        "1: 18 000 ha mapped; estimated 21 158 ha (95 %: 15 000 to 27 315)"
    )


# Stehman 2014, International Journal of Remote Sensing 35, 4923-4939: table 2, pages 4932-4936
STRATA = np.repeat([0, 1, 2, 3], 10)
MAPPED = "A" * 7 + "B" * 3 + "A" + "B" * 11 + "C" * 6 + "BB" + "D" * 10
REFERENCE = "AAAAACBABC" + "A" + "B" * 5 + "AABB" + "C" * 5 + "DDBBA" + "D" * 7 + "CCB"


def stehman() -> tuple[np.ndarray, np.ndarray]:
    """Table 2 as counts by stratum, and the sizes of the strata."""
    mapped = ["ABCD".index(letter) for letter in MAPPED]
    truth = ["ABCD".index(letter) for letter in REFERENCE]
    counts = np.zeros((4, 4, 4), np.int64)
    np.add.at(counts, (STRATA, mapped, truth), 1)
    return counts, np.array([40_000, 30_000, 20_000, 10_000])


def test_the_example_of_stehman_2014_with_strata_that_are_not_the_classes() -> None:
    counts, sizes = stehman()
    result = estimate(counts, sizes / sizes.sum())
    a, b, c = 0, 1, 2
    assert result.area.value[[a, c]] == pytest.approx([0.35, 0.20])
    assert result.area.error[[a, c]] == pytest.approx([0.082, 0.064], abs=5e-4)
    assert (result.overall.value, result.overall.error) == pytest.approx((0.63, 0.085), abs=5e-4)
    assert (result.users.value[b], result.users.error[b]) == pytest.approx((0.574, 0.125), abs=5e-4)
    found = result.producers.value[b], result.producers.error[b]
    assert found == pytest.approx((0.794, 0.117), abs=5e-4)
    assert result.matrix[b, c] == pytest.approx(0.08)


def test_equal_weights_would_give_another_answer() -> None:
    """The example can tell a stratified estimate from a plain count."""
    result = estimate(by_stratum(COUNTS), np.full(4, 0.25))
    assert result.area.value[0] * 900_000 > 5 * HECTARES[0]
