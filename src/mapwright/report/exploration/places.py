"""Where in the images classes lie, where on the Earth the images lie, and what holds no value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mapwright.data.inventory.take import Inventory
from mapwright.io.place import Numbers
from mapwright.report.exploration.balance import counts_axis, unit_word
from mapwright.report.exploration.parts import Figure, Section, Table, amount, count, percent
from mapwright.report.exploration.pictures import heat_tag, tile
from mapwright.report.exploration.plot import Axis, Plot, nice_step, text

_CLASSES = 20  # heat maps: of more classes, the commonest
_HEAT = "#d9480f"
_FEWEST, _FEW = 5, 200  # labelled images: for a heat map at all, for one that is not mostly chance
_WIDTH, _MOST_HEIGHT, _MARGIN = 620, 420, 46  # of the map of footprints, in pixels
_DOT = 5.0  # footprints smaller than this are drawn as dots
_DEGREE = 111_195.0  # metres of one degree on a sphere of 6 371 km
_BINS = 20
_LISTED = 8


def position_section(inventory: Inventory) -> Section | None:
    """Heat maps of where classes lie; None without labels, or of too few images."""
    present = [k for k in inventory.shown if inventory.class_pixels[k]]
    labelled = sum(image.labelled for image in inventory.images)
    if not present or labelled < _FEWEST:
        return None
    charted = sorted(present, key=lambda k: -int(inventory.class_pixels[k]))[:_CLASSES]
    names = inventory.dataset.spec.class_names
    drawn = []
    for kind in sorted(charted):
        share = inventory.positions.share(kind)
        low, high = float(np.nanmin(share)), float(np.nanmax(share))
        words = f"{percent(low)} to {percent(high)}"
        alt = (
            f"Share of {names[kind]} over a grid of places in the image: {words}, "
            f"highest {_where(share)}"
        )
        drawn.append(tile(heat_tag(share, _HEAT, alt), names[kind], words))
    found = "All images are laid over each other, whatever their size; clear is 0, full colour "
    found += "the highest share."
    if labelled < _FEW:
        found += f" Of {count(labelled, 'image')}, much of the pattern is chance."
    figure = Figure(
        tuple(drawn),
        "Where in the image does each class lie? An even map is what flips and turns assume; a "
        "full middle means that images were cut around objects, and then a model will see less "
        "of them in a scene than it learnt to expect.",
        found,
        kind="tiles",
    )
    return Section("positions", "Where classes lie in the image", (figure,))


def _where(share: NDArray[np.float64]) -> str:
    row, col = np.unravel_index(int(np.nanargmax(share)), share.shape)
    third = share.shape[0] / 3
    down = ("at the top", "in the middle", "at the bottom")[int(row / third)]
    return f"{down}, {('left', 'centre', 'right')[int(col / third)]}"


def map_section(inventory: Inventory) -> Section | None:
    """Footprints of the images; None where none has a place."""
    placed = [image for image in inventory.images if image.corners is not None]
    if not placed:
        return None
    corners = [image.corners for image in placed if image.corners is not None]
    labelled = [image.labelled for image in placed]
    drawing, size = _footprints(corners, labelled)
    figure = Figure(
        (drawing,),
        "Are the images spread over the ground that is to be mapped, or do they lie together? "
        "Neighbours look alike: if they stand on both sides of the split, scores flatter. Use "
        "groups or blocks.",
        f"{count(len(placed), 'image')} of {len(inventory.images)} say where they are; together "
        f"they span {size}. Filled: with a mask.",
        kind="wide",
    )
    return Section("map", "Where the images lie", (figure,))


def _footprints(corners: Sequence[Numbers], labelled: Sequence[bool]) -> tuple[Markup, str]:
    """A map in degrees, with longitudes shortened as they are in its middle; and its size."""
    rings = _unrolled(corners)
    points = np.concatenate(rings)
    low, high = points.min(axis=0), points.max(axis=0)
    cosine = max(float(np.cos(np.radians((low[1] + high[1]) / 2))), 0.05)
    shrink = np.array([cosine, 1.0])
    span = np.maximum((high - low) * shrink, 1e-9)
    room = np.array([_WIDTH - 2 * _MARGIN, _MOST_HEIGHT - 2 * _MARGIN])
    scale = float((room / span).min())  # pixels a degree of latitude
    height = round(float(span[1] * scale)) + 2 * _MARGIN
    left = (_WIDTH - float(span[0] * scale)) / 2
    parts = []
    for ring, known in zip(rings, labelled, strict=True):
        xy = (ring - low) * shrink * scale
        xy = np.stack([left + xy[:, 0], height - _MARGIN - xy[:, 1]], axis=1)
        parts.append(_footprint(xy, known))
    metres = span * _DEGREE
    parts += [*_map_frame(left, height, low, high, scale)]
    words = f"{_length(metres[0])} from west to east and {_length(metres[1])} from south to north"
    alt = (
        f"Map of the footprints of {count(len(rings), 'image')}, from {_degrees(low)} to "
        f"{_degrees(high)}: {words}"
    )
    drawing = Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" '
        'style="max-width:{}px">{}</svg>'
    ).format(alt, _WIDTH, height, _WIDTH, Markup("").join(parts))
    return drawing, words


def _unrolled(corners: Sequence[Numbers]) -> list[Numbers]:
    """Longitudes without a jump: each nearest to the first image's, across the date line too."""
    first = float(corners[0][0, 0])
    turned = []
    for ring in corners:
        turns = np.round((first - ring[:, 0]) / 360)
        turned.append(np.stack([ring[:, 0] + 360 * turns, ring[:, 1]], axis=1))
    return turned


