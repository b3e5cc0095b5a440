"""What the configurations of a study scored: one cell per configuration, seed and image.

A pooled score, such as IoU, is no mean of the scores of images. A cell therefore holds counts that
are added up before the score is formed; a plain value is a count of one with its sum.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import SettingError
from mapwright.metrics import confusion as cm

Values = NDArray[np.float64]

NOISE = 0.02
"""Standard deviation of a score between seeds that is assumed until it is measured."""


@dataclass(frozen=True)
class Measure:
    """A score of counts that are added up; more is better.

    Args:
        name: In words: `IoU of roof`.
        score: Takes (..., *shape) sums of counts, gives (...) scores; NaN where undefined.
        shape: Shape of the counts in one cell; () = a plain value, of which the mean is taken.
        noise: Standard deviation of the score of one configuration between seeds, all images
            together, that is assumed until it is measured; above 0. The default suits scores from
            0 to 1 over tens of images. Thousands of images need less, and so do configurations that
            share their trainings, such as two thresholds.
    """

    name: str
    score: Callable[[Values], Values]
    shape: tuple[int, ...]
    noise: float = NOISE

    def of(self, sums: Values) -> Values:
        """The score of (..., m) sums, as `Trials.cells` holds them."""
        return self.score(sums.reshape(*sums.shape[:-1], *(self.shape or (2,))))


def of_class(
    name: str,
    formula: Callable[[Values], Values],
    k: int,
    classes: int,
    *,
    noise: float = NOISE,
) -> Measure:
    """A score of one class from (K, K) counts.

    Args:
        name: In words: `F1 of water`.
        formula: Gives one score per class, such as `confusion.iou`.
        k: The class.
        classes: Number of classes K.
        noise: See `Measure`.
    """
    return Measure(name, lambda counts: formula(counts)[..., k], (classes, classes), noise)


def of_all(
    name: str, formula: Callable[[Values], Values], classes: int, *, noise: float = NOISE
) -> Measure:
    """A score of all classes from (K, K) counts, such as `confusion.mean_iou` or `accuracy`."""
    return Measure(name, formula, (classes, classes), noise)


def of_hits(name: str, weight: float = 1, *, noise: float = NOISE) -> Measure:
    """A score of one class from (3,) counts: true positives, false positives, false negatives.

    Args:
        name: In words: `IoU of roof`.
        weight: Of the true positives: 1 gives IoU, 2 gives F1 (= Dice).
        noise: See `Measure`.
    """
    weights = np.array([weight, 1, 1])

    def score(hits: Values) -> Values:
        return cm.ratio(weight * hits[..., 0], (hits * weights).sum(-1))

    return Measure(name, score, (3,), noise)


def of_values(name: str, *, noise: float = NOISE) -> Measure:
    """The mean of one plain value per seed and image."""
    return Measure(name, lambda sums: cm.ratio(sums[..., 0], sums[..., 1]), (), noise)


@dataclass(frozen=True)
class Trials:
    """The cells of a study; build it with `collect`.

    Args:
        names: The configurations.
        cells: (C, S, N, m) float64: configurations, seeds, images, counts; NaN where a
            configuration has not scored an image under a seed.
        groups: (N,) index of the group of each image; images of one group, such as those of a
            place, are no independent draws.
        measure: The score that the configurations are judged by.
    """

    names: tuple[str, ...]
    cells: Values
    groups: NDArray[np.intp]
    measure: Measure

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(C, S, N) bool: cells that hold counts."""
        return np.asarray(~np.isnan(self.cells[..., 0]))

    def only(self, names: Sequence[str]) -> Trials:
        """The same study with these configurations alone."""
        which = [self.index(name) for name in names]
        return Trials(tuple(names), self.cells[which], self.groups, self.measure)

    def index(self, name: str) -> int:
        """Where a configuration stands."""
        if name not in self.names:
            raise SettingError(
                f"there is no configuration '{name}'",
                where="the study",
                expected="one of " + ", ".join(self.names),
            )
        return self.names.index(name)


def collect(
    tables: Mapping[str, NDArray[np.generic]],
    measure: Measure,
    groups: Sequence[str] | None = None,
) -> Trials:
    """Tables of configurations become one study.

    Args:
        tables: Name of each configuration to (S, N, *shape) counts, or values, by seed and image;
            seeds and images stand in the same order in all of them. What is not there is NaN;
            seeds that a configuration lacks at the end may be left out.
        measure: The score.
        groups: The group of each image, such as its place; None = each image is its own.

    Returns:
        The study.

    Raises:
        SettingError: If tables don't fit one another, the measure or the groups.
    """
    if not tables:
        raise SettingError("a study without configurations", expected="one table or more")
    arrays = {name: _checked(name, table, measure) for name, table in tables.items()}
    images = {name: table.shape[1] for name, table in arrays.items()}
    if len(set(images.values())) > 1:
        raise SettingError(
            "configurations have different numbers of images",
            where=", ".join(f"{name}: {n}" for name, n in images.items()),
            expected="the same images in the same order; NaN where one was not scored",
        )
    n = next(iter(images.values()))
    if groups is not None and len(groups) != n:
        raise SettingError(f"{len(groups)} groups for {n} images", expected="one for each image")
    seeds = max(len(table) for table in arrays.values())
    if not seeds or not n:
        raise SettingError(f"tables of {seeds} seeds and {n} images", expected="1 or more of each")
    cells = np.stack([_padded(table, seeds) for table in arrays.values()])
    labels = np.arange(n) if groups is None else np.unique(list(groups), return_inverse=True)[1]
    return Trials(tuple(arrays), cells, labels.astype(np.intp), measure)


def _checked(name: str, table: NDArray[np.generic], measure: Measure) -> Values:
    """(S, N, m) cells of one configuration."""
    cells = np.asarray(table, np.float64)
    if cells.ndim != 2 + len(measure.shape) or cells.shape[2:] != measure.shape:
        sizes = ", ".join(["seeds", "images", *map(str, measure.shape)])
        raise SettingError(
            f"a table of shape {cells.shape}", where=name, expected=f"({sizes}) for {measure.name}"
        )
    if not measure.shape:
        cells = np.stack([cells, np.where(np.isnan(cells), np.nan, 1)], axis=-1)
    flat = cells.reshape(*cells.shape[:2], math.prod(measure.shape or (2,)))
    gone = np.isnan(flat)
    if np.isinf(flat).any() or (gone.any(axis=-1) != gone.all(axis=-1)).any():
        raise SettingError(
            "a cell that is infinite or half there",
            where=name,
            expected="numbers, or NaN throughout where an image was not scored",
        )
    return flat


def _padded(table: Values, seeds: int) -> Values:
    """The same cells with seeds that are not there at the end."""
    return np.pad(table, [(0, seeds - len(table)), (0, 0), (0, 0)], constant_values=np.nan)
