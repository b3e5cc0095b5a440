"""Where a network starts from: random, what is on this machine, or a demand.

`auto` never waits for a network and never fails; a name or a file is a demand and fails fast.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import huggingface_hub
import timm
import torch
from huggingface_hub import constants
from safetensors import SafetensorError
from segmentation_models_pytorch.encoders import encoders, get_encoder
from torch import Tensor, nn

from mapwright.errors import WeightsError

RANDOM, AUTO = "random", "auto"
_REACH_SECONDS = 5.0  # to learn that the hub can't be reached
_RGB = ("red", "green", "blue")  # the order that pretrained first layers were learnt in


@dataclass(frozen=True)
class StartingWeights:
    """What a network starts from, for the record.

    Args:
        source: `random`, or where the encoder's weights come from.
        reason: Why, in words.
    """

    source: str
    reason: str


class _Remote(NamedTuple):
    repo: str
    revision: str | None
    name: str
    file: str = "model.safetensors"


def load_encoder_weights(
    network: nn.Module, encoder: str, weights: str, bands: Sequence[str], in_channels: int
) -> StartingWeights:
    """Put pretrained weights into the encoder of a network, or leave it random.

    Args:
        network: Has an attribute `encoder`.
        encoder: Name of the encoder.
        weights: `random`, `auto`, the name of pretrained weights, or a file.
        bands: Band names, `in_channels` of them, or empty.
        in_channels: Number of bands.

    Raises:
        WeightsError: A demand can't be met.
    """
    if weights == RANDOM:
        return StartingWeights(RANDOM, "asked for")
    if Path(weights).suffix in {".safetensors", ".pth", ".pt"}:
        file, source = Path(weights), weights
        if not file.is_file():
            raise WeightsError("there is no such weights file", where=file, fix="check the path")
    else:
        remote = _remote(encoder, weights)
        found = _cached(remote) if remote else None
        if weights == AUTO and (found is None or remote is None):
            return StartingWeights(RANDOM, f"no pretrained {encoder} on this machine")
        assert remote is not None  # _remote raises on an unknown demand
        file, source = found or _download(remote), f"{remote.repo} ({remote.name})"
    state = _read_encoder(encoder, file)
    _load_by_name(network.encoder, state, bands, in_channels, source)  # type: ignore[arg-type]
    return StartingWeights(source, "found on this machine" if weights == AUTO else "asked for")


def _remote(encoder: str, weights: str) -> _Remote | None:
    """Where the pretrained weights of an encoder live; None for `auto` when there are none."""
    wanted = "imagenet" if weights == AUTO else weights
    if encoder.startswith("tu-"):
        name, _, _ = encoder[3:].partition(".")
        tag = None if wanted == "imagenet" else wanted
        config = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else encoder[3:])
        if config and config.hf_hub_id:
            return _Remote(config.hf_hub_id, None, config.tag or wanted)
        options = timm.list_pretrained(f"{name}.*")
    else:
        known = encoders[encoder]["pretrained_settings"]
        if wanted in known:
            return _Remote(known[wanted]["repo_id"], known[wanted]["revision"], wanted)
        options = list(known)
    if weights == AUTO:
        return None
    raise WeightsError(
        f"{encoder} has no pretrained weights named {weights!r}",
        where="weights",
        expected="one of " + ", ".join([RANDOM, AUTO, *options]) + ", or a file",
    )


def _cached(remote: _Remote) -> Path | None:
    found = huggingface_hub.try_to_load_from_cache(
        remote.repo, remote.file, revision=remote.revision
    )
    return Path(found) if isinstance(found, str) else None


def _download(remote: _Remote) -> Path:
    """Fetch a demanded file; one short look first, because the hub's client retries for long."""
    hub = constants.ENDPOINT
    try:
        with urllib.request.urlopen(hub, timeout=_REACH_SECONDS):
            pass
    except urllib.error.HTTPError:
        pass  # an answer, so the hub is there
    except (OSError, ValueError) as error:
        raise _not_to_be_had(remote, f"{hub} can't be reached: {error}") from error
    try:
        path = huggingface_hub.hf_hub_download(
            remote.repo, remote.file, revision=remote.revision, etag_timeout=_REACH_SECONDS
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_to_be_had(remote, str(error).splitlines()[0]) from error
    return Path(path)


def _not_to_be_had(remote: _Remote, reason: str) -> WeightsError:
    return WeightsError(
        f"the pretrained weights {remote.name!r} can't be had: {reason}",
        where=remote.repo,
        expected="the file on this machine, or a hub that answers",
        fix='set weights = "random" or "auto", or give the path of a weights file',
    )


def _read_encoder(encoder: str, file: Path) -> dict[str, Tensor]:
    """The three-band state of an encoder from a file; nothing in it is executed."""
    try:
        if encoder.startswith("tu-"):
            overlay = {"file": str(file)}
            built = get_encoder(encoder, weights=True, pretrained_cfg_overlay=overlay)
            return dict(built.state_dict())
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(file)
        state = torch.load(file, map_location="cpu", weights_only=True)
        return dict(state)
    except (SafetensorError, RuntimeError, ValueError, KeyError, OSError) as error:
        raise WeightsError(
            f"the weights can't be read: {str(error).splitlines()[0]}",
            where=file,
            expected=f"a state dict of the encoder {encoder}",
        ) from error


def _load_by_name(
    encoder: nn.Module, state: dict[str, Tensor], bands: Sequence[str], channels: int, source: str
) -> None:
    own = encoder.state_dict()
    missing = [key for key in own if key not in state]
    if missing:
        raise WeightsError(
            f"the weights lack {len(missing)} of {len(own)} tensors, first {missing[0]!r}",
            where=source,
            expected="a state dict of this very encoder",
        )
    fitted = {}
    for key, target in own.items():
        value = state[key]
        if value.shape != target.shape and value.dim() == 4 and value.shape[1] == len(_RGB):
            value = first_layer(value, bands or [""] * channels)
        if value.shape != target.shape:
            raise WeightsError(
                f"{key} is {tuple(value.shape)} in the weights, {tuple(target.shape)} here",
                where=source,
                expected="a state dict of this very encoder",
            )
        fitted[key] = value
    encoder.load_state_dict(fitted)


def first_layer(filters: Tensor, bands: Sequence[str]) -> Tensor:
    """Give each band the filter that was learnt on it; a band without one gets the mean filter.

    Args:
        filters: (O, 3, h, w) in the order red, green, blue.
        bands: Band names.

    Returns:
        (O, len(bands), h, w), scaled so that the layer's output keeps its size.
    """
    mean = filters.mean(dim=1)
    chosen = [filters[:, _RGB.index(b.lower())] if b.lower() in _RGB else mean for b in bands]
    return torch.stack(chosen, dim=1) * (len(_RGB) / len(bands))
