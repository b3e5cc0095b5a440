"""The command line: one flat list of commands, no logic. Heavy imports wait for the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mapwright.errors import MapwrightError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from mapwright.data.dataset import Dataset

FOLDER = click.Path(path_type=Path)
_dataset_option = click.option(
    "--dataset",
    "spec_file",
    type=FOLDER,
    metavar="FILE",
    help="A dataset.toml kept elsewhere, for folders that can't be written to.",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_set_option = click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a value of the plan by hand, such as steps=200 or augmentation.zoom=1.",
)
_tta_option = click.option(
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


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, help="Write here instead of FOLDER/dataset.toml.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(folder: Path, out: Path | None, force: bool) -> None:
    r"""Look at the files of FOLDER and write dataset.toml, every guess explained.

    \b
    Example:  mapwright init roofs/
    """
    from mapwright.data.describe import describe
    from mapwright.data.spec import FILE_NAME
    from mapwright.data.write_spec import to_toml
    from mapwright.errors import OutputError
    from mapwright.io.files import write_text

    target = out or folder / FILE_NAME
    if target.exists() and not force:
        raise OutputError(
            "the description exists already",
            where=target,
            fix="edit it, or write it anew with --force",
        )
    described = describe(folder)
    text = to_toml(described.spec, described.reasons)
    write_text(target, text)
    click.echo(text)
    click.echo(f"written to {target}")


@main.command()
@click.argument("folder", type=FOLDER)
@_dataset_option
@_json_option
@click.pass_context
def check(ctx: click.Context, folder: Path, spec_file: Path | None, as_json: bool) -> None:
    r"""Look for what would harm training; exit 1 when something would. Writes nothing.

    \b
    Example:  mapwright check roofs/
    """
    from mapwright.data.check import check as run_check
    from mapwright.report.tables import check_table

    report = run_check(_open(folder, spec_file, quiet=as_json))
    _show(report.plain(), check_table(report), as_json)
    ctx.exit(1 if report.harmful else 0)


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--folds", type=int, default=1, show_default=True, help="0 = hold out none.")
@click.option("--budget", metavar="TIME", help="Time for all of it, such as 15m or 1h30m.")
@click.option("--explain", is_flag=True, help="Also show what the images are like.")
@_set_option
@_dataset_option
@_json_option
def plan(
    folder: Path,
    folds: int,
    budget: str | None,
    explain: bool,
    pairs: tuple[str, ...],
    spec_file: Path | None,
    as_json: bool,
) -> None:
    r"""Print the settings that a training would have, and the rule behind each. Writes nothing.

    \b
    Example:  mapwright plan roofs/ --explain
    """
    dataset = _open(folder, spec_file, quiet=as_json)
    from mapwright.plan import parse_settings
    from mapwright.report.tables import fingerprint_table, plan_table
    from mapwright.run import Options, plan_for
    from mapwright.training.budget import parse_seconds

    seconds = parse_seconds(budget) if budget else None
    options = Options(folds=folds, budget=seconds, settings=parse_settings(pairs))
    planned, fingerprint = plan_for(dataset, options)
    if explain and not as_json:
        _print(fingerprint_table(fingerprint))
    plain = {
        "plan": planned.plan.plain(),
        "reasons": dict(planned.reasons),
        "memory": planned.memory,
        "fingerprint": fingerprint.plain(),
    }
    _show(plain, plan_table(planned), as_json)


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, help="The run folder.  [default: runs/NAME-N]")
@click.option("--folds", type=int, default=1, show_default=True, help="0 = hold out none.")
@click.option("--budget", metavar="TIME", help="Time for all of it, such as 15m or 1h30m.")
@click.option("--from", "parent", type=FOLDER, metavar="MODEL", help="Start from another model.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted training stands.")
@_set_option
@_dataset_option
@_json_option
def train(
    folder: Path,
    out: Path | None,
    folds: int,
    budget: str | None,
    parent: Path | None,
    resume: bool,
    pairs: tuple[str, ...],
    spec_file: Path | None,
    as_json: bool,
) -> None:
    r"""Train a model on FOLDER and score it on images that it did not learn from.

    \b
    Example:  mapwright train roofs/ -o runs/roofs --folds 5 --budget 30m
    """
    began = process_start()
    dataset = _open(folder, spec_file, quiet=as_json)
    from mapwright.apply import load
    from mapwright.plan import parse_settings
    from mapwright.report.tables import history_text, scores_table
    from mapwright.run import Options, train_on
    from mapwright.training.budget import parse_seconds

    options = Options(
        folds=folds,
        budget=parse_seconds(budget) if budget else None,
        settings=parse_settings(pairs),
        parent=load(parent) if parent else None,
        resume=resume,
        began=began,
    )
    run = train_on(dataset, out, options)
    plain = {"run": str(run.folder), "scores": run.scores and run.scores.plain()}
    table = scores_table(run.scores) if run.scores else "no image was held out: no scores"
    _show(plain, table, as_json)
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
@_tta_option
@_dataset_option
@_json_option
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
    scores = scores_of(loaded, tallies, note)
    _show(scores.plain(), scores_table(scores), as_json)
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
@click.argument("model", type=FOLDER)
@click.argument("paths", type=FOLDER, nargs=-1, required=True)
@click.option("-o", "--out", type=FOLDER, required=True, help="Folder for the maps.")
@click.option("--unlabelled", is_flag=True, help="Of a data folder, only images without a mask.")
@click.option("--probabilities", is_flag=True, help="Also write one band of probability per class.")
@click.option("--confidence", is_flag=True, help="Also write the probability of the mapped class.")
@click.option("--overlay", is_flag=True, help="Also write the image with the classes laid over it.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["native", "vector"]),
    default="native",
    show_default=True,
    help="native: the map as a picture or GeoTIFF; vector: also its patches as polygons.",
)
@click.option(
    "--vector-type",
    type=click.Choice(["gpkg", "geojson", "parquet"]),
    help="Kind of polygon file.  [default: gpkg]",
)
@click.option(
    "--min-area",
    type=float,
    metavar="M2",
    help="Smallest polygon in square metres (pixels without a CRS); what is smaller joins its "
    "largest neighbour. The map keeps every pixel.",
)
@click.option(
    "--simplify",
    type=float,
    metavar="M",
    help="Tolerance for the borders of polygons in metres (pixels without a CRS).",
)
@_tta_option
@_json_option
def predict(
    model: Path,
    paths: tuple[Path, ...],
    out: Path,
    unlabelled: bool,
    probabilities: bool,
    confidence: bool,
    overlay: bool,
    form: str,
    vector_type: Any,
    min_area: float | None,
    simplify: float | None,
    tta: Any,
    as_json: bool,
) -> None:
    r"""Map images with MODEL (a file or a run folder); PATHS are images or folders of them.

    \b
    Example:  mapwright predict runs/roofs roofs/images/535.png -o maps --overlay
              mapwright predict runs/land scene.tif -o maps --format vector --min-area 10000
    """
    from mapwright.apply import load, predict_files
    from mapwright.io.vector import PolygonOptions

    polygons = PolygonOptions.chosen(form, vector_type, min_area, simplify)
    written = predict_files(
        load(model).with_tta(tta),
        paths,
        out,
        unlabelled=unlabelled,
        probabilities=probabilities,
        confidence=confidence,
        with_overlay=overlay,
        polygons=polygons,
    )
    _warn(f"{files.image}: {doubt.text}" for files in written for doubt in files.doubts)
    plain = [files.plain() for files in written]
    shown = [str(path) for files in written for path in (files.map, files.polygons) if path]
    _show(plain, "\n".join(shown), as_json)


@main.command()
@click.argument("model", type=FOLDER)
@click.option("-o", "--out", type=FOLDER, required=True, help="The file, ending in .onnx.")
@click.option(
    "--output",
    type=click.Choice(["mask", "probability", "logits", "deepness"]),
    default="mask",
    show_default=True,
    help="What the file gives; deepness = probabilities as that QGIS plugin reads them.",
)
@click.option("--tile", type=int, default=224, show_default=True, help="Side of a tile, in pixels.")
@click.option("--dynamic", is_flag=True, help="Take any other height and width as well.")
@click.option(
    "--invalid",
    type=click.Choice(["255", "0"]),
    default="255",
    show_default=True,
    help="What a mask holds where the image is invalid.",
)
@click.option("--squeeze", is_flag=True, help="One tile at a time; its mask is (rows, columns).")
@click.option("--fold", type=int, metavar="N", help="Only this fold, from 1.  [default: all]")
@click.option("--data", type=FOLDER, metavar="DIR", help="Real images to prove it on.")
@click.option("--max-mb", type=float, help="Largest size in megabytes, or no file is written.")
@click.option("--max-ms", type=float, help="Longest time of a tile here, or no file is written.")
@click.option("--licence", metavar="SPDX", help="Licence of the model, such as CC-BY-4.0.")
@_json_option
def export(model: Path, out: Path, invalid: str, as_json: bool, **options: Any) -> None:
    r"""Write MODEL as ONNX for other software: file values in, map out, proved equal.

    Scaling, validity and decision are inside the file. The same tiles go through file and model;
    if they disagree, or a limit is passed, no file is written and the exit code is 1.

    \b
    Example:  mapwright export runs/clouds -o clouds.onnx --max-mb 250
              mapwright export runs/clouds -o qgis.onnx --output deepness
              mapwright predict clouds.onnx scene.tif -o maps
    """
    from mapwright.exporting.write import export as run_export
    from mapwright.report.export_table import export_table

    done = run_export(model, out, invalid=int(invalid), **options)
    _show(done.plain(), export_table(done), as_json)


@main.command()
@click.argument("run", type=FOLDER)
@click.option("--data", type=FOLDER, help="The data folder, if it has moved since.")
@_json_option
def report(run: Path, data: Path | None, as_json: bool) -> None:
    r"""Write RUN/report.html, report.md and figures: what was done, how well, and how it was told.

    \b
    Example:  mapwright report runs/roofs
    """
    from mapwright.report.build import write_report

    written = [str(path) for path in write_report(run, data)]
    _show(written, "\n".join(written), as_json)


@main.command()
@click.argument("recipe")
@click.option("--data", type=FOLDER, required=True, help="The data folder.")
@click.option("-o", "--out", type=FOLDER, required=True, help="The run folder.")
@click.option("--budget", metavar="TIME", help="Time for all of it, such as 60m or 2h.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stands.")
@_set_option
def run(
    recipe: str, data: Path, out: Path, budget: str | None, resume: bool, pairs: tuple[str, ...]
) -> None:
    r"""Do a whole task: check, train, score, predict, report. RECIPE is a name or a .toml file.

    \b
    Example:  mapwright run roofs --data roofs/ -o runs/roofs --budget 60m
    """
    began = process_start()
    from mapwright.plan import parse_settings
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
    )
    for part in run_recipe(task):
        _print(part)


@main.command()
@click.argument("map_path", metavar="MAP", type=FOLDER)
@click.option("--reference", type=FOLDER, metavar="POINTS", help="Points with the true class.")
@click.option(
    "--design",
    type=click.Choice(["stratified", "random"]),
    default="stratified",
    show_default=True,
    help="How points are drawn: at random within strata, or alike over the whole map (also on a "
    "regular grid).",
)
@click.option("--strata", type=FOLDER, metavar="RASTER", help="Strata other than MAP's classes.")
@click.option("--nodata", type=float, multiple=True, help="A value of MAP that counts nowhere.")
@click.option("--crs", help="CRS of the points, where their file does not say it.")
@click.option("--column", help="Column of the true class.  [default: class, reference or label]")
@click.option("--draw", "count", type=int, metavar="N", help="Draw N points to look at, instead.")
@click.option("-o", "--out", type=FOLDER, help="Where they go: .csv, .gpkg or .geojson.")
@click.option("--minimum", type=int, help="Points in each stratum at least.  [default: 50]")
@click.option("--blind", is_flag=True, help="Leave the class of MAP out of the points.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the draw.")
@_json_option
def area(
    map_path: Path,
    reference: Path | None,
    design: Any,
    strata: Path | None,
    nodata: tuple[float, ...],
    crs: str | None,
    column: str | None,
    count: int | None,
    out: Path | None,
    minimum: int | None,
    blind: bool,
    seed: int,
    as_json: bool,
) -> None:
    r"""Areas of the classes of MAP; with reference points, unbiased ones with 95 % intervals.

    POINTS hold a column named class with what is really there, by name or by value, and, in a
    .csv, columns x and y in the CRS of MAP, or lon and lat. Estimators: Olofsson et al. 2014.

    \b
    Example:  mapwright area map.tif
              mapwright area map.tif --draw 500 -o points.gpkg
              mapwright area map.tif --reference points.gpkg
    """
    from mapwright.areas.assess import area as assess
    from mapwright.areas.draw import draw_sample
    from mapwright.errors import SettingError
    from mapwright.report.area_table import area_table, drawn_table

    if count is None and out is None:
        found = assess(
            map_path,
            reference,
            design=design,
            strata=strata,
            nodata=nodata,
            crs=crs,
            column=column,
        )
        _show(found.plain(), area_table(found), as_json)
        return
    if count is None or out is None or reference is not None:
        raise SettingError(
            "--draw N and -o FILE go together, and without --reference",
            fix="draw points first; once their classes are entered, give them as --reference",
        )
    drawn = draw_sample(
        map_path,
        count,
        out,
        design=design,
        strata=strata,
        nodata=nodata,
        minimum=minimum,
        blind=blind,
        seed=seed,
    )
    _show(drawn.plain(), drawn_table(drawn), as_json)


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
        _print(part)


def process_start() -> float:
    """`time.monotonic()` at the start of this process: a budget covers the whole command."""
    import time

    import psutil

    return time.monotonic() - (time.time() - psutil.Process().create_time())


def _open(folder: Path, spec_file: Path | None, quiet: bool) -> Dataset:
    """Open a data folder; guesses are shown, since nobody has looked at them yet."""
    from mapwright.data.describe import open_dataset

    dataset = open_dataset(folder, spec_file)
    if dataset.reasons and not quiet:
        from mapwright.report.tables import guesses_table

        title = "No dataset.toml: these are guesses (mapwright init writes them)"
        _print(guesses_table(dataset.spec, dataset.reasons, title))
    return dataset


def _warn(texts: Iterable[str]) -> None:
    """Warnings go where errors go, so that results can be read by programs."""
    for text in texts:
        click.echo(f"warning: {text}", err=True)


def _show(plain: Any, table: RenderableType, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        _print(table)


def _print(what: RenderableType) -> None:
    from rich.console import Console

    width = None if sys.stdout.isatty() else 160
    Console(width=width).print(what)
