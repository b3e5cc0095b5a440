"""What the page of a study is made from: levels, curves, verdicts, pictures, and its text."""

from __future__ import annotations

import base64
import json
import math
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import study_results
from mapwright.errors import OutputError
from mapwright.report.study import curves, pictures
from mapwright.report.study.curves import curves_of
from mapwright.report.study.differences import axis_of
from mapwright.report.study.levels import factors_of
from mapwright.report.study.page import write_study_page
from mapwright.report.study.payload import classes_of, payload
from mapwright.report.study.pictures import Picture, make_album
from mapwright.report.study.plain import number, page_json, rows_of, words
from mapwright.report.study.told import counted, unfinished, verdicts
from mapwright.types import IGNORE

EVIL = "</script><img src=x onerror=alert(1)>"
COLORS = ("#dfe3e6", "#c8553d", "#e9c46a", "#3a86c8")


def data_of(page: str, name: str = "data") -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def opened(uri: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(uri.split(",")[1])))


# --- plain values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((0.123456, 0.1235), (2.0, 2), (123456, 123456), (1e-7, 1e-7), (np.float32(0.5), 0.5)),
        *((math.nan, None), (math.inf, None), (None, None), ("0.5", None), (True, None)),
    ],
)
def test_a_number_is_short_finite_or_nothing(value: Any, expected: float | None) -> None:
    found = number(value, 4)
    assert found == expected and type(found) is not np.float32


def test_whole_numbers_of_either_kind_read_alike() -> None:
    assert [words(value) for value in (1, 1.0, True, None, "a", 1e-5, [1, "b"], 1e300)] == [
        *("1", "1", "true", "none", "a", "1e-05", '[1, "b"]', "1e+300")
    ]
    assert rows_of({"a": {"b": 1, "c": {"d": "x"}}, "e": [1]}) == [
        *(("a b", "1"), ("a c d", "x"), ("e", "[1]"))
    ]


def test_json_in_a_page_can_not_end_its_script() -> None:
    text = page_json({"name": EVIL + "\u2028&<!--"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"name": EVIL + "\u2028&<!--"}


# --- levels ---------------------------------------------------------------------------------------


def test_a_factor_that_is_not_set_has_its_default_and_unknown_values_get_levels() -> None:
    results = {
        "factors": [{"name": "loss", "values": ["dice"], "default": "focal"}, {"name": "rate"}],
        "configurations": [
            {"id": "a", "settings": {}},
            {"id": "b", "settings": {"loss": "other", "rate": 0.1}},
            {"id": "c", "settings": {"rate": 0.01, "extra": {"flip": True}}},
        ],
    }
    loss, rate, extra = factors_of(results)
    assert loss.levels == ("dice", "focal", "other") and rate.levels == ("0.01", "0.1")
    assert extra.levels == ('{"flip": true}',)
    levels = [
        [factor.level_of(entry["settings"]) for factor in (loss, rate, extra)]
        for entry in results["configurations"]
    ]
    assert levels == [[1, -1, -1], [2, 1, -1], [1, 0, 0]]


def test_many_drawn_numbers_become_ranges_that_hold_all_of_them() -> None:
    drawn = [10 ** (-4 + 0.1 * k) for k in range(30)]
    results = {"configurations": [{"id": str(v), "settings": {"rate": v}} for v in drawn]}
    (rate,) = factors_of(results)
    found = [rate.level_of({"rate": value}) for value in drawn]
    assert found == sorted(found) and np.bincount(found).tolist() == [5] * 6
    assert rate.levels[0].startswith("0.0001 to") and len(set(rate.levels)) == 6


# --- curves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train_loss", "val_loss"], [("loss", "training"), ("loss", "validation")]),
        (["loss", "validation loss"], [("loss", "training"), ("loss", "validation")]),
        (["iou/train", "iou/val"], [("iou", "training"), ("iou", "validation")]),
        (["iou", "train iou"], [("iou", "validation"), ("iou", "training")]),
        (["loss", "rate", "score"], [("loss", "training"), ("rate", "training")]),
        (["score", "iou roof"], [("score", "validation"), ("iou roof", "validation")]),
        (["value", "train"], [("value", "validation"), ("train", "validation")]),
    ],
)
def test_columns_of_a_log_tell_metric_and_part(
    names: list[str], expected: list[tuple[str, str]]
) -> None:
    found = curves_of([{"curves": {"step": [1], **{name: [0.5] for name in names}}}])
    told = [(column["metric"], column["part"]) for column in found["columns"]]
    assert told[: len(expected)] == expected


