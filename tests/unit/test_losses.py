import pytest
import torch

from mapwright.losses import cross_entropy, dice_cross_entropy, soft_dice
from mapwright.types import IGNORE


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
