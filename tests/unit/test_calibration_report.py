"""What is told of calibration: the line, the table, the diagram."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from markupsafe import Markup

from mapwright.metrics.calibration import assess_calibration
from mapwright.metrics.calibration_result import Calibration
from mapwright.metrics.soft_counts import SoftCounter
from mapwright.metrics.summary import summarize
from mapwright.report.build import render
from mapwright.report.calibration import (
    calibration_line,
    calibration_rows,
    reliability_figure,
    told_calibration,
)
from mapwright.report.curves import save_figure
from mapwright.report.notes import score_notes
from mapwright.types import IGNORE, Window

NAMES = ("crop|land", "<i>roof</i>", "price $ of $ water", "d", "e")


def found(
    classes: int, temperature: float = 2.0, images: int = 4, known: bool = True
) -> Calibration:
    rng = np.random.default_rng(0)
    softs = []
    for _ in range(images):
        raised = np.exp(rng.normal(0, 3, (classes, 20, 20)))
        truth = rng.integers(0, classes, (20, 20)).astype(np.uint8)
        counter = SoftCounter([Window(0, 0, 20, 20)], classes)
        counter.add(
            0, truth if known else np.full_like(truth, IGNORE),
            (raised / raised.sum(axis=0)).astype(np.float32),
        )  # fmt: skip
        softs.append(counter.soft())
    names, groups = NAMES[:classes], [str(k) for k in range(images)]
    told = assess_calibration(softs, [temperature] * images, names, [(20, 20)] * images, groups)
    return replace(told, reason="of a test")


def test_the_line_says_before_and_after_and_of_two_classes_the_second() -> None:
    line = calibration_line(found(2))
    assert re.match(r"Calibration error 0\.\d{3} before and 0\.\d{3} after scaling \(95 %: ", line)
    assert "where it says '<i>roof</i>' 0." in line
    assert "temperature 2.00, lower after it" in line
    assert "\n" not in line and line.count(". ") == 0


def test_without_a_temperature_there_is_one_figure_and_no_verdict() -> None:
    line = calibration_line(found(3, 1.0))
    assert "before" not in line
    assert "probabilities are not scaled" in line
    assert "mean over classes 0." in line
    assert all(np.isnan(row.after) for row in calibration_rows(found(3, 1.0)))


def test_a_change_that_is_within_the_noise_says_so() -> None:
    noise = replace(found(2, 1.2), gain=(-0.01, 0.02))
    assert "not detectably other after it" in calibration_line(noise)
    assert noise.verdict == "not detectably other"
    assert replace(noise, gain=(-0.02, -0.01)).verdict == "higher"
    assert replace(noise, gain=(float("nan"), float("nan"))).verdict == "not detectably other"


def test_nothing_labelled_is_told_without_a_number() -> None:
    empty = found(2, 1.0, known=False)
    assert "nan" not in calibration_line(empty)
    assert empty.pixels == 0
    save = reliability_figure(empty)
    assert save.axes


def page(name: str, told: Calibration | None) -> str:
    counts = np.array([[[60, 10], [5, 30]]] * 2)
    scores = replace(summarize(["a", "b"], NAMES[:2], counts, counts), calibration=told)
    return render(
        name,
        {
            "facts": SimpleNamespace(examples=[], reasons={}),
            "spec": SimpleNamespace(
                name="a", class_names=NAMES[:2], band_names=("red",), colors=("#000000", "#ffffff")
            ),
            "history": SimpleNamespace(created="2026-01-01", versions={"mapwright": "0"}),
            "plan": {},
            "fingerprint": SimpleNamespace(images=2, classes=[], bands=[]),
            "scores": scores,
            "notes": score_notes(scores),
            "per_image": [],
            "objects": None,
            "calibration": told_calibration(told),
            "protocol": {},
            "reproduce": "",
            "figures": {
                "inline": {
                    "confusion": Markup("<svg/>"),
                    "curves": Markup("<svg/>"),
                    "reliability": Markup("<svg id='reliability'/>"),
                }
            },
        },
    )


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("images", [1, 4])
def test_the_page_and_its_twin_hold_table_and_diagram(temperature: float, images: int) -> None:
    told = found(2, temperature, images)
    text, twin = page("report.html", told), page("report.md", told)
    assert "<svg id='reliability'/>" in text
    assert "figures/reliability.png" in twin
    assert "<i>roof" not in text
    assert "nan" not in text and "nan" not in twin
    for part in (text, twin):
        assert "Why: of a test." in part
        assert "negative log-likelihood" in part
    for table in re.findall(r"<table.*?</table>", text, re.S):
        rows = re.findall(r"<tr.*?</tr>", table, re.S)
        assert len({len(re.findall(r"<t[dh]", row)) for row in rows}) == 1
    for table in re.findall(r"(?:^\|.*\n)+", twin, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1
    assert not re.search(r"\n\n\n\n", twin)
    assert twin.index("## Scores") < twin.index("## Calibration") < twin.index("## Training")


def test_a_model_that_was_not_looked_at_has_no_section() -> None:
    for name in ("report.html", "report.md"):
        text = page(name, None)
        assert "Calibration" not in text
        assert "reliability" not in text


@pytest.mark.parametrize(("classes", "panels"), [(2, 2), (3, 4), (5, 6)])
def test_the_diagram_has_a_panel_for_each_class(tmp_path, classes: int, panels: int) -> None:
    figure = reliability_figure(found(classes))
    assert len([axis for axis in figure.axes if axis.get_title()]) == panels
    svg = save_figure(lambda: reliability_figure(found(classes)), tmp_path / "r.png")
    assert "after scaling" in svg and "currentColor" in svg
