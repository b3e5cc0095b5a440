"""A temperature changes what probabilities say, never what is mapped, in every engine alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch

from builders import make_bundle, make_dataset, make_spec, rectangles, write_png
from mapwright.bundle import Bundle, load_bundle, save_bundle
from mapwright.card import Decision, ObjectDecision, read_header
from mapwright.data.dataset import Dataset
from mapwright.errors import ExportError, SettingError
from mapwright.evaluation import evaluate, tally
from mapwright.exporting import write as writing
from mapwright.exporting.graph import graph_of
from mapwright.exporting.write import export
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.metrics.temperature import temper
from mapwright.onnxfile import load_onnx
from mapwright.predict.model import Model

PLAN = {"architecture": "pspnet", "encoder": "resnet18", "patch": 32, "tile": 32}
TILE = 32


def scaled(bundle: Bundle, temperature: float) -> Bundle:
    return replace(bundle, decision=bundle.decision.calibrated(temperature, "a test"))


def bundle_of(classes: int, members: int = 1, threshold: float = 0.37) -> Bundle:
    values = [(10 * k,) for k in range(classes)]
    return make_bundle(members, *values, threshold=threshold, plan=PLAN)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = rectangles(3, 50)[0]
    return write_png(tmp_path_factory.mktemp("images") / "straße.png", pixels)


@pytest.mark.parametrize(("classes", "members"), [(2, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("temperature", [0.4, 2.3])
def test_maps_are_bit_for_bit_the_same_and_probabilities_are_softened(
    image: Path, classes: int, members: int, temperature: float
) -> None:
    plain = bundle_of(classes, members)
    before = Model(plain).predict(image)
    after = Model(scaled(plain, temperature)).predict(image)
    np.testing.assert_array_equal(after.classes, before.classes)
    np.testing.assert_allclose(
        after.probabilities, temper(before.probabilities, temperature), atol=1e-6
    )
    assert abs(after.probabilities - before.probabilities).max() > 0.02
    pixels = rectangles(3, 50)[0].astype(np.float32)
    one, other = Model(plain), Model(scaled(plain, temperature))
    np.testing.assert_array_equal(other.classify(pixels), one.classify(pixels))
    np.testing.assert_allclose(other.probabilities(pixels), after.probabilities, atol=1e-6)


def test_a_map_is_what_the_written_probabilities_are_at_the_stored_threshold(
    image: Path, tmp_path: Path
) -> None:
    bundle = scaled(bundle_of(2), 2.0)
    assert bundle.decision.threshold == pytest.approx(0.4339, abs=1e-3)
    files = Model(bundle).predict_file(image, tmp_path, probabilities=True, confidence=True)
    with rasterio.open(files.probabilities) as source, rasterio.open(files.confidence) as sure:
        soft, confidence = source.read(), sure.read(1)
    classes = Model(bundle).predict(image).classes
    clear = abs(soft[1] - bundle.decision.threshold) > 1e-5
    np.testing.assert_array_equal((soft[1] >= bundle.decision.threshold)[clear], classes[clear])
    chosen = np.take_along_axis(soft, classes[None].astype(int), axis=0)[0]
    np.testing.assert_allclose(confidence, chosen, atol=1e-6)


def test_objects_are_the_same_with_every_rule(image: Path) -> None:
    plain = bundle_of(2)
    soft = Model(plain).predict(image).probabilities[1]
    cut = Cut(float(np.median(soft)), core=float(np.quantile(soft, 0.8)))
    rule = ObjectRule(cut, smallest=3, gate=0.2)
    decision = Decision(threshold=cut.threshold, objects=ObjectDecision(rule=rule))
    plain = replace(plain, decision=decision)
    warm = scaled(plain, 3.0)
    found = Model(plain).objects(image)
    assert found.max() > 0
    np.testing.assert_array_equal(Model(warm).objects(image), found)
    assert "before calibration" in warm.decision.object_words
    assert "calibration" not in plain.decision.object_words
    bare = replace(warm, decision=Decision(threshold=0.37).calibrated(3.0))
    assert bare.decision.object_rule.cut.threshold == pytest.approx(0.37)


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_are_the_same_and_calibration_is_that_of_the_model_as_stored(
    tmp_path: Path, classes: int
) -> None:
    root = make_dataset(tmp_path / "data", 3, 64, bands=3)
    values = [(0,), (255,), (7,)][:classes]
    dataset = Dataset(root, make_spec(*values))
    plain = make_bundle(1, *values, threshold=0.37, plan=PLAN)
    items = list(dataset.labelled)
    before = evaluate(Model(plain), dataset, items)
    after = evaluate(Model(scaled(plain, 2.3)), dataset, items)
    assert after.confusion == before.confusion
    assert after.mean_iou_interval == before.mean_iou_interval
    old, new = before.calibration, after.calibration
    assert old is not None and new is not None
    assert not old.changed and new.changed
    assert new.before == old.before or new.before.nll == old.before.nll
    assert (new.temperature, new.used, new.reason) == (2.3, (2.3,), "a test")
    assert new.pixels == before.pixels == 3 * 64 * 64
    assert new.after.nll != old.before.nll


def test_a_file_that_gives_no_probabilities_is_not_judged_by_them(tmp_path: Path) -> None:
    bundle = scaled(bundle_of(2), 2.0)
    masks = export(Model(bundle), tmp_path / "m.onnx", tile=TILE).path
    card = load_onnx(masks)
    assert card.decision == Decision()
    root = make_dataset(tmp_path / "other", 1, TILE, bands=3, positive=10)
    dataset = Dataset(root, make_spec((0,), (10,)))
    assert [entry.soft for entry in tally(Model(card), dataset, list(dataset.labelled))] == [None]


def test_files_from_before_calibration_are_read_as_not_calibrated(tmp_path: Path) -> None:
    bundle = bundle_of(2)
    header = bundle.header()
    header["decision"] = {"threshold": 0.37}
    decision = read_header(header, "a test")["decision"]
    assert (decision.temperature, decision.raw_threshold) == (1.0, 0.37)
    with pytest.raises(SettingError, match="temperature"):
        Decision.parse({"temperature": 0}, "a test")
    save_bundle(scaled(bundle, 1.7), tmp_path / "model.safetensors")
    assert load_bundle(tmp_path / "model.safetensors").decision == scaled(bundle, 1.7).decision


# --- exported -------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["probability", "logits"])
@pytest.mark.parametrize(("classes", "members", "temperature"), [(2, 1, 0.5), (3, 2, 2.3)])
def test_an_exported_file_gives_calibrated_probabilities_and_the_same_maps(
    tmp_path: Path, image: Path, output: Any, classes: int, members: int, temperature: float
) -> None:
    bundle = scaled(bundle_of(classes, members), temperature)
    path = export(Model(bundle), tmp_path / "m.onnx", output=output, tile=TILE).path
    ours, theirs = Model(bundle, "flips").predict(image), Model.load(path).with_tta("flips")
    found = theirs.predict(image)
    np.testing.assert_allclose(found.probabilities, ours.probabilities, atol=1e-4)
    assert (found.classes == ours.classes).mean() > 0.999
    tile = rectangles(1, TILE)[0].astype(np.float32)[None]
    (raw,) = load_onnx(path).session.run(None, {"image": tile})
    soft = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True) if output == "logits" else raw
    wanted = Model(bundle, "none").probabilities(tile[0])
    np.testing.assert_allclose(soft[0], wanted, atol=1e-4)
    item = json.loads((tmp_path / "m.stac.json").read_text())
    assert item["properties"]["mlm:hyperparameters"]["temperature"] == temperature
    assert f"divided by {temperature:g}" in item["properties"]["description"]


def test_a_mask_is_the_same_file_but_for_its_card(tmp_path: Path) -> None:
    plain = bundle_of(2, 2)
    tile = rectangles(1, TILE)[0].astype(np.float32)[None]
    found = []
    for name, bundle in (("a", plain), ("b", scaled(plain, 2.3))):
        path = export(Model(bundle), tmp_path / f"{name}.onnx", tile=TILE).path
        found.append(load_onnx(path).session.run(None, {"image": tile})[0])
    np.testing.assert_array_equal(found[0], found[1])
    assert len(np.unique(found[0])) == 2


@pytest.mark.parametrize(("classes", "temperature"), [(2, 0.4), (3, 2.3)])
def test_the_plugin_sees_calibrated_probabilities_and_decides_as_the_model(
    tmp_path: Path, classes: int, temperature: float
) -> None:
    bundle = scaled(bundle_of(classes, 2), temperature)
    path = export(Model(bundle), tmp_path / "m.onnx", output="deepness", tile=TILE).path
    tile = rectangles(1, TILE)[0].astype(np.float32)
    (found,) = load_onnx(path).session.run(None, {"image": tile[None]})
    model = Model(bundle, "none")
    wanted = model.probabilities(tile)
    if classes == 2:
        t = bundle.decision.threshold
        wanted = wanted * np.array([t, 1 - t], np.float32).reshape(2, 1, 1)
        wanted = wanted / wanted.sum(axis=0)
    np.testing.assert_allclose(found[0], wanted, atol=1e-4)
    best = np.sort(wanted, axis=0)
    clear = best[-1] - best[-2] > 1e-4
    np.testing.assert_array_equal(found[0].argmax(axis=0)[clear], model.classify(tile)[clear])
    assert load_onnx(path).decision.temperature == (1 if classes == 2 else temperature)


def divided(threshold: float, temperature: float, tile: np.ndarray) -> Bundle:
    """A model that puts half of a tile's pixels beyond a threshold before calibration."""
    bundle = make_bundle(2, (0,), (10,), threshold=threshold, plan=PLAN)
    states = []
    for number, state in enumerate(bundle.members):
        soft = Model(bundle.only([number]), "none").probabilities(tile)[1].astype(np.float64)
        middle = np.median(np.log(soft) - np.log1p(-soft))
        beyond = float(np.log(threshold) - np.log1p(-threshold) - middle)
        name = "network.segmentation_head.0.bias"
        states.append({**state, name: state[name] + torch.tensor([0.0, beyond])})
    return scaled(replace(bundle, members=tuple(states)), temperature)


