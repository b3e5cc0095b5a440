"""A model and labelled images become scores; which images, and by which members."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np

from mapwright.card import Seen
from mapwright.data.dataset import Dataset, Item
from mapwright.data.likeness import find_doubts, sample_values
from mapwright.data.overlaps import Unit, audit_split, leaked_pixels
from mapwright.errors import DatasetError
from mapwright.held_out import describe_calibration, describe_objects
from mapwright.metrics.object_records import Grid
from mapwright.metrics.summary import Scores
from mapwright.predict.model import Model
from mapwright.predict.source import Source
from mapwright.progress import progress_bar
from mapwright.tally import Counted, Tally, count, score, wanted
from mapwright.types import Valid

_LOOKED_AT = 12  # images, to learn whether values are like those learnt from

Split = Literal["val", "train", "all"]
"""Which of the labelled images to score."""


def evaluate(model: Model, dataset: Dataset, items: Sequence[Item], note: str = "") -> Scores:
    """Score a model on labelled images.

    A member of an ensemble has no say on an image that it learnt from, unless all of them have.

    Args:
        model: The model, with its test-time augmentation.
        dataset: Reads the images.
        items: Which images; each must have a mask.
        note: Passed on to the result.
    """
    return scores_of(model, dataset, tally(model, dataset, items), note)


def scores_of(model: Model, dataset: Dataset, tallies: Sequence[Tally], note: str = "") -> Scores:
    """The scores of what was counted, by the model's own decision."""
    decision, names = model.bundle.decision, model.bundle.spec.class_names
    scores = score([(entry, decision) for entry in tallies], names, tta=model.views, note=note)
    scores = describe_calibration(scores, decision)
    gsd = model.bundle.fingerprint.gsd
    return describe_objects(scores, dataset, counted_class(model, dataset), decision, gsd)


def counted_class(model: Model, dataset: Dataset) -> int | None:
    """The class whose objects are counted, as the data say, else the model; None = none."""
    if not model.bundle.cuts:
        return None
    own = dataset.spec.counted
    return model.bundle.spec.counted if own is None else own


def tally(
    model: Model,
    dataset: Dataset,
    items: Sequence[Item],
    *,
    tuned: bool = False,
    maps: bool = False,
) -> list[Tally]:
    """Map labelled images and count; see `evaluate`.

    Args:
        model: The model.
        dataset: Reads the images.
        items: Which images.
        tuned: The threshold of a binary task and the rule for objects are chosen afterwards.
        maps: Keep truth and prediction of every image.
    """
    index = counted_class(model, dataset)
    border = model.bundle.plan.border > 0
    how = Grid.usual(border=border) if tuned else model.bundle.decision.object_rule
    objects = None if index is None else Counted(index, how)
    models: dict[tuple[int, ...], Model] = {}
    tallies = []
    what = wanted(dataset, items, tuned, maps, objects)
    shared = _shared_ground(model, dataset, items)
    with progress_bar("evaluate", len(items)) as progress:
        for item in items:
            unseen = unseen_members(model, item)
            fit = models.setdefault(unseen, model.only(unseen) if unseen else model)
            leaked = None if shared is None else _leaked(fit, dataset, item, shared[item.stem])
            tallies.append(count(fit, dataset, item, what, leaked))
            progress.advance(note=item.stem)
    return tallies


def _shared_ground(
    model: Model, dataset: Dataset, items: Sequence[Item]
) -> Mapping[str, set[str]] | None:
    """For each item, what the model learnt from that lies on the same ground.

    None where nothing can be said: no image learnt from, or none of the items, says where it is.
    """
    history = model.bundle.history
    learnt = dict.fromkeys(name for fold in history.folds for name in fold.train)
    train = [Unit(n, history.grounds[n].grid, "train") for n in learnt if n in history.grounds]
    val = [Unit(item.stem, dataset.geobox(item), "val") for item in items]
    if not train or all(unit.grid.crs is None for unit in val):
        return None
    shared: dict[str, set[str]] = defaultdict(set)
    for pair in audit_split([*train, *val]).shared:
        shared[pair.val].add(pair.train)
    return shared


def _leaked(model: Model, dataset: Dataset, item: Item, shared: Collection[str]) -> Valid:
    """(H, W) bool, pixels of an item on ground that these members learnt from."""
    history = model.bundle.history
    names = {name for fold in history.folds for name in fold.train if name in shared}
    train = [Unit(name, history.grounds[name].grid, "train") for name in sorted(names)]
    return leaked_pixels(Unit(item.stem, dataset.geobox(item), "val"), train)


