import typing
from functools import partial

import numpy as np
import pytest
import torch

from mapwright.losses import (
    cross_entropy,
    dice_cross_entropy,
    focal,
    loss_named,
    presence_loss,
    soft_dice,
)
from mapwright.training.judge import false_alarms
from mapwright.types import IGNORE, LossName


def batch(classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2, classes, 8, 8, generator=rng)
    target = torch.randint(0, classes, (2, 8, 8), generator=rng)
    return logits, target


@pytest.mark.parametrize("loss", [cross_entropy, soft_dice, dice_cross_entropy])
@pytest.mark.parametrize("classes", [2, 5])
def test_ignored_pixels_weigh_exactly_nothing(loss, classes: int) -> None:
    logits, target = batch(classes)
    target[:, :, 4:] = IGNORE
    wild = logits.clone()
    wild[:, :, :, 4:] = 1e4 * torch.randn_like(wild[:, :, :, 4:])
    assert loss(logits, target).item() == loss(wild, target).item()
    wild.requires_grad_()
    loss(wild, target).backward()
    assert (wild.grad[:, :, :, 4:] == 0).all()


@pytest.mark.parametrize("loss", [cross_entropy, soft_dice, dice_cross_entropy])
def test_a_batch_without_labels_gives_zero_and_no_gradient(loss) -> None:
    logits, target = batch()
    logits.requires_grad_()
    value = loss(logits, torch.full_like(target, IGNORE))
    value.backward()
    assert value.item() == 0
    assert (logits.grad == 0).all()


def test_cross_entropy_equals_torch() -> None:
    logits, target = batch()
    torch.testing.assert_close(
        cross_entropy(logits, target), torch.nn.functional.cross_entropy(logits, target)
    )


def test_dice_by_hand() -> None:
    # two pixels, certain: one hit, one false alarm -> (2 * 1 + 1) / (1 + 2 + 1) = 0.75
    logits = torch.tensor([[-50.0, -50.0], [50.0, 50.0]]).view(1, 2, 1, 2)
    target = torch.tensor([1, 0]).view(1, 1, 2)
    assert soft_dice(logits, target).item() == pytest.approx(0.25)


def test_a_perfect_prediction_costs_nothing() -> None:
    _, target = batch()
    logits = 100.0 * torch.nn.functional.one_hot(target, 3).permute(0, 3, 1, 2).float()
    assert dice_cross_entropy(logits, target).item() == pytest.approx(0, abs=1e-6)


def test_false_alarms_on_an_absent_class_are_punished() -> None:
    target = torch.zeros(1, 8, 8, dtype=torch.int64)
    quiet, loud = torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 8, 8)
    quiet[:, 0], loud[:, 1] = 9, 9
    assert soft_dice(loud, target) > soft_dice(quiet, target) + 0.5


def test_half_precision_logits_are_summed_in_full_precision() -> None:
    logits, target = batch()
    value = dice_cross_entropy(logits.bfloat16(), target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, dice_cross_entropy(logits, target), rtol=0.02, atol=0.02)


# --- mostly empty images -----------------------------------------------------------------------

NAMES = typing.get_args(LossName)


def sea(false_alarm: int = 0, objects: int = 0, side: int = 64) -> tuple[torch.Tensor, ...]:
    """Certain logits that are right but for some pixels of false alarm, and their target."""
    target = torch.zeros(2, side, side, dtype=torch.int64)
    guess = torch.full((2, side, side), -8.0)
    target[0].view(-1)[:objects] = 1
    guess[0].view(-1)[:objects] = 8.0
    guess[1].view(-1)[:false_alarm] = 8.0
    return torch.stack([torch.zeros_like(guess), guess], dim=1), target


def pull(loss, logits: torch.Tensor, target: torch.Tensor) -> float:
    """How strongly the loss pulls down an uncertain pixel of an empty tile."""
    logits = logits.clone()
    logits[1, :, -1, -1] = 0
    logits.requires_grad_()
    loss(logits, target).backward()
    return logits.grad[1, 1, -1, -1].item()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("classes", [2, 5])
def test_every_named_loss_ignores_what_is_unknown(name: LossName, classes: int) -> None:
    loss, (logits, target) = loss_named(name, 0.3, 9.0), batch(classes)
    target[:, :, 4:] = IGNORE
    wild = logits.clone()
    wild[:, :, :, 4:] = 1e4 * torch.randn_like(wild[:, :, :, 4:])
    wild.requires_grad_()
    value = loss(wild, target)
    assert value.item() == loss(logits, target).item()
    value.backward()
    assert torch.isfinite(wild.grad).all()
    assert (wild.grad[:, :, :, 4:] == 0).all()
    nothing = loss(logits, torch.full_like(target, IGNORE))
    assert nothing.item() == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_named_loss_grows_with_false_alarms_on_an_empty_batch(name: LossName) -> None:
    costs = [loss_named(name)(*sea(false_alarm=count)).item() for count in (0, 10, 100, 1000)]
    assert costs == sorted(costs)
    assert costs[-1] > costs[0] + 0.2


