"""Which ships there are and where they lie: alone, at anchor, side by side, along quays."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from mapwright.demo.geometry import Frame
from mapwright.demo.paint import chance
from mapwright.demo.sea.decks import draw_vessel
from mapwright.demo.sea.stage import CLEAR, Berth, Stage
from mapwright.demo.sea.vessels import KINDS, SMALLEST, Vessel, roll_kind, roll_vessel
from mapwright.demo.sea.wake import leave_wake

TRIES: Final = 30
"""Places that are tried for one ship."""
TALL: Final = 26.0
"""Metres above the water of the highest things on ships."""
NOTICED: Final = 45.0
"""Pixels from which a ship is seen for its shape, whatever its colour."""
SIDE_BY_SIDE: Final = ("boat", "yacht", "fishing")
"""Kinds that moor with their sterns to the quay, packed."""


def assemble(stage: Stage, count: int) -> None:
    """Launch ships until `count` of them can be seen, or no place is found."""
    for _ in range(3 * count + 5):
        left = count - sum(stage.visible(vessel) for vessel in stage.fleet)
        if left <= 0:
            return
        if stage.berths and chance(stage.rng, 0.75):
            _moor(stage, left)
        else:
            _sail(stage, left)


def rescue(stage: Stage) -> bool:
    """Launch one small boat where the water is widest; False when there is no visible water."""
    free = (stage.shore >= CLEAR) & ~stage.taken
    if stage.hidden is not None:
        free &= ~stage.hidden
    room = distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1]  # the border counts as land
    y, x = np.unravel_index(int(np.argmax(room)), room.shape)
    frame = Frame(float(x) + 0.5, float(y) + 0.5, stage.rng.uniform(0, 2 * math.pi))
    boat = Vessel(
        kind=KINDS[0],
        frame=frame,
        length=2 * SMALLEST,
        width=SMALLEST,
        deck=(222, 222, 218),
        side=(206, 204, 198),
        speed=0.0,
    )
    if not stage.fits(boat, 0) or not stage.visible(boat):
        return False
    stage.launch(boat)
    return True


def draw_fleet(stage: Stage) -> None:
    """Draw all wakes, then all ships."""
    shine, clear = stage.weather.shine, stage.shore
    for vessel in stage.fleet:
        if vessel.speed > 0:
            place = (vessel.frame, vessel.length, vessel.width)
            leave_wake(stage.rng, stage.picture, clear, place, vessel.speed)
    for vessel in stage.fleet:
        brush = stage.brush(vessel.box(), TALL, 3 if vessel.length > 40 else 5)
        if brush is not None:
            draw_vessel(stage.rng, brush, vessel, stage.sun, shine)
            brush.done()


def _sail(stage: Stage, left: int) -> None:
    """Launch a ship in open water, and on some of them others alongside."""
    rng, size = stage.rng, stage.size
    kind = roll_kind(rng, False, 1.2 * size)
    still = chance(rng, kind.still)
    speed = 0.0 if still else rng.uniform(0.1, 1.0)
    heading = stage.weather.wind + rng.normal(0, 0.2) if still else rng.uniform(0, 2 * math.pi)
    draft = roll_vessel(rng, kind, Frame(0, 0, heading), 1.2 * size, speed)
    draft = _standing_out(stage, draft)
    beyond = 0.35 * draft.length
    for _ in range(TRIES):
        x, y = rng.uniform(-beyond, size + beyond, 2).tolist()
        vessel = replace(draft, frame=Frame(x, y, heading))
        if stage.fits(vessel, 2 * CLEAR):
            stage.launch(vessel)
            break
    else:
        return
    while still and left > 1 and chance(rng, 0.16):
        beside = _beside(stage, vessel)
        if beside is None:
            return
        vessel, left = beside, left - 1


def _beside(stage: Stage, first: Vessel, side: int = 0) -> Vessel | None:
    """Launch a ship alongside another, on either side; None when there is no room."""
    rng = stage.rng
    kind = first.kind if chance(rng, 0.5) else roll_kind(rng, True, first.length)
    draft = roll_vessel(rng, kind, first.frame, 1.1 * first.length)
    if kind is first.kind and chance(rng, 0.6):
        draft = replace(draft, length=first.length, width=first.width)
    out = (first.width + draft.width) / 2 + _touch(stage)
    slack = max(first.length - draft.length, 0) / 2
    way = side or (1 if chance(rng, 0.5) else -1)
    frame = first.frame.child(rng.uniform(-slack, slack), way * out)
    if chance(rng, 0.3):
        frame = replace(frame, heading=frame.heading + math.pi)
    vessel = replace(draft, frame=frame, speed=0.0)
    if not stage.fits(vessel, 0):
        return None
    stage.launch(vessel)
    return vessel


def _moor(stage: Stage, left: int) -> None:
    """Moor one ship, or several side by side, at one of the berths."""
    rng = stage.rng
    berth = stage.berths[int(rng.integers(len(stage.berths)))]
    kind = roll_kind(rng, True, berth.length)
    if kind.name in SIDE_BY_SIDE and chance(rng, 0.7):
        _pack(stage, berth, left)
        return
    draft = roll_vessel(rng, kind, berth.frame, min(berth.length, stage.size))
    for _ in range(TRIES):
        slack = max(berth.length - draft.length, 0) / 2
        frame = berth.frame.child(rng.uniform(-slack, slack), draft.width / 2 + CLEAR + 0.6)
        if chance(rng, 0.5):
            frame = replace(frame, heading=frame.heading + math.pi)
        vessel = replace(draft, frame=frame)
        if stage.fits(vessel, 0):
            stage.launch(vessel)
            break
    else:
        return
    while left > 1 and chance(rng, 0.35):
        outward = 1 if math.cos(vessel.frame.heading - berth.frame.heading) > 0 else -1
        beside = _beside(stage, vessel, outward)
        if beside is None:
            return
        vessel, left = beside, left - 1


def _pack(stage: Stage, berth: Berth, left: int) -> None:
    """Moor small ships of one kind with their sterns to the edge, one beside the other."""
    rng = stage.rng
    kinds = [kind for kind in KINDS if kind.name in SIDE_BY_SIDE]
    kind = kinds[int(rng.integers(len(kinds)))]
    longest = roll_vessel(rng, kind, berth.frame, 30).length
    u = rng.uniform(-0.5, 0.3) * berth.length
    for _ in range(min(left, int(rng.integers(1, 9)))):
        draft = roll_vessel(rng, kind, berth.frame, longest)
        u += draft.width / 2
        if u > berth.length / 2:
            return
        frame = berth.frame.child(u, draft.length / 2 + CLEAR + 0.8, math.pi / 2)
        vessel = replace(draft, frame=frame)
        if stage.fits(vessel, 0):
            stage.launch(vessel)
        u += draft.width / 2 + _touch(stage)


def _standing_out(stage: Stage, vessel: Vessel) -> Vessel:
    """The ship in another colour, if it is small and nobody could tell it from the waves."""
    weather = stage.weather
    water, deck = (sum(rgb) / 3 for rgb in (weather.deep, vessel.deck))
    if vessel.length > NOTICED or abs(deck * weather.shine - water) > 30 + 2.5 * weather.rough:
        return vessel
    far = (224.0, 222.0, 216.0) if water < 120 else (30.0, 32.0, 38.0)
    return replace(vessel, deck=far, side=far)


def _touch(stage: Stage) -> float:
    """Pixels between two ships that lie side by side."""
    return 0.02 if chance(stage.rng, 0.5) else stage.rng.uniform(0.1, 2.5)
