"""A network of one's own: trained by a function or its name, stored by name, loaded again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mapwright as mw
from mapwright.bundle import save_bundle
from mapwright.data.dataset import Dataset
from mapwright.data.settings import parse_settings
from mapwright.errors import SettingError
from mapwright.run import Run

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = {
    "steps": 2, "batch": 2, "patch": 64, "tile": 64, "validate_every": 2, "tta": "none",
    "augmentation": {"rotate": 0, "zoom_rate": 0},
}  # fmt: skip


class Small(nn.Module):
    """Two convolutions; its size must be a multiple of three."""

    stride = 3

    def __init__(self, in_channels: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, 6, 3, padding=1), nn.ReLU(), nn.Dropout(0.2),
            nn.Conv2d(6, classes, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        assert image.shape[-1] % 3 == image.shape[-2] % 3 == 0
        return self.layers(image)


@pytest.fixture(scope="module")
def own(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("own") / "run"
    return mw.train(squares, folder, build=Small, settings=QUICK)


def test_the_model_file_holds_the_name_and_finds_the_function(own: Run, squares: Path) -> None:
    again, image = mw.load(own.folder), squares / "images" / "00.png"
    assert again.bundle.plan.build == f"{__name__}:Small"
    assert again.bundle.plan.network == f"{__name__}:Small"
    expected = own.model.predict(image).probabilities
    np.testing.assert_array_equal(again.predict(image).probabilities, expected)
    assert f'build = "{__name__}:Small"' in (own.folder / "plan.toml").read_text()


def test_the_same_seed_gives_the_same_weights_and_a_gate_fits_too(
    own: Run, squares: Path, tmp_path: Path
) -> None:
    settings = {**QUICK, **parse_settings((f"build={__name__}:Small",))}
    again = mw.train(squares, tmp_path / "again", settings=settings)
    gated = mw.train(squares, tmp_path / "gated", build=Small, settings={**QUICK, "gate": 0.1})
    one, other = own.model.bundle.members[0], again.model.bundle.members[0]
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert 0 < gated.model.predict(squares / "images" / "00.png").presence < 1


def test_without_the_function_it_says_so_and_takes_another(
    own: Run, squares: Path, tmp_path: Path
) -> None:
    plan = own.model.bundle.plan.model_copy(update={"build": "gone_package.networks:small"})
    save_bundle(replace(own.model.bundle, plan=plan), tmp_path / "model.safetensors")
    image = squares / "images" / "00.png"
    with pytest.raises(SettingError, match=r"gone_package[\s\S]*PYTHONPATH[\s\S]*build=function"):
        mw.load(tmp_path).predict(image)
    found = mw.load(tmp_path, build=Small).predict(image)
    np.testing.assert_array_equal(found.probabilities, own.model.predict(image).probabilities)


def test_it_is_exported_without_its_function(
    own: Run, squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = mw.export(own.model, tmp_path / "own.onnx", tile=64)
    monkeypatch.delattr(sys.modules[__name__], "Small")
    found = mw.load(done.path).predict(squares / "images" / "00.png")
    assert found.classes.shape == (64, 64)


def test_an_architecture_beside_it_is_refused(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="leave architecture and encoder out"):
        mw.train(squares, tmp_path / "run", build=Small, settings={"encoder": "resnet18"})
    assert not (tmp_path / "run").exists()


def test_the_keras_example_trains_evaluates_and_exports(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import keras_unet

    monkeypatch.setattr(keras_unet, "WIDTHS", (4, 8))
    done = keras_unet.main(str(squares), str(tmp_path / "run"), **QUICK)
    assert {kind for kind, seen in done.proof.kinds.items() if seen.tiles} >= {"edge", "random"}
    model = mw.load(tmp_path / "run")
    assert model.bundle.plan.build == "keras_unet:unet"
    dataset = Dataset(squares, model.bundle.spec)
    scores = mw.evaluate(model, dataset, *mw.choose_items(model, dataset, "val"))
    assert scores.mean_iou == pytest.approx(model.bundle.scores["mean_iou"], nan_ok=True)
    moved = [name for name, value in model.bundle.members[0].items() if (value == 1).all()]
    assert "network.variables.4" not in moved  # the running variance of a normalisation
