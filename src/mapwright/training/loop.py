"""The training path, on one page.

A step is: take tiles, vary them, forward, loss, backward, clip, update; meanwhile threads read the
tiles of the next steps. Everything random in a step comes from the seed and the number of the step,
so weights, optimizer, step number and the places of false alarms are the whole state of a training,
and a resumed one ends with the weights of an undisturbed one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from lightning_fabric import Fabric
from torch import nn

from mapwright.data.augment import augment
from mapwright.data.batch import Batch, Choose
from mapwright.errors import TrainingError
from mapwright.models.inputs import Inputs, Look, SegmentationModel
from mapwright.plan import Plan
from mapwright.progress import Progress
from mapwright.training.ahead import reading_ahead
from mapwright.training.judge import false_alarms, judge
from mapwright.training.optimizer import make_optimizer
from mapwright.training.state import NO_KEEPER, Fitted, Keeper, Rows

Validate = Callable[[nn.Module], dict[str, float]]
"""Scores of a model on held-out images; the entry `score` decides which weights are best."""

Record = Callable[[Rows], None]
"""Keeps the training log."""


def _no_record(rows: Rows) -> None:
    """Keep nothing."""


def fit(
    model: SegmentationModel,
    choose: Choose,
    plan: Plan,
    fabric: Fabric,
    *,
    progress: Progress,
    validate: Validate | None = None,
    record: Record = _no_record,
    keeper: Keeper = NO_KEEPER,
    deadline: float = math.inf,
    threads: int = 1,
) -> Fitted:
    """Train a model for the steps of a plan, from where its last state stands.

    Args:
        model: File values in, logits out.
        choose: Chooses the batch of a step.
        plan: The settings.
        fabric: Device and precision.
        progress: Told of every step.
        validate: Scores the model on held-out images.
        record: Given the whole log after each validation.
        keeper: Saves the state on the way.
        deadline: `time.monotonic()` at which the clock ends the training, whatever is left.
        threads: How many read ahead.

    Raises:
        TrainingError: The loss is not a number.
    """
    if plan.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(model.parameters(), plan)
    network, wrapped = fabric.setup(model, optimizer)
    network.mark_forward_method("everything")
    fitted = keeper.restore(model, optimizer)
    progress.advance(fitted.step)
    with reading_ahead(choose, plan.steps, threads) as take:
        while fitted.step < plan.steps and not fitted.cut_short:
            batch = take(fitted.step, fitted.alarms)
            fitted.step += 1
            rate = _set_rate(optimizer, plan, fitted.step)
            loss, alarms = _loss(network, model.inputs, batch, plan, fabric, fitted.step)
            fitted.losses.append(_require_finite(loss.item(), fitted.step, batch))
            fitted.alarms.note(batch.places, alarms)
            fabric.backward(loss)
            fabric.clip_gradients(network, wrapped, max_norm=plan.clip, error_if_nonfinite=False)
            wrapped.step()
            wrapped.zero_grad()
            fitted.cut_short = time.monotonic() > deadline
            last = fitted.step == plan.steps or fitted.cut_short
            if last or fitted.step % plan.validate_every == 0:
                _look(model, fitted, plan, rate, validate)
                record(fitted.rows)
            keeper.save(model, optimizer, fitted)
            progress.advance(note=_note(loss.item(), fitted))
    keeper.save(model, optimizer, fitted, now=True)
    return fitted


def _loss(
    network: nn.Module, inputs: Inputs, batch: Batch, plan: Plan, fabric: Fabric, step: int
) -> tuple[torch.Tensor, list[float]]:
    """Vary a batch, look at it and judge: a scalar, and the false alarms that are to be mined.

    Whatever is drawn here, dropout included, depends on seed and step alone.
    """
    torch.manual_seed(plan.seed * 1_000_003 + step)
    rng = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
    batch = batch.moved(fabric.to_device)
    std = inputs.std.flatten()
    image, labels = augment(batch.image, batch.labels, plan.patch, plan.augmentation, std, rng)
    network.train()
    with fabric.autocast():  # on one device Fabric gives it to `forward` alone
        found: Look = network.everything(image)  # type: ignore[operator]
    seen = found.float()
    alarms = false_alarms(seen.logits, labels[:, 0]) if plan.mining else [math.nan] * len(labels)
    return judge(seen, labels, plan), alarms


def _set_rate(optimizer: torch.optim.Optimizer, plan: Plan, step: int) -> float:
    """Give the optimizer the learning rate of a step (1-based)."""
    rate = plan.learning_rate * schedule(step, plan.steps, plan.warmup)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the highest learning rate at a step (1-based): linear rise, then half a cosine."""
    rise = max(1, round(steps * warmup))
    if step <= rise:
        return step / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise + 1)))


def _look(
    model: SegmentationModel, fitted: Fitted, plan: Plan, rate: float, validate: Validate | None
) -> None:
    """Validate, log, and keep the weights if they are the ones to keep."""
    row = {"step": float(fitted.step), "loss": _mean(fitted.losses), "rate": rate}
    scores = validate(model) if validate else {}
    score = scores.get("score", math.nan)
    better = score > fitted.best_score or math.isnan(fitted.best_score)
    if better or plan.keep == "last" or validate is None:
        fitted.state = {n: t.detach().cpu().clone() for n, t in model.state_dict().items()}
        fitted.best_step, fitted.best_score = fitted.step, score
    fitted.rows.append(row | scores)
    fitted.losses.clear()


def _require_finite(value: float, step: int, batch: Batch) -> float:
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


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _note(loss: float, fitted: Fitted) -> str:
    reached = fitted.best_score
    return f"loss {loss:.3f}" + (f", kept {reached:.3f}" if math.isfinite(reached) else "")
