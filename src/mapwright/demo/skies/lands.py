"""What lies below the clouds: lands from ice to rain forest in four bands.

Spectra are typical of such surfaces, rounded and varied widely; no image was measured for them.
What matters is that bright ground (ice, salt, sand, roofs) is there, so that brightness alone does
not tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from mapwright.demo.land.ground import Flags, Floats, Ground, even
from mapwright.demo.land.terrain import lie, relief, sunshine
from mapwright.demo.land.tessellation import parcels
from mapwright.demo.paint import Rng, chance, pick, weighted

BANDS: Final = ("red", "green", "blue", "nir")
"""Order of the bands of all that is made here."""

_SPECTRA: Final = {
    "deep water": (0.02, 0.03, 0.05, 0.01),
    "turbid water": (0.11, 0.11, 0.09, 0.05),
    "rain forest": (0.03, 0.05, 0.03, 0.29),
    "needle forest": (0.04, 0.05, 0.03, 0.20),
    "grass": (0.07, 0.10, 0.05, 0.36),
    "crop": (0.05, 0.08, 0.04, 0.45),
    "dry grass": (0.17, 0.14, 0.10, 0.28),
    "shrub": (0.14, 0.12, 0.09, 0.22),
    "tundra": (0.08, 0.08, 0.06, 0.16),
    "marsh": (0.08, 0.09, 0.06, 0.21),
    "red soil": (0.25, 0.15, 0.09, 0.36),
    "grey soil": (0.20, 0.18, 0.15, 0.26),
    "dark soil": (0.10, 0.09, 0.07, 0.15),
    "sand": (0.38, 0.30, 0.22, 0.46),
    "salt": (0.58, 0.55, 0.50, 0.62),
    "rock": (0.16, 0.15, 0.14, 0.19),
    "burnt": (0.04, 0.04, 0.04, 0.07),
    "street": (0.13, 0.13, 0.13, 0.17),
    "roof": (0.40, 0.38, 0.36, 0.43),
    "new snow": (0.90, 0.91, 0.93, 0.86),
    "old snow": (0.58, 0.60, 0.63, 0.50),
    "ice": (0.40, 0.43, 0.47, 0.33),
    "melt water": (0.12, 0.30, 0.42, 0.05),
}
"""Reflectance of pure surfaces, bands in the order of `BANDS`."""

_WATER: Final = ("deep water", "deep water", "turbid water")
_GREEN: Final = ("rain forest", "needle forest", "grass", "marsh")
_DRY: Final = ("dry grass", "shrub", "red soil", "grey soil", "sand", "rock")
_COLD: Final = ("tundra", "needle forest", "rock", "marsh", "deep water")
_WHITE: Final = ("new snow", "old snow", "ice")

_AIR: Final = (0.025, 0.045, 0.08, 0.01)  # what clear air adds, bands as above

Land = Callable[[Ground, Rng], Floats]
"""Makes the reflectance (4, H, W) of one kind of land."""


def make_land(ground: Ground, rng: Rng) -> Floats:
    """Some land under a clear sky.

    Args:
        ground: Where its shapes come from, and its size.
        rng: Says which land it is.

    Returns:
        (4, H, W) float32 reflectance at the top of the air, bands in the order of `BANDS`.
    """
    light = weighted(rng, _LANDS, _SHARES)(ground, rng)
    air = np.array(_AIR, np.float32)[:, None, None] * np.float32(rng.uniform(0.7, 1.7))
    veil = 1 + np.float32(0.1) * ground.noise("air", 150)
    return np.asarray(air * veil + light * (1 - air), np.float32)


def _sea(ground: Ground, rng: Rng) -> Floats:
    """Open water, some of it with streaks of mud, some with a coast."""
    light = _mixed(ground, rng, [_surface(rng, pick(rng, _WATER)) for _ in range(2)], 120)
    if chance(rng, 0.4):
        shore = _shape(ground, "shore", rng.uniform(0.1, 0.7), scale=130)
        return np.where(shore, _wild(ground, rng, _GREEN + _DRY), light)
    return light


def _green(ground: Ground, rng: Rng) -> Floats:
    """Forest and meadows on hills, perhaps with rivers or lakes."""
    return _wet(ground, rng, _wild(ground, rng, _GREEN))


def _dry(ground: Ground, rng: Rng) -> Floats:
    """Steppe and desert, cut by valleys."""
    light = _wild(ground, rng, _DRY)
    if chance(rng, 0.3):
        flat = _shape(ground, "pan", rng.uniform(0.02, 0.2), scale=60)
        light = np.where(flat, _mixed(ground, rng, [_surface(rng, "salt")] * 2, 30), light)
    return light


def _farms(ground: Ground, rng: Rng) -> Floats:
    """Plots of a few crops and soils, with wild land between."""
    rows, cols = ground.places
    size = rng.uniform(8, 30)
    plots = parcels(ground, "plot", rows, cols, (size, size * rng.uniform(0.4, 1)), 150)
    kinds = ["crop", "grass", "dry grass", pick(rng, ("red soil", "grey soil", "dark soil"))]
    surfaces = np.stack([_surface(rng, kind) for kind in kinds])
    chosen = (even(ground, "crop", plots.keys) * len(kinds)).astype(int)
    own = 1 + 0.25 * (even(ground, "shade", plots.keys) - 0.5)
    light = surfaces[chosen].transpose(2, 0, 1) * own * _grain(ground, rng, 0.05)
    wild = _shape(ground, "wild", rng.uniform(0.0, 0.5), scale=60)
    return _wet(ground, rng, np.where(wild, _wild(ground, rng, _GREEN), light))


def _town(ground: Ground, rng: Rng) -> Floats:
    """Blocks of roofs and streets in green land."""
    rows, cols = ground.places
    blocks = parcels(ground, "block", rows, cols, (7, 4), 90)
    share = even(ground, "roof", blocks.keys) ** rng.uniform(1, 4)
    mixed = [_surface(rng, kind)[:, None, None] for kind in ("street", "roof", "grass")]
    green = 0.5 * even(ground, "garden", blocks.keys)
    town = mixed[0] * (1 - share) * (1 - green) + mixed[1] * share + mixed[2] * green * (1 - share)
    built = _shape(ground, "town", rng.uniform(0.2, 0.9), scale=80)
    return np.where(built, town * _grain(ground, rng, 0.12), _farms(ground, rng))


def _winter(ground: Ground, rng: Rng) -> Floats:
    """Cold land with snow on its heights or in its valleys, and frozen lakes."""
    light = _wild(ground, rng, _COLD)
    heights = relief(ground) * (1 if chance(rng, 0.6) else -1)
    heights += np.float32(0.3) * ground.fractal("drift", 12, 3)
    edge, soft = np.quantile(heights, rng.uniform(0.2, 0.95)), rng.uniform(0.03, 0.6)
    cover = np.clip((heights - edge) / soft, 0, 1) * rng.uniform(0.4, 1)
    snow = _surface(rng, pick(rng, _WHITE))[:, None, None] * _sunny(ground, rng, 0.6)
    light = light + cover * (snow - light)
    if chance(rng, 0.6):
        lakes = _shape(ground, "lake", rng.uniform(0.03, 0.5), scale=rng.uniform(25, 90))
        far = np.clip(distance_transform_edt(lakes) / rng.uniform(1, 8), 0, 1)
        ice = _mixed(ground, rng, [_surface(rng, kind) for kind in ("ice", "old snow")], 40)
        melt = _surface(rng, "deep water")[:, None, None]
        light = np.where(lakes, melt + far * (ice - melt), light)
    return np.asarray(light, np.float32)


def _ice(ground: Ground, rng: Rng) -> Floats:
    """A sheet of ice or snow: flat, rippled, with pools and bare rock."""
    kinds = [_surface(rng, pick(rng, _WHITE))] * 2
    kinds[1] = kinds[0] * np.float32(rng.uniform(0.8, 1.05))
    light = _mixed(ground, rng, kinds, rng.uniform(30, 150))
    ripples = ground.grain("ripple", rng.uniform(4, 25), rng.uniform(1, 5), lie(ground), 4)
    light = light * (1 + np.float32(rng.uniform(0.002, 0.06)) * ripples)
    for name, kind, most in (("pool", "melt water", 0.03), ("nunatak", "rock", 0.1)):
        if chance(rng, 0.3):
            here = _shape(ground, name, rng.uniform(0, most), scale=25)
            light = np.where(here, _surface(rng, kind)[:, None, None], light)
    return np.asarray(light, np.float32)


_LANDS: Final = (_sea, _green, _dry, _farms, _town, _winter, _ice)
_SHARES: Final = (0.16, 0.18, 0.18, 0.14, 0.1, 0.14, 0.1)


def _wild(ground: Ground, rng: Rng, kinds: tuple[str, ...]) -> Floats:
    """Two to three surfaces on hills, drawn out along the ridges, (4, H, W)."""
    surfaces = [_surface(rng, pick(rng, kinds)) for _ in range(int(rng.integers(2, 4)))]
    light = _mixed(ground, rng, surfaces, rng.uniform(25, 120))
    return np.asarray(light * _sunny(ground, rng, rng.uniform(0, 1.5)), np.float32)


def _wet(ground: Ground, rng: Rng, light: Floats) -> Floats:
    """Lakes and winding rivers, where there are any."""
    if not chance(rng, 0.5):
        return light
    course = np.abs(ground.grain("river", 90, 2.0, lie(ground), 3))
    water = course < rng.uniform(0.0, 0.06)
    water |= _shape(ground, "lakes", rng.uniform(0, 0.15), scale=50)
    return np.where(water, _surface(rng, pick(rng, _WATER))[:, None, None], light)


def _surface(rng: Rng, kind: str) -> Floats:
    """(4,) reflectance of a surface, lighter or darker and of another tint each time."""
    varied = np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.06, len(BANDS)))
    return np.asarray(np.clip(np.array(_SPECTRA[kind]) * varied, 0.003, 1.0), np.float32)


def _mixed(ground: Ground, rng: Rng, surfaces: list[Floats], scale: float) -> Floats:
    """Surfaces that take turns, with soft or hard borders, (4, H, W)."""
    total = np.zeros((len(BANDS), ground.height, ground.width), np.float32)
    sharp = math.exp(rng.uniform(-0.5, 2.5))
    fields = [
        np.exp(sharp * ground.grain(f"surface{i}", scale, 1.5, lie(ground), 5))
        for i in range(len(surfaces))
    ]
    for surface, field in zip(surfaces, fields, strict=True):
        total += surface[:, None, None] * (field / np.sum(fields, axis=0))
    return total * _grain(ground, rng, rng.uniform(0.005, 0.08))


def _grain(ground: Ground, rng: Rng, amount: float) -> Floats:
    """A factor for each pixel: fine texture, partly of single pixels, (H, W)."""
    fine = ground.fractal("grain", 6, 3) + np.float32(rng.uniform(0, 0.8)) * ground.speckle("grit")
    return np.asarray(np.exp(np.float32(amount) * fine), np.float32)


def _sunny(ground: Ground, rng: Rng, steep: float) -> Floats:
    """Light on slopes, (H, W)."""
    heights = np.float32(steep * rng.uniform(1, 8)) * relief(ground)
    return sunshine(heights, rng.uniform(0, 2 * math.pi), math.radians(rng.uniform(25, 65)))


def _shape(ground: Ground, name: str, share: float, scale: float) -> Flags:
    """A share of the pixels, in patches of about `scale`, (H, W)."""
    field = ground.fractal(name, scale, 5)
    return np.asarray(field > np.quantile(field, 1 - share))
