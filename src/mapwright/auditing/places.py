"""Which images can be audited, and by whom: members of the model that did not learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mapwright.data.blocks import block_name, cut
from mapwright.data.dataset import Dataset, Item
from mapwright.errors import DatasetError, SettingError
from mapwright.evaluation import unseen_members
from mapwright.predict.model import Model
from mapwright.types import Window

_FEW = 10  # images; fewer are cut into blocks, or a ranking of them would say little
_WHOLE, _BLOCK = 1024, 256  # pixels: longest side of an image that is judged whole; side of blocks
_SMALLEST = 32


@dataclass(frozen=True)
class Place:
    """An image, or a part of one, that some members never saw.

    Args:
        item: The image, or the part.
        members: Those members, by number.
    """

    item: Item
    members: tuple[int, ...]

    def name_of(self, window: Window, size: tuple[int, int]) -> str:
        """The name of a block, counted from the corner of the item.

        Args:
            window: The block.
            size: Height and width of the item.
        """
        if window == Window(0, 0, *size):
            return self.item.stem
        offset = self.item.window[:2] if self.item.window else (0, 0)
        return block_name(self.item.scene, window.moved(*offset))


@dataclass(frozen=True)
class Skipped:
    """An image that is not audited.

    Args:
        name: Which.
        reason: Why.
    """

    name: str
    reason: str


def find_places(model: Model, dataset: Dataset) -> tuple[list[Place], list[Skipped]]:
    """Sort the labelled images into those that can be audited and those that can't.

    Of a scene that the model learnt from in parts, the parts that were held out are audited.

    Raises:
        DatasetError: None can be.
    """
    places: list[Place] = []
    skipped: list[Skipped] = []
    for item in dataset.labelled:
        found, reason = _places_of(model, item)
        places += found
        if reason:
            skipped.append(Skipped(item.stem, reason))
    if not places:
        raise DatasetError(
            "no image can be audited: "
            + (skipped[0].reason if skipped else "none has a mask")
            + (f" (so it is for all {len(skipped)})" if len(skipped) > 1 else ""),
            where=dataset.root,
            expected="images with a mask that some member of the model did not learn from",
            fix="train with --folds 5, which holds out every image once, and audit that run",
        )
    return places, skipped


def block_windows(size: tuple[int, int], side: int) -> list[Window]:
    """The blocks that an image of this height and width is judged in."""
    return cut(*size, side)


def choose_side(sizes: Sequence[tuple[int, int]], asked: int | None = None) -> int:
    """Side of the blocks, in pixels.

    Args:
        sizes: Height and width of every image that is audited.
        asked: What the user wants; None = images of up to 1024 pixels whole, where there are ten
            of them or more, else blocks of about 256.

    Raises:
        SettingError: Too small for a judgement.
    """
    if asked is not None and asked < _SMALLEST:
        raise SettingError(
            f"blocks of {asked} pixels", where="--block", expected=f"{_SMALLEST} or more"
        )
    longest = max(max(size) for size in sizes)
    if asked is not None:
        return asked
    return longest if len(sizes) >= _FEW and longest <= _WHOLE else _BLOCK


def _places_of(model: Model, item: Item) -> tuple[list[Place], str]:
    """Where an image can be audited, and why not everywhere."""
    history, digest = model.bundle.history, item.digest()
    if digest in history.ancestors:
        return [], "the model that this one started from learnt from it"
    if members := unseen_members(model, item):
        return [Place(item, members)], ""
    windows = history.validated.windows.get(digest, ())
    parts = [item.part(window) for window in windows if window]
    found = [Place(part, members) for part in parts if (members := unseen_members(model, part))]
    count = len(history.folds)
    learnt = "the model" if count == 1 else f"each of the {count} members of the model"
    if found:
        return found, "what is not held out in any fold was left out"
    return [], f"{learnt} learnt from it"
