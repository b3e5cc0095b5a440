"""Whether the split that a training would draw keeps ground apart, in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mapwright.data.blocks import parse_name
from mapwright.data.dataset import Dataset
from mapwright.data.findings import Finding, Level
from mapwright.data.overlaps import Pair, SplitAudit, Unit, audit_split
from mapwright.data.splits import make_splits
from mapwright.errors import ImageFileError, SettingError
from mapwright.io.place import pixel_on_ground

_HARMFUL = 0.01  # share of the validation pixels from which a score can't be trusted
_SHOWN = 3  # pairs that are named


def audit_ground(dataset: Dataset, readable: Collection[str]) -> list[Finding]:
    """Look for ground that lies on both sides of the split that a training would draw.

    Args:
        dataset: The data set.
        readable: Stems of the images that can be used.

    Returns:
        Nothing where no image says where it is, or where no split can be drawn.
    """
    try:
        units = _units(dataset, readable)
    except (SettingError, ImageFileError):  # said elsewhere: by training, and for that file
        return []
    if all(unit.grid.crs is None for unit in units):
        return []
    split = dataset.spec.split
    pixel = _smallest_pixel(units) if split.buffer else 0.0
    audit = audit_split(units, split.buffer * pixel)
    findings = []
    if audit.shared:
        findings.append(_shared(audit, units))
    elif split.by == "scene":
        findings += _luck(units)
    near = [pair for pair in audit.near if parse_name(pair.val)[0] != parse_name(pair.train)[0]]
    if near:  # in one image the split itself sees to it, in pixels
        findings.append(_near(near, split.buffer, pixel))
    if audit.unplaced:
        text = (
            f"{len(audit.unplaced)} of {len(units)} images do not say where they are (no CRS), so "
            "whether they share ground with others was not looked at"
        )
        advice = "give them a CRS, or see to it that the same ground stands on one side"
        findings.append(Finding("note", "no place", audit.unplaced, text, advice))
    return findings


def _units(dataset: Dataset, readable: Collection[str]) -> list[Unit]:
    """Images, or their parts, on the sides of the split."""
    names = [item.stem for item in dataset.units]
    fold = make_splits(names, dataset.split).folds[0]
    units = []
    for side, stems in (("train", fold.train), ("val", fold.val)):
        for item in dataset.choose(stems):
            if item.scene in readable:
                units.append(Unit(item.stem, dataset.geobox(item), side))
    return units


def _smallest_pixel(units: Sequence[Unit]) -> float:
    """Shortest side of a pixel in metres; 0 if no unit has a place."""
    grids = [unit.grid for unit in units if unit.grid.crs is not None]
    return min((side for grid in grids for side in pixel_on_ground(grid) if side > 0), default=0.0)


def _shared(audit: SplitAudit, units: Sequence[Unit]) -> Finding:
    count = sum(unit.side == "val" for unit in units)
    pairs = [_ground(pair) for pair in audit.shared[:_SHOWN]]
    more = len(audit.shared) - len(pairs)
    text = (
        f"{audit.leaked_share:.2%} of the validation pixels lie on ground that is also trained on, "
        f"in {len(audit.leaked)} of {count} images: {'; '.join(pairs)}"
    ) + (f"; and {more} further pairs" if more else "")
    advice = (
        "scores on this ground flatter: put what overlaps on one side with [split] by = "
        '"group" or "given", or leave it out'
    )
    level: Level = "error" if audit.leaked_share >= _HARMFUL else "warning"
    return Finding(level, "shared ground", _stems(audit.shared), text, advice)


def _ground(pair: Pair) -> str:
    whole = pair.rows * pair.cols == pair.pixels
    rectangle = f"{_count(pair.cols, 'column')} x {_count(pair.rows, 'row')}"
    size = rectangle if whole else _count(pair.pixels, "pixel")
    return f"{pair.val} and {pair.train} share {size}, {pair.share:.2%} of {pair.val}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"


def _luck(units: Sequence[Unit]) -> list[Finding]:
    """Images that share ground and stand on one side only because the draw fell so."""
    apart = [Unit(unit.stem, unit.grid, k) for k, unit in enumerate(units)]
    shared = [pair for pair in audit_split(apart).shared if pair.val < pair.train]
    if not shared:
        return []
    text = (
        f"{len(shared)} pairs of images share ground, such as {_ground(shared[0])}; with this "
        "seed each pair stands on one side, with another or with folds it may not"
    )
    advice = 'keep them together with [split] by = "group"'
    return [Finding("note", "shared ground", _stems(shared), text, advice)]


def _near(pairs: Sequence[Pair], buffer: int, pixel: float) -> Finding:
    shown = [
        f"{pair.val} and {pair.train} are {pair.distance:.4g} m apart" for pair in pairs[:_SHOWN]
    ]
    text = (
        f"{len(pairs)} pairs across the split are nearer than the buffer of {buffer} pixels "
        f"({buffer * pixel:.4g} m): {'; '.join(shown)}"
    )
    advice = "neighbours look alike: group them, or leave the nearest out"
    return Finding("warning", "near ground", _stems(pairs), text, advice)


def _stems(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Images of these pairs, each once."""
    names = [name for pair in pairs for name in (pair.val, pair.train)]
    return tuple(dict.fromkeys(parse_name(name)[0] for name in names))
