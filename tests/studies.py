"""Made-up studies whose truth is known: counts of a class by configuration, seed and image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit


def made_up(
    rng: np.random.Generator,
    studies: int,
    shape: tuple[int, int, int],
    *,
    better: NDArray[np.float64] | float = 0.0,
    noise: NDArray[np.float64] | float = 0.015,
    shared: float = 0.01,
    interplay: float = 0.04,
    groups: int = 0,
    amounts: float = 0.7,
) -> NDArray[np.float64]:
    """Counts whose pooled IoU is about 0.7, spread as in studies with few images.

    Images differ in difficulty (0.1) and hold log-normal amounts of the class; every configuration
    finds some images easier than others do (`interplay`); every training has noise that all its
    images share, and noise of each image (0.03).

    Args:
        rng: Draws.
        studies: How many.
        shape: Configurations, seeds, images.
        better: By how much the IoU of each configuration is better than 0.7.
        noise: Standard deviation of a configuration's score from seed to seed.
        shared: The same, of what configurations share, such as the split of a seed.
        interplay: Standard deviation of configuration x image.
        groups: Number of groups that images share difficulty and interplay in; 0 = none.
        amounts: Spread of the amount of the class between images: standard deviation of its log.

    Returns:
        (studies, C, S, N, 3) true positives, false positives, false negatives.
    """
    c, s, n = shape

    def draw(spread: NDArray[np.float64] | float, *axes: int) -> NDArray[np.float64]:
        return rng.normal(size=(studies, *axes)) * spread

    each = grouped(n, groups)
    drawn = groups or n
    score = (
        0.7
        + np.broadcast_to(better, c)[:, None, None]
        + draw(0.1, 1, 1, drawn)[..., each]
        + draw(interplay, c, 1, drawn)[..., each]
        + draw(np.broadcast_to(noise, c)[:, None, None], c, s, 1)
        + draw(shared, 1, s, 1)
        + draw(0.03, c, s, n)
    )
    iou = expit(logit(0.7) + (score - 0.7) / 0.21)  # 0.21 is the slope at 0.7
    truth = np.round(rng.lognormal(9, amounts, (studies, 1, 1, n)) + 50)
    recall = iou ** expit(draw(0.3, c, s, n))
    hits = np.round(truth * recall)
    return np.stack([hits, np.maximum(0, np.round(hits / iou - truth)), truth - hits], axis=-1)


def grouped(images: int, groups: int) -> NDArray[np.intp]:
    """(N,) the group of each image, as `made_up` deals them out; 0 = each is its own."""
    return np.arange(images) % (groups or images)
