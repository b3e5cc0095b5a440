import math
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from mapwright.data.augmentation import Augmentation
from mapwright.data.tiles import Batch
from mapwright.errors import ModelFileError, TrainingError
from mapwright.models.inputs import Inputs, SegmentationModel
from mapwright.plan import Plan
from mapwright.progress import progress_bar
from mapwright.training.loop import fit, schedule
from mapwright.training.state import NO_KEEPER, Keeper
from mapwright.types import Window

OFF = Augmentation(
    reflect=False, rotate=0, zoom_rate=0, brightness=0, contrast=0, tint=0, noise=0, blur=0
)


def batches(steps: int) -> list[Batch]:
    rng = torch.Generator().manual_seed(1)
    made = []
    for _ in range(steps):
        image = torch.randn(2, 1, 32, 32, generator=rng)
        mask = (image[:, 0] > 0).long()
        places = (("harbour", Window(3, 4, 32, 32)), ("field", Window(0, 0, 32, 32)))
        made.append(Batch(image, mask, places))
    return made


def run(steps: int, validate=None, rate: float = 0.1, keeper=NO_KEEPER, **options):
    torch.manual_seed(0)
    model = SegmentationModel(Inputs([0.0], [1.0]), nn.Conv2d(1, 2, 1), 1)
    plan = Plan(
        patch=32, steps=steps, learning_rate=rate, validate_every=2, augmentation=OFF, warmup=0
    )
    seen: list[int] = []
    with progress_bar("train", steps) as progress:
        fitted = fit(
            model,
            batches(steps).__getitem__,
            plan,
            Fabric(accelerator="cpu", devices=1),
            progress=progress,
            validate=validate,
            record=lambda rows: seen.append(len(rows)),
            keeper=keeper,
            **options,
        )
    return fitted, seen


def test_the_loss_falls_on_a_task_that_can_be_learnt() -> None:
    fitted, seen = run(20)
    losses = [row["loss"] for row in fitted.rows]
    assert losses[-1] < 0.5 * losses[0]
    assert seen == list(range(1, 11))


def test_the_best_weights_are_kept_not_the_last() -> None:
    scores = iter([0.1, 0.9, 0.3])
    weights = []

    def validate(model: nn.Module) -> dict[str, float]:
        weights.append(model.state_dict()["network.weight"].clone())
        return {"score": next(scores)}

    fitted, _ = run(6, validate)
    assert fitted.best_step == 4
    assert fitted.best_score == 0.9
    torch.testing.assert_close(fitted.state["network.weight"], weights[1])
    assert not torch.equal(weights[1], weights[2])


def test_without_validation_the_last_weights_are_kept() -> None:
    fitted, _ = run(3)
    assert fitted.best_step == 3
    assert math.isnan(fitted.best_score)
    assert [row["step"] for row in fitted.rows] == [2, 3]


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = run(4)[0], run(4)[0]
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)


def test_a_loss_that_is_no_number_stops_and_names_the_batch() -> None:
    with pytest.raises(TrainingError, match=r"at step 3[\s\S]*harbour at row 3, column 4"):
        run(5, rate=1e30)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    rates = [schedule(step, 100, 0.1) for step in range(1, 101)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == rates[9] == 1
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert 0 < rates[-1] < 0.001


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_rate_is_sensible_for_very_short_trainings(steps: int) -> None:
    assert all(0 < schedule(step, steps, 0.1) <= 1 for step in range(1, steps + 1))


class KilledError(Exception):
    pass


@pytest.mark.parametrize("moment", [1, 2, 3, 6, 7])
def test_a_resumed_training_ends_with_the_same_weights(tmp_path: Path, moment: int) -> None:
    whole, _ = run(8, validate=lambda model: {"score": _first_weight(model)})
    path = tmp_path / "state.safetensors"

    def interrupted(model: nn.Module) -> dict[str, float]:
        return {"score": _first_weight(model)}

    drawn = iter(range(100))

    def stop(*_: object) -> None:
        if next(drawn) == moment:
            raise KilledError

    class Fragile(Keeper):
        def save(self, *args: object, **kwargs: object) -> None:
            super().save(*args, **kwargs)
            stop()

    with pytest.raises(KilledError):
        run(8, validate=interrupted, keeper=Fragile(path, every=0))
    resumed, _ = run(8, validate=interrupted, keeper=Keeper(path, every=0))
    assert all(torch.equal(whole.state[name], resumed.state[name]) for name in whole.state)
    assert whole.rows == resumed.rows
    assert (whole.best_step, whole.best_score) == (resumed.best_step, resumed.best_score)


def test_a_state_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    run(2, keeper=Keeper(path))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ModelFileError, match="can't be resumed"):
        run(2, keeper=Keeper(path))


def test_the_clock_ends_a_training_and_its_weights_are_kept() -> None:
    fitted, _ = run(8, deadline=0.0)
    assert fitted.cut_short
    assert fitted.step == fitted.best_step == 1
    assert fitted.state


def _first_weight(model: nn.Module) -> float:
    return float(model.state_dict()["network.weight"].flatten()[0])
