"""The branch that sees single pixels is learnt first, by itself.

That takes seconds, and a network that starts from it has to learn only what the surroundings of a
pixel add to its spectrum.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mapwright.data.augment import augment
from mapwright.data.batch import Draw
from mapwright.data.hard import HardTiles
from mapwright.models.build import WithPixels
from mapwright.models.inputs import Look, SegmentationModel
from mapwright.plan import Plan
from mapwright.training.judge import judge
from mapwright.training.loop import schedule
from mapwright.types import IGNORE

_BATCHES = 6  # of tiles, looked at once each
_OF_TILE = 2048  # pixels taken from each tile at most
_STEPS, _SIDE, _RATE = 600, 64, 3e-3  # a step sees _SIDE x _SIDE pixels


def learn_pixels(model: SegmentationModel, draw: Draw, plan: Plan) -> None:
    """Fit the branch of a new model to single pixels of its first batches; nothing else changes.

    Args:
        model: Its network is a `WithPixels`; changed in place.
        draw: Gives the batch of a step.
        plan: Augmentation, loss and seed.
    """
    network = model.network
    assert isinstance(network, WithPixels)
    branch = network.pixels
    rng = torch.Generator().manual_seed(plan.seed)
    seen, context, truth = _sample(model, draw, plan, rng)
    optimizer = torch.optim.AdamW(branch.parameters(), lr=_RATE, weight_decay=plan.weight_decay)
    for step in range(1, _STEPS + 1 if len(truth) else 1):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * schedule(step, _STEPS, plan.warmup)
        chosen = torch.randint(len(truth), (_SIDE * _SIDE,), generator=rng)
        logits = _as_image(context[:, chosen]) + branch(_as_image(seen[:, chosen]))
        told = Look(model.parted(logits).logits)  # no single pixel shows that objects touch
        loss = judge(told, truth[chosen].view(1, 1, _SIDE, _SIDE), plan)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def _sample(
    model: SegmentationModel, draw: Draw, plan: Plan, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Known pixels, varied as in training.

    Returns:
        What the branch sees (C + K, n), the channels of the network (K, n), both float32, and the
        classes (n,) int64. A border between objects is a channel as well.
    """
    model.train()
    seen, context, truth = [], [], []
    for step in range(_BATCHES):
        batch = draw(step, HardTiles())
        std = model.inputs.std.flatten()
        image, mask = augment(batch.image, batch.mask, plan.patch, plan.augmentation, std, rng)
        found = model.channels(image)  # of the network alone: the branch of a new one adds nothing
        both = torch.cat([model.inputs(image), found], dim=1)
        for tile, labels, own in zip(both, mask, found, strict=True):
            known = torch.nonzero(labels.flatten() != IGNORE)[:, 0]
            some = known[torch.randperm(len(known), generator=rng)[:_OF_TILE]]
            seen.append(tile.flatten(1)[:, some])
            context.append(own.flatten(1)[:, some])
            truth.append(labels.flatten()[some])
    return torch.cat(seen, dim=1), torch.cat(context, dim=1), torch.cat(truth)


def _as_image(columns: Tensor) -> Tensor:
    """(C, n) columns of pixels as (1, C, h, w)."""
    return columns.view(1, -1, _SIDE, _SIDE)
