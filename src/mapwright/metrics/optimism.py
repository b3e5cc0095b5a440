"""What a way to divide the data promises, against what new ground then shows.

Training and validation tiles that lie side by side share soil, light and the habits of whoever drew
the masks, so a model that has learnt a place by heart looks as if it knew the class (Roberts et
al. 2017, "Cross-validation strategies for data with temporal, spatial, hierarchical, or
phylogenetic structure", Ecography 40; Ploton et al. 2020, "Spatial validation reveals poor
predictive performance of large-scale ecological mapping models", Nature Communications 11). Here
each training scores twice: on what its division held out, and on ground that lay apart from the
beginning. What the first score is above the second is what the division flatters.

Both scores are of the same trainings, so neither the amount of training data nor luck with a seed
stands between them. They are of different pixels, so they are not paired by image. What is drawn
at random is ground: a unit of it (a scene, or a block of one) gives all its pixels to both scores,
here as held out, there as apart, and the delete-one jackknife leaves it out of both. Variance from
seeds and degrees of freedom are as in `mapwright.metrics.paired`.

Whether new ground is the question is another matter. Where labels were drawn at random from the
very area that is to be mapped, held-out samples estimate the accuracy of that map without bias, and
holding out blocks is too strict (Wadoux et al. 2021, "Spatial cross-validation is not the right
way to evaluate map accuracy", Ecological Modelling 457).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from mapwright.metrics.paired import Difference, Noise, difference, seed_noise
from mapwright.metrics.trials import NOISE, Measure, Trials, Values, collect
from mapwright.metrics.undefined import without_nan
from mapwright.metrics.verdicts import LEVEL, POWER, holm

SHARED_NOISE = NOISE / 2
"""Standard deviation that is assumed, until measured, of the two scores of the same trainings."""

_SPLITS = {
    "tiles": "a random split of tiles",
    "block": "a split by blocks",
    "scene": "a split by scenes",
}

Said = Literal["flattered", "too modest", "no detectable difference", "can't be judged"]


@dataclass(frozen=True)
class Promise:
    """What a division of the data shows, and what ground apart shows of the same trainings.

    Args:
        split: How the data were divided: `tiles`, `block` or `scene`.
        measure: The score, in words.
        shown: The score on what the division held out.
        kept: The score on ground that lay apart.
        difference: The former less the latter.
        interval: 95 % interval of the difference, for this division alone.
        p: Two-sided, corrected for all divisions that are looked at (Holm 1979).
        units: Pieces of ground that were drawn: scenes, groups of them, or blocks.
        trainings: Times that all ground was learnt from anew: seeds and repeated divisions.
        detectable: The smallest difference that would be found with a chance of 80 %.
        verdict: In words.
    """

    split: str
    measure: str
    shown: float
    kept: float
    difference: float
    interval: tuple[float, float]
    p: float
    units: int
    trainings: int
    detectable: float
    verdict: Said

    def sentence(self, apart: str) -> str:
        """What was promised, what was kept, and the verdict.

        Args:
            apart: What lay apart: `scene` or `block`.
        """
        low, high = self.interval
        about = f"({_two(low)} to {_two(high)})"
        said = {
            "flattered": f"flattered by {_two(self.difference)} {about}",
            "too modest": f"too modest by {_two(-self.difference)} ({_two(-high)} to {_two(-low)})",
            "no detectable difference": f"no detectable difference {about}; "
            f"one below {self.detectable:.2f} may be missed",
            "can't be judged": "too little was scored to say more",
        }[self.verdict]
        return (
            f"{_SPLITS[self.split]} would have shown {_two(self.shown)} {self.measure} where "
            f"unseen {apart}s show {_two(self.kept)}: {said}"
        )

    def plain(self) -> dict[str, Any]:
        """The promise as JSON-able built-in types; None where a value is not defined."""
        plain: dict[str, Any] = without_nan(asdict(self))
        return plain


def promises(
    tables: Mapping[str, tuple[Values, Values]], measure: Measure, level: float = LEVEL
) -> tuple[Promise, ...]:
    """Judge what divisions promise.

    Args:
        tables: For each division what it showed and what ground apart showed: (S, U, *shape) counts
            by training and unit of ground each, 0 where a unit has no pixel, NaN throughout a
            training that is not there; see `collect`.
        measure: The score.
        level: Of the intervals, and of what is called flattered.

    Returns:
        One entry for each division, in their order.
    """
    names = [(split, part) for split in tables for part in ("shown", "kept")]
    counts = {f"{split} {part}": tables[split][part == "kept"] for split, part in names}
    trials = collect(counts, replace(measure, noise=min(measure.noise, SHARED_NOISE)))
    noise = seed_noise(trials.cells, trials.measure)
    pairs = [(2 * k + 1, 2 * k) for k in range(len(tables))]
    found = [_apart(trials, pair, noise) for pair in pairs]
    judged = np.array([bool(np.isfinite(one.error) & np.isfinite(one.value)) for one in found])
    corrected = np.ones(len(found))
    if judged.any():
        corrected[judged] = holm(np.array([one.apart() for one in found])[judged])
    return tuple(
        _promise(split, measure, tables[split], one, float(p), int(judged.sum()), level)
        for split, one, p in zip(tables, found, corrected, strict=True)
    )


def _apart(trials: Trials, pair: tuple[int, int], noise: Noise) -> Difference:
    """The difference of two scores over the units that give pixels to either."""
    held = np.nan_to_num(trials.cells[list(pair)]).any(axis=(0, 1, 3))
    cells, groups = trials.cells[:, :, held], trials.groups[held]
    return difference(cells, pair, groups, trials.measure, replace(noise, images=int(held.sum())))


def _promise(
    split: str,
    measure: Measure,
    pair: Sequence[Values],
    found: Difference,
    p: float,
    comparisons: int,
    level: float,
) -> Promise:
    trained = ~np.isnan(pair[0].reshape(len(pair[0]), -1)[:, 0])
    tables = [table[trained] for table in pair]
    pooled = [table.reshape(-1, *table.shape[2:]).sum(axis=0) for table in tables]
    shown, kept = (float(measure.score(counts)) for counts in pooled)
    one = 1 - (1 - level) / 2
    reach = float(found.reach(one))
    all_of_them = 1 - (1 - level) / 2 / max(comparisons, 1)
    held = np.any([table.reshape(*table.shape[:2], -1).any(axis=(0, 2)) for table in tables], 0)
    return Promise(
        split=split,
        measure=measure.name,
        shown=shown,
        kept=kept,
        difference=float(found.value),
        interval=(float(found.value) - reach, float(found.value) + reach),
        p=p,
        units=int(held.sum()),
        trainings=int(trained.sum()),
        detectable=float(found.reach(all_of_them) + found.reach(POWER)),
        verdict=_verdict(float(found.value), float(found.error), p, level),
    )


def _two(value: float) -> str:
    """Two digits behind the point, and no minus before zero."""
    return f"{round(value, 2) + 0.0:.2f}"


def _verdict(value: float, error: float, p: float, level: float) -> Said:
    if not np.isfinite([value, error]).all():
        return "can't be judged"
    if p >= 1 - level:
        return "no detectable difference"
    return "flattered" if value > 0 else "too modest"
