"""`mapwright run`: a whole task in one command, from a recipe of one page."""

from __future__ import annotations

import math
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from mapwright.apply import predict_files, predict_table
from mapwright.data.check import CheckReport, check
from mapwright.data.config import read_toml
from mapwright.data.dataset import Dataset, Item
from mapwright.data.describe import open_dataset
from mapwright.data.look import readable
from mapwright.data.patterns import match_files
from mapwright.data.spec import DatasetSpec
from mapwright.data.splits import Fold
from mapwright.data.variation import full_variation
from mapwright.demo.generate import TILES
from mapwright.demo.tiles import make_tiles
from mapwright.errors import DatasetError
from mapwright.evaluation import unseen_members
from mapwright.exporting.write import export
from mapwright.io.files import require_new
from mapwright.predict.model import Model
from mapwright.recipes.form import SMALLEST, Leave
from mapwright.recipes.form import Recipe as Recipe
from mapwright.recipes.form import recipe_path as recipe_path
from mapwright.report.build import write_report
from mapwright.report.export_table import export_table
from mapwright.report.methodology import write_methodology
from mapwright.report.tables import check_table, guesses_table, history_text, scores_table
from mapwright.run import Options, draw_splits, train_on
from mapwright.training.budget import Clock
from mapwright.training.tensorboard import require_tensorboard

_AFTER = 20.0  # seconds that predictions and report take on a small data set
_EXPORTING = 12.0  # seconds that each member of an ensemble takes to be exported and proved
_SHOWN = 7  # images that a report shows beside their maps
_MAKING = 0.25  # of the time for learning from made-up tiles that making them may take


@dataclass(frozen=True)
class Task:
    """A recipe to run.

    Args:
        recipe: The recipe's file.
        data: The data folder.
        out: The run folder, new or empty.
        began: `time.monotonic()` at which the budget began.
        budget: Seconds for all of it; None = as many steps as planned.
        settings: Values of the plan set by hand; they win over the recipe.
        resume: Go on where an interrupted run in the same folder stands.
        tensorboard: Also write the logs of the trainings for TensorBoard.
    """

    recipe: Path
    data: Path
    out: Path
    began: float
    budget: float | None = None
    settings: Mapping[str, Any] | None = None
    resume: bool = False
    tensorboard: bool = False


def run_recipe(task: Task) -> Iterator[RenderableType]:
    """Check, learn, score, predict and report; yields what to show, part by part.

    Raises:
        DatasetError: The data would harm training.
        MapwrightError: Something about the recipe, the data or the output is wrong.
    """
    recipe = Recipe.parse(read_toml(task.recipe), task.recipe)
    if not task.resume:
        require_new(task.out)
    if task.tensorboard:
        require_tensorboard()
    dataset = apply_recipe(recipe, open_dataset(task.data))
    _require_objects(recipe, dataset.spec)
    clock = Clock(task.began, task.budget) if task.budget else None

    yield Rule("describe and check", align="left")
    if dataset.reasons:
        yield guesses_table(dataset.spec, dataset.reasons, "Guessed from the files")
    dataset, report, told = _checked(recipe, dataset)
    yield check_table(report)
    yield from told
    if report.harmful:
        raise DatasetError(
            "the check found what would harm training",
            where=task.data,
            fix="mend or exclude what the table names, in a dataset.toml or in the recipe",
        )
    parent = None
    if recipe.pretrain:
        yield Rule(f"learn from made-up {recipe.pretrain.tiles[0]} first", align="left")
        parent = _learn_first(recipe, task, clock)
        yield scores_text(parent)

    yield Rule("learn from the images", align="left")
    run = train_on(dataset, task.out, _options(recipe, task, dataset, parent))
    if run.scores:
        yield scores_table(run.scores)
    yield Text(history_text(run.model.bundle.history))

    yield Rule("predict and report", align="left")
    written = list(write_report(run.folder))
    if recipe.predict.format == "kaggle":
        yield from _submit(recipe, run.model, dataset, task.out)
    else:
        written += _map(recipe, run.model, dataset, task.out)
    if recipe.export:
        file = task.out / f"{dataset.spec.name}.onnx"
        left = export(run.folder, file, **_form(recipe.export, run.model))
        yield export_table(left)
        written += [left.path, left.item]
    shutil.copyfile(task.recipe, task.out / "recipe.toml")
    if recipe.methodology:
        written.append(write_methodology(run.folder, task.data))
    yield Text("\n".join(str(path) for path in written))
    yield Text(f"{time.monotonic() - task.began:.0f} s in all", "bold green")


def _require_objects(recipe: Recipe, spec: DatasetSpec) -> None:
    """A table of objects needs a class that is counted: said before training begins."""
    if recipe.predict.format == "kaggle":
        where, fix = '[predict] format = "kaggle"', "add it to the recipe or to dataset.toml"
        spec.require_counted(where, fix)


def _checked(
    recipe: Recipe, dataset: Dataset
) -> tuple[Dataset, CheckReport, tuple[RenderableType, ...]]:
    """Check, and keep together what shows the same content where the recipe asks for it.

    Returns:
        The data set, what is left to say of it, and what was done in words.
    """
    report = check(dataset)
    if not (recipe.together and report.groups) or dataset.spec.split.by == "given":
        return dataset, report, ()
    images = sum(map(len, report.groups))
    told = f"{images:,} images show what others show too: {len(report.groups):,} groups, each on "
    rest = [finding for finding in report.findings if finding.kind != "shared content"]
    words = Text(told + "one side of the split")
    return dataset.with_groups(report.groups), replace(report, findings=rest), (words,)


