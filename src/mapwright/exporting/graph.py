"""What is written as ONNX: file values in, map out, for one network or an ensemble."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mapwright.models.inputs import SegmentationModel
from mapwright.onnxfile import Form

_ROUNDING = 4 * 2.0**-23  # of a value that was divided by 255 and multiplied again in float32
_EXTREME = 1e-6  # thresholds nearer to 0 or 1 are taken for this


class ExportGraph(nn.Module):
    """Scaling, validity, networks, their mean and the decision in one module.

    Args:
        members: The networks; their probabilities are averaged.
        form: What it gives.
        threshold: Of two classes, the second from this probability on.

    Shape:
        image (N, C, h, w) float32 -> what `form` says, presence (N,) where it asks for it, then
        the logits (N, K, h, w) of each member, which only the proof of equality looks at.
    """

    marker: Tensor

    def __init__(self, members: Sequence[SegmentationModel], form: Form, threshold: float) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.form, self.threshold = form, threshold
        self.register_buffer("marker", torch.tensor(form.invalid, dtype=torch.uint8))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        first = self.members[0]
        assert isinstance(first, SegmentationModel)
        if self.form.output == "deepness" and first.inputs.nodata is not None:
            image = _restored(image, first.inputs.nodata)
        looks = [self._look(member, image) for member in self.members]  # type: ignore[arg-type]
        logits = [found for found, _ in looks]
        soft = logits[0].softmax(dim=1)
        for others in logits[1:]:
            soft = soft + others.softmax(dim=1)
        soft = soft / len(logits)
        invalid = first.inputs.invalid(image)[:, 0] | ~torch.isfinite(soft).all(dim=1)
        result = self._result(soft, logits, invalid)
        if not self.form.presence:
            return result, *logits
        seen = torch.stack([presence.sigmoid() for _, presence in looks if presence is not None])
        empty = first.inputs.invalid(image).all(dim=3).all(dim=2)[:, 0]
        return result, torch.where(empty, 0.0, seen.mean(dim=0)), *logits

    def _look(self, member: SegmentationModel, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits and, where the form asks for it, presence.

        As the member itself, but padded so that the graph holds for any size it must.
        """
        x, stride = member.inputs(image), member.stride
        height, width = image.shape[-2:]
        if self.form.dynamic:  # a fixed padding and a cut, since the amount is not known here
            x = nn.functional.pad(x, (0, stride - 1, 0, stride - 1))
            x = x[..., : (height + stride - 1) // stride * stride, :]
            x = x[..., : (width + stride - 1) // stride * stride]
        elif beyond := -self.form.tile % stride:
            x = nn.functional.pad(x, (0, beyond, 0, beyond))
        if self.form.presence:
            return member.look(x, height, width)
        logits: Tensor = member.network(x)
        return logits[..., :height, :width], None

    def _result(self, soft: Tensor, logits: Sequence[Tensor], invalid: Tensor) -> Tensor:
        """What the form asks for, of (N, K, h, w) probabilities and (N, h, w) bool."""
        if self.form.output == "mask":
            classes = torch.where(invalid, self.marker, self._decide(soft))
            return classes[0] if self.form.squeeze else classes
        invalid = invalid.unsqueeze(1)
        if self.form.output == "deepness":
            return torch.where(invalid, 0.0, self._even(soft))
        if self.form.output == "logits":
            soft = logits[0] if len(logits) == 1 else soft.log()
        return torch.where(invalid, torch.nan, soft)

    def _decide(self, soft: Tensor) -> Tensor:
        if soft.shape[1] == 2:
            return (soft[:, 1] >= self.threshold).to(torch.uint8)
        return soft.argmax(dim=1).to(torch.uint8)

    def _even(self, soft: Tensor) -> Tensor:
        """Of two classes, shift the odds so that the threshold comes to lie at one half."""
        if soft.shape[1] != 2:
            return soft
        t = min(max(self.threshold, _EXTREME), 1 - _EXTREME)
        weighed = soft * torch.tensor([t, 1 - t]).view(1, 2, 1, 1)
        return weighed / weighed.sum(dim=1, keepdim=True)


def _restored(image: Tensor, nodata: float) -> Tensor:
    """Values that are the nodata value but for rounding become it."""
    if math.isnan(nodata):
        return image
    return torch.where((image - nodata).abs() <= _ROUNDING * abs(nodata), nodata, image)
