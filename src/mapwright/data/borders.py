"""Where objects touch: the pixels at the edge between two of them.

A mask says which class a pixel has, so ships side by side are one patch of it. A network that is to
tell them apart must be shown where one ends and the next begins. As the winners of the Data Science
Bowl 2018 had it (Buslaev, Durnov and Seferbekov), a pixel is border when a small square around it
meets two objects or more; their squares reach 1 pixel on objects below 300 pixels, 2 below 2000,
3 on larger ones, and further in gaps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mapwright.data.dataset import Dataset, Item
from mapwright.data.locks import Locks
from mapwright.data.truth import listed_objects
from mapwright.io.rle import InstanceIds
from mapwright.types import Valid, Window

NEAR = 2
"""Rows and columns between pixels of objects that touch, or nearly so: one pixel may lie between.

A map makes one patch of such objects as easily as of those that share an edge.
"""

_WHOLE = 2048**2  # pixels; of images up to this size, places are found once and kept


def border_of(ids: InstanceIds, width: int) -> Valid:
    """Where objects touch.

    Args:
        ids: (H, W) objects; 0 and below is none.
        width: How many rows and columns away another object may be from a pixel of an object. For a
            pixel of none it is one more, and two objects must be so near.

    Returns:
        (H, W) bool. An edge that two objects share is `width` pixels wide on either side.
    """
    found = np.zeros(ids.shape, bool)
    box = _around(ids, width + 1)
    part = ids[box]
    found[box] = np.where(part > 0, _several(part, width), _several(part, width + 1))
    return found


def touching(ids: InstanceIds) -> int:
    """Number of objects in a map (H, W) that touch another or lie one pixel beside it."""
    part = ids[_around(ids, 0)]
    return len(np.unique(part[(part > 0) & _several(part, NEAR)]))


def _around(ids: InstanceIds, margin: int) -> tuple[slice, slice]:
    """The smallest window with all objects, and a margin: most of an image is empty."""
    rows, cols = (np.flatnonzero((ids > 0).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(0), slice(0)
    return (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(cols[0] - margin, 0), cols[-1] + 1 + margin),
    )


def _several(ids: InstanceIds, reach: int) -> Valid:
    """(H, W) bool, whether the square of so many pixels around each meets two objects or more."""
    side, objects = 2 * reach + 1, np.maximum(ids, 0)
    none = objects.max(initial=0) + 1
    highest = ndimage.maximum_filter(objects, side, mode="constant", cval=0)
    some = np.where(objects > 0, objects, none)
    lowest = ndimage.minimum_filter(some, side, mode="constant", cval=none)
    return np.asarray(lowest < highest)


class Borders:
    """Where objects of a class touch, window by window; no map of a whole data set is held.

    Several threads may read at once.

    Args:
        dataset: Its masks list objects.
        index: The class.
        width: See `border_of`.
        whole: Of images of at most so many pixels the border is found once, and its places are
            kept: a few bytes an image. Of larger ones each window is looked at by itself.
    """

    def __init__(self, dataset: Dataset, index: int, width: int, whole: int = _WHOLE) -> None:
        self._dataset, self._index, self._width, self._whole = dataset, index, width, whole
        self._places: dict[str, NDArray[np.int64]] = {}
        self._doors = Locks()

    def read(self, item: Item, window: Window) -> NDArray[np.uint8]:
        """(h, w) uint8: 1 where objects touch, else 0, also outside of the item."""
        height, width = self._dataset.size(item)
        if height * width > self._whole:
            return self._look(item, window).astype(np.uint8)
        rows, cols = np.divmod(self._found(item, height, width), width)
        rows, cols = rows - window.row, cols - window.col
        inside = (rows >= 0) & (rows < window.height) & (cols >= 0) & (cols < window.width)
        border = np.zeros((window.height, window.width), np.uint8)
        border[rows[inside], cols[inside]] = 1
        return border

    def _found(self, item: Item, height: int, width: int) -> NDArray[np.int64]:
        """Places of the border in an item: row times width plus column."""
        with self._doors.of(item.stem):  # of two threads one looks, and the other has it then
            places = self._places.get(item.stem)
            if places is None:
                whole = self._look(item, Window(0, 0, height, width))
                places = self._places[item.stem] = np.flatnonzero(whole)
            return places

    def _look(self, item: Item, window: Window) -> Valid:
        """Look at the objects of a window, and as far around it as a border may depend on."""
        margin = self._width + 1
        height, width = window.height + 2 * margin, window.width + 2 * margin
        wider = Window(window.row - margin, window.col - margin, height, width)
        ids = listed_objects(self._dataset, item, self._index, wider)
        if ids is None:
            return np.zeros((window.height, window.width), bool)
        return border_of(ids, self._width)[margin : height - margin, margin : width - margin]
