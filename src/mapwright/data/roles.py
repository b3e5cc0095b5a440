"""Which part of the spectrum a band's name speaks of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

SENTINEL2: Final = (
    "coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir_narrow",
    "watervapour", "cirrus", "swir1", "swir2",
)  # fmt: skip
"""Bands of a level 1C product of Sentinel-2 in its order: B1 to B8, B8A, B9 to B12."""

_ALIASES: Final = {
    "coastal": ("coastal", "coastalaerosol", "ultrablue"),
    "blue": ("blue",),
    "green": ("green",),
    "red": ("red",),
    "rededge": ("rededge", "re", "vegetationrededge"),
    "nir": ("nir", "nearinfrared", "nir08", "nirnarrow", "narrownir", "nirbroad", "broadnir"),
    "watervapour": ("watervapour", "watervapor"),
    "cirrus": ("cirrus",),
    "swir1": ("swir", "swir1", "swir16", "shortwaveinfrared", "shortwaveinfrared1"),
    "swir2": ("swir2", "swir22", "shortwaveinfrared2"),
}  # fmt: skip
_ROLES: Final = {alias: role for role, aliases in _ALIASES.items() for alias in aliases}
_SENTINEL2: Final = {
    "b1": "coastal", "b2": "blue", "b3": "green", "b4": "red", "b5": "rededge", "b6": "rededge",
    "b7": "rededge", "b8": "nir", "b8a": "nir", "b9": "watervapour", "b10": "cirrus",
    "b11": "swir1", "b12": "swir2",
}  # fmt: skip
_NUMBERED: Final = re.compile(r"(?:rededge|re|vegetationrededge|nir)(?:[1-9]|7\d\d|8\d\d)")


def band_roles(names: Sequence[str]) -> tuple[str | None, ...]:
    """The part of the spectrum of each band: `red`, `nir`, `swir1`; None where the name says none.

    Numbers such as `B08` are understood where only Sentinel-2 can be meant; Landsat counts its
    bands in another way.
    """
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]
    numbers = [re.sub(r"^(?:b|band)0*(?=\d)", "b", name) for name in plain]
    sentinel2 = bool({"b8a", "b12"} & set(numbers)) or ("b8" in numbers and "b5" not in numbers)
    return tuple(
        _role(name) or (_SENTINEL2.get(number) if sentinel2 else None)
        for name, number in zip(plain, numbers, strict=True)
    )


def _role(name: str) -> str | None:
    if name in _ROLES:
        return _ROLES[name]
    if _NUMBERED.fullmatch(name):
        return "nir" if name.startswith("nir") else "rededge"
    return None
