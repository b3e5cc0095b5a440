"""A small renderer for scenes seen from above: flat faces and plants, sun, shadows, texture.

Every face is drawn once, as a number, into one image of face numbers. All that is known about a
face (colour, texture, height, slope to the sun, roof or not) stands in one table, so that colour,
height, shadow and mask each are one look-up over the whole picture.
World coordinates are metres: x to the right, y down, z up, (0, 0) at the tile's upper left corner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mapwright.demo.paint import RGB, Paint

GROUND_SAMPLING_DISTANCE = 0.25
"""Metres per pixel of a tile."""
SUPERSAMPLING = 2
"""Drawn pixels per tile pixel, along each axis."""
SCALE = SUPERSAMPLING / GROUND_SAMPLING_DISTANCE
"""Drawn pixels per metre."""
MARGIN = 6.0
"""Metres drawn beyond each border: what stands there throws shadows into the tile."""
SHADOW_STEPS = 8
"""The longest shadow has 2 ** SHADOW_STEPS drawn pixels (32 m)."""
SHADOW_BIAS, SHADOW_SOFT = 0.15, 0.35
"""Metres that a shadow must pass above a surface to begin, and to be full."""
LEAF_GLOW = 0.3
"""Share of the sunlight that leaves pass on whichever way they face."""
TWIG_LIGHT = 120
"""Sunlight behind a twig, of 255."""
STEEPEST_LIGHT = 1.55
"""Sunlight on a face that looks straight at a low sun, as a multiple of that on level ground."""

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]
Point = tuple[float, float, float]


class Layer(IntEnum):
    """What covers what, lowest first."""

    GROUND = 0
    YARD = 1
    ROAD = 2
    OBJECT = 3
    BUILDING = 4
    PLANT = 5


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
class _Face:
    layer: Layer
    corners: list[tuple[float, float]]  # drawn pixels, x and y
    width: int  # of a stroke in drawn pixels; 0 for a filled polygon


# Columns of the face table.
_RGB, _ALT, _PATCHES, _GRAIN, _RELIEF = slice(0, 3), slice(3, 6), 6, 7, 8
_ALONG, _ACROSS, _DIRECT, _PLANE, _ROOF = slice(9, 11), slice(11, 13), 13, slice(14, 17), 17


@dataclass
class Canvas:
    """What stands in a tile of `size` x `size` pixels, in the order it was put there."""

    size: int
    view: View
    _faces: list[_Face] = field(default_factory=list)
    _table: list[list[float]] = field(default_factory=list)
    _crowns: list[Crown] = field(default_factory=list)
    _twigs: list[list[tuple[float, float]]] = field(default_factory=list)

    @property
    def extent(self) -> float:
        """Side of the tile in metres."""
        return self.size * GROUND_SAMPLING_DISTANCE

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
        corners = [self._project(point) for point in points]
        if self._unseen(corners):
            return
        plane = _plane([(x, y, point[2]) for (x, y), point in zip(corners, points, strict=True)])
        self._faces.append(_Face(layer, corners, 0))
        self._table.append(_row(paint, heading, self._direct(points), plane, roof))

    def stroke(
        self,
        points: Sequence[Point],
        width: float,
        paint: Paint,
        layer: Layer,
        roof: bool = False,
    ) -> None:
        """Put a thin line of `width` metres through `points`, lit like open level ground."""
        for start, end in zip(points[:-1], points[1:], strict=True):
            corners = [self._project(start), self._project(end)]
            if self._unseen(corners):
                continue
            plane = _slope(corners, start[2], end[2])
            self._faces.append(_Face(layer, corners, max(1, round(width * SCALE))))
            self._table.append(_row(paint, 0.0, 1.0, plane, roof))

    def twig(self, start: Point, end: Point, width: float, paint: Paint) -> None:
        """Put a twig: a line above everything else; it never changes the mask."""
        # At height 0 it throws no shadow of its own: that of a solid wall would be far too dark.
        self.stroke([self._flat(start), self._flat(end)], width, paint, Layer.PLANT)
        sun_x, sun_y, sun_z = self.view.sun
        ends = [(x - z * sun_x / sun_z, y - z * sun_y / sun_z, 0.0) for x, y, z in (start, end)]
        self._twigs.append([self._project(point) for point in ends])

    def crown(self, crown: Crown) -> None:
        """Put leaves; they cover what is lower than they are, and never change the mask."""
        self._crowns.append(crown)

    def render(self, rng: np.random.Generator) -> tuple[Floats, NDArray[np.uint8]]:
        """Draw everything.

        Args:
            rng: Where the textures come from.

        Returns:
            Image (H, W, 3) float32, about 0 to 255, and roof mask (H, W) uint8 with soft edges.
        """
        ids, roofs = self._draw()
        crowns = [crown for crown in self._crowns if self._near(crown)]
        first_leaf = len(self._table)
        self._table += [_row(crown.paint, 0.0, 1.0, (0.0, 0.0, 0.0), False) for crown in crowns]
        table = np.array(self._table, np.float32)
        height = _heights(ids, table)
        cast = self._grow(crowns, first_leaf, ids, height, rng)
        margin = round(MARGIN * SCALE)
        inner = (slice(margin, ids.shape[0] - margin),) * 2
        lit = (_lit(height, cast, self.view) * self._veil())[inner]
        direct = table[:, _DIRECT][ids[inner]]
        leafy = ids[inner] >= first_leaf
        direct = np.where(leafy, _leaf_light(height, self.view)[inner], direct) * lit
        colour = _albedo(ids[inner], table, rng) * self._light(direct)
        return _reduce(colour), np.rint(_reduce(roofs[inner] * np.float32(255))).astype(np.uint8)

    def _project(self, point: Point) -> tuple[float, float]:
        x, y, z = point
        lean_x, lean_y = self.view.lean
        return ((x + lean_x * z + MARGIN) * SCALE, (y + lean_y * z + MARGIN) * SCALE)

    def _flat(self, point: Point) -> Point:
        """The point on the ground that is seen in the same place."""
        x, y, z = point
        return x + self.view.lean[0] * z, y + self.view.lean[1] * z, 0.0

    def _unseen(self, corners: Sequence[tuple[float, float]]) -> bool:
        side = self.size * SUPERSAMPLING + 2 * MARGIN * SCALE
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return max(xs) < 0 or max(ys) < 0 or min(xs) > side or min(ys) > side

    def _near(self, crown: Crown) -> bool:
        reach = [-MARGIN - crown.radius, self.extent + MARGIN + crown.radius]
        ends = np.array([crown.start, crown.end])
        return bool((ends.max(0) > reach[0]).all() and (ends.min(0) < reach[1]).all())

    def _direct(self, points: Sequence[Point]) -> float:
        """Sunlight that the face receives where no shadow falls; level ground receives 1."""
        x, y, z = _normal(points)
        length = math.hypot(x, y, z) or 1.0
        sign = 1.0 if z >= 0 else -1.0
        toward = sign * sum(n * s for n, s in zip((x, y, z), self.view.sun, strict=True)) / length
        return min(max(toward / self.view.sun[2], 0.0), STEEPEST_LIGHT)

    def _draw(self) -> tuple[Ids, NDArray[np.bool_]]:
        """Face numbers and roofs, both (rows, columns) of drawn pixels with the margin."""
        side = self.size * SUPERSAMPLING + 2 * round(MARGIN * SCALE)
        picture = Image.new("I", (side, side), 0)
        pen = ImageDraw.Draw(picture)
        roof_of = np.array(self._table, np.float32)[:, _ROOF] > 0
        order = sorted(range(len(self._faces)), key=lambda i: self._faces[i].layer)
        buildings = [i for i in order if self._faces[i].layer < Layer.PLANT]
        for i in buildings:
            _draw_face(pen, self._faces[i], i)
        roofs = roof_of[np.asarray(picture)]
        for i in order[len(buildings) :]:
            _draw_face(pen, self._faces[i], i)
        return np.array(picture, np.int32), roofs

    def _grow(
        self,
        crowns: Sequence[Crown],
        first: int,
        ids: Ids,
        height: Floats,
        rng: np.random.Generator,
    ) -> Floats:
        """Draw the leaves into `ids` and `height`; returns the heights that throw shadows."""
        clumps = noise(rng, ids.shape, {14: 1.0, 7: 0.8})
        leaves = noise(rng, ids.shape, {4: 0.8, 2: 0.6})
        cast = height.copy()
        for number, crown in enumerate(crowns, first):
            self._grow_one(crown, number, ids, (height, cast), (clumps, leaves))
        return cast

    def _grow_one(
        self,
        crown: Crown,
        number: int,
        ids: Ids,
        heights: tuple[Floats, Floats],
        textures: tuple[Floats, Floats],
    ) -> None:
        (height, cast), (clumps, leaves) = heights, textures
        top = crown.foot + crown.depth / 2
        (ax, ay), (bx, by) = (self._project((*end, top)) for end in (crown.start, crown.end))
        reach = crown.radius * SCALE
        box = tuple(
            slice(max(0, int(min(a, b) - 1.3 * reach)), max(0, int(max(a, b) + 1.3 * reach) + 1))
            for a, b in ((ay, by), (ax, bx))
        )
        rows, cols = (
            np.arange(part.start, min(part.stop, side), dtype=np.float32)
            for part, side in zip(box, ids.shape, strict=True)
        )
        x, y = cols[None, :] - ax, rows[:, None] - ay
        along = (bx - ax) ** 2 + (by - ay) ** 2
        if along > 1:  # distance to a line, not to a point
            share = np.clip((x * (bx - ax) + y * (by - ay)) / along, 0, 1)
            x, y = x - share * (bx - ax), y - share * (by - ay)
        near = (x * x + y * y) / reach**2
        full = 1 - near + np.float32(0.22) * clumps[box]
        shape = 1 - np.sqrt(near) if crown.pointed else np.sqrt(np.clip(full, 0, 1))
        dome = crown.foot + crown.depth * shape
        bumps = min(0.05 * crown.depth + 0.05, 0.25)
        leaf = dome + bumps * leaves[box] + 1.3 * bumps * clumps[box]
        seen = (full > 0) & (leaf > height[box])
        height[box][seen] = leaf[seen]
        # Single leaves throw no shadow to speak of; without them its outline stays round.
        cast[box][seen] = dome[seen]
        ids[box][seen] = number

    def _veil(self) -> Floats:
        """Sunlight that twigs leave to the ground, 0 to 1, (rows, columns) of drawn pixels."""
        side = self.size * SUPERSAMPLING + 2 * round(MARGIN * SCALE)
        picture = Image.new("L", (side, side), 255)
        pen = ImageDraw.Draw(picture)
        for twig in self._twigs:
            pen.line(twig, fill=TWIG_LIGHT, width=1)
        return np.asarray(picture, np.float32) / np.float32(255)

    def _light(self, direct: Floats) -> Floats:
        sky = np.array(self.view.sky_rgb, np.float32) * np.float32(self.view.sky)
        sun = np.array(self.view.sun_rgb, np.float32) * np.float32(1 - self.view.sky)
        return np.asarray(sky + direct[..., None] * sun, np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, ...], cells: Mapping[int, float]) -> Floats:
    """Smooth random texture with mean near 0 and standard deviation 1.

    Args:
        rng: Source of randomness.
        shape: (rows, columns) in pixels.
        cells: Size in pixels of each octave's grid, and its weight.

    Returns:
        (rows, columns) float32.
    """
    rows, columns = shape
    total = np.zeros((rows, columns), np.float32)
    for cell, weight in cells.items():
        grid = rng.standard_normal((rows // cell + 2, columns // cell + 2), dtype=np.float32)
        smooth = Image.fromarray(grid).resize((columns, rows), Image.Resampling.BICUBIC)
        total += np.float32(weight) * np.asarray(smooth)
    return total / max(total.std(), np.float32(1e-6))


def _draw_face(pen: ImageDraw.ImageDraw, face: _Face, number: int) -> None:
    if face.width:
        pen.line(face.corners, fill=number, width=face.width)
    else:
        pen.polygon(face.corners, fill=number)


def _row(paint: Paint, heading: float, direct: float, plane: Point, roof: bool) -> list[float]:
    cos, sin = math.cos(heading), math.sin(heading)
    along, across = (1 / (SCALE * length) for length in paint.course)
    return [
        *paint.rgb,
        *(paint.alt or paint.rgb),
        paint.patches,
        paint.grain,
        paint.relief,
        *(cos * along, sin * along),
        *(-sin * across, cos * across),
        direct,
        *plane,
        float(roof),
    ]


def _normal(points: Sequence[Point]) -> Point:
    """Normal of a flat polygon by Newell's sum; its length is twice the area."""
    x = y = z = 0.0
    for (ax, ay, az), (bx, by, bz) in zip(points, [*points[1:], points[0]], strict=True):
        x += (ay - by) * (az + bz)
        y += (az - bz) * (ax + bx)
        z += (ax - bx) * (ay + by)
    return x, y, z