def test_steps_are_stored_once_and_ragged_or_missing_logs_keep_their_place() -> None:
    runs: list[dict[str, Any]] = [
        {"curves": {"step": [10, 20], "loss": [1.0, math.nan], "fold": [0, 0]}},
        {"curves": None},
        {"curves": {"step": [10, 20], "loss": [0.123456, 0.5], "score": [0.1]}},
        {"curves": {"loss": [3.0, 2.0, 1.0]}},
        {"curves": {"step": [10], "loss": []}},
        {},
    ]
    found = curves_of(runs)
    assert [column["name"] for column in found["columns"]] == ["loss", "score"]
    assert found["grids"] == [[10, 20], [0, 1, 2]]
    assert found["runs"] == [
        [0, [1, None], None],
        None,
        [0, [0.1235, 0.5], [0.1, None]],
        [1, [3, 2, 1], None],
        None,
        None,
    ]


def test_too_long_logs_are_thinned_and_keep_their_last_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MOST_VALUES", 30)
    log = {"epoch": list(range(1, 11)), "a": list(range(10)), "b": list(range(10))}
    found = curves_of([{"curves": log}] * 3)
    assert found["stride"] == 2 and found["axis"] == "epoch"
    assert found["grids"] == [[2, 4, 6, 8, 10]] and found["runs"][0][1] == [1, 3, 5, 7, 9]


# --- the payload ----------------------------------------------------------------------------------


def test_the_payload_holds_what_the_results_say() -> None:
    results = study_results.study(seeds=1, rows=3, images=4)
    found = payload(results)
    assert [run["id"] for run in found["runs"]] == [run["id"] for run in results["runs"]]
    assert found["metrics"] == ["mean_iou", "f1", "accuracy"]
    assert found["runs"][0]["scores"][0] == pytest.approx(
        results["runs"][0]["scores"]["mean_iou"], abs=1e-5
    )
    stem, score, *classes = found["images"][0][0]
    image = results["runs"][0]["images"][0]
    assert found["stems"][stem] == image["stem"] and score == pytest.approx(
        image["score"], abs=1e-4
    )
    counts = np.array(image["counts"])
    assert classes[1] == pytest.approx(
        counts[1, 1] / (counts[1].sum() + counts[:, 1].sum() - counts[1, 1]), abs=1e-3
    )
    assert classes[3] is None  # water is in neither truth nor prediction
    json.dumps(found, allow_nan=False)


def test_strange_counts_and_unlisted_names_do_no_harm() -> None:
    run = {
        "id": 1,
        "configuration": "nowhere",
        "images": [
            {"stem": "x", "score": math.nan, "counts": [[1, 2]]},
            {"stem": "y", "counts": [[3, 1, 0], [0, 4, 2]]},
            {},
        ],
    }
    dataset = {"classes": [{"name": "a", "color": "red; x"}, {"name": "b", "color": "#12AB9f"}]}
    found = payload({"runs": [run], "dataset": dataset})
    assert found["images"] == [[[0, None], [1, None, 0.75, 0.571], [2, None]]]
    assert found["configurations"][0]["label"] == "nowhere"
    assert [entry["color"] for entry in classes_of({"dataset": dataset})] == ["#888888", "#12AB9f"]


# --- words ----------------------------------------------------------------------------------------


def test_verdicts_lie_on_an_axis_that_holds_zero_and_every_interval() -> None:
    results = study_results.study(seeds=1)
    axis = axis_of(results["comparisons"])
    rows = verdicts(results, axis)
    assert [row.kind for row in rows] == ["better", "worse", "same", "open"]
    zero = axis.percent(0)
    assert zero is not None and (zero, "0") in [(pytest.approx(at), t) for at, t in axis.ticks]
    for row in rows:
        assert row.span is not None and row.middle is not None
        assert 0 < row.span[0] < row.middle < row.span[1] < 100
    assert rows[0].span is not None and rows[0].span[0] > zero
    assert rows[0].p == "< 0.001" and rows[3].p == ""


