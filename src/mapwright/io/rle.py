"""Run-length text and masks.

The convention is that of the Kaggle competitions: a text of `start length` pairs, one text for each
object. Pixels are numbered from 1, top to bottom, then left to right (column-major); an empty text
is no pixel. Runs are in ascending order and share no pixel, as the competitions' own checks demand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import ImageFileError
from mapwright.types import Window

InstanceIds = NDArray[np.int32]
"""(H, W) int32: 0 where no object is, k on the k-th object (from 1), -1 what counts nowhere."""

Shape = tuple[int, int]
"""Height and width in pixels."""

_DIGITS = re.compile(r"[\d\s]*", re.ASCII)


@dataclass(frozen=True)
class Runs:
    """Runs of pixels in column-major order.

    Args:
        starts: (n,) int64, first pixel of each run, counted from 0, ascending.
        lengths: (n,) int64, pixels of each run, at least 1.
        shape: Height and width of the image.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    shape: Shape

    @property
    def area(self) -> int:
        """Pixels of all runs."""
        return int(self.lengths.sum())

    def pixels(self) -> NDArray[np.int64]:
        """(area,) int64 places in the flat, row-major image."""
        before = np.cumsum(self.lengths) - self.lengths
        places = np.repeat(self.starts - before, self.lengths) + np.arange(self.area)
        cols, rows = np.divmod(places, self.shape[0])
        return np.asarray(rows * self.shape[1] + cols)

    def window(self) -> Window | None:
        """The smallest window that holds all runs; None when there is no run."""
        if not len(self.starts):
            return None
        height = self.shape[0]
        first, top = np.divmod(self.starts, height)
        last, bottom = np.divmod(self.starts + self.lengths - 1, height)
        row, end = int(top.min()), int(bottom.max()) + 1
        if (last > first).any():  # goes on at the top of the next column
            row, end = 0, height
        return Window(row, int(first[0]), end - row, int(last[-1] - first[0]) + 1)


def parse_runs(text: str, shape: Shape, where: object = None) -> Runs:
    """Read a run-length text.

    Args:
        text: `start length` pairs, separated by white space.
        shape: Height and width of the image.
        where: Row, file and image, for messages.

    Raises:
        ImageFileError: Not whole numbers, an odd number of them, a start or length of 0, a run
            past the end of the image, or runs that overlap or are not in ascending order.
    """
    values = _numbers(text, where)
    if len(values) % 2:
        raise _broken(f"{len(values)} values, an odd number", where, "pairs of start and length")
    starts, lengths = values[0::2] - 1, values[1::2]
    _require_inside(starts, lengths, shape, where)
    crossed = np.flatnonzero(starts[1:] < starts[:-1] + lengths[:-1])
    if len(crossed):
        k = int(crossed[0])
        raise _broken(
            f"run {k + 2} starts at pixel {starts[k + 1] + 1}, not after run {k + 1}, "
            f"which ends at {starts[k] + lengths[k]}",
            where,
            "runs in ascending order that share no pixel",
        )
    return Runs(starts, lengths, shape)


def decode_mask(text: str, shape: Shape, where: object = None) -> NDArray[np.bool_]:
    """Run-length text to a mask; see `parse_runs` for the arguments and errors.

    Returns:
        (H, W) bool.
    """
    mask = np.zeros(shape, bool)
    mask.reshape(-1)[parse_runs(text, shape, where).pixels()] = True
    return mask


def decode_union(
    texts: Sequence[str], shape: Shape, wheres: Sequence[object] = ()
) -> NDArray[np.bool_]:
    """The pixels of any object of an image, (H, W) bool; see `decode_instances`."""
    mask = np.zeros(shape, bool)
    for runs in _all_runs(texts, shape, wheres):
        mask.reshape(-1)[runs.pixels()] = True
    return mask


def decode_instances(
    texts: Sequence[str],
    shape: Shape,
    wheres: Sequence[object] = (),
    *,
    disjoint: bool = False,
) -> InstanceIds:
    """The objects of an image, told apart.

    Args:
        texts: One text for each object.
        shape: Height and width of the image.
        wheres: Row, file and image of each text, for messages.
        disjoint: Refuse objects that overlap, as the competitions do with predictions.

    Returns:
        (H, W) int32, k on the object of the k-th text (from 1). A pixel of several objects belongs
        to the smallest of them; see `paint`.

    Raises:
        ImageFileError: A broken text, or objects that overlap where they may not.
    """
    pieces = [runs.pixels() for runs in _all_runs(texts, shape, wheres)]
    ids = paint(pieces, shape)
    if disjoint and np.count_nonzero(ids) < sum(map(len, pieces)):
        raise _overlap_of(ids, pieces, wheres)
    return ids


def paint(pieces: Sequence[NDArray[np.int64]], shape: Shape) -> InstanceIds:
    """Objects given by their pixels, drawn into one map.

    Args:
        pieces: For each object, (n,) int64 places in the flat, row-major image.
        shape: Height and width of the image.

    Returns:
        (H, W) int32, k on the k-th object (from 1). A pixel that several objects claim belongs to
        the smallest, of equally large ones to the first: no object hides a smaller one, and the
        order of the rows matters only between equals. One may be left without a pixel.
    """
    ids = np.zeros(shape, np.int32)
    flat = ids.reshape(-1)
    for k in sorted(range(len(pieces)), key=lambda k: (-len(pieces[k]), -k)):
        flat[pieces[k]] = k + 1
    return ids


