"""Scores on held-out images and the decision that follows.

Thresholds, rules for objects, and the temperature that calibrates probabilities.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mapwright.card import Decision, ObjectDecision
from mapwright.data.blocks import parse_name
from mapwright.data.content.groups import Groups
from mapwright.data.dataset import Dataset
from mapwright.data.splits import deal
from mapwright.data.truth import truth_words
from mapwright.metrics.components import Cut, ObjectRule
from mapwright.metrics.object_records import Grid, Record
from mapwright.metrics.object_tuning import Tuned, tune_on
from mapwright.metrics.summary import Scores
from mapwright.metrics.temperature_choice import Chosen, choose_temperature
from mapwright.metrics.threshold import BINS, best_threshold, cross_fitted
from mapwright.tally import Tally, score

ENOUGH = 20
"""Held-out images from which rules for objects are tuned on a single split."""

_PARTS = 5  # that the held-out images of a single split are dealt into

Parts = Sequence[Sequence[Tally]]
"""What was counted, in parts that are independent of each other."""


def is_tuned(dataset: Dataset, folds: int, held_out: int) -> bool:
    """Whether decisions are chosen by the held-out images.

    With folds they are. On a single split rules for objects are, where there are enough images:
    dealt into parts, each image is scored by what was tuned on the others. Whether they can be
    dealt, or all belong together, is seen when they are scored.

    Args:
        dataset: Says whether objects are counted.
        folds: Number of divisions.
        held_out: Images that one of them holds out.
    """
    return folds > 1 or (dataset.spec.counted is not None and held_out >= ENOUGH)


def score_folds(
    folds: Parts, dataset: Dataset, *, tta: str, tune_for: str, gsd: float | None = None
) -> tuple[Scores, Decision]:
    """Scores on held-out images, and the decision to store.

    What is tuned is stored as tuned on all images, but each part's own score uses what was tuned on
    the other parts, so that it is not flattered. Parts are folds; the images of a single split are
    dealt into parts, groups and scenes as a whole. Where all of them belong together there is one
    part, and no image to say what tuning is worth: then nothing is tuned, the usual rules are
    stored, they make the score, and a note says so.

    Args:
        folds: What each member counted on the images that it did not learn from.
        dataset: What they are.
        tta: Test-time augmentation used.
        tune_for: What thresholds and rules are tuned for.
        gsd: Side of a pixel in metres, if it is known.
    """
    names, records = dataset.spec.class_names, isinstance(folds[0][0].objects, Record)
    parts = _dealt(folds[0]) if len(folds) == 1 else folds
    notes, tuned = [], False
    if len(folds) > 1:
        notes.append(
            f"out of fold, {len(folds)} folds; every image is scored by a model that never saw it"
        )
    elif alone := _alone(parts):
        notes.append(f"nothing is tuned: {alone}")
    if records and len(parts) > 1:
        decisions, stored = _tune_objects(parts, tune_for, binary=len(names) == 2)
        kind = "fold" if len(folds) > 1 else f"of {len(parts)} parts of the images"
        notes.append(f"rules for objects, for the score of each {kind} tuned on the others")
    elif len(names) == 2 and len(folds) > 1:
        decisions, stored = _tune_threshold(parts)
        tuned = True
    else:
        stored = _untuned(dataset, _alone(parts))
        decisions = [stored] * len(parts)
    chosen = _temperature(parts, members=len(folds))
    decisions = [by.calibrated(t) for by, t in zip(decisions, chosen.parts, strict=True)]
    stored = stored.calibrated(chosen.temperature, chosen.reason)
    if tuned:
        notes.append(f"threshold {stored.threshold:.3g}, for each fold's score tuned on the others")
    own = {id(entry): by for part, by in zip(parts, decisions, strict=True) for entry in part}
    pairs = [(entry, own[id(entry)]) for fold in folds for entry in fold]
    scores = score(pairs, names, tta=tta, note="; ".join(notes))
    scores = describe_calibration(scores, stored)
    return describe_objects(scores, dataset, dataset.spec.counted, stored, gsd), stored


def describe_calibration(scores: Scores, decision: Decision) -> Scores:
    """The same scores; those of probabilities say what the model holds.

    Args:
        scores: The scores.
        decision: That of the model.
    """
    if scores.calibration is None:
        return scores
    told = replace(
        scores.calibration, temperature=decision.temperature, reason=decision.calibration
    )
    return replace(scores, calibration=told)


def describe_objects(
    scores: Scores, dataset: Dataset, index: int | None, decision: Decision, gsd: float | None
) -> Scores:
    """The same scores; those of objects say what they are about.

    Args:
        scores: The scores.
        dataset: Where true objects come from.
        index: The class whose objects are counted.
        decision: How predicted objects were made.
        gsd: Side of a pixel in metres, if it is known.
    """
    if scores.objects is None or index is None:
        return scores
    told = replace(
        scores.objects,
        name=dataset.spec.class_names[index],
        area=gsd and gsd**2,
        truth=truth_words(dataset.spec),
        rule=decision.object_words,
    )
    return replace(scores, objects=told)


def _dealt(tallies: Sequence[Tally]) -> Parts:
    """Images dealt into parts; those of one group stay together, and blocks of one scene."""
    groups, firsts = Groups(len(tallies)), dict[tuple[str, str], int]()
    for place, entry in enumerate(tallies):
        for key in (("group", entry.group), ("scene", parse_name(entry.stem)[0])):
            groups.join(firsts.setdefault(key, place), place)
    together: dict[int, list[Tally]] = defaultdict(list)
    for place, entry in enumerate(tallies):
        together[groups.leader(place)].append(entry)
    return deal(list(together.values()), min(_PARTS, len(together)))


def _alone(parts: Parts) -> str:
    """Why nothing can be tuned on some images and scored on others; empty where it can."""
    images = sum(map(len, parts))
    if len(parts) > 1 or images == 1:  # of one image alone nobody expects it
        return ""
    return f"the {images:,} held-out images belong together, as one group or as blocks of one scene"


def _temperature(parts: Parts, members: int) -> Chosen:
    """The temperature for all, and for each part what the others ask for."""
    softs = [[entry.soft for entry in part if entry.soft] for part in parts]
    if any(len(found) < len(part) for found, part in zip(softs, parts, strict=True)):
        return Chosen(1.0, (1.0,) * len(parts), "")  # nobody looked
    return choose_temperature(softs, members)


def _tune_threshold(parts: Parts) -> tuple[list[Decision], Decision]:
    """The threshold of a binary task with the best mean IoU, for each part and for all."""
    pooled = []
    for part in parts:
        total = np.zeros((2, BINS + 1), np.int64)
        for entry in part:
            total += entry.pooled
        pooled.append(total)
    stored = Decision(threshold=best_threshold(np.sum(pooled, axis=0)))
    return [Decision(threshold=t) for t in cross_fitted(pooled)], stored


def _tune_objects(parts: Parts, tune_for: str, *, binary: bool) -> tuple[list[Decision], Decision]:
    """The rules for objects with the best score; of two classes their threshold serves maps too."""
    records = [[t.objects for t in part if isinstance(t.objects, Record)] for part in parts]
    grid = next(entry.grid for part in records for entry in part)
    found = tune_on(records, grid, tune_for)
    reason = _reason(found, grid, tune_for, sum(map(len, records)))

    def decision(rule: ObjectRule) -> Decision:
        objects = ObjectDecision(rule=rule, tuned_for=tune_for, reason=reason)
        return Decision(threshold=rule.cut.threshold if binary else 0.5, objects=objects)

    return [decision(rule) for rule in found.parts], decision(found.rule)


def _reason(found: Tuned, grid: Grid, tune_for: str, images: int) -> str:
    rules = len(grid.cuts) * len(grid.sizes) * len(grid.gates)
    return (
        f"the best {tune_for} of {rules:,} rules on {images:,} held-out images: {found.score:.3f}, "
        f"and {found.honest:.3f} where each image is scored by what was tuned on others; every "
        f"patch from 0.5 on has {found.plain:.3f}"
    )


def _untuned(dataset: Dataset, alone: str = "") -> Decision:
    """What is used where nothing is tuned.

    Args:
        dataset: Says whether objects are counted.
        alone: What keeps enough images from being tuned on; empty where they are too few.
    """
    if dataset.spec.counted is None:
        return Decision()
    reason = f"not tuned: {alone or f'that takes folds, or {ENOUGH} held-out images'}"
    return Decision(objects=ObjectDecision(rule=ObjectRule(Cut(0.5)), reason=reason))
