"""Objects and exported files that have decided already: as the model makes them, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from builders import make_bundle, make_dataset, rectangles, write_png
from mapwright.apply import predict_table
from mapwright.bundle import Bundle
from mapwright.card import Decision, ObjectDecision
from mapwright.cli import main
from mapwright.data.dataset import Dataset
from mapwright.errors import SettingError
from mapwright.evaluation import choose_items, evaluate
from mapwright.exporting.write import export
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.onnxfile import Form, holds_cut, load_onnx
from mapwright.predict.model import Model

PLAN = {"architecture": "pspnet", "encoder": "resnet18", "patch": 32, "tile": 32, "tta": "none"}
TILE = 32
CLASSES = [
    {"name": name, "values": [value], "color": color, "objects": name == "ship"}
    for name, value, color in (
        ("sea", 0, "#2b2f36"), ("ship", 255, "#ff5a36"), ("land", 7, "#4e79a7"),
    )
]  # fmt: skip


def bundle_of(classes: int, *, temperature: float = 1.0, **rule: Any) -> Bundle:
    """A model whose rule for objects takes in pixels that are no ships on its maps."""
    bundle = make_bundle(2, plan=PLAN, classes=CLASSES[:classes])
    soft = Model(bundle).probabilities(rectangles(1, TILE)[0].astype(np.float32))
    usual = float(np.round(np.quantile(soft[1], 0.6), 3))
    cut = Cut(rule.pop("objects_from", usual), **rule.pop("cut", {}))
    objects = ObjectDecision(rule=ObjectRule(cut, smallest=3), tuned_for="f2", reason="a test")
    decision = Decision(threshold=usual if classes == 2 else 0.5, objects=objects)
    return replace(bundle, decision=decision.calibrated(temperature, "a test"))


def exported(bundle: Bundle, folder: Path, output: str = "mask", **options: Any) -> Path:
    path = folder / "ships.onnx"
    return export(Model(bundle), path, output=output, tile=TILE, **options).path  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def three() -> Bundle:
    return bundle_of(3, temperature=0.6)


@pytest.fixture(scope="module")
def mask(three: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(three, tmp_path_factory.mktemp("mask"))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tile, so that nothing is blended."""
    return write_png(tmp_path_factory.mktemp("images") / "a.png", rectangles(1, TILE)[0])


def test_of_three_classes_objects_are_not_patches_of_the_map(three: Bundle, image: Path) -> None:
    model = Model(three)
    found, objects = model.predict(image), model.objects(image)
    ships = found.classes == 1
    assert ships.any()
    assert ((objects > 0) & ~ships).any() or (ships & (objects == 0)).any()


def test_the_mask_is_the_map_of_the_model(three: Bundle, mask: Path, image: Path) -> None:
    ours, file = Model(three).predict(image), Model(load_onnx(mask))
    best = np.sort(ours.probabilities, axis=0)
    clear = best[-1] - best[-2] > 1e-4
    assert clear.mean() > 0.95
    np.testing.assert_array_equal(file.predict(image).classes[clear], ours.classes[clear])
    pixels = rectangles(1, TILE)[0].astype(np.float32)
    (plain,) = load_onnx(mask).session.run(None, {"image": pixels[None]})
    np.testing.assert_array_equal(plain[0][clear], ours.classes[clear])


