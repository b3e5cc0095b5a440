import json
import math
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from mapwright.data.augmentation import Augmentation
from mapwright.data.batch import Batch, Unread
from mapwright.data.hard import LAG, Alarms, HardTiles
from mapwright.errors import ImageFileError, ModelFileError, TrainingError
from mapwright.models.gate import Gate
from mapwright.models.inputs import Inputs, SegmentationModel
from mapwright.plan import Plan
from mapwright.progress import progress_bar
from mapwright.training.fit import _Stopwatch
from mapwright.training.loop import fit, schedule
from mapwright.training.state import NO_KEEPER, Fitted, Keeper
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


def sea(step: int, hard: HardTiles) -> Batch:
    """Two empty tiles and one with an object; the first comes from the hard ones if it can."""
    rng = np.random.default_rng([7, step])
    drawn = [("sea", int(rng.integers(50)), 0), ("sea", int(rng.integers(50)), 1), ("ship", 0, 0)]
    if len(hard):
        drawn[0] = hard.draw(rng)
    image = torch.zeros(3, 1, 32, 32)
    for number, (_, row, col) in enumerate(drawn):
        # each place looks different, so what is drawn shows in the weights
        values = np.random.default_rng([row, col]).normal(size=(32, 32))
        image[number, 0] = torch.from_numpy(values)
    mask = torch.zeros(3, 32, 32, dtype=torch.int64)
    mask[2, :4, :4] = 1
    places = tuple((stem, Window(row, col, 32, 32)) for stem, row, col in drawn)
    return Batch(image, mask, places)


def run(
    steps: int,
    validate=None,
    rate: float = 0.1,
    keeper=NO_KEEPER,
    draw=None,
    plan=(),
    reads=lambda step: (),
    record=lambda rows: None,
    **options,
):
    torch.manual_seed(0)
    gate = Gate(1, 32) if "gate" in dict(plan) else None
    model = SegmentationModel(Inputs([0.0], [1.0]), nn.Conv2d(1, 2, 1), 1, gate)
    settings = {
        "patch": 32, "steps": steps, "learning_rate": rate, "validate_every": 2, "warmup": 0
    }  # fmt: skip
    plan = Plan(augmentation=OFF, **settings | dict(plan))
    seen: list[int] = []
    made = batches(steps)
    with progress_bar("train", steps) as progress:
        fitted = fit(
            model,
            lambda step, hard: Unread(draw(step, hard) if draw else made[step], reads(step)),
            plan,
            Fabric(accelerator="cpu", devices=1),
            progress=progress,
            validate=validate,
            record=lambda rows: (seen.append(len(rows)), record(rows)),
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


MINING = {"draw": sea, "plan": {"mining": 0.5, "gate": 0.3, "loss": "dice+focal", "smooth": 9.0}}


@pytest.mark.parametrize(
    ("moment", "how"),
    [*((moment, {}) for moment in (1, 2, 3, 6, 7)), *((moment, MINING) for moment in range(8))],
)
def test_a_resumed_training_ends_with_the_same_weights(
    tmp_path: Path, moment: int, how: dict
) -> None:
    whole, _ = run(8, validate=lambda model: {"score": _first_weight(model)}, **how)
    path = tmp_path / "state.safetensors"

    def interrupted(model: nn.Module) -> dict[str, float]:
        return {"score": _first_weight(model)}

    with pytest.raises(KilledError):
        run(8, validate=interrupted, keeper=_killed_after(moment, path), **how)
    resumed, _ = run(8, validate=interrupted, keeper=Keeper(path, every=0), **how)
    assert all(torch.equal(whole.state[name], resumed.state[name]) for name in whole.state)
    assert whole.rows == resumed.rows
    assert (whole.best_step, whole.best_score) == (resumed.best_step, resumed.best_score)
    assert whole.alarms.plain() == resumed.alarms.plain()
    assert bool(len(whole.alarms.known())) == bool(how)


@pytest.mark.parametrize("forgotten", ["hard", "waiting"])
def test_hard_tiles_change_what_is_learnt_from_so_their_state_must_be_kept(
    tmp_path: Path, forgotten: str
) -> None:
    """The test above could not fail otherwise."""
    path = tmp_path / "state.safetensors"

    class Forgetful(Keeper):
        def restore(self, *args: object) -> Fitted:
            fitted = super().restore(*args)
            fitted.alarms = Alarms(**fitted.alarms.plain() | {forgotten: ()})
            return fitted

    whole, _ = run(12, **MINING)
    with pytest.raises(KilledError):
        run(12, keeper=_killed_after(5, path), **MINING)
    resumed, _ = run(12, keeper=Forgetful(path, every=0), **MINING)
    assert not all(torch.equal(whole.state[n], resumed.state[n]) for n in whole.state)


@pytest.mark.parametrize("unknown", [["hard", "waiting"], ["waiting"]])
def test_a_state_saved_before_there_was_mining_or_reading_ahead_is_read(
    tmp_path: Path, unknown: list[str]
) -> None:
    path = tmp_path / "state.safetensors"
    run(4, keeper=Keeper(path, every=0))
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["training"])
    for key in unknown:
        del header[key]
    save_file(tensors, path, metadata={"training": json.dumps(header)})
    fitted, _ = run(6, keeper=Keeper(path))
    assert fitted.step == 6


