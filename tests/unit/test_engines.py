import numpy as np
import pytest
import torch
from torch import nn

from mapwright.models.inputs import Inputs, SegmentationModel
from mapwright.predict.pipeline import decide
from mapwright.predict.torch_engine import TorchEngine


class Blob(nn.Module):
    """Logits that depend on the neighbours to the right and below: not symmetric at all."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        moved = torch.roll(x, (1, 2), (-2, -1))
        return torch.cat([x + moved, x - 2 * moved], dim=1)


def engine(tta: str, members: int = 1) -> TorchEngine:
    networks = [SegmentationModel(Inputs([0.0], [1.0 + m]), Blob(), 1) for m in range(members)]
    return TorchEngine(networks, 2, tta)


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 1, 12, 12)).astype(np.float32)


@pytest.mark.parametrize("tta", ["none", "flips", "d4"])
def test_probabilities_sum_to_one(tta: str) -> None:
    soft = engine(tta).probabilities(image())
    assert soft.shape == (2, 2, 12, 12)
    np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-5)


def test_with_all_eight_views_a_turned_image_gives_a_turned_map() -> None:
    every = engine("d4")
    tile = image()
    for turns in range(4):
        for flip in (False, True):

            def view(x: np.ndarray, turns: int = turns, flip: bool = flip) -> np.ndarray:
                return np.ascontiguousarray(np.rot90(x[..., ::-1] if flip else x, turns, (-2, -1)))

            np.testing.assert_allclose(
                every.probabilities(view(tile)), view(every.probabilities(tile)), atol=1e-5
            )


def test_without_augmentation_it_does_not() -> None:
    plain, tile = engine("none"), image()
    flipped = plain.probabilities(np.ascontiguousarray(tile[..., ::-1]))[..., ::-1]
    assert np.abs(flipped - plain.probabilities(tile)).max() > 0.1


def test_members_are_averaged_as_probabilities() -> None:
    tile = image()
    one = engine("none").probabilities(tile)
    second = TorchEngine([SegmentationModel(Inputs([0.0], [2.0]), Blob(), 1)], 2).probabilities(
        tile
    )
    np.testing.assert_allclose(
        engine("none", members=2).probabilities(tile), (one + second) / 2, atol=1e-6
    )


def test_two_classes_follow_the_threshold() -> None:
    soft = np.array([[[0.75, 0.5, 0.4]], [[0.25, 0.5, 0.6]]], np.float32)
    assert decide(soft, 0.5).tolist() == [[0, 1, 1]]
    assert decide(soft, 0.2).tolist() == [[1, 1, 1]]
    assert decide(soft, 0.6001).tolist() == [[0, 0, 0]]


def test_more_classes_take_the_most_probable_whatever_the_threshold() -> None:
    soft = np.array([[[0.2]], [[0.5]], [[0.3]]], np.float32)
    assert decide(soft, 0.9).tolist() == [[1]]
