"""The top of the page: what a stranger should know first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from markupsafe import Markup

from mapwright.data.findings import listed
from mapwright.data.inventory.take import Inventory
from mapwright.data.splits import group_names, make_splits
from mapwright.errors import MapwrightError
from mapwright.report.exploration.balance import unit_word
from mapwright.report.exploration.parts import Section, Table, amount, count, percent

_SIZES = 4  # of images, listed
_STEMS = 6  # named with a finding
_FINDINGS = 40  # listed


def cards(inventory: Inventory) -> list[tuple[str, str, str]]:
    """Large number, what it counts, and a remark."""
    dataset, spec = inventory.dataset, inventory.dataset.spec
    drawn = f"{inventory.looked:,} of them looked at" if inventory.drawn else "all looked at"
    found = [
        (f"{len(dataset.items):,}", _plural(len(dataset.items), "image"), drawn),
        (f"{len(dataset.labelled):,}", "with a mask", _without(len(dataset.unlabelled))),
        (f"{len(spec.used)}", _plural(len(spec.used), "band"), _names(spec.band_names)),
    ]
    if inventory.class_pixels.sum():
        rarest = min(inventory.shown, key=lambda k: int(inventory.class_pixels[k]))
        share = inventory.class_pixels[rarest] / inventory.class_pixels.sum()
        name = spec.class_names[rarest]
        found.append((percent(share), f"of the labelled pixels: {name}", _of_classes(inventory)))
    valid = percent(inventory.valid_share)
    sides = [image.side for image in inventory.images if image.side is not None]
    if sides:
        found.append((f"{np.median(sides):.3g} m", "a pixel", f"{valid} of the pixels are valid"))
    else:
        found.append((valid, "of the pixels are valid", "how large one is, no file says"))
    return found


def opening(inventory: Inventory) -> list[str]:
    """Sentences that say what this is."""
    spec = inventory.dataset.spec
    sizes = Counter(image.size for image in inventory.images)
    (height, width), same = sizes.most_common(1)[0]
    size = (
        f"{height} x {width} pixels"
        if same == len(inventory.images)
        else f"{len(sizes)} sizes, mostly {height} x {width} pixels"
    )
    types = Counter(image.dtype for image in inventory.images).most_common(1)[0][0]
    text = (
        f"{spec.name} holds {count(len(inventory.dataset.items), 'image')} of {size} with "
        f"{count(len(spec.used), 'band')} ({_names(spec.band_names)}; {types}). "
    )
    if inventory.class_pixels.sum():
        text += (
            f"{_have(inventory)} a mask of {len(spec.classes)} classes: {_names(spec.class_names)}."
        )
    else:
        text += "No pixel has a label, so everything about classes is left out on this page."
    return [text, _verdict(inventory)]


def _verdict(inventory: Inventory) -> str:
    levels = Counter(finding.level for finding in inventory.report.findings)
    errors = levels["error"]
    text = (
        f"{count(errors, 'thing')} found here would harm training."
        if errors
        else "Nothing was found that would harm training."
    )
    rest = [count(levels[level], level) for level in ("warning", "note") if levels[level]]
    return text + (f" Besides: {listed(rest)}." if rest else "")


def drawing_note(inventory: Inventory) -> str:
    """How images were drawn, where not all were looked at; else nothing."""
    if not inventory.drawn:
        return ""
    return (
        f"Of {count(len(inventory.dataset.items), 'image')}, {inventory.looked:,} were looked at, "
        "drawn evenly in the order of their names. All figures and findings speak of these; rare "
        "things may lie in the others. --images looks at more; `mapwright check` looks at all."
    )


def findings_section(inventory: Inventory) -> Section:
    """What `check` found, worst first."""
    found = inventory.report.findings
    if not found:
        words = (
            "Nothing: no damaged or missing file, no undeclared value, no duplicate, no image "
            "unlike the others."
        )
        return Section("findings", "What was found", (words,))
    rows = tuple(
        (
            Markup('<span class="{0}">{0}</span>').format(finding.level),
            finding.text,
            ", ".join(finding.stems[:_STEMS]) + (" …" if len(finding.stems) > _STEMS else ""),
            finding.advice,
        )
        for finding in found[:_FINDINGS]
    )
    table = Table(("", "what", "images", "what to do"), rows, numeric=False)
    more = len(found) - _FINDINGS
    rest = (f"And {more} more; `mapwright check` lists all.",) if more > 0 else ()
    return Section("findings", "What was found", (table, *rest))


def contents_section(inventory: Inventory) -> Section:
    """Files, sizes, bands, place and division."""
    table = Table((), tuple(_contents(inventory)), numeric=False)
    return Section("contents", "What the folder holds", (table, _band_table(inventory)))


def _contents(inventory: Inventory) -> Iterator[tuple[str, str]]:
    dataset, spec = inventory.dataset, inventory.dataset.spec
    yield "images", f"{spec.images}: {count(len(dataset.items), 'image')}"
    yield "masks", f"{_mask_words(inventory)}: {count(len(dataset.labelled), 'image')}"
    if spec.mask.threshold is not None:
        yield "soft masks", f"a value >= {spec.mask.threshold:g} is {spec.class_names[1]}"
    if spec.mask.ignore:
        yield "never counted", "mask values " + ", ".join(map(spec.shown, spec.mask.ignore))
    if spec.exclude:
        yield "left out", "; ".join(f"{entry.stem} ({entry.why})" for entry in spec.exclude)
    sizes = Counter(image.size for image in inventory.images)
    shown = [f"{h} x {w} ({n:,})" for (h, w), n in sizes.most_common(_SIZES)]
    more = f" and {len(sizes) - _SIZES} further sizes" if len(sizes) > _SIZES else ""
    yield "rows x columns", ", ".join(shown) + more
    yield "type of values", _counted(Counter(image.dtype for image in inventory.images))
    places = Counter(image.crs or "no CRS: no place on the Earth" for image in inventory.images)
    yield "place", _counted(places)
    yield "side of a pixel", _sides(inventory)
    yield "valid pixels", percent(inventory.valid_share)
    yield "split", _split_words(inventory)


def _mask_words(inventory: Inventory) -> str:
    """Where masks come from."""
    spec = inventory.dataset.spec
    kind, _, rest = spec.mask.source.partition(":")
    if kind == "band":
        return f"band {rest} of the images"
    if kind == "rle":
        return f"run lengths in {rest}"
    return f"{spec.masks or 'none'}" + ("" if kind == "file" else f" ({kind})")


def _split_words(inventory: Inventory) -> str:
    """How images are divided into those that train and those that validate."""
    dataset = inventory.dataset
    if not dataset.labelled:
        return "none: no image has a mask"
    unit = unit_word(inventory)
    try:
        names, split = [item.stem for item in dataset.units], dataset.split
        fold = make_splits(names, split).folds[0]
        groups = Counter(group_names(names, split))
    except MapwrightError as error:
        return f"can't be drawn: {error.what}"
    how = {
        "scene": "every image is a scene of its own",
        "group": f"{len(groups):,} groups; the largest has {max(groups.values()):,} images",
        "block": f"images are cut into {len(names):,} blocks of about {split.block} pixels",
        "given": "given by the data",
    }[split.by]
    return f"{how}: {count(len(fold.train), unit)} to learn from, {len(fold.val):,} to validate on"


def _band_table(inventory: Inventory) -> Table:
    spec, records = inventory.dataset.spec, [r for r in inventory.units if r.valid]
    head = ("band", "in the file", "mean", "deviation", "1 %", "50 %", "99 %")
    weights = np.array([record.valid for record in records], np.float64)
    rows = []
    ends = inventory.values.overall((0.01, 0.5, 0.99)) if records else None
    for k, band in enumerate(spec.used):
        cells = [band.name + (f" ({band.unit})" if band.unit else ""), str(band.index)]
        if ends is not None:
            means = np.array([record.mean[k] for record in records])
            squares = np.array([record.std[k] ** 2 for record in records]) + means**2
            mean = float(np.average(means, weights=weights))
            spread = max(float(np.average(squares, weights=weights)) - mean**2, 0.0) ** 0.5
            cells += [amount(value) for value in (mean, spread, *ends[k])]
        rows.append(tuple([*cells, *["–"] * (len(head) - len(cells))]))
    return Table(head, tuple(rows))


def _sides(inventory: Inventory) -> str:
    sides = [image.side for image in inventory.images if image.side is not None]
    if not sides:
        return "unknown"
    low, high = min(sides), max(sides)
    same = high <= 1.01 * low
    return f"{low:.3g} m on the ground" if same else f"{low:.3g} to {high:.3g} m on the ground"


def _of_classes(inventory: Inventory) -> str:
    return (
        f"the rarest of {len(inventory.shown)} classes"
        if len(inventory.shown) > 1
        else f"{percent(len(inventory.empty) / max(len(inventory.labelled), 1))} of "
        f"{unit_word(inventory)}s without any"
    )


def _counted(counter: Counter[str]) -> str:
    if len(counter) == 1:
        return next(iter(counter))
    return ", ".join(f"{name} ({number:,})" for name, number in counter.most_common(_SIZES))


def _names(names: tuple[str, ...]) -> str:
    return listed(names, 6)


def _without(number: int) -> str:
    return f"{number:,} without, for prediction" if number else "every image has one"


def _have(inventory: Inventory) -> str:
    number = len(inventory.dataset.labelled)
    if number == len(inventory.dataset.items):
        return "Each has" if number > 1 else "It has"
    return "One has" if number == 1 else f"{number:,} have"


def _plural(number: int, word: str) -> str:
    return word if number == 1 else word + "s"
