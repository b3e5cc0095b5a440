"""Commands that look at a data folder: init, check, explore, plan."""

from __future__ import annotations

from pathlib import Path

import click

from mapwright.cli.app import (
    FOLDER,
    dataset_option,
    json_option,
    main,
    open_data,
    say,
    set_option,
    show,
)


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
@click.option(
    "--groups",
    type=FOLDER,
    metavar="FILE",
    help="Write which images show the same content, as a table for [split] groups.",
)
@dataset_option
@json_option
@click.pass_context
def check(
    ctx: click.Context, folder: Path, groups: Path | None, spec_file: Path | None, as_json: bool
) -> None:
    r"""Look for what would harm training; exit 1 when something would. Writes nothing else.

    \b
    Example:  mapwright check roofs/
              mapwright check ships/ --groups ships/groups.csv
    """
    from mapwright.data.check import check as run_check
    from mapwright.data.group_file import write_groups
    from mapwright.report.tables import check_table

    dataset = open_data(folder, spec_file, quiet=as_json)
    report = run_check(dataset.without_groups() if groups else dataset)
    show(report.plain(), check_table(report), as_json)
    if groups:
        write_groups(groups, report.groups)
        if not as_json:
            click.echo(f"{len(report.groups)} groups written to {groups}")
    ctx.exit(1 if report.harmful else 0)


@main.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "-o",
    "--out",
    type=FOLDER,
    default=Path("explore.html"),
    show_default=True,
    help="The page; one from before is replaced.",
)
@click.option(
    "--images",
    type=int,
    default=2000,
    show_default=True,
    help="Look at no more; of a larger folder, so many are drawn evenly.",
)
@dataset_option
def explore(folder: Path, out: Path, images: int, spec_file: Path | None) -> None:
    r"""Show what FOLDER holds as one page: samples, classes, objects, bands, duplicates, findings.

    \b
    Example:  mapwright explore roofs/ -o roofs.html
    """
    from mapwright.report.exploration.page import explore_dataset

    explored = explore_dataset(open_data(folder, spec_file, quiet=True), out, images)
    for line in explored.lines:
        click.echo(line)
    click.echo(f"written to {explored.page}")


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--folds", type=int, default=1, show_default=True, help="0 = hold out none.")
@click.option("--budget", metavar="TIME", help="Time for all of it, such as 15m or 1h30m.")
@click.option("--explain", is_flag=True, help="Also show what the images are like.")
@set_option
@dataset_option
@json_option
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
    dataset = open_data(folder, spec_file, quiet=as_json)
    from mapwright.data.settings import parse_settings
    from mapwright.report.tables import fingerprint_table, plan_table
    from mapwright.run import Options, plan_for
    from mapwright.training.budget import parse_seconds

    seconds = parse_seconds(budget) if budget else None
    options = Options(folds=folds, budget=seconds, settings=parse_settings(pairs))
    planned, fingerprint = plan_for(dataset, options)
    if explain and not as_json:
        say(fingerprint_table(fingerprint))
    plain = {
        "plan": planned.plan.plain(),
        "reasons": dict(planned.reasons),
        "memory": planned.memory,
        "fingerprint": fingerprint.plain(),
    }
    show(plain, plan_table(planned), as_json)
