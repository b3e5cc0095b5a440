"""From a torch module to ONNX, without a word on the way.

torch's older exporter is used, from a trace: it agrees with the newer one to the last digit that
matters, takes a second where that takes from ten to a hundred, and needs no further package. What
it would get wrong, the proof of equality finds.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mapwright.errors import ExportError
from mapwright.exporting.graph import ExportGraph

OPSET = 17
"""Operator set of the files; every ONNX Runtime since 1.12 (2022) knows it."""


@dataclass(frozen=True)
class Traced:
    """A graph as ONNX.

    Args:
        graph: Its outputs are what the form says.
        proving: The same nodes, with the logits of each member as further outputs.
    """

    graph: Any
    proving: Any


def trace(module: ExportGraph, bands: int) -> Traced:
    """Write a module as two `onnx.ModelProto`.

    Args:
        module: In evaluation mode.
        bands: Number of bands C.

    Raises:
        ExportError: The network holds what ONNX can't, or takes no tile of this size.
    """
    import onnx

    buffer, form = io.BytesIO(), module.form
    names = [*form.outputs, *(f"logits_{number}" for number in range(len(module.members)))]
    example = torch.zeros(1 if form.squeeze else 2, bands, form.tile, form.tile)
    try:
        with _silence(), torch.inference_mode(), _FixedPooling():
            torch.onnx.export(
                module,
                (example,),
                buffer,  # type: ignore[arg-type]  # this exporter writes to streams too
                input_names=["image"],
                output_names=names,
                dynamic_axes=_axes(module, names),
                opset_version=OPSET,
                dynamo=False,
            )
    except Exception as error:  # whatever a network raises when it is traced
        raise _impossible(module, str(error)) from error
    proving = onnx.load_model_from_string(buffer.getvalue())
    graph = onnx.ModelProto()
    graph.CopyFrom(proving)
    del graph.graph.output[len(form.outputs) :]
    return Traced(graph, proving)


def _axes(module: ExportGraph, names: list[str]) -> dict[str, dict[int, str]]:
    """Which axes of inputs and outputs may have any length."""
    form = module.form
    axes: dict[str, dict[int, str]] = {}
    for name in ["image", *names]:
        rows = 1 if name == "mask" and not form.squeeze else 0 if name == "mask" else 2
        axes[name] = {} if form.squeeze else {0: "tiles"}
        rows = 1 if name == "border" else rows
        if form.dynamic and name != "presence":
            axes[name] |= {rows: "height", rows + 1: "width"}
    return axes


def _impossible(module: ExportGraph, reason: str) -> ExportError:
    form = module.form
    size = "any size" if form.dynamic else f"{form.tile} x {form.tile} pixels"
    return ExportError(
        f"the network can't be written as ONNX for tiles of {size}: "
        + (reason.strip().splitlines() or ["no reason given"])[0][:200],
        where=type(module.members[0].network).__name__,
        expected="a network that ONNX can hold",
        fix="leave --dynamic out" if form.dynamic else "give --tile the size it was trained with",
    )


@contextmanager
def _silence() -> Iterator[None]:
    """No warnings, of its age or of sizes that the proof checks, and no whole graph printed.

    What it prints when it fails comes from compiled code, so the process's own output is turned
    away, not only Python's.
    """
    kept = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


class _FixedPooling(TorchFunctionMode):
    """Adaptive average pooling as two products with constant matrices, for one size of input.

    ONNX has no operator for it where the output does not divide the input.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        size = _pooled_to(func, args, kwargs or {})
        if size is None:
            return func(*args, **(kwargs or {}))
        rows, cols = (
            _means(int(length), int(parts))
            for length, parts in zip(args[0].shape[-2:], size, strict=True)
        )
        return rows @ args[0] @ cols.T


def _pooled_to(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[int, int] | None:
    """Rows and columns that a call averages its input to; None for other calls, and for 1 x 1."""
    functions = torch.nn.functional
    size: Any = None
    if func is functions.adaptive_avg_pool2d:
        size = kwargs.get("output_size", args[-1])
    elif func is functions.interpolate and kwargs.get("mode") == "area":
        size = kwargs.get("size")
    pair = (size, size) if isinstance(size, int) else tuple(size or ())
    return None if len(pair) != 2 or None in pair or pair == (1, 1) else pair


def _means(length: int, parts: int) -> Tensor:
    """(parts, length) float32; each row averages from floor(i L / P) to ceil((i + 1) L / P)."""
    matrix = torch.zeros(parts, length)
    for part in range(parts):
        start, end = part * length // parts, -(-(part + 1) * length // parts)
        matrix[part, start:end] = 1 / (end - start)
    return matrix
