"""The proof that an exported graph is its model: the same tiles through both.

Logits may differ by at most 1e-4 times the largest of a tile (or 1, if that is larger), as float32
sums in another order do. Classes must be equal wherever the decision is clear by more than twice
that, and invalid pixels everywhere. It holds for the tiles that were tried, and says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mapwright.bundle import Bundle
from mapwright.card import Decision
from mapwright.errors import ExportError
from mapwright.exporting.trials import REACH, Trial
from mapwright.metrics.temperature import log_odds, temper
from mapwright.onnxfile import Form, reason_of
from mapwright.predict.pipeline import decide
from mapwright.predict.torch_engine import TorchEngine
from mapwright.types import IGNORE, ClassIndex, Image, Probabilities

_SURE = 700.0  # log odds that double precision can raise
TOLERANCE = 1e-4
"""Of the largest logit of a tile, or of 1: what the logits of two engines may differ by."""

_ROUNDING = 2.0**-22  # the share of a probability that rounding may change: near 1, all of the rest


@dataclass(frozen=True)
class Agreement:
    """How well graph and model agreed on tiles of one kind.

    Args:
        tiles: Number of tiles.
        pixels: Their pixels.
        largest_logit: Largest absolute logit of the model.
        largest_difference: Largest absolute difference of two logits.
        largest_share: The largest difference of a tile, by what it may be.
        close: Pixels whose decision is too close to demand equality.
        unequal: How many of those came out otherwise.
    """

    tiles: int = 0
    pixels: int = 0
    largest_logit: float = 0.0
    largest_difference: float = 0.0
    largest_share: float = 0.0
    close: int = 0
    unequal: int = 0

    def joined(self, other: Agreement) -> Agreement:
        """Both together."""
        mine, theirs = asdict(self), asdict(other)
        return Agreement(
            **{
                key: max(mine[key], theirs[key])
                if key.startswith("largest")
                else mine[key] + theirs[key]
                for key in mine
            }
        )


@dataclass(frozen=True)
class Proof:
    """What was looked at, and how well it agreed.

    Args:
        kinds: By kind of tile: `real`, `edge`, `random`.
        real: Where the real ones come from, in words.
        sizes: Heights and widths looked at, in pixels.
    """

    kinds: dict[str, Agreement]
    real: str
    sizes: tuple[tuple[int, int], ...]

    def plain(self) -> dict[str, Any]:
        """The proof as JSON-able built-in types."""
        tolerance = f"{TOLERANCE:g} * max(1, max |logit|)"
        return {**asdict(self), "tolerance": tolerance, "reach": REACH}


class Judge:
    """Holds graphs against a model.

    Args:
        bundle: The model.
        form: What the graph gives.
    """

    def __init__(self, bundle: Bundle, form: Form) -> None:
        self._form, self._decision = form, bundle.decision
        self._networks = bundle.networks()
        self._engine = TorchEngine(self._networks, len(bundle.spec.classes))

    def prove(self, graph: Any, proving: Any, trials: Sequence[Trial], real: str) -> Proof:
        """Run every tile through model and graph.

        Args:
            graph: ONNX Runtime session of the graph that is to leave.
            proving: Session of the same nodes with the logits as further outputs.
            trials: The tiles.
            real: Where the real ones come from, in words.

        Raises:
            ExportError: They don't agree, or the graph can't run.
        """
        sizes = tuple(dict.fromkeys(trial.tile.shape[1:] for trial in trials))
        kinds = dict.fromkeys(("real", "edge", "random"), Agreement())
        for trial in trials:
            names, outputs = self._form.outputs, self._run(graph, trial, trial.tile[None])
            channels = self._run(proving, trial, trial.tile[None])[len(names) :]
            agreed = self._compare(trial, outputs[0], channels)
            kinds[trial.kind] = kinds[trial.kind].joined(agreed)
            for name, found in zip(names[1:], outputs[1:], strict=True):
                self._require_same(trial, name, found[0], agreed)
        if not self._form.squeeze:
            self._require_batches(graph, [t for t in trials if t.tile.shape[1:] == sizes[0]])
        return Proof(kinds, real, sizes)

    def _compare(
        self, trial: Trial, found: NDArray[Any], channels: Sequence[NDArray[Any]]
    ) -> Agreement:
        """How well they agree on one tile."""
        expected = self._channels(trial.tile)
        largest = float(max(np.abs(part[np.isfinite(part)]).max(initial=0) for part in expected))
        allowed = TOLERANCE * max(1.0, largest)
        difference = _difference(expected, channels)
        if difference > allowed:
            what = f"a logit differs by {difference:.3g}"
            raise self._unequal(trial, what, f"at most {allowed:.3g}")
        own = [part[: self._engine.classes] for part in expected]
        classes, margin = self._classes(trial.tile, own)
        self._require_soft(trial, found, allowed)
        given = given_classes(found, self._form, self._decision.threshold)
        marker = self._form.invalid if self._form.output == "mask" else IGNORE
        unequal = given != np.where(classes == IGNORE, marker, classes)
        clear = (margin > 2 * allowed) | (classes == IGNORE) | (given == IGNORE)
        if wrong := int((unequal & clear).sum()):
            what = f"{wrong} of {clear.size} pixels have another class or validity"
            raise self._unequal(trial, what, "the same wherever the decision is clear")
        return Agreement(
            tiles=1,
            pixels=classes.size,
            largest_logit=largest,
            largest_difference=difference,
            largest_share=difference / allowed,
            close=int((~clear).sum()),
            unequal=int(unequal.sum()),
        )

    @torch.inference_mode()
    def _channels(self, tile: Image) -> list[NDArray[np.float32]]:
        """(K, h, w) logits of each member; where objects touch is one of them, if it is learnt."""
        batch = torch.from_numpy(tile[None]).contiguous(memory_format=torch.channels_last)
        return [network.channels(batch)[0].numpy() for network in self._networks]

    def _classes(
        self, tile: Image, logits: Sequence[NDArray[np.float32]]
    ) -> tuple[ClassIndex, NDArray[np.float64]]:
        """What the model says of a tile, and how clear each decision is, in logits."""
        soft = self._engine.probabilities(tile[None])[0]
        classes = decide(soft, self._decision.raw_threshold)
        classes[self._invalid(tile)] = IGNORE
        decided = self._form.decides(self._engine.classes)
        return classes, _margin(logits, self._decision, decided)

    def _require_soft(self, trial: Trial, found: NDArray[Any], allowed: float) -> None:
        """Probabilities are those of the model, calibrated.

        They differ by half of what logits differ by, at most, and these are divided by the
        temperature.
        """
        if self._form.output == "mask":
            return
        raw, decision = self._engine.probabilities(trial.tile[None])[0], self._decision
        given = _softmax(found[0]) if self._form.output == "logits" else found[0]
        valid = ~self._invalid(trial.tile) & np.isfinite(given).all(axis=0)
        soft: NDArray[Any] = temper(raw, decision.temperature)
        if self._form.decides(len(raw)):
            soft = _shifted(raw, decision)
            valid &= abs(raw[1] - decision.raw_threshold) > _ROUNDING * raw[1]
        difference = float(np.abs(given - soft)[:, valid].max(initial=0))
        allowed *= max(1.0, 1 / decision.temperature)
        if difference > allowed:
            what = f"a probability differs by {difference:.3g}"
            raise self._unequal(trial, what, f"at most {allowed:.3g}")

    def _require_same(
        self, trial: Trial, name: str, found: NDArray[Any], agreed: Agreement
    ) -> None:
        """The gate says the same, to the tolerance of logits of 1, and borders to that of theirs.

        A probability differs by a quarter of what its logit differs by, at most.
        """
        seen, allowed = np.asarray(getattr(self._engine.look(trial.tile[None]), name)[0]), TOLERANCE
        if name == "border":
            seen = np.where(self._invalid(trial.tile), np.float32(np.nan), seen)
            allowed *= max(1.0, agreed.largest_logit)
        difference = _difference([seen], [found[None]])
        if difference > allowed:
            what = f"{name} differs by {difference:.3g}"
            raise self._unequal(trial, what, f"at most {allowed:.3g}")

    def _invalid(self, tile: Image) -> NDArray[np.bool_]:
        """(h, w) bool, True where the model says nothing of a pixel."""
        soft = self._engine.probabilities(tile[None])[0]
        invalid = self._networks[0].inputs.invalid(torch.from_numpy(tile[None]))[0, 0].numpy()
        return np.asarray(invalid | ~np.isfinite(soft).all(axis=0))

    def _require_batches(self, graph: Any, trials: Sequence[Trial]) -> None:
        """Several tiles at a time give what each gives alone."""
        few = trials[:3]
        together = self._run(graph, few[0], np.stack([trial.tile for trial in few]))[0]
        for trial, found in zip(few, together, strict=True):
            alone = self._run(graph, trial, trial.tile[None])[0][0]
            if not np.allclose(alone, found, rtol=1e-3, atol=1e-3, equal_nan=True):
                raise self._unequal(trial, "it differs when others stand beside it", "the same")

    def _run(self, session: Any, trial: Trial, batch: NDArray[np.float32]) -> list[NDArray[Any]]:
        try:
            found: list[NDArray[Any]] = session.run(None, {"image": batch})
            return found
        except Exception as error:  # the runtime's exceptions share no other base class
            what = f"ONNX Runtime can't run it: {reason_of(error)}"
            raise self._unequal(trial, what, "a map") from error

    def _unequal(self, trial: Trial, what: str, expected: str) -> ExportError:
        height, width = trial.tile.shape[1:]
        tile = self._form.tile
        fixed = self._form.dynamic and (height, width) != (tile, tile)
        return ExportError(
            f"the exported graph is not the model, so no file is written: {what}",
            where=f"{trial.kind} tile ({trial.name}), {height} x {width} pixels",
            expected=expected,
            fix=f"the graph holds for {tile} x {tile} pixels only: leave --dynamic out"
            if fixed
            else "train with another architecture or encoder, and tell us of this one",
        )


def given_classes(found: NDArray[Any], form: Form, threshold: float) -> ClassIndex:
    """What a graph says of one tile.

    Args:
        found: Its output for N = 1.
        form: What that output is.
        threshold: Of two classes, the second from this probability on.

    Returns:
        (h, w) uint8 class indices, `IGNORE` where invalid, as far as the form tells.
    """
    if form.output == "mask":
        return np.asarray(found if form.squeeze else found[0], np.uint8)
    soft: Probabilities = found[0]
    if form.output == "deepness":
        invalid, classes = soft.max(axis=0) == 0, soft.argmax(axis=0)
    else:
        invalid = np.isnan(soft).any(axis=0)
        if form.output == "logits":
            soft = _softmax(soft)
        classes = decide(np.where(invalid, np.float32(0), soft), threshold)
    return np.where(invalid, IGNORE, classes).astype(np.uint8)


def _shifted(soft: Probabilities, decision: Decision) -> NDArray[np.float64]:
    """(2, h, w) what `mapwright.exporting.graph.even` is to give, in double precision."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = np.log(soft.astype(np.float64))
        odds = (second - first) / decision.temperature - log_odds(decision.threshold)
    chosen = soft[1] >= decision.raw_threshold
    odds = np.where(chosen, np.clip(odds, 0, _SURE), np.clip(odds, -_SURE, 0))
    return _softmax(np.stack([np.zeros_like(odds), odds]))


