"""A small data set and a model that were made once for all tests here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mapwright.run import Run, train

TINY = {
    "steps": 60, "batch": 4, "patch": 64, "tile": 64, "validate_every": 20,
    "encoder": "resnet18", "weights": "random", "learning_rate": 2e-3, "tta": "none",
}  # fmt: skip


def write_squares(root: Path, count: int = 8, size: int = 64, masks: int | None = None) -> Path:
    """Bright squares on dark noise, RGBA with a transparent corner; masks of the squares."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        pixels = rng.integers(20, 80, (size, size, 4), np.uint8)
        mask = np.zeros((size, size), np.uint8)
        for _ in range(3):
            row, col = rng.integers(0, size - 16, 2)
            mask[row : row + 16, col : col + 16] = 255
        pixels[mask > 0, :3] += 120
        pixels[..., 3] = 255
        pixels[:8, :8] = 0
        name = f"{number:02d}.png"
        Image.fromarray(pixels).save(root / "images" / name)
        if masks is None or number < masks:
            Image.fromarray(mask).save(root / "masks" / name)
    return root


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("data") / "squares", count=9, masks=8)


@pytest.fixture(scope="session")
def trained(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(squares, tmp_path_factory.mktemp("runs") / "squares", settings=TINY)
