"""Masks that belong to another image: copies, and such as were exchanged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from mapwright.auditing.looking import Looked
from mapwright.auditing.words import names_in_words
from mapwright.data.dataset import Dataset, Item
from mapwright.metrics.fitting import better_fit


def same_masks(
    dataset: Dataset, items: Sequence[Item], digests: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """For each image, those with the same mask but another content, unless they are one place.

    Args:
        dataset: Knows which images stand together.
        items: The images.
        digests: By stem, the digest of its mask; empty for a mask that says nothing.
    """
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if digest := digests.get(item.stem):
            groups[digest].append(item)
    return {
        item.stem: others
        for group in groups.values()
        for item in group
        if (others := tuple(o.stem for o in group if _differ(dataset, item, o)))
    }


def copy_words(name: str, same: Sequence[str], scores: Mapping[str, float]) -> str:
    """What it means that a mask is also that of other images.

    Args:
        name: The image.
        same: Images with the same mask, at least one.
        scores: By image, the score of those that were judged.
    """
    fitting = [other for other in same if scores.get(other, 2.0) < scores[name]]
    text = f"its mask is the same as that of {names_in_words(same)}"
    if fitting:
        best = min(fitting, key=lambda other: scores[other])
        return f"{text}, and fits {'that image' if len(same) == 1 else best} better"
    return text


def fits_elsewhere(look: Looked, others: Sequence[Looked]) -> str:
    """The image whose prediction the mask of a whole image fits far better; empty without one.

    Args:
        look: The image with the mask.
        others: All images; those of another size don't count.
    """
    if look.mask is None or look.guess is None:
        return ""
    known = [
        (other.name, other.guess)
        for other in others
        if other is not look and other.guess is not None and other.window == look.window
    ]
    best = better_fit(look.mask, look.guess, [guess for _, guess in known])
    return "" if best is None else known[best][0]


def _differ(dataset: Dataset, one: Item, other: Item) -> bool:
    """Whether two images are different, and not said to be one place."""
    pair = {one.stem, other.stem}
    if len(pair) == 1 or one.digest() == other.digest():
        return False
    return not any(pair <= set(same) for same in dataset.split.together)
