"""Start from another model: bands by name, and a new head where the classes differ."""

from __future__ import annotations

import torch
from torch import Tensor

from mapwright.bundle import Bundle
from mapwright.data.spec import DatasetSpec
from mapwright.errors import WeightsError
from mapwright.models.inputs import SegmentationModel
from mapwright.models.weights import StartingWeights

_INPUTS = "inputs."  # the standardisation of the new images is kept


def transfer(parent: Bundle, spec: DatasetSpec, model: SegmentationModel) -> StartingWeights:
    """Put the weights of a trained model into a new one of the same architecture.

    The first layer is matched by band name; a band that the parent did not know starts from the
    mean of its filters. The head is kept when class names are equal, else it starts anew. Of an
    ensemble, the first member is taken.

    Args:
        parent: The trained model.
        spec: The data that the new model is for.
        model: The new model, changed in place.

    Raises:
        WeightsError: The architectures differ.
    """
    old, own = parent.members[0], model.state_dict()
    fitted: dict[str, Tensor] = {}
    fresh = []
    same_classes = parent.spec.class_names == spec.class_names
    for name, target in own.items():
        if name.startswith(_INPUTS):
            fitted[name] = target
            continue
        value = old.get(name)
        if value is None:
            raise _different(name, "is missing there")
        if name.startswith("network.segmentation_head") and not same_classes:
            fitted[name] = target
            fresh.append(name)
            continue
        if _is_first_layer(value, target, parent.spec, spec):
            value = _by_band(value, parent.spec.band_names, spec.band_names)
        if value.shape != target.shape:
            raise _different(name, f"is {tuple(value.shape)} there, {tuple(target.shape)} here")
        fitted[name] = value
    model.load_state_dict(fitted)
    head = "its head starts anew, because the classes differ" if fresh else "with its head"
    return StartingWeights(f"the model {parent.spec.name!r}", head)


def _is_first_layer(value: Tensor, target: Tensor, old: DatasetSpec, new: DatasetSpec) -> bool:
    """A convolution over the bands: its second axis counts them, on both sides."""
    if value.dim() != 4 or target.dim() != 4 or old.band_names == new.band_names:
        return False
    return value.shape[1] == len(old.used) and target.shape[1] == len(new.used)


def _by_band(filters: Tensor, old: tuple[str, ...], new: tuple[str, ...]) -> Tensor:
    mean = filters.mean(dim=1)
    chosen = [filters[:, old.index(name)] if name in old else mean for name in new]
    return torch.stack(chosen, dim=1) * (len(old) / len(new))


def _different(name: str, how: str) -> WeightsError:
    return WeightsError(
        f"the model to start from has another architecture: {name} {how}",
        where="--from",
        expected="a model of the same architecture and encoder",
        fix="set architecture and encoder to those of that model",
    )
