"""What covers the ground of each land-cover class: mixtures of pure surfaces, pixel by pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_opening,
    distance_transform_edt,
    label,
    maximum_filter,
    minimum_filter,
)

from mapwright.demo.land.ground import Flags, Floats, Ground, Keys, Places, even
from mapwright.demo.land.spectra import REFLECTIVE, blend, cereal, ley
from mapwright.demo.land.tessellation import parcels, patches

URBAN, CROPLAND, GRASS, FOREST, WETLAND, WATER = range(1, 7)
"""Label values; 0 is unlabelled."""

Labels = NDArray[np.uint8]
"""(H, W), 0 to 6."""

BLOCK: Final = (10.0, 6.0)
"""Length and width of a block of houses in pixels."""
QUARTER: Final = (38.0, 26.0)
"""Length and width of a quarter of a town in pixels."""
FIELD: Final = (24.0, 11.0)
"""Length and width of a field in pixels."""
DISTRICT: Final = 130.0
"""Pixels between the centres of districts whose fields or streets run the same way."""
FJORD: Final = 3000
"""Pixels of a water body from which it is salt water."""

_TOWN: Final = {
    #               villas flats industry centre road
    "dark roof": (0.10, 0.15, 0.12, 0.27, 0.02),
    "tile roof": (0.10, 0.05, 0.02, 0.10, 0.01),
    "bright roof": (0.01, 0.04, 0.14, 0.03, 0.00),
    "asphalt": (0.12, 0.23, 0.34, 0.26, 0.45),
    "concrete": (0.03, 0.07, 0.13, 0.09, 0.02),
    "gravel": (0.04, 0.03, 0.11, 0.02, 0.08),
    "lawn": (0.22, 0.16, 0.03, 0.02, 0.06),
    "meadow": (0.08, 0.05, 0.05, 0.01, 0.16),
    "birch": (0.20, 0.11, 0.02, 0.05, 0.12),
    "spruce": (0.12, 0.03, 0.00, 0.00, 0.04),
    "shadow": (0.06, 0.08, 0.04, 0.15, 0.04),
}
"""Mean area of each surface in each kind of quarter."""
_VILLAS, _FLATS, _INDUSTRY, _CENTRE, _ROAD = range(5)
_GRIT: Final = np.array([0.75, 0.6, 0.3, 0.7, 0.5], np.float32)
"""How much neighbouring pixels of each kind of quarter differ."""
_BLOCKY: Final = np.array([1.2, 2.6, 5.0, 2.6, 0.0], np.float32)
"""How much its blocks differ."""


@dataclass(frozen=True)
class Area:
    """The pixels of one class in a scene; the arrays below are (n,) unless they say otherwise.

    Args:
        ground: Where randomness comes from.
        here: (H, W), which pixels.
        rows: Their rows on the plane.
        cols: Their columns.
        depth: Pixels to the nearest other class.
        shore: Pixels to the nearest water.
        day: Day of the year.
    """

    ground: Ground
    here: Flags
    rows: Places
    cols: Places
    depth: Floats
    shore: Floats
    day: float

    def noise(self, name: str, scale: float) -> Floats:
        """Smooth noise, mean 0 and deviation 1."""
        return self.ground.noise(name, scale)[self.here]

    def speckle(self, name: str) -> Floats:
        """Noise that knows no neighbour, mean 0 and deviation 1."""
        return self.ground.speckle(name)[self.here]

    def even(self, name: str, keys: Keys) -> Floats:
        """Numbers from 0 up to 1, one per cell."""
        return even(self.ground, name, keys)

    def stands(self, name: str, size: float) -> Keys:
        """Cells with wavy borders."""
        sway = size / 4
        rows = self.rows + sway * self.noise(f"{name} row", size / 1.5)
        cols = self.cols + sway * self.noise(f"{name} col", size / 1.5)
        return patches(self.ground, name, rows, cols, size)


def reflectance(labels: Labels, ground: Ground, day: float) -> Floats:
    """What the ground reflects, before slopes, air and sensor.

    Args:
        labels: (H, W), 1 to 6.
        ground: The same height and width.
        day: Day of the year.

    Returns:
        (5, H, W) float32, 0 to 1, bands in the order of `REFLECTIVE`.
    """
    depth, shore = _to_border(labels), to_water(labels)
    rows, cols = ground.places
    out = np.zeros((len(REFLECTIVE), *labels.shape), np.float32)
    for value, cover in _COVERS.items():
        here = labels == value
        if here.any():
            parts = (rows[here], cols[here], depth[here], shore[here])
            out[:, here] = cover(Area(ground, here, *parts, day))
    return out


def fill(labels: Labels) -> Labels:
    """Give unlabelled pixels the class of the nearest labelled one; forest if there is none."""
    if not labels.any():
        return np.full_like(labels, FOREST)
    if labels.all():
        return labels
    nearest = distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return np.asarray(labels[tuple(nearest)])


def to_water(labels: Labels) -> Floats:
    """Pixels to the nearest water, (H, W); far away where there is none."""
    if not (labels == WATER).any():
        return np.full(labels.shape, 1e4, np.float32)
    return np.asarray(distance_transform_edt(labels != WATER), np.float32)


def _to_border(labels: Labels) -> Floats:
    """Pixels to the nearest other class, (H, W), 1 at a border; far away where there is none."""
    edge = maximum_filter(labels, 3) != minimum_filter(labels, 3)
    if not edge.any():
        return np.full(labels.shape, 1e4, np.float32)
    return np.asarray(distance_transform_edt(~edge) + 1, np.float32)


def _logistic(value: Any) -> Floats:
    return np.asarray(1 / (1 + np.exp(-value)), np.float32)


def _urban(area: Area) -> Floats:
    sway_row, sway_col = (5 * area.noise(f"street {axis}", 28) for axis in ("row", "col"))
    rows, cols = area.rows + sway_row, area.cols + sway_col
    block = parcels(area.ground, "block", rows, cols, BLOCK, DISTRICT)
    quarter = parcels(area.ground, "quarter", rows, cols, QUARTER, 2 * DISTRICT)
    kind = _quarters(area, quarter.keys)
    parts = {}
    for name, shares in _TOWN.items():
        one = area.even(f"{name} block", block.keys) - np.float32(0.5)
        chance = np.exp(_GRIT[kind] * area.speckle(name) + _BLOCKY[kind] * one)
        parts[name] = np.array(shares, np.float32)[kind] * chance
    whole, town = sum(parts.values()), kind != _ROAD
    green = 1.1 * area.noise("gardens", 3) + 0.8 * area.noise("groves", 9) - 0.5
    for name in ("lawn", "meadow", "birch", "spruce"):
        parts[name] = parts[name] * np.exp(green * town)
    parts["asphalt"] += whole * (0.7 * town * (block.border < 0.5))
    parts["asphalt"] += whole * (1.8 * town * (quarter.border < 0.8))
    return _lit(blend(parts), 0.05 * area.speckle("town light"))


def _quarters(area: Area, keys: Keys) -> NDArray[np.int64]:
    """Which kind of quarter each pixel is in; what is thin is a road."""
    dense = 0.9 * area.noise("town", 80) + 0.07 * (np.minimum(area.depth, 20) - 8)
    dense += 2.4 * (area.even("quarter", keys) - 0.5)
    kind = np.select([dense < 0.6, dense < 1.3], [_VILLAS, _FLATS], _CENTRE)
    kind[area.even("works", keys) + 0.1 * area.noise("works", 90) < 0.1] = _INDUSTRY
    solid = binary_opening(area.here, np.ones((3, 3), bool))
    kind[~solid[area.here]] = _ROAD
    return kind


def _cropland(area: Area) -> Floats:
    field = parcels(area.ground, "field", area.rows, area.cols, FIELD, DISTRICT)
    crop, start = area.even("crop", field.keys), area.even("start", field.keys)
    ripening = area.day + 5 * area.noise("ripening", 14)
    out = cereal(ripening - (110 + 25 * start))
    winter = crop < 0.16
    out[:, winter] = cereal(ripening[winter] - (82 + 12 * start[winter]))
    grown = crop > 0.66
    out[:, grown] = ley((ripening[grown] - 45 * start[grown]) % 45)
    for low, name in ((0.84, "vegetables"), (0.91, "rape"), (0.95, "soil")):
        kind = crop > low
        out[:, kind] = blend({name: np.ones(int(kind.sum()), np.float32)})
    wet = np.clip(0.12 + 0.12 * area.noise("wet", 12), 0, 0.4)
    out = _mix(out, {"wet soil": wet}, wet)
    rough = np.exp(-((field.border / 0.6) ** 2)).astype(np.float32) * 0.6
    green = np.clip(0.5 + 0.4 * area.speckle("ditch"), 0.05, 1)
    out = _mix(out, {"meadow": green, "birch": 1 - green, "dry grass": 0.6 - 0.5 * green}, rough)
    copse = np.clip(area.noise("copse", 2.5) - 2.1, 0, 1)
    out = _mix(out, {"birch": copse, "spruce": 0.4 * copse}, copse)
    light = 0.07 * area.noise("growth", 7) + 0.04 * area.speckle("sward")
    light += 0.16 * (area.even("tone", field.keys) - 0.5)
    return _lit(out, light)


def _grass(area: Area) -> Floats:
    plot = area.stands("sward", 13)
    tone = 2.4 * (area.even("sward", plot) - 0.5) + 0.6 * area.noise("dry", 30)
    parts = {
        "lawn": np.exp(-(((tone + 0.7) / 0.6) ** 2)),
        "meadow": np.exp(-(((tone - 0.1) / 0.6) ** 2)),
        "dry grass": np.exp(-(((tone - 1.0) / 0.6) ** 2)),
        "heath": np.clip(0.15 + 0.2 * area.noise("scrub", 5), 0, 1),
        "birch": np.clip(0.16 + 0.28 * area.noise("trees", 2.5), 0, 1),
        "gravel": np.clip(0.03 + 0.06 * area.speckle("path"), 0, 1),
        "rock": np.exp(-area.shore / 2.5) * np.clip(0.7 + 0.6 * area.noise("bare", 4), 0, 2),
    }
    return _lit(blend(parts), 0.06 * area.speckle("grass light"))


def _forest(area: Area) -> Floats:
    stand = area.stands("stand", 21)
    lean = 2.2 * (area.even("stand", stand) - 0.5) + 0.7 * area.noise("region", 90)
    leafy = _logistic(1.9 * lean + 0.7 * area.noise("clump", 5) + 2 * np.exp(-area.depth / 3) - 2.4)
    dry = _logistic(1.6 * area.noise("dry", 45) + 2.5 * (area.even("soil", stand) - 0.5))
    bare = np.clip(0.25 * (area.noise("outcrop", 22) - 1.2) + 0.08 * area.speckle("gap"), 0, 0.6)
    parts = {
        "birch": leafy,
        "pine": (1 - leafy) * dry,
        "spruce": (1 - leafy) * (1 - dry),
        "heath": np.clip(0.05 + 0.05 * area.speckle("floor"), 0, 1) + 0.5 * bare,
        "rock": 0.25 * bare,
    }
    age = area.even("age", stand) + 1.0 * (area.depth < 3)
    young, felled = age < 0.11, age < 0.04
    for name, share in (("young trees", 1.5 * young), ("felled", 2.5 * felled)):
        parts[name] = (share * np.clip(1 + 0.3 * area.speckle(name), 0, 2)).astype(np.float32)
    light = 0.10 * area.speckle("crowns") + 0.07 * area.noise("canopy", 2.5)
    light += 0.20 * (area.even("tall", stand) - 0.5)
    return _lit(blend(parts), light)


def _wetland(area: Area) -> Floats:
    kind = area.noise("mire", 18) + 0.5 * area.noise("tussock", 4)
    parts = {
        "bog": _logistic(2.5 * kind),
        "fen": _logistic(-2.5 * kind),
        "reed": 1.2 * np.exp(-area.shore / 3),
        "pine": np.clip(0.35 + 0.35 * area.noise("bog pine", 4), 0, 1.2)
        + np.exp(-area.depth / 1.2),
        "birch": np.clip(0.12 + 0.2 * area.noise("bog birch", 4), 0, 1),
        "humic": np.clip(0.08 + 0.15 * area.noise("pools", 3), 0, 0.6),
    }
    return _lit(blend(parts), 0.07 * area.speckle("mire light"))


def _water(area: Area) -> Floats:
    bodies, _ = label(area.here)
    sizes = np.bincount(bodies.ravel())[bodies[area.here]]
    salt = (sizes > FJORD).astype(np.float32)
    mud = 0.10 + 0.10 * area.noise("mud", 110) + 0.05 * area.noise("current", 30)
    near = np.exp(-area.depth / 2.0) * np.clip(0.3 + 0.4 * area.noise("bottom", 9), 0, 1)
    parts = {
        "fjord": salt,
        "humic": 1 - salt,
        "turbid": np.clip(mud + 0.5 * (sizes < 400), 0, 1).astype(np.float32),
        "shallow": near,
    }
    return _lit(blend(parts), 0.03 * area.speckle("waves"))


def _lit(light: Floats, change: Any) -> Floats:
    """Make (5, n) reflectances brighter or darker; `change` (n,) is the logarithm of a factor."""
    return np.asarray(light * np.exp(change), np.float32)


def _mix(base: Floats, parts: dict[str, Floats], share: Floats) -> Floats:
    """Cover a `share` (n,) of each pixel with a blend of other surfaces."""
    return np.asarray(base * (1 - share) + blend(parts) * share, np.float32)


_COVERS: Final[dict[int, Callable[[Area], Any]]] = {
    URBAN: _urban,
    CROPLAND: _cropland,
    GRASS: _grass,
    FOREST: _forest,
    WETLAND: _wetland,
    WATER: _water,
}
