"""`mapwright demo`: the whole path on a made-up settlement whose roofs are known."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import RenderableType
from rich.rule import Rule
from rich.text import Text

from mapwright.apply import predict_files
from mapwright.data.check import check
from mapwright.data.dataset import Dataset
from mapwright.data.describe import describe, open_dataset
from mapwright.data.spec import FILE_NAME
from mapwright.data.write_spec import to_toml
from mapwright.demo.dataset import write_tile
from mapwright.demo.settlement import make_settlement
from mapwright.evaluation import choose_items, evaluate
from mapwright.io.files import new_folder, write_text
from mapwright.predict.model import Model
from mapwright.report.facts import compare
from mapwright.report.figures import comparison_figure
from mapwright.report.tables import check_table, guesses_table, history_text, scores_table
from mapwright.run import Options, train_on

LABELLED, UNLABELLED = 80, 2
STEPS = 240  # about two and a half minutes on two cores
_SHOWN = 3  # validation images in the figure
_LARGE = 704  # pixels; larger than a tile, so its map is blended from many


def walk_through(out: Path, steps: int | None = None) -> Iterator[RenderableType]:
    """Go the whole path: make data, describe, check, train, evaluate, predict, draw.

    Args:
        out: A new or empty folder for all of it.
        steps: Training steps; None = `STEPS`.

    Yields:
        What to show, part by part.

    Raises:
        OutputError: The folder is not empty or can't be written.
    """
    began = time.monotonic()
    new_folder(out)
    root = out / "roofs"
    yield Rule("1  make: a settlement whose roofs are known", align="left")
    make_data(root)
    yield Text(f"{LABELLED} images with masks, {UNLABELLED} without, in {root}")

    yield Rule("2  describe: mapwright init", align="left")
    described = describe(root)
    write_text(root / FILE_NAME, to_toml(described.spec, described.reasons))
    yield guesses_table(described.spec, described.reasons, f"written to {root / FILE_NAME}")
    dataset = open_dataset(root)

    yield Rule("3  check: mapwright check", align="left")
    yield check_table(check(dataset))

    yield Rule("4  train: mapwright train", align="left")
    settings = {"steps": steps or STEPS, "seed": 0}
    run = train_on(dataset, out / "run", Options(settings=settings))
    yield Text(f"{history_text(run.model.bundle.history)}; run folder: {run.folder}")

    yield Rule("5  evaluate: mapwright evaluate --tta d4", align="left")
    model = run.model.with_tta("d4")
    items, note = choose_items(model, dataset, "val")
    yield scores_table(evaluate(model, dataset, items, note))

    yield Rule("6  predict: mapwright predict --unlabelled --overlay", align="left")
    written = predict_files(model, [root], out / "maps", unlabelled=True, with_overlay=True)
    yield Text("\n".join(str(files.map) for files in written))
    figure = out / "figure.png"
    draw_figure(model, dataset, [item.stem for item in items][:_SHOWN], figure)
    yield Rule("", align="left")
    yield Text(f"look at {figure}; {time.monotonic() - began:.0f} s in all", "bold green")


def make_data(root: Path) -> None:
    """Write the images and masks of the demo."""
    for number in range(LABELLED + UNLABELLED):
        labelled = number < LABELLED
        size = 256 if number < LABELLED + UNLABELLED - 1 else _LARGE
        tile = make_settlement(number, size)
        write_tile(root, f"{number:03d}", tile, labelled)


def draw_figure(model: Model, dataset: Dataset, stems: list[str], path: Path) -> None:
    """Draw image, truth, prediction and errors of some images."""
    rows = [compare(model, dataset, stem, stem) for stem in stems]
    comparison_figure(rows, dataset.spec.class_names, dataset.spec.colors, path)
