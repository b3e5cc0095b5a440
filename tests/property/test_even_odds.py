"""What the plugin Deepness reads of two classes: the likelier one is what the model decides for."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from mapwright.card import Decision
from mapwright.exporting.graph import even
from mapwright.metrics.temperature import log_odds, temper_threshold
from mapwright.onnxfile import open_session
from mapwright.predict.pipeline import decide

Float = NDArray[np.float64]
LARGEST = 30.0  # logits
TINY = 2.0**-18
"""Share of a probability: all that single precision may lose of the difference of two logits."""

exponents = st.floats(-6.0, math.log10(0.5))
thresholds = st.one_of(
    exponents.map(lambda e: 10**e),
    exponents.map(lambda e: 1 - 10**e),
    st.floats(-300.0, -6.0).map(lambda e: 10**e),
    st.sampled_from([0.5, 1e-6, 1 - 1e-6, math.nextafter(1, 0), 5e-324]),
)
temperatures = st.floats(math.log(0.05), math.log(20)).map(math.exp)


def odds_between(raw: float, members: int, seed: int) -> NDArray[np.float32]:
    """(members, 2, n) logits within 30: evenly spread ones, and many around a raw threshold."""
    rng = np.random.default_rng(seed)
    wide = rng.uniform(-LARGEST, LARGEST, (members, 2, 300))
    near = np.repeat(rng.uniform(-20, 20, (1, 1, 300)), members, axis=0)
    middle = np.clip(log_odds(raw), -55, 55)
    gap = middle + rng.normal(0, 10.0 ** rng.uniform(-7, 0, 300))
    pairs = np.concatenate([near - gap / 2, near + gap / 2], axis=1)
    return np.concatenate([wide, np.clip(pairs, -LARGEST, LARGEST)], axis=2).astype(np.float32)


def mean_soft(logits: Tensor) -> Tensor:
    """(members, 2, n) to (1, 2, 1, n) as the members are averaged."""
    return logits.softmax(dim=1).mean(dim=0)[None, :, None]


def truth(logits: NDArray[np.float32], decision: Decision) -> tuple[Float, Float]:
    """(n,) probability of the second class and shifted log odds, both in double precision."""
    wide = logits.astype(np.float64)
    raised = np.exp(wide - wide.max(axis=1, keepdims=True))
    first, second = (raised / raised.sum(axis=1, keepdims=True)).mean(axis=0)
    odds = np.log(second) - np.log(first)
    return second, odds / decision.temperature - log_odds(decision.threshold)


@settings(deadline=None, max_examples=150)
@given(thresholds, temperatures, st.integers(1, 3), st.integers(0, 999))
def test_the_second_class_is_the_likelier_one_exactly_where_the_model_decides_for_it(
    threshold: float, temperature: float, members: int, seed: int
) -> None:
    decision = Decision(threshold=threshold, temperature=temperature)
    logits = odds_between(decision.raw_threshold, members, seed)
    soft = mean_soft(torch.from_numpy(logits))
    found = even(soft, threshold, temperature)[0, :, 0].numpy()
    own = decide(soft[0, :, 0].numpy(), decision.raw_threshold)
    np.testing.assert_array_equal(found.argmax(axis=0), own)
    np.testing.assert_array_equal(found[1] > 0.5, own == 1)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)
    assert (found.max(axis=0) > 0).all()  # all 0 would be read as invalid


@settings(deadline=None, max_examples=150)
@given(thresholds, temperatures, st.integers(1, 3), st.integers(0, 999))
def test_it_is_the_decision_of_exact_arithmetic_but_within_rounding_of_the_threshold(
    threshold: float, temperature: float, members: int, seed: int
) -> None:
    decision = Decision(threshold=threshold, temperature=temperature)
    logits = odds_between(decision.raw_threshold, members, seed)
    found = even(mean_soft(torch.from_numpy(logits)), threshold, temperature)[0, 1, 0].numpy()
    second, odds = truth(logits, decision)
    clear = abs(second - decision.raw_threshold) > TINY * second
    np.testing.assert_array_equal((found > 0.5)[clear], (odds >= 0)[clear])
    exact = 1 / (1 + np.exp(-np.clip(odds, -700, 700)))
    allowed = 1e-5 * max(1.0, 1 / temperature)
    np.testing.assert_allclose(found[clear], exact[clear], atol=allowed)


def test_the_margin_of_rounding_is_small_around_an_ordinary_threshold() -> None:
    decision = Decision(threshold=0.37).calibrated(0.25)
    logits = odds_between(decision.raw_threshold, 2, 0)
    second, _ = truth(logits, decision)
    clear = abs(second - decision.raw_threshold) > TINY * second
    assert clear.mean() > 0.8


PAIRS = [
    (t, temperature)
    for t in (1e-30, 1e-9, 1e-6, 0.02, 0.5, 0.97, 1 - 1e-6, 1 - 1e-12)
    for temperature in (0.05, 0.3, 1.0, 7.0, 20.0)
]


class Evens(nn.Module):
    """All pairs in one graph, each beside the mask of the same model."""

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """(members, 2, n) logits to shifted probabilities (P, 2, n) and decisions (P, n)."""
        soft = mean_soft(logits)
        shifted = [even(soft, *pair)[0, :, 0] for pair in PAIRS]
        masks = [soft[0, 1, 0] >= temper_threshold(t, 1 / degrees) for t, degrees in PAIRS]
        return torch.stack(shifted), torch.stack(masks)


@pytest.mark.filterwarnings("ignore")  # of the exporter's age
def test_onnx_runtime_decides_by_them_as_by_its_mask() -> None:
    buffer = io.BytesIO()
    given = torch.zeros(2, 2, 600 * len(PAIRS))
    torch.onnx.export(
        Evens().eval(), (given,), buffer, input_names=["logits"], opset_version=17, dynamo=False
    )
    session = open_session(buffer.getvalue())
    near = [temper_threshold(t, 1 / degrees) for t, degrees in PAIRS]
    logits = np.concatenate([odds_between(raw, 2, k) for k, raw in enumerate(near)], axis=2)
    shifted, masks = session.run(None, {"logits": logits})
    np.testing.assert_array_equal(shifted.argmax(axis=1), masks)
    assert np.isfinite(shifted).all()
    for number, (t, degrees) in enumerate(PAIRS):
        decision = Decision(threshold=t, temperature=degrees)
        second, odds = truth(logits, decision)
        clear = abs(second - decision.raw_threshold) > TINY * second
        np.testing.assert_array_equal(masks[number][clear], (odds >= 0)[clear])


@pytest.mark.parametrize("temperature", [1e-4, 0.05, 1.0, 20.0, 5000.0])
@pytest.mark.parametrize("threshold", [0.0, 5e-324, 1e-300, 0.2, 0.5, 1 - 1e-16, 1.0])
def test_no_storable_pair_of_threshold_and_temperature_breaks_it(
    threshold: float, temperature: float
) -> None:
    decision = Decision(threshold=threshold, temperature=temperature)
    assert 0 <= decision.raw_threshold <= 1
    assert 0 <= decision.calibrated(temperature).threshold <= 1
    logits = torch.tensor([[[-30.0, 0, 5, 30, -200, 200], [30.0, 0, -5, -30, 200, -200]]])
    soft = mean_soft(logits)
    found = even(soft, threshold, temperature)[0, :, 0].numpy()
    own = decide(soft[0, :, 0].numpy(), decision.raw_threshold)
    np.testing.assert_array_equal(found.argmax(axis=0), own)
    assert np.isfinite(found).all()
