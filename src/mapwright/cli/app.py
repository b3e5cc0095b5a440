"""The command line's frame: the group of commands, options that several share, how to speak."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mapwright.errors import MapwrightError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from mapwright.data.dataset import Dataset

# Threads that wait for each other sleep instead of spinning: where other programs keep the cores
# busy too, training is twice as fast. Read when torch is loaded, so it is set before.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

FOLDER = click.Path(path_type=Path)
dataset_option = click.option(
    "--dataset",
    "spec_file",
    type=FOLDER,
    metavar="FILE",
    help="A dataset.toml kept elsewhere, for folders that can't be written to.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
set_option = click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a value of the plan by hand, such as steps=200 or augmentation.zoom=1.",
)
tensorboard_option = click.option(
    "--tensorboard", is_flag=True, help="Also write the log for TensorBoard."
)
tta_option = click.option(
    "--tta",
    type=click.Choice(["none", "flips", "d4"]),
    default=None,
    help="Test-time augmentation: average over four flips, or over all eight flips and turns.  "
    "[default: as planned]",
)


class _Commands(click.Group):
    """Turns our errors into one clear message and an exit code; lists commands as declared."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; see the class."""
        try:
            return super().invoke(ctx)
        except MapwrightError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of a task."""
        return list(self.commands)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mapwright")
def main() -> None:
    r"""From a folder of overhead images and masks to maps that can be trusted.

    \b
    mapwright demo            watch the whole path on a made-up settlement
    mapwright init roofs/     describe your own folder
    """


def process_start() -> float:
    """`time.monotonic()` at the start of this process: a budget covers the whole command."""
    import time

    import psutil

    return time.monotonic() - (time.time() - psutil.Process().create_time())


def open_data(folder: Path, spec_file: Path | None, quiet: bool) -> Dataset:
    """Open a data folder; guesses are shown, since nobody has looked at them yet."""
    from mapwright.data.describe import open_dataset

    dataset = open_dataset(folder, spec_file)
    if dataset.reasons and not quiet:
        from mapwright.report.tables import guesses_table

        title = "No dataset.toml: these are guesses (mapwright init writes them)"
        say(guesses_table(dataset.spec, dataset.reasons, title))
    return dataset


def warn(texts: Iterable[str]) -> None:
    """Warnings go where errors go, so that results can be read by programs."""
    for text in texts:
        click.echo(f"warning: {text}", err=True)


def show(plain: Any, table: RenderableType, as_json: bool) -> None:
    """Print a result: for people, or as JSON."""
    if as_json:
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        say(table)


def say(what: RenderableType) -> None:
    """Print for people."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 160
    Console(width=width).print(what)
