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
_BRANCH = "network.pixels."  # beside the network, which is one level deeper then
_HEAD = "network.segmentation_head"
_GATE = "gate."  # says whether there is an object, which depends on the classes


def transfer(parent: Bundle, spec: DatasetSpec, model: SegmentationModel) -> StartingWeights:
    """Put the weights of a trained model into a new one of the same architecture.

    The first layer is matched by band name; a band that the parent did not know starts from the
    mean of its filters. The head is kept when class names are equal, else it starts anew; so does
    the branch that sees single pixels unless the bands are equal too, the gate where the parent
    has none, and the channel of borders between objects where it was not learnt there. Of an
    ensemble, the first member is taken.

    Args:
        parent: The trained model.
        spec: The data that the new model is for.
        model: The new model, changed in place.

    Raises:
        WeightsError: The architectures differ.
    """
    old = {_plain(name): value for name, value in parent.members[0].items()}
    fitted: dict[str, Tensor] = {}
    same_classes = parent.spec.class_names == spec.class_names
    same_bands = parent.spec.band_names == spec.band_names
    outputs = len(parent.spec.classes) + (parent.plan.border > 0), len(spec.classes) + model.border
    for own_name, target in model.state_dict().items():
        name = _plain(own_name)
        value = old.get(name)
        anew = name.startswith(_HEAD) and not same_classes
        if name.startswith((_BRANCH, _GATE)):
            known = value is not None and value.shape == target.shape
            same_inputs = same_bands or name.startswith(_GATE)
            anew = not (same_classes and same_inputs and known)
        if name.startswith(_INPUTS) or anew:
            fitted[own_name] = target
            continue
        if value is None:
            raise _different(name, "is missing there")
        if _is_first_layer(value, target, parent.spec, spec):
            value = _by_band(value, parent.spec.band_names, spec.band_names)
        if same_classes:
            value = _channels(value, target, outputs)
        if value.shape != target.shape:
            raise _different(name, f"is {tuple(value.shape)} there, {tuple(target.shape)} here")
        fitted[own_name] = value
    model.load_state_dict(fitted)
    head = "with its head" if same_classes else "its head starts anew, because the classes differ"
    return StartingWeights(f"the model {parent.spec.name!r}", head)


def _plain(name: str) -> str:
    """The name of a tensor whether or not a branch stands beside the network."""
    return name.replace("network.network.", "network.", 1)


def _is_first_layer(value: Tensor, target: Tensor, old: DatasetSpec, new: DatasetSpec) -> bool:
    """A convolution over the bands: its second axis counts them, on both sides."""
    if value.dim() != 4 or target.dim() != 4 or old.band_names == new.band_names:
        return False
    return value.shape[1] == len(old.used) and target.shape[1] == len(new.used)


def _channels(value: Tensor, target: Tensor, outputs: tuple[int, int]) -> Tensor:
    """Of a last layer, the channels of the classes, when one side alone has one for borders.

    Args:
        value: The tensor of the parent.
        target: The same of the new model.
        outputs: Number of channels of either network.
    """
    same = value.shape[1:] == target.shape[1:] and abs(outputs[0] - outputs[1]) == 1
    if not same or (*value.shape[:1], *target.shape[:1]) != outputs:
        return value
    return torch.cat([value, target[-1:]]) if outputs[0] < outputs[1] else value[:-1]


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
