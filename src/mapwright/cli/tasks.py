"""Commands that do a whole task: run, demo."""

from __future__ import annotations

from pathlib import Path

import click

from mapwright.cli.app import (
    FOLDER,
    main,
    process_start,
    say,
    set_option,
    tensorboard_option,
)


@main.command()
@click.argument("recipe")
@click.option("--data", type=FOLDER, required=True, help="The data folder.")
@click.option("-o", "--out", type=FOLDER, required=True, help="The run folder.")
@click.option("--budget", metavar="TIME", help="Time for all of it, such as 60m or 2h.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stands.")
@tensorboard_option
@set_option
def run(
    recipe: str,
    data: Path,
    out: Path,
    budget: str | None,
    resume: bool,
    tensorboard: bool,
    pairs: tuple[str, ...],
) -> None:
    r"""Do a whole task: check, train, score, predict, report. RECIPE is a name or a .toml file.

    \b
    Example:  mapwright run roofs --data roofs/ -o runs/roofs --budget 60m
    """
    began = process_start()
    from mapwright.data.settings import parse_settings
    from mapwright.recipe import Task, recipe_path, run_recipe
    from mapwright.training.budget import parse_seconds

    task = Task(
        recipe=recipe_path(recipe),
        data=data,
        out=out,
        began=began,
        budget=parse_seconds(budget) if budget else None,
        settings=parse_settings(pairs),
        resume=resume,
        tensorboard=tensorboard,
    )
    for part in run_recipe(task):
        say(part)


@main.command()
@click.option("-o", "--out", type=FOLDER, default=Path("mapwright-demo"), show_default=True)
@click.option("--steps", type=int, default=None, help="Train for fewer or more steps.")
def demo(out: Path, steps: int | None) -> None:
    r"""Make a small settlement whose roofs are known, and go the whole path on it.

    \b
    Example:  mapwright demo -o mapwright-demo
    """
    from mapwright.walkthrough import walk_through

    for part in walk_through(out, steps):
        say(part)


@main.command()
@click.argument("kind", type=click.Choice(["settlements", "clouds", "landcover", "ships"]))
@click.option("-o", "--out", type=FOLDER, required=True, help="A new or empty folder.")
@click.option(
    "--images", type=int, default=None, help="How many.  [default: 24; landcover 6, ships 48]"
)
@click.option("--size", type=int, default=None, help="Their side, in pixels.")
@click.option("--seed", type=int, default=0, show_default=True, help="Other seeds, other images.")
@click.option("--labels", type=FOLDER, metavar="DIR", help="landcover: rasters to make scenes for.")
@click.option("--test", type=int, default=0, metavar="N", help="ships: N more without a mask.")
def generate(
    kind: str,
    out: Path,
    images: int | None,
    size: int | None,
    seed: int,
    labels: Path | None,
    test: int,
) -> None:
    r"""Make up images whose truth is known to the pixel, to try things on; nothing in them is real.

    \b
    settlements   aerial tiles with roofs
    clouds        satellite tiles of red, green, blue and near infrared, with clouds
    landcover     Sentinel-2 scenes of six classes, to train and to validate on
    ships         seas as in the Airbus Ship Detection Challenge, with run-length masks

    \b
    Example:  mapwright generate landcover -o scenes
              mapwright generate ships -o ships --images 2000 --test 200
    """
    from mapwright.demo.generate import generate as make

    made = make(kind, out, images=images, size=size, seed=seed, labels=labels, test=test)
    click.echo(made)
