"""The ships task in one command, and the files for people who want files and no command."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tomllib
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import mapwright as mw
from builders import make_bundle, rectangles, write_png
from mapwright.card import Decision, ObjectDecision
from mapwright.demo.sea.dataset import make_ships
from mapwright.errors import SettingError
from mapwright.io.run_table import RunTable
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.predict.model import Model
from mapwright.recipe import Recipe, Task, recipe_path, run_recipe

EXAMPLES = Path(__file__).parents[2] / "examples" / "ships"
QUICK = {
    "steps": 6, "batch": 2, "patch": 64, "tile": 64, "validate_every": 3, "tta": "flips",
    "encoder": "tu-mobilenetv3_small_050", "weights": "random",
}  # fmt: skip


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of 80 pixels, two of them of one place, and three to predict, one broken."""
    root = tmp_path_factory.mktemp("sea") / "airbus"
    make_ships(root, 12, empty=0.6, seed=5, size=80, test=3)
    broken = next((root / "test_v2").iterdir())
    broken.write_bytes(broken.read_bytes()[:300])
    (root / "sample_submission_v2.csv").write_text(
        "ImageId,EncodedPixels\n"
        + "".join(f"{path.name},1 2\n" for path in sorted((root / "test_v2").iterdir())) * 40
    )
    return root


@pytest.fixture(scope="module")
def task(sea: Path) -> tuple[Path, str]:
    """The run folder, and what was shown."""
    out = sea.parent / "run"
    console = Console(width=160, file=StringIO())
    settings = {**QUICK, "folds": 2}
    for part in run_recipe(Task(recipe_path("ships"), sea, out, began=0.0, settings=settings)):
        console.print(part)
    return out, console.file.getvalue()  # type: ignore[attr-defined]


def rows(table: Path) -> dict[str, set[str]]:
    """The run-length texts of each image of a table."""
    found: dict[str, set[str]] = {}
    head, *lines = table.read_text(encoding="utf-8").splitlines()
    assert head == "ImageId,EncodedPixels"
    for line in lines:
        name, _, text = line.partition(",")
        found.setdefault(name, set()).add(text)
    return found


def script(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example as a stranger would, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"} | environment,
    )


