"""What is suspected of a mask, in words and as regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from odc.geo.geobox import GeoBox

from mapwright.auditing.looking import Looked
from mapwright.auditing.result import Kind, Spot
from mapwright.data.spec import DatasetSpec
from mapwright.io.place import to_ground
from mapwright.metrics.suspicion import Usual, contradicted

_SPOTS = 8  # regions that are told of
_PAIRS = 3  # pairs of classes that are told of
_TENTH = 0.1  # of all that is contradicted; a pair with less goes without saying


def suspected_of(look: Looked, usual: Usual, spec: DatasetSpec) -> list[str]:
    """Sentences about the pairs of classes in which the model surely contradicts the mask."""
    counts = contradicted(look.compared, usual)
    total, known = int(counts.sum()), max(look.compared.known, 1)
    if not total:
        return []
    order = np.argsort(-counts, axis=None, kind="stable")[:_PAIRS]
    pairs = [divmod(int(place), len(counts)) for place in order]
    return [
        _sentence(own, other, counts[own, other] / known, spec) + _objects(look, usual, spec, pair)
        for own, other in pairs
        if counts[own, other] >= max(_TENTH * total, 1)
        for pair in [(own, other)]
    ]


def spots_of(look: Looked, usual: Usual, spec: DatasetSpec, grid: GeoBox) -> tuple[Spot, ...]:
    """The regions of a block that the model is sure of, by how many pixels it is sure of.

    Args:
        look: The block.
        usual: From where on the model is sure.
        spec: Names the classes.
        grid: Shape, transform and CRS of the item.
    """
    names, offset = spec.class_names, look.place.item.window or (0, 0)
    found = []
    for region in look.compared.regions:
        if not (sure := usual.sure_of(region)):
            continue
        inside = region.window.moved(look.window.row, look.window.col)
        x, y = to_ground(grid, inside.col + inside.width / 2, inside.row + inside.height / 2)
        spot = Spot(
            kind=kind_of(region.own, len(names)),
            mask=names[region.own],
            model=names[region.other],
            pixels=region.pixels,
            sure=sure,
            window=inside.moved(offset[0], offset[1]),
            middle=None if grid.crs is None else (float(x), float(y)),
            whole=region.alone,
        )
        found.append(spot)
    found.sort(key=lambda spot: (-spot.sure, spot.window))
    return tuple(found[:_SPOTS])


def kind_of(own: int, classes: int) -> Kind:
    """What is wrong with a mask that says class `own`, if the model is right."""
    if classes != 2:
        return "confused"
    return "missing" if own == 0 else "extra"


def share_words(share: float) -> str:
    """A share in percent: `12 %`, `3.4 %`, `0.02 %`."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def names_in_words(names: Sequence[str]) -> str:
    """`a, b and c`; of more than three, how many more."""
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _sentence(own: int, other: int, share: float, spec: DatasetSpec) -> str:
    names, kind = spec.class_names, kind_of(own, len(spec.classes))
    if kind == "missing":
        said = f"missing: the mask has no {names[1]} where the model is sure of it"
    elif kind == "extra":
        said = f"extra: the mask has {names[1]} where the model is sure there is none"
    else:
        said = f"the mask says {names[own]} where the model is sure of {names[other]}"
    return f"{said}, on {share_words(share)} of the pixels"


def _objects(look: Looked, usual: Usual, spec: DatasetSpec, pair: tuple[int, int]) -> str:
    """How many whole objects that is, where the objects of a class are counted."""
    if spec.counted not in pair:
        return ""
    whole = [
        region
        for region in look.compared.regions
        if (region.own, region.other) == pair and region.alone and usual.sure_of(region)
    ]
    if not whole:
        return ""
    return f" ({len(whole)} whole object{'' if len(whole) == 1 else 's'})"
