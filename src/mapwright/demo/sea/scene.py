"""Seas from above with ships whose outlines are exactly known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from mapwright.demo.geometry import Frame
from mapwright.demo.paint import Rng, chance
from mapwright.demo.sea import structures
from mapwright.demo.sea.brush import coverage, span_of
from mapwright.demo.sea.coast import FAR, Coast, roll_coast
from mapwright.demo.sea.fleet import assemble, draw_fleet, rescue
from mapwright.demo.sea.land import paint_land
from mapwright.demo.sea.sky import HIDING, cloud_over, expose, roll_clouds
from mapwright.demo.sea.stage import CLEAR, Berth, Stage, in_box
from mapwright.demo.sea.vessels import Vessel
from mapwright.demo.sea.wake import leave_wake
from mapwright.demo.sea.water import paint_water
from mapwright.demo.sea.weather import Weather, roll_weather
from mapwright.errors import SettingError

SMALLEST, LARGEST = 32, 4096
"""Side of a sea in pixels."""
MOST: Final = 15
"""Ships in one sea."""
WATER: Final = 0.35
"""Share of a sea with ships that is water, at least."""

Style = Literal["box", "hull"]
"""What a ship's mask is: the rotated rectangle around its hull, or the hull's outline."""


@dataclass(frozen=True)
class Ship:
    """One ship that can be seen; lengths in pixels of 1.5 metres.

    Args:
        kind: What it is.
        x: Of its middle, from the left border; may lie outside.
        y: Of its middle, from the upper border; may lie outside.
        length: From stern to bow.
        width: Of the hull.
        heading: Of the bow in radians; 0 is to the right, turning towards down.
    """

    kind: str
    x: float
    y: float
    length: float
    width: float
    heading: float


@dataclass(frozen=True)
class Sea:
    """One generated sea at 1.5 metres per pixel.

    Args:
        image: (3, H, W) uint8 red, green, blue.
        instances: (H, W) uint16; k where the mask of the k-th ship is, counted from 1, else 0.
        ships: The ships that have a mask, in the order of their numbers.
    """

    image: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    ships: tuple[Ship, ...]


def make_sea(seed: int, size: int = 768, empty: float = 0.75, style: Style = "box") -> Sea:
    """Generate one sea. The same arguments give the same sea.

    Masks are rotated rectangles around hulls unless `style` says otherwise, as most of those of
    the Airbus Ship Detection Challenge are: a pixel belongs to the ship whose rectangle holds its
    centre. Masks never overlap; those of ships side by side may touch. A ship that reaches over
    the border keeps the part inside. Clouds don't cut masks: a ship of which 30 % or more can be
    seen has its whole mask, one that clouds hide altogether has none, and there is none between.

    Args:
        seed: Which sea; 0 or larger.
        size: Height and width in pixels, 32 to 4096.
        empty: Probability that there is no ship, 0 to 1.
        style: What a ship's mask is.

    Returns:
        Image, masks and ships.

    Raises:
        SettingError: An argument is out of range.
    """
    if seed < 0:
        raise SettingError(f"seed = {seed}", expected="0 or larger")
    if not SMALLEST <= size <= LARGEST:
        raise SettingError(f"size = {size}", expected=f"{SMALLEST} to {LARGEST} pixels")
    if not 0 <= empty <= 1:
        raise SettingError(f"empty = {empty}", expected="a probability, 0 to 1")
    if style not in ("box", "hull"):
        raise SettingError(f"style = {style!r}", expected="'box' or 'hull'")
    rng = np.random.default_rng(seed)
    count = 0 if chance(rng, empty) else roll_count(rng)
    weather = roll_weather(rng)
    clouds = roll_clouds(rng, size)
    stage = _set_stage(rng, weather, size, count)
    if clouds is not None:
        stage.hidden = clouds[0] >= HIDING
    assemble(stage, count)
    if count and not any(stage.visible(vessel) for vessel in stage.fleet) and not rescue(stage):
        clouds, stage = None, _open_water(rng, weather, size)
        rescue(stage)
    draw_fleet(stage)
    light = stage.picture.astype(np.float32)
    if clouds is not None:
        light = cloud_over(rng, light, clouds, weather)
    picture = expose(rng, light, weather)
    seen = [vessel for vessel in stage.fleet if stage.visible(vessel)]
    image = np.ascontiguousarray(picture.transpose(2, 0, 1))
    return Sea(image, _instances(seen, size, style), tuple(_ship(vessel) for vessel in seen))


def roll_count(rng: Rng) -> int:
    """Ships in a sea that has some: 1 to 15, the more the rarer, as in the challenge's data."""
    counts = np.arange(1, MOST + 1)
    shares = counts**-1.9
    return int(rng.choice(counts, p=shares / shares.sum()))


