"""Objects of many images as one table, which our own reader takes back."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from odc.geo.geobox import GeoBox
from rasterio import Affine

from builders import make_bundle, rectangles, write_png
from mapwright.apply import predict_table
from mapwright.bundle import save_bundle
from mapwright.card import Decision, ObjectDecision
from mapwright.cli import main
from mapwright.errors import ImageFileError, OutputError, SettingError
from mapwright.io.run_table import RunTable
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.predict.model import Model
from mapwright.predict.submission import write_submission

GRID = GeoBox((40, 56), Affine.identity(), None)


def images(folder: Path, count: int = 4) -> list[Path]:
    made = []
    for number in range(count):
        pixels = rectangles(number, 56)[0][:, :40]
        made.append(write_png(folder / f"{number:02d}.png", pixels))
    return made


@pytest.fixture(scope="module")
def model() -> Model:
    """Untrained, at the threshold where about half of the pixels are objects."""
    plain = Model(make_bundle(plan={"tile": 64}))
    soft = plain.probabilities(rectangles(0, 56)[0][:, :40].astype(np.float32))[1]
    rule = ObjectRule(Cut(float(np.median(soft))), smallest=4)
    decision = Decision(threshold=rule.cut.threshold, objects=ObjectDecision(rule=rule))
    return Model(replace(plain.bundle, decision=decision))


def test_a_table_comes_back_as_the_objects_that_were_found(model: Model, tmp_path: Path) -> None:
    found = images(tmp_path / "sea")
    done = predict_table(model, [tmp_path / "sea"], tmp_path / "out")
    table = RunTable.open(tmp_path / "out" / "submission.csv", disjoint=True)
    assert (done.images, len(table), done.failed) == (4, 4, {})
    total = 0
    for image in found:
        ids = model.objects(image)
        assert (table.read(image.name, GRID).ids == ids).all()
        assert np.bincount(ids.ravel())[1:].min(initial=4) >= 4
        total += ids.max()
    assert done.objects == total > 0
    assert (
        (tmp_path / "out" / "submission.csv")
        .read_text()
        .startswith("ImageId,EncodedPixels\n00.png,")
    )


def test_runs_count_from_one_down_the_columns(model: Model, tmp_path: Path) -> None:
    image = images(tmp_path, 1)[0]
    everything = replace(model.bundle, decision=Decision(threshold=0.0))
    write_submission(Model(everything), [image], tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text() == f"ImageId,EncodedPixels\n00.png,1 {40 * 56}\n"


def test_an_image_that_can_not_be_read_has_an_empty_row_and_is_named(
    model: Model, tmp_path: Path
) -> None:
    found = images(tmp_path / "sea", 3)
    found[1].write_bytes(found[1].read_bytes()[:200])
    done = predict_table(model, found, tmp_path / "table.csv")
    assert list(done.failed) == [found[1]]
    assert done.images == 3
    rows = (tmp_path / "table.csv").read_text().splitlines()
    assert "01.png," in rows
    assert {row.partition(",")[0] for row in rows[1:]} == {"00.png", "01.png", "02.png"}
    assert json.dumps(done.plain())
    assert "rows are empty: 1" in done.text


def test_nothing_is_written_where_no_image_can_be_read(model: Model, tmp_path: Path) -> None:
    broken = tmp_path / "a.png"
    broken.write_text("no picture")
    with pytest.raises(ImageFileError):
        predict_table(model, [broken], tmp_path / "table.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_an_interruption_leaves_the_table_that_was_there(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = images(tmp_path / "sea", 2)
    table = tmp_path / "table.csv"
    table.write_text("old")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mapwright.predict.submission.encode_instances", stop)
    with pytest.raises(KeyboardInterrupt):
        write_submission(model, found, table)
    assert table.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sea", "table.csv"]


def test_two_images_of_one_name_are_refused_before_any_is_read(
    model: Model, tmp_path: Path
) -> None:
    paths = [images(tmp_path / name, 1)[0] for name in ("one", "two")]
    with pytest.raises(OutputError, match="two images are named '00'"):
        predict_table(model, paths, tmp_path / "table.csv")


def test_a_model_of_several_classes_must_say_which_is_counted(tmp_path: Path) -> None:
    bundle = make_bundle(1, (0,), (1,), (2,))
    with pytest.raises(SettingError, match="objects = true"):
        write_submission(Model(bundle), images(tmp_path, 1), tmp_path / "table.csv")
    classes = [
        entry.model_copy(update={"objects": k == 2}) for k, entry in enumerate(bundle.spec.classes)
    ]
    told = bundle.spec.model_copy(update={"classes": tuple(classes)})
    done = write_submission(
        Model(replace(bundle, spec=told)), images(tmp_path, 1), tmp_path / "table.csv"
    )
    assert done.images == 1


def test_the_command_says_what_it_wrote(model: Model, tmp_path: Path) -> None:
    found = images(tmp_path / "sea", 2)
    found[1].write_text("no picture")
    save_bundle(model.bundle, tmp_path / "model.safetensors")
    arguments = ["predict", str(tmp_path / "model.safetensors"), str(tmp_path / "sea")]
    arguments += ["-o", str(tmp_path / "table.csv"), "--format", "kaggle"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "2 images" in result.stdout and "connected pixels" in result.stdout
    assert "01.png" in result.stderr and "its row is empty" in result.stderr
    refused = CliRunner().invoke(main, [*arguments, "--overlay"])
    assert refused.exit_code == 2
    assert "--overlay: these are maps" in refused.stderr
