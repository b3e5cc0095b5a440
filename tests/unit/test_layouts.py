from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from builders import write_png, write_tiff
from mapwright.data.layouts import find_layout
from mapwright.data.patterns import match_files
from mapwright.errors import DatasetError

RNG = np.random.default_rng(0)


def fill(root: Path, patterns: Sequence[tuple[str, int]], stems: Sequence[str] = "123") -> Path:
    """Write a file for every stem and pattern; the number is the count of its bands."""
    for pattern, bands in patterns:
        for stem in stems:
            path = root / pattern.replace("*", stem)
            if bands == 1:
                pixels = RNG.integers(0, 2, (1, 16, 16), np.uint8)
            else:
                pixels = RNG.integers(0, 255, (bands, 16, 16), np.uint8)
            if path.suffix.startswith(".tif"):
                write_tiff(path, pixels, photometric="minisblack")
            else:
                write_png(path, pixels[0] if bands == 1 else pixels)
    return root


@pytest.mark.parametrize(
    ("images", "masks", "bands"),
    [
        ("images/*.png", "labels/*.png", 4),
        ("images/*.tif", "labels/*.png", 12),
        ("Images/*.tif", "Masks/*.tif", 8),
        ("img_dir/*.png", "ann_dir/*.png", 3),
        ("img_dir/train/*.png", "ann_dir/train/*.png", 3),
        ("*_sat.jpg", "*_mask.png", 3),
        ("train/*_sat.jpg", "train/*_mask.png", 3),
        ("*.jpg", "*_mask.png", 3),
        ("*.tif", "*_label.tif", 4),
        ("sat/*.tif", "gt/*.tif", 4),
        ("rgb/*.png", "classes/*.png", 3),
        ("a/b/images/*.png", "a/b/truth/*.png", 3),
        ("images/*.png", "masks/*.png", 1),
        ("images/*.jpg", "masks/*_mask.png", 3),
        ("img_dir/*.png", "ann_dir/*.png", 1),
        ("data/img_dir/*.png", "data/ann_dir/*.png", 1),
        ("sat/*.png", "gt/*.png", 1),
        ("img_*.png", "mask_*.png", 3),
        ("images/img_*.png", "masks/mask_*.png", 3),
        ("sen2_scene_*.tif", "sen2_truth_*.tif", 6),
        ("*.jpg", "*.png", 3),
    ],
)
def test_images_and_masks_are_told_apart(
    tmp_path: Path, images: str, masks: str, bands: int
) -> None:
    layout, reasons = find_layout(fill(tmp_path, [(images, bands), (masks, 1)]))
    assert (layout.images, layout.masks) == (images, masks)
    assert reasons["images"].startswith("3 files")
    assert "3 with the stem of an image" in reasons["masks"]


@pytest.mark.parametrize("tail", ["", "_sat"])
def test_names_that_end_in_the_same_words_stay_whole(tmp_path: Path, tail: str) -> None:
    stems = ["austin_1", "austin_2", "chicago_1", "chicago_2"]
    fill(tmp_path, [(f"*{tail}.png", 3), ("*_mask.png", 1)], stems)
    layout, reasons = find_layout(tmp_path)
    assert (layout.images, layout.masks) == (f"*{tail}.png", "*_mask.png")
    assert reasons["masks"].startswith("4 files, 4 with the stem")


def test_several_endings_in_one_folder_share_one_pattern(tmp_path: Path) -> None:
    fill(tmp_path, [("images/*.png", 3), ("masks/*.png", 1)], "12")
    fill(tmp_path, [("images/*.jpg", 3), ("masks/*.png", 1)], "34")
    layout, reasons = find_layout(tmp_path)
    assert layout.images == "images/*"
    assert "4 with the stem of an image" in reasons["masks"]


def test_images_without_mask_and_masks_without_image_do_not_disturb(tmp_path: Path) -> None:
    fill(tmp_path, [("images/*.png", 3)], "12345")
    fill(tmp_path, [("labels/*.png", 1)], "3456789")
    layout, reasons = find_layout(tmp_path)
    assert (layout.images, layout.masks) == ("images/*.png", "labels/*.png")
    assert reasons["images"] == "5 files"
    assert reasons["masks"].startswith("7 files, 3 with the stem")


def test_the_pair_with_most_common_stems_is_taken(tmp_path: Path) -> None:
    for folder, stems in (("a", "12"), ("b", "12345"), ("c", "123")):
        fill(tmp_path / folder, [("images/*.png", 3), ("masks/*.png", 1)], stems)
    layout, _ = find_layout(tmp_path)
    assert (layout.images, layout.masks) == ("b/images/*.png", "b/masks/*.png")


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, [("images/*.png", 3), ("masks/*.png", 1)])
    (tmp_path / "images" / "1.png.aux.xml").write_text("<a/>")
    (tmp_path / "README.md").write_text("text")
    (tmp_path / "notes_mask.txt").write_text("text")
    assert find_layout(tmp_path)[0].masks == "masks/*.png"


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, [("images/*.png", 3), ("masks/*.png", 1)])
    for folder in ("images", "masks"):
        (tmp_path / folder / "._1.png").write_bytes(b"what macOS leaves behind")
    layout, reasons = find_layout(tmp_path)
    assert layout.masks == "masks/*.png"
    assert reasons["images"] == "3 files"


def test_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, [("images/*.png", 3), ("masks/*.png", 1)], "12")
    fill(tmp_path / ".checkpoints", [("images/*.png", 3), ("masks/*.png", 1)], "12345")
    assert find_layout(tmp_path)[0].images == "images/*.png"