def unseen_members(model: Model, item: Item) -> tuple[int, ...]:
    """Members of an ensemble that learnt from no pixel of an image, or of a part of one."""
    digest = item.digest()
    learnt = model.bundle.history.learnt
    return tuple(k for k, seen in enumerate(learnt) if not seen.meets(digest, item.window))


def choose_items(model: Model, dataset: Dataset, split: Split) -> tuple[tuple[Item, ...], str]:
    """Which labelled images to score a model on, and what the reader must know about it.

    Args:
        model: Knows by content which images it learnt from.
        dataset: The data.
        split: `val`: those it was validated on, or all when it knows none of them; `train`,
            `all`.

    Raises:
        DatasetError: No image is left.
    """
    history = model.bundle.history
    digests = {item.stem: item.digest() for item in dataset.labelled}
    known = any(digest in history.images.values() for digest in digests.values())
    whole = dataset.labelled
    if split == "all" or (split == "val" and not known):
        chosen = whole
    elif split == "val":
        chosen = _parts(whole, digests, [history.validated])
    else:
        held = history.validated
        parts = _parts(whole, digests, history.learnt)
        chosen = tuple(i for i in parts if not held.meets(digests[i.scene], i.window))
    if not chosen:
        raise DatasetError(
            f"no labelled image belongs to the split {split!r} of this model",
            where=dataset.root,
            expected="at least one",
            fix="choose --split all",
        )
    notes = [_caveats(model, chosen, known), model.bundle.caveat, unlike(model, dataset, chosen)]
    return chosen, "; ".join(filter(None, notes))


def unlike(model: Model, dataset: Dataset, items: Sequence[Item]) -> str:
    """What about the values of some images the model may not cope with; empty when nothing.

    Args:
        model: Knows the values that it learnt from.
        dataset: Reads the images.
        items: The images; a few, spread evenly, stand for all.
    """
    images = dict.fromkeys(item.image for item in items)
    few = list(images)[:: -(-len(images) // _LOOKED_AT)]
    sources = [Source(dataset.spec, image) for image in few]
    values = [sample_values(source.read, source.info.size) for source in sources]
    doubts = find_doubts(model.bundle.fingerprint.bands, np.concatenate(values, axis=1))
    return "; ".join(doubt.text for doubt in doubts)


def _parts(
    items: Sequence[Item], digests: Mapping[str, str], seen: Sequence[Seen]
) -> tuple[Item, ...]:
    """The images, or parts of them, that some of `seen` hold."""
    found: dict[str, Item] = {}
    for item in items:
        for entry in seen:
            for window in entry.windows.get(digests[item.stem], ()):
                part = item.part(window) if window else item
                found[part.stem] = part
    return tuple(found.values())


def _caveats(model: Model, items: Sequence[Item], known: bool) -> str:
    """What makes scores on these images look better than they are, in words."""
    history = model.bundle.history
    notes = [] if known else ["the model has seen none of these images"]
    learnt = sum(not unseen_members(model, item) for item in items)
    if learnt:
        notes.append(f"{learnt} of {len(items)} images were learnt from: the scores flatter")
    elif known and (tuned := _tuned(model)):
        notes.append(f"{tuned} tuned on these images: they flatter slightly")
    digests = [item.digest() for item in items]
    return "; ".join(filter(None, [*notes, ancestry_note(history.ancestors, digests)]))


def _tuned(model: Model) -> str:
    """What of a model was tuned on its held-out images, in words."""
    decision = model.bundle.decision
    tuned = []
    if decision.objects and decision.objects.tuned_for:
        tuned += ["threshold", "rules for objects"]
    elif len(model.bundle.history.folds) > 1 and len(model.bundle.spec.classes) == 2:
        tuned += ["the decision threshold"]
    if decision.temperature != 1:
        tuned += ["the temperature"]
    *others, last = tuned or [""]
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"{listed} {'were' if others else 'was'}" if last else ""


def ancestry_note(ancestors: Sequence[str], digests: Sequence[str]) -> str:
    """Says so when the model that one started from had learnt from the images scored.

    Args:
        ancestors: SHA-256 of the images that it had learnt from.
        digests: SHA-256 of the images scored.
    """
    before = set(ancestors)
    seen = sum(digest in before for digest in digests)
    if not seen:
        return ""
    return (
        f"{seen} of {len(digests)} images were learnt from by the model that this one started "
        "from: the scores flatter"
    )
