"""One call for every network: architecture, encoder, bands, classes, starting weights."""

from __future__ import annotations

from collections.abc import Sequence

import segmentation_models_pytorch as smp
from torch import nn

from mapwright.errors import SettingError
from mapwright.models.weights import RANDOM, StartingWeights, load_encoder_weights

STRIDE = 32  # pixels; every encoder halves its input five times

ARCHITECTURES = {cls.__name__.lower(): cls.__name__ for cls in smp._MODEL_ARCHITECTURES}
"""Names that `build_model` takes -> class names of segmentation_models_pytorch."""


def build_model(
    architecture: str,
    encoder: str,
    in_channels: int,
    classes: int,
    weights: str = RANDOM,
    bands: Sequence[str] | None = None,
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

    Returns:
        A module (N, C, H, W) -> logits (N, K, H, W), H and W multiples of 32, and what it
        starts from.

    Raises:
        SettingError: Architecture or encoder is unknown, or they don't go together.
        WeightsError: Demanded weights can't be had.
    """
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
    start = load_encoder_weights(network, encoder, weights, bands or (), in_channels)
    return network, start
