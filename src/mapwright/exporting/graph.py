"""What is written as ONNX: file values in, map out, for one network or an ensemble."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mapwright.bundle import Bundle
from mapwright.metrics.temperature import log_odds, temper_threshold
from mapwright.models.inputs import Look, SegmentationModel
from mapwright.onnxfile import Form

_ROUNDING = 4 * 2.0**-23  # of a value that was divided by 255 and multiplied again in float32
_SURE = 80.0  # log odds; further out nothing but 0 is left to the other class
_LIKELIER = 1e-6  # log odds that tell the likelier of two probabilities in single precision


class ExportGraph(nn.Module):
    """Scaling, validity, networks, their mean and the decision in one module.

    Args:
        members: The networks; their probabilities are averaged.
        form: What it gives.
        threshold: Of two classes, the second from this probability on.
        temperature: What calibrates probabilities; see `mapwright.metrics.temperature`. 1 = none.

    Shape:
        image (N, C, h, w) float32 -> what `form` says, presence (N,) and border (N, h, w) where it
        asks for them, then all channels (N, K, h, w) of each member, logits, with the border as the
        last where it is learnt; only the proof of equality looks at these.
    """

    marker: Tensor

    def __init__(
        self,
        members: Sequence[SegmentationModel],
        form: Form,
        threshold: float,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.form, self.threshold, self.temperature = form, threshold, temperature
        self.raw_threshold = temper_threshold(threshold, 1 / temperature)
        self.register_buffer("marker", torch.tensor(form.invalid, dtype=torch.uint8))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        first = self.members[0]
        assert isinstance(first, SegmentationModel)
        if self.form.output == "deepness" and first.inputs.nodata is not None:
            image = _restored(image, first.inputs.nodata)
        looks = [self._look(member, image) for member in self.members]  # type: ignore[arg-type]
        logits = [seen.logits for seen in looks]
        soft = logits[0].softmax(dim=1)
        for others in logits[1:]:
            soft = soft + others.softmax(dim=1)
        soft = soft / len(logits)
        invalid = first.inputs.invalid(image)[:, 0] | ~torch.isfinite(soft).all(dim=1)
        outputs = [self._result(soft, logits, invalid)]
        if self.form.presence:
            found = [seen.presence.sigmoid() for seen in looks if seen.presence is not None]
            empty = first.inputs.invalid(image).all(dim=3).all(dim=2)[:, 0]
            outputs.append(torch.where(empty, 0.0, torch.stack(found).mean(dim=0)))
        if self.form.border:
            borders = [seen.border.sigmoid() for seen in looks if seen.border is not None]
            outputs.append(torch.where(invalid, torch.nan, torch.stack(borders).mean(dim=0)))
        return *outputs, *(_channels(seen) for seen in looks)

    def _look(self, member: SegmentationModel, image: Tensor) -> Look:
        """What the member says, but padded so that the graph holds for any size it must."""
        height, width = image.shape[-2:]
        x = self._whole(member.inputs(image), member.stride)
        known = self._whole((~member.inputs.invalid(image)).float(), member.stride)
        return member.look(x, known, height, width, self.form.presence)

    def _whole(self, x: Tensor, stride: int) -> Tensor:
        height, width = x.shape[-2:]
        if self.form.dynamic:  # a fixed padding and a cut, since the amount is not known here
            x = nn.functional.pad(x, (0, stride - 1, 0, stride - 1))
            x = x[..., : (height + stride - 1) // stride * stride, :]
            x = x[..., : (width + stride - 1) // stride * stride]
        elif beyond := -self.form.tile % stride:
            x = nn.functional.pad(x, (0, beyond, 0, beyond))
        return x

    def _result(self, soft: Tensor, logits: Sequence[Tensor], invalid: Tensor) -> Tensor:
        """What the form asks for, of (N, K, h, w) raw probabilities and (N, h, w) bool."""
        if self.form.output == "mask":
            classes = torch.where(invalid, self.marker, self._decide(soft))
            return classes[0] if self.form.squeeze else classes
        invalid = invalid.unsqueeze(1)
        if self.form.output == "deepness":
            return torch.where(invalid, 0.0, self._even(soft))
        if self.form.output == "logits":
            cold = logits[0] if len(logits) == 1 else soft.log()
            return torch.where(invalid, torch.nan, self._scaled(cold))
        return torch.where(invalid, torch.nan, self._calibrated(soft))

    def _calibrated(self, soft: Tensor) -> Tensor:
        return soft if self.temperature == 1 else self._scaled(soft.log()).softmax(dim=1)

    def _scaled(self, logits: Tensor) -> Tensor:
        return logits if self.temperature == 1 else logits / self.temperature

    def _decide(self, soft: Tensor) -> Tensor:
        if soft.shape[1] == 2:
            return (soft[:, 1] >= self.raw_threshold).to(torch.uint8)
        return soft.argmax(dim=1).to(torch.uint8)

    def _even(self, soft: Tensor) -> Tensor:
        if soft.shape[1] != 2:
            return self._calibrated(soft)
        return even(soft, self.threshold, self.temperature)


def even(soft: Tensor, threshold: float, temperature: float) -> Tensor:
    """Calibrate two classes and shift their odds so that the threshold comes to lie at one half.

    The log odds of a probability are divided by the temperature, those of the threshold are taken
    away: as logarithms neither is rounded to 0 or 1. Which class is the likelier one is said by the
    very comparison that masks are made by, so that no rounding has a say in it.

    Args:
        soft: (N, 2, h, w) float32 probabilities before calibration.
        threshold: Of calibrated ones, the second class from this on; 0 and 1 are allowed.
        temperature: What calibrates them.

    Returns:
        (N, 2, h, w) float32. The second is above one half, by 2e-7 at least, exactly where the
        model decides for it, and else at one half or below.
    """
    first, second = soft.unbind(dim=1)
    odds = (second.log() - first.log()) / temperature - log_odds(threshold)
    chosen = second >= temper_threshold(threshold, 1 / temperature)
    odds = torch.where(chosen, odds.clamp(_LIKELIER, _SURE), odds.clamp(-_SURE, 0.0))
    return torch.stack([torch.zeros_like(odds), odds], dim=1).softmax(dim=1)


def graph_of(bundle: Bundle, form: Form) -> ExportGraph:
    """What is written of a model, in evaluation mode."""
    decision = bundle.decision
    graph = ExportGraph(bundle.networks(), form, decision.threshold, decision.temperature)
    return graph.eval()


def _channels(seen: Look) -> Tensor:
    """(N, K, h, w) the channels as they came from the network."""
    if seen.border is None:
        return seen.logits
    return torch.cat([seen.logits, seen.border.unsqueeze(1)], dim=1)


def _restored(image: Tensor, nodata: float) -> Tensor:
    """Values that are the nodata value but for rounding become it."""
    if math.isnan(nodata):
        return image
    return torch.where((image - nodata).abs() <= _ROUNDING * abs(nodata), nodata, image)
