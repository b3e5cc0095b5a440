"""What surfaces reflect in five Sentinel-2 bands, and how crops change over the year.

The values are typical of cloud-free surface reflectance (Level-2A) in the Nordic summer, rounded
from what is known of such surfaces; no image was measured for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from mapwright.demo.land.ground import Floats

REFLECTIVE: Final = ("red", "green", "blue", "nir", "swir1")
"""Order of the bands of every spectrum: B4, B3, B2, B8, B11."""

SPECTRA: Final[dict[str, tuple[float, float, float, float, float]]] = {
    "spruce": (180, 310, 175, 2150, 880),
    "pine": (270, 420, 240, 2350, 1180),
    "birch": (250, 480, 225, 3750, 1650),
    "young trees": (420, 640, 340, 3150, 1950),
    "felled": (880, 800, 560, 2250, 2650),
    "heath": (620, 660, 420, 2100, 1950),
    "rock": (1350, 1220, 1050, 1750, 2100),
    "lawn": (480, 830, 400, 4150, 2150),
    "meadow": (720, 920, 520, 3350, 2350),
    "dry grass": (1080, 1060, 680, 2850, 2900),
    "asphalt": (1030, 980, 900, 1250, 1500),
    "gravel": (1480, 1320, 1100, 1850, 2300),
    "dark roof": (720, 690, 640, 900, 1150),
    "tile roof": (1500, 1020, 850, 1950, 2350),
    "bright roof": (2650, 2600, 2550, 2850, 2750),
    "concrete": (1950, 1850, 1700, 2250, 2600),
    "shadow": (230, 270, 280, 520, 380),
    "bog": (760, 740, 450, 2450, 1950),
    "fen": (560, 680, 370, 2850, 1750),
    "reed": (610, 640, 390, 2550, 1500),
    "fjord": (170, 290, 330, 110, 50),
    "humic": (170, 210, 190, 130, 70),
    "turbid": (520, 700, 520, 230, 80),
    "shallow": (420, 620, 480, 260, 110),
    "soil": (1180, 930, 700, 1850, 2700),
    "wet soil": (760, 630, 500, 1250, 1800),
    "rape": (1250, 1550, 560, 4500, 2000),
    "vegetables": (560, 820, 420, 3900, 2000),
}
"""Reflectance x 10000 of pure surfaces, bands in the order of `REFLECTIVE`."""

_CEREAL: Final = (
    (0, SPECTRA["soil"]),
    (15, (1080, 900, 660, 1950, 2600)),
    (30, (640, 780, 450, 3000, 2150)),
    (45, (330, 600, 280, 4500, 1750)),
    (72, (420, 680, 330, 4250, 1850)),
    (90, (900, 1000, 520, 3500, 2300)),
    (105, (1450, 1220, 720, 3150, 2850)),
    (116, (1700, 1360, 880, 2900, 3250)),
    (122, (1500, 1200, 800, 2500, 3250)),
    (150, (950, 930, 560, 2750, 2600)),
    (170, SPECTRA["wet soil"]),
)
"""Days since sowing, and reflectance x 10000: bare, closed, in ear, ripe, stubble, ploughed."""

_LEY: Final = (
    (0, (950, 980, 600, 3000, 2600)),
    (10, (620, 880, 460, 3700, 2250)),
    (22, (420, 760, 350, 4450, 2000)),
    (45, (520, 820, 400, 4200, 2050)),
)
"""Days since the meadow was cut, and reflectance x 10000."""


def blend(parts: Mapping[str, Floats]) -> Floats:
    """Mix surfaces by the area that each covers.

    Args:
        parts: Area of each surface of `SPECTRA`, (n,) each, 0 or larger; they need not sum to 1.

    Returns:
        (5, n) reflectance, 0 to 1.
    """
    total = np.maximum(sum(parts.values()), np.float32(1e-6))
    mixed = np.zeros((len(REFLECTIVE), len(total)), np.float32)
    for name, area in parts.items():
        mixed += np.array(SPECTRA[name], np.float32)[:, None] * (area / total)
    return mixed / np.float32(10_000)


def cereal(days: Floats) -> Floats:
    """Grain `days` (n,) after sowing: (5, n) reflectance, 0 to 1."""
    return _over_time(_CEREAL, days)


def ley(days: Floats) -> Floats:
    """Sown grass `days` (n,) after a cut: (5, n) reflectance, 0 to 1."""
    return _over_time(_LEY, days)


def _over_time(calendar: tuple[tuple[float, tuple[float, ...]], ...], days: Floats) -> Floats:
    dates = [date for date, _ in calendar]
    bands = np.array([spectrum for _, spectrum in calendar]).T / 10_000
    return np.stack([np.interp(days, dates, band) for band in bands]).astype(np.float32)