def _form(leave: Leave, model: Model) -> dict[str, Any]:
    """How to export a model, with what only the model can say."""
    tile = model.bundle.plan.tile if leave.tile == "planned" else leave.tile
    return {**leave.plain(), "tile": tile}


def _options(recipe: Recipe, task: Task, dataset: Dataset, parent: Model | None) -> Options:
    """How to train; of a budget, time is left for what comes after."""
    settings = {**recipe.plan, **(task.settings or {})}
    folds = int(settings.pop("folds", 1))
    splits = draw_splits(dataset, folds)
    after = _AFTER + (_EXPORTING * max(folds, 1) if recipe.export else 0.0)
    return Options(
        folds=folds,
        budget=task.budget,
        began=task.began,
        settings=settings,
        parent=parent,
        reserve=after if task.budget else 0.0,
        after_pixels=_pixels(dataset, _to_map(recipe, dataset, splits.folds)),
        splits=splits,
        resume=True,
        tensorboard=task.tensorboard,
    )


def _to_map(recipe: Recipe, dataset: Dataset, folds: Sequence[Fold]) -> list[Item]:
    """The images to predict: without a mask, further ones and, if asked for, those held out."""
    wanted = recipe.predict
    held = {item.scene for fold in folds if wanted.held_out for item in dataset.choose(fold.val)}
    own = {item.image for item in dataset.items}
    further = {
        path: Item(stem, path, None)
        for pattern in wanted.images
        for stem, path in match_files(dataset.root, pattern).items()
        if path not in own
    }
    chosen = [item for item in dataset.items if not item.mask or item.stem in held]
    return [*chosen, *further.values()]


def _pixels(dataset: Dataset, items: Sequence[Item]) -> int:
    """Pixels to map, and those of the pictures in a report; what can't be read has none."""
    wanted = {item.image: item for item in (*dataset.labelled[:_SHOWN], *items)}
    sizes = readable(lambda path: dataset.size(wanted[path]), list(wanted))
    return sum(height * width for height, width in sizes)


def _submit(recipe: Recipe, model: Model, dataset: Dataset, out: Path) -> Iterator[RenderableType]:
    """Write the objects of all images to predict as one table; yields what to say of it."""
    images = [item.image for item in _to_map(recipe, dataset, ())]
    if not images:
        places = ", ".join((dataset.spec.images, *recipe.predict.images))
        yield Text(f"no submission: every image has a mask ({places})", "yellow")
        return
    done = predict_table(model, images, out)
    yield Text(done.text)
    for image, error in done.failed.items():
        yield Text(f"{image}: {error.what}; its row is empty", "yellow")


def _map(recipe: Recipe, model: Model, dataset: Dataset, out: Path) -> list[Path]:
    """Map images; a held-out one by the members that never saw it."""
    folds = model.bundle.history.folds
    groups: dict[tuple[int, ...], list[Path]] = defaultdict(list)
    for item in _to_map(recipe, dataset, folds):
        groups[unseen_members(model, item) or tuple(range(len(folds)))].append(item.image)
    written: list[Path] = []
    for members, images in groups.items():
        maps = predict_files(
            model.only(members),
            images,
            out / "predictions",
            probabilities=recipe.predict.probabilities,
            with_overlay=recipe.predict.overlay,
        )
        written += [files.map for files in maps]
    return written


def apply_recipe(recipe: Recipe, dataset: Dataset) -> Dataset:
    """A data set with the description that a recipe asks for; the files' own part stays.

    What the recipe excludes, or keeps together, need not be there.
    """
    stems = {item.stem for item in dataset.items}
    plain = dataset.spec.plain()
    for key, value in recipe.dataset.items():
        both = isinstance(value, dict) and isinstance(plain.get(key), dict)
        plain[key] = {**plain[key], **value} if both else value
    plain["exclude"] = [entry for entry in plain["exclude"] if entry["stem"] in stems]
    same = [[stem for stem in pair if stem in stems] for pair in plain["split"]["together"]]
    plain["split"]["together"] = [pair for pair in same if len(pair) > 1]
    spec = DatasetSpec.parse(plain, "the recipe's [dataset]")
    reasons = {
        key: text
        for key, text in dataset.reasons.items()
        if key.split(".")[0] not in recipe.dataset
    }
    return replace(dataset, spec=spec, reasons=reasons)


def scores_text(model: Model) -> RenderableType:
    """One line on a model's own held-out score."""
    scores = model.bundle.scores or {}
    steps = model.bundle.history.steps[0]
    return Text(f"{steps} steps; mean IoU {scores['mean_iou']:.3f} on held-out made-up tiles")


def _learn_first(recipe: Recipe, task: Task, clock: Clock | None) -> Model:
    """Make up tiles and learn them; on the real images' classes, without a real image."""
    assert recipe.pretrain
    kind, count = recipe.pretrain.tiles
    root = task.out / "pretrain" / kind
    alike = ("architecture", "encoder", "build")
    chosen = {**recipe.plan, **(task.settings or {})}  # or its weights would fit no network here
    settings = {key: value for key, value in chosen.items() if key in alike}
    budget, deadline = None, math.inf
    if clock:  # a share of the whole, whatever making the tiles took of it
        budget = recipe.pretrain.share * clock.seconds
        deadline = task.began + _MAKING * budget
    else:
        settings["steps"] = recipe.pretrain.steps
    make_tiles(TILES[kind], root, count, least=SMALLEST, deadline=deadline)
    made = open_dataset(root)
    varied = full_variation(len(made.spec.used)).plain()  # it is to know more than made-up ground
    options = Options(
        budget=budget,
        began=task.began,
        settings={**settings, "keep": "last", "augmentation": varied},
        resume=True,
        tensorboard=task.tensorboard,
    )
    return train_on(made, task.out / "pretrain" / "run", options).model
