"""A suspect mask beside its image and what the model sees there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapwright.auditing.conduct import Task
from mapwright.auditing.looking import what_is_seen
from mapwright.auditing.result import Audit, Suspect
from mapwright.io.maps import rgb_of
from mapwright.io.picture import INVALID_COLOR, Rgb, as_rgb, overlay
from mapwright.metrics.disagreement import contradictions
from mapwright.metrics.suspicion import first_step
from mapwright.predict.model import Model
from mapwright.progress import progress_bar
from mapwright.types import IGNORE, ClassIndex, Window

LACKS, EXTRA = "#1971c2", "#f5b800"
"""Where the mask lacks the second of two classes, and where it has it or any other class wrongly.
"""

_LARGEST = 384  # pixels; larger blocks are shown reduced
_PALE = 0.35  # of its colour, where the model is not sure


@dataclass(frozen=True)
class Shown:
    """The pictures of a suspect, all of one size.

    Args:
        image: The image; invalid pixels are grey.
        mask: The mask laid over it; what counts nowhere is grey.
        guess: The prediction laid over it.
        against: Where the two contradict each other beyond outlines, full where the model is sure.
    """

    image: Rgb
    mask: Rgb
    guess: Rgb
    against: Rgb

    @property
    def named(self) -> list[tuple[str, Rgb]]:
        """Each with its name."""
        names = ("image", "mask", "prediction", "contradictions")
        return list(zip(names, (self.image, self.mask, self.guess, self.against), strict=True))


def show_suspects(task: Task, audit: Audit, suspects: Sequence[Suspect]) -> Iterator[Shown]:
    """Look at suspects again, each through the members that judged it."""
    models: dict[tuple[int, ...], Model] = {}
    with progress_bar("show", len(suspects)) as progress:
        for suspect in suspects:
            members = suspect.place.members
            model = models.setdefault(members, task.model.only(members))
            yield _show(task, model, audit, suspect)
            progress.advance(note=suspect.name)


def _show(task: Task, model: Model, audit: Audit, suspect: Suspect) -> Shown:
    """The pictures of one; the model sees half a tile around it too, as far as there is more."""
    dataset, item, window = task.dataset, suspect.place.item, suspect.window
    margin = model.bundle.tile // 2
    height, width = window.height + 2 * margin, window.width + 2 * margin
    wide = Window(window.row - margin, window.col - margin, height, width).clip(*dataset.size(item))
    sample = dataset.read(item, wide)
    strips = [strip.probabilities for _, strip in model.samples(sample.cut, wide[2:])]
    mask, _, guess, sure = what_is_seen(model, sample, np.concatenate(strips, axis=1))
    inner = window.moved(-wide.row, -wide.col).slices
    step = -(-max(window.height, window.width) // _LARGEST)
    small = slice(None, None, step), slice(None, None, step)
    byte_values = dataset.info(item).dtype == "uint8"
    image = as_rgb(sample.image[(..., *inner)], dataset.spec.band_names, byte_values)[small]
    against, _ = contradictions(mask[inner], guess[inner])
    strength = np.where(_is_sure(audit, guess, sure)[inner], 1.0, _PALE) * against
    mask, guess = mask[inner][small], guess[inner][small]
    colors, nowhere = dataset.spec.colors, mask == IGNORE
    return Shown(
        image,
        _greyed(overlay(image, mask, colors), nowhere),
        _greyed(overlay(image, guess, colors), nowhere),
        _greyed(_marked(image, mask, strength[small], len(colors)), nowhere),
    )


def _is_sure(audit: Audit, guess: ClassIndex, sure: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(h, w) where the model is sure of its class."""
    first = [first_step(np.nan if p is None else p) for p in audit.sure_from.values()]
    return np.asarray(sure >= np.array(first)[guess])


def _marked(image: Rgb, mask: ClassIndex, strength: NDArray[np.float64], classes: int) -> Rgb:
    """A pale grey image with colours of this strength laid over it."""
    grey = 110 + image.mean(axis=2, keepdims=True) * 0.55
    lacks = (mask == 0) & (classes == 2)
    color = np.where(lacks[..., None], rgb_of(LACKS), rgb_of(EXTRA))
    part = strength[..., None]
    return np.asarray((1 - part) * grey + part * color, np.uint8)


def _greyed(picture: Rgb, where: NDArray[np.bool_]) -> Rgb:
    """The same picture, grey where nothing counts."""
    return np.where(where[..., None], rgb_of(INVALID_COLOR), picture).astype(np.uint8)
