"""What stands beside a table of scores, in words and in the terminal."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from mapwright.metrics.boundary import Bands
from mapwright.metrics.intervals import Units
from mapwright.metrics.summary import Scores, WithoutLeak, summarize
from mapwright.report.notes import LISTED, caveat, per_image_rows, score_notes
from mapwright.report.tables import scores_table

NAMES = ["urban", "[bold]water", "wetland"]


def scores(images: int = 3, **changes: object) -> Scores:
    counts = np.zeros((images, 3, 3), np.int64)
    counts[:, 0, 0], counts[:, 0, 1], counts[:, 1, 1] = 60, 10, 30
    counts[0, 1] = counts[0, :, 1] = 0  # no water on the first image
    stems = [f"scene {i}" for i in range(images)]
    return replace(summarize(stems, NAMES, counts, counts), **changes)


def with_everything() -> Scores:
    counts = np.array([[[60, 10, 0], [0, 30, 0], [0, 0, 0]]] * 2)
    return summarize(
        ["a", "b"],
        NAMES,
        counts,
        counts,
        note="two of two images were learnt from: the scores flatter",
        units=Units(counts, "blocks of 284 pixels"),
        bands=Bands(np.array([[[5, 10], [1, 4], [0, 0]]] * 2), 2),
        leaked=counts // 10,
    )


def shown(what: Scores, width: int = 160) -> str:
    out = StringIO()
    Console(file=out, width=width).print(scores_table(what))
    return out.getvalue()


def test_plain_scores_have_plain_notes() -> None:
    notes = score_notes(scores())
    assert "bootstrap over images." in notes[1]
    assert notes[2] == "Neither in truth nor in prediction, so in no mean: wetland."
    assert len(notes) == 3
    assert caveat(scores()) == ""


def test_everything_that_was_counted_is_told() -> None:
    told = " ".join(score_notes(with_everything()))
    assert "bootstrap over blocks of 284 pixels" in told
    assert "not of other places" in told
    assert "within 2 pixels of the outline" in told
    assert "20 of the pixels (10.00%)" in told
    assert caveat(with_everything()).startswith("Two of two images")


def test_one_pixel_is_one_pixel() -> None:
    assert "within 1 pixel of" in " ".join(
        score_notes(replace(with_everything(), boundary_width=1))
    )


def test_a_search_without_a_find_is_told_too() -> None:
    clean = scores(without_leak=WithoutLeak(0.5, (0.5, 0.5, 0.5), 0))
    assert "No scored pixel lies on ground that was learnt from." in score_notes(clean)


def test_a_single_image_has_no_interval_and_says_so() -> None:
    assert any("No intervals" in note for note in score_notes(scores(1)))


@pytest.mark.parametrize(("images", "listed"), [(1, 0), (2, 2), (LISTED, LISTED), (LISTED + 1, 0)])
def test_images_are_listed_one_by_one_while_they_are_few(images: int, listed: int) -> None:
    assert len(per_image_rows(scores(images))) == listed


def test_a_class_that_an_image_lacks_is_left_out_of_its_mean() -> None:
    stem, mean, values = per_image_rows(scores())[0]
    assert stem == "scene 0"
    assert mean == pytest.approx(1)  # urban alone
    assert np.isnan(values[1])
    assert per_image_rows(scores())[1][1] == pytest.approx((60 / 70 + 30 / 40) / 2)


def test_the_terminal_shows_boundary_scores_where_there_are_any() -> None:
    assert "boundary" not in shown(scores())
    table = shown(with_everything())
    assert "boundary" in table
    assert "0.375" in table  # (0.5 + 0.25) / 2
    assert "bootstrap over blocks of 284 pixels" in table
    assert "the scores flatter" in table


def test_the_terminal_lists_images_and_takes_no_name_for_markup() -> None:
    table = shown(scores())
    assert "image by image" in table
    assert "scene 2" in table
    assert table.count("[bold]water") == 2
    assert "scene 2" not in shown(scores(LISTED + 1))


def test_the_table_fits_a_narrow_terminal_without_falling_over() -> None:
    assert "urban" in shown(with_everything(), width=60)
