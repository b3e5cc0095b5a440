"""Pieces of images as small pictures, stretched so that people see what is there."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image as PilImage
from scipy import ndimage

from mapwright.data.dataset import Dataset, Item
from mapwright.data.likeness import sample_values
from mapwright.io.maps import rgb_of
from mapwright.io.picture import INVALID_COLOR, Rgb, rgb_bands
from mapwright.types import ClassIndex, Image, Window

_STRETCH = (1.0, 99.0)  # percentiles of the image that become black and white
_LEAST = 0.2  # of the range of all images, or what is even would be shown as noise
_DARKEST = 128.0  # byte pictures are brightened no further than if this were white
_SMALLEST, _THUMB = 320, 256  # pixels: shown tiles are enlarged to about, thumbnails reduced to
_SMALL = 2**20  # pixels; larger images are not read whole to see how bright they are
_QUALITY = 84

Limits = NDArray[np.float32]
"""(2, 3) the values that become black and white in red, green and blue."""


class Painter:
    """Shows pieces of the images of a data set.

    Args:
        dataset: The data set.
        ranges: (C,) what the values of each band span over all images.
    """

    def __init__(self, dataset: Dataset, ranges: NDArray[np.float64]) -> None:
        self._dataset = dataset
        self._bands = list(rgb_bands(dataset.spec.band_names))
        self._least = (_LEAST * ranges[self._bands]).astype(np.float32)

    def limits(self, item: Item) -> Limits:
        """What becomes black and white, by the whole image; bytes only grow brighter."""
        values = self._some_values(item)[self._bands]
        if not values.shape[1]:
            return np.tile(np.array([[0.0], [255.0]], np.float32), (1, 3))
        low, high = np.percentile(values, _STRETCH, axis=1).astype(np.float32)
        if self._dataset.info(item).dtype == "uint8":
            white = np.clip(high.max(), _DARKEST, 255)  # one for all bands keeps the colours
            return np.stack([np.zeros_like(low), np.full_like(high, white)])
        short = np.maximum(self._least - (high - low), 0) / 2
        return np.stack([low - short, high + short])

    def _some_values(self, item: Item) -> NDArray[np.float32]:
        """(C, n) valid values from all over an image."""

        def read(window: Window) -> Image:
            return self._dataset.read_image(item, window).masked()

        height, width = self._dataset.size(item)
        if height * width > _SMALL:
            return sample_values(read, (height, width))
        image = read(Window(0, 0, height, width))
        return np.asarray(image[:, ~np.isnan(image).any(axis=0)])

    def tile(self, item: Item, window: Window) -> Rgb:
        """(H, W, 3) a window of an image; invalid pixels are grey."""
        image = self._dataset.read_image(item, window).masked()
        low, high = self.limits(item)[..., None, None]
        shown = (image[self._bands] - low) / np.maximum(high - low, 1e-9) * 255
        picture: Rgb = np.nan_to_num(shown.clip(0, 255)).astype(np.uint8).transpose(1, 2, 0)
        picture[np.isnan(image).any(axis=0)] = rgb_of(INVALID_COLOR)
        return picture

    def thumbnail(self, item: Item) -> Rgb:
        """A whole image, its longer side reduced to 256 pixels."""
        picture = PilImage.fromarray(self.tile(item, Window(0, 0, *self._dataset.size(item))))
        picture.thumbnail((_THUMB, _THUMB), PilImage.Resampling.BOX)
        return np.asarray(picture)

    def outlined_thumbnail(self, item: Item, kinds: Sequence[int]) -> Rgb:
        """The same with the outlines of some classes, if the image has a mask."""
        picture = self.thumbnail(item)
        if item.mask is None:
            return picture
        mask = self._dataset.read_mask(item)
        height, width = picture.shape[:2]
        rows = np.arange(height) * mask.shape[0] // height
        cols = np.arange(width) * mask.shape[1] // width
        small = mask[np.ix_(rows, cols)]
        for kind in kinds:
            color, alone = self._dataset.spec.colors[kind], len(kinds) == 1
            picture = outlined(picture, small, kind, color, cased=alone)
        return picture


def enlarged(picture: Rgb, mask: ClassIndex) -> tuple[Rgb, ClassIndex]:
    """Picture and mask with whole pixels repeated, until the longer side has 320 pixels."""
    factor = max(1, round(_SMALLEST / max(mask.shape)))
    large = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    return large, mask.repeat(factor, axis=0).repeat(factor, axis=1)


def outlined(picture: Rgb, mask: ClassIndex, kind: int, color: str, *, cased: bool = True) -> Rgb:
    """Draw a line around a class into a picture, in its colour, and around that one to contrast."""
    inside = mask == kind
    near = ndimage.binary_dilation(inside, np.ones((3, 3), bool), iterations=2)
    around = ndimage.binary_dilation(near, np.ones((3, 3), bool)) & ~near
    drawn = picture.copy()
    red, green, blue = rgb_of(color)
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 128  # luma of BT.601
    if cased:
        drawn[around] = 255 if dark else 0
    drawn[near & ~inside] = red, green, blue
    return drawn


def picture_tag(picture: Rgb, alt: str) -> Markup:
    """A picture inside the page, as JPEG."""
    kept = BytesIO()
    PilImage.fromarray(picture).save(kept, "JPEG", quality=_QUALITY, optimize=True)
    data = base64.b64encode(kept.getvalue()).decode()
    height, width = picture.shape[:2]
    return Markup('<img src="data:image/jpeg;base64,{}" alt="{}" width="{}" height="{}">').format(
        data, alt, width, height
    )


def heat_tag(shares: NDArray[np.float64], color: str, alt: str) -> Markup:
    """A small grid (H, W) as an enlarged picture: the higher, the fuller the colour; NaN is empty.

    The ground is clear, so that it stands well on a light and on a dark page.
    """
    known = np.nan_to_num(shares)
    cells = np.empty((*shares.shape, 4), np.uint8)
    cells[..., :3] = rgb_of(color)
    cells[..., 3] = np.round(known / max(float(known.max()), 1e-12) * 255)
    kept = BytesIO()
    PilImage.fromarray(cells).save(kept, "PNG", optimize=True)
    data = base64.b64encode(kept.getvalue()).decode()
    return Markup('<img class="heat" src="data:image/png;base64,{}" alt="{}">').format(data, alt)


def tile(picture: Markup, title: str, below: str = "") -> Markup:
    """A picture with its words."""
    return Markup('<figure class="tile">{}<figcaption><b>{}</b> {}</figcaption></figure>').format(
        picture, title, below
    )
