"""From a model to a file that others can run, proved equal before it is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mapwright.apply import load
from mapwright.bundle import Bundle, require_bundle
from mapwright.card import Card
from mapwright.errors import OutputError, SettingError
from mapwright.exporting.budget import MEGABYTE, Budget, Cost, measure, over_budget
from mapwright.exporting.deepness import deepness_keys
from mapwright.exporting.graph import graph_of
from mapwright.exporting.mlm import Facts, describe, make_item
from mapwright.exporting.parity import Judge, Proof
from mapwright.exporting.trace import OPSET, Traced, trace
from mapwright.exporting.trials import Trial, real_data, trials
from mapwright.io.files import replacing
from mapwright.onnxfile import FORMAT, HEADER, SOFT, SUFFIX, Form, Output, open_session, seal
from mapwright.predict.model import Model

_LIBRARIES = ("mapwright", "torch", "onnx", "onnxruntime")


@dataclass(frozen=True)
class Export:
    """An exported model.

    Args:
        path: The ONNX file.
        item: The STAC item beside it.
        form: What its graph takes and gives.
        members: Networks whose probabilities are averaged in it.
        proof: That the graph is the model.
        cost: What it takes on this machine.
        about: What goes in and what comes out, in words.
    """

    path: Path
    item: Path
    form: Form
    members: int
    proof: Proof
    cost: Cost
    about: str

    def plain(self) -> dict[str, Any]:
        """The export as JSON-able built-in types."""
        return {
            "path": str(self.path),
            "item": str(self.item),
            "form": self.form.plain(),
            "members": self.members,
            "proof": self.proof.plain(),
            "cost": vars(self.cost),
            "about": self.about,
        }


def export(
    model: Model | str | Path,
    out: str | Path,
    *,
    output: Output = "mask",
    tile: int = 224,
    dynamic: bool = False,
    invalid: int = 255,
    squeeze: bool = False,
    presence: bool = False,
    border: bool = False,
    objects: bool = False,
    fold: int | None = None,
    data: str | Path | None = None,
    max_mb: float | None = None,
    max_ms: float | None = None,
    licence: str | None = None,
) -> Export:
    """Write a model as ONNX: file values in, map out; proved equal on tiles, or not at all.

    Args:
        model: A model, its file or its run folder.
        out: The file, ending in `.onnx`; a STAC item is written beside it.
        output: What the graph gives; see `mapwright.onnxfile.Form`. Probabilities are calibrated
            as the model's are, and logits are those whose softmax they are.
        tile: Height and width of its tiles, in pixels.
        dynamic: Take any other height and width as well.
        invalid: What a mask holds where the image is invalid: 255, or 0.
        squeeze: One tile at a time, whose mask is (h, w).
        presence: Also give the probability that a tile holds an object; the model needs a gate.
        border: Also give the probability that objects touch at a pixel; the model must know it.
        objects: Also give whichever of the two the model's rule for objects needs, so that the file
            makes the same objects; not for masks, which have decided already.
        fold: Only this fold of an ensemble, from 1.
        data: A folder of real images for the proof; None = what the model was trained on, if
            that is still there.
        max_mb: Largest size of the file, in units of 10^6 bytes.
        max_ms: Longest median time of one tile on this machine, in milliseconds.
        licence: SPDX name of the licence, for the item.

    Raises:
        ExportError: Graph and model don't agree, ONNX can't hold it, or it is over the budget.
        MapwrightError: The model, an option or the output is wrong. Nothing is written.
    """
    path, run = _target(Path(out)), None if isinstance(model, Model) else Path(model)
    given = {
        "output": output, "tile": tile, "dynamic": dynamic, "invalid": invalid,
        "squeeze": squeeze, "presence": presence, "border": border,
    }  # fmt: skip
    form = _require_possible(Form.parse(given, "export"))
    loaded = model if isinstance(model, Model) else load(model)
    bundle = _chosen(require_bundle(loaded.bundle), fold)
    if objects:
        form = _with_objects(form, bundle)
    _require_known(form, bundle)
    dataset, real = real_data(Model(bundle), Path(data) if data else None, run)
    budget = Budget(max_mb, max_ms)
    traced, facts = _proved(bundle, form, budget, trials(bundle, form, dataset), real)
    return _write(path, bundle, facts, traced, budget, licence)


def _proved(
    bundle: Bundle, form: Form, budget: Budget, tiles: Sequence[Trial], real: str
) -> tuple[Traced, Facts]:
    """A graph that is within the budget and equal to its model, and what was measured of it."""
    graph = graph_of(bundle, form)
    traced = trace(graph, len(bundle.spec.used))
    plain = traced.graph.SerializeToString()
    cost = measure(plain, len(bundle.spec.used), form.tile)
    if not budget.holds(cost):
        raise over_budget(bundle, form, budget, cost)
    proving = traced.proving.SerializeToString()
    proof = Judge(bundle, form).prove(open_session(plain), open_session(proving), tiles, real)
    return traced, Facts(
        form=form,
        members=len(bundle.members),
        parameters=sum(p.numel() for p in graph.members.parameters()),
        proof=proof,
        cost=cost,
        versions={name: version(name) for name in _LIBRARIES},
    )


def _write(
    path: Path, bundle: Bundle, facts: Facts, traced: Traced, budget: Budget, licence: str | None
) -> Export:
    """Write the file and its item, both or none."""
    item = make_item(bundle, facts, path.name, licence)
    sealed = _sealed(bundle, facts, traced, item)
    whole = replace(facts.cost, megabytes=len(sealed) / MEGABYTE)  # with all it tells of itself
    if not budget.holds(whole):
        raise over_budget(bundle, facts.form, budget, whole)
    beside = path.with_suffix(".stac.json")
    with replacing(path) as temporary, replacing(beside) as temporary_item:
        temporary.write_bytes(sealed)
        temporary_item.write_text(json.dumps(item, indent=2, ensure_ascii=False) + "\n", "utf-8")
    about = traced.graph.doc_string
    return Export(path, beside, facts.form, facts.members, facts.proof, whole, about)


def _target(path: Path) -> Path:
    if path.suffix.lower() != SUFFIX:
        raise OutputError(
            "the file must end in .onnx",
            where=path,
            expected=f"a name such as {path.stem or 'model'}{SUFFIX}",
            fix="choose another name",
        )
    return path


def _require_possible(form: Form) -> Form:
    if form.squeeze and form.output != "mask":
        raise SettingError(
            f"one tile without its batch axis goes with masks only, not with {form.output}",
            where="--squeeze",
            expected="--output mask",
        )
    if form.dynamic and form.output == "deepness":
        raise SettingError(
            "the plugin Deepness cuts tiles of one size, which it reads from the file",
            where="--dynamic",
            expected="--output deepness without it",
        )
    if len(form.outputs) > 1 and form.output == "deepness":
        raise SettingError(
            "the plugin Deepness takes files with one output",
            where=" and ".join(f"--{name}" for name in form.outputs[1:]),
            expected="--output deepness without it",
        )
    return form


def _with_objects(form: Form, bundle: Bundle) -> Form:
    """The same form with all that the rule for objects needs."""
    if form.output not in SOFT:
        raise SettingError(
            f"the rule for objects needs probabilities, and {form.output} gives what was decided",
            where="--objects",
            expected="--output probability or logits",
        )
    bundle.require_counted()
    plan, rule = bundle.plan, bundle.decision.object_rule
    gated = plan.gate > 0 and rule.gate > 0
    needed = {"presence": gated, "border": rule.cut.border is not None}
    return form.model_copy(update={name: True for name, needs in needed.items() if needs})


def _require_known(form: Form, bundle: Bundle) -> None:
    if form.presence and not bundle.plan.gate:
        raise SettingError(
            "the model does not say whether a tile holds an object",
            where="--presence",
            expected="a model that was trained with a gate",
            fix="train one with --set gate=0.2, or leave --presence out",
        )
    if form.border and not bundle.plan.border:
        raise SettingError(
            "the model does not say where objects touch",
            where="--border",
            expected="a model that learnt the borders between objects",
            fix="train one with --set border=1, or leave --border out",
        )


def _chosen(bundle: Bundle, fold: int | None) -> Bundle:
    if fold is None:
        return bundle
    if not 1 <= fold <= len(bundle.members):
        raise SettingError(
            f"there is no fold {fold}",
            where="--fold",
            expected=f"a number from 1 to {len(bundle.members)}",
        )
    return bundle.only([fold - 1])


def _sealed(card: Card, facts: Facts, traced: Traced, item: dict[str, Any]) -> bytes:
    """The graph with all that is known about it, and the checksum of both."""
    header = {
        "format": FORMAT,
        **card.header(),
        "form": facts.form.plain(),
        "proof": facts.proof.plain(),
        "cost": vars(facts.cost),
        "members": facts.members,
        "opset": OPSET,
        "versions": dict(facts.versions),
    }
    metadata = {HEADER: json.dumps(header, ensure_ascii=False), "stac_item": json.dumps(item)}
    if facts.form.output == "deepness":
        metadata |= deepness_keys(card, facts.form)
    traced.graph.doc_string = describe(card, facts.form)
    for key, value in metadata.items():
        traced.graph.metadata_props.add(key=key, value=value)
    return seal(traced.graph.SerializeToString())
