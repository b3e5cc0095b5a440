"""Ships from a made-up sea: trained in folds, scored, told apart, written as a table."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import mapwright as mw
from mapwright.apply import dataset_for, predict_table
from mapwright.cli import main
from mapwright.data.truth import true_objects
from mapwright.demo.sea.dataset import TABLE, make_ships
from mapwright.evaluation import choose_items, evaluate
from mapwright.exporting.write import export
from mapwright.io.run_table import RunTable
from mapwright.metrics.object_result import SCORES
from mapwright.metrics.objects import count_objects, image_f2
from mapwright.metrics.summary import Scores
from mapwright.report.build import write_report
from mapwright.run import Run

SETTINGS = {
    "steps": 8, "batch": 2, "patch": 64, "tile": 64, "validate_every": 4, "tta": "none",
    "encoder": "tu-mobilenetv3_small_100", "weights": "random", "gate": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sea") / "ships"
    make_ships(root, 12, empty=0.5, seed=5, size=64)
    return root


@pytest.fixture(scope="module")
def run(sea: Path) -> Run:
    return mw.train(sea, sea.parent / "run", folds=2, settings=SETTINGS)


def test_objects_are_scored_out_of_fold_beside_an_empty_prediction(sea: Path, run: Run) -> None:
    objects = Scores.from_plain(json.loads((run.folder / "scores.json").read_text())).objects
    assert objects is not None
    assert [score.name for score in objects.scores] == list(SCORES)
    assert (objects.name, objects.images, objects.with_objects) == ("ship", 12, 6)
    # nothing predicted: 1 on each empty image, 0 on the others
    assert objects["f2"].baseline == objects["dice_mean"].baseline == 0.5
    assert objects["dice_objects"].baseline == 0
    table = RunTable.open(sea / TABLE)
    assert objects.objects == sum(table.count(stem) for stem in table.stems)
    assert sum(size.objects for size in objects.sizes) == objects.objects


def test_the_rule_is_in_the_model_file_with_its_reason(run: Run) -> None:
    bundle = mw.load(run.folder).bundle
    decision = bundle.decision
    assert decision.objects is not None
    assert decision.objects.tuned_for == bundle.plan.tune_for == "f2"
    assert decision.raw_threshold == pytest.approx(decision.objects.rule.cut.threshold)
    assert "12 held-out images" in decision.objects.reason
    assert "F2 is the score" in (run.folder / "plan.toml").read_text()


def test_evaluate_gives_the_scores_of_the_table_that_predict_writes(sea: Path, run: Run) -> None:
    fold = run.model.bundle.history.folds[0]
    model = run.model.only([0])
    dataset = dataset_for(model, sea)
    items = dataset.choose(fold.val)
    scores = evaluate(model, dataset, items)
    done = predict_table(model, [item.image for item in items], sea.parent / "table.csv")
    found = RunTable.open(done.path, disjoint=True)
    counts = [
        count_objects(
            true_objects(dataset, item, 1), found.read(item.stem, dataset.geobox(item)).ids
        )
        for item in items
    ]
    assert scores.objects is not None
    assert scores.objects["f2"].value == pytest.approx(image_f2(counts).mean())
    assert scores.objects.guesses == done.objects


def test_the_report_and_the_command_tell_of_objects(sea: Path, run: Run) -> None:
    write_report(run.folder)
    for name in ("report.html", "report.md"):
        text = (run.folder / name).read_text(encoding="utf-8")
        for told in ("Objects: ship", "nothing predicted", "rows of the table", "Why: the best f2"):
            assert told in text, (name, told)
    arguments = ["evaluate", str(run.folder), str(sea)]
    shown = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert "Dice, mean over images with objects" in shown.stdout
    plain = CliRunner().invoke(main, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(plain.stdout)["objects"]["name"] == "ship"
    assert "tuned on these images" in json.loads(plain.stdout)["note"]


def test_an_exported_mask_is_scored_by_what_is_left_of_the_rule(sea: Path, run: Run) -> None:
    path = sea.parent / "mask.onnx"
    export(run.model, path, tile=64, data=sea)
    model = mw.load(path)
    assert model.bundle.decision.object_rule.gate == 0
    dataset = dataset_for(model, sea)
    items, note = choose_items(model, dataset, "all")
    assert ("its gate" in note) == (run.model.bundle.decision.object_rule.gate > 0)
    scores = evaluate(model, dataset, items[:3])
    assert scores.objects is not None and scores.objects.images == 3
