"""From a trained run to a file, and the file used as a model, by the commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import mapwright as mw
from builders import write_tiff
from mapwright.cli import main
from mapwright.run import Run


def call(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def soft(trained: Run, folder: Path) -> Path:
    path = folder / "probabilities.onnx"
    call("export", trained.folder, "-o", path, "--tile", 64, "--output", "probability")
    return path


@pytest.fixture(scope="module")
def mask(trained: Run, folder: Path) -> tuple[Path, str]:
    path = folder / "mask.onnx"
    return path, call("export", trained.folder, "-o", path, "--tile", 64).stdout


def test_the_proof_is_made_on_the_images_that_were_learnt_from(mask: tuple[Path, str]) -> None:
    path, printed = mask
    assert "9 images of the training folder" in printed
    assert "values as in the files of red, green, blue, in this order" in printed
    assert str(path) in printed
    assert path.with_suffix(".stac.json").is_file()


def test_a_file_scores_as_its_model_does(trained: Run, soft: Path, squares: Path) -> None:
    ours, theirs = (
        json.loads(call("evaluate", model, squares, "--json").stdout)
        for model in (trained.folder, soft)
    )
    assert theirs["images"] == ours["images"]
    assert theirs["mean_iou"] == pytest.approx(ours["mean_iou"], abs=1e-3)
    assert theirs["note"] == ours["note"]


def test_the_graph_alone_gives_the_map_that_predict_writes(
    trained: Run, mask: tuple[Path, str], squares: Path, tmp_path: Path
) -> None:
    image = squares / "images" / "03.png"
    call("predict", mask[0], image, "-o", tmp_path)
    written = np.asarray(Image.open(tmp_path / "03.png"))
    rgba = np.asarray(Image.open(image)).astype(np.float32)
    batch = np.where(rgba[..., 3:] > 0, rgba[..., :3], np.nan).transpose(2, 0, 1)[None]
    session = onnxruntime.InferenceSession(mask[0], providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": batch})[0]
    legend = trained.model.bundle.spec.legend
    np.testing.assert_array_equal(legend.encode(found), written)
    assert set(np.unique(found)) == {0, 1, 255}


def test_scores_of_a_mask_say_that_tiles_vote(mask: tuple[Path, str], squares: Path) -> None:
    printed = call("evaluate", mask[0], squares).stdout
    assert "they vote with one class for each pixel" in printed.replace("\n", " ")


def test_shares_of_votes_are_not_passed_off_as_probabilities(
    mask: tuple[Path, str], squares: Path, tmp_path: Path
) -> None:
    image = squares / "images" / "03.png"
    said = call("predict", mask[0], image, "-o", tmp_path, "--probabilities").stderr
    assert said.startswith("warning: an exported mask: where tiles overlap, they vote")
    assert call("predict", mask[0], image, "-o", tmp_path).stderr == ""


def test_checks_that_fail_end_with_one_and_bad_input_with_two(
    trained: Run, mask: tuple[Path, str], squares: Path, tmp_path: Path
) -> None:
    out = tmp_path / "small.onnx"
    said = call("export", trained.folder, "-o", out, "--tile", 64, "--max-mb", 20, code=1).stderr
    assert "over the budget: 57" in said
    assert "encoder=tu-mobilenetv3_small_100" in said
    assert not out.exists()
    said = call("export", trained.folder, "-o", out, "--fold", 2, code=2).stderr
    assert "a number from 1 to 1" in said
    half = tmp_path / "half.onnx"
    half.write_bytes(mask[0].read_bytes()[:100_000])
    for command in (("evaluate", half, squares), ("predict", half, squares, "-o", tmp_path / "m")):
        said = call(*command, code=2).stderr
        assert said.startswith("error: the exported file can't be used: it was cut short")
        assert said.count("error") == 1
    assert not (tmp_path / "m").exists()


def test_values_of_another_unit_are_warned_of(soft: Path, trained: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = write_tiff(tmp_path / "unit.tif", rng.random((3, 64, 64), np.float32) * 0.8)
    for model in (soft, trained.folder):
        result = call("predict", model, image, "-o", tmp_path / "maps", "--json")
        assert result.stderr.startswith(f"warning: {image}: values are about 1/255 of those")
        (told,) = json.loads(result.stdout)
        assert told["doubts"][0]["amount"] == pytest.approx(1 / 255)


def test_a_model_exported_without_its_data_is_proved_on_made_up_tiles(
    trained: Run, tmp_path: Path
) -> None:
    alone = tmp_path / "model.safetensors"
    shutil.copy(trained.folder / "model.safetensors", alone)
    done = mw.export(alone, tmp_path / "model.onnx", tile=32)
    assert done.proof.kinds["real"].tiles == 0
    assert "the training folder is not at hand" in done.proof.real


def test_real_tiles_can_come_from_another_folder(
    trained: Run, squares: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    shutil.copy(trained.folder / "model.safetensors", tmp_path / "run")
    other = tmp_path / "others" / "images"
    other.mkdir(parents=True)
    for name in ("00.png", "08.png"):
        shutil.copy(squares / "images" / name, other)
    done = mw.export(tmp_path / "run", tmp_path / "model.onnx", tile=32, data=tmp_path / "others")
    assert done.proof.real == "2 images of others"
    assert done.proof.kinds["real"].tiles == 2


def test_a_training_folder_that_has_changed_is_not_taken_for_the_same(
    trained: Run, squares: Path, tmp_path: Path
) -> None:
    run, data = tmp_path / "run", tmp_path / "data"
    shutil.copytree(trained.folder, run)
    shutil.copytree(squares, data)
    for image in (data / "images").iterdir():
        image.unlink()
        Image.fromarray(np.full((64, 64, 4), 255, np.uint8)).save(image)
    told = json.loads((run / "environment.json").read_text())
    (run / "environment.json").write_text(json.dumps({**told, "data": str(data)}))
    done = mw.export(run, tmp_path / "model.onnx", tile=32)
    assert "the training folder has changed since" in done.proof.real
