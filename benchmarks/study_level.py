"""False alarms and finds of comparisons, on made-up studies whose truth is known.

    PYTHONPATH=tests .venv/bin/python benchmarks/study_level.py [STUDIES]

Pooled IoU of about 0.7 from counts. Images differ by 0.1, configuration x image by 0.04, images of
one training by 0.03; seeds add 0.01 that all configurations share, and each training the noise that
the table says. The columns:

- any false alarm among all comparisons with a baseline, corrected, where all are equal (aim: 5 %);
- the truly best configuration, better by 0.001, is called surely worse than the best (aim: 5 %);
- a configuration that is better by 0.03, 0.05 or 0.08 is found among all comparisons;
- the 95 % interval of a single comparison holds the truth; and the same of plain percentiles of a
  bootstrap over seeds and images (Owen 2007), for comparison.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from mapwright.metrics.paired import difference, seed_noise
from mapwright.metrics.trials import of_hits
from mapwright.metrics.verdicts import holm
from studies import grouped, made_up

STUDIES = 2000
IOU = of_hits("IoU")
COLUMNS = [
    "configurations",
    "seeds",
    "images",
    "groups",
    "noise",
    "false alarm",
    "best dropped",
    "finds 0.03",
    "finds 0.05",
    "finds 0.08",
    "interval holds",
    "percentiles hold",
]
CASES = [  # configurations, seeds, images, groups
    (2, 1, 24, 0),
    (2, 2, 24, 0),
    (2, 3, 24, 0),
    (2, 5, 24, 0),
    (2, 3, 20, 5),
    (2, 3, 5, 0),
    (6, 1, 24, 0),
    (6, 3, 24, 0),
    (6, 3, 20, 5),
    (6, 3, 100, 0),
    (41, 1, 24, 0),
    (41, 3, 24, 0),
    (41, 3, 20, 5),
]


def main() -> None:
    """Print one row per kind of study."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES
    print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS))
    for case in CASES:
        for noise in (0.01, 0.02):
            number = studies if case[0] < 10 else studies // 4
            row(case, noise, number)


def row(case: tuple[int, int, int, int], noise: float, studies: int) -> None:
    """Print one row."""
    c = case[0]
    null = _counts(case, noise, studies, 0.0)
    alarms = (_against_first(null, case) < 0.05).any(axis=-1).mean()
    best = _counts(case, noise, studies, 0.001)
    lost = (_worse(best, case) * (c - 1) < 0.05).any(axis=-1).mean()
    found = [
        (_against_first(_counts(case, noise, studies, gain), case)[:, 0] < 0.05).mean()
        for gain in (0.03, 0.05, 0.08)
    ]
    shares = (alarms, lost, *found, _holds(null, case), _percentiles_hold(null[:500], case))
    cells = [*case, noise, *(f"{share:.3f}" for share in shares)]
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def _counts(
    case: tuple[int, int, int, int], noise: float, studies: int, gain: float
) -> NDArray[np.float64]:
    """Made-up studies whose second configuration is better."""
    better = np.zeros(case[0])
    better[1] = gain
    rng = np.random.default_rng(case)
    return made_up(rng, studies, case[:3], better=better, noise=noise, groups=case[3])


def _against_first(
    counts: NDArray[np.float64], case: tuple[int, int, int, int]
) -> NDArray[np.float64]:
    """(studies, C - 1) corrected p of every configuration against the first."""
    noise, groups = seed_noise(counts, IOU), grouped(case[2], case[3])
    pairs = ((0, k) for k in range(1, case[0]))
    p = [difference(counts, pair, groups, IOU, noise).apart() for pair in pairs]
    return holm(np.stack(p, axis=-1))


def _worse(counts: NDArray[np.float64], case: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """(studies, C - 1) one-sided p of the second configuration being worse than each other one."""
    noise, groups = seed_noise(counts, IOU), grouped(case[2], case[3])
    pairs = ((k, 1) for k in range(case[0]) if k != 1)
    return np.stack([difference(counts, p, groups, IOU, noise).below() for p in pairs], axis=-1)


def _holds(counts: NDArray[np.float64], case: tuple[int, int, int, int]) -> float:
    """Share of intervals of the first comparison that hold the truth, which is 0."""
    noise, groups = seed_noise(counts, IOU), grouped(case[2], case[3])
    one = difference(counts, (0, 1), groups, IOU, noise)
    return float((np.abs(one.value) <= one.reach(0.975)).mean())


def _percentiles_hold(counts: NDArray[np.float64], case: tuple[int, int, int, int]) -> float:
    """The same of plain percentiles of 400 draws of seeds and groups (Owen 2007)."""
    rng = np.random.default_rng(0)
    _, seeds, images, _ = case
    groups = grouped(images, case[3])
    member = (groups == np.arange(groups.max() + 1)[:, None]).astype(np.float64)
    n, held = len(member), []
    for study in counts[:, :2]:
        units = (member @ study).transpose(1, 2, 0, 3).reshape(seeds, n, -1)
        by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), 400)
        by_unit = rng.multinomial(n, np.full(n, 1 / n), 400)
        sums = np.einsum("ds,dn,snm->dm", by_seed, by_unit, units, optimize=True).reshape(-1, 2, 3)
        draws = IOU.of(sums[:, 1]) - IOU.of(sums[:, 0])
        low, high = np.quantile(draws, [0.025, 0.975])
        held.append(low <= 0 <= high)
    return float(np.mean(held))


if __name__ == "__main__":
    main()
