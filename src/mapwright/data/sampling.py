"""Which tiles to learn from and how to judge them: rules that follow from how empty images are.

The first class is what is empty; any other is an object. Where most images show nothing, tiles
drawn anywhere would show no object, and a network that never sees empty water calls every wave a
ship.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from mapwright.data.fingerprint import Fingerprint
from mapwright.errors import SettingError

_EMPTY = 0.5  # of the images are without object, or
_SPARSE = 0.002  # of the pixels are on objects: mostly empty
_AROUND = 0.5  # of the tiles around objects: of eight, none is so in one batch of 256
_BARE = 0.25  # of the tiles from images without object; the last quarter from those with one
_HARD = 0.5  # of these: so that a place that is labelled wrongly can't take them all
_GATE = 0.2  # of the loss; it must not lead, for what it sees of a tile is coarse
_RARE = 0.05  # of the pixels; a class with less is rare
_RARE_TILES = 0.33  # of the tiles are drawn around classes then, as in nnU-Net
_SMALL, _MEDIUM = 300, 2000  # pixels of an object: up to where a border is 1 and 2 pixels wide


class Choice(NamedTuple):
    """A setting of the plan.

    Args:
        key: Its name.
        value: Its value.
        reason: Why, in words.
    """

    key: str
    value: float | str
    reason: str


def how_empty(fingerprint: Fingerprint) -> str:
    """In which way the images are mostly empty, in words; an empty text when they are not."""
    total = max(sum(fingerprint.class_pixels), 1)
    share = 1 - fingerprint.class_pixels[0] / total
    if fingerprint.empty > _EMPTY * fingerprint.images and share > 0:
        return f"{fingerprint.empty} of {fingerprint.images} images hold no object"
    if 0 < share < _SPARSE:
        return f"objects have {share:.3%} of the pixels"
    return ""


def choices(fingerprint: Fingerprint, given: Mapping[str, Any]) -> list[Choice]:
    """Settings that depend on how empty the images are.

    Args:
        fingerprint: Statistics of the images.
        given: What was set by hand.
    """
    how = how_empty(fingerprint)
    room = max(0.0, 1 - float(given.get("empty", 0)))  # what is left for tiles around classes
    return _for_objects(fingerprint, how, room) if how else _as_usual(fingerprint, room)


def border_choice(fingerprint: Fingerprint, counted: bool) -> Choice:
    """Whether the network learns where objects touch; see `mapwright.data.borders`.

    Args:
        fingerprint: Statistics of the images.
        counted: Whether the objects of a class are counted.
    """
    listed, near = fingerprint.listed, fingerprint.touching
    if not counted:
        return Choice("border", 0, "no objects are counted, so none need be told apart")
    if not listed:
        return Choice("border", 0, "the masks don't tell objects apart that touch")
    if not near:
        return Choice("border", 0, f"none of {listed:,} objects touches another")
    size = _usual_size(fingerprint)
    width = 1 if size < _SMALL else 2 if size < _MEDIUM else 3
    return Choice(
        "border",
        width,
        f"{near:,} of {listed:,} objects ({near / listed:.1%}) touch another or lie one pixel "
        "beside it: the network also learns the border between them, as wide as suits objects of "
        f"{size:.0f} pixels",
    )


def require_listed(border: int, fingerprint: Fingerprint) -> None:
    """Check that borders can be learnt.

    Raises:
        SettingError: They are asked for, and nobody says where one object ends.
    """
    if border and not fingerprint.listed:
        raise SettingError(
            f"border is {border}, and the masks don't tell objects apart that touch",
            where="settings",
            expected="border = 0, or a table of run lengths, a COCO file or polygons whose objects "
            "are counted",
            fix="leave border out, or set `objects` of a class in dataset.toml",
        )


def _for_objects(fingerprint: Fingerprint, how: str, room: float) -> list[Choice]:
    around = min(_AROUND, room)
    return [
        Choice("rare", around, f"{how}: {around:.0%} of the tiles are drawn around one"),
        Choice(
            "empty",
            _BARE,
            "a quarter of the tiles are from "
            + ("images without object" if fingerprint.empty else "anywhere")
            + ", for false alarms are learnt away there; more would crowd out the objects",
        ),
        Choice(
            "mining",
            _HARD,
            "half of the tiles without object are drawn where the network raised false alarms "
            "of late: most empty places are learnt at once, few are hard",
        ),
        Choice(
            "loss",
            "dice+focal",
            f"{how}: focal loss gives easy pixels next to no say, Dice counts objects and false "
            "alarms whatever their share",
        ),
        Choice(
            "smooth",
            max(1.0, _usual_size(fingerprint)),
            "the usual size of an object in pixels: in a batch without one, false alarms of "
            "that size are still pulled down",
        ),
        Choice("gate", _GATE, f"{how}: the network also learns to say whether there is any"),
    ]


def _as_usual(fingerprint: Fingerprint, room: float) -> list[Choice]:
    total = max(sum(fingerprint.class_pixels), 1)
    there = [entry for entry in fingerprint.classes if entry.pixels]
    rarest = min(there, key=lambda entry: entry.pixels)
    share = rarest.pixels / total
    return [
        Choice(
            "rare",
            min(_RARE_TILES, room) if share < _RARE else 0.0,
            f"the rarest class, {rarest.name}, has {share:.2%} of the pixels: "
            + (
                "a third of the tiles are drawn around classes, evenly drawn of those that have "
                "at most half of the pixels"
                if share < _RARE
                else f"with {_RARE:.0%} or more, tiles from anywhere show it often enough"
            ),
        ),
        Choice("empty", 0.0, "images are drawn as they come: most of them show objects"),
        Choice("mining", 0.0, "few tiles are without object: none is drawn again for that"),
        Choice(
            "loss",
            "dice+cross_entropy",
            "cross-entropy gives every pixel a say, Dice every class whatever its size",
        ),
        Choice("smooth", 1.0, "one pixel: most batches show every class"),
        Choice("gate", 0.0, "most images hold objects: whether there is any needs no own answer"),
    ]


def object_side(fingerprint: Fingerprint) -> int:
    """Side in pixels of a square as large as all but the largest tenth of the objects.

    0 where images are not mostly empty.
    """
    if not how_empty(fingerprint):
        return 0
    most = max(fingerprint.classes[1:], key=lambda entry: entry.objects)
    return math.ceil(math.sqrt(most.object_pixels[2]))


def _usual_size(fingerprint: Fingerprint) -> float:
    """Median area in pixels of the objects of that class which has most of them."""
    return max((entry.objects, entry.object_pixels[1]) for entry in fingerprint.classes[1:])[1]
