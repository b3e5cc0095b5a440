"""Write `study.html`: the results of a study, their pictures and the script that shows them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mapwright.io.files import write_text
from mapwright.report.study import told
from mapwright.report.study.differences import axis_of
from mapwright.report.study.payload import all_configurations, classes_of, payload, stems_of
from mapwright.report.study.pictures import Album, Picture, make_album
from mapwright.report.study.plain import listed, page_json, words
from mapwright.report.study.promises import promises
from mapwright.report.template import fill

_SCRIPTS = (
    "parts", "model", "filters", "frame", "pointer", "boxes", "curves", "table", "detail", "start",
)  # fmt: skip


def write_study_page(
    results: Mapping[str, Any],
    out: Path,
    pictures: Mapping[str, Picture] | None = None,
    *,
    predictions: Path | None = None,
) -> Path:
    """Write the page of a study; it works from disk and asks nothing of any network.

    Args:
        results: The contents of `results.json`. Missing keys leave their part of the page empty.
        out: The page, usually `study.html` in the folder of the study.
        pictures: What the images look like, by stem; None = predictions alone are shown.
        predictions: A folder of `<configuration>/<stem>.png`; None = `predictions` beside `out`.

    Returns:
        The page.

    Raises:
        OutputError: It can't be written.
    """
    album = _album(results, pictures or {}, predictions or out.parent / "predictions")
    write_text(out, study_html(results, album))
    return out


def study_html(results: Mapping[str, Any], album: Album) -> str:
    """The page as text.

    Args:
        results: The contents of `results.json`.
        album: The pictures.
    """
    known = payload(results)
    axis, script = axis_of(listed(results, "comparisons")), _script()
    verdicts = told.verdicts(results, axis)
    stated = {
        "name": words(results.get("name") or "A study"),
        "question": words(results.get("question") or ""),
        "metric": known["metric"],
        "dataset": words((results.get("dataset") or {}).get("name") or ""),
        "images": len(known["stems"]),
        "configurations": len(known["configurations"]),
        "counted": told.counted(results),
        "findings": [words(text) for text in listed(results, "findings")],
        "verdicts": verdicts,
        "axis": axis,
        "promises": promises(results),
        "joint": any(row.joint for row in verdicts),
        "cut": [words(text) for text in listed(results, "cut")],
        "dropped": told.dropped(results),
        "unfinished": told.unfinished(results),
        "environment": told.environment(results),
        "album": album,
        "stride": known["curves"]["stride"],
        "data": Markup(page_json(known)),
        "shown": Markup(page_json(album.pictures)),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    return fill("study/page.html", stated)


def _album(results: Mapping[str, Any], pictures: Mapping[str, Picture], predictions: Path) -> Album:
    configurations = [entry["id"] for entry in all_configurations(results)]
    colors = tuple(entry["color"] for entry in classes_of(results))
    return make_album(stems_of(results), configurations, colors, pictures, predictions)


def _script() -> str:
    folder = files("mapwright.report.study") / "script"
    parts = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
