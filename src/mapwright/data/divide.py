"""The divisions of a data set, as its description asks for them."""

from __future__ import annotations

from mapwright.data.dataset import Dataset
from mapwright.data.splits import Splits, make_splits
from mapwright.errors import DatasetError


def draw_splits(dataset: Dataset, folds: int, repeat: int = 0) -> Splits:
    """New divisions of a data set.

    Args:
        dataset: The data set.
        folds: See `make_splits`.
        repeat: Each repeat draws with a seed of its own; 0 = that of the description.

    Raises:
        DatasetError: No image has a mask.
        SettingError: There are too few images for so many folds.
    """
    require_masks(dataset)
    split = dataset.split
    drawn = split.model_copy(update={"seed": split.seed + repeat})
    return make_splits([item.stem for item in dataset.units], drawn, folds)


def require_masks(dataset: Dataset) -> None:
    """Raise a DatasetError unless some image has a mask."""
    if not dataset.labelled:
        raise DatasetError(
            "no image has a mask",
            where=dataset.root / (dataset.spec.masks or ""),
            expected="at least two images with a mask of the same stem",
            fix="correct `masks` in dataset.toml",
        )
