"""Which temperature calibrates probabilities, and whether any does: from held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mapwright.metrics.soft_counts import Points, Soft, pooled
from mapwright.metrics.temperature import at_end, best_temperature, cross_fitted, nll_sums


@dataclass(frozen=True)
class Chosen:
    """What was found.

    Args:
        temperature: The one for new images, fitted on all parts; 1 where scaling can't be judged
            or did no good.
        parts: For each part the one that was fitted on the others.
        reason: Why, in words.
    """

    temperature: float
    parts: tuple[float, ...]
    reason: str


def choose_temperature(parts: Sequence[Sequence[Soft]], members: int = 1) -> Chosen:
    """Fit the temperature on held-out images in parts that are independent of each other.

    It is kept only where scaling each part by what was fitted on the others makes the truth more
    likely: a temperature that does no good there would do none on new images.

    New images are given the mean of all members, which is less sure of itself and asks for a lower
    temperature than the members do one by one: by 3, 12 and 22 % for five members whose noise
    correlates by 0.99, 0.95 and 0.90; where they differ that much, scaling does more harm than good
    (`benchmarks/README.md`). How alike they are on new images can't be measured here, since all
    members but one have learnt from each image; so the temperature is not corrected, and the reason
    says so. Scaling members before they are averaged, or averaging logits, leaves less of the error
    but not none, and would make other maps of every model file.

    Args:
        parts: What was kept of the images of each part, such as those that one fold held out.
        members: Networks whose probabilities are averaged on new images; each part is one's own.
    """
    points = [pooled(part) for part in parts]
    untouched = (1.0,) * len(parts)
    if reason := _impossible(points):
        return Chosen(1.0, untouched, f"not calibrated: {reason}")
    sums = [nll_sums(part) for part in points]
    pixels = sum(float(part.weight.sum()) for part in points)
    fitted, temperature = cross_fitted(sums), best_temperature(np.sum(sums, axis=0))
    raw, scaled = (
        sum(float(nll_sums(part, np.array([t]))[0]) for part, t in zip(points, ts, strict=True))
        / pixels
        for ts in (untouched, fitted)
    )
    images = sum(map(len, parts))
    found = f"{temperature:.2f} on {images:,} held-out images, {pixels:,.0f} pixels"
    likelihood = (
        f"mean negative log-likelihood {raw:.4f}, and {scaled:.4f} where each image is scaled by "
        "what was fitted on others"
    )
    if not scaled < raw:
        return Chosen(1.0, untouched, f"not calibrated: the best would be {found}: {likelihood}")
    reason = f"the likeliest on {images:,} held-out images, {pixels:,.0f} pixels: {likelihood}"
    if at_end(temperature):
        reason += "; it is the last that is tried, so a further one might be better still"
    if members > 1:
        reason += (
            f"; fitted on {members} members one by one, whose mean, which maps of new images are "
            "made from, is less sure of itself and asks for a lower one: by 3 to 22 % in a "
            "simulation of five members whose noise correlates by 0.99 to 0.90; by how much here, "
            "only images that no member has seen could say"
        )
    return Chosen(temperature, tuple(fitted), reason)


def _impossible(parts: Sequence[Points]) -> str:
    """Why nothing can be fitted and judged; empty where it can."""
    known = [part for part in parts if len(part.truth)]
    if not known:
        return "no held-out pixel has a label"
    if len(known) < 2:
        return (
            "that takes two independent held-out images, or groups of them, one to fit and one to "
            "judge"
        )
    if len(np.unique(np.concatenate([part.truth for part in known]))) < 2:
        return "all held-out pixels are of one class"
    return ""
