"""From what stands in a scene to its light and its mask: drawing, leaves, shadows, texture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mapwright.demo.canvas import (
    MARGIN,
    SCALE,
    STEEPEST_LIGHT,
    SUPERSAMPLING,
    Canvas,
    Crown,
    Face,
    Layer,
    Row,
    View,
)

SHADOW_STEPS: Final = 8
"""The longest shadow has 2 ** SHADOW_STEPS drawn pixels (32 m)."""
SHADOW_BIAS: Final = 0.15
"""Metres that a shadow must pass above a surface to begin."""
SHADOW_SOFT: Final = 0.35
"""Further metres until it is full."""
TWIG_LIGHT: Final = 120
"""Sunlight behind a twig, of 255."""
LEAF_GLOW: Final = 0.3
"""Share of the sunlight that leaves pass on whichever way they face."""
RAGGED: Final = 0.22
"""How far the outline of a crown strays, as a share of its squared radius."""
BLOCKS: Final = 64
"""Rows and columns of the table that tells tiles, slabs and furrows apart; a power of two."""

Floats = NDArray[np.float32]
Ids = NDArray[np.int32]

# Columns of the face table.
_RGB, _ALT, _PATCHES, _GRAIN, _RELIEF = slice(0, 3), slice(3, 6), 6, 7, 8
_ALONG, _ACROSS, _DIRECT, _PLANE, _ROOF = slice(9, 11), slice(11, 13), 13, slice(14, 17), 17


def render(canvas: Canvas, rng: np.random.Generator) -> tuple[Floats, NDArray[np.uint8]]:
    """Draw all that stands on a canvas.

    Args:
        canvas: The scene. Its first face is the ground, and covers the tile.
        rng: Where the textures come from.

    Returns:
        Light (H, W, 3) float32, about 0 to 255, and roof mask (H, W) uint8 with soft edges.
    """
    crowns = [crown for crown in canvas.crowns if _near(canvas, crown)]
    first_leaf = len(canvas.rows)
    leaves = [Row(crown.paint) for crown in crowns]
    table = np.array([_columns(row) for row in [*canvas.rows, *leaves]], np.float32)
    ids, roofs = _draw(canvas, table)
    height = _heights(ids, table)
    cast = _grow(canvas, crowns, first_leaf, (ids, height), rng)
    margin = round(MARGIN * SCALE)
    inner = (slice(margin, canvas.side - margin),) * 2
    lit = (_lit(height, cast, canvas.view) * _veil(canvas))[inner]
    leafy = ids[inner] >= first_leaf
    direct = table[:, _DIRECT][ids[inner]]
    direct = np.where(leafy, _leaf_light(height[inner], canvas.view), direct) * lit
    light = _reduce(_albedo(ids[inner], table, rng) * _sun_and_sky(direct, canvas.view))
    return light, np.rint(_reduce(roofs[inner] * np.float32(255))).astype(np.uint8)


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
    return np.asarray(total / max(total.std(), np.float32(1e-6)), np.float32)


def _columns(row: Row) -> list[float]:
    paint = row.paint
    cos, sin = math.cos(row.heading), math.sin(row.heading)
    along, across = (1 / (SCALE * length) for length in paint.course)
    return [
        *paint.rgb,
        *(paint.alt or paint.rgb),
        *(paint.patches, paint.grain, paint.relief),
        *(cos * along, sin * along),
        *(-sin * across, cos * across),
        row.direct,
        *row.plane,
        float(row.roof),
    ]


def _near(canvas: Canvas, crown: Crown) -> bool:
    (ax, ay), (bx, by) = crown.start, crown.end
    reach = crown.radius + math.hypot(bx - ax, by - ay) / 2
    return canvas.near((ax + bx) / 2, (ay + by) / 2, reach)


def _draw(canvas: Canvas, table: Floats) -> tuple[Ids, NDArray[np.bool_]]:
    """Face numbers and roofs, both (rows, columns) of drawn pixels with the margin."""
    picture = Image.new("I", (canvas.side, canvas.side), 0)
    pen = ImageDraw.Draw(picture)
    order = sorted(range(len(canvas.faces)), key=lambda i: canvas.faces[i].layer)
    built = [i for i in order if canvas.faces[i].layer < Layer.PLANT]
    for i in built:
        _draw_face(pen, canvas.faces[i], i)
    roofs = table[:, _ROOF][np.asarray(picture)] > 0
    for i in order[len(built) :]:
        _draw_face(pen, canvas.faces[i], i)
    return np.array(picture, np.int32), roofs


def _draw_face(pen: ImageDraw.ImageDraw, face: Face, number: int) -> None:
    if face.stroke:
        pen.line(face.corners, fill=number, width=face.stroke)
    else:
        pen.polygon(face.corners, fill=number)


def _heights(ids: Ids, table: Floats) -> Floats:
    """Metres above the ground, (rows, columns)."""
    a, b, c = (table[:, column][ids] for column in range(_PLANE.start, _PLANE.stop))
    rows, columns = (np.arange(side, dtype=np.float32) for side in ids.shape)
    return np.asarray(a * columns[None, :] + b * rows[:, None] + c, np.float32)


def _grow(
    canvas: Canvas,
    crowns: Sequence[Crown],
    first: int,
    drawn: tuple[Ids, Floats],
    rng: np.random.Generator,
) -> Floats:
    """Draw the leaves into numbers and heights; returns the heights that throw shadows."""
    ids, height = drawn
    clumps = noise(rng, ids.shape, {14: 1.0, 7: 0.8})
    leaves = noise(rng, ids.shape, {4: 0.8, 2: 0.6})
    cast = height.copy()
    for number, crown in enumerate(crowns, first):
        near, box = _distance(canvas, crown)
        full = 1 - near + np.float32(RAGGED) * clumps[box]
        shape = 1 - np.sqrt(near) if crown.pointed else np.sqrt(np.clip(full, 0, 1))
        dome = crown.foot + crown.depth * shape
        bumps = min(0.05 * crown.depth + 0.05, 0.25)
        leaf = dome + bumps * leaves[box] + 1.3 * bumps * clumps[box]
        seen = (full > 0) & (leaf > height[box])
        height[box][seen] = leaf[seen]
        # Single leaves throw no shadow to speak of; without them its outline stays round.
        cast[box][seen] = dome[seen]
        ids[box][seen] = number
    return cast


def _distance(canvas: Canvas, crown: Crown) -> tuple[Floats, tuple[slice, slice]]:
    """Squared distance to a crown's line, in radii, and the drawn pixels that it is for."""
    top, reach = crown.foot + crown.depth / 2, crown.radius * SCALE
    (ax, ay), (bx, by) = (canvas.project((*end, top)) for end in (crown.start, crown.end))
    first_row, last_row, first_col, last_col = (
        min(max(0, int(edge)), canvas.side)
        for edge in (
            min(ay, by) - 1.3 * reach,
            max(ay, by) + 1.3 * reach + 1,
            min(ax, bx) - 1.3 * reach,
            max(ax, bx) + 1.3 * reach + 1,
        )
    )
    x = np.arange(first_col, last_col, dtype=np.float32)[None, :] - np.float32(ax)
    y = np.arange(first_row, last_row, dtype=np.float32)[:, None] - np.float32(ay)
    across, down = np.float32(bx - ax), np.float32(by - ay)
    if (length := across**2 + down**2) > 1:
        share = np.clip((x * across + y * down) / length, 0, 1)
        x, y = x - share * across, y - share * down
    box = (slice(first_row, last_row), slice(first_col, last_col))
    return np.asarray((x * x + y * y) / np.float32(reach**2), np.float32), box


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


