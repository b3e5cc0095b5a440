"""What an exported file promises, in words: input, output, size, proof and speed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mapwright.onnxfile import HEADER, OnnxFile, load_onnx


def contract(path: Path) -> dict[str, str]:
    """Read an exported file and say what goes in, what comes out, and how it was proved.

    Raises:
        ModelFileError: The file is not whole, or not ours.
    """
    card = load_onnx(path)
    told = card.session.get_modelmeta()
    header = json.loads(told.custom_metadata_map[HEADER])
    taken, given = card.session.get_inputs()[0], card.session.get_outputs()[0]
    return {
        "File": _file(path, header),
        "Interface": f"takes {_signature(taken)}, gives {_signature(given)}. {told.description}",
        "Decision": _decision(card, header),
        "Proof": _proof(card.proof),
        "Speed": "{milliseconds:.0f} ms a tile (median) with ONNX Runtime on {processor}, "
        "{threads} threads.".format(**header["cost"]),
    }


def _file(path: Path, header: Mapping[str, Any]) -> str:
    count = header["members"]
    networks = f"{count} networks, their probabilities averaged" if count > 1 else "one network"
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    return (
        f"{path.name}, {size}; ONNX operator set {header['opset']}; {networks}. It runs without "
        "Mapwright and torch."
    )


def _signature(end: Any) -> str:
    """Name, type and shape of an input or output of a session."""
    kind = end.type.removeprefix("tensor(").removesuffix(")")
    shape = ", ".join(map(str, end.shape))
    return f"`{end.name}` {'float32' if kind == 'float' else kind} ({shape})"


def _decision(card: OnnxFile, header: Mapping[str, Any]) -> str:
    names = card.spec.class_names
    inside = "Scaling, normalisation and validity are inside the file"
    if len(names) > 2:
        return f"{inside}; of each pixel the most probable class is taken."
    threshold = header["decision"]["threshold"]
    return f"{inside}; a pixel is {names[1]} from a probability of {threshold:.3g} on."


def _proof(proof: Mapping[str, Any]) -> str:
    """How well file and model agreed on the same tiles."""
    kinds = proof["kinds"].values()
    tiles, worst = sum(one["tiles"] for one in kinds), max(one["largest_share"] for one in kinds)
    close, unequal = (sum(one[key] for one in kinds) for key in ("close", "unequal"))
    return (
        f"{tiles} tiles ({', '.join(proof['kinds'])}) went through the file and through its model "
        f"before it was written: logits differ by at most {worst:.1%} of {proof['tolerance']}; "
        "classes and validity are equal on every pixel that is not too close to call "
        f"({unequal} of {close:,} such pixels came out otherwise). Real tiles: {proof['real']}."
    )
