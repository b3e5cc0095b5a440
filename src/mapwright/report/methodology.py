"""The protocol of a run on a page or two, from nothing but its own records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapwright.data.config import read_toml
from mapwright.data.optimizers import OPTIMIZERS
from mapwright.data.splits import group_names
from mapwright.exporting.mlm import data_hash
from mapwright.io.files import write_text
from mapwright.metrics.intervals import DRAWS
from mapwright.metrics.summary import Scores
from mapwright.report.build import filters
from mapwright.report.comments import HEAD, comments
from mapwright.report.contract import contract
from mapwright.report.facts import Facts, gather
from mapwright.report.template import fill
from mapwright.report.words import protocol, reproduce, set_options

NAME = "methodology.md"
"""The page's file in a run folder."""

BASELINES = "baselines.json"
"""What a benchmark may have left in a run folder: scores of simpler methods on the same pixels."""

_SPEED = ("channels_last", "save_every")  # settings that change no result
_BY_HAND = "set by hand"  # what a plan says of settings that no rule chose
_LISTED = 6  # images of a fold that are named one by one


@dataclass(frozen=True)
class Rival:
    """A method and how well it did on the held-out pixels.

    Args:
        name: The method.
        mean: Its mean IoU.
        mean_interval: 95 %, NaN where nobody looked.
        accuracy: Its accuracy.
        accuracy_interval: See `mean_interval`.
        iou: IoU of the second of two classes; NaN with more.
        iou_interval: See `mean_interval`.
        f1: F1 of the same class.
        f1_interval: See `mean_interval`.
    """

    name: str
    mean: float
    mean_interval: Sequence[float]
    accuracy: float
    accuracy_interval: Sequence[float]
    iou: float
    iou_interval: Sequence[float]
    f1: float
    f1_interval: Sequence[float]


_NAN = float("nan")
_UNKNOWN = (_NAN, _NAN)


def write_methodology(folder: Path, root: Path | None = None) -> Path:
    """Write `methodology.md` into a run folder.

    Args:
        folder: The run folder, with the recipe, exported files and baselines that are there.
        root: The data folder; None = where it was when the model was trained.

    Raises:
        ModelFileError: The folder holds no model, or an exported file is broken.
        OutputError: The page can't be written.
    """
    facts = gather(folder, root, pictures=False)
    recipe = folder / "recipe.toml"
    said, wished = comments(recipe), _wished(recipe)
    settings = _settings(facts, wished or {}, said)
    told = {
        "facts": facts,
        "spec": facts.bundle.spec,
        "scores": facts.scores,
        "said": said,
        "head": said.get(HEAD, ""),
        "protocol": protocol(facts),
        "classes": _classes(facts),
        "bands": _bands(facts),
        "folds": _folds(facts),
        "settings": [row for row in settings if row[2]],
        "usual": [f"{key} {value}" for key, value, why in settings if not why],
        "trained": _trained(facts),
        "metrics": _metrics(facts),
        "rivals": _rivals(facts, folder / BASELINES),
        "compared": _compared(folder / BASELINES),
        "contracts": [contract(path) for path in sorted(folder.glob("*.onnx"))],
        "whole_run": "" if wished is None else _whole_run(facts, wished),
        "data_hash": data_hash(facts.bundle),
        "reproduce": reproduce(facts),
    }
    write_text(folder / NAME, fill(NAME, told, filters()))
    return folder / NAME


def f1_of(iou: float) -> float:
    """F1 from IoU of the same counts: F1 = 2 IoU / (1 + IoU), so intervals follow as well."""
    return 2 * iou / (1 + iou)


def _wished(recipe: Path) -> Mapping[str, Any] | None:
    """The settings that a recipe asks for; None without a recipe."""
    if not recipe.is_file():
        return None
    return {"folds": 1, **read_toml(recipe).get("plan", {})}


def _classes(facts: Facts) -> str:
    """Which mask values each class is made from."""
    spec = facts.bundle.spec
    return "; ".join(
        f"{entry.name} = {', '.join(map(spec.shown, entry.values))}" for entry in spec.classes
    )


def _bands(facts: Facts) -> list[str]:
    """Each band with its unit and statistics."""
    units = {band.name: f" ({band.unit})" if band.unit else "" for band in facts.bundle.spec.used}
    return [
        f"{band.name}{units[band.name]} {band.mean:.4g} ± {band.std:.4g}, "
        f"{band.minimum:.4g} to {band.maximum:.4g}"
        for band in facts.bundle.fingerprint.bands
    ]


def _folds(facts: Facts) -> list[tuple[int, int, str]]:
    """Of each fold: images to learn from, images held out, and which."""
    split, rows = facts.bundle.spec.split, []
    for fold in facts.bundle.history.folds if facts.scores else ():
        groups = group_names(fold.val, split)
        names = list(dict.fromkeys(groups if split.by == "group" else fold.val))
        rest = len(names) - _LISTED
        shown = ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
        rows.append((len(fold.train), len(fold.val), shown))
    return rows


