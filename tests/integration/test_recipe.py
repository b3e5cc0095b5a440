"""A whole task from a recipe, and its report."""

import re
import shutil
import tomllib
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import mapwright as mw
from conftest import TINY, write_squares
from mapwright.data.dataset import Dataset
from mapwright.data.describe import open_dataset
from mapwright.data.spec import DatasetSpec
from mapwright.demo.dataset import SETTLEMENTS, SPEC
from mapwright.demo.tiles import make_tiles
from mapwright.errors import DatasetError, SettingError
from mapwright.recipe import Recipe, Task, apply_recipe, recipe_path, run_recipe
from mapwright.report.build import write_report
from mapwright.report.facts import gather
from mapwright.report.words import reproduce
from mapwright.run import Run

RECIPE = """
[dataset]
name = "blocks"
exclude = [{ stem = "00", why = "a test" }, { stem = "not-there", why = "another folder" }]
[pretrain]
settlements = 64
steps = 2
[plan]
folds = 2
steps = 4
batch = 2
patch = 64
tile = 64
encoder = "resnet18"
weights = "random"
validate_every = 2
[predict]
overlay = true
"""


def show(parts: object) -> str:
    console = Console(width=160, file=StringIO())
    for part in parts:
        console.print(part)
    return console.file.getvalue()


@pytest.fixture(scope="module")
def told(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("recipe")
    recipe = folder / "blocks.toml"
    recipe.write_text(RECIPE)
    out = folder / "run"
    return out, show(run_recipe(Task(recipe=recipe, data=squares, out=out, began=0.0)))


def test_a_recipe_goes_the_whole_way(told: tuple[Path, str]) -> None:
    out, text = told
    names = {path.name for path in out.iterdir()}
    assert {"model.safetensors", "scores.json", "report.html", "report.md", "recipe.toml"} <= names
    assert {"figures", "predictions", "pretrain", "plan.toml", "splits.json"} <= names
    assert {path.name for path in (out / "predictions").iterdir()} == {"08.png", "08_overlay.png"}
    assert "Out of fold" in text
    assert "made-up tiles" in text
    model = mw.load(out)
    assert model.bundle.spec.name == "blocks"
    assert [entry.stem for entry in model.bundle.spec.exclude] == ["00"]
    assert model.bundle.history.weights_source == "the model 'settlements'"
    assert len(model.bundle.members) == 2


def test_a_recipe_that_was_interrupted_goes_on(told: tuple[Path, str], squares: Path) -> None:
    out, _ = told
    before = (out / "model.safetensors").read_bytes()
    recipe = out.parent / "blocks.toml"
    show(run_recipe(Task(recipe=recipe, data=squares, out=out, began=0.0, resume=True)))
    assert (out / "model.safetensors").read_bytes() == before


def test_data_that_would_harm_training_stop_a_recipe(tmp_path: Path) -> None:
    root = write_squares(tmp_path / "data", count=4)
    (root / "masks" / "01.png").write_bytes((root / "masks" / "02.png").read_bytes())
    recipe = tmp_path / "r.toml"
    recipe.write_text("[plan]\nsteps = 1\n")
    with pytest.raises(DatasetError, match="would harm training"):
        show(run_recipe(Task(recipe=recipe, data=root, out=tmp_path / "run", began=0.0)))
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_the_shipped_recipes_are_valid_and_say_why() -> None:
    for name in ("roofs",):
        path = recipe_path(name)
        recipe = Recipe.parse(tomllib.loads(path.read_text()), path)
        assert recipe.plan
        comments = sum(line.startswith("#") for line in path.read_text().splitlines())
        assert comments >= 10
    with pytest.raises(SettingError, match=r"no recipe 'roof'[\s\S]*roofs"):
        recipe_path("roof")


def test_the_roofs_recipe_fits_the_real_roofs(roofs: Path) -> None:
    path = recipe_path("roofs")
    recipe = Recipe.parse(tomllib.loads(path.read_text()), path)
    dataset = apply_recipe(recipe, open_dataset(roofs))
    assert len(dataset.labelled) == 24
    assert len(dataset.unlabelled) == 5
    assert dataset.spec.mask.threshold == 128
    assert dataset.spec.valid.alpha
    assert not mw.check(dataset).harmful


def test_settlements_are_a_data_folder_like_any_other(tmp_path: Path) -> None:
    make_tiles(SETTLEMENTS, tmp_path, 4)
    dataset = open_dataset(tmp_path)
    assert dataset.spec == SPEC == DatasetSpec.load(tmp_path / "dataset.toml")
    assert len(dataset.labelled) == 4
    assert not mw.check(dataset).harmful
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    make_tiles(SETTLEMENTS, tmp_path, 4)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}


