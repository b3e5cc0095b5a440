"""Look at every file and say what would harm training."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapwright.data.alike import Thumbnail, near_duplicates, outliers, thumbnail
from mapwright.data.band_audit import audit_bands, kept_pixels, some_pixels
from mapwright.data.content_audit import ContentAudit
from mapwright.data.dataset import Dataset, Item, Sample
from mapwright.data.findings import Finding as Finding
from mapwright.data.findings import listed
from mapwright.data.reflectance import darkest
from mapwright.data.split_audit import audit_ground
from mapwright.errors import ImageFileError
from mapwright.progress import progress_bar
from mapwright.types import IGNORE


@dataclass
class CheckReport:
    """What `check` found.

    Args:
        images: Number of images, excluded ones not counted.
        labelled: Number of images with a mask.
        excluded: Stems that are left out by the description.
        class_names: The classes.
        class_pixels: Valid, labelled pixels per class.
        class_images: Images in which each class occurs.
        findings: What was found, worst first.
        groups: Stems of images without coordinates that show the same content, by group.
    """

    images: int
    labelled: int
    excluded: tuple[str, ...]
    class_names: tuple[str, ...]
    class_pixels: list[int] = field(default_factory=list)
    class_images: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    groups: tuple[tuple[str, ...], ...] = ()

    @property
    def harmful(self) -> bool:
        """Whether anything found would harm training."""
        return any(finding.level == "error" for finding in self.findings)

    def plain(self) -> dict[str, Any]:
        """The report as JSON-able built-in types."""
        return {**asdict(self), "harmful": self.harmful}


@dataclass(frozen=True)
class _Look:
    """What is kept of one image after it was looked at."""

    item: Item
    image_hash: str | None  # None for an image without a valid pixel: those are equal by nature
    mask_hash: str | None
    plain: bool  # a mask of a single class: those are equal by nature
    counts: NDArray[np.int64]
    small: Thumbnail
    means: NDArray[np.float64]
    pixels: NDArray[np.float32]  # (C, n) some of its valid pixels
    lows: Mapping[str, float] | None


def check(
    dataset: Dataset,
    items: Sequence[Item] | None = None,
    see: Callable[[Item, Sample], None] | None = None,
) -> CheckReport:
    """Look at every file of a data set; nothing is written.

    Args:
        dataset: The data set.
        items: The images to look at; None = all.
        see: Is given each image that could be read, so that whoever wants to see them too need not
            read them again; one without a mask comes with a mask that is all `IGNORE`.

    Raises:
        DatasetError: There is no image at all.
    """
    spec = dataset.spec
    findings = _pairing(dataset)
    looks = []
    items = dataset.items if items is None else items
    content = ContentAudit(dataset)
    with progress_bar("check", len(items)) as progress:
        for item in items:
            look, found = _look_at(dataset, item, len(items), content, see)
            findings += found
            looks += [look] if look else []
            progress.advance(note=item.stem)
    findings += (
        _duplicates(looks, dataset.split.together)
        + _nearly_alike(looks)
        + _out_of_family(looks, spec.band_names)
    )
    equal = [finding.stems for finding in findings if finding.kind == "duplicate image"]
    alike = [finding.stems for finding in findings if finding.kind == "near-duplicate image"]
    groups = content.search(equal)
    findings += content.findings(groups, equal + alike)
    findings += _bands(dataset, looks) + audit_ground(dataset, {look.item.stem for look in looks})
    counts = np.array([look.counts for look in looks if look.item.mask])
    counts = counts.reshape(-1, len(spec.classes))
    findings += _empty_classes(spec.class_names, counts)
    order = ("error", "warning", "note")
    return CheckReport(
        images=len(dataset.items),
        labelled=len(dataset.labelled),
        excluded=tuple(entry.stem for entry in spec.exclude),
        class_names=spec.class_names,
        class_pixels=counts.sum(axis=0).tolist(),
        class_images=(counts > 0).sum(axis=0).tolist(),
        findings=sorted(findings, key=lambda finding: order.index(finding.level)),
        groups=groups,
    )


def _pairing(dataset: Dataset) -> list[Finding]:
    findings = []
    if not dataset.labelled:
        findings.append(
            Finding(
                "error", "no masks", (), "no image has a mask", "correct `masks` in dataset.toml"
            )
        )
    if alone := tuple(item.stem for item in dataset.unlabelled):
        text = f"{len(alone)} images have no mask"
        findings.append(Finding("note", "missing mask", alone, text, "they are for prediction"))
    if stray := tuple(path.name for path in dataset.stray_masks):
        text = f"{len(stray)} masks have no image"
        findings.append(
            Finding("warning", "missing image", stray, text, "add the images or remove the masks")
        )
    return findings


def _look_at(
    dataset: Dataset,
    item: Item,
    images: int,
    content: ContentAudit,
    see: Callable[[Item, Sample], None] | None,
) -> tuple[_Look | None, list[Finding]]:
    """Read one of so many images, with its mask if it has one."""
    try:
        if item.mask:
            sample = dataset.read(item)
        else:
            image = dataset.read_image(item).masked()
            nothing = np.full(image.shape[1:], IGNORE, np.uint8)
            sample = Sample(image, nothing, nothing)
    except ImageFileError as error:
        advice = error.fix or "look at the file"
        text = f"{error.what} ({error.where})"
        return None, [Finding("error", "unusable file", (item.stem,), text, advice)]
    content.see(item, sample.image)
    if see:
        see(item, sample)
    counts = np.bincount(sample.mask.ravel(), minlength=256)[: len(dataset.spec.classes)]
    many = np.unique(sample.labels).size > 1
    pixels, names = some_pixels(sample.image), dataset.spec.band_names
    step = -(-pixels.shape[1] // kept_pixels(images, len(names))) | 1
    look = _Look(
        item,
        _digest(sample.image) if np.isfinite(sample.image).any() else None,
        _digest(sample.labels) if item.mask else None,
        not many,
        counts.astype(np.int64),
        thumbnail(sample.image),
        np.array([np.nan if np.isnan(b).all() else np.nanmean(b) for b in sample.image]),
        pixels[:, ::step].copy(),
        darkest(pixels, names),
    )
    return look, _contents(item, sample)


def _contents(item: Item, sample: Sample) -> list[Finding]:
    stems = (item.stem,)
    valid = ~np.isnan(sample.image).any(axis=0)
    if not valid.any():
        advice = "exclude it in dataset.toml, or correct [valid]"
        text = "not one pixel of the image is valid"
        return [Finding("error", "invalid image", stems, text, advice)]
    pixels = sample.image[:, valid]
    if (pixels == pixels[:, :1]).all():
        text = f"every valid pixel has the same value ({pixels[0, 0]:g})"
        return [Finding("error", "constant image", stems, text, "exclude it in dataset.toml")]
    if item.mask and (sample.mask == IGNORE).all():
        text = "no valid pixel of the image has a label"
        return [Finding("warning", "no labels", stems, text, "correct the mask or exclude it")]
    return []


def _duplicates(looks: Sequence[_Look], together: Sequence[Sequence[str]]) -> list[Finding]:
    findings = []
    for group in _groups((look.image_hash, look) for look in looks if look.image_hash):
        stems = tuple(look.item.stem for look in group)
        labelled = [look for look in group if look.item.mask]
        same = len({look.mask_hash for look in labelled}) <= 1
        text = f"{listed(stems)} are the same image"
        if len(labelled) > 1 and not same:
            advice = "one of their masks must be wrong: exclude all but the right one"
            text += " with different masks"
            findings.append(Finding("error", "duplicate image", stems, text, advice))
        else:
            advice = "exclude all but one, or they stand on both sides of a split"
            findings.append(Finding("warning", "duplicate image", stems, text, advice))
    many = [look for look in looks if look.mask_hash and not look.plain]
    for group in _groups((look.mask_hash, look) for look in many):
        if len({look.image_hash for look in group}) == 1:
            continue
        stems = tuple(look.item.stem for look in group)
        text = f"{listed(stems)} have the same mask but different images"
        if any(set(stems) <= set(same) for same in together):
            advice = "they are one place, as [split] together says, and stand on one side"
            findings.append(Finding("note", "same place", stems, text, advice))
            continue
        masks = "one of the two masks is" if len(stems) == 2 else "all but one of the masks are"
        text += f": {masks} wrong, or they show one place at several dates"
        advice = (
            "look at them: exclude the wrong one in dataset.toml, or name one place's images in "
            "[split] together, so that they stand on one side"
        )
        findings.append(Finding("error", "duplicate mask", stems, text, advice))
    return findings


def _nearly_alike(looks: Sequence[_Look]) -> list[Finding]:
    findings = []
    for first, second, correlation in near_duplicates([look.small for look in looks]):
        a, b = looks[first], looks[second]
        if a.image_hash == b.image_hash:  # said already, as the same image
            continue
        stems = (a.item.stem, b.item.stem)
        text = f"{listed(stems)} show nearly the same (correlation {correlation:.3f})"
        advice = "look at them: copies must not stand on both sides of a split"
        findings.append(Finding("warning", "near-duplicate image", stems, text, advice))
    return findings


def _out_of_family(looks: Sequence[_Look], bands: Sequence[str]) -> list[Finding]:
    if not looks:
        return []
    findings = []
    for image, band, value, usual in outliers(np.array([look.means for look in looks])):
        stems = (looks[image].item.stem,)
        text = f"band {bands[band]} has the mean {value:.4g}; usual is {usual:.4g}"
        factor = value / usual if usual else 0.0
        if factor > 0 and not 0.02 < factor < 50:
            text += f", a factor of {factor:.3g}: another unit or scale?"
        advice = "look at it: another sensor, scale, season, or a damaged file"
        findings.append(Finding("warning", "outlier", stems, text, advice))
    return findings


def _bands(dataset: Dataset, looks: Sequence[_Look]) -> list[Finding]:
    samples = {look.item.stem: look.pixels for look in looks}
    lows = {look.item.stem: look.lows for look in looks}
    return audit_bands(dataset, [look.item for look in looks], samples, lows)


def _groups(pairs: Iterable[tuple[str | None, _Look]]) -> list[list[_Look]]:
    found: dict[str | None, list[_Look]] = defaultdict(list)
    for key, look in pairs:
        found[key].append(look)
    return [group for group in found.values() if len(group) > 1]


def _empty_classes(names: Sequence[str], counts: NDArray[np.int64]) -> list[Finding]:
    if not len(counts):
        return []
    missing = tuple(n for n, total in zip(names, counts.sum(axis=0), strict=True) if not total)
    if not missing:
        return []
    text = f"no pixel of {listed(missing)} in any mask"
    if len(names) == 2:  # there is nothing to tell apart; most often the values are others
        fix = (
            "correct the values of the classes, or [mask] threshold, in dataset.toml or the recipe"
        )
        return [Finding("error", "empty class", (), text, fix)]
    return [Finding("warning", "empty class", (), text, "remove the class or add images")]


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(str(array.shape).encode() + array.tobytes()).hexdigest()
