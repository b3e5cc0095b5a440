"""Content that images without coordinates share, and whether a split keeps it together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from mapwright.data.blocks import parse_name
from mapwright.data.content.anchors import Anchors, find_anchors
from mapwright.data.content.groups import Groups
from mapwright.data.content.search import Shared, find_shared
from mapwright.data.content.smooth import Grey, grey
from mapwright.data.dataset import Dataset, Item
from mapwright.data.findings import Finding, Level
from mapwright.data.splits import make_splits
from mapwright.errors import SettingError
from mapwright.types import Image

_HARMFUL = 0.01  # of the validation images; from there on a score can't be trusted
_SHOWN = 3  # pairs that are named
_LARGE, _MANY = 0.25, 8  # of all images in one group, and images from which that is worth a word


class ContentAudit:
    """Collects what is needed of each image while `check` reads it, then compares them.

    Args:
        dataset: The data set.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._items: list[Item] = []
        self._anchors: list[Anchors] = []
        self._shared: list[Shared] = []
        self._groups = Groups(0)

    def see(self, item: Item, image: Image) -> None:
        """Take note of one image, (C, H, W); one that says where it is needs no search."""
        if self._dataset.geobox(item).crs is None:
            self._items.append(item)
            self._anchors.append(find_anchors(grey(image)))

    def search(self, same: Sequence[Collection[str]]) -> tuple[tuple[str, ...], ...]:
        """Compare the images that were seen.

        Args:
            same: Stems of images that are known to be equal.

        Returns:
            The stems of each group that shares content, in order.
        """
        self._shared = find_shared(self._anchors, self._read)
        self._groups = Groups(len(self._items))
        place = {item.stem: k for k, item in enumerate(self._items)}
        pairs = [(pair.first, pair.second) for pair in self._shared]
        for stems in same:
            known = [place[stem] for stem in stems if stem in place]
            pairs += [(known[0], other) for other in known[1:]]
        for first, second in pairs:
            self._groups.join(first, second)
        return tuple(tuple(self._stem(k) for k in group) for group in self._groups.members())

    def _read(self, position: int) -> Grey:
        return grey(self._dataset.read_image(self._items[position]).masked())

    def _stem(self, position: int) -> str:
        return self._items[position].stem

    def findings(
        self, groups: Sequence[Sequence[str]], said: Sequence[Collection[str]]
    ) -> list[Finding]:
        """What to say of the groups.

        Args:
            groups: What `search` gave.
            said: Sets of images that were named as copies of each other already.
        """
        about: dict[str, list[Collection[str]]] = defaultdict(list)
        for stems in said:
            for stem in stems:
                about[stem].append(stems)
        new = [
            pair
            for pair in self._shared
            if not any(self._stem(pair.second) in stems for stems in about[self._stem(pair.first)])
        ]
        found = [self._finding(groups, new)] if new else []
        largest = max(groups, key=len, default=())
        share = len(largest) / max(len(self._items), 1)
        if share > _LARGE and len(self._items) >= _MANY:
            found.append(_large(largest, share))
        return found

    def _finding(self, groups: Sequence[Sequence[str]], new: Sequence[Shared]) -> Finding:
        count = sum(map(len, groups))
        most = max(map(len, groups))
        shown = "; ".join(self._pair(pair) for pair in new[:_SHOWN])
        text = (
            f"{count} of {len(self._items)} images show what others show too, in {len(groups)} "
            f"{'groups' if len(groups) > 1 else 'group'} of up to {most}: {shown}"
        )
        val, leaked = _across(self._dataset, groups)
        stems = tuple(stem for group in groups for stem in group)
        if not leaked:
            text += "; the split keeps each group on one side"
            advice = "nothing: [split] says so"
            if not _declared(self._dataset, groups):
                advice = "with another seed or with folds it may not: " + _ADVICE
            return Finding("note", "shared content", stems, text, advice)
        text += f". {leaked} of {val} validation images share content with training images"
        level: Level = "error" if leaked >= _HARMFUL * val else "warning"
        return Finding(level, "shared content", stems, text, "scores flatter there: " + _ADVICE)

    def _pair(self, pair: Shared) -> str:
        return (
            f"{self._stem(pair.first)} and {self._stem(pair.second)} share {pair.width} columns x "
            f"{pair.height} rows"
        )


_ADVICE = (
    "write the groups with `mapwright check FOLDER --groups FOLDER/groups.csv` and put "
    'groups = "groups.csv" under [split] in dataset.toml'
)


def _across(dataset: Dataset, groups: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Validation images of the split that a training would draw, and how many of them leak."""
    try:
        fold = make_splits([item.stem for item in dataset.units], dataset.split).folds[0]
    except SettingError:  # said by training
        return 0, 0
    known = {item.stem for item in dataset.labelled}
    train, val = (
        {name if name in known else parse_name(name)[0] for name in side}
        for side in (fold.train, fold.val)
    )
    leaked = 0
    for group in groups:
        learnt = train.intersection(group)
        leaked += sum(bool(learnt - {stem}) for stem in val.intersection(group))
    return len(val), leaked


def _declared(dataset: Dataset, groups: Sequence[Sequence[str]]) -> bool:
    """Whether the description keeps the labelled images of each group together, whatever is drawn.

    A division that comes with the data does not ask for groups, and does not change either.
    """
    if dataset.split.by == "given":
        return True
    known = {item.stem for item in dataset.labelled}
    return all(
        len({dataset.grouping.name(stem) for stem in known.intersection(group)}) < 2
        for group in groups
    )


def _large(group: Sequence[str], share: float) -> Finding:
    text = (
        f"one group holds {len(group)} images, {share:.0%} of those without coordinates: images "
        "that overlap in a chain, or something that many show, such as a frame or a logo"
    )
    advice = "look at some of them: a group stands on one side as a whole"
    return Finding("warning", "large group", tuple(group), text, advice)