def _set_stage(rng: Rng, weather: Weather, size: int, count: int) -> Stage:
    """Water, land and what stands in the water."""
    stage = _open_water(rng, weather, size)
    coastal = 0.36 if count == 0 else 0.22 + 0.55 * min(count / 6, 1.0)
    coast = _coast(rng, size, count) if chance(rng, coastal) else None
    if coast is None:
        _scatter(stage, 0.06)
        return stage
    stage = replace(
        stage, picture=paint_land(rng, stage.picture, coast, weather), shore=coast.shore
    )
    stage.berths += [Berth(*edge) for edge in coast.edges]
    _furnish(stage, coast, count)
    stage.berths = [berth for berth in stage.berths if _afloat(stage, berth)]
    _scatter(stage, 0.05)
    return stage


def _open_water(rng: Rng, weather: Weather, size: int) -> Stage:
    """Water from border to border."""
    water = np.clip(paint_water(rng, weather, size), 0, 255).astype(np.uint8)
    return Stage(rng, weather, water, np.full((size, size), FAR, np.float32), None)


def _coast(rng: Rng, size: int, count: int) -> Coast | None:
    """A coast that leaves water enough for ships, if there are any."""
    harbour = 0.35 if count < 3 else 0.75
    for _ in range(6):
        coast = roll_coast(rng, size, harbour, inland=count == 0)
        if count == 0 or (coast.shore > 6).mean() > WATER:
            return coast
    return None


def _furnish(stage: Stage, coast: Coast, count: int) -> None:
    """Put piers, pontoons and breakwaters along the shore."""
    rng = stage.rng
    if not coast.edges and not chance(rng, 0.3 if count < 3 else 0.8):
        return
    for frame, length in coast.edges:
        place = frame.child(rng.uniform(-0.4, 0.4) * length, 0, rng.normal(0, 0.03))
        if chance(rng, 0.45) and _afloat(stage, Berth(place, 20)):
            if chance(rng, 0.25):
                structures.pontoons(stage, place)
            else:
                structures.pier(stage, place, narrow=chance(rng, 0.3))
    for _ in range(int(rng.integers(1, 4))):
        landing = _landing(stage)
        if landing is None:
            return
        kind = rng.random()
        if kind < 0.5:
            structures.pier(stage, landing, narrow=chance(rng, 0.6))
        elif kind < 0.72:
            structures.pontoons(stage, landing)
        else:
            structures.breakwater(stage, landing)


def _afloat(stage: Stage, berth: Berth) -> bool:
    """Whether some of a berth lies in the picture, and at open water."""
    for share in (-0.4, -0.2, 0.0, 0.2, 0.4):
        x, y, _ = berth.frame.at(share * berth.length, 10)
        inside = 0 <= x < stage.size and 0 <= y < stage.size
        if inside and stage.shore[int(y), int(x)] > CLEAR:
            return True
    return False


def _landing(stage: Stage) -> Frame | None:
    """A point of the shore with v to the water; None when none is found."""
    rng, size, shore = stage.rng, stage.size, stage.shore
    for _ in range(40):
        row, col = rng.integers(2, size - 2, 2).tolist()
        if abs(shore[row, col]) < 4:
            near = shore[max(row - 9, 0) : row + 10, max(col - 9, 0) : col + 10]
            down, right = (float(part.mean()) for part in np.gradient(near))
            if math.hypot(down, right) > 0.2:
                toward = math.atan2(down, right)
                return Frame(col + 0.5, row + 0.5, toward - math.pi / 2)
    return None


def _scatter(stage: Stage, share: float) -> None:
    """Put what may stand anywhere in the water; each with a probability of about `share`."""
    rng, size = stage.rng, stage.size
    things = (structures.rig, structures.rocks, structures.buoys, structures.farm)
    for thing in things:
        x, y = rng.uniform(0, size, 2).tolist()
        if chance(rng, share) and stage.shore[int(y), int(x)] > 30:
            thing(stage, Frame(x, y, rng.uniform(0, 2 * math.pi)))
    if chance(rng, 0.3 * share):
        middle = Frame(size / 2, size / 2, rng.uniform(0, math.pi))
        structures.bridge(stage, middle.child(0, rng.uniform(-0.4, 0.4) * size))
    if chance(rng, 0.5 * share):  # what a ship has left that is no longer in the picture
        x, y = rng.uniform(0, size, 2).tolist()
        away = Frame(x, y, rng.uniform(0, 2 * math.pi))
        ship = away.child(1.2 * size, 0)
        leave_wake(rng, stage.picture, stage.shore, (ship, 60, 14), rng.uniform(0.5, 1.0))


def _instances(seen: list[Vessel], size: int, style: Style) -> NDArray[np.uint16]:
    ids = np.zeros((size, size), np.uint16)
    for number, vessel in enumerate(seen, 1):
        span = span_of(vessel.box(), 1, ids.shape)
        assert span is not None, "a ship that is seen lies in the picture"
        mask = in_box(vessel, span)
        if style == "hull":
            share = coverage(vessel.outline(), span, 5)
            mask = share >= min(0.5, float(share.max()))
        ids[span][mask & (ids[span] == 0)] = number
    return ids


def _ship(vessel: Vessel) -> Ship:
    frame = vessel.frame
    return Ship(vessel.kind.name, frame.x, frame.y, vessel.length, vessel.width, frame.heading)
