"""Commands that compare ways to train: experiment, tune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapwright.cli.app import (
    FOLDER,
    dataset_option,
    json_option,
    main,
    process_start,
    show,
    tensorboard_option,
)

if TYPE_CHECKING:
    from mapwright.experiment.conduct import StudyTask

storage_option = click.option(
    "--storage",
    metavar="URL",
    help="Where processes say what they are at work on: a database as Optuna names it, such as "
    "postgresql://host/name, or a journal file.  [default: a journal file in OUT]",
)


_STUDY_HELP = r"""Compare ways to train on shared divisions of one data set; STUDY is a .toml file.

\b
  name = "roofs"
  question = "Does a larger encoder help?"
  data = "roofs"                    as seen from the folder of this file
  metric = "iou roof"               or mean iou, accuracy, f1 roof, precision roof, ...
  design = "one-at-a-time"          or grid, or paired with [[configurations]]
  seeds = [0, 1]
  folds = 5
  repeats = 1                       divisions, each drawn with a seed of its own
  steps = 400                       of each training; or seconds = 60
  budget = "2h"
  [base]                            settings that all share
  learning_rate = 1e-3
  [factors]                         settings that differ
  encoder = ["resnet18", "resnet34"]
  augmentation.rotate = [0.0, 0.5]
  start = ["random", "runs/generated/model.safetensors"]
  [[rungs]]                         stages: the best 5 after 3 folds of 1 seed go on
  seeds = 1
  folds = 3
  keep = 5

\b
Instead of factors, [optimism] compares ways to divide the data: what each promised, and what
ground that lay apart then showed of the same trainings.
  [optimism]
  splits = ["tiles", "block"]       random tiles; blocks with a buffer; or whole scenes
  tile = 128
  block = 512
  buffer = 64
  apart = "scene"                   or block: what is neither learnt from nor validated on

Finished trainings are kept in OUT and never run again: after an interruption, or with more
seeds, repeats or values in STUDY, the same command goes on. Give it on several machines that
share OUT, and they share the work; what a process that died was at work on is taken over, on
the same machine at once, else after two minutes. OUT/best.toml holds the settings that did
best; `mapwright train --plan OUT/best.toml` takes them.

\b
Example:  mapwright experiment roofs-study.toml --data roofs/ --budget 2h
"""


@main.command(help=_STUDY_HELP)
@click.argument("study", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, help="The study's folder.  [default: studies/NAME]")
@click.option("--data", type=FOLDER, help="The data folder.  [default: as the study says]")
@click.option("--budget", metavar="TIME", help="Time for all trainings; wins over the study's.")
@click.option("--retry", is_flag=True, help="Run trainings again that had failed.")
@click.option("--dry-run", is_flag=True, help="Measure, say how long it will take, write nothing.")
@tensorboard_option
@storage_option
@dataset_option
@json_option
def experiment(
    study: Path,
    out: Path | None,
    data: Path | None,
    budget: str | None,
    retry: bool,
    dry_run: bool,
    tensorboard: bool,
    storage: str | None,
    spec_file: Path | None,
    as_json: bool,
) -> None:
    """Run a study, or say how long it will take."""
    began = process_start()
    from mapwright.experiment.conduct import StudyTask
    from mapwright.experiment.spec import read_study
    from mapwright.training.budget import parse_seconds

    task = StudyTask(
        study=study,
        out=out or Path("studies") / read_study(study).name,
        data=data,
        dataset_file=spec_file,
        storage=storage,
        budget=parse_seconds(budget) if budget else None,
        retry=retry,
        began=began,
        tensorboard=tensorboard,
    )
    if dry_run:
        _show_forecast(task, as_json)
    else:
        _show_study(task, as_json)


def _show_forecast(task: StudyTask, as_json: bool) -> None:
    from mapwright.experiment.forecast import forecast_study
    from mapwright.experiment.tables import forecast_table

    forecast = forecast_study(task)
    show(forecast.plain(), forecast_table(forecast), as_json)


def _show_study(task: StudyTask, as_json: bool) -> None:
    from mapwright.experiment.conduct import run_study
    from mapwright.experiment.tables import study_table

    results = run_study(task)
    show(results, study_table(results), as_json)
    if not as_json:
        click.echo(f"study folder: {task.out}; look at study.html")


@main.command()
@click.argument("data", type=FOLDER)
@click.option("--space", type=FOLDER, required=True, help="A .toml file: what to choose from.")
@click.option("-o", "--out", type=FOLDER, required=True, help="The folder of the search.")
@click.option("--budget", metavar="TIME", help="Time for all of it, such as 30m or 2h.")
@click.option("--trials", type=int, help="End after so many choices.")
@storage_option
@dataset_option
@json_option
def tune(
    data: Path,
    space: Path,
    out: Path,
    budget: str | None,
    trials: int | None,
    storage: str | None,
    spec_file: Path | None,
    as_json: bool,
) -> None:
    r"""Search for good settings on the data folder DATA with Optuna.

    \b
      metric = "mean iou"
      folds = 1                         folds that each choice is trained on
      steps = 400
      [base]                            settings that all choices share
      encoder = "resnet18"
      [space]                           a list to choose from, or a range
      loss = ["dice", "dice+cross_entropy"]
      learning_rate = { low = 1e-4, high = 1e-2, log = true }
      batch = { low = 4, high = 16, step = 4 }
      augmentation.zoom = { low = 1.0, high = 2.0 }

    A choice that is worse at a validation than the middle one was is given up. The same command
    goes on with an interrupted search. OUT holds every choice as a study does, and the settings of
    the best one as best.toml.

    \b
    Example:  mapwright tune roofs/ --space space.toml --budget 30m -o studies/roofs-search
    """
    began = process_start()
    from mapwright.experiment.search import SearchTask, run_search
    from mapwright.experiment.tables import study_table
    from mapwright.training.budget import parse_seconds

    task = SearchTask(
        data=data,
        space=space,
        out=out,
        budget=parse_seconds(budget) if budget else None,
        trials=trials,
        dataset_file=spec_file,
        storage=storage,
        began=began,
    )
    results = run_search(task)
    show(results, study_table(results), as_json)
    if not as_json:
        click.echo(f"search folder: {out}")
