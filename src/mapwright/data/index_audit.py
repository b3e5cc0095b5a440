"""Bands that are an index of two others, held against their names: finds a wrong band order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.data.findings import Finding, listed
from mapwright.data.index_names import (
    KNOWN,
    Pair,
    formula,
    index_kind,
    places_of,
    probable_names,
    ratio_text,
)
from mapwright.data.indices import IndexFit, find_indices, fit_pair, share_that_fits
from mapwright.data.reflectance import declares_offset
from mapwright.data.roles import band_roles
from mapwright.data.spec import Band

_ODD = 0.5  # share of the pixels of an image: where fewer fit, it differs from the others
_FEW_VALUES = 3  # so few say that an index between -1 and 1 was cut to whole numbers
_ALONE = 24  # images that are looked at one by one
_POOL = 16_384  # pixels of all images together

Samples = Mapping[str, NDArray[Any]]
"""Stem -> (C, n) values of some pixels, NaN where invalid."""


def audit_indices(
    bands: Sequence[Band], samples: Samples, named_by_files: bool = False
) -> list[Finding]:
    """Say which bands are an index, and where names and values contradict each other.

    Args:
        bands: The bands.
        samples: Some pixels of each image.
        named_by_files: Whether bands are found by what the files call them.
    """
    pixels = _pool(samples)
    if pixels is None:
        return []
    names = [band.name for band in bands]
    found = {k: list(fits) for k, fits in groupby(find_indices(pixels), lambda fit: fit.band)}
    findings: list[Finding] = []
    wrong: list[tuple[IndexFit, Pair]] = []
    for position, name in enumerate(names):
        kind = index_kind(name)
        if position not in found:
            findings += _unmatched(position, kind, names, samples, pixels) if kind else []
            continue
        fit, truth = _meant(kind, found[position], names)
        if truth and _contradicts(fit, truth, names):
            wrong.append((fit, truth))
        else:
            findings += [*_note(fit, truth, kind, bands), *_odd_images(fit, names, samples)]
    if wrong:
        findings.insert(0, _band_order(wrong, names, pixels, named_by_files))
    return findings


def _pool(samples: Samples) -> NDArray[Any] | None:
    """Pixels of all images side by side, evenly thinned out."""
    parts = [part for part in samples.values() if part.shape[1]]
    if not parts:
        return None
    pixels = np.concatenate(parts, axis=1)
    return np.asarray(pixels[:, :: -(-pixels.shape[1] // _POOL) | 1])


def _meant(
    kind: str | None, fits: Sequence[IndexFit], names: Sequence[str]
) -> tuple[IndexFit, Pair | None]:
    """The fit that agrees best with the names, and what its two bands are if `kind` is true."""
    if kind is None:
        return fits[0], None
    roles = band_roles(names)

    def agreement(choice: tuple[IndexFit, Pair]) -> int:
        fit, (plus, minus) = choice
        return (roles[fit.plus] == plus) + (roles[fit.minus] == minus)

    return max(((fit, truth) for fit in fits for truth in KNOWN[kind]), key=agreement)


def _contradicts(fit: IndexFit, truth: Pair, names: Sequence[str]) -> bool:
    """Whether a band is called other than it must be, or another has the name it must have."""
    roles = band_roles(names)
    return any(
        roles[position] != role and (roles[position] is not None or role in roles)
        for position, role in zip((fit.plus, fit.minus), truth, strict=True)
    )


def _band_order(
    wrong: Sequence[tuple[IndexFit, Pair]],
    names: Sequence[str],
    pixels: NDArray[Any],
    named_by_files: bool,
) -> Finding:
    texts: list[str] = []
    truth: dict[int, str] = {}
    for fit, (plus, minus) in wrong:
        truth |= {fit.plus: plus, fit.minus: minus}
        text = f"{names[fit.band]} is {formula(fit, names)} in {fit.share:.1%} of the pixels"
        for pair in places_of((plus, minus), names)[:1]:
            usual = fit_pair(pixels, fit.band, *pair)
            share = f"{usual.share if usual else 0:.1%}"
            text += f", not {ratio_text(*pair, names)} as its name says, which fits {share}"
        texts.append(text)
    where = (
        'the names under [[bands]] in dataset.toml, with bands_by = "index" above them, since '
        "the files carry the same wrong names"
        if named_by_files
        else "the names under [[bands]] in dataset.toml"
    )
    advice = (
        f"{_really(names, probable_names(names, truth))}. Look at an image in these colours, then "
        f"correct {where}; if the names are right, the index was made from the wrong bands"
    )
    return Finding("error", "band order", (), "; ".join(texts), advice)


def _really(names: Sequence[str], order: Sequence[str]) -> str:
    """What bands are called and what they probably are."""
    changed = [(old, new) for old, new in zip(names, order, strict=True) if old != new]
    if len(changed) == 2 and changed[0] == changed[1][::-1]:
        said = f"probably the names of {changed[0][0]} and {changed[0][1]} are swapped"
    else:
        said = "probably " + listed([f"the band called {old} is {new}" for old, new in changed])
    return f"{said}: the bands are {', '.join(order)}"


def _note(
    fit: IndexFit, truth: Pair | None, kind: str | None, bands: Sequence[Band]
) -> list[Finding]:
    """What is good to know of an index that its name does not contradict."""
    names = [band.name for band in bands]
    text = f"{names[fit.band]} is {formula(fit, names)} in {fit.share:.1%} of the pixels"
    roles = band_roles(names)
    pair = (roles[fit.plus], roles[fit.minus])
    if kind is None:
        usual = next((name for name, pairs in KNOWN.items() if pair in pairs), None)
        advice = "an index may be an input too" + (
            f"; it is usually called {usual}" if usual else ""
        )
        return [Finding("note", "index band", (), text, advice)]
    if truth and pair != truth:
        names_them = [
            f"{names[position]} is {role}"
            for position, role in zip((fit.plus, fit.minus), truth, strict=True)
            if roles[position] != role
        ]
        return [Finding("note", "index band", (), text, f"so {listed(names_them)}: name it so")]
    if fit.shift and not all(declares_offset(bands[k]) for k in (fit.plus, fit.minus)):
        advice = "the bands have Sentinel-2's offset, which the index was made without: declare it"
        return [Finding("note", "index band", (), text, advice)]
    return []


def _odd_images(fit: IndexFit, names: Sequence[str], samples: Samples) -> list[Finding]:
    """Images in which the index of all others is something else."""
    shares = {stem: share_that_fits(part, fit) for stem, part in samples.items()}
    odd = tuple(stem for stem, share in shares.items() if share is not None and share < _ODD)
    if not odd:
        return []
    text = f"{names[fit.band]} is {formula(fit, names)} in other images, not in {listed(odd, 4)}"
    pixels = _pool({stem: samples[stem] for stem in odd})
    assert pixels is not None  # a share was counted
    other = next((found for found in find_indices(pixels) if found.band == fit.band), None)
    if other is None or (other.plus, other.minus) == (fit.plus, fit.minus):
        text += f", where it is {formula(other, names)}" if other else ""
        advice = "look how the band was made there: another scale, other values, a damaged file"
        return [Finding("warning", "odd index", odd, text, advice)]
    text += f", where it is {formula(other, names)}"
    advice = "the bands of these files are probably in another order: write them in the same"
    return [Finding("error", "band order", odd, text, advice)]


def _unmatched(
    position: int, kind: str, names: Sequence[str], samples: Samples, pixels: NDArray[Any]
) -> list[Finding]:
    """A band that is called an index of bands that are there, and is none."""
    places = [places_of(truth, names) for truth in KNOWN[kind]]
    pairs = [pair for some in places for pair in some]
    values = np.unique(pixels[position][np.isfinite(pixels[position])])
    if pairs and 0 < len(values) <= _FEW_VALUES:
        text = (
            f"{names[position]} holds nothing but {listed([f'{value + 0:g}' for value in values])}"
        )
        advice = "it was cut to whole numbers: make it again as float, or times 10000"
        return [Finding("warning", "unknown index", (), text, advice)]
    fits = [fit for pair in pairs if (fit := fit_pair(pixels, position, *pair))]
    if not fits or not all(places):  # it may be made from a band that is not there
        return []
    if mixed := _mixed(position, names, samples):
        return [mixed]
    best = max(fits, key=lambda fit: fit.share)
    text = (
        f"{names[position]} is no index of any two bands: "
        f"{ratio_text(best.plus, best.minus, names)}, as its name says, fits {best.share:.1%} of "
        "the pixels"
    )
    advice = (
        "look how it was made: other bands or dates, another formula, negative values that were "
        "lost, or resampled afterwards; it may still be an input"
    )
    return [Finding("warning", "unknown index", (), text, advice)]


def _mixed(position: int, names: Sequence[str], samples: Samples) -> Finding | None:
    """An index that is made in one way in some images and in another in others."""
    found: dict[str, list[str]] = defaultdict(list)
    pairs = set()
    chosen = np.random.default_rng(0).permutation(len(samples))[:_ALONE]  # no step: files alternate
    for stem in (list(samples)[k] for k in sorted(chosen)):
        fits = [fit for fit in find_indices(samples[stem]) if fit.band == position]
        if fits:
            found[formula(fits[0], names)].append(stem)
            pairs.add((fits[0].plus, fits[0].minus))
    if len(found) < 2:
        return None
    parts = sorted(found.items(), key=lambda part: -len(part[1]))
    text = f"{names[position]} differs between images: it is " + ", ".join(
        f"{way} in {listed(stems, 3)}" for way, stems in parts[:3]
    )
    stems = tuple(parts[1][1])
    if len(pairs) > 1:
        advice = "the bands of the files are probably in different orders: write them in the same"
        return Finding("error", "band order", stems, text, advice)
    advice = "make it in the same way for all images: here the same ground has other values"
    return Finding("warning", "odd index", stems, text, advice)
