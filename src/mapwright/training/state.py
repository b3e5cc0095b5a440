"""The state of a training on disk, so that an interruption costs at most a few seconds.

A state is tensors plus a little JSON in one safetensors file: loading it executes nothing. It is
written to a temporary name and renamed, so a kill at any moment leaves the last whole state.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mapwright.data.hard import Alarms
from mapwright.errors import ModelFileError
from mapwright.io.tensors import save_tensors

Rows = list[dict[str, float]]
"""The training log: step, loss, learning rate and the scores of each validation."""


@dataclass
class Fitted:
    """Where a training stands; at its end, what it leaves.

    Args:
        step: Steps done.
        best_step: After how many steps the kept weights were reached.
        best_score: Their validation score; NaN without validation.
        state: The kept weights, on the CPU; empty until there are any.
        rows: The training log.
        losses: Losses since the last entry of the log.
        cut_short: Whether the clock ended it before its last step.
        alarms: Where the network raised false alarms of late; empty unless the plan mines them.
    """

    step: int = 0
    best_step: int = 0
    best_score: float = float("nan")
    state: dict[str, Tensor] = field(default_factory=dict)
    rows: Rows = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    cut_short: bool = False
    alarms: Alarms = field(default_factory=Alarms)


class Keeper:
    """Saves and restores the state of one fold.

    Args:
        path: The state file; None = nothing is kept.
        every: Seconds between two states.
    """

    def __init__(self, path: Path | None = None, every: float = 30.0) -> None:
        self._path, self._every, self._last = path, every, time.monotonic()

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> Fitted:
        """Load the last state into model and optimizer, if there is one.

        Raises:
            ModelFileError: The file is damaged or belongs to another training.
        """
        if self._path is None or not self._path.exists():
            return Fitted()
        try:
            with safe_open(self._path, framework="pt") as file:
                header = json.loads(file.metadata()["training"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            model.load_state_dict(_part(tensors, "model."))
            _restore_optimizer(optimizer, _part(tensors, "optimizer."))
            alarms = Alarms(header.pop("hard", ()), header.pop("waiting", ()))
            return Fitted(**header, state=_part(tensors, "kept."), alarms=alarms)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(
                f"the training can't be resumed: {str(error).splitlines()[0]}",
                where=self._path,
                expected="the state that this very training saved",
                fix="start anew in another folder",
            ) from error

    def save(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        fitted: Fitted,
        now: bool = False,
    ) -> None:
        """Write the state if it is time, or `now`."""
        if self._path is None or not (now or time.monotonic() - self._last >= self._every):
            return
        tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
        tensors |= {f"kept.{name}": value for name, value in fitted.state.items()}
        tensors |= {f"optimizer.{name}": value for name, value in _moments(optimizer).items()}
        header = {k: v for k, v in _fields(fitted).items() if k not in ("state", "alarms")}
        header |= fitted.alarms.plain()
        save_tensors(self._path, tensors, {"training": json.dumps(header)})
        self._last = time.monotonic()


NO_KEEPER = Keeper()
"""Keeps nothing."""


def _fields(fitted: Fitted) -> dict[str, Any]:
    """The fields of a state as a dict, tensors not copied."""
    return {name: getattr(fitted, name) for name in fitted.__dataclass_fields__}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": value for i, entry in state.items() for name, value in entry.items()}


def _restore_optimizer(optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    whole = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in moments.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**whole, "state": state})
