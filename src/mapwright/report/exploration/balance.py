"""How much there is of each class, and how large and how many its objects are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mapwright.data.inventory.take import Inventory
from mapwright.report.exploration.parts import (
    Figure,
    Section,
    Table,
    amount,
    cell_bar,
    count,
    key,
    percent,
)
from mapwright.report.exploration.plot import Axis, Plot

_PER_DECADE = 5  # bins of object sizes
_CLASSES = 12  # charts: of more classes, the commonest
_BINS = 20  # of objects per image
_SAME_SIDE = 0.01  # pixels whose sides differ by less have one row of square metres
_QUANTILES = (0.1, 0.5, 0.9)


def balance_section(inventory: Inventory) -> Section:
    """Pixels and images of each class."""
    spec, total = inventory.dataset.spec, max(int(inventory.class_pixels.sum()), 1)
    units = max(len(inventory.labelled), 1)
    rows = []
    for kind, entry in enumerate(spec.classes):
        share = int(inventory.class_pixels[kind]) / total
        here = int(inventory.class_units[kind])
        rows.append(
            (
                key(entry.color, entry.name),
                f"{int(inventory.class_pixels[kind]):,}",
                cell_bar(share, percent(share)),
                f"{here:,}",
                cell_bar(here / units, percent(here / units)),
            )
        )
    unit = unit_word(inventory)
    head = ("class", "pixels", "share of pixels", f"{unit}s with it", f"share of {unit}s")
    figure = Figure(
        (),
        "A class with few pixels adds little to a loss that counts pixels, so a model may leave it "
        "out and still look good: judge by the IoU of each class, and let rare ones be drawn more "
        "often.",
        " ".join(_balance_words(inventory)),
    )
    return Section("balance", "Class balance", (Table(head, tuple(rows)), figure))


def _balance_words(inventory: Inventory) -> Iterator[str]:
    spec, unit = inventory.dataset.spec, unit_word(inventory)
    labelled, empty = len(inventory.labelled), len(inventory.empty)
    pixels = inventory.class_pixels
    if pixels.sum():
        common = int(pixels.argmax())
        yield (
            f"{spec.class_names[common]!r} everywhere would be right on "
            f"{percent(pixels[common] / pixels.sum())} of the labelled pixels."
        )
    if len(spec.classes) == 2:
        name = spec.class_names[1]
        if empty:
            which = (
                f"{empty:,} of {count(labelled, unit)} with a mask ({percent(empty / labelled)})"
            )
            yield f"{which} {'holds' if empty == 1 else 'hold'} no {name}."
        else:
            yield f"Every {unit} with a mask holds {name}."
        return
    single = sum(int((record.classes > 0).sum()) == 1 for record in inventory.labelled)
    yield f"{single:,} of {count(labelled, unit)} with a mask hold a single class."
    if empty:
        yield f"{count(empty, unit)} with a mask {'has' if empty == 1 else 'have'} no label at all."
    missing = [n for n, found in zip(spec.class_names, pixels, strict=True) if not found]
    if missing:
        yield f"No pixel of {', '.join(missing)}."


def objects_section(inventory: Inventory) -> Section | None:
    """Sizes and numbers of objects; None where there are none."""
    present = [k for k in inventory.shown if len(inventory.sizes(k))]
    if not present:
        return None
    charted = sorted(present, key=lambda k: -len(inventory.sizes(k)))[:_CLASSES]
    side = common_side(inventory)
    how = (
        "Objects are those that the source of the masks tells apart, also where they touch."
        if inventory.told_apart
        else "Objects are connected patches of a class (8 neighbours); where two touch, they count "
        "as one."
    )
    sizes = Figure(
        tuple(_size_chart(inventory, kind, side) for kind in sorted(charted)),
        "How large are the objects, on an axis where each step is a factor of ten? Deep layers of "
        "a network see one value for about 32 x 32 pixels: objects much smaller than that need a "
        "finer resolution or a decoder that keeps detail, and single pixels may be noise of the "
        "labels.",
    )
    numbers = Figure(
        tuple(_number_chart(inventory, kind) for kind in sorted(charted)),
        f"How many objects does {_a(unit_word(inventory))} hold? Where most hold none or one, a "
        "false alarm weighs much; where a few hold most objects, see that both sides of the split "
        "get some of them.",
        _listed_words(inventory),
    )
    shown = _metres(inventory, sorted(charted), side, sizes)
    table = _size_table(inventory, present)
    return Section("objects", "Objects", (how, *shown, table, numbers))


def _metres(
    inventory: Inventory, kinds: Sequence[int], side: float | None, sizes: Figure
) -> Iterator[Figure]:
    yield sizes
    placed = [kind for kind in kinds if len(inventory.areas(kind))]
    if side is None and placed:
        yield Figure(
            tuple(_area_chart(inventory, kind) for kind in placed),
            "The same in square metres, since a pixel is not the same everywhere: a model that is "
            "trained on several resolutions sees one kind of object in several sizes.",
        )


def _size_chart(inventory: Inventory, kind: int, side: float | None) -> Markup:
    name = inventory.dataset.spec.class_names[kind]
    second = (side**2, "m²") if side else None
    return _log_chart(inventory.sizes(kind).astype(float), name, "pixels", second)


def _area_chart(inventory: Inventory, kind: int) -> Markup:
    name = inventory.dataset.spec.class_names[kind]
    return _log_chart(inventory.areas(kind), name, "square metres", None)


def _log_chart(
    sizes: NDArray[np.float64], name: str, unit: str, second: tuple[float, str] | None
) -> Markup:
    edges, heights = log_histogram(sizes)
    axis = Axis(edges[0], edges[-1], log=True)
    plot = Plot(axis, counts_axis(heights), name, "objects")
    plot.bars(edges, heights)
    low, middle, high = (amount(value) for value in np.quantile(sizes, _QUANTILES))
    alt = (
        f"Histogram of the size of {count(len(sizes), 'object')} of {name}: half have fewer than "
        f"{middle} {unit}, one in ten fewer than {low}, one in ten more than {high}"
    )
    return plot.render(alt, unit, second=second)


def log_histogram(sizes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Edges with five bins to each factor of ten, over whole decades, and what falls into each."""
    first = int(np.floor(np.log10(sizes.min()) + 1e-9))
    last = max(int(np.ceil(np.log10(sizes.max()) - 1e-9)), first + 1)
    edges = 10.0 ** (np.arange((last - first) * _PER_DECADE + 1) / _PER_DECADE + first)
    counts, _ = np.histogram(sizes, edges)  # the last bin holds its upper edge too
    return edges, counts


