"""What values the pixels of each class have, band by band, from an even sample of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.types import IGNORE, ClassIndex, Image

BINS = 64
QUANTILES = (0.1, 0.5, 0.9)
_SHOWN = (0.005, 0.995)  # quantiles of every group that a histogram spans
_MEMORY, _LEAST, _MOST = 2**19, 32, 2**15  # pixels kept: in all, and of a class of an image

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Kept:
    """Some valid pixels of one image.

    Args:
        values: (C, n) file values.
        groups: (n,) class index of each; K where it has no label.
        weights: (n,) how many pixels of its image and group each stands for.
    """

    values: NDArray[np.float32]
    groups: NDArray[np.uint8]
    weights: Numbers


@dataclass(frozen=True)
class BandHistogram:
    """Values of one band.

    Args:
        name: The band.
        edges: (BINS + 1,) edges of the bins, in file values.
        shares: (K + 1, BINS) share of each group's pixels in each bin; the last has no label.
        explained: Share of the variance that lies between classes (correlation ratio squared,
            Fisher 1925); NaN where fewer than two classes have pixels.
    """

    name: str
    edges: Numbers
    shares: Numbers
    explained: float


def pixels_to_keep(images: int, classes: int) -> int:
    """Pixels that are kept of each class of each image."""
    return int(np.clip(_MEMORY // max(images * (classes + 1), 1), _LEAST, _MOST))


def keep_pixels(image: Image, mask: ClassIndex, classes: int, keep: int) -> Kept:
    """An even sample of the valid pixels of each class, and of those without a label.

    Args:
        image: (C, H, W), NaN where invalid.
        mask: (H, W) class indices, `IGNORE` where unlabelled or invalid.
        classes: Number of classes K.
        keep: At most so many of each; see `pixels_to_keep`.
    """
    flat = image.reshape(len(image), -1)
    valid = ~np.isnan(flat).any(axis=0)
    groups = np.where(mask.reshape(-1) == IGNORE, classes, mask.reshape(-1)).astype(np.uint8)
    places, weights = [], []
    for group in range(classes + 1):
        here = np.flatnonzero(valid & (groups == group))
        # an odd step, or it would fall on the same columns again and again
        chosen = here if len(here) <= keep else here[:: -(-len(here) // keep) | 1]
        places.append(chosen)
        weights.append(np.full(len(chosen), len(here) / max(len(chosen), 1)))
    at = np.concatenate(places)
    return Kept(flat[:, at], groups[at], np.concatenate(weights))


@dataclass(frozen=True)
class PixelValues:
    """The pixels kept of all images; see `Kept`.

    Args:
        kept: They.
        bands: Names of the C bands.
        classes: Number of classes K.
    """

    kept: Kept
    bands: tuple[str, ...]
    classes: int

    @classmethod
    def of(cls, parts: Sequence[Kept], bands: Sequence[str], classes: int) -> PixelValues:
        """Those of several images together."""
        whole = Kept(
            np.concatenate([part.values for part in parts], axis=1),
            np.concatenate([part.groups for part in parts]),
            np.concatenate([part.weights for part in parts]),
        )
        return cls(whole, tuple(bands), classes)

    @property
    def groups(self) -> tuple[int, ...]:
        """Classes that have pixels, then K if some have no label."""
        return tuple(np.unique(self.kept.groups).tolist())

    def quantiles(self, at: Sequence[float] = QUANTILES) -> dict[int, Numbers]:
        """Of each group that has pixels: (C, len(at)) weighted quantiles of its values."""
        found = {}
        for group in self.groups:
            here = self.kept.groups == group
            found[group] = self._quantiles(here, at)
        return found

    def overall(self, at: Sequence[float]) -> Numbers:
        """(C, len(at)) weighted quantiles over all pixels."""
        return self._quantiles(np.ones(len(self.kept.groups), bool), at)

    def histograms(self) -> list[BandHistogram]:
        """One for each band, from the lowest quantile 0.005 of any group to the highest 0.995."""
        limits = np.stack(list(self.quantiles(_SHOWN).values()))  # (groups, C, 2)
        low, high = limits[..., 0].min(axis=0), limits[..., 1].max(axis=0)
        return [self._histogram(k, float(low[k]), float(high[k])) for k in range(len(self.bands))]

    def _histogram(self, band: int, low: float, high: float) -> BandHistogram:
        values = self.kept.values[band].astype(np.float64)
        edges = bin_edges(low, high, whole=bool((values == np.round(values)).all()))
        shares = np.zeros((self.classes + 1, len(edges) - 1))
        for group in self.groups:
            here = self.kept.groups == group
            counts, _ = np.histogram(values[here], edges, weights=self.kept.weights[here])
            shares[group] = counts / self.kept.weights[here].sum()
        return BandHistogram(self.bands[band], edges, shares, self._explained(values))

    def _explained(self, values: Numbers) -> float:
        labelled = self.kept.groups < self.classes
        if len(np.unique(self.kept.groups[labelled])) < 2:
            return float("nan")
        values, weights = values[labelled], self.kept.weights[labelled]
        groups = self.kept.groups[labelled]
        mean = np.average(values, weights=weights)
        total = float((weights * (values - mean) ** 2).sum())
        sizes = np.bincount(groups, weights)
        sums = np.bincount(groups, weights * values)
        held = sizes > 0
        between = float((sizes[held] * (sums[held] / sizes[held] - mean) ** 2).sum())
        return between / total if total > 0 else 0.0

    def _quantiles(self, here: NDArray[np.bool_], at: Sequence[float]) -> Numbers:
        values, weights = self.kept.values[:, here].astype(np.float64), self.kept.weights[here]
        return np.asarray(
            np.quantile(values, at, axis=1, weights=weights, method="inverted_cdf").T, np.float64
        )


def bin_edges(low: float, high: float, *, whole: bool) -> Numbers:
    """Edges of at most BINS bins of equal width; bins of whole numbers hold equally many each."""
    if not whole:
        room = (high - low) or max(abs(low), 1.0) * 1e-3
        return np.asarray(np.linspace(low, low + room, BINS + 1), np.float64)
    width = max(1, -(-int(high - low + 1) // BINS))
    count = max(1, -(-int(high - low + 1) // width))
    return low - 0.5 + width * np.arange(count + 1, dtype=np.float64)
