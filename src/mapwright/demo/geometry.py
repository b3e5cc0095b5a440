"""Points, frames and planes of a scene.

World coordinates are metres: x to the right, y down, z up, (0, 0) at the tile's upper left corner.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float, float]
"""x, y, z in metres, unless a docstring says otherwise."""

Plane = tuple[float, float, float]
"""(a, b, c) of height = a * x + b * y + c."""

FLAT = 1e-9
"""A normal that leans less than this is upright."""


@dataclass(frozen=True)
class Frame:
    """A right-angled frame in the plane: origin in metres, heading of its u axis in radians."""

    x: float
    y: float
    heading: float = 0.0

    def at(self, u: float, v: float, z: float = 0.0) -> Point:
        """World point (x, y, z) in metres of local u, v."""
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        return (self.x + u * cos - v * sin, self.y + u * sin + v * cos, z)

    def child(self, u: float, v: float, turn: float = 0.0) -> Frame:
        """A frame that stands at local u, v, turned by `turn` radians."""
        x, y, _ = self.at(u, v)
        return Frame(x, y, self.heading + turn)

    def rectangle(self, length: float, width: float, z: float = 0.0) -> list[Point]:
        """Corners of a rectangle around the origin, `length` along u, `width` along v, metres."""
        u, v = length / 2, width / 2
        return [self.at(-u, -v, z), self.at(u, -v, z), self.at(u, v, z), self.at(-u, v, z)]

    def ellipse(
        self, length: float, width: float, z: float = 0.0, corners: int = 14
    ) -> list[Point]:
        """Corners of an ellipse around the origin, axes in metres."""
        turns = [2 * math.pi * i / corners for i in range(corners)]
        return [
            self.at(length / 2 * math.cos(turn), width / 2 * math.sin(turn), z) for turn in turns
        ]


def normal(points: Sequence[Point]) -> Point:
    """Normal of a flat polygon by Newell's sum; its length is twice the area."""
    x = y = z = 0.0
    for (ax, ay, az), (bx, by, bz) in zip(points, [*points[1:], points[0]], strict=True):
        x += (ay - by) * (az + bz)
        y += (az - bz) * (ax + bx)
        z += (ax - bx) * (ay + by)
    return x, y, z


def plane_through(points: Sequence[Point]) -> Plane:
    """The plane of a polygon whose x and y are drawn pixels and whose height is metres.

    A polygon that is seen edge-on, or is level, gets its mean height everywhere.
    """
    count = len(points)
    mx, my, mz = (sum(point[axis] for point in points) / count for axis in range(3))
    x, y, z = normal(points)
    if abs(z) < 1.0 or (abs(x) < FLAT and abs(y) < FLAT):
        return 0.0, 0.0, mz
    return -x / z, -y / z, mz + (x * mx + y * my) / z


def plane_along(start: Point, end: Point) -> Plane:
    """The plane that rises along a line; x and y are drawn pixels, height is metres."""
    (ax, ay, low), (bx, by, high) = start, end
    length = (bx - ax) ** 2 + (by - ay) ** 2
    if length < 1.0:
        return 0.0, 0.0, max(low, high)
    a, b = ((high - low) * step / length for step in (bx - ax, by - ay))
    return a, b, low - a * ax - b * ay
