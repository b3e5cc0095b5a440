"""Optimizers: the rule behind their rates, and that a saved state is all that they remember."""

from pathlib import Path

import pytest
import torch
from torch import nn

from mapwright.data.optimizers import OPTIMIZERS
from mapwright.data.settings import parse_settings, read_settings
from mapwright.errors import SettingError
from mapwright.plan import Plan
from mapwright.planning import make_plan
from mapwright.training.optimizer import make_optimizer
from mapwright.training.state import Fitted, Keeper


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> list[float]:
    losses = []
    for step in steps:
        x = torch.randn(4, 1, 12, 12, generator=torch.Generator().manual_seed(step))
        loss = ((model(x) - x[..., 1:-1, 1:-1]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns_and_resumes_bit_for_bit(name: str, tmp_path: Path) -> None:
    usual = OPTIMIZERS[name]
    plan = Plan(optimizer=name, learning_rate=usual.rate, weight_decay=usual.decay)
    whole = network()
    losses = learn(whole, make_optimizer(whole.parameters(), plan), range(40))
    assert sum(losses[-5:]) < sum(losses[:5])
    begun = network()
    optimizer = make_optimizer(begun.parameters(), plan)
    learn(begun, optimizer, range(13))
    path = tmp_path / "state.safetensors"
    Keeper(path, every=0).save(begun, optimizer, Fitted(step=13))
    resumed = network()
    again = make_optimizer(resumed.parameters(), plan)
    assert Keeper(path).restore(resumed, again).step == 13
    learn(resumed, again, range(13, 40))
    for (key, value), other in zip(
        whole.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), key


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_an_optimizer_remembers_is_what_memory_reckons_with(name: str) -> None:
    model = network()
    optimizer = make_optimizer(model.parameters(), Plan(optimizer=name))
    learn(model, optimizer, range(2))
    weights = sum(p.numel() for p in model.parameters())
    kept = sum(
        value.numel()
        for entry in optimizer.state_dict()["state"].values()
        for value in entry.values()
        if value.dim()
    )
    assert kept == OPTIMIZERS[name].moments * weights


def test_sgd_has_nesterov_momentum_and_only_adamw_takes_decay_off_the_weights() -> None:
    model = network()
    group = make_optimizer(model.parameters(), Plan(optimizer="sgd")).param_groups[0]
    assert group["nesterov"] and group["momentum"] == 0.9
    for name, shrinks in (("adamw", True), ("adam", False)):
        weight = nn.Parameter(torch.ones(1))
        plan = Plan(optimizer=name, learning_rate=0.1, weight_decay=0.5)
        optimizer = make_optimizer([weight], plan)
        weight.grad = torch.zeros(1)
        optimizer.step()
        # of no gradient AdamW takes exactly rate x decay; Adam makes a whole step of the decay
        assert (weight.item() == pytest.approx(0.95)) == shrinks


def test_settings_of_a_file_give_way_to_those_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "best æ.toml"
    path.write_text('loss = "dice"\nstart = "runs/a"\n[augmentation]\nzoom = 1.0\nblur = 0.0\n')
    given = parse_settings(("augmentation.zoom=1.5", "steps=7"))
    settings, start = read_settings(path, given)
    assert settings == {"loss": "dice", "augmentation": {"zoom": 1.5, "blur": 0.0}, "steps": 7}
    assert start == Path("runs/a")
    assert read_settings(None, given) == (given, None)
    with pytest.raises(SettingError, match="can't be read as TOML"):
        read_settings(tmp_path / "none.toml", {})


def test_the_plan_gives_each_optimizer_its_own_rate(tmp_path: Path) -> None:
    from builders import make_dataset
    from mapwright.data.describe import open_dataset
    from mapwright.data.fingerprint import merge, survey
    from mapwright.hardware import detect_hardware

    dataset = open_dataset(make_dataset(tmp_path, 4, 64))
    records = survey(dataset, dataset.labelled)
    spec = dataset.spec
    fingerprint = merge(list(records.values()), spec.band_names, spec.class_names)
    for name, usual in OPTIMIZERS.items():
        planned = make_plan(fingerprint, detect_hardware(), {"optimizer": name})
        plan = planned.plan
        assert (plan.optimizer, plan.learning_rate) == (name, usual.rate)
        assert plan.weight_decay == usual.decay
        assert planned.reasons["learning_rate"] == usual.rate_reason
    by_hand = make_plan(fingerprint, detect_hardware(), {"optimizer": "sgd", "learning_rate": 0.02})
    assert by_hand.plan.learning_rate == 0.02
    with pytest.raises(SettingError, match="optimizer"):
        make_plan(fingerprint, detect_hardware(), {"optimizer": "sdg"})
