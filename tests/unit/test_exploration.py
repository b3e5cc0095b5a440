"""The page of a data set: what it says and draws, held against the data."""

from __future__ import annotations

import math
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from builders import make_dataset, make_spec, write_png
from mapwright.data.dataset import Dataset
from mapwright.errors import OutputError
from mapwright.report.exploration.balance import log_histogram
from mapwright.report.exploration.page import explore_dataset
from mapwright.report.exploration.parts import amount, count, percent
from mapwright.report.exploration.pictures import enlarged, heat_tag, outlined
from mapwright.report.exploration.places import _footprints
from mapwright.report.exploration.plot import Axis, Plot, nice_step
from mapwright.report.exploration.spectra import outlying
from mapwright.types import IGNORE

RNG = np.random.default_rng(0)


def page(root: Path, images: int = 2000, **changes: Any) -> str:
    out = root / "explore.html"
    explore_dataset(Dataset(root, make_spec(**changes)), out, images)
    return out.read_text(encoding="utf-8")


def sections(text: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', text)


def test_the_page_of_a_folder_has_its_sections_and_asks_for_nothing(tmp_path: Path) -> None:
    text = page(make_dataset(tmp_path, count=8, bands=3))
    assert sections(text) == [
        "findings", "contents", "samples", "balance", "objects", "positions", "bands", "images",
        "nodata",
    ]  # fmt: skip
    for asks in ("http:", "https:", "<script", "@import", "url(", '<link rel="style'):
        assert asks not in text
    assert "default-src 'none'" in text


def test_every_picture_and_drawing_has_a_text_alternative_and_no_number_is_missing(
    tmp_path: Path,
) -> None:
    text = page(make_dataset(tmp_path, count=8, bands=3))
    drawings = re.findall(r"<(?:img|svg)[^>]*>", text)
    assert len(drawings) > 10
    for drawing in drawings:
        assert re.search(r'(?:alt|aria-label)="[^"]{10,}"', drawing)
    bare = re.sub(r'"data:[^"]*"', "", text)
    assert not re.search(r"\bnan\b|\binf\b|None\b", bare.split("</style>")[1])


def test_every_row_of_a_table_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    for table in re.findall(r"<table.*?</table>", page(make_dataset(tmp_path, bands=3)), re.S):
        cells = {len(re.findall(r"<t[dh]", row)) for row in re.findall(r"<tr>.*?</tr>", table)}
        assert len(cells) == 1


def test_images_without_a_mask_leave_classes_out_and_say_so(tmp_path: Path) -> None:
    text = page(make_dataset(tmp_path, bands=3), masks=None)
    assert "everything about classes is left out" in text
    assert not {"balance", "objects", "positions"} & set(sections(text))
    assert {"bands", "images"} <= set(sections(text))


def test_a_single_image_that_is_all_invalid_still_has_a_page(tmp_path: Path) -> None:
    write_png(tmp_path / "images/a.png", np.zeros((3, 5, 7), np.uint8))
    text = page(tmp_path, masks=None, valid={"nodata": 0})
    assert "not one pixel of the image is valid" in text
    assert "bands" not in sections(text)


def test_one_pixel_has_a_page(tmp_path: Path) -> None:
    write_png(tmp_path / "images/a.png", np.full((3, 1, 1), 9, np.uint8))
    write_png(tmp_path / "masks/a.png", np.full((1, 1), 255, np.uint8))
    assert "objects" in sections(page(tmp_path))


def test_names_are_shown_as_they_are_and_never_as_markup(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=2, size=16, bands=3)
    classes = [
        {"name": "<i>ground</i>", "values": [0], "color": "#000000"},
        {"name": 'a "roof" & å', "values": [255], "color": "#ffffff"},
    ]
    text = page(root, name="<b>x</b>", classes=classes)
    assert "<b>x" not in text and "<i>ground" not in text
    assert "a &#34;roof&#34; &amp; å" in text


def test_a_page_says_when_not_all_images_were_looked_at(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=5, size=16, bands=3)
    assert "drawn evenly in the order of their names" in page(root, images=2)
    assert "drawn evenly in the order of their names" not in page(root)


def test_many_bands_have_signatures_and_georeferenced_images_a_map(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=3, bands=5, ending=".tif", crs="EPSG:32633")
    out, bands = root / "page.html", [f"b{k}" for k in range(5)]
    explore_dataset(Dataset(root, make_spec(images="images/*.tif", bands=bands)), out)
    text = out.read_text(encoding="utf-8")
    assert "Median value of each class in each band" in text
    assert "map" in sections(text)
    assert "10 m" in text


def test_the_same_mask_twice_is_shown_with_its_outline(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=3, bands=3)
    (root / "masks/02.png").write_bytes((root / "masks/01.png").read_bytes())
    text = page(root)
    assert "alike" in sections(text)
    assert "1 thing found here would harm training" in text


def test_only_a_page_of_ours_is_replaced(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, count=2, size=16, bands=3)
    page(root)
    page(root)
    (root / "explore.html").write_text("mine")
    with pytest.raises(OutputError, match="in the way"):
        page(root)
    assert (root / "explore.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.9999, "> 99.9 %"), (1e-7, "< 0.001 %"), (0.0021, "0.21 %"),
     (0.5, "50.0 %"), (float("nan"), "–")],
)  # fmt: skip
def test_shares_in_words(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1234, "1,234"), (12345, "12.3k"), (7.8e6, "7.8M"), (-0.0123, "-0.0123"),
     (99999, "100k"), (999_999, "1M")],
)  # fmt: skip
def test_amounts_in_short(value: float, text: str) -> None:
    assert amount(value) == text