def test_only_mining_notes_false_alarms_and_only_of_empty_tiles() -> None:
    assert not len(run(3, draw=sea)[0].alarms.known(LAG))
    hard = run(6, **MINING)[0].alarms.known(LAG)
    assert {stem for stem, *_ in hard.plain()} == {"sea"}


def test_the_gate_is_trained_by_its_share_of_the_loss() -> None:
    light, heavy = (run(1, draw=sea, plan={"gate": weight})[0] for weight in (0.1, 10.0))
    assert heavy.rows[0]["loss"] > light.rows[0]["loss"] + 1
    learnt = run(4, draw=sea, plan={"gate": 1.0}, rate=0.05)[0].state
    assert not torch.equal(learnt["gate.head.bias"], light.state["gate.head.bias"])


def _killed_after(moment: int, path: Path) -> Keeper:
    saved = iter(range(100))

    class Fragile(Keeper):
        def save(self, *args: object, **kwargs: object) -> None:
            super().save(*args, **kwargs)
            if next(saved) == moment:
                raise KilledError

    return Fragile(path, every=0)


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


@pytest.mark.parametrize(
    ("precision", "kind"), [("bf16-mixed", "bfloat16"), ("32-true", "float32")]
)
@pytest.mark.parametrize("gate", [None, Gate(1, 32)])
def test_networks_are_trained_in_the_precision_asked_for(
    precision: str, kind: str, gate: Gate | None
) -> None:
    network, seen = nn.Conv2d(1, 2, 1), []
    network.register_forward_hook(lambda _, __, found: seen.append(str(found.dtype)))
    model = SegmentationModel(Inputs([0.0], [1.0]), network, 1, gate)
    plan = Plan(augmentation=OFF, patch=32, steps=1, gate=0.5 if gate else 0)
    made = batches(1)
    with progress_bar("train", 1) as progress:
        fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
        fit(model, lambda step, _: Unread(made[step]), plan, fabric, progress=progress)
    assert seen == [f"torch.{kind}"]


# --- reading ahead -------------------------------------------------------------------------------


def readers() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("reading ahead")]


def test_a_file_that_can_not_be_read_ends_a_training_at_its_step(tmp_path: Path) -> None:
    broken = ImageFileError("cut short", where="c.jpg", expected="a whole file", fix="copy it")

    def cut() -> None:
        raise broken

    path = tmp_path / "state.safetensors"
    with pytest.raises(ImageFileError) as caught:
        run(8, keeper=Keeper(path, every=0), reads=lambda step: (cut,) if step == 5 else ())
    assert caught.value is broken
    assert not readers()
    resumed, _ = run(8, keeper=Keeper(path))
    whole, _ = run(8)
    assert all(torch.equal(whole.state[name], resumed.state[name]) for name in whole.state)
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["training"])["step"] == 8


class StopError(Exception):
    pass


def test_what_ends_a_training_early_ends_its_threads() -> None:
    def stop(rows: list) -> None:
        raise StopError

    slow = {"reads": lambda step: (partial(time.sleep, 0.005),) * 3, "threads": 3}
    with pytest.raises(StopError):
        run(20, record=stop, **slow)
    assert not readers()
    with pytest.raises(TrainingError, match="at step 3"):
        run(5, rate=1e30, **slow)
    assert not readers()
    assert run(8, deadline=0.0, **slow)[0].cut_short
    assert not readers()


def test_a_batch_is_whole_before_it_is_learnt_from() -> None:
    """Tiles are filled with what the undisturbed training has, but late."""
    made, late = batches(6), batches(6)

    def reads(step: int) -> tuple:
        kept = made[step].image.clone()
        late[step].image.fill_(9.0)

        def read(tile: int) -> None:
            time.sleep(0.002)
            late[step].image[tile] = kept[tile]

        return tuple(partial(read, tile) for tile in range(2))

    whole, _ = run(6)
    other, _ = run(6, draw=lambda step, _: late[step], reads=reads, threads=2)
    assert all(torch.equal(whole.state[name], other.state[name]) for name in whole.state)


def test_what_a_step_takes_leaves_out_the_first_which_waits_for_its_files() -> None:
    watch = _Stopwatch(began=0.0, times=[5.0])
    assert watch.step == 5
    watch.times += [6.0, 8.0]
    assert watch.step == 1.5
