"""Sentinel-2's offset: since processing baseline 04.00 all digital numbers are 1000 higher.

Products made since 25 January 2022 hold reflectance * 10000 + 1000, so that dark pixels don't
fall below 0 (`BOA_ADD_OFFSET` or `RADIO_ADD_OFFSET` = -1000 in their metadata; ESA, Sentinel-2
Products Specification Document). Whether values have it shows in their darkest pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mapwright.data.findings import Finding, listed
from mapwright.data.roles import band_roles
from mapwright.data.spec import Band

OffsetState = Literal["has offset", "has none", "can't tell"]

OFFSET = -1000.0  # digital numbers
SCALE = 1e-4  # reflectance of one digital number
_DARK = 1.0  # percentile that stands for the darkest pixels
_MOST = 65_536  # pixels of an image that are looked at
_FEWEST = 100  # pixels that must be valid
_BYTE = 255.0  # values that go no higher are no reflectance * 10000
_BELOW = 600.0  # where the darkest band is below, there is no offset
_ABOVE = 900.0  # where all bands are above (dark pixels may fall below reflectance 0), and
_INFRARED = 1300.0  # the darkest infrared band is below this, there is one
_CLEAR_BLUE = (
    1500.0  # haze lifts blue, then red, then near infrared: without SWIR it must be absent
)
_RARE = 0.05  # share of the images: what so few of them say may be a misjudgement, if they are
_FEW = 2  # images or fewer


@dataclass(frozen=True)
class OffsetHint:
    """How to declare an offset that the values have.

    Args:
        bands: The bands that have it.
        scale: For `scale` of each: reflectance of one digital number.
        offset: For `offset` of each, as reflectance.
        reason: Why.
    """

    bands: tuple[str, ...]
    scale: float
    offset: float
    reason: str


def darkest(image: NDArray[Any], names: Sequence[str]) -> dict[str, float] | None:
    """The value of the darkest pixels of each optical band.

    Args:
        image: (C, ...) file values, NaN where invalid; 0 is taken for invalid, declared or not.
        names: The bands.

    Returns:
        Band -> 1st percentile; None where the bands are no digital numbers of reflectance, or
        near and short-wave infrared, which are dark over water and shadow, are missing.
    """
    optical = _optical(names)
    if optical is None:
        return None
    flat = np.asarray(image).reshape(len(names), -1)[list(optical.values())]
    flat = flat[:, np.isfinite(flat).all(axis=0) & (flat != 0).all(axis=0)]
    flat = flat[:, :: -(-flat.shape[1] // _MOST) | 1]
    if flat.shape[1] < _FEWEST or flat.max() <= _BYTE:
        return None
    if not (flat == np.round(flat)).all(axis=1).any():  # bands of 20 m may have been interpolated
        return None
    lows = np.percentile(flat, _DARK, axis=1, method="lower")
    return dict(zip(optical, map(float, lows), strict=True))


def offset_state(lows: Mapping[str, float] | None) -> OffsetState:
    """Whether the values of an image have the offset.

    Args:
        lows: See `darkest`.
    """
    if not lows:
        return "can't tell"
    lowest = min(lows.values())
    if lowest < _BELOW:
        return "has none"
    roles = dict(zip(lows, band_roles(list(lows)), strict=True))
    infrared = [low for name, low in lows.items() if roles[name] in ("nir", "swir1", "swir2")]
    short_wave = {"swir1", "swir2"} & set(roles.values())
    blue = [low for name, low in lows.items() if roles[name] == "blue"]
    clear = bool(short_wave) or (bool(blue) and blue[0] <= _CLEAR_BLUE)
    if lowest >= _ABOVE and min(infrared) <= _INFRARED and clear:
        return "has offset"
    return "can't tell"


def offset_hint(lows: Sequence[Mapping[str, float] | None]) -> OffsetHint | None:
    """The scale and offset to declare, where the values of a data set have the offset.

    Args:
        lows: Of each image; see `darkest`.

    Returns:
        None where they have none, are mixed, or can't tell.
    """
    known = [low for low in lows if low]
    states = [offset_state(low) for low in known]
    count = states.count("has offset")
    if "has none" in states or count <= min(_RARE * len(known), _FEW):
        return None
    together = {name: min(low[name] for low in known) for name in known[0]}
    reason = (
        f"the darkest pixels have {min(together.values()):g} where they would be near 0: files of "
        "Sentinel-2 since processing baseline 04.00, which hold reflectance x 10000 + 1000"
    )
    return OffsetHint(tuple(together), SCALE, OFFSET * SCALE, reason)


def declares_offset(band: Band) -> bool:
    """Whether the description of a band says that its values have the offset."""
    return bool(band.scale) and abs(band.offset / band.scale - OFFSET) < 1


def audit_offset(
    bands: Sequence[Band], lows: Mapping[str, Mapping[str, float] | None]
) -> list[Finding]:
    """Compare what is declared of the offset with what the values say.

    Args:
        bands: The used bands.
        lows: Stem -> see `darkest`.
    """
    states = {stem: offset_state(low) for stem, low in lows.items()}
    have = tuple(stem for stem, state in states.items() if state == "has offset")
    lack = tuple(stem for stem, state in states.items() if state == "has none")
    if have and lack:
        return [_mixed(have, lack)]
    declared = [band.name for band in bands if declares_offset(band)]
    if declared and lack:
        text = (
            f"{listed(declared, 4)} are declared with Sentinel-2's offset of {OFFSET:g}, but the "
            f"values have none: in {len(lack)} of {len(lows)} images dark pixels are far below 1000"
        )
        advice = "write offset = 0.0 for these bands in dataset.toml"
        return [Finding("warning", "offset declared", (), text, advice)]
    hint = offset_hint(list(lows.values()))
    missing = [band.name for band in bands if hint and band.name in hint.bands]
    missing = [name for name in missing if name not in declared]
    if hint and missing:
        advice = (
            f"write scale = {hint.scale:g} and offset = {hint.offset:g} for {listed(missing)} "
            "in dataset.toml; files of older baselines must not be mixed with these"
        )
        return [Finding("warning", "offset not declared", (), hint.reason, advice)]
    return []


def _mixed(have: tuple[str, ...], lack: tuple[str, ...]) -> Finding:
    fewer = min(have, lack, key=len)
    sure = len(fewer) > min(_RARE * (len(have) + len(lack)), _FEW)
    text = (
        f"{len(have)} images have Sentinel-2's offset of 1000 (such as {listed(have[:3])}) and "
        f"{len(lack)} have none (such as {listed(lack[:3])}): the same ground has other values"
    )
    advice = "subtract 1000 from the files that have it, or get all files of one baseline"
    return Finding("error" if sure else "warning", "offset mixed", fewer, text, advice)


def _optical(names: Sequence[str]) -> dict[str, int] | None:
    """Position of each band whose name says that it measures reflected light, if they suffice."""
    roles = band_roles(names)
    if not {"nir", "swir1", "swir2"} & set(roles) or sum(role is not None for role in roles) < 3:
        return None
    return {name: k for k, (name, role) in enumerate(zip(names, roles, strict=True)) if role}