def test_counts_in_words() -> None:
    assert count(1, "image") == "1 image"
    assert count(2000, "image") == "2,000 images"


@pytest.mark.parametrize("low, high", [(0, 1), (-3e-5, 7e-5), (0, 65535), (1e6, 1e6 + 3)])
def test_ticks_are_round_few_and_on_the_axis(low: float, high: float) -> None:
    ticks = Axis(low, high).ticks(5)
    assert 2 <= len(ticks) <= 6
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_whole_numbers_have_whole_ticks() -> None:
    assert Axis(-0.5, 1.5, whole=True).ticks(5) == [0, 1]


def test_steps_are_one_two_or_five_times_a_power_of_ten() -> None:
    assert [nice_step(x) for x in (1.0, 1.1, 3.0, 7.0, 0.02)] == [1, 2, 5, 10, 0.02]


def test_object_sizes_fall_into_whole_decades_and_none_is_lost() -> None:
    for sizes in ([1], [1, 10, 100], [7, 8, 2500], [0.09, 3]):
        edges, counts = log_histogram(np.array(sizes, float))
        assert counts.sum() == len(sizes)
        assert all(
            math.isclose(math.log10(edge), round(math.log10(edge)), abs_tol=1e-9)
            for edge in (edges[0], edges[-1])
        )


def test_images_far_from_all_others_are_named_worst_first_and_a_constant_band_has_none() -> None:
    means, stds = RNG.normal(10, 1, 50), RNG.normal(5, 0.1, 50)
    means[7], stds[20] = 100, 9
    assert outlying(means, stds) == [7, 20]
    assert outlying(np.ones(20), np.ones(20)) == []
    assert outlying(means[:5], stds[:5]) == []


def test_a_chart_without_spread_is_still_drawn() -> None:
    plot = Plot(Axis.around(np.array([3.0])), Axis.around(np.array([0.0]), zero=True))
    plot.dots(np.array([3.0]), np.array([0.0]), ["a"])
    assert "nan" not in plot.render("a single dot")


def test_an_outline_surrounds_its_class_and_leaves_its_pixels_alone() -> None:
    picture = np.full((20, 20, 3), 77, np.uint8)
    mask = np.zeros((20, 20), np.uint8)
    mask[8:12, 8:12] = 1
    mask[0, 0] = IGNORE
    drawn = outlined(picture, mask, 1, "#ff0000")
    assert (drawn[8:12, 8:12] == 77).all()
    assert (drawn[7, 7:13] == (255, 0, 0)).all()
    assert (drawn[5, 5:15] == 255).all()  # red is dark, and stands out from white
    assert (drawn[:4] == 77).all()


def test_small_tiles_are_enlarged_by_whole_pixels() -> None:
    picture, mask = enlarged(np.zeros((64, 50, 3), np.uint8), np.eye(64, 50, dtype=np.uint8))
    assert picture.shape == (320, 250, 3)
    np.testing.assert_array_equal(mask[::5, ::5], np.eye(64, 50))


def test_a_heat_map_is_clear_where_nothing_is_known_and_full_at_the_highest() -> None:
    tag = str(heat_tag(np.array([[np.nan, 0.0], [0.1, 0.2]]), "#d9480f", "x"))
    data = b64decode(tag.split("base64,")[1].split('"')[0])
    with Image.open(BytesIO(data)) as opened:
        assert np.asarray(opened)[..., 3].tolist() == [[0, 0], [128, 255]]


def test_footprints_on_both_sides_of_the_date_line_lie_together() -> None:
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    corners = [square + np.array([179.5, 10]), square + np.array([-179, 10])]
    drawing, words = _footprints(corners, [True, False])
    assert words.startswith("27")  # 2.5 degrees, about 274 km, and not the whole Earth
    assert drawing.count('<path class="ground') == 2
