"""Tiles of each class, images that are alike, and images unlike the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup

from mapwright.data.dataset import Item
from mapwright.data.findings import Finding
from mapwright.data.inventory.choose import TILE, Example, examples, spread
from mapwright.data.inventory.take import Inventory
from mapwright.errors import ImageFileError
from mapwright.report.exploration.parts import Figure, Section, count, key, percent
from mapwright.report.exploration.pictures import (
    Painter,
    enlarged,
    outlined,
    picture_tag,
    tile,
)

_CLASSES = 20  # shown with tiles: of more, the commonest
_TILES = ((2, 10), (12, 5), (_CLASSES, 3))  # up to so many classes: so many tiles of each
_EMPTY, _UNLABELLED = 4, 8  # tiles
_GROUPS, _ALIKE = 6, 4  # groups of images that are alike, and images of each
_STRANGE = 8
_SAME = ("duplicate image", "duplicate mask", "near-duplicate image", "same place")


def samples_section(inventory: Inventory, painter: Painter) -> Section:
    """Tiles of each class, of empty images, and of images without a mask."""
    figures = [*_class_figures(inventory, painter)]
    figures += [*_empty_figure(inventory, painter), *_unlabelled_figure(inventory, painter)]
    intro = (
        "Pictures are stretched for the eye, each by its own image: bands from their 1st to their "
        "99th percentile, but by no more than shows a fifth of the range of all images; 8-bit "
        "pictures are brightened at most twofold. Grey is invalid."
    )
    if any(inventory.class_pixels[k] for k in inventory.shown):
        intro += (
            " Of each class, images are shown from the one with most of it to the one with least, "
            "evenly spread over those that hold it; each around its largest object (where few "
            "images hold it, around several from the largest to the smallest), in a tile of "
            f"{TILE[0]} to {TILE[1]} pixels a side that grows with it. Below stand the share of "
            "the image that the class covers, and the side of the tile. Outlines are the mask's."
        )
    return Section("samples", "What it looks like", (intro, *figures))


def _class_figures(inventory: Inventory, painter: Painter) -> Iterator[Figure]:
    spec = inventory.dataset.spec
    present = [k for k in inventory.shown if inventory.class_pixels[k]]
    commonest = sorted(present, key=lambda k: -int(inventory.class_pixels[k]))[:_CLASSES]
    most = next(tiles for classes, tiles in _TILES if len(commonest) <= classes)
    for place, kind in enumerate(sorted(commonest)):
        found = examples(inventory.images, kind, most)
        drawn = [_class_tile(inventory, painter, one, kind) for one in found]
        holding = sum(bool(image.classes[kind]) for image in inventory.images)
        yield Figure(
            tuple(drawn),
            ""
            if place
            else "Do the outlines follow what you see, and would you draw them so "
            "yourself? A model can't be better than its masks.",
            f"In {count(holding, 'image')}.",
            key(spec.colors[kind], spec.class_names[kind]),
            "tiles",
        )
    if len(present) > len(commonest):
        yield Figure((), f"Of {len(present)} classes, the {_CLASSES} commonest are shown.")


def _class_tile(inventory: Inventory, painter: Painter, one: Example, kind: int) -> Markup:
    spec = inventory.dataset.spec
    (item,) = inventory.dataset.choose([one.image.stem])
    mask = inventory.dataset.read_mask(item, one.window)
    picture, mask = enlarged(painter.tile(item, one.window), mask)
    drawn = outlined(picture, mask, kind, spec.colors[kind])
    share, name = percent(one.share), spec.class_names[kind]
    alt = f"{item.stem}, with the outline of {name}, which covers {share} of the image"
    whole = (one.window.height, one.window.width) == one.image.size
    size = "whole" if whole else f"{max(one.window.height, one.window.width)} pixels"
    return tile(picture_tag(drawn, alt), item.stem, f"{share}, {size}")


def _empty_figure(inventory: Inventory, painter: Painter) -> Iterator[Figure]:
    spec = inventory.dataset.spec
    stems = [image.stem for image in inventory.images if image.labelled]
    kinds = list(inventory.shown)
    bare = {im.stem for im in inventory.images if not im.classes[kinds].any()}
    chosen = spread([stem for stem in stems if stem in bare], _EMPTY)
    if not chosen:
        return
    what = f"without {spec.class_names[1]}" if len(spec.classes) == 2 else "without a label"
    yield Figure(
        tuple(_whole_tiles(inventory, painter, chosen)),
        f"Images {what}: is there really none? Objects that were overlooked teach a model to "
        "overlook them.",
        _how_many(len(chosen), len(bare & set(stems))),
        kind="tiles",
    )


def _unlabelled_figure(inventory: Inventory, painter: Painter) -> Iterator[Figure]:
    stems = [image.stem for image in inventory.images if not image.labelled]
    chosen = spread(stems, _UNLABELLED)
    if chosen:
        yield Figure(
            tuple(_whole_tiles(inventory, painter, chosen)),
            "Images without a mask: do they look like the labelled ones? A model that is to map "
            "them can only do what it has learnt from images like these.",
            _how_many(len(chosen), len(stems)),
            kind="tiles",
        )


def alike_section(inventory: Inventory, painter: Painter) -> Section | None:
    """Images that are the same, or nearly; None where there are none."""
    found = [finding for finding in inventory.report.findings if finding.kind in _SAME]
    if not found:
        return None
    figures = tuple(
        Figure(
            tuple(_whole_tiles(inventory, painter, finding.stems[:_ALIKE], outlines=True)),
            f"{_sentence(finding.text)}: {finding.advice}.",
            kind="tiles",
        )
        for finding in found[:_GROUPS]
    )
    intro = (
        "The same ground in training and in validation lets a model repeat what it has seen, and "
        f"its scores flatter. {count(len(found), 'group')} of images that are alike"
        + (f"; the first {_GROUPS} are shown." if len(found) > _GROUPS else ".")
    )
    return Section("alike", "Duplicates", (intro, *figures))


def strange_section(inventory: Inventory, painter: Painter) -> Section | None:
    """Images out of the family of all others; None where there are none."""
    said: dict[str, list[Finding]] = {}
    for finding in inventory.report.findings:
        if finding.kind == "outlier":
            said.setdefault(finding.stems[0], []).append(finding)
    if not said:
        return None
    drawn: list[Markup] = []
    for stem in list(said)[:_STRANGE]:
        words = "; ".join(finding.text for finding in said[stem])
        drawn += _whole_tiles(inventory, painter, [stem], words)
    figure = Figure(
        tuple(drawn),
        "Another sensor, scale, season, or a damaged file? What a model sees once, it does not "
        "learn; what it will never meet can be left out.",
        f"{len(said)} of {count(inventory.looked, 'image')}"
        + (f"; the first {_STRANGE} are shown." if len(said) > _STRANGE else "."),
        kind="tiles",
    )
    return Section("strange", "Images unlike the others", (figure,))


def _whole_tiles(
    inventory: Inventory,
    painter: Painter,
    stems: Sequence[str],
    below: str = "",
    *,
    outlines: bool = False,
) -> Iterator[Markup]:
    """Thumbnails of whole images; one that can't be read is passed over."""
    for item in inventory.dataset.choose(stems):
        try:
            kinds = list(inventory.shown) if outlines else []
            picture = painter.outlined_thumbnail(item, kinds)
        except ImageFileError:
            continue
        yield tile(picture_tag(picture, _alt(item, picture)), item.stem, below)


def _alt(item: Item, picture: np.ndarray) -> str:
    return f"The image {item.stem}, reduced to {picture.shape[0]} x {picture.shape[1]} pixels"


def _how_many(shown: int, there: int) -> str:
    return f"{shown} of {there:,}, evenly spread by name." if shown < there else f"{there} in all."


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
