"""Audits with a model that knows what is bright: who judges what, what is said of it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine

from audits import make_audited, task_for, two_folds
from builders import make_spec, rectangles, write_png, write_tiff
from mapwright.auditing.conduct import _remembered, conduct
from mapwright.auditing.places import choose_side, find_places
from mapwright.auditing.result import Audit
from mapwright.auditing.words import names_in_words, share_words
from mapwright.data.dataset import Dataset
from mapwright.data.splits import Fold
from mapwright.errors import DatasetError, SettingError
from mapwright.io.files import write_csv


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return make_audited(tmp_path / "a æ ö")


def words_of(audit: Audit, name: str) -> str:
    return "; ".join(next(s for s in audit.suspects if s.name == name).suspected)


def test_a_copied_mask_is_first_and_the_image_that_it_belongs_to_is_named(dataset: Dataset) -> None:
    audit = conduct(task_for(dataset, two_folds(dataset)))
    first = audit.suspects[0]
    assert (first.rank, first.name, first.probable, first.about) == (1, "03", True, "class 1")
    assert first.same == ("07",)
    assert first.suspected[0] == "its mask is the same as that of 07, and fits that image better"
    assert any(text.startswith("missing: the mask has no class 1") for text in first.suspected)
    assert any(text.startswith("extra: the mask has class 1") for text in first.suspected)
    assert words_of(audit, "07") == "its mask is the same as that of 03"
    assert audit.probable == 1
    assert audit.summary == "12 images judged: 1 mask is probably wrong"
    assert [s.score for s in audit.suspects[1:]] == [0.0] * 11
    sizes = [spot.sure for spot in first.spots]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 < sum(sizes) <= round(first.share * (64 * 64 - 8 * 8)) + 1


def test_exchanged_masks_are_said_to_fit_each_other(tmp_path: Path) -> None:
    dataset = make_audited(tmp_path, copied=False)
    one, two = (tmp_path / "masks" / f"{name}.png" for name in ("02", "09"))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    audit = conduct(task_for(dataset, two_folds(dataset)))
    assert {s.name: s.better for s in audit.suspects[:2]} == {"02": "09", "09": "02"}
    assert "the mask fits the image 09 far better than its own" in words_of(audit, "02")
    assert audit.probable == 2


def test_where_every_mask_is_right_the_audit_says_so(tmp_path: Path) -> None:
    dataset = make_audited(tmp_path, copied=False)
    audit = conduct(task_for(dataset, two_folds(dataset)))
    assert audit.summary == "12 images judged: no mask is probably wrong"
    assert words_of(audit, "00") == "the model is sure of nothing that speaks against it"
    assert all(s.spots == () and s.share == 0 for s in audit.suspects)


def test_only_members_that_never_saw_an_image_judge_it(dataset: Dataset) -> None:
    folds = [
        Fold(train=("00", "01", "02", "03"), val=("04",)),
        Fold(train=("00", "01", "02", "04"), val=("03",)),
    ]
    ancestor = dataset.choose(["05"])[0].digest()
    task = task_for(dataset, folds, [ancestor])
    places, skipped = find_places(task.model, dataset)
    assert {place.item.stem: place.members for place in places} == {
        "03": (1,), "04": (0,), **{f"{k:02d}": (0, 1) for k in range(6, 12)}
    }  # fmt: skip
    reasons = {entry.name: entry.reason for entry in skipped}
    assert set(reasons) == {"00", "01", "02", "05"}
    assert reasons["00"] == "each of the 2 members of the model learnt from it"
    assert reasons["05"] == "the model that this one started from learnt from it"
    audit = conduct(task)
    asked = task.model.asked  # type: ignore[attr-defined]
    assert set(asked) == {(1,), (0,), (0, 1)}
    assert audit.suspects[0].name == "03"
    assert audit.suspects[0].plain()["members"] == [2]


def test_a_copy_of_a_mask_that_nobody_can_judge_is_known_too(dataset: Dataset) -> None:
    stems = tuple(f"{k:02d}" for k in range(12) if k != 3)
    audit = conduct(task_for(dataset, [Fold(train=stems, val=("03",))]))
    assert words_of(audit, "03").startswith("its mask is the same as that of 07; ")
    assert audit.notes == ("with 1 judged, what is usual is hardly known",)
    assert {entry.reason for entry in audit.skipped} == {"the model learnt from it"}


def test_images_of_one_place_may_share_a_mask(tmp_path: Path) -> None:
    dataset = make_audited(tmp_path, split={"together": [["03", "07"]]})
    audit = conduct(task_for(dataset, two_folds(dataset)))
    assert all(not suspect.same for suspect in audit.suspects)


def test_without_a_held_out_image_there_is_one_clear_error(dataset: Dataset) -> None:
    stems = tuple(item.stem for item in dataset.labelled)
    with pytest.raises(DatasetError, match="no image can be audited: the model learnt") as caught:
        conduct(task_for(dataset, [Fold(train=stems, val=())]))
    assert "all 12" in str(caught.value)
    assert "--folds 5" in str(caught.value)


def test_data_without_masks_are_refused(tmp_path: Path) -> None:
    dataset = make_audited(tmp_path)
    for path in (tmp_path / "masks").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="none has a mask"):
        conduct(task_for(dataset, [Fold(train=(), val=())]))


def scene(root: Path, spoilt: bool = True) -> Dataset:
    """A georeferenced scene of 300 x 520 pixels whose mask lacks a roof of 24 x 30 pixels."""
    rng = np.random.default_rng(5)
    pixels = rng.integers(20, 80, (3, 300, 520), np.uint8)
    mask = np.zeros((300, 520), np.uint8)
    for row, col in ((10, 20), (20, 300), (60, 470), (150, 60), (170, 400), (250, 220)):
        mask[row : row + 24, col : col + 30] = 255
    pixels[:, mask > 0] += 120
    pixels[:, 290:, 500:] = 0
    if spoilt:
        mask[170:194, 400:430] = 0
    place = Affine(0.5, 0, 4e5, 0, -0.5, 5.8e6)
    write_tiff(root / "images" / "x.tif", pixels, crs="EPSG:32633", transform=place, nodata=0)
    write_png(root / "masks" / "x.png", mask)
    return Dataset(root, make_spec(images="images/*.tif"))


def test_a_large_scene_is_judged_in_blocks_with_places_on_the_map(tmp_path: Path) -> None:
    dataset = scene(tmp_path)
    audit = conduct(task_for(dataset, [Fold(train=(), val=("x",))], rows=37), block=100)
    assert audit.unit == "block"
    assert len(audit.suspects) == 3 * 5
    first = audit.suspects[0]
    assert first.name == "x[100:200,312:416]"
    assert first.probable
    spot = first.spots[0]
    assert (spot.kind, spot.pixels, spot.sure, spot.whole) == ("missing", 384, 384, True)
    assert tuple(spot.window) == (170, 400, 24, 16)  # the rest lies in the next block
    assert spot.middle == pytest.approx((4e5 + 0.5 * 408, 5.8e6 - 0.5 * 182))
    assert {s.name for s in audit.suspects[:2]} == {first.name, "x[100:200,416:520]"}
    assert spot.plain()["x"] == spot.middle[0]  # type: ignore[index]


@pytest.mark.parametrize("rows", [1, 7, 100, 300])
def test_strips_of_any_height_give_the_same_audit(tmp_path: Path, rows: int) -> None:
    dataset = scene(tmp_path)
    folds = [Fold(train=(), val=("x",))]
    usual = conduct(task_for(dataset, folds), block=100)
    assert conduct(task_for(dataset, folds, rows=rows), block=100).plain() == usual.plain()


def test_of_a_scene_learnt_from_in_parts_the_held_out_parts_are_judged(tmp_path: Path) -> None:
    dataset = scene(tmp_path)
    left, right = "x[0:300,0:260]", "x[0:300,260:520]"
    audit = conduct(task_for(dataset, [Fold(train=(left,), val=(right,))]), block=300)
    assert [s.name for s in audit.suspects] == [right]
    assert [(e.name, e.reason) for e in audit.skipped] == [
        ("x", "what is not held out in any fold was left out")
    ]
    # its corner lies at column 260 of the scene
    assert tuple(audit.suspects[0].spots[0].window) == (170, 400, 24, 30)
    assert audit.suspects[0].spots[0].middle == pytest.approx((4e5 + 207.5, 5.8e6 - 91))


def test_what_is_invalid_or_ignored_speaks_against_nothing(tmp_path: Path) -> None:
    dataset = make_audited(tmp_path, copied=False, mask={"ignore": [99]})
    path = tmp_path / "masks" / "03.png"
    _, mask = rectangles(3, 64, 4)
    wrong = np.where(mask, 99, 0).astype(np.uint8)  # every roof is unlabelled
    wrong[:8, :8] = 255  # and a roof lies where the image is transparent
    write_png(path, wrong)
    audit = conduct(task_for(dataset, two_folds(dataset)))
    assert next(s for s in audit.suspects if s.name == "03").score == 0
    write_png(path, np.full((64, 64), 99, np.uint8))
    audit = conduct(task_for(dataset, two_folds(dataset)))
    assert "03" not in {s.name for s in audit.suspects}
    assert audit.notes == ("1 without a valid, labelled pixel are not in the ranking",)


def test_of_more_classes_the_pair_is_named_and_of_counted_ones_the_objects(tmp_path: Path) -> None:
    dataset = make_audited(tmp_path / "three", copied=False)
    three = [
        {"name": name, "values": [value], "color": "#123456", "objects": value == 255}
        for name, value in (("grass", 0), ("crop", 7), ("ship", 255))
    ]
    dataset = Dataset(dataset.root, make_spec(classes=three, valid={"alpha": True}))
    path = dataset.root / "masks" / "04.png"
    _, mask = rectangles(4, 64, 4)
    write_png(path, np.where(mask, 7, 0).astype(np.uint8))
    audit = conduct(task_for(dataset, two_folds(dataset)))
    first = audit.suspects[0]
    assert first.name == "04"
    assert first.suspected[0].startswith("the mask says crop where the model is sure of ship, on ")
    assert first.suspected[0].endswith("whole objects)")
    assert {spot.kind for spot in first.spots} == {"confused"}


def test_blocks_are_chosen_by_number_and_size_of_images() -> None:
    assert choose_side([(300, 200)] * 10) == 300
    assert choose_side([(300, 200)] * 9) == 256
    assert choose_side([(300, 2000)] * 10) == 256
    assert choose_side([(300, 2000)], 500) == 500
    with pytest.raises(SettingError, match="blocks of 8 pixels"):
        choose_side([(300, 200)], 8)


def test_an_image_of_one_pixel_is_judged(tmp_path: Path) -> None:
    dataset = make_audited(tmp_path, copied=False)
    write_png(tmp_path / "images" / "00.png", np.full((4, 1, 1), 255, np.uint8))
    write_png(tmp_path / "masks" / "00.png", np.zeros((1, 1), np.uint8))
    audit = conduct(task_for(dataset, two_folds(dataset)))
    assert audit.suspects[0].name == "00"
    assert audit.suspects[0].share == 1


def test_the_table_has_a_row_for_each_image_judged_or_not(dataset: Dataset, tmp_path: Path) -> None:
    digest = dataset.choose(["05"])[0].digest()
    audit = conduct(task_for(dataset, two_folds(dataset), [digest]))
    write_csv(tmp_path / "out.csv", audit.rows())
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert (rows[0]["rank"], rows[0]["image"], rows[0]["probably_wrong"]) == ("1", "03", "yes")
    assert rows[0]["same_mask"] == "07"
    largest = audit.suspects[0].spots[0]
    assert rows[0]["kind"] == largest.kind
    assert [int(rows[0][key]) for key in ("row", "col")] == list(largest.window[:2])
    assert (rows[-1]["rank"], rows[-1]["image"]) == ("", "05")
    assert rows[-1]["suspected"].startswith("not audited: ")
    json.dumps(audit.plain(), allow_nan=False)


def test_a_run_remembers_its_data_or_says_that_they_are_gone(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing says where the data are"):
        _remembered(tmp_path)
    told = tmp_path / "environment.json"
    told.write_text(json.dumps({"data": str(tmp_path / "gone")}))
    with pytest.raises(DatasetError, match="not there any more") as caught:
        _remembered(tmp_path)
    assert "--data" in str(caught.value)
    told.write_text(json.dumps({"data": str(tmp_path)}))
    assert _remembered(tmp_path) == tmp_path == _remembered(tmp_path / "model.safetensors")


def test_shares_and_names_are_written_as_people_write_them() -> None:
    assert [share_words(s) for s in (0.123, 0.0345, 0.0002, 1.0)] == [
        "12 %", "3.5 %", "0.02 %", "100 %"
    ]  # fmt: skip
    assert [names_in_words(list("abcde")[:n]) for n in (1, 2, 3, 5)] == [
        "a", "a and b", "a, b and c", "a, b, c and 2 more"
    ]  # fmt: skip
