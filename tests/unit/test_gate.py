import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mapwright.models.build import ARCHITECTURES, build_model
from mapwright.models.gate import Gate, encoder_of, gate_for, object_odds
from mapwright.models.inputs import Inputs, SegmentationModel


def model(network: nn.Module, stride: int = 32, side: int = 128) -> SegmentationModel:
    torch.manual_seed(0)
    return SegmentationModel(
        Inputs([0.0] * 3, [1.0] * 3), network, stride, gate_for(network, side)
    ).eval()


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"dpt"}))
def test_every_architecture_says_whether_there_is_an_object(architecture: str) -> None:
    network, _ = build_model(architecture, "resnet18", 3, 2)
    whole, image = model(network), torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        logits, presence, _ = whole.everything(image)
        alone = whole(image)
    assert torch.equal(logits, alone)
    assert presence.shape == (2,)
    assert whole.gate is not None
    last = 128 if architecture == "pspnet" else 512  # which goes less deep
    assert whole.gate.head.in_features == 2 * last
    assert not network.encoder._forward_hooks  # type: ignore[union-attr]


@pytest.mark.parametrize("encoder", ["mit_b0", "tu-mobilenetv3_small_050"])
def test_encoders_of_other_kinds_have_deepest_features_too(encoder: str) -> None:
    network, _ = build_model("unet", encoder, 3, 2)
    with torch.inference_mode():
        assert model(network).everything(torch.randn(1, 3, 64, 96))[1].shape == (1,)


def test_a_branch_for_pixels_does_not_hide_the_encoder() -> None:
    network, _ = build_model("unet", "resnet18", 3, 2, pixels=4)
    assert encoder_of(network) is network.network.encoder  # type: ignore[union-attr]


def test_without_encoder_the_logits_speak() -> None:
    whole = model(nn.Conv2d(3, 4, 1), 1)
    with torch.no_grad():
        whole.gate.head.weight.copy_(torch.tensor([[0.0, 1.0]]))  # type: ignore[union-attr]
        whole.gate.head.bias.zero_()  # type: ignore[union-attr]
        logits, presence, _ = whole.everything(torch.randn(5, 3, 9, 7))
    torch.testing.assert_close(presence, object_odds(logits).amax(dim=(1, 2, 3)))


def test_odds_of_an_object_are_those_of_all_classes_but_the_first() -> None:
    logits = torch.randn(2, 4, 3, 3)
    background = logits.softmax(dim=1)[:, :1]
    torch.testing.assert_close(object_odds(logits).sigmoid(), 1 - background)


def test_a_gate_hears_a_single_pixel_and_the_whole_tile() -> None:
    gate, quiet = Gate(1, 8), torch.zeros(1, 1, 8, 8)
    with torch.no_grad():
        gate.head.weight.fill_(1.0)
    one, many = quiet.clone(), quiet.clone()
    one[..., 3, 5], many[...] = 4.0, 1.0
    there = torch.ones_like(quiet)
    assert (gate(one, there) - gate(quiet, there)).item() == pytest.approx(4 + 4 / 64)
    assert (gate(many, there) - gate(quiet, there)).item() == pytest.approx(2)


def surest_window(
    gate: Gate, features: torch.Tensor, known: torch.Tensor, cells: int
) -> torch.Tensor:
    """The same by hand: windows half of their side apart, the last ones cut at the edge."""
    apart = max(1, cells // 2)
    rows, cols = (range(max(1, -(-(n - cells) // apart) + 1)) for n in features.shape[-2:])
    said = []
    for row in rows:
        for col in cols:
            top, left = row * apart, col * apart
            part = features[..., top : top + cells, left : left + cells]
            pooled = torch.cat([part.mean(dim=(2, 3)), part.amax(dim=(2, 3))], dim=1)
            some = known[..., top : top + cells, left : left + cells].amax(dim=(1, 2, 3)) > 0
            said.append(torch.where(some, gate.head(pooled)[:, 0], -80.0))
    return torch.stack(said).amax(dim=0)


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 9), st.sampled_from([1, 4, 32]))
def test_of_a_large_tile_the_surest_window_counts(
    height: int, width: int, cells: int, stride: int
) -> None:
    torch.manual_seed(height + 20 * width)
    gate, features = Gate(2, cells * stride), torch.randn(2, 2, height, width)
    known = (torch.rand(2, 1, height, width) < 0.2).float()
    pixels = known.repeat_interleave(stride, 2).repeat_interleave(stride, 3)
    with torch.inference_mode():
        expected = surest_window(gate, features, known, cells)
        torch.testing.assert_close(gate(features, pixels), expected)


def test_every_pixel_of_a_large_tile_lies_in_a_window() -> None:
    gate, quiet = Gate(1, 96), torch.zeros(1, 1, 8, 7)
    there = torch.ones(1, 1, 256, 224)
    with torch.no_grad():
        gate.head.weight.copy_(torch.tensor([[0.0, 1.0]]))
        for row in range(8):
            for col in range(7):
                loud = quiet.clone()
                loud[..., row, col] = 1.0
                assert (gate(loud, there) - gate(quiet, there)).item() == pytest.approx(1)


def test_a_patch_that_is_no_multiple_of_the_stride_is_one_window() -> None:
    network, _ = build_model("unet", "resnet18", 3, 2)
    whole = model(network, side=100)
    image = torch.randn(2, 3, 100, 100)
    with torch.inference_mode():
        features = network.encoder(torch.nn.functional.pad(image, (0, 28, 0, 28)))[-1]  # type: ignore[operator]
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        expected = whole.gate.head(pooled)[:, 0]  # type: ignore[union-attr]
        torch.testing.assert_close(whole.everything(image).presence, expected)


def test_ground_that_nobody_measured_is_not_asked() -> None:
    network, _ = build_model("unet", "resnet18", 3, 2)
    whole = model(network, side=64)
    image = torch.randn(1, 3, 192, 192)
    image[..., 64:, :], image[..., 64:] = torch.nan, torch.nan
    asked: list[torch.Tensor] = []
    handle = whole.gate.head.register_forward_hook(lambda _, __, out: asked.append(out[..., 0]))  # type: ignore[union-attr]
    with torch.inference_mode():
        presence = whole.everything(image).presence
    handle.remove()
    (windows,) = asked
    assert windows.shape == (1, 5, 5)
    torch.testing.assert_close(presence, windows[:, :2, :2].amax(dim=(1, 2)))


def test_padding_beyond_the_stride_is_cut_from_the_logits_only() -> None:
    network, _ = build_model("unet", "resnet18", 3, 2)
    with torch.inference_mode():
        logits, presence, _ = model(network).everything(torch.randn(1, 3, 45, 33))
    assert logits.shape == (1, 2, 45, 33)
    assert presence.shape == (1,)


def test_the_gate_learns_together_with_the_network() -> None:
    network, _ = build_model("unet", "resnet18", 3, 2)
    whole = model(network).train()
    whole.everything(torch.randn(2, 3, 64, 64))[1].sum().backward()
    gradient = network.encoder.conv1.weight.grad  # type: ignore[union-attr]
    assert gradient is not None
    assert gradient.abs().sum() > 0
