"""What values the bands have: by class, band by band, and image by image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mapwright.data.inventory.take import Inventory
from mapwright.data.inventory.values import BandHistogram
from mapwright.report.exploration.balance import unit_word
from mapwright.report.exploration.parts import Figure, Section, amount, count, percent
from mapwright.report.exploration.plot import Axis, Plot, legend

_LINES = 8  # classes drawn over each other: of more, the commonest
_CUT = 2.5  # times the median peak, higher ones are cut
_BANDS = 24  # charts: of more bands, the first
_SIGNATURE_FROM = 4  # bands
_AREAS = 3  # classes, of which areas are drawn too
_ALIKE_SCALE = 20.0  # bands whose middles differ by no larger factor share an axis
_FAR, _NAMED, _FEWEST = 5.0, 3, 8  # robust deviations; images named in a chart; images
_UNLABELLED = "#868e96"


def bands_section(inventory: Inventory) -> Section | None:
    """Histograms and signatures; None where no pixel is valid."""
    values = inventory.values
    if not values.groups:
        return None
    histograms = values.histograms()
    shown = [*_drawn_groups(inventory)]
    keys = legend([(_group_name(inventory, g), _group_color(inventory, g)) for g in shown])
    figure = Figure(
        (keys, *(_histogram(inventory, entry, shown) for entry in histograms[:_BANDS])),
        "Where the lines of two classes lie apart, that band alone tells them apart; where all "
        "lie on each other, only texture and shape can. A spike at one end is saturation, or a "
        "nodata value that was not declared.",
        " ".join(_histogram_words(inventory, histograms)),
    )
    parts = [figure, *_signature_figure(inventory, shown, keys)]
    return Section("bands", "Band values", tuple(parts))


def _drawn_groups(inventory: Inventory) -> Sequence[int]:
    """The commonest classes, and pixels without a label where there is nothing else."""
    groups = inventory.values.groups
    classes = [g for g in groups if g < inventory.values.classes]
    commonest = sorted(classes, key=lambda k: -int(inventory.class_pixels[k]))[:_LINES]
    return sorted(commonest) or list(groups)


def _histogram(inventory: Inventory, entry: BandHistogram, groups: Sequence[int]) -> Markup:
    peaks = entry.shares[list(groups)].max(axis=1)
    top = max(min(float(peaks.max()), _CUT * float(np.median(peaks))), 1e-9)
    plot = Plot(Axis(entry.edges[0], entry.edges[-1]), Axis(0, top * 1.05), entry.name)
    for group in groups:
        plot.steps(entry.edges, entry.shares[group], _group_color(inventory, group))
    highest = "; ".join(
        f"{_group_name(inventory, g)} most often near "
        f"{amount(float(entry.edges[entry.shares[g].argmax()]))}"
        for g in groups
    )
    alt = f"Histogram of {entry.name} by class: {highest}"
    return plot.render(alt, _unit(inventory, entry.name), y_ticks=False)


def _histogram_words(inventory: Inventory, histograms: Sequence[BandHistogram]) -> Iterator[str]:
    yield (
        "Each line has the same area, however rare its class; peaks far above the others are cut, "
        "and values in the outer half percent of every class are left out."
    )
    known = [entry for entry in histograms if entry.explained == entry.explained]
    if known and len(histograms) > 1:
        best = max(known, key=lambda entry: entry.explained)
        worst = min(known, key=lambda entry: entry.explained)
        yield (
            f"The class explains {percent(best.explained)} of the variance of {best.name}, the "
            f"most of all bands, and {percent(worst.explained)} of that of {worst.name}, the least."
        )
    if len(histograms) > _BANDS:
        yield f"The first {_BANDS} of {len(histograms)} bands are shown."
    classes = [g for g in inventory.values.groups if g < inventory.values.classes]
    if len(classes) > _LINES:
        yield f"The {_LINES} commonest of {len(classes)} classes are drawn."


def _signature_figure(
    inventory: Inventory, groups: Sequence[int], keys: Markup
) -> Iterator[Figure]:
    names = inventory.values.bands
    if len(names) < _SIGNATURE_FROM:
        return
    found = inventory.values.quantiles()
    middle = inventory.values.overall((0.1, 0.5, 0.9))
    size = np.abs(middle).max(axis=1)
    raw = bool((size > 0).all() and size.max() <= _ALIKE_SCALE * size.min())
    center = 0 if raw else middle[:, 1:2]
    scale = 1 if raw else np.maximum(middle[:, 2:] - middle[:, :1], 1e-9)
    drawn = {group: (found[group] - center) / scale for group in groups}
    few = len(groups) <= _AREAS
    areas = "; areas span its 10th to 90th percentile" if few else ""
    how = (
        "In file values."
        if raw
        else "Bands are of unlike size, so each is shown from its median over all pixels, in units "
        "of its range from the 10th to the 90th percentile."
    )
    yield Figure(
        (keys, _signature(inventory, drawn)),
        "Classes whose lines run together can't be told apart by their spectrum, and one that is "
        "far from all others is easy.",
        f"The median of each class in each band{areas}. {how}",
        kind="wide",
    )


def _signature(inventory: Inventory, drawn: dict[int, NDArray[np.float64]]) -> Markup:
    names = inventory.values.bands
    places = np.arange(len(names))
    few = len(drawn) <= _AREAS
    whole = np.concatenate([table if few else table[:, 1:2] for table in drawn.values()], axis=1)
    axis = Axis(-0.4, len(names) - 0.6)
    plot = Plot(axis, Axis.around(whole), width=max(420, 62 * len(names)), height=280)
    for group, table in drawn.items() if few else ():
        plot.span(places, table[:, 0], table[:, 2], _group_color(inventory, group))
    for group, table in drawn.items():
        plot.line(places, table[:, 1], _group_color(inventory, group), dots=True)
    peaks = "; ".join(
        f"{_group_name(inventory, g)} highest in {names[int(table[:, 1].argmax())]}"
        for g, table in drawn.items()
    )
    short = [name if len(name) <= 9 else name[:8] + "…" for name in names]
    return plot.render(f"Median value of each class in each band: {peaks}", x_names=short)


def images_section(inventory: Inventory) -> Section | None:
    """Mean and deviation of every image; None where there are fewer than two."""
    records = [record for record in inventory.units if record.valid]
    if len(records) < 2:
        return None
    names, unit = inventory.dataset.spec.band_names, unit_word(inventory)
    means = np.array([record.mean for record in records])
    stds = np.array([record.std for record in records])
    stems = [record.stem for record in records]
    charts, said = [], []
    for band, name in enumerate(names[:_BANDS]):
        far = outlying(means[:, band], stds[:, band])
        chart = _scatter(name, means[:, band], stds[:, band], stems, far, unit)
        charts.append(chart)
        said += [stems[k] for k in far]
    named = list(dict.fromkeys(said))
    words = (
        f"Named, where they are more than {_FAR:g} robust deviations from the median in a band: "
        f"{', '.join(named[:12])}" + (f" and {len(named) - 12} more." if len(named) > 12 else ".")
        if named
        else f"No {unit} lies far from the others."
    )
    figure = Figure(
        tuple(charts),
        f"A dot is {'an image' if unit == 'image' else 'a block'}: to the right bright ones, above "
        "those with much contrast. One cloud of dots is one family; two are two sensors, seasons "
        "or scales, and both must be on both sides of the split.",
        words,
    )
    return Section("images", "Image statistics", (figure,))


def _scatter(
    name: str,
    means: NDArray[np.float64],
    stds: NDArray[np.float64],
    stems: Sequence[str],
    far: Sequence[int],
    unit: str,
) -> Markup:
    plot = Plot(Axis.around(means), Axis.around(stds, zero=True), name, "deviation")
    plot.dots(means, stds, stems)
    for k in far:
        plot.mark(means[k], stds[k], stems[k])
    alt = (
        f"Mean and deviation of {name} in {count(len(means), unit)}: means from "
        f"{amount(float(means.min()))} to {amount(float(means.max()))}, deviations from "
        f"{amount(float(stds.min()))} to {amount(float(stds.max()))}"
    )
    if far:
        alt += "; far from the others: " + ", ".join(stems[k] for k in far)
    return plot.render(alt, f"mean of each {unit}")


def outlying(means: NDArray[np.float64], stds: NDArray[np.float64]) -> list[int]:
    """The images farthest out, at most three, worst first.

    Distance is the larger of those of mean and deviation from their medians, in robust deviations
    (1.4826 times the median absolute one, Rousseeuw and Croux 1993).
    """
    if len(means) < _FEWEST:
        return []
    both = np.stack([means, stds], axis=1)
    distance = np.abs(both - np.median(both, axis=0))
    scale = 1.4826 * np.median(distance, axis=0)
    far = (distance / np.where(scale > 0, scale, np.inf)).max(axis=1)
    order = np.argsort(-far, kind="stable")[:_NAMED]
    return [int(k) for k in order if far[k] > _FAR]


def _group_name(inventory: Inventory, group: int) -> str:
    names = inventory.dataset.spec.class_names
    return names[group] if group < len(names) else "pixels without a label"


def _group_color(inventory: Inventory, group: int) -> str:
    colors = inventory.dataset.spec.colors
    return colors[group] if group < len(colors) else _UNLABELLED


def _unit(inventory: Inventory, name: str) -> str:
    band = next(band for band in inventory.dataset.spec.used if band.name == name)
    plain = band.scale == 1 and band.offset == 0
    return (band.unit or "value in the file") if plain else "value in the file"
