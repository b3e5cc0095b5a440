"""Predicted against measured peak memory of a training, one process each.

    .venv/bin/python benchmarks/memory.py

Measured: the largest resident set of a whole `mapwright train` process, as the operating system
counts it. Predicted: what `mapwright plan` says for the same settings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mapwright.demo.dataset import SETTLEMENTS
from mapwright.demo.tiles import make_tiles

CASES = (
    ("unet", "resnet18", 8, 256, "bfloat16"),
    ("unet", "resnet18", 8, 256, "float32"),
    ("unet", "resnet34", 16, 128, "bfloat16"),
    ("fpn", "tu-mobilenetv3_small_050", 8, 256, "bfloat16"),
    ("segformer", "mit_b0", 8, 256, "bfloat16"),
    ("deeplabv3plus", "resnet18", 4, 256, "float32"),
)


def main() -> None:
    """Print one row per case."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        make_tiles(SETTLEMENTS, root, 12)
        print("| network | batch x patch | precision | predicted MiB | measured MiB | ratio |")
        print("| --- | --- | --- | --- | --- | --- |")
        for number, (architecture, encoder, batch, patch, precision) in enumerate(CASES):
            settings = {
                "architecture": architecture,
                "encoder": encoder,
                "batch": batch,
                "patch": patch,
                "precision": precision,
                "weights": "random",
                "steps": 4,
            }
            pairs = [part for k, v in settings.items() for part in ("--set", f"{k}={v}")]
            planned = json.loads(mapwright("plan", root, "--json", *pairs)[0])
            _, peak = mapwright("train", root, "-o", Path(folder) / str(number), "--json", *pairs)
            predicted, measured = planned["memory"] / 2**20, peak / 2**20
            print(
                f"| {architecture} {encoder} | {batch} x {patch} | {precision} "
                f"| {predicted:.0f} | {measured:.0f} | {predicted / measured:.2f} |",
                flush=True,
            )


def mapwright(*arguments: object) -> tuple[str, int]:
    """Run a command; its output and the peak of its resident memory in bytes."""
    command = [sys.executable, "-m", "mapwright", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed")
    return output, usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