@pytest.mark.parametrize(
    ("threshold", "temperature"),
    [(0.02, 0.25), (0.01, 0.25), (0.002, 0.3), (0.99, 0.25), (0.4, 0.05), (0.3, 20.0)],
)
@pytest.mark.parametrize("output", ["deepness", "mask"])
def test_a_threshold_next_to_0_or_1_leaves_as_the_model_has_it_and_is_really_proved(
    tmp_path: Path, output: Any, threshold: float, temperature: float
) -> None:
    tile = rectangles(1, TILE)[0].astype(np.float32)
    bundle = divided(threshold, temperature, tile)
    done = export(Model(bundle), tmp_path / "m.onnx", output=output, tile=TILE)
    (found,) = load_onnx(done.path).session.run(None, {"image": tile[None]})
    classes = found[0] if output == "mask" else found[0].argmax(axis=0)
    soft = Model(replace(bundle, decision=Decision()), "none").probabilities(tile)[1]
    clear = abs(soft - threshold) > 1e-4 * threshold * (1 - threshold)
    assert clear.mean() > 0.95
    assert 0.3 < classes.mean() < 0.7
    np.testing.assert_array_equal(classes[clear], (soft >= threshold)[clear])
    for agreed in done.proof.kinds.values():  # what is too close to call proves nothing
        assert agreed.close <= 0.02 * agreed.pixels


@pytest.mark.parametrize("output", ["probability", "logits", "deepness"])
def test_a_graph_with_another_temperature_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: Any
) -> None:
    bundle = scaled(bundle_of(3), 2.0)
    monkeypatch.setattr(writing, "graph_of", lambda b, form: graph_of(scaled(b, 1.5), form))
    with pytest.raises(ExportError, match="a probability differs by"):
        export(Model(bundle), tmp_path / "m.onnx", output=output, tile=TILE)
    assert list(tmp_path.iterdir()) == []
