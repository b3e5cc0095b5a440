"""Randomness that belongs to places: the same seed, name and place give the same number.

What lies on the ground of a scene is drawn from here, so that two scenes which overlap show the
same ground where they do. Distances are in pixels.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Places = NDArray[np.float64]
"""Rows or columns on the endless plane; far-off ones need more digits than float32 has."""
Keys = NDArray[np.uint64]
"""Scrambled 64-bit numbers, one per place or cell."""

_SPREAD: Final = np.float32(151 / 315)
"""Mean over all places of the summed squares of cubic B-spline weights, along one axis."""


@dataclass(frozen=True)
class Ground:
    """A window on the endless plane of one seed.

    Args:
        seed: Which plane; 0 or larger.
        top: Row of the window's first pixel on the plane.
        left: Its column.
        height: Rows of the window.
        width: Columns of the window.
    """

    seed: int
    top: int
    left: int
    height: int
    width: int

    @property
    def places(self) -> tuple[Places, Places]:
        """Row and column of each pixel on the plane, both (H, W)."""
        rows = self.top + np.arange(self.height, dtype=np.float64)
        cols = self.left + np.arange(self.width, dtype=np.float64)
        down, across = np.meshgrid(rows, cols, indexing="ij")
        return down, across

    def key(self, name: str) -> Keys:
        """What tells one kind of randomness from another, (1,)."""
        seed = np.array([self.seed & 0xFFFFFFFFFFFFFFFF], np.uint64)
        return scramble(scramble(seed) + np.uint64(zlib.crc32(name.encode())))

    def speckle(self, name: str) -> Floats:
        """Noise that knows no neighbour, (H, W), mean 0 and deviation 1."""
        rows = np.arange(self.top, self.top + self.height)[:, None]
        cols = np.arange(self.left, self.left + self.width)[None, :]
        return bell(cells(self.key(name), rows, cols))

    def noise(self, name: str, scale: float) -> Floats:
        """Smooth noise with blobs of about `scale` pixels, (H, W), mean 0 and deviation 1."""
        down, rows = _taps(self.top, self.height, scale)
        across, cols = _taps(self.left, self.width, scale)
        lattice = _lattice(self.key(name), rows, cols)
        rows, cols = rows - rows.min(), cols - cols.min()
        tall = sum(w[:, None] * lattice[rows + tap] for tap, w in enumerate(down))
        wide = sum(w[None, :] * tall[:, cols + tap] for tap, w in enumerate(across))
        return np.asarray(wide / _SPREAD, np.float32)

    def fractal(self, name: str, scale: float, octaves: int = 3, fade: float = 0.6) -> Floats:
        """Noise on several scales, each half the one before and `fade` times as strong, (H, W)."""
        layers = [
            np.float32(fade**i) * self.noise(f"{name}{i}", scale / 2**i) for i in range(octaves)
        ]
        return np.asarray(sum(layers) / _length(fade, octaves), np.float32)

    def grain(self, name: str, scale: float, stretch: float, turn: float, octaves: int) -> Floats:
        """Noise as `fractal`, drawn out by `stretch` along a direction `turn` (radians), (H, W)."""
        rows, cols = self.places
        along = (cols * np.cos(turn) + rows * np.sin(turn)) / (scale * stretch)
        across = (rows * np.cos(turn) - cols * np.sin(turn)) / scale
        layers = [
            np.float32(0.6**i) * _spline(self.key(f"{name}{i}"), across * 2**i, along * 2**i)
            for i in range(octaves)
        ]
        return np.asarray(sum(layers) / _length(0.6, octaves), np.float32)


def scramble(value: Keys) -> Keys:
    """The finaliser of splitmix64 (Steele, Lea and Flood, 2014): every bit stirs every other."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)), np.uint64)


def cells(key: Keys, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Keys:
    """One number for each pair of whole numbers; the arguments broadcast."""
    first = scramble(rows.astype(np.int64).view(np.uint64) + key)
    return scramble(first + cols.astype(np.int64).view(np.uint64))


def bell(keys: Keys) -> Floats:
    """Nearly normal numbers, mean 0 and deviation 1: the sum of four even ones per key."""
    parts = np.ascontiguousarray(keys).view(np.uint16).reshape(*keys.shape, 4)
    total = parts.sum(axis=-1, dtype=np.int64).astype(np.float32)
    return np.asarray((total - 2 * 65535) / np.float32(65536 / math.sqrt(3)), np.float32)


def even(ground: Ground, name: str, keys: Keys) -> Floats:
    """Numbers from 0 up to 1, one per cell, another for each `name`."""
    mixed = scramble(keys ^ ground.key(name))
    return np.asarray((mixed >> np.uint64(40)).astype(np.float32) / 2**24, np.float32)


def _length(fade: float, octaves: int) -> np.float32:
    return np.float32(math.sqrt(sum(fade ** (2 * i) for i in range(octaves))))


def _weights(part: Any) -> list[Any]:
    """Cubic B-spline weights of the four lattice points around a place, 0 <= part < 1."""
    rest = 1 - part
    return [
        rest**3 / 6,
        (3 * part**3 - 6 * part**2 + 4) / 6,
        (3 * rest**3 - 6 * rest**2 + 4) / 6,
        part**3 / 6,
    ]


def _taps(start: int, count: int, scale: float) -> tuple[list[Floats], NDArray[np.int64]]:
    """Weights of four lattice points for each place on one axis, and the first of the four."""
    at = (start + np.arange(count, dtype=np.float64)) / scale
    whole = np.floor(at).astype(np.int64)
    return [w.astype(np.float32) for w in _weights(at - whole)], whole - 1


def _lattice(key: Keys, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Floats:
    """Normal numbers from the first of `rows` to three beyond the last, and so for `cols`."""
    down = np.arange(rows.min(), rows.max() + 4)[:, None]
    across = np.arange(cols.min(), cols.max() + 4)[None, :]
    return bell(cells(key, down, across))


def _spline(key: Keys, rows: Places, cols: Places) -> Floats:
    """Smooth noise at any places, in units of its lattice, mean 0 and deviation 1."""
    first_row, first_col = np.floor(rows).astype(np.int64) - 1, np.floor(cols).astype(np.int64) - 1
    lattice = _lattice(key, first_row, first_col)
    at = [rows - first_row.min(), cols - first_col.min()]
    drawn = map_coordinates(lattice, at, np.float32, order=3, mode="nearest", prefilter=False)
    return np.asarray(drawn / _SPREAD, np.float32)
