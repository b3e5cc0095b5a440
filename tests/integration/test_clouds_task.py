"""The cloud task from stacks to its file and its methodology."""

import json
import re
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

import mapwright as mw
from cloud_stacks import make_stack, name_of, write_catalogue
from mapwright.cli import main
from mapwright.metrics.summary import Scores
from mapwright.recipe import Task, recipe_path, run_recipe
from mapwright.report.methodology import f1_of, write_methodology

SMALL = {
    "folds": 2, "steps": 2, "batch": 2, "patch": 64, "tile": 64, "validate_every": 1,
    "tta": "none", "weights": "random", "pixels": 0, "architecture": "pspnet",
    "encoder": "resnet18",
}  # fmt: skip


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalogue(tmp_path_factory.mktemp("clouds") / "catalogue", 6, unlabelled=[2])


@pytest.fixture(scope="module")
def told(stacks: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("runs") / "clouds"
    recipe = out.parent / "clouds.toml"  # the shipped one, but for tiles that take less time
    shipped = recipe_path("clouds-sentinel2").read_text(encoding="utf-8")
    recipe.write_text(shipped.replace("\ntile = 224\n", "\ntile = 64\n"), encoding="utf-8")
    task = Task(recipe=recipe, data=stacks, out=out, began=0.0)
    console = Console(width=160, file=StringIO())
    for part in run_recipe(replace(task, settings=SMALL)):
        console.print(part)
    return out, console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def page(told: tuple[Path, str]) -> str:
    return (told[0] / "methodology.md").read_text(encoding="utf-8")


def test_the_task_leaves_all_that_the_brief_asks_for(told: tuple[Path, str]) -> None:
    out, text = told
    names = {path.name for path in out.iterdir()}
    assert {"clouds.onnx", "clouds.stac.json", "methodology.md", "report.html"} <= names
    assert "methodology.md" in text


def test_the_file_gives_0_and_1_for_a_stack(told: tuple[Path, str], tmp_path: Path) -> None:
    import onnxruntime

    image, _ = make_stack(9, 64, 64)
    four = np.moveaxis(image[..., [3, 2, 1, 7]], -1, 0)[None]
    session = onnxruntime.InferenceSession(told[0] / "clouds.onnx")
    (mask,) = session.run(None, {session.get_inputs()[0].name: four})
    assert mask.shape == (1, 64, 64)
    assert set(np.unique(mask)) <= {0, 1}
    np.save(tmp_path / "scene.npy", make_stack(9, 100, 75)[0])
    assert mw.load(told[0] / "clouds.onnx").predict(tmp_path / "scene.npy").classes.shape == (
        100, 75
    )  # fmt: skip


def test_the_methodology_says_what_the_brief_asks_for(page: str) -> None:
    headings = re.findall(r"^## (.*)$", page, re.M)
    assert headings == [
        "Data", "Split", "Preprocessing", "Network and training", "Validation",
        "Metrics and results", "The exported file", "Reproduce",
    ]  # fmt: skip
    assert "2 folds by whole group (seed 0)" in page
    assert "clear = 0, 2; cloud = 1" in page
    assert "IoU = TP / (TP + FP + FN)" in page
    assert "takes `image` float32 (tiles, 4, 64, 64), gives `mask` uint8" in page
    assert "clouds.onnx, " in page
    assert "or 0. Each network standardises" in page  # what nodata is
    assert not re.search(r"\{\{|\{%|None|nan\b|\binf\b|Undefined", page)


def test_its_figures_are_those_of_the_run(told: tuple[Path, str], page: str) -> None:
    scores = Scores.from_plain(json.loads((told[0] / "scores.json").read_text()))
    cloud = scores.classes[1]
    row = next(line for line in page.splitlines() if line.startswith("| the model |"))
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert cells[0] == f"{cloud.iou:.3f}"
    assert cells[1] == " to ".join(f"{end:.3f}" for end in cloud.iou_interval)
    assert cells[2] == f"{cloud.f1:.3f}" == f"{f1_of(cloud.iou):.3f}"
    assert cells[4] == f"{scores.accuracy:.3f}"
    assert f"| {scores.pixels:,} held-out pixels |" in page


def test_every_setting_has_a_reason_or_is_named_as_usual(told: tuple[Path, str], page: str) -> None:
    plan = mw.load(told[0]).bundle.plan.plain()
    for key, value in plan.items():
        shown = f"| {key} |" in page or re.search(rf"[:;] {key} ", page)
        assert shown or value in ("", [], None), key
    assert "| encoder | resnet18 | set by hand |" in page  # not the recipe's
    assert "--data DATA -o RUN --set folds=2 --set architecture=pspnet" in page


def test_every_fold_is_listed_with_the_groups_that_it_holds_out(
    told: tuple[Path, str], page: str
) -> None:
    rows = re.findall(r"^\| \d \| (\d+) \| (\d+) \| (.*) \|$", page, re.M)
    folds = mw.load(told[0]).bundle.history.folds
    assert [(int(train), int(val)) for train, val, _ in rows] == [
        (len(fold.train), len(fold.val)) for fold in folds
    ]
    held = {name.strip() for _, _, names in rows for name in names.split(",")}
    assert held == {re.search("T[0-9]{2}[A-Z]{3}", name_of(k))[0] for k in range(6)}  # type: ignore[index]


def test_baselines_that_came_since_are_shown(told: tuple[Path, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(told[0], folder)
    scores = json.loads((folder / "scores.json").read_text())
    left = {
        "baselines": {"a | b": {"scores": scores, "accuracy_interval": [0.25, 0.75]}},
        "text": "what was done.",
    }
    (folder / "baselines.json").write_text(json.dumps(left))
    result = CliRunner().invoke(main, ["report", str(folder)])
    assert result.exit_code == 0, result.output
    assert "methodology.md" in result.output
    page = (folder / "methodology.md").read_text(encoding="utf-8")
    assert "| a \\| b | " in page
    assert "0.250 to 0.750" in page
    assert "what was done." in page


def test_a_run_without_recipe_export_or_held_out_images_is_told_as_well(
    stacks: Path, told: tuple[Path, str], tmp_path: Path
) -> None:
    settings = {key: value for key, value in SMALL.items() if key != "folds"}
    run = mw.train(
        stacks, tmp_path / "run", folds=0, settings=settings,
        dataset_file=told[0] / "dataset.toml",
    )  # fmt: skip
    page = write_methodology(run.folder).read_text(encoding="utf-8")
    assert "none was held out" in page
    assert "exported file" not in page
    assert "Metrics" not in page
    assert "mapwright run recipe" not in page
