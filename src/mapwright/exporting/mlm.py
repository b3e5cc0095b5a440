"""A STAC item by the Machine Learning Model extension: what the file is, for catalogues."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

from mapwright.card import Card
from mapwright.errors import ExportError
from mapwright.exporting.budget import Cost
from mapwright.exporting.parity import Proof
from mapwright.exporting.trace import OPSET
from mapwright.onnxfile import Form, holds_cut
from mapwright.types import IGNORE

MLM = "https://stac-extensions.github.io/mlm/v1.5.2/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v1.1.0/schema.json"
_SCHEMA = "mlm-v1.5.2.schema.json"
_HOLDS = "A further output, presence, is the probability that a tile holds an object."
_TOUCHES = (
    "A further output, border, is the probability that objects touch at a pixel, NaN where invalid."
)


@dataclass(frozen=True)
class Facts:
    """What an item tells beside the model's card.

    Args:
        form: What its graph takes and gives.
        members: Networks whose probabilities are averaged in it.
        parameters: Numbers that were learnt, of all of them.
        proof: That the graph is the model.
        cost: What it takes.
        versions: Versions of the libraries that wrote and proved it.
    """

    form: Form
    members: int
    parameters: int
    proof: Proof
    cost: Cost
    versions: Mapping[str, str]


def make_item(
    card: Card, facts: Facts, file_name: str, licence: str | None = None
) -> dict[str, Any]:
    """The item of an exported model.

    Args:
        card: The model.
        facts: What was measured of its graph.
        file_name: Name of the exported file.
        licence: An SPDX name, or None when nobody said.

    Raises:
        ExportError: It would not be valid.
    """
    stem = file_name.rpartition(".")[0]
    permitted = {"license": licence} if licence else {}
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [MLM, CLASSIFICATION],
        "id": slug(stem),
        "geometry": None,
        "properties": {**_properties(card, facts), **_own(card, facts), **permitted},
        "links": [],
        "assets": {
            "model": {
                "href": f"./{file_name}",
                "type": f"application/octet-stream; framework=onnx; opset={OPSET}",
                "title": stem,
                "roles": ["mlm:model", "mlm:weights"],
                "mlm:artifact_type": "onnx",
            }
        },
    }
    require_valid(item)
    return item


def _properties(card: Card, facts: Facts) -> dict[str, Any]:
    plan, history, form = card.plan, card.history, facts.form
    pretrained = history.weights_source != "random"
    return {
        "datetime": history.created.replace("+00:00", "Z"),
        "description": describe(card, form),
        "bands": [
            {"name": band.name} | ({"unit": band.unit} if band.unit else {})
            for band in card.spec.used
        ],
        "mlm:name": f"mapwright-{slug(card.spec.name)}",
        "mlm:architecture": plan.network,
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "ONNX",
        "mlm:total_parameters": facts.parameters,
        "mlm:pretrained": pretrained,
        "mlm:pretrained_source": history.weights_source if pretrained else None,
        "mlm:batch_size_suggestion": 1 if form.squeeze else 4,
        "mlm:accelerator": None,
        "mlm:input": [_input(card, form)],
        "mlm:output": [
            _output(card, form),
            *([_presence(form)] if form.presence else []),
            *([_border(form)] if form.border else []),
        ],
        "mlm:hyperparameters": {
            "members": facts.members,
            "threshold": card.decision.threshold,
            "temperature": card.decision.temperature,
            "steps": list(history.steps),
            **{key: value for key, value in plan.plain().items() if value is not None},
        },
    }


def _own(card: Card, facts: Facts) -> dict[str, Any]:
    """What no extension has a field for."""
    return {
        "mapwright:valid": card.spec.valid.plain(),
        "mapwright:scores": card.scores,
        "mapwright:proof": facts.proof.plain(),
        "mapwright:cost": vars(facts.cost),
        "mapwright:versions": {**card.history.versions, **facts.versions},
        "mapwright:plan_sha256": card.history.plan_hash,
        "mapwright:data_sha256": data_hash(card),
    }


def _input(card: Card, form: Form) -> dict[str, Any]:
    side = -1 if form.dynamic else form.tile
    return {
        "name": "image",
        "description": "values as they stand in the files; scaling is inside the graph",
        "bands": list(card.spec.band_names),
        "input": {
            "shape": [1 if form.squeeze else -1, len(card.spec.used), side, side],
            "dim_order": ["batch", "bands", "height", "width"],
            "data_type": "float32",
        },
        "value_scaling": None,
        "resize_type": None,
        "pre_processing_function": None,
    }


def _output(card: Card, form: Form) -> dict[str, Any]:
    side = -1 if form.dynamic else form.tile
    axes = {"batch": -1, "class": len(card.spec.classes), "height": side, "width": side}
    if form.output == "mask":
        axes.pop("class")
        if form.squeeze:
            axes.pop("batch")
    return {
        "name": form.output,
        "description": what_comes_out(form),
        "tasks": ["semantic-segmentation"],
        "result": {
            "shape": list(axes.values()),
            "dim_order": list(axes),
            "data_type": "uint8" if form.output == "mask" else "float32",
        },
        "classification:classes": _classes(card, form),
        "post_processing_function": None,
    }


def _presence(form: Form) -> dict[str, Any]:
    return {
        "name": "presence",
        "description": _HOLDS,
        "tasks": ["scene-classification"],
        "result": {
            "shape": [1 if form.squeeze else -1],
            "dim_order": ["batch"],
            "data_type": "float32",
        },
        "post_processing_function": None,
    }


def _border(form: Form) -> dict[str, Any]:
    side = -1 if form.dynamic else form.tile
    return {
        "name": "border",
        "description": _TOUCHES,
        "tasks": ["instance-segmentation"],
        "result": {
            "shape": [1 if form.squeeze else -1, side, side],
            "dim_order": ["batch", "height", "width"],
            "data_type": "float32",
        },
        "post_processing_function": None,
    }


def _classes(card: Card, form: Form) -> list[dict[str, Any]]:
    """The classes by index; `values` are those of the masks that were learnt from."""
    classes: list[dict[str, Any]] = [
        {
            "value": index,
            "name": slug(entry.name),
            "title": entry.name,
            "description": "in the masks: " + ", ".join(map(card.spec.shown, entry.values)),
            "color_hint": entry.color[1:].upper(),
        }
        for index, entry in enumerate(card.spec.classes)
    ]
    if form.output == "mask" and form.invalid == IGNORE:
        nodata = {"value": IGNORE, "name": "invalid", "description": "no measurement"}
        classes.append({**nodata, "nodata": True})
    return classes


def describe(card: Card, form: Form) -> str:
    """What goes in and what comes out, in a few sentences."""
    side = "height, width" if form.dynamic else f"{form.tile}, {form.tile}"
    first = "1" if form.squeeze else "N"
    bands = ", ".join(card.spec.band_names)
    classes = ", ".join(f"{index} = {name}" for index, name in enumerate(card.spec.class_names))
    return (
        f"image ({first}, {len(card.spec.used)}, {side}) float32: values as in the files of "
        f"{bands}, in this order. A pixel is invalid where a band is {_invalid(card)}. "
        f"{what_comes_out(form)}{f' {_HOLDS}' if form.presence else ''}"
        f"{f' {_TOUCHES}' if form.border else ''}{_calibrated(card, form)}{_objects(card, form)} "
        f"Classes: {classes}."
    )


def _objects(card: Card, form: Form) -> str:
    """What objects are, where patches of the map are not where they are cut from."""
    spec, decision = card.spec, card.decision
    if spec.counted is None or holds_cut(decision, form, spec):
        return ""
    return (
        f" Objects of {spec.class_names[spec.counted]} are not its patches, but "
        f"{decision.object_words}: that takes a file of probabilities."
    )


def _calibrated(card: Card, form: Form) -> str:
    """What was done to the probabilities; empty where nothing was, or none come out."""
    temperature = card.decision.temperature
    if form.output == "mask" or temperature == 1:
        return ""
    return (
        " Probabilities are calibrated on held-out images: logits, or the logarithm of the members'"
        f" mean probability, are divided by {temperature:.4g}."
    )


def _invalid(card: Card) -> str:
    nodata = card.spec.valid.nodata
    known = "" if nodata is None or nodata != nodata else f" or {nodata:g}"
    alpha = " (give NaN where alpha is 0)" if card.spec.valid.alpha else ""
    return f"NaN, infinite{known}{alpha}" if known else f"NaN or infinite{alpha}"


def what_comes_out(form: Form) -> str:
    """The output of a form, in words."""
    return {
        "mask": f"The mask holds the class of every pixel, {form.invalid} where invalid.",
        "probability": "It gives the probability of every class, NaN where invalid.",
        "logits": "It gives logits whose softmax is the probability, NaN where invalid.",
        "deepness": "It gives the probability of every class, 0 where invalid, for the QGIS plugin "
        "Deepness: of two classes, the likelier one is what the model decides for.",
    }[form.output]


def data_hash(card: Card) -> str:
    """SHA-256 over the SHA-256 of every image that was learnt from or validated on."""
    digests = sorted(card.history.images.values())
    return sha256("".join(digests).encode()).hexdigest()


def slug(text: str) -> str:
    """Letters, digits, `-` and `_` alone."""
    return re.sub(r"[^0-9A-Za-z_-]+", "-", text).strip("-") or "unnamed"


def require_valid(item: Mapping[str, Any]) -> None:
    """Hold an item against the schema that is shipped with the package.

    Raises:
        ExportError: It does not fit.
    """
    import jsonschema

    schema = json.loads(files("mapwright.exporting").joinpath(_SCHEMA).read_text("utf-8"))
    checker = jsonschema.Draft7Validator(schema)
    problem = jsonschema.exceptions.best_match(checker.iter_errors(item))
    if problem is not None:
        raise ExportError(
            f"the STAC item would not be valid: {problem.message[:200]}",
            where="/".join(map(str, problem.absolute_path)),
            expected=f"an item as {MLM} describes it",
            fix="correct the name in dataset.toml that this is made from",
        )
