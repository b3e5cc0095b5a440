"""Images, truths and predictions of a study as small pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from mapwright.io.maps import rgb_of
from mapwright.io.picture import INVALID_COLOR, Rgb, color_classes
from mapwright.types import ClassIndex

MOST_BYTES = 8_500_000
"""All pictures of a page together, as they stand in it."""

_SIDES = (256, 192, 128, 96, 64)  # pixels of the longer side
_SAMPLE = 12  # pictures that tell how large the others will be
_BROKEN = (OSError, ValueError, SyntaxError, PilImage.DecompressionBombError)


@dataclass(frozen=True)
class Picture:
    """What an image of the data set looks like.

    Args:
        image: (H, W, 3) uint8, or the bytes of a PNG or JPEG; None = not shown.
        truth: (H, W) uint8 class indices, `IGNORE` where unknown; or (H, W, 3) uint8 colours; or
            the bytes of a PNG; None = not shown.
    """

    image: Rgb | bytes | None = None
    truth: ClassIndex | Rgb | bytes | None = None


@dataclass(frozen=True)
class Album:
    """The pictures of a page.

    Args:
        pictures: By place of the stem: `image`, `truth` and, by place of the configuration,
            `predictions`; each a data URI.
        unreadable: Names of what could not be read.
        left_out: How many images have no pictures for want of room.
    """

    pictures: dict[int, dict[str, Any]]
    unreadable: list[str]
    left_out: int


@dataclass
class _Press:
    """Makes pictures of one size and remembers those that it could not read."""

    side: int
    colors: tuple[str, ...]
    unreadable: dict[str, None] = field(default_factory=dict)

    def photo(self, source: Rgb | bytes, name: str) -> str | None:
        """A JPEG as data URI."""
        pixels = self._pixels(source, name)
        if pixels is None:
            return None
        small = PilImage.fromarray(pixels)
        small.thumbnail((self.side, self.side), PilImage.Resampling.BOX)
        return _uri(small, "JPEG", quality=78)

    def classes(self, source: NDArray[np.uint8] | bytes | Path, name: str) -> str | None:
        """A PNG with a palette as data URI; no pixel has a colour that was not there."""
        pixels = self._pixels(source, name)
        if pixels is None:
            return None
        if pixels.ndim == 2 and self.colors:
            pixels = color_classes(pixels, self.colors)
        elif pixels.ndim == 2:
            pixels = np.stack([pixels] * 3, axis=-1)
        height, width = pixels.shape[:2]
        scale = max(1.0, max(height, width) / self.side)
        rows, cols = (_spread(length, max(1, round(length / scale))) for length in (height, width))
        return _uri(_with_palette(pixels[np.ix_(rows, cols)]), "PNG", optimize=True)

    def _pixels(
        self, source: NDArray[np.uint8] | bytes | Path, name: str
    ) -> NDArray[np.uint8] | None:
        try:
            return source if isinstance(source, np.ndarray) else _opened(source)
        except _BROKEN:
            self.unreadable[name] = None
            return None


def make_album(
    stems: Sequence[str],
    configurations: Sequence[str],
    colors: tuple[str, ...],
    pictures: Mapping[str, Picture],
    predictions: Path,
) -> Album:
    """Shrink what there is to the largest size that the page has room for.

    Args:
        stems: The images.
        configurations: Their ids.
        colors: Of the classes, `#rrggbb`.
        pictures: By stem.
        predictions: A folder of `<configuration>/<stem>.png`; it may be missing.

    Returns:
        Pictures of all images, or of as many as there is room for, spread over the list.
    """
    maps = _find(stems, configurations, predictions)
    shown = [k for k, stem in enumerate(stems) if stem in pictures or maps[k]]
    press = _Press(_fitting_side(shown, stems, maps, colors, pictures), colors)
    made: dict[int, dict[str, Any]] = {}
    room = MOST_BYTES
    for place in _scattered(shown):
        entry = _print(press, stems[place], pictures.get(stems[place], Picture()), maps[place])
        room -= _weight(entry)
        if room < 0:
            break
        made[place] = entry
    return Album(made, list(press.unreadable), len(shown) - len(made))


def _print(press: _Press, stem: str, picture: Picture, maps: Mapping[int, Path]) -> dict[str, Any]:
    predictions = {k: press.classes(path, "/".join(path.parts[-2:])) for k, path in maps.items()}
    image, truth = picture.image, picture.truth
    return {
        "image": None if image is None else press.photo(image, f"image of {stem}"),
        "truth": None if truth is None else press.classes(truth, f"truth of {stem}"),
        "predictions": {k: uri for k, uri in predictions.items() if uri},
    }


def _find(
    stems: Sequence[str], configurations: Sequence[str], folder: Path
) -> list[dict[int, Path]]:
    """Per image the maps that there are, by place of the configuration."""
    names = {k: name for k, name in enumerate(configurations) if _is_name(name)}
    return [
        {k: path for k, name in names.items() if (path := folder / name / f"{stem}.png").is_file()}
        if _is_name(stem)
        else {}
        for stem in stems
    ]


def _is_name(text: str) -> bool:
    """Whether it names a file of its folder, and nothing elsewhere."""
    return "\0" not in text and text not in {"", ".", ".."} and Path(text).name == text


def _fitting_side(
    shown: Sequence[int],
    stems: Sequence[str],
    maps: Sequence[Mapping[int, Path]],
    colors: tuple[str, ...],
    pictures: Mapping[str, Picture],
) -> int:
    """The largest side with which all pictures will probably find room; else the smallest."""
    sample = _scattered(shown)[:_SAMPLE]
    for side in _SIDES:
        press, weights = _Press(side, colors), []
        for place in sample:
            count, first = len(maps[place]), dict(list(maps[place].items())[:1])
            entry = _print(press, stems[place], pictures.get(stems[place], Picture()), first)
            one = _weight({"predictions": entry.pop("predictions")})
            weights.append(_weight(entry) + one * count)
        if sum(weights) * len(shown) <= 0.9 * MOST_BYTES * max(len(sample), 1):
            return side
    return _SIDES[-1]


def _scattered(places: Sequence[int]) -> list[int]:
    """The places in an order of which every beginning is spread over the whole list."""
    order = sorted(range(len(places)), key=lambda k: (k * 0.6180339887) % 1)
    return [places[k] for k in order]


def _weight(entry: Mapping[str, Any]) -> int:
    uris = [entry.get("image"), entry.get("truth"), *(entry.get("predictions") or {}).values()]
    return sum(len(uri) + 8 for uri in uris if uri)


def _opened(source: bytes | Path) -> NDArray[np.uint8]:
    """Pixels of a picture file: (H, W) of greys, which are class indices, or (H, W, 3).

    What is transparent becomes the colour of invalid pixels.
    """
    with PilImage.open(BytesIO(source) if isinstance(source, bytes) else source) as opened:
        if opened.mode == "L" and "transparency" not in opened.info:
            return np.array(opened, np.uint8)
        pixels = np.array(opened.convert("RGBA"), np.uint8)
    pixels[pixels[..., 3] == 0, :3] = rgb_of(INVALID_COLOR)
    return pixels[..., :3]


def _spread(length: int, kept: int) -> NDArray[np.intp]:
    """Middles of `kept` equal parts of `length` pixels."""
    return ((np.arange(kept) + 0.5) * length / kept).astype(np.intp)


def _with_palette(pixels: Rgb) -> PilImage.Image:
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colors, index = np.unique(packed, return_inverse=True)
    if len(colors) > 256:
        return PilImage.fromarray(pixels)
    small = PilImage.fromarray(index.reshape(packed.shape).astype(np.uint8), "P")
    small.putpalette([int(c) >> shift & 255 for c in colors for shift in (16, 8, 0)])
    return small


def _uri(picture: PilImage.Image, kind: str, **options: Any) -> str:
    file = BytesIO()
    picture.save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