def here(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: object) -> None:
    """Run an example in this process, where torch is imported already."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


# --- the recipe --------------------------------------------------------------------------------


def test_the_recipe_goes_from_the_folder_to_a_submission_and_an_exported_file(
    task: tuple[Path, str], sea: Path
) -> None:
    out, text = task
    names = {path.name for path in out.iterdir()}
    assert {"model.safetensors", "scores.json", "report.html", "submission.csv"} <= names
    assert {"ships.onnx", "ships.stac.json", "plan.toml", "recipe.toml"} <= names
    assert "predictions" not in names
    assert set(rows(out / "submission.csv")) == {p.name for p in (sea / "test_v2").iterdir()}
    assert "its row is empty" in text
    for told in ("F2", "Dice, all pixels together", "Dice, mean over images with objects"):
        assert told in text
    spec = mw.load(out).bundle.spec
    assert (spec.class_names, spec.counted) == (("background", "ship"), 1)
    assert spec.mask.source == "rle:train_ship_segmentations_v2.csv"
    assert spec.images == "train_v2/*.jpg"


def test_the_exported_file_gives_the_ships_of_the_model(task: tuple[Path, str], sea: Path) -> None:
    out, _ = task
    exported = mw.load(out / "ships.onnx")
    assert exported.bundle.tile == QUICK["tile"]
    assert exported.bundle.form.presence == (exported.bundle.plan.gate > 0)
    again = mw.predict_table(exported, [sea / "test_v2"], out.parent / "again.csv")
    assert rows(again.path) == rows(out / "submission.csv")


def test_images_that_share_ground_stay_on_one_side(tmp_path: Path) -> None:
    root = tmp_path / "airbus"
    shots = make_ships(root, 10, empty=0.0, seed=3, size=120, overlapping=True)
    recipe = tmp_path / "r.toml"
    recipe.write_text("together = true\n[dataset.split]\nval = 0.5\n")
    console = Console(width=160, file=StringIO())
    try:  # all that matters is said before training begins
        for part in run_recipe(Task(recipe, root, tmp_path / "run", 0.0, settings={"steps": 0})):
            console.print(part)
    except SettingError:
        pass
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert any(a.shared(b) > 0.3 for a in shots for b in shots if a is not b)
    assert "each on one side of the split" in " ".join(text.split())
    assert "scores flatter" not in text


def test_without_an_image_to_predict_the_recipe_says_so_and_ends_well(tmp_path: Path) -> None:
    root = tmp_path / "airbus"
    make_ships(root, 6, empty=0.0, seed=2, size=64)
    recipe = tmp_path / "r.toml"
    recipe.write_text('[predict]\nformat = "kaggle"\nimages = ["test/*"]\n')
    console = Console(width=200, file=StringIO())
    settings = {**QUICK, "tta": "none", "steps": 1}
    for part in run_recipe(Task(recipe, root, tmp_path / "run", 0.0, settings=settings)):
        console.print(part)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "no submission: every image has a mask (train_v2/*.jpg, test/*)" in text
    assert not (tmp_path / "run" / "submission.csv").exists()


def test_a_table_needs_a_class_that_is_counted_and_the_recipe_says_so_at_once(
    tmp_path: Path,
) -> None:
    root = tmp_path / "airbus"
    make_ships(root, 4, empty=0.0, seed=2, size=48)
    recipe = tmp_path / "r.toml"
    classes = ", ".join(
        f'{{ name = "{k}", values = [{k}], color = "#00000{k}" }}' for k in range(3)
    )
    recipe.write_text(f'[dataset]\nclasses = [{classes}]\n[predict]\nformat = "kaggle"\n')
    with pytest.raises(SettingError, match="objects = true"):
        next(run_recipe(Task(recipe, root, tmp_path / "run", 0.0)))


@pytest.mark.parametrize("key", ["held_out", "overlay", "probabilities"])
def test_a_table_comes_without_maps_and_the_recipe_says_which_are_asked_for(key: str) -> None:
    with pytest.raises(SettingError, match=f"{key}.*kaggle"):
        Recipe.parse({"predict": {"format": "kaggle", key: True}}, "a test")
    with pytest.raises(SettingError, match="exactly one"):
        Recipe.parse({"predict": {"images": ["test"]}}, "a test")


def test_the_recipe_explains_its_settings() -> None:
    path = recipe_path("ships")
    text = path.read_text(encoding="utf-8")
    recipe = Recipe.parse(tomllib.loads(text), path)
    assert recipe.together
    assert recipe.predict.format == "kaggle"
    assert sum(line.startswith("#") for line in text.splitlines()) > 20


def test_the_recipe_fits_the_real_ships(stored_data: Path) -> None:
    from mapwright.recipe import apply_recipe

    folder = stored_data / "ships"
    if not folder.is_dir():
        pytest.skip("no ships in MAPWRIGHT_DATA")
    path = recipe_path("ships")
    recipe = Recipe.parse(tomllib.loads(path.read_text(encoding="utf-8")), path)
    dataset = apply_recipe(recipe, mw.open_dataset(folder))
    assert (len(dataset.labelled), dataset.spec.counted) == (12, 1)
    assert not mw.check(dataset).harmful


# --- scripts that use the Python API -----------------------------------------------------------


@pytest.fixture(scope="module")
def trained(sea: Path) -> tuple[Path, str]:
    """The run folder of train.py, and what it printed."""
    out = sea.parent / "by hand"
    found = script(
        "train.py", sea, "-o", out, "--steps", 2, "--batch", 2, "--patch", 64,
        "--encoder", "tu-mobilenetv3_small_050", "--weights", "random", "--folds", 2,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return out, found.stdout


def test_train_prints_dice_and_f2_beside_an_empty_prediction(trained: tuple[Path, str]) -> None:
    out, text = trained
    told = json.loads((out / "scores.json").read_text())["objects"]
    known = {score["name"]: score for score in told["scores"]}
    lines = {line[:36].strip(): line[36:].split() for line in text.splitlines()}
    for label, name in (
        ("F2, IoU above 0.50 to 0.95", "f2"),
        ("Dice, all pixels together", "dice_pooled"),
        ("Dice, mean over images", "dice_mean"),
        ("Dice, mean over images with ships", "dice_objects"),
    ):
        value, _, _, _, empty = lines[label]
        assert value == f"{known[name]['value']:.3f}"
        assert empty == f"{known[name]['baseline']:.3f}"
    assert "12 held-out images, 5 of them with ships" in text
    plan = mw.load(out).bundle.plan
    assert (plan.architecture, plan.loss, plan.tune_for) == ("unet", "dice+focal", "f2")


def test_inference_draws_one_image_and_hands_in_a_folder(
    trained: tuple[Path, str],
    sea: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, _ = trained
    image = sorted((sea / "train_v2").iterdir())[0]
    picture = tmp_path / "new" / "ships.png"
    found = script("inference.py", run, "--image", image, "-o", picture)
    assert found.returncode == 0, found.stderr
    ids = mw.load(run).objects(image)
    assert f"{image.name}: {ids.max()} ships" in found.stdout
    with Image.open(picture) as drawn:
        assert drawn.size == (1500, 540)
        assert len(drawn.convert("RGB").getcolors(1 << 24) or ()) > 50
    table = tmp_path / "table.csv"
    here(monkeypatch, "inference.py", run, "--folder", sea / "test_v2", "-o", table)
    assert len(rows(table)) == 3
    assert "3 images" in capsys.readouterr().out


def test_inference_asks_for_one_thing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        here(monkeypatch, "inference.py", tmp_path, "-o", tmp_path / "x.png")
    assert "one of the arguments --image --folder is required" in capsys.readouterr().err


# --- ONNX Runtime alone ------------------------------------------------------------------------


def alone(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run onnx_inference.py where torch and Mapwright can't be imported."""
    code = (
        "import runpy, sys\n"
        "for name in ('torch', 'mapwright', 'rasterio', 'odc'):\n"
        "    sys.modules[name] = None\n"
        f"sys.path.insert(0, {str(EXAMPLES)!r})\n"
        f"runpy.run_path({str(EXAMPLES / 'onnx_inference.py')!r}, run_name='__main__')\n"
    )
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_onnx_runtime_alone_finds_the_ships_that_mapwright_finds(
    task: tuple[Path, str], sea: Path, tmp_path: Path
) -> None:
    out, _ = task
    images = tmp_path / "sea"
    images.mkdir()
    for path in (sea / "train_v2").iterdir():  # GDAL and Pillow decode JPEG in their own ways
        with Image.open(path) as picture:
            picture.save(images / f"{path.stem}.png")
    (images / "broken.png").write_bytes(b"no picture")
    expected = mw.predict_table(mw.load(out / "ships.onnx"), [images], tmp_path / "expected.csv")
    found = alone(out / "ships.onnx", images, "-o", tmp_path / "alone", "--pictures")
    assert found.returncode == 0, found.stderr
    assert rows(tmp_path / "alone" / "submission.csv") == rows(expected.path)
    assert f"13 images, {expected.objects} ships" in found.stdout
    assert found.stderr.count("its row is empty") == len(expected.failed) == 1
    table = RunTable.open(tmp_path / "alone" / "submission.csv", disjoint=True)
    for image in (sea / "train_v2").iterdir():
        with Image.open(tmp_path / "alone" / f"{image.stem}_mask.png") as mask:
            inside = np.asarray(mask)
        assert np.unique(inside).tolist() in ([0], [0, 255])
        assert (inside > 0).any() == (table.count(image.name) > 0)
        with Image.open(tmp_path / "alone" / f"{image.stem}_overlay.png") as overlay:
            assert overlay.size == inside.shape[::-1]


