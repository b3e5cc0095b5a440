"""Sheets for a wall: what they show is looked up in their pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from mapwright.errors import OutputError
from mapwright.io.maps import rgb_of
from mapwright.io.picture import INVALID_COLOR
from mapwright.metrics import confusion as cm
from mapwright.metrics.boundary import Bands, boundary_counts
from mapwright.metrics.summary import Scores, summarize
from mapwright.report.ground import Ground, ground_of
from mapwright.report.mapsheet import Panels, draw_map_sheet
from mapwright.report.paper import STYLE, shorten, text_width, wrap
from mapwright.report.scoresheet import draw_score_sheet
from mapwright.types import IGNORE

NAMES = ("urban", "cropland", "åpen våtmark", "water")
COLORS = ("#c8553d", "#e9c46a", "#7b6d8d", "#3a86c8")
WRONG, RIGHT = "#e8590c", "#d9dee4"


def share_of(path: Path, color: str) -> float:
    """Share of a picture's pixels that have a colour, give or take what JPEG does to it."""
    with Image.open(path) as opened:
        pixels = np.asarray(opened)[::2, ::2].astype(np.int16)
    return float((np.abs(pixels - np.int16(rgb_of(color))) <= 6).all(axis=-1).mean())


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as opened:
        assert opened.format == "JPEG"
        return opened.size


def panels(
    height: int = 40, width: int = 40, truth: int = 1, guess: int = 3, ground: Ground | None = None
) -> Panels:
    shape = (height, width)
    return Panels(
        np.full((*shape, 3), (10, 200, 30), np.uint8),
        np.full(shape, truth, np.uint8),
        np.full(shape, guess, np.uint8),
        NAMES,
        COLORS,
        ground,
    )


# --- the map sheet ------------------------------------------------------------------------------


def test_the_four_panels_show_scene_truth_prediction_and_errors(tmp_path: Path) -> None:
    path = tmp_path / "scene.jpg"
    draw_map_sheet(panels(), "Land cover", "a model", path)
    shares = [share_of(path, c) for c in ("#0ac81e", COLORS[1], COLORS[3], WRONG)]
    assert min(shares) > 0.12  # each fills a panel
    assert max(shares) - min(shares) < 0.02
    assert share_of(path, COLORS[0]) < 0.01  # a key of the legend


def test_what_is_right_is_pale_and_what_nobody_knows_is_grey(tmp_path: Path) -> None:
    path = tmp_path / "scene.jpg"
    part = panels(truth=3)
    part.truth[:, :20] = IGNORE
    draw_map_sheet(part, "t", "", path)
    panel = share_of(path, COLORS[3]) / 1.5  # a whole prediction and half a truth
    assert share_of(path, RIGHT) == pytest.approx(panel / 2, rel=0.05)
    assert share_of(path, INVALID_COLOR) == pytest.approx(panel, rel=0.05)
    assert share_of(path, WRONG) < 0.005


@pytest.mark.parametrize(
    ("shape", "wide"),
    [((300, 10), False), ((10, 300), True), ((1, 1), None), ((1, 2000), True), ((2000, 1), False)],
)
def test_any_shape_of_scene_fits(tmp_path: Path, shape: tuple[int, int], wide: bool | None) -> None:
    path = tmp_path / "scene.jpg"
    draw_map_sheet(panels(*shape), "A scene", "", path)
    width, height = size_of(path)
    assert max(width, height) < 3000
    assert min(width, height) > 500
    if wide is not None:
        assert share_of(path, WRONG) > 0 or min(shape) == 1
        assert (width > height) == wide or min(shape) == 1


def test_a_pixel_that_is_taller_than_wide_on_the_ground_is_drawn_so(tmp_path: Path) -> None:
    path = tmp_path / "scene.jpg"
    draw_map_sheet(panels(ground=Ground(5.0, 10.0, 0.0)), "t", "", path)
    with Image.open(path) as opened:
        green = np.abs(np.asarray(opened).astype(int) - (10, 200, 30)).max(axis=-1) <= 6
    rows, cols = green.any(axis=1).sum(), green.any(axis=0).sum()
    assert rows / cols == pytest.approx(2, rel=0.02)


def test_a_large_scene_is_thinned_out_and_classes_are_not_mixed(tmp_path: Path) -> None:
    large = panels(3000, 3000, truth=0, guess=0)
    large.truth[::2] = 3  # rows in turn: a mean of classes would be one in between
    path = tmp_path / "scene.jpg"
    draw_map_sheet(large, "t", "", path)
    assert max(size_of(path)) < 2300
    assert share_of(path, COLORS[1]) < 0.005
    assert share_of(path, COLORS[2]) < 0.005


