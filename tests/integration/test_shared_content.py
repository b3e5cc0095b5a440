"""Crops of larger scenes in one folder: `check` finds them, and splits keep them together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.ndimage import gaussian_filter

from builders import make_spec, write_png, write_tiff
from mapwright.cli import main
from mapwright.data.check import CheckReport, check
from mapwright.data.dataset import Dataset
from mapwright.data.group_file import read_groups, write_groups
from mapwright.errors import MapwrightError

GROUPS = {"aa", "ab", "ac"}, {"ba", "bb"}


def scene(seed: int, side: int = 420) -> np.ndarray:
    rng = np.random.default_rng(seed)
    field = sum(
        gaussian_filter(rng.normal(size=(3, side, side)), (0, s, s)) * s for s in (1.0, 4.0)
    )
    return np.clip(110 + 60 * field, 0, 255).astype(np.uint8)


def put(root: Path, stem: str, pixels: np.ndarray, **options: Any) -> None:
    """A JPEG image and a mask that is like no other."""
    write_png(root / "images" / f"{stem}.jpg", pixels, **({"quality": 88} | options))
    mask = np.zeros(pixels.shape[1:], np.uint8)
    mask[: 1 + sum(map(ord, stem)) % 100, : 1 + 3 * ord(stem[-1]) % 128] = 255
    write_png(root / "masks" / f"{stem}.png", mask)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three overlapping crops of one scene in a chain, two of another, seven of their own."""
    side = 256
    whole = scene(0, 640)
    for stem, row, col in (("aa", 0, 0), ("ab", 131, 90), ("ac", 230, 181)):
        put(tmp_path, stem, whole[:, row : row + side, col : col + side])
    whole = scene(1)
    put(tmp_path, "ba", whole[:, :side, :side])
    put(tmp_path, "bb", whole[:, 64 : 64 + side, :side], quality=75)
    for number in range(7):
        put(tmp_path, f"c{number}", scene(10 + number, side))
    return tmp_path


def look(root: Path, **split: Any) -> CheckReport:
    return check(Dataset(root, make_spec(images="images/*.jpg", split=split)))


def test_crops_of_one_scene_are_grouped_and_their_leak_is_an_error(root: Path) -> None:
    given = {"train": ["aa", "ba", "c[0-3]"], "val": ["ab", "ac", "c[4-6]"]}
    report = look(root, by="given", given=given)
    assert set(map(frozenset, report.groups)) == set(map(frozenset, GROUPS))
    (finding,) = report.findings
    assert (finding.level, finding.kind) == ("error", "shared content")
    assert set(finding.stems) == set.union(*GROUPS)
    assert "5 of 12 images" in finding.text
    assert "in 2 groups of up to 3" in finding.text
    assert "aa and ab share 166 columns x 125 rows" in finding.text
    assert "2 of 5 validation images" in finding.text
    assert "--groups" in finding.advice
    assert json.loads(json.dumps(report.plain()))["groups"] == [list(g) for g in report.groups]


def test_a_split_that_keeps_them_together_gets_a_note(root: Path) -> None:
    report = look(root, together=[["aa", "ab", "ac"], ["ba", "bb"]])
    (finding,) = report.findings
    assert finding.level == "note"
    assert "one side" in finding.text
    assert not report.harmful


def test_the_command_writes_the_groups_and_splits_use_them(root: Path) -> None:
    runner = CliRunner()
    first = runner.invoke(main, ["check", str(root), "--groups", str(root / "groups.csv")])
    assert first.exit_code in (0, 1), first.output
    assert "2 groups written" in first.output
    assert set(map(frozenset, read_groups(root / "groups.csv"))) == set(map(frozenset, GROUPS))
    write_groups(root / "groups.csv", [("aa", "stranger")])
    assert runner.invoke(main, ["check", str(root)]).exit_code == 2
    third = runner.invoke(main, ["check", str(root), "--groups", str(root / "groups.csv")])
    assert "2 groups written" in third.output
    again = runner.invoke(main, ["check", str(root), "--json"])
    assert again.exit_code == 0, again.output
    (finding,) = json.loads(again.stdout)["findings"]
    assert finding["level"] == "note"
    assert finding["advice"] == "nothing: [split] says so"
    written = runner.invoke(main, ["init", str(root)])
    assert 'groups = "groups.csv"' in written.output


def test_copies_are_said_once_and_grouped_all_the_same(root: Path) -> None:
    for stem in ("aa", "ab", "ac", "ba", "bb"):
        (root / "images" / f"{stem}.jpg").unlink()
        (root / "masks" / f"{stem}.png").unlink()
    (root / "images" / "d0.jpg").write_bytes((root / "images" / "c0.jpg").read_bytes())
    (root / "masks" / "d0.png").write_bytes((root / "masks" / "c0.png").read_bytes())
    put(root, "d1", scene(11, 256), quality=90)
    report = look(root)
    assert sorted(finding.kind for finding in report.findings) == [
        "duplicate image",
        "near-duplicate image",
    ]
    assert report.groups == (("c0", "d0"), ("c1", "d1"))


def test_one_group_that_holds_much_of_everything_gets_a_warning(tmp_path: Path) -> None:
    whole = scene(3, 700)
    for number in range(5):
        put(tmp_path, f"a{number}", whole[:, 90 * number :, 20 * number :][:, :256, :256])
    for number in range(4):
        put(tmp_path, f"c{number}", scene(20 + number, 256))
    kinds = {finding.kind: finding for finding in look(tmp_path).findings}
    assert "one group holds 5 images, 56%" in kinds["large group"].text


def test_images_with_coordinates_are_left_to_their_footprints(root: Path) -> None:
    from rasterio import Affine

    spec = make_spec(images="images/*.tif", masks="masks/*.tif")
    for number, path in enumerate(sorted((root / "masks").glob("*.png"))):
        place = Affine(10.0, 0.0, 5e5 + 9000.0 * number, 0.0, -10.0, 6e6)
        whole = scene(0 if number < 4 else number, 256)
        values = np.zeros((256, 256), np.uint8)
        values[: 3 * number + 1, :9] = 255
        options: dict[str, Any] = {"crs": "EPSG:32633", "transform": place}
        write_tiff(root / "images" / f"{path.stem}.tif", whole + np.uint8(number), **options)
        write_tiff(root / "masks" / f"{path.stem}.tif", values, **options)
    report = check(Dataset(root, spec))
    assert report.groups == ()
    assert not [f for f in report.findings if f.kind == "shared content"]


@pytest.mark.parametrize("folder", ["roofs/images", "ships/train_v2", "ships/unlabelled"])
def test_real_images_of_other_places_are_not_joined(stored_data: Path, folder: str) -> None:
    pattern = "*.png" if "roofs" in folder else "*.jpg"
    try:
        spec = make_spec(images=pattern, masks=None)
        report = check(Dataset(stored_data / folder, spec))
    except MapwrightError as error:
        pytest.skip(str(error))
    assert report.groups == ()


def test_chips_of_land_cover_that_overlap_are_found(stored_data: Path) -> None:
    """Their elevation and their answers agree there too, and neither decides."""
    try:
        spec = make_spec(images="*.tif", masks=None, bands=["coastal", "blue", "green", "red"])
        report = check(Dataset(stored_data / "landcover" / "images", spec))
    except MapwrightError as error:
        pytest.skip(str(error))
    assert set(map(frozenset, report.groups)) >= {
        frozenset({"18", "130"}),
        frozenset({"48", "169"}),
        frozenset({"97", "157"}),
    }
