"""What stands in a scene: flat faces, thin lines, leaves and twigs, as the renderer needs them.

Every face has a number. All that is known about it (colour, texture, height, slope to the sun,
roof or not) stands in one row of a table, so that the renderer finds colour, height and mask of
a whole picture by look-up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import Final

import numpy as np

from mapwright.demo.geometry import Plane, Point, normal, plane_along, plane_through
from mapwright.demo.paint import RGB, Paint, Theme

GROUND_SAMPLING_DISTANCE: Final = 0.25
"""Metres per pixel of a tile."""
SUPERSAMPLING: Final = 2
"""Drawn pixels per tile pixel, along each axis."""
SCALE: Final = SUPERSAMPLING / GROUND_SAMPLING_DISTANCE
"""Drawn pixels per metre."""
MARGIN: Final = 6.0
"""Metres drawn beyond each border: what stands there throws shadows into the tile."""
STEEPEST_LIGHT: Final = 1.55
"""Sunlight on a face that looks straight at a low sun, as a multiple of that on level ground."""


class Layer(IntEnum):
    """What covers what, lowest first."""

    GROUND = 0
    YARD = 1
    ROAD = 2
    OBJECT = 3
    WALL = 4  # below every roof, so that no wall hides the roof of a neighbour
    ROOF = 5
    PLANT = 6


@dataclass(frozen=True)
class View:
    """Where the light comes from and how the camera looks.

    Args:
        sun: Unit vector towards the sun (x right, y down, z up).
        lean: Metres that a point moves in x and y per metre of height, as the camera looks askew.
        sky: Share of the light on open level ground that comes from the sky, 0 to 1.
        sky_rgb: Colour of the sky's light.
        sun_rgb: Colour of the sun's light.
    """

    sun: Point
    lean: tuple[float, float]
    sky: float
    sky_rgb: RGB
    sun_rgb: RGB


@dataclass(frozen=True)
class Crown:
    """The leaves of a tree, a bush or a hedge: a ragged dome around a line from `start` to `end`.

    Args:
        start: (x, y) metres.
        end: (x, y) metres; equal to `start` for a tree.
        radius: Metres.
        foot: Height in metres at which the leaves begin.
        depth: Metres from the foot to the top.
        pointed: True for a conifer: a cone instead of a dome.
        paint: Its colours.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    radius: float
    foot: float
    depth: float
    pointed: bool
    paint: Paint


@dataclass(frozen=True)
class Face:
    """One polygon or line as it is drawn; its number is its place in `Canvas.faces`.

    Args:
        layer: What it covers.
        corners: x and y in drawn pixels, the margin included.
        stroke: Width of a line in drawn pixels; 0 for a filled polygon.
    """

    layer: Layer
    corners: list[tuple[float, float]]
    stroke: int


@dataclass(frozen=True)
class Row:
    """What is known about one face.

    Args:
        paint: Colour and texture.
        heading: Direction in radians in which its tiles, slabs or rows run.
        direct: Sunlight where no shadow falls; level ground receives 1.
        plane: Height in metres over x and y in drawn pixels.
        roof: Whether the mask has it.
    """

    paint: Paint
    heading: float = 0.0
    direct: float = 1.0
    plane: Plane = (0.0, 0.0, 0.0)
    roof: bool = False


