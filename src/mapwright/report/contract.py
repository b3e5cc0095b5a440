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
    close, unequal, pixels = (
        sum(one[key] for one in kinds) for key in ("close", "unequal", "pixels")
    )
    return (
        f"{tiles} tiles went through the file and through its model before it was written: "
        f"on these, logits differ by at most {worst:.1%} of {proof['tolerance']}; classes and "
        f"validity are equal on every pixel that is not too close to call ({close:,} of {pixels:,} "
        f"are, and {unequal:,} of them came out otherwise). {tried(proof)}"
    )


def tried(proof: Mapping[str, Any]) -> str:
    """What the tiles of a proof were, in words: it says nothing of others.

    Args:
        proof: As `mapwright.exporting.parity.Proof.plain` gives it.
    """
    counts = {kind: one["tiles"] for kind, one in proof["kinds"].items()}
    real = f"cut from {proof['real']}" if counts["real"] else proof["real"]
    sizes = ", ".join(f"{height} x {width}" for height, width in proof["sizes"])
    reach = f", with {proof['reach']}" if "reach" in proof else ""  # files of older versions
    return (
        f"Tried were {counts['real']} real tiles ({real}), {counts['edge']} of unusual contents"
        f"{reach}, and {counts['random']} of random values, of {sizes} pixels; what lies beyond "
        "these was not tried."
    )