@pytest.mark.parametrize("damaged", ["images/1.png", "masks/1.png"])
def test_a_damaged_first_file_does_not_stop_the_search(tmp_path: Path, damaged: str) -> None:
    fill(tmp_path, [("images/*.png", 3), ("masks/*.png", 1)])
    path = tmp_path / damaged
    path.write_bytes(path.read_bytes()[:50])
    layout, _ = find_layout(tmp_path)
    assert (layout.images, layout.masks) == ("images/*.png", "masks/*.png")


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("text")
    with pytest.raises(DatasetError) as caught:
        find_layout(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert ".tif" in str(caught.value)


@pytest.mark.parametrize("patterns", [[("images/*.png", 3)], [("a/*.png", 3), ("b/*.png", 3)]])
def test_images_without_masks_are_listed(tmp_path: Path, patterns: list[tuple[str, int]]) -> None:
    with pytest.raises(DatasetError, match=r"no masks found") as caught:
        find_layout(fill(tmp_path, patterns))
    assert f"{patterns[0][0]} (3)" in str(caught.value)


def test_masks_whose_stems_fit_no_image_are_no_masks(tmp_path: Path) -> None:
    fill(tmp_path, [("images/*.png", 3)], "123")
    fill(tmp_path, [("masks/*.png", 1)], "789")
    with pytest.raises(DatasetError, match="no masks found that fit"):
        find_layout(tmp_path)


@pytest.mark.parametrize(
    ("images", "masks", "train", "val"),
    [
        ("{}_scene/{}_scene_*.tif", "{}_truth/{}_truth_*.tif", "tra", "val"),
        ("images/{}/*.png", "masks/{}/*.png", "train", "val"),
        ("{}/images/*.png", "{}/labels/*.png", "training", "validation"),
        ("{}/*_sat.jpg", "{}/*_mask.png", "train", "dev"),
    ],
)
def test_folders_for_train_and_val_are_a_given_split(
    tmp_path: Path, images: str, masks: str, train: str, val: str
) -> None:
    for side, stems in ((train, "0123"), (val, "01")):
        both = [(images.replace("{}", side), 3), (masks.replace("{}", side), 1)]
        fill(tmp_path, both, stems)
    layout, reasons = find_layout(tmp_path)
    words = "{" + f"{train},{val}" + "}"
    assert layout.images == images.replace("{}", words)
    assert layout.masks == masks.replace("{}", words)
    assert layout.split == {"by": "given", "given": {"train": [f"{train}_*"], "val": [f"{val}_*"]}}
    assert reasons["images"] == "6 files"
    found = match_files(tmp_path, layout.images)
    assert [stem for stem in found if stem[0] == train[0]][:2] == [f"{train}_0", f"{train}_1"]
    assert match_files(tmp_path, layout.masks or "").keys() == found.keys()


def test_a_test_set_is_left_out_and_one_without_masks_is_for_prediction(tmp_path: Path) -> None:
    for side in ("train", "val", "test"):
        fill(tmp_path, [(f"images/{side}/*.png", 3)], "012")
    for side in ("train", "val"):
        fill(tmp_path, [(f"masks/{side}/*.png", 1)], "012")
    layout, _ = find_layout(tmp_path)
    assert layout.images == "images/{train,val,test}/*.png"
    assert layout.masks == "masks/{train,val}/*.png"
    fill(tmp_path, [("masks/test/*.png", 1)], "012")
    layout, reasons = find_layout(tmp_path)
    assert layout.split and layout.split["given"]["val"] == ["val_*"]
    assert "test is left out of both" in reasons["split"]


def test_a_single_side_is_no_split(tmp_path: Path) -> None:
    fill(tmp_path, [("images/train/*.png", 3), ("masks/train/*.png", 1)])
    layout, _ = find_layout(tmp_path)
    assert (layout.images, layout.split) == ("images/train/*.png", None)


def test_a_table_of_runs_holds_the_masks(tmp_path: Path) -> None:
    fill(tmp_path, [("train_v2/*.jpg", 3)], "123")
    fill(tmp_path, [("more/*.jpg", 3)], "789")
    (tmp_path / "some.csv").write_text("ImageId,EncodedPixels\n7.jpg,1 2\n")
    rows = "".join(f"{k}.jpg,1 {k}\n" for k in "123")
    (tmp_path / "all_the_runs.csv").write_text("ImageId,EncodedPixels\n" + rows)
    (tmp_path / "readme.csv").write_text("a,b\n1,2\n")
    layout, reasons = find_layout(tmp_path)
    assert (layout.images, layout.masks) == ("train_v2/*.jpg", None)
    assert layout.source == "rle:all_the_runs.csv"
    assert "EncodedPixels" in reasons["mask.source"]


@pytest.mark.parametrize(
    ("files", "masks"),
    [(["all.geojson"], "all.geojson"), (["gt/1.gpkg", "gt/2.gpkg"], "gt/*.gpkg")],
)
def test_vector_files_are_masks(tmp_path: Path, files: list[str], masks: str) -> None:
    fill(tmp_path, [("images/*.tif", 3)])
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    layout, _ = find_layout(tmp_path)
    assert (layout.images, layout.masks, layout.source) == ("images/*.tif", masks, "polygons")


def test_raster_masks_win_over_vector_files(tmp_path: Path) -> None:
    fill(tmp_path, [("images/*.tif", 3), ("masks/*.tif", 1)])
    (tmp_path / "footprint.geojson").write_text("{}")
    assert find_layout(tmp_path)[0].source == "file"
