"""A run folder becomes one self-contained HTML page, the same as Markdown, and figures."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from mapwright.io.files import make_folder, write_text
from mapwright.report.calibration import reliability_figure, told_calibration
from mapwright.report.curves import confusion_figure, curves_figure, save_figure
from mapwright.report.facts import Facts, gather
from mapwright.report.figures import comparison_figure
from mapwright.report.mapsheet import draw_map_sheet
from mapwright.report.notes import caveat, per_image_rows, score_notes
from mapwright.report.objects import told as told_objects
from mapwright.report.scoresheet import draw_score_sheet
from mapwright.report.template import fill
from mapwright.report.words import network, protocol, reproduce, scored


def write_report(folder: Path, root: Path | None = None) -> list[Path]:
    """Write `report.html`, `report.md` and `figures/` into a run folder.

    Args:
        folder: The run folder.
        root: The data folder, for pictures; None = where it was when the model was trained.

    Returns:
        The files written.

    Raises:
        ModelFileError: The folder holds no model.
        OutputError: A file can't be written.
    """
    facts = gather(folder, root)
    scores = facts.scores
    figures = _draw(facts, make_folder(folder / "figures"))
    told = {
        "facts": facts,
        "spec": facts.bundle.spec,
        "history": facts.bundle.history,
        "plan": facts.bundle.plan.plain(),
        "fingerprint": facts.bundle.fingerprint,
        "scores": scores,
        "notes": [*score_notes(scores), *filter(None, [caveat(scores)])] if scores else [],
        "per_image": per_image_rows(scores) if scores else [],
        "objects": told_objects(scores.objects) if scores else None,
        "calibration": told_calibration(scores.calibration) if scores else None,
        "protocol": protocol(facts),
        "reproduce": reproduce(facts),
        "figures": figures,
    }
    written = [*figures["paths"].values()]
    for name in ("report.html", "report.md"):
        write_text(folder / name, render(name, told))
        written.append(folder / name)
    return written


def render(name: str, told: Mapping[str, Any]) -> str:
    """Fill the page `report.html` or `report.md` with what it tells."""
    return fill(name, told, filters())


def filters() -> dict[str, Callable[..., str]]:
    """How pages show scores, intervals, settings and cells of Markdown tables."""
    return {
        "score": _score,
        "fine": lambda value: _score(value, 4),
        "bounds": _bounds,
        "setting": _setting,
        "cell": lambda text: str(text).replace("|", "\\|"),
    }


def _draw(facts: Facts, folder: Path) -> dict[str, Any]:
    """Figures as files, as SVG that follows the page's colours, and as embedded pictures."""
    inline: dict[str, Markup] = {}
    paths: dict[str, Path] = {}
    drawings: dict[str, Callable[[], Figure]] = {"curves": lambda: curves_figure(facts.rows)}
    if scores := facts.scores:
        drawings["confusion"] = lambda: confusion_figure(scores)
        if found := scores.calibration:
            drawings["reliability"] = lambda: reliability_figure(found)
    for name, draw in drawings.items():
        paths[name] = folder / f"{name}.png"
        inline[name] = Markup(save_figure(draw, paths[name]))
    if facts.scores:
        paths["scores"] = folder / "scores.jpg"
        title, subtitle = f"{facts.bundle.spec.name} · held-out images", scored(facts)
        draw_score_sheet(facts.scores, facts.bundle.spec.colors, title, subtitle, paths["scores"])
    if facts.scene:
        stem, panels = facts.scene
        paths["scene"] = folder / "scene.jpg"
        title = f"{facts.bundle.spec.name} · {stem}"
        draw_map_sheet(panels, title, network(facts), paths["scene"])
    embedded: dict[str, str] = {}
    if facts.examples:
        spec = facts.bundle.spec
        paths["examples"] = folder / "examples.jpg"
        comparison_figure(facts.examples, spec.class_names, spec.colors, paths["examples"])
        embedded["examples"] = _data_uri(paths["examples"])
    return {"inline": inline, "paths": paths, "embedded": embedded}


def _data_uri(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def _score(value: float, digits: int = 3) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def _bounds(pair: tuple[float, float]) -> str:
    return "–" if math.isnan(pair[0]) else f"{pair[0]:.3f} to {pair[1]:.3f}"


def _setting(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return str(value)
