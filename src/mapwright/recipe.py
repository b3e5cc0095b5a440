"""`mapwright run`: a whole task in one command, from a recipe of one page."""

from __future__ import annotations

import math
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from mapwright.apply import predict_files
from mapwright.data.check import check
from mapwright.data.config import Config, read_toml
from mapwright.data.dataset import Dataset, Item
from mapwright.data.describe import open_dataset
from mapwright.data.spec import DatasetSpec
from mapwright.data.splits import Fold
from mapwright.demo.dataset import make_settlements
from mapwright.errors import DatasetError, SettingError
from mapwright.evaluation import unseen_members
from mapwright.exporting.write import export
from mapwright.io.files import require_new
from mapwright.predict.model import Model
from mapwright.report.build import write_report
from mapwright.report.export_table import export_table
from mapwright.report.methodology import write_methodology
from mapwright.report.tables import check_table, guesses_table, history_text, scores_table
from mapwright.run import Options, draw_splits, train_on
from mapwright.training.budget import Clock

_AFTER = 20.0  # seconds that predictions and report take on a small data set
_EXPORTING = 12.0  # seconds that each member of an ensemble takes to be exported and proved
_SHOWN = 7  # images that a report shows beside their maps
_SMALLEST = 64  # made-up tiles; fewer teach nothing
_MAKING = 0.25  # of the time for learning from made-up tiles that making them may take


class Pretrain(Config):
    """What to learn before the real images.

    Args:
        settlements: Number of made-up settlement tiles.
        share: Share of the budget that goes into making and learning them.
        steps: Training steps where there is no budget.
    """

    settlements: int = Field(ge=_SMALLEST)
    share: float = Field(default=0.5, gt=0, lt=1)
    steps: int = Field(default=2400, ge=1)


class Prediction(Config):
    """Which images to map when the model is trained, and what to write of each.

    Args:
        held_out: Map the held-out images too, and not only those without a mask.
        overlay: Also write each image with the classes laid over it.
        probabilities: Also write one band of probability per class.
    """

    held_out: bool = False
    overlay: bool = True
    probabilities: bool = False


class Leave(Config):
    """The file for other software that a task ends with; see `mapwright.exporting.write.export`.

    Args:
        tile: Height and width of its tiles, in pixels.
        output: What it gives.
        invalid: What a mask holds where the image is invalid.
        max_mb: Largest size in megabytes.
    """

    tile: int = 224
    output: Literal["mask", "probability", "logits", "deepness"] = "mask"
    invalid: Literal[0, 255] = 255
    max_mb: float | None = None


class Recipe(Config):
    """A task.

    Args:
        dataset: Parts of a `dataset.toml` that override what is guessed from the files.
        pretrain: What to learn first, or None.
        plan: Settings of the plan, and the number of `folds`.
        predict: Which images to map.
        export: The file for other software, or None.
        methodology: Also write the protocol on a page or two, `methodology.md`.
    """

    dataset: dict[str, Any] = Field(default_factory=dict)
    pretrain: Pretrain | None = None
    plan: dict[str, Any] = Field(default_factory=dict)
    predict: Prediction = Prediction()
    export: Leave | None = None
    methodology: bool = False


def recipe_path(name: str) -> Path:
    """The file of a recipe, by the name of one that is shipped or by its path.

    Raises:
        SettingError: There is no such recipe.
    """
    if name.endswith(".toml"):
        return Path(name)
    shipped = Path(str(files("mapwright.recipes")))
    path = shipped / f"{name}.toml"
    if not path.exists():
        names = sorted(found.stem for found in shipped.glob("*.toml"))
        raise SettingError(
            f"there is no recipe {name!r}",
            where="RECIPE",
            expected=f"one of {', '.join(names)}, or a path that ends in .toml",
        )
    return path


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
    """

    recipe: Path
    data: Path
    out: Path
    began: float
    budget: float | None = None
    settings: Mapping[str, Any] | None = None
    resume: bool = False


def run_recipe(task: Task) -> Iterator[RenderableType]:
    """Check, learn, score, predict and report; yields what to show, part by part.

    Raises:
        DatasetError: The data would harm training.
        MapwrightError: Something about the recipe, the data or the output is wrong.
    """
    recipe = Recipe.parse(read_toml(task.recipe), task.recipe)
    if not task.resume:
        require_new(task.out)
    dataset = apply_recipe(recipe, open_dataset(task.data))
    clock = Clock(task.began, task.budget) if task.budget else None

    yield Rule("describe and check", align="left")
    if dataset.reasons:
        yield guesses_table(dataset.spec, dataset.reasons, "Guessed from the files")
    report = check(dataset)
    yield check_table(report)
    if report.harmful:
        raise DatasetError(
            "the check found what would harm training",
            where=task.data,
            fix="mend or exclude what the table names, in a dataset.toml or in the recipe",
        )
    parent = None
    if recipe.pretrain:
        yield Rule("learn from made-up settlements first", align="left")
        parent = _learn_first(recipe, task, clock)
        yield scores_text(parent)

    yield Rule("learn from the images", align="left")
    run = train_on(dataset, task.out, _options(recipe, task, dataset, parent))
    if run.scores:
        yield scores_table(run.scores)
    yield Text(history_text(run.model.bundle.history))

    yield Rule("predict and report", align="left")
    written = [*write_report(run.folder), *_map(recipe, run.model, dataset, task.out)]
    if recipe.export:
        file = task.out / f"{dataset.spec.name}.onnx"
        left = export(run.folder, file, data=task.data, **recipe.export.plain())
        yield export_table(left)
        written += [left.path, left.item]
    shutil.copyfile(task.recipe, task.out / "recipe.toml")
    if recipe.methodology:
        written.append(write_methodology(run.folder, task.data))
    yield Text("\n".join(str(path) for path in written))
    yield Text(f"{time.monotonic() - task.began:.0f} s in all", "bold green")


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
    )


def _to_map(recipe: Recipe, dataset: Dataset, folds: Sequence[Fold]) -> list[Item]:
    """The images to map: those without a mask and, if asked for, those held out."""
    if not recipe.predict.held_out:
        return list(dataset.unlabelled)
    held = {item.scene for fold in folds for item in dataset.choose(fold.val)}
    return [item for item in dataset.items if not item.mask or item.stem in held]


def _pixels(dataset: Dataset, items: Sequence[Item]) -> int:
    """Pixels to map, and those of the pictures in a report."""
    sizes = [dataset.size(item) for item in dataset.labelled[:_SHOWN]]
    return sum(height * width for height, width in [*sizes, *map(dataset.size, items)])


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
    """Make settlements and learn them; on the real images' classes, without a real image."""
    assert recipe.pretrain
    root = task.out / "pretrain" / "settlements"
    alike = ("architecture", "encoder", "build")
    settings = {key: value for key, value in recipe.plan.items() if key in alike}
    budget, deadline = None, math.inf
    if clock:  # a share of the whole, whatever making the tiles took of it
        budget = recipe.pretrain.share * clock.seconds
        deadline = task.began + _MAKING * budget
    else:
        settings["steps"] = recipe.pretrain.steps
    count = recipe.pretrain.settlements
    make_settlements(root, count, least=_SMALLEST, deadline=deadline)
    options = Options(
        budget=budget, began=task.began, settings={**settings, "keep": "last"}, resume=True
    )
    return train_on(open_dataset(root), task.out / "pretrain" / "run", options).model
