import torch

from mapwright.data.batch import Batch
from mapwright.data.hard import HardTiles
from mapwright.models.build import build_model
from mapwright.models.inputs import Inputs, SegmentationModel
from mapwright.plan import Plan
from mapwright.training.pixels import learn_pixels
from mapwright.types import IGNORE, Window

SIDE = 64
PLAN = Plan(patch=SIDE, pixels=16, augmentation={"rotate": 0, "zoom_rate": 0})  # type: ignore[arg-type]


def model(seed: int = 0) -> SegmentationModel:
    torch.manual_seed(seed)
    network, _ = build_model("unet", "resnet18", 4, 3, pixels=16)
    return SegmentationModel(Inputs([0.0] * 4, [1.0] * 4), network)


def speckled(step: int, hard: HardTiles) -> Batch:
    """Every pixel is of a class of its own, told by its bands alone; one tile is unknown."""
    rng = torch.Generator().manual_seed(step)
    mask = torch.randint(0, 3, (4, SIDE, SIDE), generator=rng)
    image = torch.randn(4, 4, SIDE, SIDE, generator=rng) * 0.1
    image[:, 0] += mask
    image[:, 1] -= (mask == 1).float()
    mask[0] = IGNORE
    return Batch(image, mask, tuple((str(k), Window(0, 0, SIDE, SIDE)) for k in range(4)))


def unknown(step: int, hard: HardTiles) -> Batch:
    batch = speckled(step, hard)
    return Batch(batch.image, torch.full_like(batch.mask, IGNORE), batch.places)


def right(model: SegmentationModel) -> float:
    batch = speckled(99, HardTiles())
    with torch.no_grad():
        guess = model.eval()(batch.image).argmax(dim=1)
    return (guess == batch.mask)[batch.mask != IGNORE].float().mean().item()


def test_single_pixels_are_told_apart_before_the_network_has_learnt_anything() -> None:
    new = model()
    before = {name: value.clone() for name, value in new.state_dict().items()}
    assert right(new) < 0.5
    learn_pixels(new, speckled, PLAN)
    assert right(new) > 0.95
    weights = dict(new.named_parameters())
    changed = {name for name in weights if not torch.equal(before[name], weights[name])}
    assert changed
    assert all(name.startswith("network.pixels.") for name in changed)
    assert not any(weight.grad is not None and weight.grad.any() for weight in weights.values())


def test_the_same_seed_gives_the_same_branch() -> None:
    one, other = model(), model()
    for each in (one, other):
        learn_pixels(each, speckled, PLAN)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_without_a_known_pixel_nothing_is_learnt() -> None:
    new = model()
    before = {name: value.clone() for name, value in new.named_parameters()}
    learn_pixels(new, unknown, PLAN)
    assert all(torch.equal(before[name], value) for name, value in new.named_parameters())