@dataclass
class Canvas:
    """What stands in a tile of `size` x `size` pixels, in the order in which it was put there."""

    size: int
    view: View
    faces: list[Face] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    crowns: list[Crown] = field(default_factory=list)
    twig_shadows: list[list[tuple[float, float]]] = field(default_factory=list)

    @property
    def extent(self) -> float:
        """Side of the tile in metres."""
        return self.size * GROUND_SAMPLING_DISTANCE

    @property
    def side(self) -> int:
        """Side of the drawing in drawn pixels, with the margin on both ends."""
        return self.size * SUPERSAMPLING + 2 * round(MARGIN * SCALE)

    def polygon(
        self,
        points: Sequence[Point],
        paint: Paint,
        layer: Layer,
        heading: float = 0.0,
        roof: bool = False,
    ) -> None:
        """Put a flat face.

        Args:
            points: Its corners, (x, y, z) metres.
            paint: Colour and texture.
            layer: What it covers; within a layer, the later covers the earlier.
            heading: Direction in radians in which tiles, slabs or rows run.
            roof: Whether the mask has it.
        """
        corners = [self.project(point) for point in points]
        if self._unseen(corners):
            return
        drawn = [(x, y, point[2]) for (x, y), point in zip(corners, points, strict=True)]
        self.faces.append(Face(layer, corners, 0))
        self.rows.append(Row(paint, heading, self._direct(points), plane_through(drawn), roof))

    def stroke(
        self,
        points: Sequence[Point],
        width: float,
        paint: Paint,
        layer: Layer,
        roof: bool = False,
    ) -> None:
        """Put a thin line of `width` metres through `points`, lit like open level ground."""
        for start, end in pairwise(points):
            corners = [self.project(start), self.project(end)]
            if self._unseen(corners):
                continue
            plane = plane_along((*corners[0], start[2]), (*corners[1], end[2]))
            self.faces.append(Face(layer, corners, max(1, round(width * SCALE))))
            self.rows.append(Row(paint, plane=plane, roof=roof))

    def twig(self, start: Point, end: Point, paint: Paint) -> None:
        """Put a twig: a thin line above everything else; it never changes the mask.

        It stands in the height map at 0: a wall of that height would throw far too dark a shadow.
        Its own faint shadow is drawn where it falls on open ground.
        """
        corners = [self.project(point) for point in (start, end)]
        sun_x, sun_y, sun_z = self.view.sun
        ends = [(x - z * sun_x / sun_z, y - z * sun_y / sun_z, 0.0) for x, y, z in (start, end)]
        self.twig_shadows.append([self.project(point) for point in ends])
        self.faces.append(Face(Layer.PLANT, corners, 1))
        self.rows.append(Row(paint))

    def crown(self, crown: Crown) -> None:
        """Put leaves; they cover what is lower than they are, and never change the mask."""
        self.crowns.append(crown)

    def near(self, x: float, y: float, reach: float) -> bool:
        """Whether something at x, y that reaches `reach` metres can be seen or throw a shadow."""
        low, high = -MARGIN - reach, self.extent + MARGIN + reach
        return low < x < high and low < y < high

    def project(self, point: Point) -> tuple[float, float]:
        """Where a point in metres is drawn: x and y in drawn pixels, the margin included."""
        x, y, z = point
        lean_x, lean_y = self.view.lean
        return ((x + lean_x * z + MARGIN) * SCALE, (y + lean_y * z + MARGIN) * SCALE)

    def _unseen(self, corners: Sequence[tuple[float, float]]) -> bool:
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return max(xs) < 0 or max(ys) < 0 or min(xs) > self.side or min(ys) > self.side

    def _direct(self, points: Sequence[Point]) -> float:
        x, y, z = normal(points)
        length = math.hypot(x, y, z) or 1.0
        sign = 1.0 if z >= 0 else -1.0
        toward = sign * sum(n * s for n, s in zip((x, y, z), self.view.sun, strict=True)) / length
        return min(max(toward / self.view.sun[2], 0.0), STEEPEST_LIGHT)


@dataclass(frozen=True)
class Site:
    """What every builder needs.

    Args:
        canvas: What things are put on.
        rng: Source of randomness.
        theme: The look that all plots share.
    """

    canvas: Canvas
    rng: np.random.Generator
    theme: Theme

    def between(self, low: float, high: float) -> float:
        """A number between two others, all equally likely."""
        return float(self.rng.uniform(low, high))

    def bell(self, spread: float) -> float:
        """A number around 0 with standard deviation `spread`."""
        return float(spread * self.rng.standard_normal())

    def count(self, mean: float) -> int:
        """How many, if there are `mean` on average."""
        return int(self.rng.poisson(mean))

    def side(self) -> int:
        """-1 or 1."""
        return 1 if self.rng.random() < 0.5 else -1
