"""The report's page and its Markdown twin, filled by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from markupsafe import Markup

from mapwright.metrics.boundary import Bands
from mapwright.metrics.object_result import ObjectScores
from mapwright.metrics.object_scores import object_scores
from mapwright.metrics.objects import count_objects
from mapwright.metrics.summary import Scores, summarize
from mapwright.report.build import render
from mapwright.report.notes import per_image_rows, score_notes
from mapwright.report.objects import told as told_objects

NAMES = ("<i>urban</i>", "crop|land", "water")


def objects() -> ObjectScores:
    """Two images with a ship each, one of which is found."""
    truth, nothing = np.zeros((2, 9, 9), int)
    truth[2:6, 2:6] = 1
    found = object_scores([count_objects(truth, truth), count_objects(truth, nothing)])
    return replace(found, name=NAMES[1], area=4.0, truth="polygons", rule="whatever is seen")


def scores(images: int, bands: bool) -> Scores:
    counts = np.array([[[60, 10, 0], [5, 30, 0], [0, 0, 0]]] * images)
    found = np.array([[[5, 10], [1, 4], [0, 0]]] * images)
    stems = [f"scene|{i}" for i in range(images)]
    return summarize(stems, NAMES, counts, counts, bands=Bands(found, 2) if bands else None)


def page(name: str, images: int, bands: bool, counted: ObjectScores | None = None) -> str:
    found = replace(scores(images, bands), objects=counted)
    colors = ("#c8553d", "#e9c46a", "#3a86c8")
    told: dict[str, Any] = {
        "facts": SimpleNamespace(examples=[], reasons={}),
        "spec": SimpleNamespace(
            name="a & b", class_names=NAMES, band_names=("red", "nir"), colors=colors
        ),
        "history": SimpleNamespace(created="2026-01-01", versions={"mapwright": "0"}),
        "plan": {},
        "fingerprint": SimpleNamespace(images=images, classes=[], bands=[]),
        "scores": found,
        "notes": score_notes(found),
        "per_image": per_image_rows(found),
        "objects": told_objects(counted),
        "protocol": {},
        "reproduce": "",
        "figures": {"inline": {"confusion": Markup("<svg/>"), "curves": Markup("<svg/>")}},
    }
    return render(name, told)


@pytest.mark.parametrize("bands", [True, False])
@pytest.mark.parametrize("images", [1, 2, 31])
def test_every_row_of_the_page_has_as_many_cells_as_its_head(images: int, bands: bool) -> None:
    text = page("report.html", images, bands)
    tables = re.findall(r"<table.*?</table>", text, re.S)
    for table in tables:
        rows = re.findall(r"<tr.*?</tr>", table, re.S)
        cells = {len(re.findall(r"<t[dh]", row)) for row in rows}
        assert len(cells) == 1
    assert ("boundary IoU" in text) == bands
    assert ("Image by image" in text) == (images == 2)
    assert "<i>urban" not in text


@pytest.mark.parametrize("bands", [True, False])
@pytest.mark.parametrize("images", [1, 2, 31])
def test_every_row_of_the_markdown_has_as_many_cells_as_its_head(images: int, bands: bool) -> None:
    text = page("report.md", images, bands)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    assert len(tables) == (3 if images == 2 else 2)  # scores, images, plan
    for table in tables:
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(cells) == 1
    assert ("boundary IoU" in text) == bands
    assert not re.search(r"\n\n\n\n", text)


def test_many_images_are_folded_away_and_few_stand_open() -> None:
    assert "<details open>" in page("report.html", 2, False)
    assert "<details>" in page("report.html", 9, False)


def test_a_class_that_is_nowhere_has_a_dash_and_not_a_number() -> None:
    text = page("report.html", 2, True)
    water = text[text.index("</span>water</td>") :].split("</tr>")[0]
    assert "nan" not in text
    assert "–" in water


def test_objects_have_tables_of_their_own_beside_an_empty_prediction() -> None:
    text, twin = (page(name, 2, False, objects()) for name in ("report.html", "report.md"))
    assert "<h2>Objects: crop|land</h2>" in text
    assert "## Objects: crop\\|land" in twin
    assert "F2 of the objects" in text  # the card at the top
    for told in ("1 predicted", "True objects are polygons", "1 to 63 pixels (4 to 256 m²)"):
        assert told in text and told in twin
    for table in re.findall(r"<table.*?</table>", text, re.S):
        rows = re.findall(r"<tr.*?</tr>", table, re.S)
        assert len({len(re.findall(r"<t[dh]", row)) for row in rows}) == 1
    for table in re.findall(r"(?:^\|.*\n)+", twin, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
    assert not re.search(r"\n\n\n\n", twin)
    assert "| F2 | 0.500 |" in twin
