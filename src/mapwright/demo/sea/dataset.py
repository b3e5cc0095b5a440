"""Made-up seas as a data folder in the layout of the Airbus Ship Detection Challenge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as PilImage

from mapwright.demo.sea.scene import LARGEST, SMALLEST, Style, make_sea
from mapwright.errors import SettingError
from mapwright.io.files import new_folder, replacing, write_text
from mapwright.io.rle import encode_instances
from mapwright.progress import progress_bar

IMAGES: Final = "train_v2"
TEST: Final = "test_v2"
TABLE: Final = "train_ship_segmentations_v2.csv"
QUALITY: Final = 95
"""Of the JPEG files; gives the quantisation tables of the challenge's own."""
FEW: Final = 48
"""Seas up to which starting workers takes longer than they save."""

_SEAS: Final = 1 << 30  # more than anyone makes
_NAMES: Final = 1 << 36  # nine hexadecimal digits, as the challenge has them


@dataclass(frozen=True)
class Shot:
    """One image of a made-up data folder.

    Args:
        name: Its file's name.
        sea: Which sea it shows.
        row: Of its upper left corner in that sea, in pixels.
        col: Of the same corner.
        size: Height and width in pixels.
        runs: Run-length text of each ship; none for an empty image.
    """

    name: str
    sea: int
    row: int
    col: int
    size: int
    runs: tuple[str, ...]

    def shared(self, other: Shot) -> float:
        """Share of the image that shows what `other` shows too, pixel for pixel; 0 to 1."""
        if self.sea != other.sea:
            return 0.0
        down = max(self.size - abs(self.row - other.row), 0)
        across = max(self.size - abs(self.col - other.col), 0)
        return down * across / self.size**2


@dataclass(frozen=True)
class _Order:
    """One sea to make, and how many images to take of it."""

    sea: int
    ships: bool
    images: int


_Map = Callable[[Callable[[_Order], list[Shot]], Iterable[_Order]], Iterator[list[Shot]]]


def make_ships(
    folder: Path,
    images: int,
    empty: float = 0.75,
    seed: int = 0,
    size: int = 768,
    *,
    style: Style = "box",
    overlapping: bool = False,
    test: int = 0,
) -> tuple[Shot, ...]:
    """Write `train_v2/*.jpg`, `test_v2/*.jpg` and `train_ship_segmentations_v2.csv`, on all cores.

    The table comes last and says that all are there. It has a row for each ship, and one with no
    runs for each empty image. The same arguments give the same files.

    Args:
        folder: Where to; it must not hold anything yet.
        images: Number of images.
        empty: Share of the images without a ship, 0 to 1; met to the nearest image.
        seed: Which data; 0 or larger.
        size: Height and width of an image in pixels, 32 to 2048.
        style: What a ship's mask is; see `make_sea`.
        overlapping: Take one to four images of each sea, shifted by a third of their size (256 of
            768 pixels), as the challenge's own share ground. Images with ships and images without
            then come from different seas.
        test: Number of further images, of the same kind but in `test_v2`, that no table names.

    Returns:
        The images of `train_v2` by name, with what they show: `Shot.shared` tells which share
        ground.

    Raises:
        SettingError: An argument is out of range.
        OutputError: The folder holds something, or can't be written.
    """
    _require(images, empty, seed, size, test)
    new_folder(folder)
    shots: dict[str, list[Shot]] = {IMAGES: [], TEST: []}
    first = 0
    with _mapper(images + test) as run, progress_bar("make", images + test) as progress:
        for part, ships, wanted in _parts(images, test, empty):
            got = 0
            while got < wanted:  # a sea may show its ships in fewer images than were asked for
                orders = _orders(seed, first, wanted - got, ships, overlapping)
                first += len(orders)
                make = partial(_shoot, folder / part, seed, size, style, overlapping)
                for taken in run(make, orders):
                    got += len(taken)
                    shots[part] += taken
                    progress.advance(len(taken))
    labelled = sorted(shots[IMAGES], key=lambda shot: shot.name)
    rows = [f"{shot.name},{runs}\n" for shot in labelled for runs in shot.runs or ("",)]
    write_text(folder / TABLE, "".join(["ImageId,EncodedPixels\n", *rows]))
    return tuple(labelled)


def _parts(images: int, test: int, empty: float) -> Iterator[tuple[str, bool, int]]:
    """Folder, whether with ships, and number of images of each part of the data."""
    for part, count in ((IMAGES, images), (TEST, test)):
        without = round(count * empty)
        yield part, True, count - without
        yield part, False, without


def _require(images: int, empty: float, seed: int, size: int, test: int) -> None:
    if not 1 <= images < _SEAS:
        raise SettingError(f"images = {images}", expected="1 or more")
    if not 0 <= test < _SEAS:
        raise SettingError(f"test = {test}", expected="0 or more")
    if not 0 <= empty <= 1:
        raise SettingError(f"empty = {empty}", expected="a share, 0 to 1")
    if seed < 0:
        raise SettingError(f"seed = {seed}", expected="0 or larger")
    if not SMALLEST <= size <= LARGEST // 2:
        raise SettingError(f"size = {size}", expected=f"{SMALLEST} to {LARGEST // 2} pixels")


@contextmanager
def _mapper(count: int) -> Iterator[_Map]:
    """`map` over workers, or over nothing but this process when there is little to do."""
    if count <= FEW:
        yield map
        return
    # threads of this process must not be copied into the workers, so they start afresh
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=8)


def _orders(seed: int, first: int, wanted: int, ships: bool, overlapping: bool) -> list[_Order]:
    """Seas for `wanted` images, numbered from `first`."""
    rng = np.random.default_rng((seed, first))
    orders: list[_Order] = []
    while wanted > 0:
        images = min(int(rng.integers(1, 5)), wanted) if overlapping else 1
        orders.append(_Order(first + len(orders), ships, images))
        wanted -= images
    return orders


def _shoot(
    folder: Path, seed: int, size: int, style: Style, overlapping: bool, order: _Order
) -> list[Shot]:
    """Make one sea, and write the images that are taken of it."""
    shift = size // 3 if overlapping else 0
    rng = np.random.default_rng((seed, order.sea))
    sea = make_sea(
        int(rng.integers(1 << 62)), size + 2 * shift, empty=0.0 if order.ships else 1.0, style=style
    )
    shots = []
    for place in rng.permutation(9 if overlapping else 1).tolist():
        row, col = (shift * step for step in divmod(place, 3))
        part = slice(row, row + size), slice(col, col + size)
        runs = tuple(encode_instances(sea.instances[part]))
        if order.ships and not runs:
            continue
        shot = Shot(_name(seed, place * _SEAS + order.sea), order.sea, row, col, size, runs)
        with replacing(folder / shot.name) as path:
            pixels = np.ascontiguousarray(sea.image[:, *part].transpose(1, 2, 0))
            PilImage.fromarray(pixels).save(path, quality=QUALITY)
        shots.append(shot)
        if len(shots) == order.images:
            break
    return shots


def _name(seed: int, number: int) -> str:
    """A file's name; every step can be undone, so no two numbers of a seed share one."""
    for factor in (0x9E3779B97, 0x85EBCA6B1, 0xC2B2AE3D5):
        number = (number + seed) * factor % _NAMES  # odd, so no two products are equal
        number ^= number >> 18
    return f"{number:09x}.jpg"