def test_twenty_classes_and_long_names_fit(tmp_path: Path) -> None:
    names = [f"class {i} with a name that goes on and on, $x_1$ included" for i in range(20)]
    colors = [mpl.colors.to_hex(mpl.colormaps["tab20"](i)) for i in range(20)]
    labels = (np.arange(400) % 20).astype(np.uint8).reshape(20, 20)
    path = tmp_path / "scene.jpg"
    many = Panels(np.zeros((20, 20, 3), np.uint8), labels, labels, names, colors)
    draw_map_sheet(many, "Twenty", "", path)
    assert all(share_of(path, color) > 0.002 for color in colors[::4])
    flat = tmp_path / "flat.jpg"  # the legend is taller than the panels
    draw_map_sheet(replace(many, truth=labels[:1], guess=labels[:1], picture=many.picture[:1]),
                   "Flat", "", flat)  # fmt: skip
    assert size_of(flat)[1] > 26 * 0.26 * 160


@pytest.mark.parametrize("classes", [2, 4])
def test_the_legend_says_how_much_is_wrong(tmp_path: Path, classes: int) -> None:
    from mapwright.report.mapsheet import _keys

    both = panels(10, 10, truth=0, guess=0)
    both.guess[:2] = 1
    both.truth[5:6] = 1
    both.truth[9] = IGNORE
    words = [
        text for text, _ in _keys(replace(both, names=NAMES[:classes], colors=COLORS[:classes]))
    ]
    if classes == 2:
        assert words[-3:] == ["right, 66.7%", "false cropland, 22.2%", "missed cropland, 11.1%"]
    else:
        assert words[-2:] == ["right, 66.7%", "wrong, 33.3%"]


def test_a_scene_without_labels_is_drawn_too(tmp_path: Path) -> None:
    path = tmp_path / "scene.jpg"
    draw_map_sheet(panels(truth=IGNORE), "t", "", path)
    assert share_of(path, INVALID_COLOR) > 0.25  # truth and errors
    assert share_of(path, WRONG) < 0.005


def test_scale_and_north_are_drawn_only_for_a_scene_with_a_place(tmp_path: Path) -> None:
    dark = []
    for name, ground in (("a", None), ("b", Ground(10.0, 10.0, 3.8)), ("c", Ground(0.1, 0.1, 180))):
        path = tmp_path / f"{name}.jpg"
        draw_map_sheet(panels(ground=ground), "t", "", path)
        dark.append(share_of(path, "#1f2328"))
    assert dark[1] > dark[0] * 1.2
    assert dark[2] > dark[0] * 1.2


@pytest.mark.parametrize(("most", "bar"), [(1999, 1000), (2000, 2000), (0.04, 0.02), (7e5, 5e5)])
def test_scale_bars_have_round_lengths(most: float, bar: float) -> None:
    from mapwright.report.mapsheet import _round_length

    assert _round_length(most) == pytest.approx(bar)


def test_a_sheet_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "scene.jpg").mkdir()
    with pytest.raises(OutputError):
        draw_map_sheet(panels(), "t", "", tmp_path / "scene.jpg")
    assert [p.name for p in tmp_path.iterdir()] == ["scene.jpg"]


# --- where a scene lies -------------------------------------------------------------------------


def box(crs: str | None, transform: Affine, shape: tuple[int, int] = (100, 100)) -> GeoBox:
    return GeoBox(shape, transform, crs)


def test_utm_is_a_little_off_true_size_and_true_north() -> None:
    ground = ground_of(box("EPSG:32633", Affine(10, 0, 260_000, 0, -10, 6_650_000)))
    assert ground is not None
    assert ground.width == pytest.approx(10, rel=1e-3)
    assert ground.height == pytest.approx(10, rel=1e-3)
    # convergence of meridians: (longitude - 15) * sin(latitude) = -4.3 * sin(60) degrees
    assert ground.north == pytest.approx(3.7, abs=0.2)


def test_web_mercator_is_not_taken_at_its_word() -> None:
    y = 6_378_137 * math.log(math.tan(math.pi / 4 + math.radians(60) / 2))
    ground = ground_of(box("EPSG:3857", Affine(10, 0, 0, 0, -10, y + 500)))
    assert ground is not None
    assert ground.width == pytest.approx(5, rel=0.01)
    assert ground.north == pytest.approx(0, abs=1e-6)


def test_degrees_become_metres() -> None:
    ground = ground_of(box("EPSG:4326", Affine(1e-4, 0, 10, 0, -1e-4, 60.005)))
    assert ground is not None
    assert ground.height == pytest.approx(11.14, abs=0.02)
    assert ground.width == pytest.approx(5.58, abs=0.02)


