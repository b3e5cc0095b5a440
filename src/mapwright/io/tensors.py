"""Tensors with a little text in one safetensors file, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from mapwright.io.files import replacing


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and header texts.

    Raises:
        OutputError: The file can't be written; nothing half-written is left.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(whole, temporary, metadata=dict(header))
        except SafetensorError as error:
            raise OSError(str(error)) from error
        mask = os.umask(0)  # the library makes files that only their owner can read
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
