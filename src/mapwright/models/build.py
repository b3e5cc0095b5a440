"""One call for every network: architecture, encoder, bands, classes, starting weights."""

from __future__ import annotations

from collections.abc import Sequence

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from mapwright.errors import SettingError, WeightsError
from mapwright.models.custom import build_own, stride_of
from mapwright.models.weights import AUTO, RANDOM, StartingWeights, load_encoder_weights

ARCHITECTURES = {cls.__name__.lower(): cls.__name__ for cls in smp._MODEL_ARCHITECTURES}
"""Names that `build_model` takes -> class names of segmentation_models_pytorch."""


class WithPixels(nn.Module):
    """A network whose logits are corrected pixel by pixel from the bands themselves.

    Networks halve the image before they look at it and give their map at half resolution or less,
    enlarged; what a single pixel measures gets lost. A few 1 x 1 convolutions see the bands of a
    pixel beside what the network thinks of its place, and add to its logits; at first nothing.

    Args:
        network: (N, C, H, W) to logits (N, K, H, W).
        in_channels: Number of bands C.
        classes: Number of classes K.
        width: Channels of the two hidden layers.

    Shape:
        As the network.
    """

    def __init__(self, network: nn.Module, in_channels: int, classes: int, width: int) -> None:
        super().__init__()
        self.network, self.stride = network, stride_of(network)
        self.pixels = nn.Sequential(
            nn.Conv2d(in_channels + classes, width, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, classes, 1),
        )
        nn.init.zeros_(self.pixels[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.pixels[-1].bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Logits of a batch."""
        logits: Tensor = self.network(image)
        correction: Tensor = self.pixels(torch.cat([image, logits.to(image.dtype)], dim=1))
        return logits + correction


def build_model(
    architecture: str,
    encoder: str,
    in_channels: int,
    classes: int,
    weights: str = RANDOM,
    bands: Sequence[str] | None = None,
    pixels: int = 0,
    build: str = "",
    border: bool = False,
) -> tuple[nn.Module, StartingWeights]:
    """Build a segmentation network.

    Args:
        architecture: One of `ARCHITECTURES`, such as `unet` or `fpn`.
        encoder: An encoder of segmentation_models_pytorch, or a timm model as `tu-NAME`.
        in_channels: Number of bands, any.
        classes: Number of classes K; two for a binary task.
        weights: `random`; `auto`: pretrained if they are on this machine, else random; or a
            demand: `imagenet`, another name that the encoder knows, or a file.
        bands: Band names, so that pretrained filters go to the bands they were learnt on.
        pixels: Width of the branch that sees each pixel by itself; 0 = none.
        build: `package.module:function` that makes a network of your own instead of these; see
            `mapwright.models.custom`.
        border: Whether a further channel, the last, is to say where objects touch.

    Returns:
        A module (N, C, H, W) -> logits (N, K, H, W), H and W multiples of `stride_of` it, 32 for
        those named here, and what it starts from. With `border`, K is one more.

    Raises:
        SettingError: Architecture or encoder is unknown, or they don't go together.
        WeightsError: Demanded weights can't be had.
    """
    channels = classes + border
    network, start = (
        _own(build, in_channels, channels, weights)
        if build
        else _named(architecture, encoder, in_channels, channels, weights, bands)
    )
    return (WithPixels(network, in_channels, channels, pixels) if pixels else network), start


def _own(
    build: str, in_channels: int, classes: int, weights: str
) -> tuple[nn.Module, StartingWeights]:
    if weights not in (RANDOM, AUTO):
        raise WeightsError(
            f"a network of your own does not start from {weights!r}",
            where="weights",
            expected="auto or random",
            fix=f"load them inside {build}",
        )
    return build_own(build, in_channels, classes), StartingWeights(RANDOM, f"as {build} gives it")


def _named(
    architecture: str,
    encoder: str,
    in_channels: int,
    classes: int,
    weights: str,
    bands: Sequence[str] | None,
) -> tuple[nn.Module, StartingWeights]:
    name = ARCHITECTURES.get(architecture.lower().replace("+", "plus").replace("_", ""))
    if name is None:
        raise SettingError(
            f"unknown architecture {architecture!r}",
            where="architecture",
            expected="one of " + ", ".join(sorted(ARCHITECTURES)),
        )
    try:
        network: nn.Module = getattr(smp, name)(
            encoder_name=encoder, encoder_weights=None, in_channels=in_channels, classes=classes
        )
    except (KeyError, ValueError, RuntimeError, NotImplementedError) as error:
        reason = str(error).strip("'\"").splitlines()[0][:200]
        raise SettingError(
            f"{architecture} with encoder {encoder!r} can't be built: {reason}",
            where="encoder",
            expected="an encoder such as resnet18, mit_b0, efficientnet-b0 or tu-convnext_atto",
            fix="choose another encoder or architecture",
        ) from error
    return network, load_encoder_weights(network, encoder, weights, bands or (), in_channels)