def _plane(points: Sequence[Point]) -> Point:
    """(a, b, c) of height = a * x + b * y + c, with x and y in drawn pixels, height in metres."""
    count = len(points)
    mx, my, mz = (sum(point[axis] for point in points) / count for axis in range(3))
    x, y, z = _normal(points)
    if abs(z) < 1.0 or (abs(x) < 1e-9 and abs(y) < 1e-9):
        return 0.0, 0.0, mz
    return -x / z, -y / z, mz + (x * mx + y * my) / z


def _slope(corners: Sequence[tuple[float, float]], start: float, end: float) -> Point:
    """The plane that rises along a line from height `start` to height `end`."""
    (ax, ay), (bx, by) = corners
    length = (bx - ax) ** 2 + (by - ay) ** 2
    if length < 1.0:
        return 0.0, 0.0, max(start, end)
    a, b = ((end - start) * step / length for step in (bx - ax, by - ay))
    return a, b, start - a * ax - b * ay


def _heights(ids: Ids, table: Floats) -> Floats:
    a, b, c = (table[:, column][ids] for column in range(_PLANE.start, _PLANE.stop))
    rows, columns = (np.arange(side, dtype=np.float32) for side in ids.shape)
    return np.asarray(a * columns[None, :] + b * rows[:, None] + c, np.float32)


