"""True objects of an image, as its masks tell them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mapwright.data.dataset import Dataset, Item
from mapwright.data.spec import DatasetSpec
from mapwright.io.instances import UNCLEAR, InstanceMap
from mapwright.io.rle import InstanceIds
from mapwright.types import IGNORE, ClassIndex, Window

_EIGHT = np.ones((3, 3), bool)


def true_objects(dataset: Dataset, item: Item, index: int) -> InstanceIds:
    """The true objects of a class.

    Where masks list objects (run lengths, COCO, polygons), those: objects that touch stay apart.
    Where masks are rasters, connected components (8 neighbours).

    Args:
        dataset: Reads the masks.
        item: An image with a mask, or a part of one, which cuts objects off.
        index: The class.

    Returns:
        (H, W) int32: 0 where no object is, another number on each object, -1 where the mask says
        nothing.
    """
    labels = dataset.read_mask(item)
    ids = listed_objects(dataset, item, index)
    if ids is None:
        ids = np.zeros(labels.shape, np.int32)
        ndimage.label(labels == index, _EIGHT, output=ids)
    ids[labels == IGNORE] = UNCLEAR
    return ids


def listed_objects(
    dataset: Dataset, item: Item, index: int, window: Window | None = None
) -> InstanceIds | None:
    """The objects of a class, told apart; None where the masks don't list objects.

    Args:
        dataset: Reads the masks.
        item: An image with a mask, or a part of one, which cuts objects off.
        index: The class.
        window: A part of the item; None = all of it.

    Returns:
        (H, W) int32: 0 where no object of the class is, another number on each; the same object
        may have another number in another window.
    """
    listed = dataset.read_instances(item, window)
    if listed is None:
        return None
    return _of_class(listed, dataset.read_mask(item, window), dataset.spec, index)


def truth_words(spec: DatasetSpec) -> str:
    """Where true objects come from, in words."""
    kind = spec.mask.source.partition(":")[0]
    listed = {"rle": "rows of the table", "coco": "entries of the file", "polygons": "polygons"}
    if kind in listed:
        return f"the {listed[kind]}, each an object even where they touch"
    return "connected components (8 neighbours) of the masks, which don't tell touching ones apart"


def _of_class(
    listed: InstanceMap, labels: ClassIndex, spec: DatasetSpec, index: int
) -> InstanceIds:
    """Objects of one class; one whose class the file does not name is of whatever class is asked.

    Where objects overlap, `labels` may show another one's class: such pixels are left out.
    """
    classes = {entry.name: k for k, entry in enumerate(spec.classes)}
    classes |= {str(value): k for k, entry in enumerate(spec.classes) for value in entry.values}
    wanted = [classes.get(name, index) == index for name in listed.classes]
    keep = np.array([False, *wanted, False])[listed.ids]  # -1 takes the last entry
    return np.where(keep & (labels == index), listed.ids, 0).astype(np.int32)
