"""Ground that was learnt from is told apart in the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine

from builders import make_spec, rectangles, write_tiff
from mapwright.data.dataset import Dataset
from mapwright.errors import DatasetError, SettingError
from mapwright.evaluation import evaluate
from mapwright.metrics.summary import Scores
from mapwright.run import Options, Run, train_on

SIDE, SHARED = 64, 11
QUICK = {"steps": 1, "patch": 32, "batch": 2, "tile": 32, "overlap": 0.0, "weights": "random"}


def scene(root: Path, stem: str, east: float, south: float, crs: str | None) -> None:
    pixels, mask = rectangles(sum(map(ord, stem)), SIDE)
    place = Affine(10, 0, 5e5 + 10 * east, 0, -10, 6e6 - 10 * south)
    write_tiff(
        root / "images" / f"{stem}.tif", pixels, crs=crs, transform=place, photometric="minisblack"
    )
    write_tiff(root / "masks" / f"{stem}.tif", np.uint8(255) * mask)


def trained(root: Path, crs: str | None) -> tuple[Run, Dataset]:
    scene(root / "data", "tra_0", 0, 0, crs)
    scene(root / "data", "tra_1", 500, 0, crs)
    scene(root / "data", "val_0", 0, SIDE - SHARED, crs)  # its first rows are the last of tra_0
    scene(root / "data", "val_1", 0, 900, crs)
    given = {"train": ["tra_*"], "val": ["val_*"]}
    spec = make_spec(
        images="images/*.tif", masks="masks/*.tif", split={"by": "given", "given": given}
    )
    dataset = Dataset(root / "data", spec)
    return train_on(dataset, root / "run", Options(settings=QUICK)), dataset


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Dataset]:
    return trained(tmp_path_factory.mktemp("placed"), "EPSG:32633")


def counted(scores: Scores | None) -> int:
    assert scores and scores.without_leak
    return scores.without_leak.pixels


def test_pixels_on_shared_ground_are_counted_apart(placed: tuple[Run, Dataset]) -> None:
    run, dataset = placed
    assert counted(run.scores) == SHARED * SIDE
    again = evaluate(run.model, dataset, dataset.choose(["val_0", "val_1"]))
    assert again.without_leak == (run.scores and run.scores.without_leak)


def test_the_model_file_knows_where_it_learnt(placed: tuple[Run, Dataset], tmp_path: Path) -> None:
    run, _ = placed
    scene(tmp_path, "elsewhere", 3, 7, "EPSG:32633")
    other = Dataset(tmp_path, make_spec(images="images/*.tif", masks="masks/*.tif"))
    assert counted(evaluate(run.model, other, other.items)) == (SIDE - 3) * (SIDE - 7)


def test_ground_that_is_far_leaks_nothing(placed: tuple[Run, Dataset]) -> None:
    run, dataset = placed
    scores = evaluate(run.model, dataset, dataset.choose(["val_1"]))
    assert counted(scores) == 0


def test_pictures_without_a_place_are_not_looked_at(tmp_path: Path) -> None:
    run, _ = trained(tmp_path, None)
    assert run.scores and run.scores.without_leak is None


def test_a_split_can_be_used_again(placed: tuple[Run, Dataset], tmp_path: Path) -> None:
    run, dataset = placed
    file = tmp_path / "splits.json"
    text = (run.folder / "splits.json").read_text().replace("val_1", "x").replace("tra_1", "val_1")
    file.write_text(text.replace("x", "tra_1"))
    again = train_on(dataset, tmp_path / "run", Options(settings=QUICK, splits=file))
    (fold,) = again.model.bundle.history.folds
    assert (fold.train, fold.val) == (("tra_0", "val_1"), ("val_0", "tra_1"))
    with pytest.raises(SettingError, match="--splits says how many folds"):
        train_on(dataset, tmp_path / "other", Options(splits=file, folds=3))
    file.write_text(text.replace("x", "nobody"))
    with pytest.raises(DatasetError, match="no image 'nobody'"):
        train_on(dataset, tmp_path / "other", Options(splits=file))
