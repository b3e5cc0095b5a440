"""What an audit found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mapwright.auditing.places import Place, Skipped
from mapwright.types import Window

Kind = Literal["missing", "extra", "confused"]
"""The mask lacks the second of two classes, has it where it is not, or names one of more wrongly.
"""


@dataclass(frozen=True)
class Spot:
    """A region where the model surely contradicts the mask.

    Args:
        kind: What is wrong if the model is right.
        mask: Class in the mask.
        model: Class that the model sees.
        pixels: Size.
        sure: Pixels of it on which the model is sure.
        window: The rectangle around it, in pixels of the image.
        middle: Middle of that rectangle, x and y in the CRS of the image; None without a CRS.
        whole: Whether it is an object of its own, not a part of one that both see.
    """

    kind: Kind
    mask: str
    model: str
    pixels: int
    sure: int
    window: Window
    middle: tuple[float, float] | None
    whole: bool

    def plain(self) -> dict[str, Any]:
        """JSON-able built-in types."""
        place = {} if self.middle is None else {"x": self.middle[0], "y": self.middle[1]}
        return {
            "kind": self.kind,
            "mask": self.mask,
            "model": self.model,
            "pixels": self.pixels,
            "sure": self.sure,
            **self.window._asdict(),
            **place,
            "whole": self.whole,
        }


@dataclass(frozen=True)
class Suspect:
    """A mask, or a block of one, and what speaks against it.

    Args:
        rank: 1 = most suspect.
        name: The image; of a block, followed by its rows and columns.
        score: 0 to 1; see `mapwright.metrics.suspicion`.
        probable: Whether the mask is called probably wrong.
        about: The class that the score comes from.
        share: Share of the labelled pixels that the model surely contradicts.
        suspected: What may be wrong, in words.
        same: Images with the same mask.
        better: An image whose prediction the mask fits far better; empty without one.
        spots: Where, largest first.
        place: The image, and the members of the model that judged it.
        window: The block, counted from the corner of the item.
    """

    rank: int
    name: str
    score: float
    probable: bool
    about: str
    share: float
    suspected: tuple[str, ...]
    same: tuple[str, ...]
    better: str
    spots: tuple[Spot, ...]
    place: Place
    window: Window

    def plain(self) -> dict[str, Any]:
        """JSON-able built-in types."""
        return {
            "rank": self.rank,
            "image": self.name,
            "score": self.score,
            "probably_wrong": self.probable,
            "class": self.about,
            "contradicted": self.share,
            "suspected": list(self.suspected),
            "same_mask": list(self.same),
            "fits_better": self.better,
            "regions": [spot.plain() for spot in self.spots],
            "members": [number + 1 for number in self.place.members],
        }


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Args:
        name: Name of the data set.
        run: The run folder.
        data: The data folder.
        suspects: Every image or block that was judged, most suspect first.
        skipped: Images that were not.
        threshold: Score from which a mask is called probably wrong.
        sure_from: By class, the probability from which the model counts as sure.
        side: Side of the blocks, in pixels.
        tta: Test-time augmentation used.
        notes: What the reader must know.
    """

    name: str
    run: Path
    data: Path
    suspects: tuple[Suspect, ...]
    skipped: tuple[Skipped, ...]
    threshold: float
    sure_from: Mapping[str, float | None]
    side: int
    tta: str
    notes: tuple[str, ...]

    @property
    def probable(self) -> int:
        """How many masks are called probably wrong."""
        return sum(suspect.probable for suspect in self.suspects)

    @property
    def unit(self) -> str:
        """What was judged: `image` or `block`."""
        parts = (s.place.item.window or s.name != s.place.item.stem for s in self.suspects)
        return "block" if any(parts) else "image"

    @property
    def summary(self) -> str:
        """The result in a sentence."""
        count, unit = len(self.suspects), self.unit
        masks = f"{count} {unit}{'' if count == 1 else 's'} judged"
        if not self.probable:
            return f"{masks}: no mask is probably wrong"
        verb = "mask is" if self.probable == 1 else "masks are"
        return f"{masks}: {self.probable} {verb} probably wrong"

    def plain(self) -> dict[str, Any]:
        """JSON-able built-in types."""
        return {
            "run": str(self.run),
            "data": str(self.data),
            "threshold": self.threshold,
            "sure_from": dict(self.sure_from),
            "tta": self.tta,
            "notes": list(self.notes),
            "ranking": [suspect.plain() for suspect in self.suspects],
            "not_audited": [
                {"image": entry.name, "reason": entry.reason} for entry in self.skipped
            ],
        }

    def rows(self) -> list[dict[str, Any]]:
        """One row for each image or block, and for each that was not audited."""
        empty = dict.fromkeys(_COLUMNS, "")
        judged = [{**empty, **_row(suspect)} for suspect in self.suspects]
        others = [
            {**empty, "image": entry.name, "suspected": f"not audited: {entry.reason}"}
            for entry in self.skipped
        ]
        return judged + others


_COLUMNS = (
    "rank", "image", "score", "probably_wrong", "class", "contradicted", "suspected", "same_mask",
    "fits_better", "regions", "kind", "pixels", "sure", "row", "col", "height", "width", "x", "y",
)  # fmt: skip


def _row(suspect: Suspect) -> dict[str, Any]:
    """A suspect as a row; the columns from `kind` on tell of its largest region."""
    plain = suspect.plain()
    largest = plain["regions"][0] if plain["regions"] else {}
    told = {key: plain[key] for key in _COLUMNS[:9]} | {
        "score": f"{suspect.score:.4f}",
        "probably_wrong": "yes" if suspect.probable else "no",
        "contradicted": f"{suspect.share:.6f}",
        "suspected": "; ".join(suspect.suspected),
        "same_mask": " ".join(suspect.same),
        "regions": len(suspect.spots),
    }
    return told | {key: largest[key] for key in _COLUMNS[10:] if key in largest}
