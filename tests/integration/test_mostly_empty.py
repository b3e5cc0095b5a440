"""Images that are mostly empty: planned, trained, resumed and predicted as such."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import mapwright as mw
from interruptions import interrupted
from mapwright.run import Run

QUICK = {
    "steps": 6, "batch": 4, "patch": 32, "tile": 32, "validate_every": 3, "tta": "none",
    "encoder": "tu-mobilenetv3_small_050", "weights": "random", "save_every": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of noise, three of them with a bright ship of twelve pixels."""
    root = tmp_path_factory.mktemp("data") / "sea"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(12):
        rng = np.random.default_rng(number)
        pixels, mask = rng.integers(20, 80, (48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
        if number % 4 == 0:
            mask[20:23, 30:34] = 255
        pixels[mask > 0] += 120
        Image.fromarray(pixels).save(root / "images" / f"{number:02d}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number:02d}.png")
    return root


@pytest.fixture(scope="module")
def sailed(sea: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return mw.train(sea, tmp_path_factory.mktemp("runs") / "sea", settings=QUICK)


def test_the_plan_is_one_for_empty_images_and_the_model_has_a_gate(sailed: Run, sea: Path) -> None:
    plan = sailed.model.bundle.plan
    assert (plan.rare, plan.empty, plan.mining, plan.gate) == (0.5, 0.25, 0.5, 0.2)
    assert (plan.loss, plan.smooth) == ("dice+focal", 12)
    assert "of 12 images hold no object" in (sailed.folder / "plan.toml").read_text()
    found = mw.load(sailed.folder).predict(sea / "images" / "00.png")
    assert found.presence is not None
    assert 0 < found.presence < 1
    assert found.presence == sailed.model.predict(sea / "images" / "00.png").presence


@pytest.mark.parametrize("moment", [1, 4])
def test_interrupted_while_mining_and_resumed_it_ends_with_the_same_weights(
    sailed: Run, sea: Path, tmp_path: Path, moment: int
) -> None:
    with interrupted(moment):
        mw.train(sea, tmp_path / "run", settings=QUICK)
    resumed = mw.train(sea, tmp_path / "run", settings=QUICK, resume=True)
    one, other = sailed.model.bundle.members[0], resumed.model.bundle.members[0]
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (sailed.folder / "progress.csv").read_text() == (
        resumed.folder / "progress.csv"
    ).read_text()
