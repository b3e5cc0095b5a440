"""How large and how slow a graph is on this machine, and what would be smaller and faster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from mapwright.bundle import Bundle, assemble
from mapwright.errors import ExportError, MapwrightError
from mapwright.exporting.graph import graph_of
from mapwright.exporting.trace import trace
from mapwright.hardware import detect_hardware
from mapwright.onnxfile import Form, open_session

MEGABYTE = 1e6
_WARM_UP, _RUNS, _LONGEST = 2, 20, 4.0  # tiles before the clock, tiles on it, seconds at most
_SMALLER = ("resnet18", "mobilenet_v2", "tu-mobilenetv3_small_100")
"""Encoders to look at when a single network is over the budget, larger ones first."""


@dataclass(frozen=True)
class Cost:
    """What a graph takes.

    Args:
        megabytes: Size in units of 10^6 bytes.
        milliseconds: Median time of one tile.
        processor: Where that was measured.
        threads: Cores it may use there.
    """

    megabytes: float
    milliseconds: float
    processor: str
    threads: int

    def __str__(self) -> str:
        return f"{self.megabytes:.1f} MB, {self.milliseconds:.0f} ms a tile"


@dataclass(frozen=True)
class Budget:
    """What a graph may take; None = any amount.

    Args:
        megabytes: Largest size in units of 10^6 bytes.
        milliseconds: Longest median time of one tile on this machine.
    """

    megabytes: float | None = None
    milliseconds: float | None = None

    def holds(self, cost: Cost) -> bool:
        """Whether a cost is within it."""
        return not self.excess(cost)

    def excess(self, cost: Cost) -> str:
        """What is over it, in words; empty when nothing is."""
        over = []
        if self.megabytes is not None and cost.megabytes > self.megabytes:
            over.append(f"{cost.megabytes:.1f} MB, {self.megabytes:g} allowed")
        if self.milliseconds is not None and cost.milliseconds > self.milliseconds:
            over.append(
                f"{cost.milliseconds:.0f} ms a tile on this machine, {self.milliseconds:g} allowed"
            )
        return "; ".join(over)


def measure(data: bytes, bands: int, tile: int) -> Cost:
    """Size of a graph, and the time that it takes for one tile, measured several times.

    Args:
        data: The serialised graph.
        bands: Number of bands C.
        tile: Height and width in pixels.
    """
    session = open_session(data)
    batch = {"image": np.zeros((1, bands, tile, tile), np.float32)}
    taken: list[float] = []
    for _ in range(_WARM_UP):
        session.run(None, batch)
    began = time.perf_counter()
    while len(taken) < _RUNS and time.perf_counter() - began < _LONGEST:
        start = time.perf_counter()
        session.run(None, batch)
        taken.append(time.perf_counter() - start)
    hardware = detect_hardware()
    return Cost(len(data) / MEGABYTE, 1e3 * median(taken), hardware.name, hardware.cores)


def over_budget(bundle: Bundle, form: Form, budget: Budget, cost: Cost) -> ExportError:
    """The refusal of a graph that takes too much, with what was found to take less."""
    fits, tried = "", []
    for name, smaller, advice in _alternatives(bundle, form):
        if budget.holds(smaller):
            fits = f"{name} would fit ({smaller}): {advice}"
            break
        tried.append(f"{name}: {smaller}")
    return ExportError(
        f"the exported file would be over the budget: {budget.excess(cost)}",
        where=f"{len(bundle.members)} x {bundle.plan.network}, {form.tile} x {form.tile} pixels",
        expected="a smaller or faster graph; no file is written",
        fix=fits or "raise the budget; nothing that was tried fits: " + "; ".join(tried),
    )


def _alternatives(bundle: Bundle, form: Form) -> Iterator[tuple[str, Cost, str]]:
    """Smaller models, each measured: one member alone, then networks with smaller encoders."""
    if len(bundle.members) > 1:
        yield "one fold", _cost(bundle.only([0]), form), "--fold 1"
    for encoder in () if bundle.plan.build else _SMALLER:
        if encoder == bundle.plan.encoder:
            continue
        plan = bundle.plan.model_copy(update={"encoder": encoder, "weights": "random"})
        try:
            network, _ = assemble(bundle.spec, plan, bundle.fingerprint)
            other = replace(bundle, plan=plan, members=(network.state_dict(),))
            cost = _cost(other, form)
        except MapwrightError:  # the architecture does not take this encoder
            continue
        name = f"{plan.architecture} with {encoder}"
        yield name, cost, f"train one with --set encoder={encoder}"


def _cost(bundle: Bundle, form: Form) -> Cost:
    graph = graph_of(bundle, form)
    data = trace(graph, len(bundle.spec.used)).graph.SerializeToString()
    return measure(data, len(bundle.spec.used), form.tile)