@pytest.mark.parametrize(
    ("cut", "plan", "temperature"),
    [
        ({"neck": 0.7}, {"tta": "flips", "gate": 0.2}, 1.0),
        ({"core": True}, {"tta": "none"}, 1.7),
    ],
)
def test_every_part_of_a_rule_is_applied_as_mapwright_applies_it(
    tmp_path: Path, cut: dict[str, float], plan: dict[str, object], temperature: float
) -> None:
    bundle = make_bundle(plan={"tile": 64, **plan})
    pictures = [
        write_png(tmp_path / "sea" / f"{k}.png", rectangles(k, 90)[0][:, : 60 + 10 * k])
        for k in range(4)
    ]
    with Image.open(pictures[0]) as picture:
        values = np.asarray(picture, np.float32).transpose(2, 0, 1)
    soft = Model(bundle).probabilities(values)[1]
    middle, high = (float(np.quantile(soft, share)) for share in (0.5, 0.8))
    rule = ObjectRule(
        Cut(middle, **{**cut, **({"core": high} if "core" in cut else {})}), smallest=4, gate=0.01
    )
    decision = Decision(threshold=middle, objects=ObjectDecision(rule=rule))
    model = Model(replace(bundle, decision=decision.calibrated(temperature)))
    file = tmp_path / "model.onnx"
    mw.export(model, file, output="probability", objects=True, tile=64)
    expected = mw.predict_table(mw.load(file), pictures, tmp_path / "expected.csv")
    found = alone(file, tmp_path / "sea", "-o", tmp_path / "alone")
    assert found.returncode == 0, found.stderr
    assert rows(tmp_path / "alone" / "submission.csv") == rows(expected.path)
    assert expected.objects > 8


def test_a_file_that_is_no_exported_model_is_refused_in_one_line(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 4, 4])
    same = helper.make_tensor_value_info("same", TensorProto.FLOAT, [1, 3, 4, 4])
    node = helper.make_node("Identity", ["image"], ["same"])
    graph = helper.make_graph([node], "g", [image], [same])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "other.onnx")
    found = alone(tmp_path / "other.onnx", tmp_path, "-o", tmp_path / "out")
    assert found.returncode == 1
    assert found.stderr.strip().endswith("not written by `mapwright export`")
    assert not (tmp_path / "out").exists()
