"""From a folder to a model, scores and maps."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from PIL import Image

import mapwright as mw
from mapwright.apply import dataset_for, predict_files
from mapwright.bundle import load_bundle, save_bundle
from mapwright.errors import DatasetError, ModelFileError, OutputError
from mapwright.evaluation import choose_items
from mapwright.io.raster import inspect
from mapwright.run import Run
from mapwright.types import IGNORE


def test_a_run_folder_holds_what_went_in_and_what_came_out(trained: Run) -> None:
    names = {path.name for path in trained.folder.iterdir()}
    assert names == {
        "dataset.toml", "splits.json", "plan.toml", "environment.json", "progress.csv",
        "model.safetensors", "scores.json",
    }  # fmt: skip
    rows = list(csv.DictReader((trained.folder / "progress.csv").read_text().splitlines()))
    assert [float(row["step"]) for row in rows] == [20, 40, 60]
    assert {"loss", "rate", "score", "iou square"} <= set(rows[0])
    splits = json.loads((trained.folder / "splits.json").read_text())
    assert len(splits["folds"][0]["train"]) == 7
    assert len(splits["folds"][0]["val"]) == 1


def test_it_learns(trained: Run) -> None:
    assert trained.scores is not None
    assert trained.scores.mean_iou > trained.scores.mean_iou_baseline + 0.3
    written = json.loads((trained.folder / "scores.json").read_text())
    assert written == json.loads(json.dumps(trained.scores.plain()))


def test_the_loaded_model_is_the_trained_one(trained: Run, squares: Path) -> None:
    loaded = mw.load(trained.folder)
    image = squares / "images" / "08.png"
    before, after = trained.model.predict(image), loaded.predict(image)
    np.testing.assert_array_equal(before.classes, after.classes)
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    bundle = loaded.bundle
    assert bundle.scores == trained.scores.plain()
    assert bundle.spec == trained.model.bundle.spec
    assert bundle.history.weights_source == "random"
    assert bundle.history.versions["torch"] == torch.__version__


def test_the_validation_score_is_what_evaluate_finds(trained: Run, squares: Path) -> None:
    dataset = dataset_for(trained.model, squares)
    items, note = choose_items(trained.model, dataset, "val")
    scores = mw.evaluate(trained.model, dataset, items)
    assert note == ""
    assert scores.mean_iou == trained.scores.mean_iou
    rows = list(csv.DictReader((trained.folder / "progress.csv").read_text().splitlines()))
    assert max(float(row["score"]) for row in rows) == pytest.approx(scores.mean_iou, abs=1e-12)


def test_evaluating_training_images_says_so(trained: Run, squares: Path) -> None:
    dataset = dataset_for(trained.model, squares)
    items, note = choose_items(trained.model, dataset, "all")
    assert len(items) == 8
    assert "7 of 8 images were learnt from" in note
    assert len(choose_items(trained.model, dataset, "train")[0]) == 7


def test_images_are_known_by_content_not_by_name(
    trained: Run, squares: Path, tmp_path: Path
) -> None:
    (val,) = trained.model.bundle.history.folds[0].val
    learnt = trained.model.bundle.history.folds[0].train[0]
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        source = squares / folder / f"{learnt}.png"
        (tmp_path / folder / f"{val}.png").write_bytes(source.read_bytes())
    dataset = dataset_for(trained.model, tmp_path)
    assert "1 of 1 images were learnt from" in choose_items(trained.model, dataset, "all")[1]
    with pytest.raises(DatasetError, match="no labelled image belongs to the split 'val'"):
        choose_items(trained.model, dataset, "val")


def test_maps_of_pictures_are_paletted_pngs_with_source_values(
    trained: Run, squares: Path, tmp_path: Path
) -> None:
    (files,) = predict_files(
        trained.model, [squares], tmp_path, unlabelled=True, probabilities=True, with_overlay=True
    )
    assert files.map.name == "08.png"
    with Image.open(files.map) as picture:
        assert picture.mode == "P"
        values = np.asarray(picture)
    memory = trained.model.predict(squares / "images" / "08.png")
    assert set(np.unique(values)) == {0, 254, 255}
    assert (values[:8, :8] == 254).all()  # transparent corner: 0 and 255 are classes
    np.testing.assert_array_equal(values == 255, memory.classes == 1)
    np.testing.assert_array_equal(values == 254, memory.classes == IGNORE)
    assert inspect(files.map).nodata == 254
    with rasterio.open(files.probabilities) as source:
        soft = source.read()
        assert source.descriptions == ("background", "square")
    assert np.isnan(soft[:, :8, :8]).all()
    np.testing.assert_allclose(soft, memory.probabilities)
    assert inspect(files.overlay).size == (64, 64)


def test_a_large_geotiff_is_mapped_on_its_own_grid(trained: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(20, 80, (3, 200, 150), np.uint8)
    pixels[:, 90:130, 20:90] += 120
    transform = Affine(0.5, 0, 400_000, 0, -0.5, 5_800_000)
    profile = {"height": 200, "width": 150, "count": 3, "dtype": "uint8"}
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", crs="EPSG:32633", transform=transform, **profile
    ) as target:
        target.write(pixels)
    (files,) = predict_files(trained.model, [path], tmp_path / "maps", probabilities=True)
    with rasterio.open(files.map) as source:
        assert source.crs.to_epsg() == 32633
        assert source.transform == transform
        assert source.shape == (200, 150)
        assert source.colormap(1)[255][:3] == (255, 90, 54)
        assert source.nodata == 254
        found = source.read(1)
    assert (found[95:125, 25:85] == 255).mean() > 0.9
    assert (found[:80] == 255).mean() < 0.1


def test_windowed_reading_gives_the_same_map(
    trained: Run, squares: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = squares / "images" / "03.png"
    whole = trained.model.predict(image)
    monkeypatch.setattr("mapwright.predict.source._WHOLE", 0)
    np.testing.assert_array_equal(trained.model.predict(image).classes, whole.classes)


def test_a_map_never_overwrites_its_image(trained: Run, squares: Path, tmp_path: Path) -> None:
    image = tmp_path / "08.png"
    image.write_bytes((squares / "images" / "08.png").read_bytes())
    before = image.read_bytes()
    (files,) = predict_files(trained.model, [image], tmp_path)
    assert files.map.name == "08_classes.png"
    assert image.read_bytes() == before


def test_two_images_of_one_name_are_refused(trained: Run, squares: Path, tmp_path: Path) -> None:
    image = squares / "images" / "08.png"
    copy = tmp_path / "08.png"
    copy.write_bytes(image.read_bytes())
    with pytest.raises(OutputError, match="two images are named '08'"):
        predict_files(trained.model, [image, copy], tmp_path / "maps")
    assert not (tmp_path / "maps").exists()


def test_every_image_can_be_learnt_from(squares: Path, tmp_path: Path) -> None:
    run = mw.train(
        squares,
        tmp_path / "run",
        folds=0,
        settings={"steps": 2, "batch": 2, "patch": 32, "weights": "random"},
    )
    assert run.scores is None
    assert len(run.model.bundle.history.folds[0].train) == 8
    assert not (run.folder / "scores.json").exists()


def test_the_same_run_twice_gives_the_same_weights(squares: Path, tmp_path: Path) -> None:
    settings = {"steps": 3, "batch": 2, "patch": 32, "weights": "random"}
    runs = [mw.train(squares, tmp_path / name, settings=settings) for name in ("a", "b")]
    first, second = (run.model.bundle.members[0] for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_model_file_cut_short_or_altered_is_refused(trained: Run, tmp_path: Path) -> None:
    whole = (trained.folder / "model.safetensors").read_bytes()
    path = tmp_path / "model.safetensors"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFileError, match="cut short"):
        load_bundle(path)
    altered = bytearray(whole)
    altered[-100] ^= 1
    path.write_bytes(altered)
    with pytest.raises(ModelFileError, match="do not match its checksum"):
        load_bundle(path)
    path.write_bytes(whole.replace(b'\\"threshold\\": 0.5', b'\\"threshold\\": 0.4'))
    with pytest.raises(ModelFileError, match="altered"):
        load_bundle(path)
    path.write_bytes(b"")
    with pytest.raises(ModelFileError):
        load_bundle(path)


def test_a_newer_format_is_refused(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr("mapwright.bundle.FORMAT", 99)
        save_bundle(trained.model.bundle, path)
    with pytest.raises(ModelFileError, match="format 99"):
        load_bundle(path)


def test_foreign_tensors_are_no_model(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelFileError, match="no Mapwright header"):
        load_bundle(tmp_path / "other.safetensors")


def test_bands_are_found_by_name_in_whatever_order(
    trained: Run, squares: Path, tmp_path: Path
) -> None:
    with Image.open(squares / "images" / "05.png") as picture:
        rgba = np.asarray(picture).transpose(2, 0, 1)
    maps = []
    for order in ((0, 1, 2), (2, 0, 1)):
        path = tmp_path / f"{order[0]}.tif"
        profile = {"height": 64, "width": 64, "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
        transform = Affine(1, 0, 0, 0, -1, 64)
        with rasterio.open(path, "w", driver="GTiff", transform=transform, **profile) as target:
            target.write(rgba[list(order)])
            names = ("red", "green", "blue")
            target.descriptions = tuple(names[i] for i in order)
        maps.append(trained.model.predict(path).probabilities)
    np.testing.assert_array_equal(*maps)


def test_a_map_replaces_a_map_but_never_a_mask(trained: Run, squares: Path, tmp_path: Path) -> None:
    image = squares / "images" / "03.png"
    mask = tmp_path / "03.png"
    mask.write_bytes((squares / "masks" / "03.png").read_bytes())
    before = mask.read_bytes()
    with pytest.raises(OutputError, match="no map of ours is in the way"):
        predict_files(trained.model, [image], tmp_path)
    assert mask.read_bytes() == before
    for _ in range(2):
        predict_files(trained.model, [image], tmp_path / "maps")


def test_a_plan_keeps_its_reasons_when_it_is_read_again(squares: Path, tmp_path: Path) -> None:
    from mapwright.report.facts import gather

    settings = {"steps": 1, "patch": 64, "tta": "flips", "augmentation": {"zoom": 1.0}}
    run = mw.train(squares, tmp_path / "run", settings=settings)
    reasons = gather(run.folder).reasons
    by_hand = {key for key, reason in reasons.items() if reason == "set by hand"}
    assert by_hand == set(settings)
    assert "keeps fine outlines" in reasons["architecture"]
