"""Ships side by side: borders planned, learnt, resumed, tuned out of fold, used and exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mapwright as mw
from builders import make_spec
from interruptions import interrupted
from mapwright.apply import dataset_for, predict_table
from mapwright.card import Decision, ObjectDecision
from mapwright.data.truth import true_objects
from mapwright.data.write_spec import to_toml
from mapwright.evaluation import evaluate, tally
from mapwright.exporting.write import export
from mapwright.io.rle import encode_instances
from mapwright.io.run_table import RunTable
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.metrics.object_records import Grid, Record
from mapwright.metrics.objects import count_objects, image_f2
from mapwright.predict.model import Model
from mapwright.report.build import write_report
from mapwright.run import Run

QUICK = {
    "steps": 6, "batch": 4, "patch": 32, "tile": 32, "validate_every": 3, "tta": "flips",
    "encoder": "tu-mobilenetv3_small_050", "weights": "random", "save_every": 0, "gate": 0.0,
}  # fmt: skip
RULE = ObjectRule(Cut(0.3, border=0.4), smallest=2)


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images; in the first of every three, two ships of 5 x 14 pixels side by side."""
    root = tmp_path_factory.mktemp("data") / "harbour"
    (root / "images").mkdir(parents=True)
    rows = ["ImageId,EncodedPixels"]
    for number in range(12):
        rng = np.random.default_rng(number)
        pixels, ids = rng.integers(20, 60, (48, 64, 3), np.uint8), np.zeros((48, 64), np.int32)
        row, col = (int(rng.integers(2, 30)) for _ in range(2))
        for k in range(2 if number % 3 == 0 else 1):
            ids[row : row + 14, col + 5 * k : col + 5 * k + 5] = k + 1
            pixels[row : row + 14, col + 5 * k + 1 : col + 5 * k + 4] += 150
        Image.fromarray(pixels).save(root / "images" / f"{number:02d}.png")
        rows += [f"{number:02d}.png,{text}" for text in encode_instances(ids)]
    (root / "ships.csv").write_text("\n".join(rows) + "\n")
    classes = [
        {"name": name, "values": [k], "color": "#000000", "objects": k == 1}
        for k, name in enumerate(("sea", "ship"))
    ]
    spec = make_spec(classes=classes, masks=None, mask={"source": "rle:ships.csv"})
    (root / "dataset.toml").write_text(to_toml(spec, {}), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def run(harbour: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return mw.train(harbour, tmp_path_factory.mktemp("runs") / "a", folds=2, settings=QUICK)


@pytest.fixture(scope="module")
def model(run: Run) -> Model:
    """The trained model, with a rule that needs borders whatever was tuned."""
    objects = ObjectDecision(rule=RULE, tuned_for="f2", reason="a test")
    decision = Decision(threshold=RULE.cut.threshold, objects=objects)
    return replace(run.model, bundle=replace(run.model.bundle, decision=decision))


def test_the_plan_says_why_and_the_model_says_where_objects_touch(run: Run, harbour: Path) -> None:
    assert run.model.bundle.plan.border == 1
    assert "8 of 16 objects (50.0%) touch another" in (run.folder / "plan.toml").read_text()
    assert run.model.bundle.members[0]["network.segmentation_head.0.bias"].shape == (3,)
    found = mw.load(run.folder).predict(harbour / "images" / "00.png")
    assert found.border is not None and found.border.shape == (48, 64)
    assert found.probabilities.shape == (2, 48, 64)
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)


def test_rules_with_borders_were_tried_out_of_fold(run: Run, harbour: Path) -> None:
    grid = Grid.usual(border=True)
    rules = len(grid.cuts) * len(grid.sizes) * len(grid.gates)
    decision = run.model.bundle.decision
    assert decision.objects is not None
    assert f"of {rules:,} rules on 12 held-out images" in decision.objects.reason
    assert run.scores is not None and run.scores.objects is not None
    write_report(run.folder)
    assert "learnt where objects touch" in (run.folder / "report.md").read_text(encoding="utf-8")


def test_a_record_counts_what_the_rule_makes_of_the_map(model: Model, harbour: Path) -> None:
    dataset = dataset_for(model, harbour)
    items = dataset.choose(["00", "01", "03"])
    one = model.only([0])
    for item, entry in zip(items, tally(one, dataset, items, tuned=True), strict=True):
        assert isinstance(entry.objects, Record)
        for cut in entry.objects.grid.cuts[::5]:
            rule = ObjectRule(cut, smallest=10)
            objects = ObjectDecision(rule=rule)
            decision = Decision(threshold=cut.threshold, objects=objects)
            other = replace(one, bundle=replace(one.bundle, decision=decision))
            expected = count_objects(true_objects(dataset, item, 1), other.objects(item.image))
            found = entry.objects.counts(rule)
            assert found.truth.tolist() == expected.truth.tolist()
            assert found.guesses == expected.guesses


def test_scores_are_those_of_the_table_that_predict_writes(
    model: Model, harbour: Path, tmp_path: Path
) -> None:
    dataset = dataset_for(model, harbour)
    items = dataset.choose(model.bundle.history.folds[0].val)
    one = model.only([0])
    scores = evaluate(one, dataset, items)
    done = predict_table(one, [item.image for item in items], tmp_path / "table.csv")
    table = RunTable.open(done.path, disjoint=True)
    counts = [
        count_objects(true_objects(dataset, i, 1), table.read(i.stem, dataset.geobox(i)).ids)
        for i in items
    ]
    assert scores.objects is not None
    assert scores.objects["f2"].value == pytest.approx(image_f2(counts).mean())
    assert "border between objects has 0.4" in done.rule
    assert "border between objects has 0.4" in scores.objects.rule


def test_an_exported_model_writes_the_same_table(
    model: Model, harbour: Path, tmp_path: Path
) -> None:
    path = tmp_path / "ships.onnx"
    export(model, path, output="probability", tile=32, data=harbour, objects=True)
    images = sorted((harbour / "images").glob("*.png"))[:4]
    tables = [
        predict_table(each, images, tmp_path / f"{k}.csv").path.read_text()
        for k, each in enumerate((model, mw.load(path)))
    ]
    assert tables[0] == tables[1]
    assert tables[0].count("\n") > 4


@pytest.mark.parametrize("moment", [1, 4])
def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    run: Run, harbour: Path, tmp_path: Path, moment: int
) -> None:
    with interrupted(moment):
        mw.train(harbour, tmp_path / "run", folds=2, settings=QUICK)
    resumed = mw.train(harbour, tmp_path / "run", folds=2, settings=QUICK, resume=True)
    for one, other in zip(run.model.bundle.members, resumed.model.bundle.members, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_switched_off_it_leaves_no_trace(harbour: Path, tmp_path: Path) -> None:
    plain = mw.train(harbour, tmp_path / "off", settings=QUICK | {"border": 0, "steps": 2})
    assert plain.model.bundle.members[0]["network.segmentation_head.0.bias"].shape == (2,)
    assert plain.model.predict(harbour / "images" / "00.png").border is None
