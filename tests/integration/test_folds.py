"""Folds, budget, resume, and starting from another model."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mapwright as mw
from conftest import TINY, write_squares
from mapwright.apply import dataset_for
from mapwright.bundle import load_bundle
from mapwright.card import Decision
from mapwright.errors import OutputError, SettingError, WeightsError
from mapwright.evaluation import choose_items, evaluate
from mapwright.metrics.temperature import temper
from mapwright.run import Run

SHORT = {**TINY, "steps": 12, "validate_every": 6}


@pytest.fixture(scope="module")
def folded(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return mw.train(squares, tmp_path_factory.mktemp("folded") / "run", folds=4, settings=SHORT)


def test_every_image_is_scored_once_by_a_model_that_never_saw_it(folded: Run) -> None:
    splits = json.loads((folded.folder / "splits.json").read_text())
    held_out = [stem for fold in splits["folds"] for stem in fold["val"]]
    assert sorted(held_out) == sorted(folded.scores.images) == [f"{i:02d}" for i in range(8)]
    for fold in splits["folds"]:
        assert not set(fold["train"]) & set(fold["val"])
    assert len(folded.model.bundle.members) == 4
    assert not (folded.folder / "resume").exists()
    rows = list(csv.DictReader((folded.folder / "progress.csv").read_text().splitlines()))
    assert [(row["fold"], float(row["step"])) for row in rows] == [
        (str(fold), step) for fold in range(4) for step in (6, 12)
    ]


def test_evaluating_training_images_asks_only_members_that_did_not_see_them(
    folded: Run, squares: Path
) -> None:
    dataset = dataset_for(folded.model, squares)
    items, note = choose_items(folded.model, dataset, "val")
    assert len(items) == 8
    again = evaluate(folded.model, dataset, items, note)
    fold = folded.model.bundle.history.folds[2]
    one = evaluate(folded.model, dataset, dataset.choose(fold.val))
    alone = evaluate(folded.model.only([2]), dataset, dataset.choose(fold.val))
    assert one.confusion == alone.confusion
    assert again.pixels == folded.scores.pixels
    # the stored threshold was tuned on all folds, that of a fold's score on the others
    assert again.mean_iou >= folded.scores.mean_iou - 0.02


def test_the_ensemble_averages_its_members(folded: Run, squares: Path) -> None:
    image = squares / "images" / "08.png"
    raw = replace(folded.model, bundle=replace(folded.model.bundle, decision=Decision()))
    members = [raw.only([k]).predict(image).probabilities for k in range(4)]
    mean = np.mean(members, axis=0)
    np.testing.assert_allclose(raw.predict(image).probabilities, mean, atol=1e-6)
    held = folded.model.bundle.decision
    calibrated = temper(mean, held.temperature)
    np.testing.assert_allclose(folded.model.predict(image).probabilities, calibrated, atol=1e-5)
    assert folded.scores.calibration.temperature == held.temperature
    assert held.calibration


def test_members_standardise_by_their_own_training_images(folded: Run) -> None:
    means = [state["inputs.mean"].flatten() for state in folded.model.bundle.members]
    assert not torch.equal(means[0], means[1])


def test_too_many_folds_are_refused(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="9 folds of 8 labelled images"):
        mw.train(squares, tmp_path / "run", folds=9, settings=SHORT)
    assert not (tmp_path / "run").exists()


def test_a_budget_is_turned_into_steps(squares: Path, tmp_path: Path) -> None:
    settings = {key: value for key, value in TINY.items() if key not in ("steps", "validate_every")}
    run = mw.train(squares, tmp_path / "run", folds=2, budget=30.0, settings=settings)
    plan = run.model.bundle.plan
    assert len(plan.fold_steps) == 2
    history = run.model.bundle.history
    for number, (done, planned) in enumerate(zip(history.steps, plan.fold_steps, strict=True)):
        assert done == planned or (done < planned and number in history.cut_short)
    assert min(history.steps) >= 1  # how well the clock is kept is measured in benchmarks/
    assert "budget of 30 s" in (run.folder / "plan.toml").read_text()


def test_a_part_of_the_held_out_images_is_scored_when_asked_for(
    squares: Path, tmp_path: Path
) -> None:
    few = {**SHORT, "score_on": 1, "validate_on": 1}
    run = mw.train(squares, tmp_path / "run", folds=2, settings=few)
    assert run.scores
    assert len(run.scores.images) == 2
    held = sum(len(fold.val) for fold in run.model.bundle.history.folds)
    assert f"2 of {held} held-out images, drawn by lot" in run.scores.note


def test_a_budget_too_small_is_refused(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="budget"):
        mw.train(squares, tmp_path / "run", folds=4, budget=2.0, settings={"patch": 64})


def test_a_model_is_the_start_of_another(trained: Run, squares: Path, tmp_path: Path) -> None:
    settings = {**SHORT, "steps": 1, "learning_rate": 1e-9}
    run = mw.train(squares, tmp_path / "run", parent=trained.model, settings=settings)
    old, new = trained.model.bundle.members[0], run.model.bundle.members[0]
    weights = "network.encoder.layer1.0.conv1.weight"
    torch.testing.assert_close(old[weights], new[weights], atol=1e-6, rtol=0)
    head = "network.segmentation_head.0.weight"
    torch.testing.assert_close(old[head], new[head], atol=1e-6, rtol=0)
    assert run.model.bundle.history.weights_source == "the model 'squares'"
    assert run.scores.mean_iou > 0.8


def test_other_bands_and_classes_are_matched_by_name(trained: Run, tmp_path: Path) -> None:
    root = write_squares(tmp_path / "other", count=4)
    mw_spec = tmp_path / "other" / "dataset.toml"
    mw_spec.write_text(
        """
        name = "other"
        images = "images/*.png"
        masks = "masks/*.png"
        [[bands]]
        name = "blue"
        index = 3
        [[bands]]
        name = "haze"
        index = 1
        [[classes]]
        name = "ground"
        values = [0]
        color = "#000000"
        [[classes]]
        name = "house"
        values = [255]
        color = "#ffffff"
        """
    )
    settings = {**SHORT, "steps": 1, "learning_rate": 1e-9}
    run = mw.train(root, tmp_path / "run", parent=trained.model, settings=settings)
    old, new = trained.model.bundle.members[0], run.model.bundle.members[0]
    first = "network.encoder.conv1.weight"
    scale = 3 / 2
    torch.testing.assert_close(new[first][:, 0], old[first][:, 2] * scale, atol=1e-6, rtol=0)
    torch.testing.assert_close(new[first][:, 1], old[first].mean(dim=1) * scale, atol=1e-6, rtol=0)
    assert "anew" in run.model.bundle.history.weights_reason


@pytest.mark.parametrize("widths", [(0, 8), (8, 0), (8, 8), (8, 4)])
def test_with_or_without_a_branch_for_pixels_the_network_is_taken_over(
    squares: Path, tmp_path: Path, widths: tuple[int, int]
) -> None:
    quick = {**SHORT, "steps": 1, "learning_rate": 1e-9, "augmentation": {"rotate": 0}}
    first = mw.train(squares, tmp_path / "first", settings={**quick, "pixels": widths[0]})
    second = mw.train(
        squares,
        tmp_path / "second",
        parent=mw.load(first.folder),
        settings={**quick, "pixels": widths[1], "seed": 1},
    )
    old, new = (
        {name.replace("network.network.", "network."): t for name, t in members[0].items()}
        for members in (first.model.bundle.members, second.model.bundle.members)
    )
    for name in ("network.encoder.layer1.0.conv1.weight", "network.segmentation_head.0.weight"):
        torch.testing.assert_close(old[name], new[name], atol=1e-6, rtol=0)
    branch = "network.pixels.0.weight"
    assert (branch in new) == (widths[1] > 0)
    if widths == (8, 8):
        torch.testing.assert_close(old[branch], new[branch], atol=1e-6, rtol=0)


def test_a_model_of_another_architecture_is_no_start(
    trained: Run, squares: Path, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match="another architecture"):
        mw.train(
            squares, tmp_path / "run", parent=trained.model, settings={**SHORT, "encoder": "mit_b0"}
        )


# --- resume ------------------------------------------------------------------------------------


def start(folder: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    settings = {**SHORT, "save_every": 0, "steps": 16, "validate_every": 4}
    pairs = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "mapwright", "train", str(folder), "-o", str(out)]
    return subprocess.Popen(
        [*command, "--folds", "2", *pairs, *more], stdout=subprocess.DEVNULL, env=os.environ
    )


def test_killed_at_any_moment_and_resumed_it_ends_with_the_same_weights(
    squares: Path, tmp_path: Path
) -> None:
    began = time.monotonic()
    assert start(squares, tmp_path / "whole").wait() == 0
    whole_time = time.monotonic() - began
    rng = random.Random(time.time_ns())  # another moment each time the tests run
    kills = 0
    while True:
        process = start(squares, tmp_path / "killed", *(["--resume"] if kills else []))
        if kills == 3:
            assert process.wait() == 0
            break
        states = tmp_path / "killed" / "resume"
        while process.poll() is None and not list(states.glob("fold*")):
            time.sleep(0.01)  # the first kill comes when training has begun, the others anywhere
        time.sleep(rng.uniform(0, 0.2) * whole_time)
        if process.poll() is not None:
            assert process.returncode == 0
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills > 0
    whole = load_bundle(tmp_path / "whole" / "model.safetensors")
    killed = load_bundle(tmp_path / "killed" / "model.safetensors")
    for first, second in zip(whole.members, killed.members, strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)
    assert whole.scores == killed.scores
    assert whole.decision == killed.decision
    log = [(tmp_path / name / "progress.csv").read_text() for name in ("whole", "killed")]
    assert log[0] == log[1]


def test_resuming_with_other_images_is_refused(squares: Path, tmp_path: Path) -> None:
    data = write_squares(tmp_path / "data", count=4)
    process = start(data, tmp_path / "run")
    while not list((tmp_path / "run" / "resume").glob("fold*")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    (data / "masks" / "01.png").write_bytes((data / "masks" / "02.png").read_bytes())
    settings = {**SHORT, "save_every": 0, "steps": 16, "validate_every": 4}
    with pytest.raises(OutputError, match="masks: not as when the training began"):
        mw.train(data, tmp_path / "run", folds=2, resume=True, settings=settings)
    with pytest.raises(OutputError, match="not as when"):
        mw.train(data, tmp_path / "run", folds=3, resume=True, settings=settings)


def test_resuming_a_finished_run_gives_it_back(folded: Run, squares: Path) -> None:
    before = (folded.folder / "model.safetensors").stat().st_mtime_ns
    again = mw.train(squares, folded.folder, folds=4, resume=True, settings=SHORT)
    assert again.scores.plain() == folded.scores.plain()
    assert (folded.folder / "model.safetensors").stat().st_mtime_ns == before


def test_resuming_a_finished_run_of_other_data_is_refused(folded: Run, tmp_path: Path) -> None:
    other = write_squares(tmp_path / "other", count=6)
    with pytest.raises(OutputError, match="finished training on other data"):
        mw.train(other, folded.folder, folds=4, resume=True, settings=SHORT)


def test_resume_needs_to_know_which_training(squares: Path) -> None:
    with pytest.raises(SettingError, match="which training to resume"):
        mw.train(squares, resume=True, settings=SHORT)


def test_images_that_the_parent_had_learnt_are_named(squares: Path, tmp_path: Path) -> None:
    quick = {**SHORT, "steps": 1, "validate_every": 1}
    parent = mw.train(squares, tmp_path / "parent", folds=0, settings=quick)
    child = mw.train(squares, tmp_path / "child", folds=2, parent=parent.model, settings=quick)
    assert "8 of 8 images were learnt from by the model that this one started" in child.scores.note


def test_a_corrected_mask_does_not_make_an_image_unseen(
    trained: Run, squares: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(squares, tmp_path / "data")
    for path in (data / "masks").iterdir():
        pixels = np.asarray(Image.open(path)).copy()
        pixels[0, 0] ^= 255
        Image.fromarray(pixels).save(path)
    dataset = dataset_for(trained.model, data)
    assert "7 of 8 images were learnt from" in choose_items(trained.model, dataset, "all")[1]


def test_held_out_images_without_a_label_do_not_stop_a_training(tmp_path: Path) -> None:
    root = write_squares(tmp_path / "data", count=4)
    spec = (
        'name = "x"\nimages = "images/*.png"\nmasks = "masks/*.png"\n'
        '[[bands]]\nname = "red"\nindex = 1\n'
        '[[classes]]\nname = "a"\nvalues = [0]\ncolor = "#000000"\n'
        '[[classes]]\nname = "b"\nvalues = [255]\ncolor = "#ffffff"\n[mask]\nignore = [7]\n'
    )
    (root / "dataset.toml").write_text(spec)
    first = mw.train(root, tmp_path / "first", settings={**SHORT, "steps": 1})
    (val,) = first.model.bundle.history.folds[0].val
    Image.fromarray(np.full((64, 64), 7, np.uint8)).save(root / "masks" / f"{val}.png")
    run = mw.train(root, tmp_path / "run", settings={**SHORT, "steps": 1})
    assert np.isnan(run.scores.mean_iou)
    assert run.scores.pixels == 0
