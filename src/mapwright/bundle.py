"""The model file: tensors and everything that made them, in one safetensors file.

Nothing in it is executed on load, and a checksum over every tensor and every word of the header
tells a file that was cut short or altered from the one that was written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mapwright.card import Card, read_header
from mapwright.data.fingerprint import Fingerprint
from mapwright.data.spec import DatasetSpec
from mapwright.errors import ModelFileError
from mapwright.io.tensors import save_tensors
from mapwright.models.build import build_model
from mapwright.models.custom import Build, name_of, stride_of
from mapwright.models.gate import gate_for
from mapwright.models.inputs import Inputs, SegmentationModel
from mapwright.models.weights import StartingWeights
from mapwright.plan import Plan

FORMAT = 1
"""Version of the header; a newer file is refused by older software."""

_HEADER, _CHECKSUM = "mapwright", "sha256"

State = dict[str, Tensor]
"""Parameters and buffers of one network, by name."""


@dataclass(frozen=True, kw_only=True)
class Bundle(Card):
    """A model that can be trained further: its networks with everything that is known about it.

    Args:
        members: One state per fold; their probabilities are averaged.
    """

    members: tuple[State, ...]

    def only(self, members: Sequence[int]) -> Bundle:
        """The same bundle with some of its members, by number, and their part of the history."""
        return replace(
            self,
            members=tuple(self.members[number] for number in members),
            history=self.history.only(members),
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
        plan.pixels,
        plan.build,
        plan.border > 0,
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
    gate = gate_for(network, plan.patch) if plan.gate else None
    return SegmentationModel(inputs, network, stride_of(network), gate, plan.border > 0), start


def save_bundle(bundle: Bundle, path: Path) -> None:
    """Write a model file, whole or not at all.

    Raises:
        OutputError: The file can't be written.
    """
    header = json.dumps(
        {"format": FORMAT, **bundle.header(), "members": len(bundle.members)},
        ensure_ascii=False,
    )
    tensors = {
        f"{number}.{name}": tensor.detach().cpu().contiguous()
        for number, state in enumerate(bundle.members)
        for name, tensor in state.items()
    }
    save_tensors(path, tensors, {_HEADER: header, _CHECKSUM: _checksum(header, tensors)})


def load_bundle(path: Path, build: str | Build | None = None) -> Bundle:
    """Read a model file.

    Args:
        path: The file.
        build: Makes the network instead of the function that the file names; None = as named.

    Raises:
        ModelFileError: Missing, not ours, from a newer version, cut short or altered.
        SettingError: The function can't be found by its name.
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
    bundle = Bundle(**read_header(values, path), members=_members(tensors, values["members"]))
    if build is None:
        return bundle
    return replace(bundle, plan=bundle.plan.model_copy(update={"build": name_of(build)}))


def require_bundle(card: Card) -> Bundle:
    """A model as one that can be trained further or exported.

    Raises:
        ModelFileError: It was exported, so its networks can't be had back.
    """
    if isinstance(card, Bundle):
        return card
    raise ModelFileError(
        "an exported model can only be used for maps and scores",
        where=card.spec.name,
        expected="the model.safetensors that it was exported from",
        fix="give the run folder or the model.safetensors instead",
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
