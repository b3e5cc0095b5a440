from pathlib import Path

import pytest

from mapwright.data.describe import open_dataset
from mapwright.demo.generate import generate
from mapwright.errors import MapwrightError, SettingError


@pytest.mark.parametrize(
    ("kind", "images", "size", "labelled", "by"),
    [
        ("landcover", 3, 64, 3, "given"),
        ("ships", 5, 96, 5, "scene"),
        ("settlements", 2, None, 2, "scene"),
        ("clouds", 2, None, 2, "scene"),
    ],
)
def test_what_is_made_up_can_be_opened(
    tmp_path: Path, kind: str, images: int, size: int | None, labelled: int, by: str
) -> None:
    said = generate(kind, tmp_path / kind, images=images, size=size, seed=4)
    assert "nothing in it is real" in said
    dataset = open_dataset(tmp_path / kind)
    assert len(dataset.labelled) == labelled
    assert dataset.spec.split.by == by
    with pytest.raises(MapwrightError):  # not a second time into the same folder
        generate(kind, tmp_path / kind, images=images, size=size)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "ships", "labels": Path("x")},
        {"kind": "landcover", "labels": Path("x"), "images": 3},
        {"kind": "settlements", "size": 128},
        {"kind": "clouds", "size": 300},
        {"kind": "settlements", "test": 3},
    ],
)
def test_a_number_without_use_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        generate(str(wrong.pop("kind")), tmp_path / "out", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