def _lit(height: Floats, cast: Floats, view: View) -> Floats:
    """Share of the sun's disc that each pixel sees, (rows, columns), 0 in full shadow.

    The height of the shadow above each pixel is the highest of all heights towards the sun, each
    lowered by the sun's fall on the way. Steps that double their length find it in few passes.
    """
    sun_x, sun_y, sun_z = view.sun
    # A shadow's offset per metre of height; the camera's lean moves the tops that throw it.
    x, y = -sun_x / sun_z - view.lean[0], -sun_y / sun_z - view.lean[1]
    length = math.hypot(x, y)
    x, y, fall = x / length, y / length, 1 / (SCALE * length)
    shadow = np.full_like(height, -1e3)
    _spread(shadow, cast, round(x), round(y), fall)
    for step in (2**power for power in range(SHADOW_STEPS)):
        _spread(shadow, shadow.copy(), round(x * step), round(y * step), fall * step)
    return np.asarray(np.clip(1 - (shadow - height - SHADOW_BIAS) / SHADOW_SOFT, 0, 1), np.float32)


def _spread(target: Floats, source: Floats, x: int, y: int, fall: float) -> None:
    """Raise `target` to `source` moved by x, y pixels and lowered by `fall` metres."""
    rows, columns = source.shape
    if abs(x) >= columns or abs(y) >= rows:
        return
    to = (slice(max(0, y), rows + min(0, y)), slice(max(0, x), columns + min(0, x)))
    of = (slice(max(0, -y), rows + min(0, -y)), slice(max(0, -x), columns + min(0, -x)))
    np.maximum(target[to], source[of] - np.float32(fall), out=target[to])


