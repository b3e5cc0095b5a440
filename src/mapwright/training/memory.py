"""How much memory a training will take, without running it.

One forward pass over tensors that have shapes but no contents adds up what the backward pass
would need to keep.
"""

from __future__ import annotations

import psutil
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from mapwright.bundle import assemble
from mapwright.data.fingerprint import Fingerprint
from mapwright.data.hard import LAG
from mapwright.data.optimizers import OPTIMIZERS
from mapwright.data.spec import DatasetSpec
from mapwright.models.inputs import SegmentationModel
from mapwright.plan import Plan
from mapwright.planning import Memory
from mapwright.predict.pipeline import tiling_of
from mapwright.training.judge import judge

_STATES = 2  # gradients and the weights kept, beside the weights
_TRANSIENT = 3.0  # largest tensors alive at once in the backward pass; measured on five networks
_KERNELS = 35 * 2**20  # bytes: buffers of the convolution library; measured


def _looked_at(plan: Plan) -> float:
    """How much larger tensors are when held-out images are looked at, in single precision."""
    tile = plan.tile**2 * tiling_of(plan).at_once
    return tile / (plan.batch * plan.patch**2) * (2 if plan.precision == "bfloat16" else 1)


def memory_of(spec: DatasetSpec, fingerprint: Fingerprint) -> Memory:
    """A function that predicts the peak memory of a training by a plan.

    Args:
        spec: Bands and classes.
        fingerprint: Sizes of the images, which are kept in memory as far as they fit.

    Returns:
        Plan -> bytes of resident memory of the whole process on a CPU.
    """
    samples = fingerprint.room or fingerprint.pixels * (4 * len(spec.used) + 2)
    base = psutil.Process().memory_info().rss

    def predict(plan: Plan) -> int:
        model, _ = assemble(spec, plan.model_copy(update={"weights": "random"}), fingerprint)
        weights = sum(p.numel() * p.element_size() for p in model.parameters())
        kept, largest = kept_bytes(model, plan, len(spec.used))
        area = plan.batch * int(plan.patch * plan.augmentation.context) ** 2
        sources = area * 4 * len(spec.used)
        ahead = LAG * (sources + area * 8 * (1 + model.border))  # batches that are read meanwhile
        states = 1 + _STATES + OPTIMIZERS[plan.optimizer].moments
        training = kept + states * weights + int(_TRANSIENT * largest)
        looking = states * weights + int(_TRANSIENT * largest * _looked_at(plan))
        return (
            base
            + min(samples, psutil.virtual_memory().available // 4)
            + 3 * sources
            + ahead
            + max(training, looking)
            + _KERNELS
        )

    return predict


def kept_bytes(model: SegmentationModel, plan: Plan, bands: int) -> tuple[int, int]:
    """Bytes that the backward pass of one step keeps, and those of its largest tensor.

    Args:
        model: Not changed.
        plan: Patch, batch, precision and loss.
        bands: Number of bands C.
    """
    owned = {t.untyped_storage()._cdata for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        key = tensor.untyped_storage()._cdata
        if key not in owned:
            kept[key] = tensor  # held, so that its storage's key is not used again
        return tensor

    size = (plan.batch, bands, plan.patch, plan.patch)
    half = plan.precision == "bfloat16"
    model.train()
    with FakeTensorMode(allow_non_fake_inputs=True):
        image = torch.zeros(size).to(memory_format=torch.channels_last)
        labels = torch.zeros(size[0], 1 + model.border, *size[2:], dtype=torch.int64)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                seen = model.everything(image)
            judge(seen, labels, plan)
        sizes = [tensor.untyped_storage().nbytes() for tensor in kept.values()]
    return sum(sizes), max(sizes)
