"""What the names of indices mean, and how to write an index down."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from mapwright.data.indices import IndexFit
from mapwright.data.roles import band_roles

Pair = tuple[str, str]
"""What the band that raises an index measures, and what the one that lowers it."""

KNOWN: Final[Mapping[str, tuple[Pair, ...]]] = {
    "ndvi": (("nir", "red"),),  # Rouse et al. 1974
    "gndvi": (("nir", "green"),),  # Gitelson, Kaufman and Merzlyak 1996
    "bndvi": (("nir", "blue"),),  # Wang et al. 2007
    "ndre": (("nir", "rededge"), ("rededge", "rededge")),  # Barnes et al. 2000; NDRE1 is the other
    "ndwi": (("green", "nir"), ("nir", "swir1")),  # McFeeters 1996; Gao 1996 means the other
    "mndwi": (("green", "swir1"), ("green", "swir2")),  # Xu 2006
    "ndmi": (("nir", "swir1"),),  # Hardisky, Klemas and Smart 1983, as NDII
    "ndii": (("nir", "swir1"),),
    "nbr": (("nir", "swir2"),),  # Key and Benson 2006
    "nbr2": (("swir1", "swir2"),),  # USGS, Landsat spectral indices
    "ndbi": (("swir1", "nir"),),  # Zha, Gao and Ni 2003
    "ndsi": (("green", "swir1"),),  # Hall, Riggs and Salomonson 1995
    "ndti": (("swir1", "swir2"), ("red", "green")),  # tillage, or turbidity (Lacaux et al. 2007)
    "ngrdi": (("green", "red"),),  # Tucker 1979
}
"""Name of an index -> the bands a, b of (a - b) / (a + b) that it may mean."""

_SMALL = 0.01  # of the scale: an offset below it is rounding


def index_kind(name: str) -> str | None:
    """The index that the name of a band speaks of, such as `ndvi` of `NDVI_mean`."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((word for word in words if word in KNOWN), None)


def probable_names(names: Sequence[str], truth: Mapping[int, str]) -> tuple[str, ...]:
    """The names in an order that agrees with what is known of some bands.

    Args:
        names: As they stand.
        truth: Position -> the part of the spectrum that the band really measures.

    Returns:
        `names` after as few swaps as that takes; a band whose true name nobody has takes it.
    """
    order = list(names)
    for position, role in truth.items():
        roles = band_roles(order)
        if roles[position] == role:
            continue
        places = [k for k, other in enumerate(roles) if other == role and truth.get(k) != role]
        if places:
            order[position], order[places[0]] = order[places[0]], order[position]
        else:
            order[position] = role
    return tuple(order)


def places_of(truth: Pair, names: Sequence[str]) -> list[tuple[int, int]]:
    """Positions of all pairs of bands that have these roles by name."""
    roles = band_roles(names)
    places = [[k for k, role in enumerate(roles) if role == wanted] for wanted in truth]
    return [(plus, minus) for plus in places[0] for minus in places[1] if plus != minus]


def formula(fit: IndexFit, names: Sequence[str]) -> str:
    """An index as people write it: `(nir - red) / (nir + red) x 10000`."""
    text = ratio_text(fit.plus, fit.minus, names, fit.shift)
    text += f" x {_short(fit.scale)}" if abs(fit.scale - 1) > _SMALL else ""
    if abs(fit.offset) > _SMALL * fit.scale:
        text += f" {'+' if fit.offset > 0 else '-'} {_short(abs(fit.offset))}"
    return text


def ratio_text(plus: int, minus: int, names: Sequence[str], shift: float = 0.0) -> str:
    """`(nir - red) / (nir + red)`; `shift` is added to each band."""
    both = f" - {-2 * shift:g}" if shift else ""
    return f"({names[plus]} - {names[minus]}) / ({names[plus]} + {names[minus]}{both})"


def _short(value: float) -> str:
    return f"{float(f'{value:.3g}'):g}"
