"""How many of the images that share content are found, how many by mistake, and at what cost.

    python benchmarks/leak_groups.py 2000
    python benchmarks/leak_groups.py 20000 --quality 75
    python benchmarks/leak_groups.py 2000 --index 200000

Images of 768 x 768 are cut at random from made-up seas and coasts and stored as JPEG files in a
temporary folder (about 0.1 MB each). A few seas make many places: each is turned, mirrored and
zoomed, which changes every pixel, so that places of one sea are also a test for false pairs.
`--index` looks up that many images: copies of the anchors that were found, with keys of their own.
Times are CPU seconds of one core; reading and decoding the files is listed apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mapwright.data.content.anchors import Anchors, find_anchors
from mapwright.data.content.candidates import Candidates, find_candidates
from mapwright.data.content.groups import Groups
from mapwright.data.content.register import LEAST
from mapwright.data.content.search import Shared, find_shared
from mapwright.data.content.smooth import grey
from mapwright.demo.sea.scene import make_sea
from mapwright.types import Image as Bands

SIDE, SEA = 768, 1536
CROPS = 8  # of a place, on the mean
ZOOMS = (1.0, 0.87, 1.13, 0.93, 1.21)
SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.01)
NEAR = 4  # pixels by which a candidate may lie beside the truth

_T = TypeVar("_T")


def main() -> None:
    """Make images, look for those that share content, compare with the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=int)
    parser.add_argument("--quality", type=int, default=85, help="of the JPEG files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--index", type=int, help="images to look up as well")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files, cuts = make(Path(folder), asked.images, asked.quality, asked.seed)
        clock = Clock()
        anchors = [clock.time("anchors", anchors_of, clock.read(path)) for path in files]
        candidates = clock.time("looking up", find_candidates, anchors)
        seconds = clock.seconds["reading"]
        found = clock.time(
            "all of the search", find_shared, anchors, lambda k: grey(clock.read(files[k]))
        )
        again = clock.seconds["reading"] - seconds
    clock.seconds["comparing"] = (
        clock.seconds.pop("all of the search") - clock.seconds["looking up"] - again
    )
    clock.show(len(files))
    show_memory(anchors)
    show_recall(cuts, candidates, found)
    if asked.index:
        show_index(anchors, asked.index)


def anchors_of(image: Bands) -> Anchors:
    """What is kept of an image."""
    return find_anchors(grey(image))


