"""The model file: tensors and everything that made them, in one safetensors file.

Nothing in it is executed on load, and a checksum over every tensor and every word of the header
tells a file that was cut short or altered from the one that was written.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mapwright.data.blocks import parse_name
from mapwright.data.config import Config
from mapwright.data.fingerprint import Fingerprint
from mapwright.data.spec import DatasetSpec
from mapwright.data.splits import Fold
from mapwright.errors import ModelFileError
from mapwright.io.tensors import save_tensors
from mapwright.models.build import STRIDE, build_model
from mapwright.models.inputs import Inputs, SegmentationModel
from mapwright.models.weights import StartingWeights
from mapwright.plan import Plan
from mapwright.types import Window

FORMAT = 1
"""Version of the header; a newer file is refused by older software."""

_HEADER, _CHECKSUM = "mapwright", "sha256"

State = dict[str, Tensor]
"""Parameters and buffers of one network, by name."""


class Decision(Config):
    """How probabilities become classes.

    Args:
        threshold: With two classes, a pixel is the second class from this probability on. With
            more, the most probable class is taken and this value is not used.
    """

    threshold: float = Field(default=0.5, ge=0, le=1)


class History(Config):
    """What made a model.

    Args:
        created: Date and time, ISO 8601, UTC.
        folds: What each member learnt from and was validated on.
        images: SHA-256 of the file of each image, or part of one, that a fold names.
        ancestors: SHA-256 of the images that the models it started from had learnt from.
        weights_source: What the networks started from.
        weights_reason: Why.
        parent: Name of the model that it started from; empty without one.
        steps: How many steps each member was trained for.
        best_steps: After how many of them each member's weights were kept.
        cut_short: Members whose training the clock ended before its last step.
        budget: Seconds that the whole command was given; None = no budget.
        seconds: How long training took.
        plan_hash: SHA-256 of data, settings, budget and machine.
        versions: Versions of the libraries that matter.
        hardware: Name of the processor or GPU.
    """

    created: str
    folds: tuple[Fold, ...]
    images: dict[str, str]
    ancestors: tuple[str, ...] = ()
    weights_source: str
    weights_reason: str
    parent: str = ""
    steps: tuple[int, ...]
    best_steps: tuple[int, ...]
    cut_short: tuple[int, ...] = ()
    budget: float | None = None
    seconds: float
    plan_hash: str = ""
    versions: dict[str, str]
    hardware: str

    @cached_property
    def learnt(self) -> tuple[Seen, ...]:
        """For each member, the images, and the parts of them, that it learnt from."""
        return tuple(self._seen(fold.train) for fold in self.folds)

    @cached_property
    def validated(self) -> Seen:
        """The images, and the parts of them, that some member was validated on."""
        return self._seen([name for fold in self.folds for name in fold.val])

    def _seen(self, names: Sequence[str]) -> Seen:
        seen: dict[str, list[Window | None]] = defaultdict(list)
        for name in names:
            seen[self.images[name]].append(parse_name(name)[1])
        return Seen({digest: tuple(windows) for digest, windows in seen.items()})


@dataclass(frozen=True)
class Seen:
    """Images known by their content, whole or in part.

    Args:
        windows: SHA-256 of the image file -> its parts; None = all of it.
    """

    windows: Mapping[str, tuple[Window | None, ...]]

    def meets(self, digest: str, window: Window | None) -> bool:
        """Whether a pixel of an image, or of a part of it, is among these."""
        return any(
            one is None or window is None or one.meets(window)
            for one in self.windows.get(digest, ())
        )


@dataclass(frozen=True)
class Bundle:
    """A model with everything that is known about it.

    Args:
        spec: The data it was made for.
        plan: The settings it was trained with.
        fingerprint: Statistics of its training images.
        decision: How its probabilities become classes.
        history: What made it.
        members: One state per fold; their probabilities are averaged.
        scores: Results on held-out images, or None.
    """

    spec: DatasetSpec
    plan: Plan
    fingerprint: Fingerprint
    decision: Decision
    history: History
    members: tuple[State, ...]
    scores: Mapping[str, Any] | None = None

    def only(self, members: Sequence[int]) -> Bundle:
        """The same bundle with some of its members, by number, and their part of the history."""
        history = self.history
        update: dict[str, tuple[Any, ...]] = {
            key: tuple(getattr(history, key)[number] for number in members)
            for key in ("folds", "steps", "best_steps")
        }
        update["cut_short"] = tuple(
            place for place, number in enumerate(members) if number in history.cut_short
        )
        fewer = history.model_copy(update=update)
        for known in ("learnt", "validated"):  # a copy brings along what was worked out before
            fewer.__dict__.pop(known, None)
        return replace(
            self, members=tuple(self.members[number] for number in members), history=fewer
        )

    def networks(self) -> list[SegmentationModel]:
        """The members as modules in evaluation mode, on the CPU."""
        return [self._network(state) for state in self.members]

    def _network(self, state: State) -> SegmentationModel:
        model, _ = assemble(
            self.spec, self.plan.model_copy(update={"weights": "random"}), self.fingerprint
        )
        model.load_state_dict(state)
        return model.eval()


def assemble(
    spec: DatasetSpec, plan: Plan, fingerprint: Fingerprint
) -> tuple[SegmentationModel, StartingWeights]:
    """Build the model that a plan describes, with its starting weights.

    Raises:
        SettingError: The plan names a network that can't be built.
        WeightsError: Demanded weights can't be had.
    """
    network, start = build_model(
        plan.architecture,
        plan.encoder,
        len(spec.used),
        len(spec.classes),
        plan.weights,
        spec.band_names,
    )
    bands = fingerprint.bands
    clip = plan.normalisation == "clipped"
    inputs = Inputs(
        mean=[band.mean for band in bands],
        std=[band.std for band in bands],
        nodata=spec.valid.nodata,
        low=[band.percentiles[0] for band in bands] if clip else None,
        high=[band.percentiles[-1] for band in bands] if clip else None,
    )
    return SegmentationModel(inputs, network, STRIDE), start


def save_bundle(bundle: Bundle, path: Path) -> None:
    """Write a model file, whole or not at all.

    Raises:
        OutputError: The file can't be written.
    """
    header = json.dumps(
        {
            "format": FORMAT,
            "dataset": bundle.spec.plain(),
            "plan": bundle.plan.plain(),
            "fingerprint": bundle.fingerprint.plain(),
            "decision": bundle.decision.plain(),
            "history": bundle.history.plain(),
            "members": len(bundle.members),
            "scores": bundle.scores,
        },
        ensure_ascii=False,
    )
    tensors = {
        f"{number}.{name}": tensor.detach().cpu().contiguous()
        for number, state in enumerate(bundle.members)
        for name, tensor in state.items()
    }
    save_tensors(path, tensors, {_HEADER: header, _CHECKSUM: _checksum(header, tensors)})


def load_bundle(path: Path) -> Bundle:
    """Read a model file.

    Raises:
        ModelFileError: Missing, not ours, from a newer version, cut short or altered.
    """
    header, checksum, tensors = _read(path)
    if checksum != _checksum(header, tensors):
        raise _broken(path, "its contents do not match its checksum: it was altered")
    values = json.loads(header)
    if values["format"] > FORMAT:
        raise ModelFileError(
            f"the model file has format {values['format']}",
            where=path,
            expected=f"format {FORMAT} or older",
            fix="update mapwright",
        )
    return Bundle(
        spec=DatasetSpec.parse(values["dataset"], path),
        plan=Plan.parse(values["plan"], path),
        fingerprint=Fingerprint.parse(values["fingerprint"], path),
        decision=Decision.parse(values["decision"], path),
        history=History.parse(values["history"], path),
        members=_members(tensors, values["members"]),
        scores=values["scores"],
    )


def _read(path: Path) -> tuple[str, str, State]:
    if not path.is_file():
        raise ModelFileError(
            "there is no such model file",
            where=path,
            expected="a model.safetensors that `mapwright train` wrote",
            fix="check the path",
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _broken(path, f"it can't be read ({error}): it was cut short or altered") from error
    if _HEADER not in metadata or _CHECKSUM not in metadata:
        raise _broken(path, "it holds tensors, but no Mapwright header")
    return metadata[_HEADER], metadata[_CHECKSUM], tensors


def _broken(path: Path, reason: str) -> ModelFileError:
    return ModelFileError(
        f"the model file can't be used: {reason}",
        where=path,
        expected="a whole model.safetensors as `mapwright train` wrote it",
        fix="copy it again from its source, or train anew",
    )


def _members(tensors: State, count: int) -> tuple[State, ...]:
    members: Sequence[State] = [{} for _ in range(count)]
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        members[int(number)][key] = tensor
    return tuple(members)


def _checksum(header: str, tensors: State) -> str:
    total = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()
