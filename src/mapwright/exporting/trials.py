"""The tiles that an exported graph must agree on with its model: real, at the edge, random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mapwright.apply import dataset_for, remembered_data
from mapwright.card import Card
from mapwright.data.dataset import Dataset
from mapwright.errors import MapwrightError
from mapwright.onnxfile import Form
from mapwright.predict.model import Model
from mapwright.types import Image, Window

_REAL, _RANDOM = 8, 4  # tiles of the usual size
_FAR = 100.0  # deviations; further out, gates inside a network lose more digits than are compared

REACH = f"values up to {_FAR:g} standard deviations from the mean of the training images"
"""How unusual the values of the tiles are; what lies further out is not tried as such."""


@dataclass(frozen=True)
class Trial:
    """One tile.

    Args:
        kind: `real`, `edge` or `random`.
        name: What it is.
        tile: (C, h, w) float32, NaN and other invalid values included.
    """

    kind: str
    name: str
    tile: Image


def sizes(form: Form) -> list[tuple[int, int]]:
    """Heights and widths to look at: of a dynamic graph two more, odd and of other shape."""
    tile = form.tile
    further = [(tile + 37, tile // 2 + 5), (tile // 3 + 1, tile + 64)]
    return [(tile, tile), *(further if form.dynamic else [])]


def trials(card: Card, form: Form, data: Dataset | None) -> list[Trial]:
    """Every tile to look at.

    Args:
        card: Its statistics say what usual values are.
        form: Its sizes.
        data: Where real tiles come from; None = there are none.
    """
    found: list[Trial] = []
    for number, size in enumerate(sizes(form)):
        few = number > 0
        rng = np.random.default_rng(number)
        if data is not None:
            found += _real(data, size, 2 if few else _REAL, rng)
        found += _edges(card, size, rng)
        found += _random(card, size, 1 if few else _RANDOM, rng)
    return found


def _real(
    data: Dataset, size: tuple[int, int], count: int, rng: np.random.Generator
) -> Iterator[Trial]:
    """Windows of images that are spread evenly over the folder; beyond an image is invalid."""
    items = data.items
    for place in np.unique(np.linspace(0, len(items) - 1, count).astype(int)):
        item = items[place]
        height, width = data.size(item)
        row = int(rng.integers(0, max(height - size[0], 0) + 1))
        col = int(rng.integers(0, max(width - size[1], 0) + 1))
        image = data.read_image(item, Window(row, col, *size)).masked()
        yield Trial("real", item.stem, image)


def _edges(card: Card, size: tuple[int, int], rng: np.random.Generator) -> Iterator[Trial]:
    """What networks seldom see: nothing, one value, extremes, and holes of every kind."""
    bands = card.fingerprint.bands
    mean, std, low, high = (
        np.array([getattr(band, key) for band in bands], np.float32).reshape(-1, 1, 1)
        for key in ("mean", "std", "minimum", "maximum")
    )
    shape = (len(bands), *size)
    usual = _drawn(mean, std, size, rng)
    holes = rng.random((1, *size)) < 0.3
    one_band = np.where(np.arange(len(bands)).reshape(-1, 1, 1) == 0, holes, False)
    ramp = np.linspace(-3, 3, size[1], dtype=np.float32).reshape(1, 1, -1)
    tiles = {
        "nothing valid": np.full(shape, np.nan),
        "constant": np.broadcast_to(mean, shape),
        "zero": np.zeros(shape),
        "saturated": np.broadcast_to(high, shape),
        "darkest": np.broadcast_to(low, shape),
        "from dark to bright": np.broadcast_to(mean + ramp * std, shape),
        "huge": mean + _FAR * std * np.sign(usual - mean),
        "negative": -np.abs(usual) - std,
        "holes of NaN": np.where(holes, np.nan, usual),
        "holes of NaN in one band": np.where(one_band, np.nan, usual),
        "holes of infinity": np.where(holes, np.inf, usual),
        "holes of minus infinity": np.where(holes, -np.inf, usual),
    }
    nodata = card.spec.valid.nodata
    if nodata is not None and np.isfinite(nodata):
        tiles["all nodata"] = np.full(shape, nodata)
        tiles["holes of nodata"] = np.where(holes, nodata, usual)
        tiles["holes of nodata in one band"] = np.where(one_band, nodata, usual)
    for name, tile in tiles.items():
        yield Trial("edge", name, np.ascontiguousarray(tile, np.float32))


def _random(
    card: Card, size: tuple[int, int], count: int, rng: np.random.Generator
) -> Iterator[Trial]:
    """Values of the training images' mean and deviation, blurred to patches every other time."""
    bands = card.fingerprint.bands
    mean = np.array([band.mean for band in bands], np.float32).reshape(-1, 1, 1)
    std = np.array([band.std for band in bands], np.float32).reshape(-1, 1, 1)
    for number in range(count):
        tile = _drawn(mean, std, size, rng)
        if number % 2:
            coarse = _drawn(mean, std, (-(-size[0] // 16), -(-size[1] // 16)), rng)
            tile = np.kron(coarse, np.ones((1, 16, 16), np.float32))[:, : size[0], : size[1]]
        yield Trial("random", f"draw {number + 1}", np.ascontiguousarray(tile, np.float32))


def _drawn(
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Image:
    drawn = mean + std * rng.standard_normal((len(mean), *size), np.float32)
    return np.asarray(drawn, np.float32)


def real_data(model: Model, given: Path | None, run: Path | None) -> tuple[Dataset | None, str]:
    """Where real tiles come from, and in words.

    Args:
        model: Reads the data as it was trained.
        given: The folder that was asked for; None = what it was trained on, if that is there.
        run: The model file or run folder.

    Raises:
        MapwrightError: The folder that was asked for can't be used.
    """
    if given is not None:
        dataset = dataset_for(model, given)
        return dataset, f"{len(dataset.items)} images of {given.name}"
    root = remembered_data(run) if run else None
    if root is None or not root.is_dir():
        return None, "none: the training folder is not at hand, and --data was not given"
    dataset, known = Dataset(root, model.bundle.spec), model.bundle.history.images.values()
    try:
        if any(item.digest() in known for item in dataset.items[:_REAL]):
            return dataset, f"{len(dataset.items)} images of the training folder"
    except MapwrightError:
        pass  # the folder has changed since: as if it were not there
    return None, "none: the training folder has changed since, and --data was not given"