def test_making_settlements_ends_when_its_time_is_over(tmp_path: Path) -> None:
    make_tiles(SETTLEMENTS, tmp_path, 400, least=1, deadline=0.0)
    dataset = open_dataset(tmp_path)
    assert 1 <= len(dataset.labelled) < 400
    assert not mw.check(dataset).harmful
    make_tiles(SETTLEMENTS, tmp_path, 400)  # what is there is whole
    assert len(open_dataset(tmp_path).labelled) == len(dataset.labelled)


# --- the report --------------------------------------------------------------------------------


def test_the_report_is_one_page_that_needs_nothing_else(told: tuple[Path, str]) -> None:
    page = (told[0] / "report.html").read_text()
    assert not re.findall(r"(?:src|href)=[\"'](?!data:|#)", page)
    assert "@import" not in page
    assert "url(http" not in page
    assert page.count("<svg") == 3
    assert "data:image/jpeg;base64," in page
    for heading in ("Scores on held-out images", "Protocol", "Plan", "Reproduce", "Data"):
        assert f"<h2>{heading}</h2>" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_markdown_says_the_same_and_its_figures_are_there(told: tuple[Path, str]) -> None:
    text = (told[0] / "report.md").read_text()
    model = mw.load(told[0])
    assert f"**{model.bundle.scores['mean_iou']:.3f}**" in text
    for figure in re.findall(r"\]\((figures/[^)]+)\)", text):
        assert (told[0] / figure).stat().st_size > 1000
    assert "00 (a test)" in text
    assert "every image is scored by a model that never saw it" in text.lower()


def test_names_in_a_report_can_do_no_harm(trained: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / "run")
    facts = gather(folder)
    assert facts.examples
    write_report(folder)
    page = (folder / "report.html").read_text()
    assert "<script" not in page


def test_a_report_without_the_data_has_no_pictures_but_all_numbers(
    tmp_path: Path,
) -> None:
    root = write_squares(tmp_path / "data", count=4)
    settings = {**TINY, "steps": 2, "validate_every": 1}
    run = mw.train(root, tmp_path / "run", settings=settings)
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    root.rmdir()
    write_report(run.folder)
    page = (run.folder / "report.html").read_text()
    assert "Best, median and worst" not in page
    assert f"{run.scores.mean_iou:.3f}" in page


def test_the_command_that_reproduces_a_run_does(squares: Path, tmp_path: Path) -> None:
    import torch
    from click.testing import CliRunner

    from mapwright.cli import main

    settings = {**TINY, "steps": 3, "validate_every": 3}
    run = mw.train(squares, tmp_path / "first", folds=2, settings=settings)
    command = reproduce(gather(run.folder)).replace("\\\n", " ").split()[1:]
    command = [
        {"DATA": str(squares), "RUN": str(tmp_path / "second")}.get(part, part) for part in command
    ]
    command[command.index("--dataset") + 1] = str(run.folder / "dataset.toml")
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    again = mw.load(tmp_path / "second").bundle
    for first, second in zip(run.model.bundle.members, again.members, strict=True):
        assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_dataset_keeps_what_a_recipe_does_not_speak_of(squares: Path) -> None:
    dataset = open_dataset(squares)
    changed = apply_recipe(Recipe(dataset={"mask": {"ignore": [7]}}), dataset)
    assert isinstance(changed, Dataset)
    assert changed.spec.mask.ignore == (7,)
    assert changed.spec.classes == dataset.spec.classes
    assert "images" in changed.reasons