def text_window(text: str, shape: Shape, where: object = None) -> Window | None:
    """The smallest window that holds an object, without decoding it; None for an empty text."""
    return parse_runs(text, shape, where).window()


def encode_mask(mask: NDArray[np.bool_]) -> str:
    """A mask (H, W) bool to run-length text; empty when no pixel is set."""
    return "".join(encode_instances(mask))


def encode_instances(ids: NDArray[Any]) -> list[str]:
    """One text for each object of a map (H, W) of whole numbers, in the order of their numbers.

    What is 0 or below is no object. Numbers that do not occur are left out.
    """
    places = np.flatnonzero(ids if ids.dtype == bool else ids > 0)
    if not len(places):
        return []
    height, width = ids.shape
    rows, cols = np.divmod(places, width)
    stride = ids.size + 1  # one more, so that no run goes on from one object into the next
    owners = ids[rows, cols].astype(np.int64)
    keys = np.sort(owners * stride + cols * height + rows, kind="stable")  # nearly in order
    first = np.flatnonzero(np.diff(keys, prepend=-1) != 1)
    lengths = np.append(first[1:], len(keys)) - first
    owners, starts = np.divmod(keys[first], stride)
    pairs = np.column_stack([starts + 1, lengths])
    objects = np.split(pairs, np.flatnonzero(np.diff(owners)) + 1)
    return [" ".join(map(str, pair.ravel().tolist())) for pair in objects]


def require_disjoint(texts: Sequence[str], where: object = None) -> None:
    """Check the texts of one image, of whatever size.

    Raises:
        ImageFileError: A text is broken or empty, or objects overlap.
    """
    # numbers below this size can be added without overflow
    every = [parse_runs(text, (2**31, 2**31), where) for text in texts]
    if not all(runs.area for runs in every):
        raise _broken("an object without a pixel", where, "one pixel or more in each object")
    starts = np.concatenate([runs.starts for runs in every]) if every else np.zeros(0, np.int64)
    order = np.argsort(starts)
    ends = (starts + np.concatenate([runs.lengths for runs in every] or [starts]))[order]
    if (starts[order][1:] < ends[:-1]).any():
        raise _overlapping(where)


def _overlap_of(
    ids: InstanceIds, pieces: Sequence[NDArray[np.int64]], wheres: Sequence[object]
) -> ImageFileError:
    places = wheres or [f"object {k}" for k in range(1, len(pieces) + 1)]
    found = ((k, ids.reshape(-1)[pixels]) for k, pixels in enumerate(pieces))
    loser, owners = next((k, owners) for k, owners in found if (owners != k + 1).any())
    winner = int(owners[owners != loser + 1][0]) - 1
    return _overlapping(f"{places[loser]} and {places[winner]}")


def _overlapping(where: object) -> ImageFileError:
    return ImageFileError(
        "objects of one image overlap",
        where=where,
        expected="every pixel in one object at most",
        fix="give each pixel to one of the objects",
    )


def _numbers(text: str, where: object) -> NDArray[np.int64]:
    if not _DIGITS.fullmatch(text):
        bad = next((word for word in text.split() if not _DIGITS.fullmatch(word)), text)
        raise _broken(f"{bad[:40]!r} is no whole number", where, "numbers from 1, and spaces")
    if not text or text.isspace():
        return np.zeros(0, np.int64)
    return np.fromstring(text, np.int64, sep=" ")


def _require_inside(
    starts: NDArray[np.int64], lengths: NDArray[np.int64], shape: Shape, where: object
) -> None:
    low = np.flatnonzero((starts < 0) | (lengths < 1))
    if len(low):
        k = int(low[0])
        what = "starts at pixel 0" if starts[k] < 0 else "has a length of 0"
        raise _broken(f"run {k + 1} {what}", where, "starts and lengths from 1")
    size = shape[0] * shape[1]
    # not starts + lengths: their sum may be more than 64 bits hold
    beyond = np.flatnonzero((starts >= size) | (lengths > size - starts))
    if len(beyond):
        k = int(beyond[0])
        raise _broken(
            f"run {k + 1}, pixel {starts[k] + 1} and {lengths[k]} long, "
            "goes past the end of the image",
            where,
            f"pixels up to {size}, for {shape[0]} rows x {shape[1]} columns",
        )


def _all_runs(texts: Sequence[str], shape: Shape, wheres: Sequence[object]) -> list[Runs]:
    places = wheres or [f"object {k}" for k in range(1, len(texts) + 1)]
    return [parse_runs(text, shape, place) for text, place in zip(texts, places, strict=True)]


def _broken(what: str, where: object, expected: str) -> ImageFileError:
    return ImageFileError(
        f"broken run-length text: {what}",
        where=where,
        expected=expected,
        fix="correct the row, and check that the table belongs to images of this size",
    )