def test_no_objects_are_made_from_a_mask_that_can_not_hold_their_rule(
    three: Bundle, mask: Path, image: Path, tmp_path: Path
) -> None:
    model, table = Model(load_onnx(mask)), tmp_path / "new" / "table.csv"
    for ask in (lambda: model.objects(image), lambda: predict_table(model, [image], table)):
        with pytest.raises(SettingError, match="can't serve the model's rule") as error:
            ask()
        text = str(error.value)
        assert three.decision.object_words in text
        assert "--output probability --objects" in text
        assert str(mask) in text
        assert error.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_one_thing_and_writes_nothing(
    mask: Path, image: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    arguments = ["predict", str(mask), str(image), "-o", str(table), "--format", "kaggle"]
    done = CliRunner().invoke(main, arguments)
    said = done.stderr if done.exception is None or isinstance(done.exception, SystemExit) else ""
    told = said or str(done.exception)
    assert "can't serve the model's rule for objects" in told
    assert "warning" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_mask_says_in_its_own_words_that_its_patches_are_no_objects(
    three: Bundle, mask: Path
) -> None:
    told = load_onnx(mask).session.get_modelmeta().description
    assert "Objects of ship are not its patches" in told
    assert three.decision.object_words in told
    assert "no objects are made from it" in load_onnx(mask).caveat


def test_its_maps_are_scored_and_its_objects_are_not(mask: Path, tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", 2, 48, bands=3)
    bundle = load_onnx(mask)
    dataset = Dataset(root, bundle.spec)
    items, note = choose_items(Model(bundle), dataset, "all")
    scores = evaluate(Model(bundle), dataset, items, note)
    assert scores.objects is None
    assert "no objects are made from it" in scores.note


@pytest.mark.parametrize("output", ["probability", "logits", "deepness"])
def test_probabilities_of_three_classes_make_the_objects_of_the_model(
    three: Bundle, image: Path, tmp_path: Path, output: str
) -> None:
    options = {"objects": True} if output != "deepness" else {}
    file = load_onnx(exported(three, tmp_path, output, **options))
    assert file.soft and file.cuts and not file.caveat
    assert file.decision == three.decision
    expected = Model(three).objects(image)
    assert expected.max() > 0
    soft = Model(three).predict(image).probabilities
    found = Model(file).objects(image)
    near = abs(Model(file).predict(image).probabilities - soft).max()
    assert near < 1e-4
    assert (found != expected).mean() < 1e-3


def test_of_two_classes_a_mask_holds_the_patches_that_objects_are(
    image: Path, tmp_path: Path
) -> None:
    bundle = bundle_of(2, temperature=0.6)
    done = exported(bundle, tmp_path)
    file = load_onnx(done)
    assert file.cuts and not file.lost and not file.soft
    expected = Model(bundle).objects(image)
    assert expected.max() > 0
    assert (Model(file).objects(image) != expected).mean() < 1e-3
    assert "not its patches" not in file.session.get_modelmeta().description


@pytest.mark.parametrize("output", ["mask", "deepness"])
def test_a_threshold_of_objects_that_is_not_that_of_the_map_is_not_taken_for_it(
    image: Path, tmp_path: Path, output: str
) -> None:
    bundle = bundle_of(2, objects_from=0.123)
    file = load_onnx(exported(bundle, tmp_path, output))
    assert not file.cuts
    with pytest.raises(SettingError, match=r"probability 0\.123 or more"):
        Model(file).objects(image)


@pytest.mark.parametrize("temperature", [0.25, 0.9, 8.0])
@pytest.mark.parametrize("thousandth", [1, 37, 500, 950, 999])
def test_calibration_does_not_part_the_two_thresholds(temperature: float, thousandth: int) -> None:
    threshold = thousandth / 1000
    rule = ObjectRule(Cut(threshold))
    decision = Decision(threshold=threshold, objects=ObjectDecision(rule=rule))
    spec = make_bundle(plan=PLAN).spec
    assert holds_cut(decision.calibrated(temperature), Form(output="mask"), spec)


def test_three_classes_of_which_none_is_counted_ask_for_no_words(tmp_path: Path) -> None:
    plain = [{**entry, "objects": False} for entry in CLASSES]
    bundle = make_bundle(1, plan=PLAN, classes=plain)
    file = load_onnx(exported(bundle, tmp_path))
    assert not file.lost
    assert "Objects of" not in file.session.get_modelmeta().description
    with pytest.raises(SettingError, match="none is said to have objects"):
        file.require_counted()
