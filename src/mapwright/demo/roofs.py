"""Parts of buildings as flat faces in three dimensions: boxes, walls, slopes, wings, dormers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from mapwright.demo.canvas import Canvas, Layer
from mapwright.demo.geometry import Frame, Point
from mapwright.demo.paint import Paint

OVERHANG: Final = 0.4
"""Metres from the wall to the eaves."""
RIDGE: Final = 0.2
"""Width of ridge tiles in metres."""


@dataclass(frozen=True)
class Body:
    """A house with a ridge along the u axis of its frame; all lengths in metres.

    Args:
        frame: Its centre and the heading of its ridge.
        length: Along the ridge, from eaves to eaves.
        width: Across the ridge, from eaves to eaves.
        eaves: Height of the eaves.
        rise: Height of the ridge above the eaves.
        hip: 0 for gables, 1 for full hips, between them for half hips.
        roof: The paint of its roof.
        wall: The paint of its walls.
    """

    frame: Frame
    length: float
    width: float
    eaves: float
    rise: float
    hip: float
    roof: Paint
    wall: Paint

    def inward(self, z: float) -> float:
        """Metres from the ridge line at which the slopes have height `z`."""
        return self.width / 2 * (1 - (z - self.eaves) / self.rise)

    def on_slope(self, u: float, share: float, side: int, lift: float = 0.06) -> Point:
        """A point `share` (0 to 1) of the way up the slope on `side` (-1 or 1)."""
        v = side * self.width / 2 * (1 - share)
        return self.frame.at(u, v, self.eaves + self.rise * share + lift)


@dataclass(frozen=True)
class Cross:
    """A part that stands crosswise on a slope: a wing, a gable or a dormer; metres.

    Args:
        u: Its middle, along the main ridge.
        width: Along the main ridge.
        front: Distance of its front from the main ridge.
        foot: Height at which its front wall begins.
        eaves: Height of its own eaves.
        rise: Height of its own ridge above its eaves; 0 for a flat dormer.
        side: The slope it stands on, -1 or 1.
        roof: The paint of its roof.
    """

    u: float
    width: float
    front: float
    foot: float
    eaves: float
    rise: float
    side: int
    roof: Paint


def box(
    canvas: Canvas,
    frame: Frame,
    size: Point,
    side: Paint,
    top: Paint,
    layer: Layer = Layer.ROOF,
    foot: float = 0.0,
    roof: bool = False,
) -> None:
    """Put a box of `size` = (length, width, height) metres that begins at height `foot`.

    Its sides are in the mask only if it stands on a roof: `foot` above 0 and `roof`.
    """
    length, width, height = size
    low = frame.rectangle(length, width, foot)
    high = frame.rectangle(length, width, foot + height)
    for i in range(4):
        j = (i + 1) % 4
        canvas.polygon([low[i], low[j], high[j], high[i]], side, layer, roof=roof and foot > 0)
    canvas.polygon(high, top, layer, frame.heading, roof)


def walls(canvas: Canvas, body: Body) -> None:
    """Put the four walls; the roof hides those that the camera can't see."""
    length, width = body.length / 2 - OVERHANG, body.width / 2 - OVERHANG
    at, top = body.frame.at, body.eaves + body.rise
    shoulder = body.width / 2 * body.hip
    peak = top - body.rise * body.hip
    for end in (-1, 1):
        u, v = end * length, end * width
        canvas.polygon(
            [at(-length, v), at(length, v), at(length, v, body.eaves), at(-length, v, body.eaves)],
            body.wall,
            Layer.WALL,
        )
        canvas.polygon(
            [
                at(u, -width),
                at(u, width),
                at(u, width, body.eaves),
                at(u, min(shoulder, width), peak),
                at(u, -min(shoulder, width), peak),
                at(u, -width, body.eaves),
            ],
            body.wall,
            Layer.WALL,
        )


def slopes(canvas: Canvas, body: Body, trim: Paint | None = None, roof: bool = True) -> None:
    """Put two slopes, the hips if there are any, and ridge tiles of paint `trim`."""
    u, v = body.length / 2, body.width / 2
    inset, low = v * body.hip, body.eaves
    shoulder, top = low + body.rise * (1 - body.hip), low + body.rise
    at, heading = body.frame.at, body.frame.heading
    ends = [at(-u + inset, 0, top), at(u - inset, 0, top)]
    for side in (-1, 1):
        face = [
            at(-u, side * v, low),
            at(u, side * v, low),
            at(u, side * inset, shoulder),
            ends[1],
            ends[0],
            at(-u, side * inset, shoulder),
        ]
        canvas.polygon(face, body.roof, Layer.ROOF, heading, roof=roof)
    hips = []
    for end, peak in zip((-1, 1), ends, strict=True):
        corners = [at(end * u, -inset, shoulder), at(end * u, inset, shoulder)]
        if body.hip > 0:
            across = heading + math.pi / 2
            canvas.polygon([*corners, peak], body.roof, Layer.ROOF, across, roof=roof)
            hips += [(corner, peak) for corner in corners]
    for line in [(ends[0], ends[1]), *hips] if trim else []:
        canvas.stroke(line, RIDGE, trim or body.roof, Layer.ROOF, roof=roof)


def crosswise(canvas: Canvas, body: Body, cross: Cross) -> None:
    """Put a wing or a dormer: front and cheeks, then its two slopes or its lid."""

    def at(u: float, v: float, z: float) -> Point:
        return body.frame.at(u, cross.side * v, z)

    left, right = cross.u - cross.width / 2, cross.u + cross.width / 2
    back, front, z = max(body.inward(cross.eaves), 0.0), cross.front, cross.eaves
    top = z + cross.rise
    layer = Layer.ROOF if cross.foot > 0 else Layer.WALL
    for u in (left, right):
        cheek = [at(u, front, cross.foot), at(u, front, z), at(u, back, z)]
        canvas.polygon(cheek, body.wall, layer, roof=cross.foot > 0)
    face = [at(left, front, cross.foot), at(right, front, cross.foot), at(right, front, z)]
    gable = [*face, at(cross.u, front, top), at(left, front, z)]
    canvas.polygon(gable, body.wall, layer, roof=cross.foot > 0)
    if cross.rise == 0:
        lift = 0.4 * body.rise / max(body.width / 2, 1)
        back = max(body.inward(z + lift), 0.0)
        lid = [at(left, front, z), at(right, front, z)]
        lid += [at(right, back, z + lift), at(left, back, z + lift)]
        canvas.polygon(lid, cross.roof, Layer.ROOF, body.frame.heading, roof=True)
        return
    peak = max(body.inward(top), 0.0)
    across = body.frame.heading + math.pi / 2
    for u in (left, right):
        slope = [at(u, back, z), at(u, front, z), at(cross.u, front, top), at(cross.u, peak, top)]
        canvas.polygon(slope, cross.roof, Layer.ROOF, across, roof=True)
