import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import Field

from builders import make_spec
from mapwright.data.config import Config, nearest, read_toml
from mapwright.data.spec import DatasetSpec, Split
from mapwright.errors import ImageFileError, SettingError
from mapwright.types import IGNORE

TOML = """
name = "clouds"
images = "Images/*.tif"
masks = "Masks/*.tif"
exclude = [{ stem = "278", why = "mask is a copy of 270" }]
[[bands]]
name = "blue"
index = 1
use = false
[[bands]]
name = "thermal"
index = 8
scale = 0.1
offset = -273.15
unit = "kelvin"
[[classes]]
name = "clear"
values = [128, 64]
color = "#59a14f"
[[classes]]
name = "cloud"
values = [192, 255]
color = "#ffffff"
[mask]
ignore = [0]
[valid]
nodata = -9999
[split]
val = 3
seed = 5
"""


def load(folder: Path, text: str) -> DatasetSpec:
    path = folder / "dataset.toml"
    path.write_text(text, encoding="utf-8")
    return DatasetSpec.load(path)


def test_a_description_by_hand(tmp_path: Path) -> None:
    spec = load(tmp_path, TOML)
    assert spec.band_names == ("thermal",)
    assert spec.used[0].unit == "kelvin"
    assert spec.class_names == ("clear", "cloud")
    assert spec.colors == ("#59a14f", "#ffffff")
    assert spec.exclude[0].stem == "278"
    assert (spec.mask.ignore, spec.mask.threshold) == ((0,), None)
    assert (spec.valid.nodata, spec.valid.alpha) == (-9999, False)
    assert spec.split == Split(by="scene", val=3, seed=5)


def test_settings_can_not_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        make_spec().name = "other"


@pytest.mark.parametrize("text", ["name = ", "name = 'a'\nname = 'b'", "\ufeff[", "[[bands]"])
def test_what_is_no_toml_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingError, match=r"can't be read as TOML[\s\S]*dataset\.toml"):
        load(tmp_path, text)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"No such file[\s\S]*a\.toml"):
        read_toml(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match=r"b\.toml"):
        read_toml(tmp_path / "b.toml")