@pytest.mark.parametrize(
    ("transform", "north"),
    [
        (Affine(10, 0, 500_000, 0, 10, 6_000_000), 180),  # rows run north
        (Affine(0, 10, 500_000, 10, 0, 6_000_000), 90),  # columns run north
        (Affine(0, -10, 500_000, -10, 0, 6_000_000), -90),
    ],
)
def test_turned_grids_point_to_the_north_all_the_same(transform: Affine, north: float) -> None:
    ground = ground_of(box("EPSG:32633", transform))
    assert ground is not None
    assert math.cos(math.radians(ground.north - north)) == pytest.approx(1, abs=1e-4)
    assert ground.width > 0
    assert ground.height > 0


def test_without_a_place_there_is_no_scale() -> None:
    assert ground_of(box(None, Affine(1, 0, 0, 0, -1, 0))) is None
    local = 'LOCAL_CS["a site grid",UNIT["metre",1]]'
    assert ground_of(box(local, Affine(1, 0, 0, 0, -1, 0))) is None
    assert ground_of(box("EPSG:32633", Affine(10, 0, 1e12, 0, -10, 1e12))) is None


# --- the score sheet ----------------------------------------------------------------------------


def scores(names: tuple[str, ...] = NAMES, bands: bool = True, absent: bool = True) -> Scores:
    rng = np.random.default_rng(0)
    last = len(names) - (1 if absent else 0)
    truth = rng.integers(0, last, (6, 8, 8)).repeat(4, 1).repeat(4, 2).astype(np.uint8)
    guess = np.where(rng.random(truth.shape) < 0.8, truth, 0).astype(np.uint8)
    counts = np.array([cm.confusion(t, g, len(names)) for t, g in zip(truth, guess, strict=True)])
    found = np.array([boundary_counts(t, g, len(names)) for t, g in zip(truth, guess, strict=True)])
    stems = [str(i) for i in range(6)]
    return summarize(stems, names, counts, counts, bands=Bands(found, 2) if bands else None)


def test_the_score_sheet_has_a_line_for_each_class(tmp_path: Path) -> None:
    sizes = {}
    for count in (2, 4):
        path = tmp_path / f"{count}.jpg"
        draw_score_sheet(scores(NAMES[:count]), COLORS[:count], "Land cover", "6 scenes", path)
        sizes[count] = size_of(path)
        assert all(share_of(path, color) > 1e-4 for color in COLORS[:count])
    assert sizes[4][1] > sizes[2][1]
    assert share_of(tmp_path / "2.jpg", COLORS[3]) < 1e-4


def test_boundary_scores_take_a_column_only_where_they_were_counted(tmp_path: Path) -> None:
    widths = []
    for bands in (True, False):
        path = tmp_path / f"{bands}.jpg"
        draw_score_sheet(scores(bands=bands), COLORS, "Land cover", "", path)
        widths.append(size_of(path)[0])
    assert widths[0] > widths[1] + 100


def test_a_sheet_of_undefined_scores_can_be_drawn(tmp_path: Path) -> None:
    nothing = np.zeros((1, 4, 4), np.int64)
    path = tmp_path / "scores.jpg"
    draw_score_sheet(summarize(["a"], NAMES, nothing, nothing), COLORS, "Nothing", "", path)
    assert share_of(path, "#d9480f") < 1e-4  # no dot


def test_a_very_long_headline_and_note_stay_on_the_sheet(tmp_path: Path) -> None:
    path, plain = tmp_path / "long.jpg", tmp_path / "plain.jpg"
    told = replace(scores(), note="word " * 200)
    draw_score_sheet(told, COLORS, "headline " * 60, "subtitle " * 60, path)
    draw_score_sheet(scores(), COLORS, "t", "s", plain)
    assert size_of(path)[0] == size_of(plain)[0]
    assert size_of(path)[1] > size_of(plain)[1] + 200


# --- words on paper -----------------------------------------------------------------------------


def test_words_are_cut_and_wrapped_to_the_room_they_have() -> None:
    with mpl.rc_context(STYLE):
        assert text_width("") == 0
        assert text_width("two words") > text_width("two")
        assert text_width("bold", bold=True) > text_width("bold")
        assert shorten("short", 5) == "short"
        cut = shorten("a name that goes on and on", 1.0)
        assert cut.endswith("…")
        assert text_width(cut) <= 1.0
        lines = wrap("some words that will not stand in one line of two inches", 2.0)
        assert len(lines) > 1
        assert all(text_width(line) <= 2.0 for line in lines)
        assert " ".join(lines) == "some words that will not stand in one line of two inches"
        assert wrap("", 2.0) == []