def _margin(
    logits: Sequence[NDArray[np.float32]], decision: Decision, decided: bool
) -> NDArray[np.float64]:
    """(h, w) how far the decision is from another one: a difference of log probabilities.

    Less what single precision rounds off of probabilities before calibration and, where these are
    given and nothing is `decided` yet, after it.
    """
    threshold, temperature = decision.raw_threshold, decision.temperature
    soft = np.mean([_softmax(part.astype(np.float64)) for part in logits], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(soft)
        if len(soft) != 2:
            best = np.sort(log, axis=0)
            return np.asarray(best[-1] - best[-2] - _ROUNDING * temperature)
        rest = 1 - threshold  # a share of p is, of its odds, that share by 1 - p
        if not decided:
            rest = min(rest, (1 - decision.threshold) / temperature)
        rounding = _ROUNDING / rest if rest else np.inf
        return np.asarray(np.abs(log[1] - log[0] - log_odds(threshold)) - rounding)


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    raised = np.exp(logits - logits.max(axis=0))
    return np.asarray(raised / raised.sum(axis=0))


def _difference(expected: Sequence[NDArray[np.float32]], found: Sequence[NDArray[Any]]) -> float:
    """Largest absolute difference; infinite where only one of two is a number."""
    largest = 0.0
    for one, (other,) in zip(expected, found, strict=True):
        numbers = np.isfinite(one) & np.isfinite(other)
        if not np.array_equal(np.isfinite(one), np.isfinite(other)):
            return float("inf")
        largest = max(largest, float(np.abs(one - other)[numbers].max(initial=0)))
    return largest
