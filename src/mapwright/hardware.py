"""What the machine can do, as far as training has to know."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

import psutil


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
