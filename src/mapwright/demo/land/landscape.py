"""Made-up land cover of a Nordic coast: fjord and lakes, towns and roads, fields, woods, mires."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from mapwright.demo.land.ground import Flags, Floats, Ground, Keys, even
from mapwright.demo.land.routes import Place, cheapest_ways, draw_ways
from mapwright.demo.land.surfaces import (
    CROPLAND,
    DISTRICT,
    FIELD,
    FOREST,
    GRASS,
    URBAN,
    WATER,
    WETLAND,
    Labels,
    to_water,
)
from mapwright.demo.land.terrain import lie, relief, steepness
from mapwright.demo.land.tessellation import parcels
from mapwright.errors import SettingError

SHARES: Final = {
    "urban": 0.22,
    "cropland": 0.10,
    "grass": 0.04,
    "wetland": 0.006,
    "water": 0.18,
    "unlabelled": 0.0,
}
"""Usual share of the pixels; forest has the rest."""

SMALLEST: Final = 32
"""Pixels along each side of a landscape."""
LOT: Final = (9.0, 5.0)
"""Length and width in pixels of what is built over, or left, as a whole."""
_COARSE: Final = 200  # pixels along the longer side of the grid on which ways are found
_COAST: Final = 0.7  # share of the landscapes that lie at the sea


def roll_shares(rng: np.random.Generator) -> dict[str, float]:
    """Shares around the usual ones: one scene has much water, the next hardly any town."""
    rolled = {name: share * float(np.exp(rng.normal(0, 0.3))) for name, share in SHARES.items()}
    fit = 0.85 / max(sum(rolled.values()), 0.85)
    return {name: share * fit for name, share in rolled.items()}


def make_labels(ground: Ground, shares: Mapping[str, float] | None = None) -> Labels:
    """Make up what covers the land in a window.

    Args:
        ground: The window, at least 32 x 32 pixels of 10 m; the same gives the same labels.
        shares: Share of the pixels per class of `SHARES`; the usual one where a class is left out.

    Returns:
        (H, W) uint8: 1 urban, 2 cropland, 3 grass, 4 forest, 5 wetland, 6 water; 0 unlabelled.

    Raises:
        SettingError: A window that is too small, a class that is not in `SHARES`, shares below 0
            or above 1 in sum.
    """
    if min(ground.height, ground.width) < SMALLEST:
        raise SettingError(
            f"a landscape of {ground.height} x {ground.width} pixels",
            expected=f"at least {SMALLEST} x {SMALLEST} pixels",
        )
    land = Land(ground, {**SHARES, **_checked(shares or {})})
    land.flood()
    land.build_roads()
    land.till()
    land.graze()
    land.settle()
    land.soak()
    return land.labels


def _checked(shares: Mapping[str, float]) -> Mapping[str, float]:
    if unknown := shares.keys() - SHARES.keys():
        raise SettingError(
            f"shares of {', '.join(sorted(unknown))}",
            expected=f"shares of {', '.join(SHARES)}; forest has the rest",
        )
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise SettingError(f"a share of {share}", where=name, expected="0 to 1")
    total = sum({**SHARES, **shares}.values())
    if total > 1 + 1e-9:
        raise SettingError(
            f"shares that sum to {total:g}",
            where=dict(shares),
            expected="at most 1, together with the usual shares of what is left out",
            fix="give the other classes lower shares too",
        )
    return shares


class Land:
    """A landscape while it is being made; each step gives land that is still forest to a class."""

    def __init__(self, ground: Ground, shares: Mapping[str, float]) -> None:
        """Raise the hills; `shares` are those of the pixels, per class of `SHARES`."""
        self.ground, self.shares = ground, shares
        self.rng = np.random.default_rng(ground.key(f"land {ground.top} {ground.left}"))
        self.heights = relief(ground)
        slope = steepness(gaussian_filter(self.heights, 3))
        self.slope = slope / max(float(slope.mean()), 1e-6)
        self.labels: Labels = np.full(self.heights.shape, FOREST, np.uint8)
        self.step = math.ceil(max(self.labels.shape) / _COARSE)
        self.town = np.zeros_like(self.heights)
        self.road = np.zeros_like(self.heights)

    def flood(self) -> None:
        """Fill the sea and the lakes, and let a river run down to them."""
        count = self._count("water")
        river = 1.3 * max(self.labels.shape) * self._broad
        river = river if count > 3 * river else 0
        tide = self.heights + 0.25 * self.ground.fractal("shore", 20, 4)
        if self.rng.random() < _COAST:
            part = self.rng.uniform(0.6, 0.9)
            self._give(WATER, -tide - 1.4 * self._tilt(), round(part * (count - river)))
        lakes = self.ground.grain("lakes", 40, 2.0, lie(self.ground), 4) - 0.4 * self.heights
        self._give(WATER, lakes, round(count - river) - int((self.labels == WATER).sum()))
        if river:
            self._run_river()
            self._give(WATER, lakes, count - int((self.labels == WATER).sum()))

    def build_roads(self) -> None:
        """Found towns and lay roads between them, to the borders, and to lonely places."""
        budget = 0.4 * self._count("urban")
        towns = self._found_towns()
        for (row, col), weight in towns:
            rows, cols = np.indices(self.labels.shape)
            reach = 0.2 * math.sqrt(self.labels.size * weight)
            near = weight * np.exp(-np.hypot(rows - row, cols - col) / reach)
            self.town = np.maximum(self.town, near.astype(np.float32))
        cost = 1 + 1.5 * self.slope + np.exp(0.7 * self.ground.noise("way", 10))
        cost = self._coarse(cost + 60 * (self.labels == WATER))
        first, *others = [self._coarsened(place) for place, _ in towns]
        main = cheapest_ways(cost, first, [*others, *self._exits(3)])
        roads = self._pave(main, self._broad, 0.7 * budget)
        for place in {place for way in main for place in way}:
            cost[place] *= 0.25  # lanes follow the main roads
        lanes = cheapest_ways(cost, first, self._lonely())
        roads |= self._pave(lanes, 1, budget - int(roads.sum()))
        self.labels[roads] = URBAN
        if roads.any():
            self.road = np.asarray(np.exp(-distance_transform_edt(~roads) / 6), np.float32)

    def till(self) -> None:
        """Clear fields: whole plots of gentle low land near roads, away from towns."""
        dry = (self.labels == FOREST) & (to_water(self.labels) > 1.5)
        self._give(CROPLAND, self._fertile(), self._count("cropland"), dry)

    def graze(self) -> None:
        """Lay out pastures beside the fields, parks in the towns, and bare shores."""
        tilled = self.labels == CROPLAND
        fields = np.exp(-distance_transform_edt(~tilled) / 12) if tilled.any() else 0
        chosen = even(self.ground, "pasture", self._plots(FIELD)) < 0.2
        pasture = 1.7 * fields * chosen - 0.6 * ~chosen - 0.1 * self.slope
        park = 0.8 * self.ground.fractal("park", 10, 2) + 1.4 * self.town - 1.5
        shore = 2.2 * np.exp(-to_water(self.labels) / 1.3) + 0.7 * self.ground.noise("strand", 9)
        score = np.maximum(np.maximum(pasture, park), shore - 1.2)
        self._give(GRASS, score, self._count("grass"))

    def settle(self) -> None:
        """Build houses: around the towns, along roads and shores, and farms in the fields."""
        score = 2.2 * self.town + 0.9 * self.road - 0.25 * self.slope
        score += 0.3 * np.exp(-to_water(self.labels) / 10)
        score += 0.5 * self.ground.grain("suburbs", 26, 1.8, lie(self.ground), 5)
        score += 0.5 * (even(self.ground, "lot", self._plots(LOT)) - 0.5)
        self._give(URBAN, score, self._count("urban") - int((self.labels == URBAN).sum()))

    def soak(self) -> None:
        """Let mires grow in hollows of the forest and around its lakes; forget a few labels."""
        score = self.ground.fractal("mire", 13, 2) - 0.7 * self.slope - self.town
        score += 0.6 * np.exp(-to_water(self.labels) / 5)
        self._give(WETLAND, score, self._count("wetland"))
        gone = self.ground.fractal("unlabelled", 20, 2)
        self._give(0, gone, self._count("unlabelled"), np.ones(self.labels.shape, bool))

    @property
    def _broad(self) -> int:
        """Width in pixels of rivers and main roads."""
        return 2 if max(self.labels.shape) > 500 else 1

    def _count(self, name: str) -> int:
        return round(self.shares[name] * self.labels.size)

    def _give(self, value: int, score: Floats, count: int, free: Flags | None = None) -> None:
        """Give `value` to the `count` pixels of forest, or of `free`, with the highest score."""
        places = np.flatnonzero(self.labels == FOREST if free is None else free)
        order = np.argsort(-score.flat[places], kind="stable")
        self.labels.flat[places[order[: max(count, 0)]]] = value

    def _tilt(self) -> Floats:
        """A plane that falls towards the sea, along the ridges or across them, (H, W)."""
        turn = lie(self.ground) + self.rng.integers(4) * math.pi / 2 + self.rng.normal(0, 0.4)
        rows, cols = np.indices(self.labels.shape)
        fall = cols * math.cos(turn) + rows * math.sin(turn)
        return np.asarray((fall - fall.mean()) / fall.std(), np.float32)

    def _run_river(self) -> None:
        """From the border that is farthest from water down to the water, or across the land."""
        cost = self._coarse(np.exp(1.2 * self.heights) + np.exp(0.8 * self.ground.noise("bed", 14)))
        far = self._coarse(to_water(self.labels))
        border = _border(far.shape)
        spring = max(border, key=lambda place: far[place])
        wet = np.argwhere(far == 0)
        ends = [tuple(p) for p in wet[self.rng.integers(len(wet), size=1)]] if len(wet) else []
        mouth = ends[0] if ends else border[int(self.rng.integers(len(border)))]
        ways = cheapest_ways(cost * np.where(far > 0, 1, 0.2), spring, [mouth])
        self.labels[draw_ways(self.labels.shape, ways, self.step, self._broad)] = WATER

    def _found_towns(self) -> list[tuple[Place, float]]:
        """Places and weights of a city and some villages: level, and near water but not in it."""
        count = 1 + int(self.rng.poisson(self.labels.size / 250**2))
        dry = np.argwhere(self.labels != WATER)
        if not len(dry):
            return [((0, 0), 1.0)]
        tried = dry[self.rng.integers(len(dry), size=60 * count)]
        rows, cols = tried.T
        score = -0.3 * self.slope[rows, cols] - 0.02 * np.abs(to_water(self.labels)[rows, cols] - 8)
        score += self.rng.normal(0, 0.4, len(tried))
        towns: list[tuple[Place, float]] = []
        apart = 0.25 * math.sqrt(self.labels.size)
        for i in np.argsort(-score):
            row, col = int(rows[i]), int(cols[i])
            if len(towns) < count and all(math.dist((row, col), at) > apart for at, _ in towns):
                towns.append(((row, col), float(self.rng.uniform(0.2, 0.6)) if towns else 1.0))
        return towns

    def _exits(self, count: int) -> list[Place]:
        """Where roads leave the landscape: dry places on its border."""
        wet = self._coarse(self.labels == WATER)
        dry = [place for place in _border(wet.shape) if not wet[place]]
        return [dry[i] for i in self.rng.permutation(len(dry))[:count]]

    def _lonely(self) -> list[Place]:
        """Dry places for farms and cabins that lanes lead to."""
        dry = np.argwhere(~self._coarse(self.labels == WATER))
        count = min(6 + self.labels.size // 5000, len(dry))
        return [(int(r), int(c)) for r, c in self.rng.permutation(dry)[:count]]

    def _pave(self, ways: list[list[Place]], width: int, budget: float) -> Flags:
        """Draw ways until they cover about `budget` pixels, (H, W)."""
        drawn = np.zeros(self.labels.shape, bool)
        for way in ways:
            if drawn.sum() >= budget:
                break
            drawn |= draw_ways(self.labels.shape, [way], self.step, width)
        return drawn

    def _fertile(self) -> Floats:
        """How well whole plots suit farming, with a trace of how each pixel does, (H, W)."""
        low = gaussian_filter(self.heights, 6)
        score = 0.9 * self.road - 0.6 * low - 0.5 * self.slope - 1.3 * self.town
        score += 0.7 * self.ground.noise("soil", 55) - 0.6 * np.exp(-to_water(self.labels) / 3)
        keys = self._plots(FIELD)
        score += 0.9 * even(self.ground, "cleared", keys)
        _, plot = np.unique(keys, return_inverse=True)
        plot = plot.ravel()
        mean = np.bincount(plot, score.ravel()) / np.bincount(plot)
        return np.asarray(mean[plot].reshape(score.shape) + 0.02 * score, np.float32)

    def _plots(self, side: tuple[float, float]) -> Keys:
        rows, cols = self.ground.places
        name = "field" if side == FIELD else "lot"
        return parcels(self.ground, name, rows, cols, side, DISTRICT).keys

    def _coarse(self, grid: Any) -> Any:
        return grid[:: self.step, :: self.step].copy()

    def _coarsened(self, place: Place) -> Place:
        return place[0] // self.step, place[1] // self.step


def _border(shape: tuple[int, int]) -> list[Place]:
    height, width = shape
    sides = [(row, col) for row in range(height) for col in (0, width - 1)]
    return sides + [(row, col) for col in range(1, width - 1) for row in (0, height - 1)]
