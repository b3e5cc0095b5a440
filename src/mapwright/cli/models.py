"""Commands that make and judge models: train, evaluate, audit, report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from mapwright.cli.app import (
    FOLDER,
    dataset_option,
    json_option,
    main,
    open_data,
    process_start,
    set_option,
    show,
    tensorboard_option,
    tta_option,
)


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, help="The run folder.  [default: runs/NAME-N]")
@click.option("--folds", type=int, default=1, show_default=True, help="0 = hold out none.")
@click.option("--budget", metavar="TIME", help="Time for all of it, such as 15m or 1h30m.")
@click.option("--from", "parent", type=FOLDER, metavar="MODEL", help="Start from another model.")
@click.option("--splits", type=FOLDER, metavar="FILE", help="Use a splits.json of another run.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted training stands.")
@click.option(
    "--plan",
    "plan_file",
    type=FOLDER,
    metavar="FILE",
    help="Settings from a file, such as best.toml of a study; --set wins over them.",
)
@tensorboard_option
@set_option
@dataset_option
@json_option
def train(
    folder: Path,
    out: Path | None,
    folds: int,
    budget: str | None,
    parent: Path | None,
    splits: Path | None,
    resume: bool,
    plan_file: Path | None,
    tensorboard: bool,
    pairs: tuple[str, ...],
    spec_file: Path | None,
    as_json: bool,
) -> None:
    r"""Train a model on FOLDER and score it on images that it did not learn from.

    The log of the training is RUN/progress.csv. With --tensorboard it is also in RUN/tensorboard,
    each fold a run of its own, with the plan and the final scores beside them:
    `tensorboard --logdir runs` shows all trainings under runs, as they go on.

    \b
    Example:  mapwright train roofs/ -o runs/roofs --folds 5 --budget 30m
    """
    began = process_start()
    dataset = open_data(folder, spec_file, quiet=as_json)
    from mapwright.apply import load
    from mapwright.data.settings import parse_settings, read_settings
    from mapwright.report.tables import history_text, scores_table
    from mapwright.run import Options, train_on
    from mapwright.training.budget import parse_seconds

    settings, start = read_settings(plan_file, parse_settings(pairs))
    first = parent or start
    options = Options(
        folds=folds,
        budget=parse_seconds(budget) if budget else None,
        settings=settings,
        parent=load(first) if first else None,
        resume=resume,
        began=began,
        splits=splits,
        tensorboard=tensorboard,
    )
    run = train_on(dataset, out, options)
    plain = {"run": str(run.folder), "scores": run.scores and run.scores.plain()}
    table = scores_table(run.scores) if run.scores else "no image was held out: no scores"
    show(plain, table, as_json)
    if not as_json:
        click.echo(f"{history_text(run.model.bundle.history)}\nrun folder: {run.folder}")


@main.command()
@click.argument("model", type=FOLDER)
@click.argument("folder", type=FOLDER)
@click.option(
    "--split",
    type=click.Choice(["val", "train", "all"]),
    default="val",
    show_default=True,
    help="Which labelled images; val = all when the model has seen none of them.",
)
@click.option("-o", "--out", type=FOLDER, help="Folder for the score table and a map as JPEG.")
@click.option("--verify-sklearn", is_flag=True, help="Hold the IoU against scikit-learn's.")
@tta_option
@dataset_option
@json_option
def evaluate(
    model: Path,
    folder: Path,
    split: Any,
    out: Path | None,
    verify_sklearn: bool,
    tta: Any,
    spec_file: Path | None,
    as_json: bool,
) -> None:
    r"""Score MODEL (a file or a run folder) on the labelled images of FOLDER.

    \b
    With -o it also writes scores.json, the score table as scores.jpg, and the first image beside
    its truth, its map and the errors as scene.jpg.

    \b
    Example:  mapwright evaluate runs/roofs roofs/ --tta d4
    Example:  mapwright evaluate runs/landcover scenes/ --verify-sklearn -o results/
    """
    from mapwright.apply import dataset_for, load
    from mapwright.evaluation import choose_items, scores_of, tally
    from mapwright.report.sheets import write_sheets
    from mapwright.report.tables import scores_table

    loaded = load(model).with_tta(tta)
    dataset = dataset_for(loaded, folder, spec_file)
    items, note = choose_items(loaded, dataset, split)
    tallies = tally(loaded, dataset, items, maps=verify_sklearn)
    scores = scores_of(loaded, dataset, tallies, note)
    show(scores.plain(), scores_table(scores), as_json)
    written = write_sheets(loaded, dataset, items, scores, out) if out else []
    if not as_json:
        click.echo("".join(f"{path}\n" for path in written), nl=False)
    if verify_sklearn:
        _verify(scores, [entry.maps for entry in tallies if entry.maps])


def _verify(scores: Any, maps: Any) -> None:
    """Say what scikit-learn says of the same pixels; exit code 1 when it differs."""
    from mapwright.metrics.reference import compare_with_sklearn, sklearn_scores

    truths, guesses = [truth for truth, _ in maps], [guess for _, guess in maps]
    reference = sklearn_scores(truths, guesses, len(scores.classes))
    agreement = compare_with_sklearn(scores, reference)
    click.echo(agreement.text, err=True)
    if not agreement.agrees:
        sys.exit(1)


@main.command()
@click.argument("run", type=FOLDER)
@click.option("--data", type=FOLDER, help="The data folder, if it has moved since.")
@click.option("-o", "--out", type=FOLDER, help="Folder for the files.  [default: RUN]")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many masks the page shows and the terminal lists.",
)
@click.option("--block", type=int, metavar="PX", help="Judge scenes in blocks of this side.")
@click.option("--excluded", is_flag=True, help="Also judge images that dataset.toml leaves out.")
@tta_option
@dataset_option
@json_option
def audit(
    run: Path,
    data: Path | None,
    out: Path | None,
    top: int,
    spec_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    r"""Rank the masks of RUN's data by how wrong they seem; audit.html shows, audit.csv lists them.

    Every mask is held against members of the model that did not learn from it, so RUN should have
    folds; images that all members learnt from are listed as not audited. Ten or more images of up
    to 1024 pixels are judged whole; of fewer or larger ones, blocks of about 256 pixels.

    \b
    Example:  mapwright audit runs/roofs
              mapwright audit runs/land --data scenes/ --block 512 --top 50
    """
    from mapwright.report.auditing.page import PAGE, TABLE, folder_of
    from mapwright.report.auditing.page import audit as run_audit
    from mapwright.report.auditing.table import audit_table

    found = run_audit(run, data, out=out, top=top, dataset_file=spec_file, **options)
    show(found.plain(), audit_table(found, top), as_json)
    if not as_json:
        folder = folder_of(run, out)
        click.echo(f"written to {folder / PAGE} and {folder / TABLE}")


@main.command()
@click.argument("run", type=FOLDER)
@click.option("--data", type=FOLDER, help="The data folder, if it has moved since.")
@json_option
def report(run: Path, data: Path | None, as_json: bool) -> None:
    r"""Write RUN/report.html, report.md and figures: what was done, how well, and how it was told.

    A methodology.md in RUN is written anew, with the baselines.json that may have come since.

    \b
    Example:  mapwright report runs/roofs
    """
    from mapwright.report.build import write_report
    from mapwright.report.methodology import NAME, write_methodology

    files = write_report(run, data)
    if (run / NAME).exists():
        files.append(write_methodology(run, data))
    written = [str(path) for path in files]
    show(written, "\n".join(written), as_json)
