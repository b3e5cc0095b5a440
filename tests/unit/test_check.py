import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import make_dataset, make_spec, rectangles, write_png
from mapwright.data.check import CheckReport, Finding, check
from mapwright.data.dataset import Dataset
from mapwright.data.describe import open_dataset
from mapwright.errors import DatasetError

RNG = np.random.default_rng(0)


def look(root: Path, **changes: Any) -> CheckReport:
    return check(Dataset(root, make_spec(**changes)))


def only(report: CheckReport) -> Finding:
    assert len(report.findings) == 1, report.findings
    return report.findings[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six sound pairs of RGB pictures."""
    return make_dataset(tmp_path / "data", bands=3)


def image(root: Path, stem: str, pixels: np.ndarray) -> None:
    write_png(root / "images" / f"{stem}.png", pixels)


def mask(root: Path, stem: str, values: np.ndarray) -> None:
    write_png(root / "masks" / f"{stem}.png", values)


def test_a_sound_folder_has_no_findings_and_is_counted(root: Path) -> None:
    report = look(root)
    positive = sum(int(rectangles(number)[1].sum()) for number in range(6))
    assert report.findings == []
    assert not report.harmful
    assert (report.images, report.labelled, report.excluded) == (6, 6, ())
    assert report.class_pixels == [6 * 64 * 64 - positive, positive]
    assert report.class_images == [6, 6]
    assert json.loads(json.dumps(report.plain()))["harmful"] is False


def test_nothing_is_written(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    look(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_a_missing_mask_is_a_note_and_a_missing_image_a_warning(root: Path) -> None:
    (root / "masks" / "01.png").unlink()
    (root / "images" / "04.png").unlink()
    report = look(root)
    assert [(f.level, f.kind, f.stems) for f in report.findings] == [
        ("warning", "missing image", ("04.png",)),
        ("note", "missing mask", ("01",)),
    ]
    assert (report.images, report.labelled) == (5, 4)
    assert not report.harmful


def test_no_mask_at_all_is_an_error(root: Path) -> None:
    report = look(root, masks=None)
    assert [f.kind for f in report.findings] == ["no masks", "missing mask"]
    assert report.harmful
    assert report.class_pixels == [0, 0]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no image found"):
        look(tmp_path)


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_an_unreadable_file_is_named_and_the_others_still_count(root: Path, folder: str) -> None:
    path = root / folder / "02.png"
    path.write_bytes(path.read_bytes()[:-20])
    report = look(root)
    found = only(report)
    assert (found.level, found.kind, found.stems) == ("error", "unusable file", ("02",))
    assert str(path) in found.text
    assert "can't be read" in found.text
    assert found.advice
    assert sum(report.class_pixels) == 5 * 64 * 64


def test_a_damaged_first_image_is_reported_without_a_description(root: Path) -> None:
    path = root / "images" / "00.png"
    path.write_bytes(path.read_bytes()[:60])
    found = only(check(open_dataset(root)))
    assert (found.kind, found.stems) == ("unusable file", ("00",))


def test_a_mask_of_other_size_is_named_with_both_sizes(root: Path) -> None:
    mask(root, "03", np.zeros((32, 64), np.uint8))
    found = only(look(root))
    assert (found.level, found.stems) == ("error", ("03",))
    assert "32 x 64" in found.text
    assert "64 x 64" in found.text


def test_an_undeclared_value_is_named_with_count_and_file(root: Path) -> None:
    values = np.zeros((64, 64), np.uint8)
    values[0, :5] = 17
    mask(root, "03", values)
    found = only(look(root))
    assert (found.level, found.stems) == ("error", ("03",))
    assert "17 (5 pixels)" in found.text
    assert str(root / "masks" / "03.png") in found.text
    assert "ignore" in found.advice


def test_an_undeclared_value_under_invalid_pixels_is_still_found(root: Path) -> None:
    pixels, _ = rectangles(3)
    pixels[:, 0] = 0
    image(root, "03", pixels)
    values = np.zeros((64, 64), np.uint8)
    values[0, :5] = 17
    mask(root, "03", values)
    assert "17 (5 pixels)" in only(look(root, valid={"nodata": 0})).text


def test_a_constant_image(root: Path) -> None:
    image(root, "03", np.full((3, 64, 64), 77, np.uint8))
    found = only(look(root))
    assert (found.level, found.kind, found.stems) == ("error", "constant image", ("03",))
    assert "77" in found.text


def test_an_image_that_is_constant_where_it_is_valid(root: Path) -> None:
    pixels = np.full((3, 64, 64), 77, np.uint8)
    pixels[:, :9] = 0
    image(root, "03", pixels)
    assert only(look(root, valid={"nodata": 0})).kind == "constant image"


def test_a_wholly_invalid_image(root: Path) -> None:
    image(root, "03", np.zeros((3, 64, 64), np.uint8))
    report = look(root, valid={"nodata": 0})
    found = only(report)
    assert (found.level, found.kind, found.stems) == ("error", "invalid image", ("03",))
    assert sum(report.class_pixels) == 5 * 64 * 64


def test_wholly_invalid_images_are_not_called_duplicates(root: Path) -> None:
    for stem in ("03", "04"):
        image(root, stem, np.zeros((3, 64, 64), np.uint8))
    report = look(root, valid={"nodata": 0})
    assert [f.kind for f in report.findings] == ["invalid image", "invalid image"]


def test_an_image_whose_labels_all_lie_on_invalid_pixels(root: Path) -> None:
    pixels, _ = rectangles(3)
    pixels[:, :32] = 0
    image(root, "03", pixels)
    values = np.full((64, 64), 9, np.uint8)
    values[:32] = 255
    mask(root, "03", values)
    found = only(look(root, valid={"nodata": 0}, mask={"ignore": [9]}))
    assert (found.level, found.kind, found.stems) == ("warning", "no labels", ("03",))


def test_the_same_image_twice_with_the_same_mask(root: Path) -> None:
    pixels, values = rectangles(1)
    image(root, "04", pixels)
    mask(root, "04", np.uint8(255) * values)
    found = only(look(root))
    assert (found.level, found.kind, found.stems) == ("warning", "duplicate image", ("01", "04"))
    assert "exclude all but one" in found.advice


def test_the_same_image_twice_with_different_masks(root: Path) -> None:
    image(root, "04", rectangles(1)[0])
    found = only(look(root))
    assert (found.level, found.kind, found.stems) == ("error", "duplicate image", ("01", "04"))
    assert "with different masks" in found.text


def test_the_same_image_twice_with_masks_of_one_class_each(root: Path) -> None:
    image(root, "04", rectangles(1)[0])
    mask(root, "01", np.zeros((64, 64), np.uint8))
    mask(root, "04", np.full((64, 64), 255, np.uint8))
    found = only(look(root))
    assert (found.level, found.kind) == ("error", "duplicate image")
    assert "with different masks" in found.text


def test_the_same_image_with_and_without_a_mask(root: Path) -> None:
    image(root, "04", rectangles(1)[0])
    (root / "masks" / "04.png").unlink()
    assert [(f.level, f.kind) for f in look(root).findings] == [
        ("warning", "duplicate image"),
        ("note", "missing mask"),
    ]


@pytest.mark.parametrize(
    ("stems", "text"), [(("04",), "one of the two masks"), (("03", "04"), "all but one")]
)
def test_the_same_mask_for_different_images(root: Path, stems: tuple[str, ...], text: str) -> None:
    for stem in stems:
        mask(root, stem, np.uint8(255) * rectangles(1)[1])
    found = only(look(root))
    assert (found.level, found.kind, found.stems) == ("error", "duplicate mask", ("01", *stems))
    assert text in found.text
    assert "wrong, or they show one place at several dates" in found.text


def test_one_place_at_several_dates_is_noted(root: Path) -> None:
    mask(root, "04", np.uint8(255) * rectangles(1)[1])
    assert only(look(root, split={"together": [["01", "04"]]})).level == "note"


def test_the_same_mask_is_found_though_other_pixels_are_invalid(root: Path) -> None:
    for number, stem in enumerate(("01", "04")):
        pixels, _ = rectangles(number)
        pixels[:, number] = 0
        image(root, stem, pixels)
        mask(root, stem, np.uint8(255) * rectangles(1)[1])
    first, second = look(root, valid={"nodata": 0}).findings
    assert (first.kind, first.stems) == ("duplicate mask", ("01", "04"))
    assert (second.kind, second.stems) == ("near-duplicate image", ("00", "01"))


@pytest.mark.parametrize("value", [0, 255])
def test_equal_masks_of_a_single_class_are_no_finding(root: Path, value: int) -> None:
    for stem in ("01", "02", "03"):
        mask(root, stem, np.full((64, 64), value, np.uint8))
    assert look(root).findings == []


def test_equal_values_in_another_shape_are_no_duplicates(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 255, (3, 8, 32), np.uint8)
    values = RNG.integers(0, 2, (8, 32), np.uint8) * 255
    for stem, shape in (("a", (8, 32)), ("b", (16, 16))):
        image(tmp_path, stem, pixels.reshape(3, *shape))
        mask(tmp_path, stem, values.reshape(shape))
    assert look(tmp_path).findings == []


def test_duplicates_differ_in_bytes_of_the_file_but_not_in_pixels(root: Path) -> None:
    write_png(root / "images" / "04.png", rectangles(1)[0], compress_level=1)
    mask(root, "04", np.uint8(255) * rectangles(1)[1])
    assert only(look(root)).kind == "duplicate image"


def test_one_of_two_classes_that_never_occurs_leaves_nothing_to_learn(root: Path) -> None:
    for number, path in enumerate(sorted((root / "masks").iterdir())):
        mask(root, path.stem, rectangles(number)[1].astype(np.uint8))  # 1 where 255 is expected
    found = [f for f in look(root, mask={"threshold": 128}).findings if f.kind == "empty class"]
    assert [f.level for f in found] == ["error"]
    assert "[mask] threshold" in found[0].advice


def test_a_class_that_never_occurs(root: Path) -> None:
    classes = [{"name": n, "values": [v], "color": "#123456"} for n, v in (("a", 0), ("b", 255))]
    classes += [{"name": n, "values": [v], "color": "#123456"} for n, v in (("c", 7), ("d", 8))]
    report = look(root, classes=classes)
    found = only(report)
    assert (found.level, found.kind) == ("warning", "empty class")
    assert "c and d" in found.text
    assert report.class_pixels[2:] == report.class_images[2:] == [0, 0]


def test_what_is_excluded_is_not_looked_at(root: Path) -> None:
    image(root, "03", np.full((3, 64, 64), 77, np.uint8))
    report = look(root, exclude=[{"stem": "03", "why": "constant"}])
    assert report.findings == []
    assert (report.images, report.excluded) == (5, ("03",))


def test_the_worst_comes_first(root: Path) -> None:
    (root / "masks" / "00.png").unlink()
    (root / "images" / "05.png").unlink()
    image(root, "03", np.full((3, 64, 64), 77, np.uint8))
    levels = [finding.level for finding in look(root).findings]
    assert levels == ["error", "warning", "note"]


def test_the_real_roofs(roofs: Path) -> None:
    report = check(open_dataset(roofs))
    errors = [finding for finding in report.findings if finding.level == "error"]
    assert [(f.kind, f.stems) for f in errors] == [("duplicate mask", ("270", "278"))]
    assert "one of the two masks is wrong" in errors[0].text
    assert "270 and 278" in errors[0].text
    notes = [(f.kind, f.stems) for f in report.findings if f.level != "error"]
    assert notes == [("missing mask", ("535", "537", "539", "551", "553"))]