def _settings(
    facts: Facts, wished: Mapping[str, Any], said: Mapping[str, str]
) -> list[tuple[str, Any, str]]:
    """Every setting that has a value, with its reason: the recipe's, if the value is its own.

    A setting that is the same for every task, or changes no result, has none.
    """
    rows = []
    for key, value in facts.bundle.plan.plain().items():
        if value in ("", [], None):
            continue
        reason = "" if key in _SPEED else facts.reasons.get(key, "")
        if reason == _BY_HAND and wished.get(key) == value:
            reason = said.get(f"plan.{key}", "the recipe's")
        rows.append((key, value, reason))
    return rows


def _trained(facts: Facts) -> str:
    """How long which network was trained, and from what."""
    history, plan = facts.bundle.history, facts.bundle.plan
    each = "Each network" if len(history.folds) > 1 else "It"
    given = f", of a budget of {history.budget / 60:.0f}" if history.budget else ""
    cut = ", ".join(str(number + 1) for number in history.cut_short)
    return (
        f"{plan.architecture} with {plan.encoder}; starting weights: {history.weights_source} "
        f"({history.weights_reason}). {each} learnt {' / '.join(map(str, history.steps))} steps "
        f"with {OPTIMIZERS[plan.optimizer].words}, the learning rate rising, then falling along a "
        f"cosine to zero. All of it took {history.seconds / 60:.1f} minutes{given}."
    ) + (f" The clock cut fold {cut} short." if cut else "")


def _metrics(facts: Facts) -> str:
    """How pixels are pooled, how intervals are found, and what a map averages."""
    unit = facts.scores.interval_unit if facts.scores else "images"
    alike = facts.bundle.spec.split.by == "group" and not unit.startswith("groups")
    views = {"none": "one view", "flips": "four flips", "d4": "eight flips and turns"}
    return (
        "Pixels of all held-out images are pooled in one confusion matrix; mean IoU is over the "
        "classes present in truth or prediction. Invalid and unlabelled pixels count nowhere. "
        f"Intervals: 95 %, bootstrap over {unit}, {DRAWS:,} draws, percentiles widened for few "
        "units (Hesterberg 2014)"
        + (", which takes those of one group for independent" if alike else "")
        + f". Prediction averages {views[facts.bundle.plan.tta]} of each tile."
    )


def _whole_run(facts: Facts, wished: Mapping[str, Any]) -> str:
    """The command that does the task again, with what was set beside the recipe."""
    history, plain = facts.bundle.history, facts.bundle.plan.plain()
    plain["folds"] = len(history.folds) if facts.scores else 0
    keys = [key for key, why in facts.reasons.items() if why == _BY_HAND]
    more = [key for key in ("folds", *keys) if wished.get(key) != plain[key]]
    budget = [f"--budget {history.budget / 60:g}m"] if history.budget else []
    options = [*budget, *set_options(plain, more)]
    return " ".join(["mapwright run recipe.toml --data DATA -o RUN", *options])


def _compared(path: Path) -> str:
    """What the simpler methods learnt from; empty when there are none."""
    return str(json.loads(path.read_text(encoding="utf-8"))["text"]) if path.is_file() else ""


def _rivals(facts: Facts, path: Path) -> list[Rival]:
    """The model, what was compared with it, and the constant prediction."""
    scores = facts.scores
    if scores is None:
        return []
    others = json.loads(path.read_text(encoding="utf-8"))["baselines"] if path.is_file() else {}
    return [
        _rival("the model", scores, {}),
        *(_rival(name, Scores.from_plain(one["scores"]), one) for name, one in others.items()),
        _constant(scores),
    ]


def _rival(name: str, scores: Scores, ends: Mapping[str, Any]) -> Rival:
    binary = scores.classes[1] if len(scores.classes) == 2 else None
    iou_interval = binary.iou_interval if binary else _UNKNOWN
    return Rival(
        name=name,
        mean=scores.mean_iou,
        mean_interval=scores.mean_iou_interval,
        accuracy=scores.accuracy,
        accuracy_interval=ends.get("accuracy_interval", _UNKNOWN),
        iou=binary.iou if binary else _NAN,
        iou_interval=iou_interval,
        f1=binary.f1 if binary else _NAN,
        f1_interval=tuple(map(f1_of, iou_interval)),
    )


def _constant(scores: Scores) -> Rival:
    iou = scores.classes[1].iou_baseline if len(scores.classes) == 2 else _NAN
    return Rival(
        f"{scores.baseline} everywhere", scores.mean_iou_baseline, _UNKNOWN,
        scores.accuracy_baseline, _UNKNOWN, iou, _UNKNOWN, f1_of(iou), _UNKNOWN,
    )  # fmt: skip