def counts_axis(heights: NDArray[np.int64]) -> Axis:
    """A vertical axis that holds numbers of things."""
    return Axis(0, max(int(heights.max()), 1) * 1.05, whole=True)


def _size_table(inventory: Inventory, kinds: Sequence[int]) -> Table:
    metres = any(len(inventory.areas(kind)) for kind in kinds)
    head = ("class", "objects", "pixels: 10 %", "50 %", "90 %", "largest")
    rows = []
    for kind in kinds:
        entry, sizes = inventory.dataset.spec.classes[kind], inventory.sizes(kind)
        cells = [key(entry.color, entry.name), f"{len(sizes):,}"]
        cells += [amount(value) for value in (*np.quantile(sizes, _QUANTILES), sizes.max())]
        if metres:
            areas = inventory.areas(kind)
            found = np.quantile(areas, _QUANTILES) if len(areas) else [float("nan")] * 3
            cells += [amount(value) if value == value else "–" for value in found]
        rows.append(tuple(cells))
    return Table((*head, *(("m²: 10 %", "50 %", "90 %") if metres else ())), tuple(rows))


def _number_chart(inventory: Inventory, kind: int) -> Markup:
    name, unit = inventory.dataset.spec.class_names[kind], unit_word(inventory)
    numbers = np.array([record.objects[kind] for record in inventory.labelled])
    if inventory.listed:
        numbers = np.array(list(inventory.listed.values()))
    width = max(1, -(-int(numbers.max() + 1) // _BINS))
    edges = np.arange(0, numbers.max() + 1 + width, width) - 0.5
    heights, _ = np.histogram(numbers, edges)
    axis = Axis(edges[0], edges[-1], whole=True)
    plot = Plot(axis, counts_axis(heights), name, f"{unit}s")
    plot.bars(edges, heights)
    none = int((numbers == 0).sum())
    alt = (
        f"Histogram of the number of objects of {name} in {count(len(numbers), unit)}: "
        f"{none:,} hold none, the median is {amount(float(np.median(numbers)))}, the most "
        f"{int(numbers.max()):,}"
    )
    return plot.render(alt, f"objects in {_a(unit)}")


def _listed_words(inventory: Inventory) -> str:
    if not inventory.listed:
        return ""
    none = sum(number == 0 for number in inventory.listed.values())
    whole = len(inventory.listed)
    return (
        f"The table of run lengths lists {count(sum(inventory.listed.values()), 'object')} in "
        f"{count(whole, 'image')}; {none:,} of them ({percent(none / whole)}) hold none."
    )


def common_side(inventory: Inventory) -> float | None:
    """Side of a pixel in metres, where it is the same in all images; else None."""
    sides = [image.side for image in inventory.images]
    known = [side for side in sides if side is not None]
    if len(known) < len(sides) or max(known) > (1 + _SAME_SIDE) * min(known):
        return None
    return float(np.median(known))


def unit_word(inventory: Inventory) -> str:
    """What one entry of the statistics is: an image, or a block of one."""
    return "block" if inventory.dataset.spec.split.by == "block" else "image"


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