def _veil(canvas: Canvas) -> Floats:
    """Sunlight that twigs leave to the ground, 0 to 1, (rows, columns) of drawn pixels."""
    picture = Image.new("L", (canvas.side, canvas.side), 255)
    pen = ImageDraw.Draw(picture)
    for line in canvas.twig_shadows:
        pen.line(line, fill=TWIG_LIGHT, width=1)
    return np.asarray(picture, np.float32) / np.float32(255)


def _leaf_light(height: Floats, view: View) -> Floats:
    """Sunlight on leaves, from the slope of their heights; open level ground receives 1."""
    dy, dx = np.gradient(height * np.float32(SCALE))
    sun_x, sun_y, sun_z = view.sun
    toward = 1 - (dx * np.float32(sun_x) + dy * np.float32(sun_y)) / np.float32(sun_z)
    toward = np.clip(toward / np.sqrt(1 + dx * dx + dy * dy), 0, STEEPEST_LIGHT)
    return np.asarray(LEAF_GLOW + (1 - LEAF_GLOW) * toward, np.float32)


def _sun_and_sky(direct: Floats, view: View) -> Floats:
    """Light of each band, (rows, columns, 3), from the sunlight that each pixel receives."""
    sky = np.array(view.sky_rgb, np.float32) * np.float32(view.sky)
    sun = np.array(view.sun_rgb, np.float32) * np.float32(1 - view.sky)
    return np.asarray(sky + direct[..., None] * sun, np.float32)


def _albedo(ids: Ids, table: Floats, rng: np.random.Generator) -> Floats:
    """Colour under plain light, (rows, columns, 3)."""
    blots = noise(rng, ids.shape, {96: 0.8, 32: 0.8, 12: 0.7, 5: 0.5})
    fine = noise(rng, ids.shape, {5: 0.6, 2: 1.0})
    broad = noise(rng, ids.shape, {160: 1.0, 48: 0.6})
    share = np.clip((blots - 2 + 4 * table[:, _PATCHES][ids]) * np.float32(0.9) + 0.5, 0, 1)
    texture = 1 + table[:, _GRAIN][ids] * fine + np.float32(0.05) * broad
    texture += table[:, _RELIEF][ids] * _blocks(ids, table, rng)
    base, alt = table[:, _RGB][ids], table[:, _ALT][ids]
    return np.asarray((base + (alt - base) * share[..., None]) * texture[..., None], np.float32)


def _blocks(ids: Ids, table: Floats, rng: np.random.Generator) -> Floats:
    """A random number for each tile, slab or furrow, (rows, columns), aligned with its face."""
    numbers = rng.standard_normal((BLOCKS, BLOCKS), dtype=np.float32)
    # Whole rows and columns differ as well: courses of a roof, joints of a yard.
    numbers += rng.standard_normal((BLOCKS, 1), dtype=np.float32)
    numbers += np.float32(0.6) * rng.standard_normal((1, BLOCKS), dtype=np.float32)
    rows, columns = (np.arange(side, dtype=np.float32) for side in ids.shape)
    along, across = (
        np.floor(
            table[:, axis.start][ids] * columns[None, :]
            + table[:, axis.start + 1][ids] * rows[:, None]
        ).astype(np.int32)
        & (BLOCKS - 1)
        for axis in (_ALONG, _ACROSS)
    )
    return np.asarray(numbers[across, along], np.float32)


def _reduce(drawn: Floats) -> Floats:
    """Mean over each tile pixel's drawn pixels; rows and columns are the first two axes."""
    parts = [
        drawn[i::SUPERSAMPLING, j::SUPERSAMPLING]
        for i in range(SUPERSAMPLING)
        for j in range(SUPERSAMPLING)
    ]
    return np.asarray(sum(parts[1:], parts[0]) / np.float32(len(parts)), np.float32)
