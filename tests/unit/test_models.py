import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from mapwright.errors import SettingError, WeightsError
from mapwright.models.build import ARCHITECTURES, build_model
from mapwright.models.inputs import Inputs, SegmentationModel
from mapwright.models.weights import first_layer


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"dpt"}))
def test_every_architecture_takes_any_number_of_bands(architecture: str) -> None:
    network, start = build_model(architecture, "resnet18", in_channels=5, classes=3)
    network.eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 5, 128, 160)).shape == (1, 3, 128, 160)
    assert start.source == "random"


def test_names_may_be_written_as_people_write_them() -> None:
    network, _ = build_model("DeepLabV3+", "resnet18", 3, 2)
    assert type(network).__name__ == "DeepLabV3Plus"


def test_timm_encoders_work() -> None:
    network, _ = build_model("unet", "tu-mobilenetv3_small_050", 4, 2)
    with torch.inference_mode():
        assert network.eval()(torch.zeros(1, 4, 64, 64)).shape == (1, 2, 64, 64)


def test_the_branch_for_pixels_keeps_what_lies_next_to_each_other_apart() -> None:
    """A chessboard of single pixels: the encoder halves it away, the branch does not."""
    torch.manual_seed(0)
    network, _ = build_model("unet", "resnet18", 4, 3, pixels=8)
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2
    image = board.float().expand(1, 4, 64, 64).clone()
    blurred = network.eval().network  # type: ignore[union-attr]
    with torch.no_grad():
        torch.testing.assert_close(network(image), blurred(image))  # type: ignore[operator]
        for weights in network.pixels.parameters():  # type: ignore[union-attr]
            weights.normal_()
        whole, without = network(image), blurred(image)  # type: ignore[operator]
    assert whole.shape == (1, 3, 64, 64)
    correction = (whole - without)[..., board.bool()] - (whole - without)[..., ~board.bool()]
    assert correction.abs().mean() > 1e-3
    plain, _ = build_model("unet", "resnet18", 4, 3)
    assert type(plain).__name__ == "Unet"


def test_unknown_names_are_refused_with_the_choices() -> None:
    with pytest.raises(SettingError, match=r"unknown architecture 'yolo'[\s\S]*unetplusplus"):
        build_model("yolo", "resnet18", 3, 2)
    with pytest.raises(SettingError, match="resnet19"):
        build_model("unet", "resnet19", 3, 2)


def test_the_network_returns_logits_not_probabilities() -> None:
    torch.manual_seed(0)
    network, _ = build_model("unet", "resnet18", 3, 2)
    with torch.inference_mode():
        logits = network.eval()(torch.randn(1, 3, 64, 64) * 10)
    assert logits.min() < 0
    assert (logits.sum(dim=1) - 1).abs().max() > 0.1


def test_auto_takes_random_weights_when_nothing_is_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    _, start = build_model("unet", "resnet18", 3, 2, "auto")
    assert start.source == "random"
    assert "no pretrained resnet18" in start.reason


def test_auto_takes_what_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    donor, _ = build_model("unet", "resnet18", 3, 2)
    state = donor.encoder.state_dict()
    revision = "3f2325ff978283d47aa6a1d6878ca20565622683"
    folder = tmp_path / "models--smp-hub--resnet18.imagenet" / "snapshots" / revision
    folder.mkdir(parents=True)
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    network, start = build_model("unet", "resnet18", 3, 2, "auto", ["red", "green", "blue"])
    assert start.source == "smp-hub/resnet18.imagenet (imagenet)"
    torch.testing.assert_close(network.encoder.state_dict(), state)