@pytest.mark.parametrize(
    ("old", "new", "key", "guess"),
    [
        ("images =", "imges =", "imges", "images"),
        ("unit =", "units =", "bands.1.units", "unit"),
        ("offset = -273.15", "ofset = -273.15", "bands.1.ofset", "offset"),
        ("ignore = [0]", "ignored = [0]", "mask.ignored", "ignore"),
        ("nodata =", "no_data =", "valid.no_data", "nodata"),
        ("why =", "reason =", "exclude.0.reason", None),
        ("index = 8", "indx = 8", "bands.1.indx", "index"),
        ("values = [192, 255]", "value = [192, 255]", "classes.1.value", "values"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(
    tmp_path: Path, old: str, new: str, key: str, guess: str | None
) -> None:
    assert old in TOML
    with pytest.raises(SettingError) as caught:
        load(tmp_path, TOML.replace(old, new))
    message = str(caught.value)
    assert f"unknown key {key!r}" in message
    assert str(tmp_path / "dataset.toml") in message
    assert (f"write {guess!r} instead" if guess else "remove it") in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "clouds"\n', "", "name: field required"),
        ("index = 8", "index = 0", r"bands\.1\.index.*given 0"),
        ("index = 8", 'index = "first"', r"bands\.1\.index.*given 'first'"),
        ("values = [192, 255]", "values = []", r"classes\.1\.values"),
        ("values = [192, 255]", "values = [0.5]", r"classes\.1\.values\.0.*given 0\.5"),
        ('"#ffffff"', '"white"', r"classes\.1\.color.*given 'white'"),
        ("nodata = -9999", 'nodata = "none"', r"valid\.nodata.*given 'none'"),
        ("val = 3", "val = -0.1", r"split\.val.*given -0\.1"),
        ("val = 3", "val = nan", r"split\.val"),
        ("val = 3", "val = inf", r"split\.val"),
        ("seed = 5", "seed = -1", r"split\.seed"),
        ("seed = 5", 'by = "stripes"', r"split\.by.*given 'stripes'"),
        ("seed = 5", 'by = "block"', r"split.*needs the key `block`"),
        ("ignore = [0]", 'source = "rle"', r"mask\.source.*given 'rle'"),
        ("Images/*.tif", "Images/a.tif", r"'Images/a\.tif' must hold exactly one \*"),
        ("Masks/*.tif", "*/*.tif", r"'\*/\*\.tif' must hold exactly one \*"),
        ('"thermal"', '"blue"', "band name 'blue' is declared twice"),
        ('"cloud"', '"clear"', "class name 'clear' is declared twice"),
        ("[192, 255]", "[192, 64]", "mask value 64 is declared twice"),
        ("ignore = [0]", "ignore = [0, 255]", "mask value 255 is declared twice"),
        ("index = 8", "index = 8\nuse = false", "no band has use = true"),
    ],
)
def test_a_value_that_can_not_be_used_is_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in TOML
    with pytest.raises(SettingError) as caught:
        load(tmp_path, TOML.replace(old, new, 1))
    assert re.search(message, str(caught.value))
    assert str(tmp_path / "dataset.toml") in str(caught.value)


def test_a_message_does_not_repeat_the_whole_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load(tmp_path, TOML.replace("[192, 255]", "[192, 64]"))
    assert "thermal" not in str(caught.value)


def test_a_threshold_needs_two_classes() -> None:
    with pytest.raises(SettingError, match="a threshold needs two classes, not 3"):
        make_spec((0,), (1,), (2,), mask={"threshold": 1})


def test_one_class_is_too_few() -> None:
    with pytest.raises(SettingError, match="classes"):
        make_spec((0,))


def test_255_classes_are_the_most() -> None:
    assert len(make_spec(*[(v,) for v in range(255)]).classes) == 255
    with pytest.raises(SettingError, match="classes"):
        make_spec(*[(v,) for v in range(256)])


def test_settings_inside_other_settings_name_their_own_keys() -> None:
    class Inner(Config):
        width: int = Field(ge=0)

    class Outer(Config):
        inner: Inner | None = None
        many: dict[str, Inner] = {}  # noqa: RUF012

    with pytest.raises(SettingError, match=r"'inner\.widht'[\s\S]*write 'width'"):
        Outer.parse({"inner": {"width": 1, "widht": 1}}, "a test")
    with pytest.raises(SettingError, match=r"unknown key 'iner'[\s\S]*one of inner, many"):
        Outer.parse({"iner": {}}, "a test")


def test_the_nearest_word() -> None:
    assert nearest("treshold", ["threshold", "ignore"]) == "threshold"
    assert nearest("xyz", ["threshold", "ignore"]) is None
    assert nearest("a", []) is None


@pytest.mark.parametrize(
    ("classes", "ignore", "nodata"),
    [
        ([(0,), (1,)], (), 255),
        ([(0,), (1,)], (9, 7), 9),
        ([(0,), (255,)], (), 254),
        ([(0,), (255,), (254,)], (), 253),
        ([(0,), (1,)], (-1,), 255),
        ([(64,), (192, 255)], (), 254),
        ([(0,), (255, 254)], (), 253),
        ([(0, *range(2, 256)), (1,)], (), 65535),
    ],
)
def test_maps_mark_invalid_pixels_with_a_value_that_no_class_has(
    classes: list[tuple[int, ...]], ignore: tuple[int, ...], nodata: int
) -> None:
    legend = make_spec(*classes, mask={"ignore": ignore}).legend
    assert legend.values == tuple(values[0] for values in classes)
    assert legend.nodata == nodata
    assert legend.dtype == ("uint8" if nodata < 256 else "uint16")


def decode(spec: DatasetSpec, values: Any, dtype: Any = np.uint8) -> list[list[int]]:
    classes = spec.decode(np.array(values, dtype), "a mask")
    assert classes.dtype == np.uint8
    return classes.tolist()


def test_several_values_may_mean_one_class() -> None:
    spec = make_spec((64, 128), (192, 255), mask={"ignore": [0]})
    assert decode(spec, [[64, 128, 192, 255, 0]]) == [[0, 0, 1, 1, IGNORE]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_masks_of_any_type(dtype: Any) -> None:
    spec = make_spec((0,), (300,), (4000,))
    assert decode(spec, [[0, 300, 4000]], dtype) == [[0, 1, 2]]


def test_a_negative_value_can_be_ignored() -> None:
    assert decode(make_spec((0,), (1,), mask={"ignore": [-1]}), [[-1, 0, 1]], np.int16) == [
        [IGNORE, 0, 1]
    ]


def test_nan_in_a_float_mask_counts_nowhere() -> None:
    assert decode(make_spec((0,), (1,)), [[np.nan, 0, 1]], np.float32) == [[IGNORE, 0, 1]]
    soft = make_spec((0,), (255,), mask={"threshold": 128, "ignore": [7]})
    assert decode(soft, [[np.nan, 127.9, 128, 7]], np.float32) == [[IGNORE, 0, 1, IGNORE]]


def test_a_soft_mask_is_cut_at_its_threshold() -> None:
    spec = make_spec((0,), (255,), mask={"threshold": 128})
    assert decode(spec, [[0, 1, 127, 128, 254, 255]]) == [[0, 0, 0, 1, 1, 1]]


@pytest.mark.parametrize(
    ("values", "dtype", "listed"),
    [
        ([[0, 1, 7, 7]], np.uint8, "7 (2 pixels)"),
        ([[0, 0.5, 0.5, 0.5]], np.float32, "0.5 (3 pixels)"),
        ([[0, 1, np.inf]], np.float32, "inf (1 pixels)"),
        ([[0, -1]], np.int16, "-1 (1 pixels)"),
        ([[0, 65535]], np.uint16, "65535 (1 pixels)"),
        ([[0, 1_234_567]], np.int32, "1234567 (1 pixels)"),
        ([[2, 3, 4, 5, 6, 7, 8]], np.uint8, "2 (1 pixels), 3 (1 pixels)"),
    ],
)
def test_an_undeclared_value_is_named_with_its_count_and_file(
    values: list[list[float]], dtype: Any, listed: str
) -> None:
    spec = make_spec((0,), (1,), mask={"ignore": [9]})
    with pytest.raises(ImageFileError) as caught:
        spec.decode(np.array(values, dtype), "masks/7.png")
    message = str(caught.value)
    assert listed in message
    assert "masks/7.png" in message
    assert "class 0 [0], class 1 [1], ignored [9]" in message


def test_many_undeclared_values_are_cut_to_five() -> None:
    with pytest.raises(ImageFileError, match="and 95 further values"):
        make_spec((200,), (201,)).decode(np.arange(100).reshape(10, 10), "a mask")