def test_the_sum_of_parts_is_the_sum() -> None:
    logits, target = batch()
    for name in ("dice+cross_entropy", "dice+focal"):
        one, other = name.split("+")
        together = loss_named(name)(logits, target)
        apart = loss_named(one)(logits, target) + loss_named(other)(logits, target)
        torch.testing.assert_close(together, apart)
    torch.testing.assert_close(
        loss_named("dice+cross_entropy")(logits, target), dice_cross_entropy(logits, target)
    )


def test_focal_loss_by_hand() -> None:
    # probability 0.25 of the truth: 10 * 0.75^2 * ln 4
    logits = torch.tensor([0.0, np.log(3.0)]).view(1, 2, 1, 1)
    target = torch.zeros(1, 1, 1, dtype=torch.int64)
    assert focal(logits, target).item() == pytest.approx(10 * 0.75**2 * np.log(4), rel=1e-5)


def test_focal_loss_hears_few_false_alarms_over_many_easy_pixels() -> None:
    """Ninety-nine of a hundred pixels are nearly right, one is wrong: which share of the loss?"""
    target = torch.zeros(1, 1, 100, dtype=torch.int64)
    logits = torch.zeros(1, 2, 1, 100)
    logits[:, 0] = np.log(19.0)  # probability 0.95 of the truth
    wrong = logits.clone()
    wrong[0, :, 0, 0] = torch.tensor([0.0, np.log(9.0)])
    shares = []
    for loss in (cross_entropy, focal):
        easy = loss(logits, target).item()
        shares.append(1 - easy / loss(wrong, target).item())
    assert shares[0] < 0.4
    assert shares[1] > 0.98


def test_tversky_by_hand() -> None:
    # found 1, one false alarm, two misses: 2 / (2 + 2 * (0.9 * 1 + 0.1 * 2)), with a pixel more
    guess, truth = torch.tensor([1, 1, 0, 0]), torch.tensor([1, 0, 1, 1])
    logits = torch.stack([torch.zeros(4), 200.0 * guess - 100.0]).view(1, 2, 1, 4)
    value = soft_dice(logits, truth.view(1, 1, 4), alarm=0.9)
    assert value.item() == pytest.approx(1 - 3 / (3 + 2 * 1.1))
    dice = soft_dice(logits, truth.view(1, 1, 4))
    assert dice.item() == pytest.approx(1 - 3 / 6)


def test_false_alarms_may_weigh_more_than_misses() -> None:
    alarm = sea(false_alarm=50, objects=50)
    miss = sea(objects=100)
    miss[0][0, 1].view(-1)[50:100] = -8.0  # type: ignore[index]
    assert soft_dice(*alarm, alarm=0.8) > soft_dice(*alarm) > soft_dice(*alarm, alarm=0.2)
    assert soft_dice(*miss, alarm=0.8) < soft_dice(*miss) < soft_dice(*miss, alarm=0.2)


def test_dice_lets_go_of_loud_false_alarms_unless_a_batch_holds_objects_or_is_smoothed() -> None:
    size, loud = 100, 200
    with_object = pull(soft_dice, *sea(loud, size))
    alone = pull(soft_dice, *sea(loud))
    smoothed = pull(partial(soft_dice, smooth=size), *sea(loud))
    assert with_object > 0
    assert alone < with_object / 10
    assert smoothed > with_object / 3


def test_presence_is_learnt_from_tiles_of_which_something_is_known() -> None:
    target = torch.full((4, 8, 8), IGNORE)
    target[0, :4] = 0  # known in part, without object
    target[1, 0, 0] = 3
    target[2] = 0
    said = torch.tensor([0.3, 2.0, -1.0, 50.0], requires_grad=True)
    truth = torch.tensor([0.0, 1.0, 0.0])
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(said[:3], truth)
    value = presence_loss(said, target)
    torch.testing.assert_close(value, wanted)
    value.backward()
    assert said.grad[3] == 0
    assert presence_loss(said, torch.full_like(target, IGNORE)).item() == 0


def test_false_alarms_are_those_of_known_pixels_of_tiles_without_object() -> None:
    logits = torch.zeros(4, 3, 4, 4)
    logits[:, 0] = 5
    logits[:, 2, 1, 1] = 9  # an alarm in each
    target = torch.zeros(4, 4, 4, dtype=torch.int64)
    target[1, 3, 3] = 2  # holds an object elsewhere
    target[2, 1, 1] = IGNORE  # the alarm may be right
    target[3] = IGNORE
    loud, quiet = (1 - logits.softmax(dim=1)[:, 0]).flatten(1).amax(1)[0], 0.02
    found = false_alarms(logits, target)
    assert found[0] == pytest.approx(loud.item())
    assert np.isnan(found[1])
    assert 0 < found[2] < quiet
    assert np.isnan(found[3])
