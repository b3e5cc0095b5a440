"""What `mapwright evaluate -o` leaves: scores as JSON, the score table and a scene as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mapwright.data.dataset import Dataset, Item
from mapwright.io.files import make_folder, write_json
from mapwright.metrics.summary import Scores
from mapwright.predict.model import Model
from mapwright.report.facts import scene_panels
from mapwright.report.mapsheet import draw_map_sheet
from mapwright.report.scoresheet import draw_score_sheet


def write_sheets(
    model: Model, dataset: Dataset, items: Sequence[Item], scores: Scores, folder: Path
) -> list[Path]:
    """Write `scores.json`, `scores.jpg` and `scene.jpg`, the first image beside truth and errors.

    Args:
        model: What was scored.
        dataset: The data.
        items: The images that it was scored on.
        scores: The scores.
        folder: Where to.

    Raises:
        OutputError: A file can't be written.
    """
    make_folder(folder)
    table, picture, plain = (folder / n for n in ("scores.jpg", "scene.jpg", "scores.json"))
    spec = model.bundle.spec
    plan = model.bundle.plan
    network = f"{plan.network}; trained on {spec.name}"
    count = f"{len(items)} images" if len(items) > 1 else "1 image"
    title = f"{dataset.spec.name} · {count}"
    draw_score_sheet(scores, spec.colors, title, network, table)
    panels = scene_panels(model, dataset, items[0].stem)
    draw_map_sheet(panels, f"{dataset.spec.name} · {items[0].stem}", network, picture)
    write_json(plain, scores.plain())
    return [table, picture, plain]
