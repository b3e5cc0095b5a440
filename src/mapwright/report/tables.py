"""Results as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # only named here: a table of findings must not wait for torch
    from mapwright.card import History
    from mapwright.data.check import CheckReport
    from mapwright.data.fingerprint import Fingerprint
    from mapwright.data.spec import DatasetSpec
    from mapwright.metrics.summary import Scores
    from mapwright.plan import PlanWithReasons

_LEVEL_STYLE = {"error": "bold red", "warning": "yellow", "note": "dim"}


def guesses_table(spec: DatasetSpec, reasons: Mapping[str, str], title: str) -> RenderableType:
    """What was guessed of a folder, and why."""
    values = {
        "name": spec.name,
        "images": spec.images,
        "masks": spec.masks or "",
        "bands": ", ".join(band.name for band in spec.used),
        "classes": ", ".join(f"{c.name} {list(c.values)}" for c in spec.classes),
        "mask.threshold": str(spec.mask.threshold),
        "mask.ignore": str(list(spec.mask.ignore)),
        "valid.nodata": str(spec.valid.nodata),
        "valid.alpha": str(spec.valid.alpha).lower(),
        "split": "as given"
        if spec.split.by == "given"
        else f"{spec.split.val:g} by {spec.split.by}, seed {spec.split.seed}",
    }
    table = _table(title)
    table.add_column("key", style="bold")
    table.add_column("value")
    table.add_column("because", style="dim")
    for key, value in values.items():
        if key in reasons:
            table.add_row(key, escape(value), escape(reasons[key]))
    return table


def check_table(report: CheckReport) -> RenderableType:
    """What the check found, and how often each class occurs."""
    classes = _table(f"{report.images} images, {report.labelled} with a mask")
    classes.add_column("class", style="bold")
    for name in ("pixels", "share", "images"):
        classes.add_column(name, justify="right")
    total = max(sum(report.class_pixels), 1)
    for name, pixels, images in zip(
        report.class_names, report.class_pixels, report.class_images, strict=True
    ):
        classes.add_row(escape(name), f"{pixels:,}", f"{pixels / total:.2%}", str(images))
    parts: list[RenderableType] = [classes]
    if report.excluded:
        parts.append(Text(f"left out by dataset.toml: {', '.join(report.excluded)}", "dim"))
    if report.findings:
        findings = _table("Findings")
        for name in ("level", "what", "images", "what to do"):
            findings.add_column(name, overflow="fold")
        for finding in report.findings:
            stems = ", ".join(finding.stems[:6]) + (", ..." if len(finding.stems) > 6 else "")
            level = Text(finding.level, _LEVEL_STYLE[finding.level])
            findings.add_row(level, escape(finding.text), escape(stems), escape(finding.advice))
        parts.append(findings)
    verdict = "something here would harm training" if report.harmful else "fit to train on"
    parts.append(Text(verdict, "bold red" if report.harmful else "bold green"))
    return Group(*parts)


def plan_table(planned: PlanWithReasons) -> RenderableType:
    """Every setting with the rule that chose it."""
    table = _table("Plan")
    for name in ("setting", "value"):
        table.add_column(name, style="bold" if name == "setting" else "", overflow="fold")
    table.add_column("because", style="dim")
    for key, value in planned.plan.plain().items():
        shown = (
            ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        )
        table.add_row(key, escape(str(shown)), escape(planned.reasons.get(key, "default")))
    if planned.memory is None:
        return table
    return Group(table, Text(f"training will take about {planned.memory / 2**30:.2f} GiB", "bold"))


def fingerprint_table(fingerprint: Fingerprint) -> RenderableType:
    """What the labelled images are like."""
    from mapwright.data.fingerprint import PERCENTILES

    bands = _table(
        f"{fingerprint.images} images, "
        f"{min(fingerprint.heights)} to {max(fingerprint.heights)} rows, "
        f"{min(fingerprint.widths)} to {max(fingerprint.widths)} columns, "
        f"{fingerprint.valid_share:.1%} valid"
        + (f", {fingerprint.gsd:.3g} m a pixel" if fingerprint.gsd else "")
    )
    bands.add_column("band", style="bold")
    for name in ("mean", "std", "minimum", *(f"{p:g} %" for p in PERCENTILES), "maximum"):
        bands.add_column(name, justify="right")
    for band in fingerprint.bands:
        values = (band.mean, band.std, band.minimum, *band.percentiles, band.maximum)
        bands.add_row(escape(band.name), *(f"{value:.4g}" for value in values))
    classes = _table("")
    classes.add_column("class", style="bold")
    for name in ("share", "images", "patches", "area of a patch, pixels (10, 50, 90 %)"):
        classes.add_column(name, justify="right")
    total = max(sum(fingerprint.class_pixels), 1)
    for entry in fingerprint.classes:
        classes.add_row(
            escape(entry.name),
            f"{entry.pixels / total:.2%}",
            str(entry.images),
            f"{entry.objects:,}",
            ", ".join(f"{area:.0f}" for area in entry.object_pixels),
        )
    return Group(bands, classes)


def scores_table(scores: Scores) -> RenderableType:
    """Scores per class with intervals, beside the constant prediction, then image by image."""
    from mapwright.report.notes import caveat, score_notes
    from mapwright.report.objects import object_tables

    table = _table(f"{len(scores.images)} images, {scores.pixels:,} pixels, pooled")
    table.add_column("class", style="bold")
    columns = ["IoU", "95 %", "F1", "precision", "recall", "boundary", "per image", "all pixels"]
    if not scores.boundary_width:
        columns.remove("boundary")
    for name in (*columns, "baseline"):
        table.add_column(name, justify="right")
    for row in scores.classes:
        boundary = [row.boundary_iou] if scores.boundary_width else []
        table.add_row(
            escape(row.name),
            _number(row.iou),
            _range(row.iou_interval),
            *map(_number, (row.f1, row.precision, row.recall, *boundary, row.iou_per_image)),
            *map(_number, (row.iou_all_pixels, row.iou_baseline)),
        )
    table.add_section()
    boundary = [scores.mean_boundary_iou] if scores.boundary_width else []
    table.add_row(
        "mean",
        f"[bold]{_number(scores.mean_iou)}[/]",
        _range(scores.mean_iou_interval),
        "", "", "",
        *map(_number, (*boundary, scores.mean_iou_per_image, scores.mean_iou_all_pixels)),
        _number(scores.mean_iou_baseline),
    )  # fmt: skip
    lines = [
        *score_notes(scores),
        "Per image: mean over the images in which the class occurs. "
        "All pixels: invalid ones with a label counted too, as given no class. "
        f"Test-time augmentation: {scores.tta}.",
    ]
    notes: list[RenderableType] = [Text(line, "dim") for line in lines]
    if scores.objects:
        notes += ["", object_tables(scores.objects)]
    if scores.note:
        notes.append(Text(caveat(scores), "yellow"))
    return Group(table, *_per_image(scores), *notes)


def _per_image(scores: Scores) -> list[RenderableType]:
    """IoU of every image, where they are few enough to list."""
    from mapwright.report.notes import per_image_rows

    rows = per_image_rows(scores)
    if not rows:
        return []
    table = _table("IoU, image by image (- = neither true nor predicted there)")
    table.add_column("image", style="bold", overflow="fold")
    for name in ("mean", *(entry.name for entry in scores.classes)):
        table.add_column(escape(name), justify="right")
    for stem, mean, values in rows:
        table.add_row(escape(stem), *map(_number, (mean, *values)))
    return ["", table]


def history_text(history: History) -> str:
    """What made a model, in a line or two."""
    steps = ", ".join(map(str, history.steps))
    kept = ", ".join(map(str, history.best_steps))
    text = (
        f"starting weights: {history.weights_source} ({history.weights_reason}); "
        f"{steps} steps, weights kept after {kept}; {history.seconds:.0f} s"
    )
    if history.cut_short:
        folds = ", ".join(str(number + 1) for number in history.cut_short)
        text += f"\nthe clock ended fold {folds} before its last step"
    return text


def _table(title: str) -> Table:
    return Table(title=escape(title), title_justify="left", title_style="bold", box=None)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _range(bounds: tuple[float, float]) -> str:
    return "-" if math.isnan(bounds[0]) else f"{bounds[0]:.3f} to {bounds[1]:.3f}"
