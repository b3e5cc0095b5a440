"""Networks of one's own: found by name, made, and looked at before they are trusted."""

import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mapwright.errors import SettingError, WeightsError
from mapwright.models.build import build_model
from mapwright.models.custom import ChannelsLast, build_own, find, name_of, stride_of


def flat(in_channels: int, classes: int) -> nn.Module:
    return nn.Conv2d(in_channels, classes, 1)


class Halving(nn.Module):
    """Refuses sizes that are no multiple of its stride."""

    stride = 48

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(in_channels, 8, 48, stride=48)
        self.up = nn.ConvTranspose2d(8, classes, 48, stride=48)

    def forward(self, image: Tensor) -> Tensor:
        assert image.shape[-1] % 48 == image.shape[-2] % 48 == 0
        return self.up(self.down(image))


class Last(nn.Module):
    """Bands and classes last."""

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.inner = nn.Linear(in_channels, classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.inner(image)


def wrapped(in_channels: int, classes: int) -> nn.Module:
    return ChannelsLast(Last(in_channels, classes), stride=1)


def soft(in_channels: int, classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(in_channels, classes, 1), nn.Softmax(dim=1))


def coarse(in_channels: int, classes: int) -> nn.Module:
    return nn.Conv2d(in_channels, classes, 4, stride=4)


def several(in_channels: int, classes: int) -> nn.Module:
    class Several(nn.Module):
        def forward(self, image: Tensor) -> dict[str, Tensor]:
            return {"out": image}

    return Several()


def broken(in_channels: int, classes: int) -> nn.Module:
    raise RuntimeError("no such layer")


def of_numpy(in_channels: int, classes: int) -> nn.Module:
    network = nn.Conv2d(in_channels, classes, 1)
    with torch.no_grad():
        network.weight.fill_(np.random.rand() + random.random())  # noqa: NPY002
    return network


HERE = __name__


@pytest.mark.parametrize("build", [flat, Halving, wrapped])
def test_a_function_is_found_again_by_its_name(build) -> None:
    name = name_of(build)
    assert name == f"{HERE}:{build.__name__}"
    assert find(name) is build
    assert name_of(name) == name


def test_functions_without_a_name_of_their_own_are_refused() -> None:
    def inner(in_channels: int, classes: int) -> nn.Module:
        return flat(in_channels, classes)

    for build in (inner, lambda a, b: flat(a, b), SimpleNamespace()):
        with pytest.raises(SettingError, match=r"no name under which[\s\S]*top of a file"):
            name_of(build)  # type: ignore[arg-type]


def test_a_script_is_named_as_it_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not run a second time when its function is looked up."""

    def unet(in_channels: int, classes: int) -> nn.Module:
        return flat(in_channels, classes)

    unet.__module__, unet.__qualname__ = "__main__", "unet"
    script = SimpleNamespace(__file__="/somewhere/my_ships.py", __spec__=None, unet=unet)
    monkeypatch.setitem(sys.modules, "__main__", script)  # type: ignore[arg-type]
    assert name_of(unet) == "my_ships:unet"
    assert find("my_ships:unet") is unet
    monkeypatch.delattr(script, "__file__")  # as in a notebook
    assert name_of(unet) == "__main__:unet"
    assert find("__main__:unet") is unet


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_package.networks:unet", "No module named"),
        (f"{HERE}:no_such", "has no 'no_such'"),
        ("os:kill", "no function that makes a network"),
        ("shutil:rmtree", "no function that makes a network"),
        ("os.path:join", "no function that makes a network"),
        ("builtins:exec", "no function that makes a network"),
        (f"{HERE}:HERE", "no function that makes a network"),
        ("numpy:zeros", "no function that makes a network"),
    ],
)
def test_what_a_file_names_is_never_called_unless_it_makes_networks(name: str, reason: str) -> None:
    with pytest.raises(SettingError, match=rf"{reason}[\s\S]*PYTHONPATH"):
        find(name)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (soft, r"probabilities[\s\S]*softmax"),
        (Last, r"can't take|classes last"),
        (coarse, r"gives \(1, 3, 16, 32\), not .* for a tile of 64 x 128"),
        (several, "gives dict"),
        (broken, "RuntimeError: no such layer"),
        (dict, "no function"),
    ],
)
def test_networks_that_can_not_be_used_are_refused_at_once(build, reason: str) -> None:
    name = f"{HERE}:{build.__name__}" if build is not dict else "builtins:dict"
    with pytest.raises(SettingError, match=reason):
        build_own(name, 4, 3)


def test_nothing_of_the_system_is_imported_because_of_a_name() -> None:
    sys.modules.pop("antigravity", None)  # to import it opens a browser
    with pytest.raises(SettingError, match="no function"):
        build_own("antigravity:fly", 4, 3)
    assert "antigravity" not in sys.modules


def test_classes_last_are_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Turned(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image[:, :3].permute(0, 2, 3, 1)

    monkeypatch.setattr(sys.modules[HERE], "flat", lambda bands, classes: Turned())
    with pytest.raises(SettingError, match=r"classes last[\s\S]*ChannelsLast"):
        build_own(f"{HERE}:flat", 4, 3)


def test_the_stride_is_an_attribute() -> None:
    assert stride_of(build_own(f"{HERE}:Halving", 4, 3)) == 48
    assert stride_of(wrapped(4, 3)) == 1
    assert stride_of(flat(4, 3)) == 32  # its own stride is that of a convolution
    branched, _ = build_model("own", "own", 4, 3, pixels=4, build=f"{HERE}:Halving")
    assert stride_of(branched) == 48


def test_bands_last_is_the_same_network_turned() -> None:
    network, image = wrapped(4, 3), torch.randn(2, 4, 5, 7)
    expected = network.network(image.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # type: ignore[operator]
    torch.testing.assert_close(network(image), expected)


def test_keras_on_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = SimpleNamespace(backend=lambda: "jax")
    keras = SimpleNamespace(Model=Last, backend=backend)
    monkeypatch.setitem(sys.modules, "keras", keras)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=r"Keras runs on jax[\s\S]*KERAS_BACKEND"):
        ChannelsLast(Last(3, 2))


def test_the_seed_reaches_other_generators_and_leaves_them_as_they_were() -> None:
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    expected = random.random(), np.random.rand()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(build_own(f"{HERE}:of_numpy", 1, 2).weight[0, 0, 0, 0].item())
    assert weights[0] == weights[1] != weights[2]
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002


def test_pretrained_weights_are_the_functions_own_affair() -> None:
    network, start = build_model("own", "own", 4, 3, "auto", build=f"{HERE}:flat")
    assert isinstance(network, nn.Conv2d)
    assert start.source == "random"
    assert HERE in start.reason
    with pytest.raises(WeightsError, match="inside"):
        build_model("own", "own", 4, 3, "imagenet", build=f"{HERE}:flat")