def _leaf_light(height: Floats, view: View) -> Floats:
    """Sunlight on leaves, from the slope of their heights; open level ground receives 1."""
    dy, dx = np.gradient(height * np.float32(SCALE))
    sun_x, sun_y, sun_z = view.sun
    toward = 1 - (dx * np.float32(sun_x) + dy * np.float32(sun_y)) / np.float32(sun_z)
    toward = np.clip(toward / np.sqrt(1 + dx * dx + dy * dy), 0, STEEPEST_LIGHT)
    return np.asarray(LEAF_GLOW + (1 - LEAF_GLOW) * toward, np.float32)


def _albedo(ids: Ids, table: Floats, rng: np.random.Generator) -> Floats:
    """Colour under plain light, (rows, columns, 3)."""
    blots = noise(rng, ids.shape, {96: 0.8, 32: 0.8, 12: 0.7, 5: 0.5})
    fine = noise(rng, ids.shape, {5: 0.6, 2: 1.0})
    broad = noise(rng, ids.shape, {160: 1.0, 48: 0.6})
    tiles = rng.standard_normal((64, 64), dtype=np.float32)
    # Whole rows and columns differ as well: courses of a roof, joints of a yard.
    tiles += rng.standard_normal((64, 1), dtype=np.float32)
    tiles += 0.6 * rng.standard_normal((1, 64), dtype=np.float32)
    rows, columns = (np.arange(side, dtype=np.float32) for side in ids.shape)
    along, across = (
        np.floor(
            table[:, part.start][ids] * columns[None, :]
            + table[:, part.start + 1][ids] * rows[:, None]
        ).astype(np.int32)
        & 63
        for part in (_ALONG, _ACROSS)
    )
    share = np.clip((blots - 2 + 4 * table[:, _PATCHES][ids]) * np.float32(0.9) + 0.5, 0, 1)
    texture = 1 + table[:, _GRAIN][ids] * fine + table[:, _RELIEF][ids] * tiles[across, along]
    texture += np.float32(0.05) * broad
    base, alt = table[:, _RGB][ids], table[:, _ALT][ids]
    return np.asarray((base + (alt - base) * share[..., None]) * texture[..., None], np.float32)


def _reduce(drawn: NDArray[np.float32]) -> Floats:
    """Mean over each tile pixel's drawn pixels; rows and columns are the first two axes."""
    parts = [
        drawn[i::SUPERSAMPLING, j::SUPERSAMPLING]
        for i in range(SUPERSAMPLING)
        for j in range(SUPERSAMPLING)
    ]
    return np.asarray(sum(parts[1:], parts[0]) / np.float32(len(parts)), np.float32)