class Clock:
    """CPU seconds by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, what: str, function: Callable[..., _T], *given: object) -> _T:
        """Call a function and add up its time."""
        began = time.process_time()
        result = function(*given)
        self.seconds[what] = self.seconds.get(what, 0.0) + time.process_time() - began
        return result

    def read(self, path: Path) -> Bands:
        """Read an image, as `check` does."""
        return self.time(
            "reading", lambda: np.array(Image.open(path), np.float32).transpose(2, 0, 1)
        )

    def show(self, images: int) -> None:
        """Print all of it."""
        print("| step | ms of CPU per image |\n| --- | --- |")
        for what, seconds in self.seconds.items():
            print(f"| {what} | {seconds / images * 1e3:.2f} |")


def make(
    folder: Path, images: int, quality: int, seed: int
) -> tuple[list[Path], NDArray[np.int64]]:
    """Write crops; their files, and (n, 3) place, row and column of each, in one random order."""
    rng = np.random.default_rng(seed)
    places = -(-images // CROPS)
    kinds = [(turn, zoom) for zoom in ZOOMS for turn in range(8)]
    cuts: list[tuple[int, int, int]] = []
    order = rng.permutation(images)
    files = [folder / f"{k}.jpg" for k in range(images)]
    for place in range(places):
        number, kind = divmod(place, len(kinds))
        if kind == 0:
            sea = make_sea(seed * 1_000_000 + number, SEA, empty=0.5).image
        picture = changed(sea, *kinds[kind])
        for _ in range(min(CROPS, images - len(cuts))):
            row, col = (int(rng.integers(0, side - SIDE + 1)) for side in picture.shape[:2])
            crop = Image.fromarray(np.ascontiguousarray(picture[row:, col:][:SIDE, :SIDE]))
            crop.save(files[order[len(cuts)]], quality=quality)
            cuts.append((place, row, col))
    where = np.empty((images, 3), np.int64)
    where[order] = cuts
    return files, where


def changed(sea: NDArray[np.uint8], turn: int, zoom: float) -> NDArray[np.uint8]:
    """(H, W, 3) another place, made from a sea."""
    turned = np.rot90(sea[:, ::-1] if turn >= 4 else sea, turn % 4, axes=(1, 2))
    picture = Image.fromarray(np.ascontiguousarray(turned.transpose(1, 2, 0)))
    size = round(SEA * zoom)
    return np.asarray(
        picture if zoom == 1 else picture.resize((size, size), Image.Resampling.BICUBIC)
    )


def show_memory(anchors: Sequence[Anchors]) -> None:
    """What is kept of an image, and what looking up takes on top."""
    kept = sum(a.keys.nbytes + a.rows.nbytes + a.cols.nbytes for a in anchors)
    tracemalloc.start()
    find_candidates(anchors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"\n{kept / len(anchors):.0f} bytes are kept of an image; looking up takes "
        f"{peak / len(anchors):.0f} more for each\n"
    )


def show_recall(cuts: NDArray[np.int64], candidates: Candidates, found: Sequence[Shared]) -> None:
    """Hold what was found against the truth."""
    groups = Groups(len(cuts))
    for pair in found:
        groups.join(pair.first, pair.second)
    first, second = overlapping(cuts)
    apart = cuts[second, 1:] - cuts[first, 1:]
    share = np.prod(SIDE - np.abs(apart), axis=1) / SIDE**2
    pairs = zip(candidates.first.tolist(), candidates.second.tolist(), strict=True)
    known = dict(zip(pairs, zip(candidates.rows, candidates.cols, strict=True), strict=True))
    near = np.array([
        max(np.abs(np.subtract(known.get((a, b), (1 << 20, 0)), step))) <= NEAR
        for a, b, step in zip(first.tolist(), second.tolist(), apart, strict=True)
    ])  # fmt: skip
    joined = np.array([groups.joined(a, b) for a, b in zip(first, second, strict=True)])
    print("| share of the image | pairs | looked up | in one group |\n| --- | --- | --- | --- |")
    for low, high in pairwise(SHARES):
        chosen = (share >= low) & (share < high)
        if chosen.any():
            scores = f"{near[chosen].mean():.1%} | {joined[chosen].mean():.1%}"
            print(f"| {low:.0%} to {min(high, 1):.0%} | {chosen.sum()} | {scores} |")
    false = [pair for pair in found if cuts[pair.first, 0] != cuts[pair.second, 0]]
    wrong = [
        pair
        for pair in found
        if np.abs(cuts[pair.second, 1:] - cuts[pair.first, 1:] - (pair.rows, pair.cols)).any()
    ]
    print(
        f"\n{len(candidates)} candidates; {len(found)} pairs join {len(groups.members())} groups; "
        f"{len(false)} pairs of different places, {len(wrong)} at another shift than the true one\n"
    )


def overlapping(cuts: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of all pairs of one place that share at least LEAST rows and columns."""
    order = np.argsort(cuts[:, 0], kind="stable")
    pairs = []
    for lag in range(1, CROPS):
        a, b = order[:-lag], order[lag:]
        near = np.abs(cuts[a, 1:] - cuts[b, 1:]).max(axis=1) <= SIDE - LEAST
        near &= cuts[a, 0] == cuts[b, 0]
        pairs.append(np.sort(np.stack([a[near], b[near]]), axis=0))
    first, second = np.concatenate(pairs, axis=1)
    return first, second


def show_index(anchors: Sequence[Anchors], images: int) -> None:
    """Look up many images: copies with keys of their own, which match nothing but by chance."""
    rng = np.random.default_rng(0)
    many: list[Anchors] = []
    while len(many) < images:
        factor, offset = (np.uint32(n) for n in rng.integers(0, 1 << 32, 2))
        many += [Anchors(a.keys * (factor | 1) + offset, a.rows, a.cols) for a in anchors]
    tracemalloc.start()
    began = time.process_time()
    found = find_candidates(many[:images])
    seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    print(
        f"{images} images are looked up in {seconds:.0f} s ({seconds / images * 1e3:.2f} ms each) "
        f"with {peak / 1e9:.2f} GB: {len(found)} candidates"
    )


if __name__ == "__main__":
    main()