def _footprint(xy: Numbers, labelled: bool) -> Markup:
    kind = "ground" if labelled else "ground open"
    if float(np.ptp(xy, axis=0).max()) < _DOT:
        x, y = xy.mean(axis=0)
        return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(
            kind, f"{x:.1f}", f"{y:.1f}", _DOT / 2
        )
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in xy) + "Z"
    return Markup('<path class="{}" d="{}"/>').format(kind, path)


def _map_frame(
    left: float, height: int, low: Numbers, high: Numbers, scale: float
) -> Iterator[Markup]:
    """Corner coordinates and a bar of a round length."""
    yield text(left, height - 26, _degrees(low), "tick", "start")
    yield text(_WIDTH - left, 26, _degrees(high), "tick", "end")
    pixel = _DEGREE / scale  # metres
    length = nice_step(60 * pixel)
    bar = length / pixel
    yield Markup('<path class="axis" d="M{} {}v-4h{}v4"/>').format(
        _MARGIN, height - 6, f"{bar:.1f}"
    )
    yield text(_MARGIN + bar + 6, height - 5, _length(length), "tick", "start")


def _degrees(place: Numbers) -> str:
    longitude = (float(place[0]) + 180) % 360 - 180
    east, north = "E" if longitude >= 0 else "W", "N" if place[1] >= 0 else "S"
    return f"{abs(float(place[1])):.4f}° {north}, {abs(longitude):.4f}° {east}"


def _length(metres: float) -> str:
    return f"{amount(metres / 1000)} km" if metres >= 1000 else f"{metres:.3g} m"


def nodata_section(inventory: Inventory) -> Section:
    """Pixels without a measurement."""
    unit = unit_word(inventory)
    shares = np.array([1 - record.valid / record.pixels for record in inventory.units])
    valid = inventory.dataset.spec.valid
    rule = ["NaN"]
    rule += [f"the value {valid.nodata:g}"] if valid.nodata is not None else []
    rule += ["an alpha of 0"] if valid.alpha else []
    known = f"A pixel holds no measurement where it has {' or '.join(rule)} in a band that is used."
    if not shares.any():
        words = (
            f"{known} There is none. If you see grey or black borders above, a nodata value is "
            "missing in [valid] of dataset.toml, and the model would learn from it."
        )
        return Section("nodata", "Pixels without a measurement", (words,))
    edges = np.linspace(0, 1, _BINS + 1)
    heights, _ = np.histogram(shares, edges)
    plot = Plot(Axis(0, 100), counts_axis(heights), "share that is invalid", f"{unit}s")
    plot.bars(edges * 100, heights)
    some = int((shares > 0).sum())
    alt = f"Histogram of the share of invalid pixels: {some} of {count(len(shares), unit)} have any"
    invalid = inventory.positions.invalid_share
    where = f"Share of invalid pixels over a grid of places in the image, highest {_where(invalid)}"
    figure = Figure(
        (plot.render(alt, "% invalid"), _framed(heat_tag(invalid, _HEAT, where), invalid)),
        "Invalid pixels count nowhere: not in statistics, training, scores or maps. Images that "
        "are mostly invalid teach little, and a share at the border is the rim of a scene.",
        f"{known} That is {percent(1 - inventory.valid_share)} of all pixels, in {some:,} of "
        f"{count(len(shares), unit)}.",
    )
    worst = np.argsort(-shares, kind="stable")[:_LISTED]
    rows = tuple(
        (inventory.units[k].stem, percent(float(shares[k]))) for k in worst if shares[k] > 0
    )
    table = Table((f"{unit}s with most", "invalid"), rows)
    return Section("nodata", "Pixels without a measurement", (figure, table))


def _framed(picture: Markup, share: NDArray[np.float64]) -> Markup:
    low, high = float(np.nanmin(share)), float(np.nanmax(share))
    return tile(picture, "where in the image", f"{percent(low)} to {percent(high)}")
