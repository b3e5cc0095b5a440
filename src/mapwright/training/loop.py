"""The training path, on one page.

A step is: draw tiles, vary them, forward, loss, backward, clip, update. Everything random in a
step comes from the seed and the number of the step, so nothing but weights, optimiser and step
number makes the state of a training.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from lightning_fabric import Fabric
from torch import nn

from mapwright.data.augment import augment
from mapwright.data.tiles import Batch
from mapwright.errors import TrainingError
from mapwright.losses import dice_cross_entropy
from mapwright.models.inputs import SegmentationModel
from mapwright.plan import Plan
from mapwright.progress import Progress

Validate = Callable[[nn.Module], dict[str, float]]
"""Scores of a model on held-out images; the entry `score` decides which weights are best."""

Record = Callable[[list[dict[str, float]]], None]
"""Keeps the rows of the training log: step, loss, learning rate and the scores."""


@dataclass
class Fitted:
    """What a training leaves.

    Args:
        state: The best weights, on the CPU.
        best_step: After how many steps they were reached.
        best_score: Their validation score; NaN without validation.
        rows: One entry per validation: step, loss, learning rate and the scores.
    """

    state: dict[str, torch.Tensor]
    best_step: int
    best_score: float
    rows: list[dict[str, float]] = field(default_factory=list)


def fit(
    model: SegmentationModel,
    batches: Iterable[Batch],
    plan: Plan,
    fabric: Fabric,
    validate: Validate | None,
    progress: Progress,
    record: Record,
) -> Fitted:
    """Train a model for the steps of a plan.

    Args:
        model: File values in, logits out.
        batches: One batch per step.
        plan: The settings.
        fabric: Device and precision.
        validate: Scores the model on held-out images; None = the last weights are kept.
        progress: Told of every step.
        record: Given all rows so far after each validation.

    Raises:
        TrainingError: The loss is not a number.
    """
    if plan.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    network, optimizer = fabric.setup(model, optimizer)
    best = Fitted(_state(model), 0, -math.inf if validate else math.nan)
    losses: list[float] = []
    for step, batch in enumerate(batches, start=1):
        rate = plan.learning_rate * schedule(step, plan.steps, plan.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        # whatever the step draws, dropout included, depends on seed and step alone
        torch.manual_seed(plan.seed * 1_000_003 + step)
        rng = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
        source, mask = fabric.to_device(batch.image), fabric.to_device(batch.mask)
        image, mask = augment(
            source, mask, plan.patch, plan.augmentation, model.inputs.std.flatten(), rng
        )
        network.train()
        loss = dice_cross_entropy(network(image), mask)
        losses.append(_require_finite(loss, step, batch))
        fabric.backward(loss)
        fabric.clip_gradients(network, optimizer, max_norm=plan.clip, error_if_nonfinite=False)
        optimizer.step()
        optimizer.zero_grad()
        if step % plan.validate_every == 0 or step == plan.steps:
            row = {"step": float(step), "loss": sum(losses) / len(losses), "rate": rate}
            row |= _validated(model, validate, step, best)
            best.rows.append(row)
            record(best.rows)
            losses.clear()
        progress.advance(note=_note(loss.item(), best))
    if validate is None:
        best.state, best.best_step = _state(model), plan.steps
    return best


def schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate at a step (1-based): linear rise, then half a cosine."""
    rise = max(1, round(steps * warmup))
    if step <= rise:
        return step / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise + 1)))


def _validated(
    model: SegmentationModel, validate: Validate | None, step: int, best: Fitted
) -> dict[str, float]:
    if validate is None:
        return {}
    scores = validate(model)
    if scores["score"] > best.best_score:
        best.state, best.best_step, best.best_score = _state(model), step, scores["score"]
    return scores


def _require_finite(loss: torch.Tensor, step: int, batch: Batch) -> float:
    value = loss.item()
    if math.isfinite(value):
        return value
    places = ", ".join(f"{stem} at row {w.row}, column {w.col}" for stem, w in batch.places)
    raise TrainingError(
        f"the loss became {value} at step {step}",
        where=f"the batch of {places}",
        expected="a number",
        fix="look at the values of these images with `mapwright check`, lower learning_rate, "
        "or set precision=float32",
    )


def _state(model: nn.Module) -> dict[str, torch.Tensor]:
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    return copy.deepcopy(state)


def _note(loss: float, best: Fitted) -> str:
    reached = best.best_score
    return f"loss {loss:.3f}" + (f", best {reached:.3f}" if math.isfinite(reached) else "")