def test_an_interval_for_all_comparisons_at_once_is_drawn_where_there_is_one(
    tmp_path: Path,
) -> None:
    results = study_results.study(seeds=1, rows=1, images=1)
    results["comparisons"][0]["joint_interval"] = [-0.4, 0.5]
    rows = verdicts(results, axis_of(results["comparisons"]))
    assert rows[0].joint is not None and rows[1].joint is None
    lowest = min(row.span[0] for row in rows if row.span)
    assert 0 < rows[0].joint[0] < lowest < 100 > rows[0].joint[1]
    page = write_study_page(results, tmp_path / "study.html").read_text("utf-8")
    assert page.count('class="joint"') == 1 and "all comparisons at once" in page


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"first": "x", "difference": math.nan, "interval": [None, 1.0], "verdict": None},
        {"difference": 0.0, "interval": [0.0, 0.0], "verdict": "a word of its own"},
        {"difference": 1e-9, "interval": []},
        {"difference": -5e7, "interval": [-6e7, -4e7], "p": 1.0, "verdict": "worse"},
    ],
)
def test_a_comparison_without_some_of_its_parts_is_still_told(
    entry: dict[str, Any], tmp_path: Path
) -> None:
    results = {"comparisons": [entry]}
    axis = axis_of([entry])
    (row,) = verdicts(results, axis)
    assert (row.span is None) == (row.interval == "")
    assert len({text for _, text in axis.ticks}) == len(axis.ticks) > 1
    page = write_study_page(results, tmp_path / "study.html").read_text("utf-8")
    assert row.verdict in page


def test_unfinished_runs_say_why_and_borrow_the_reason_of_their_configuration() -> None:
    results = study_results.study(seeds=2)
    told = unfinished(results)
    assert {run["status"] for run in told} == {"failed", "pruned", "cut"}
    why = {run["status"]: run["why"] for run in told}
    assert why["failed"].startswith("the loss became nan")
    assert why["pruned"] == results["configurations"][-1]["dropped"]["why"]
    assert why["cut"] == "no reason was recorded"
    assert counted(results) == "48 runs: 45 done, 1 cut, 1 pruned, 1 failed"
    assert counted({}) == "0 runs"


# --- pictures -------------------------------------------------------------------------------------


def test_class_maps_keep_their_colours_and_photos_their_shape(tmp_path: Path) -> None:
    truth = np.zeros((500, 300), np.uint8)
    truth[:, 150:], truth[:50] = 2, IGNORE
    photo = np.full((500, 300, 3), (10, 200, 30), np.uint8)
    album = make_album(["a"], [], COLORS, {"a": Picture(photo, truth)}, tmp_path)
    small, image = opened(album.pictures[0]["truth"]), opened(album.pictures[0]["image"])
    assert small.size == image.size == (154, 256) and image.format == "JPEG"
    colors = {color for _, color in small.convert("RGB").getcolors()}
    assert colors == {(0xDF, 0xE3, 0xE6), (0xE9, 0xC4, 0x6A), (0x9A, 0x9A, 0x9A)}


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_predictions_of_every_kind_show_the_same_colours(mode: str, tmp_path: Path) -> None:
    classes = np.arange(4, dtype=np.uint8).repeat(8).reshape(8, 4)
    palette = [int(color[k : k + 2], 16) for color in COLORS for k in (1, 3, 5)]
    picture = Image.fromarray(classes, "P" if mode != "L" else "L")
    if mode != "L":
        picture.putpalette(palette)
    (tmp_path / "c 1").mkdir()
    picture.convert(mode).save(tmp_path / "c 1" / "ü.png")
    album = make_album(["ü"], ["other", "c 1"], COLORS, {}, tmp_path)
    assert album.pictures[0]["image"] is None and list(album.pictures[0]["predictions"]) == [1]
    shown = np.asarray(opened(album.pictures[0]["predictions"][1]).convert("RGB"))
    assert (shown == np.array(palette).reshape(4, 3)[classes]).all()


