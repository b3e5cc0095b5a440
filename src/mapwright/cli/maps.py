"""Commands that use models and maps: predict, export, area."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mapwright.cli.app import (
    FOLDER,
    json_option,
    main,
    show,
    tta_option,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapwright.predict.model import Model


@main.command()
@click.argument("model", type=FOLDER)
@click.argument("paths", type=FOLDER, nargs=-1, required=True)
@click.option(
    "-o", "--out", type=FOLDER, required=True, help="Folder for the maps; for kaggle also a .csv."
)
@click.option("--unlabelled", is_flag=True, help="Of a data folder, only images without a mask.")
@click.option("--probabilities", is_flag=True, help="Also write one band of probability per class.")
@click.option("--confidence", is_flag=True, help="Also write the probability of the mapped class.")
@click.option("--overlay", is_flag=True, help="Also write the image with the classes laid over it.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["native", "vector", "kaggle"]),
    default="native",
    show_default=True,
    help="native: the map as a picture or GeoTIFF; vector: also its patches as polygons; kaggle: "
    "no maps, but one table of objects as run lengths.",
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
@tta_option
@json_option
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
              mapwright predict runs/ships test_v2/ -o submission.csv --format kaggle
    """
    from mapwright.apply import load, predict_files
    from mapwright.io.vector import PolygonOptions

    polygons = PolygonOptions.chosen(form, vector_type, min_area, simplify)
    loaded = load(model).with_tta(tta)
    if form == "kaggle":
        _refuse_maps(probabilities=probabilities, confidence=confidence, overlay=overlay)
        _write_table(loaded, paths, out, unlabelled, as_json)
        return
    if loaded.bundle.caveat and (probabilities or confidence):
        warn([loaded.bundle.caveat])
    written = predict_files(
        loaded,
        paths,
        out,
        unlabelled=unlabelled,
        probabilities=probabilities,
        confidence=confidence,
        with_overlay=overlay,
        polygons=polygons,
    )
    warn(f"{files.image}: {doubt.text}" for files in written for doubt in files.doubts)
    plain = [files.plain() for files in written]
    shown = [str(path) for files in written for path in (files.map, files.polygons) if path]
    show(plain, "\n".join(shown), as_json)


def _refuse_maps(**asked: bool) -> None:
    """A table of objects comes without maps: say so to those who ask for them."""
    from mapwright.errors import SettingError

    if any(asked.values()):
        raise SettingError(
            " and ".join(f"--{name}" for name, wanted in asked.items() if wanted)
            + ": these are maps, and --format kaggle writes a table",
            fix="predict twice: once for the table, once for the maps",
        )


def _write_table(
    model: Model, paths: Sequence[Path], out: Path, unlabelled: bool, as_json: bool
) -> None:
    """Write the objects of images as a table, and say what could not be read."""
    from mapwright.apply import predict_table

    model.bundle.require_counted()  # where it can't be done, nothing else is said
    warn(filter(None, [model.bundle.caveat]))
    done = predict_table(model, paths, out, unlabelled=unlabelled)
    warn(f"{image}: {error.what}; its row is empty" for image, error in done.failed.items())
    show(done.plain(), done.text, as_json)


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
@click.option("--presence", is_flag=True, help="Also give how likely a tile holds any object.")
@click.option("--border", is_flag=True, help="Also give how likely objects touch at a pixel.")
@click.option("--objects", is_flag=True, help="Give all that makes the same objects.")
@click.option("--fold", type=int, metavar="N", help="Only this fold, from 1.  [default: all]")
@click.option("--data", type=FOLDER, metavar="DIR", help="Real images to prove it on.")
@click.option("--max-mb", type=float, help="Largest size in megabytes, or no file is written.")
@click.option("--max-ms", type=float, help="Longest time of a tile here, or no file is written.")
@click.option("--licence", metavar="SPDX", help="Licence of the model, such as CC-BY-4.0.")
@json_option
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
    show(done.plain(), export_table(done), as_json)


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
@json_option
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

    drawing: Any = {"design": design, "strata": strata, "nodata": nodata}
    if count is None and out is None:
        found = assess(map_path, reference, **drawing, crs=crs, column=column)
        show(found.plain(), area_table(found), as_json)
        return
    if count is None or out is None or reference is not None:
        raise SettingError(
            "--draw N and -o FILE go together, and without --reference",
            fix="draw points first; once their classes are entered, give them as --reference",
        )
    drawn = draw_sample(map_path, count, out, **drawing, minimum=minimum, blind=blind, seed=seed)
    show(drawn.plain(), drawn_table(drawn), as_json)
