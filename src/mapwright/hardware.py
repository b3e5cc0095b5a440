"""What the machine can do, as far as training has to know."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

_LIBRARIES = (
    "mapwright", "torch", "segmentation-models-pytorch", "timm", "lightning-fabric", "numpy",
    "rasterio", "safetensors",
)  # fmt: skip


@dataclass(frozen=True)
class Hardware:
    """A machine.

    Args:
        device: `cpu`, `cuda` or `mps`.
        name: What it calls itself.
        cores: Processor cores that this process may use.
        memory: Bytes of the memory that training takes: the GPU's, else the main one.
        bfloat16: Whether it multiplies bfloat16 in hardware.
    """

    device: str
    name: str
    cores: int
    memory: int
    bfloat16: bool


def detect_hardware() -> Hardware:
    """Look at this machine."""
    import torch  # a plan that is only read, as of an exported model, has no use for it

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().total
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        half = torch.cuda.is_bf16_supported()
        return Hardware("cuda", card.name, cores or 1, card.total_memory, half)
    if torch.backends.mps.is_available():
        return Hardware("mps", platform.processor(), cores or 1, memory, False)
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    bfloat16 = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    name = str(capabilities.get("cpu_name") or platform.processor() or platform.machine())
    return Hardware("cpu", name, cores or 1, memory, bfloat16)


def library_versions() -> dict[str, str]:
    """The versions of what results depend on."""
    return {name: version(name) for name in _LIBRARIES}


def describe_environment(hardware: Hardware, data: Path) -> dict[str, Any]:
    """What a training ran on and with, as JSON-able built-in types.

    Args:
        hardware: The machine.
        data: The data folder.
    """
    return {
        "data": str(data.resolve()),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "hardware": hardware.__dict__,
        "versions": library_versions(),
    }