def test_what_is_transparent_in_a_class_map_is_shown_as_invalid(tmp_path: Path) -> None:
    classes = np.array([[0, 1], [IGNORE, 1]], np.uint8)
    picture = Image.fromarray(classes, "P")
    picture.putpalette([*bytes.fromhex("dfe3e6c8553d"), *[0] * 762])
    (tmp_path / "c").mkdir()
    picture.save(tmp_path / "c" / "a.png", transparency=IGNORE)
    given = {"a": Picture(truth=(tmp_path / "c" / "a.png").read_bytes())}
    album = make_album(["a"], ["c"], COLORS, given, tmp_path)
    for uri in (album.pictures[0]["truth"], album.pictures[0]["predictions"][0]):
        shown = np.asarray(opened(uri).convert("RGB"))
        assert shown[1, 0].tolist() == [0x9A] * 3 and shown[0, 1].tolist() == [0xC8, 0x55, 0x3D]


def test_pictures_that_are_broken_or_elsewhere_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "predictions" / "c").mkdir(parents=True)
    Image.new("L", (64, 64)).save(tmp_path / "whole.png")
    cut = (tmp_path / "whole.png").read_bytes()[:60]
    (tmp_path / "predictions" / "c" / "a.png").write_bytes(cut)
    stems, names = ["a", "../whole", "", "b"], ["c", "..", ".", "c/.."]
    given = {"b": Picture(b"no picture", cut)}
    album = make_album(stems, names, COLORS, given, tmp_path / "predictions")
    assert sorted(album.pictures) == [0, 3] and not album.pictures[0]["predictions"]
    assert sorted(album.unreadable) == ["c/a.png", "image of b", "truth of b"]


def test_pictures_shrink_and_then_are_left_out_to_keep_the_page_light(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    noise = {str(k): Picture(rng.integers(0, 255, (256, 256, 3), np.uint8)) for k in range(20)}
    for room, side in ((2_000_000, 256), (250_000, 128), (30_000, 64)):
        monkeypatch.setattr(pictures, "MOST_BYTES", room)
        album = make_album(list(noise), [], COLORS, noise, tmp_path)
        weight = sum(len(entry["image"]) for entry in album.pictures.values())
        assert weight <= room and len(album.pictures) + album.left_out == 20
        assert max(opened(album.pictures[0]["image"]).size) == side
        assert (album.left_out > 0) == (room == 30_000)


# --- the page -------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Counts the tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}


def test_no_name_of_a_study_becomes_a_tag(tmp_path: Path) -> None:
    results = study_results.study(seeds=1, rows=2, images=2)
    text = json.dumps(results)
    for name in ("Encoders on roofs", "mean_iou", "resnet18", "tile_00", "roof", "failed", "c01"):
        text = text.replace(f'"{name}"', json.dumps(EVIL + name))
    page = write_study_page(json.loads(text), tmp_path / "study.html").read_text("utf-8")
    tags = Tags(page)
    assert "img" not in tags.names and tags.names.count("script") == 3
    assert not any(name.startswith("on") for name in tags.attributes)
    assert data_of(page)["metric"] == EVIL + "mean_iou"


def test_the_page_names_nothing_outside_itself(tmp_path: Path) -> None:
    page = write_study_page(study_results.study(seeds=1), tmp_path / "study.html").read_text(
        "utf-8"
    )
    assert "default-src 'none'" in page
    addresses = set(re.findall(r"https?://[^\s\"'`]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"@import|url\(|<iframe|<object|fetch\(|XMLHttpRequest", page)


def test_two_hundred_runs_with_large_pictures_stay_below_12_mb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = study_results.study(seeds=17, folds=1, rows=200, images=50)
    page = write_study_page(results, tmp_path / "study.html")
    # beside the most that pictures may take
    assert page.stat().st_size + pictures.MOST_BYTES < 12e6
    assert len(data_of(page.read_text("utf-8"))["runs"]) == 204


def test_a_page_that_can_not_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        write_study_page({}, tmp_path / "file" / "study.html")