def test_a_weights_file_goes_to_the_bands_it_was_learnt_on(tmp_path: Path) -> None:
    donor, _ = build_model("unet", "resnet18", 3, 2)
    state = {k: v.contiguous() for k, v in donor.encoder.state_dict().items()}
    save_file(state, tmp_path / "encoder.safetensors")
    bands = ["nir", "blue", "red", "green"]
    network, start = build_model(
        "unet", "resnet18", 4, 2, str(tmp_path / "encoder.safetensors"), bands
    )
    rgb, own = state["conv1.weight"], network.encoder.state_dict()["conv1.weight"]
    for position, source in ((2, 0), (3, 1), (1, 2)):
        torch.testing.assert_close(own[:, position], rgb[:, source] * 0.75)
    torch.testing.assert_close(own[:, 0], rgb.mean(dim=1) * 0.75)
    torch.testing.assert_close(
        network.encoder.state_dict()["layer1.0.conv1.weight"], state["layer1.0.conv1.weight"]
    )
    assert start.source.endswith("encoder.safetensors")


def test_a_timm_weights_file_is_read_too(tmp_path: Path) -> None:
    import timm

    donor = timm.create_model("mobilenetv3_small_050")
    file = tmp_path / "timm.safetensors"
    save_file({k: v.contiguous() for k, v in donor.state_dict().items()}, file)
    network, _ = build_model("unet", "tu-mobilenetv3_small_050", 3, 2, str(file))
    stem = next(v for k, v in network.encoder.state_dict().items() if "conv_stem.weight" in k)
    torch.testing.assert_close(stem, donor.conv_stem.weight.detach())


def test_first_layer_keeps_the_size_of_its_output() -> None:
    filters = torch.randn(8, 3, 7, 7)
    grey = torch.ones(1, 1, 7, 7)
    before = torch.nn.functional.conv2d(grey.expand(1, 3, 7, 7), filters)
    after = torch.nn.functional.conv2d(grey.expand(1, 5, 7, 7), first_layer(filters, ["x"] * 5))
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)


def test_weights_of_another_encoder_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, file)
    with pytest.raises(WeightsError, match=r"lack \d+ of \d+ tensors"):
        build_model("unet", "resnet18", 3, 2, str(file))


def test_a_weights_file_that_is_not_there_or_no_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        build_model("unet", "resnet18", 3, 2, str(tmp_path / "no.pth"))
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="can't be read"):
        build_model("unet", "resnet18", 3, 2, str(tmp_path / "junk.safetensors"))


def test_unknown_pretrained_names_list_the_known_ones() -> None:
    with pytest.raises(WeightsError, match=r"'imaginary'[\s\S]*imagenet"):
        build_model("unet", "resnet18", 3, 2, "imaginary")


@pytest.fixture
def empty_hub() -> Iterator[str]:
    """A hub on this machine that answers and has nothing."""

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Nothing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_demand_fails_clearly_when_the_hub_lacks_it(
    empty_hub: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", empty_hub)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"'imagenet' can't be had"):
        build_model("unet", "resnet18", 3, 2, "imagenet")


def test_a_demand_fails_fast_when_nothing_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # discard: nobody listens
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="can't be reached"):
        build_model("unet", "resnet18", 3, 2, "imagenet")


def test_invalid_pixels_are_zero_after_standardising() -> None:
    inputs = Inputs([10.0, 20.0], [2.0, 4.0], nodata=-1.0)
    image = torch.tensor([[12.0, float("nan"), 14.0, -1.0], [24.0, 28.0, -1.0, 32.0]])
    out = inputs(image.view(1, 2, 1, 4))
    torch.testing.assert_close(
        out.view(2, 4), torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    )


def test_any_size_goes_in_and_comes_out() -> None:
    network, _ = build_model("unet", "resnet18", 2, 3)
    model = SegmentationModel(Inputs([0, 0], [1, 1]), network).eval()
    with torch.inference_mode():
        for size in ((1, 1), (33, 70), (64, 64)):
            assert model(torch.zeros(1, 2, *size)).shape == (1, 3, *size)


def test_values_beyond_the_limits_are_clipped_before_standardising() -> None:
    inputs = Inputs([0.0], [2.0], low=[-4.0], high=[6.0])
    out = inputs(torch.tensor([-100.0, -4.0, 0.0, 6.0, 1e30]).view(1, 1, 1, 5))
    torch.testing.assert_close(out.flatten(), torch.tensor([-2.0, -2.0, 0.0, 3.0, 3.0]))
