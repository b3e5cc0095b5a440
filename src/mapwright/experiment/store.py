"""The folder of a study: what it is about, its divisions, and what every cell left behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from mapwright.data.dataset import Dataset
from mapwright.data.splits import Splits
from mapwright.errors import OutputError
from mapwright.experiment.ground import Optimism
from mapwright.experiment.outcome import Outcome
from mapwright.io.files import make_folder, require_new, write_json, write_text

ABOUT, SPLITS = "study.json", "splits.json"
_AGAIN = ("cut", "failed")  # another process may run such a cell once more


def identity_of(
    kind: str,
    dataset: Dataset,
    base: Mapping[str, Any],
    folds: int,
    seconds: float | None,
    optimism: Optimism | None = None,
) -> dict[str, Any]:
    """What every cell of a study must share, as JSON-able built-in types.

    Args:
        kind: `study` or `search`.
        dataset: The data.
        base: Settings that all configurations share, by dotted name.
        folds: Folds of each division.
        seconds: Time of a cell instead of steps.
        optimism: How a study of splits divides the data.
    """
    told: dict[str, Any] = {
        "kind": kind,
        "images": dataset.digests(dataset.labelled),
        "masks": {item.stem: dataset.mask_digest(item) for item in dataset.labelled},
        # without defaults, so that a study outlives a version that knows more settings
        "dataset.toml": dataset.spec.model_dump(mode="json", exclude_defaults=True),
        "base": dict(base),
        "folds": folds,
        "seconds": seconds,
    }
    if optimism:
        told["optimism"] = optimism.plain()
    plain: dict[str, Any] = json.loads(json.dumps(told))
    return plain


@dataclass(frozen=True)
class Dropped:
    """A configuration that was given up.

    Args:
        configuration: Which, by id.
        after_cells: How many of its cells were finished then, or had failed where all did.
        why: In words.
        metric: By which score.
    """

    configuration: str
    after_cells: int
    why: str
    metric: str


class Store:
    """The folder of a study; files are written whole, so any process may read it at any time.

    Args:
        folder: Made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._outcomes: dict[str, Outcome] = {}

    def check(self, identity: Mapping[str, Any]) -> dict[str, Any] | None:
        """Check that the study, if it was begun before, is still about the same.

        Args:
            identity: See `identity_of`.

        Returns:
            What the plan chose for the base when the study began, whatever machine that was on;
            None for a new study.

        Raises:
            OutputError: The study was begun with something else, or the folder holds other things.
        """
        about = self._about()
        if about is None:
            if any(not path.name.startswith(".") for path in _entries(self.folder)):
                require_new(self.folder)
            return None
        for name, value in identity.items():
            if about["identity"].get(name) != value:
                raise OutputError(
                    f"{name}: not as when the study began",
                    where=self.folder,
                    expected="the same images, masks, dataset.toml, [base], steps or seconds, and "
                    "folds; seeds, repeats, factors and values may change",
                    fix="restore them, or begin a study in another folder",
                )
        planned: dict[str, Any] = about["planned"]
        return planned

    def begin(
        self, identity: Mapping[str, Any], planned: Mapping[str, Any], splits: Sequence[Splits]
    ) -> str:
        """Write what the study is about, unless it stands there, and its divisions.

        Returns:
            A name for the study that is the same on every machine.
        """
        text = json.dumps({"identity": identity, "planned": planned}, indent=2)
        _write_once(make_folder(self.folder) / ABOUT, text)
        if len(splits) > len(self._splits()):
            write_json(self.folder / SPLITS, [entry.plain() for entry in splits])
        told = json.dumps(identity, sort_keys=True).encode()
        return f"mapwright-{sha256(told).hexdigest()[:16]}"

    def _about(self) -> dict[str, Any] | None:
        path = self.folder / ABOUT
        if not path.exists():
            return None
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return about

    def divide(
        self, draw: Callable[[int], Sequence[Splits]], repeats: int, each: int = 1
    ) -> list[Splits]:
        """The divisions: those that were written before, and new ones where more are asked for.

        Args:
            draw: Draws those of a repeat, counted from 0.
            repeats: How many.
            each: Divisions of a repeat.

        Raises:
            SettingError: There are too few images for so many folds.
        """
        splits = self._splits()
        new = [drawn for k in range(len(splits) // each, repeats) for drawn in draw(k)]
        return [*splits, *new][: repeats * each]

    def _splits(self) -> list[Splits]:
        path = self.folder / SPLITS
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        return [Splits.parse(entry, path) for entry in known]

    def outcomes(self) -> dict[str, Outcome]:
        """What every cell left behind that was run so far, by id."""
        for path in _files(self.folder / "cells"):
            known = self._outcomes.get(path.stem)
            if known is None or known.status in _AGAIN:
                plain = json.loads(path.read_text(encoding="utf-8"))
                self._outcomes[path.stem] = Outcome.from_plain(plain)
        return dict(self._outcomes)

    def add(self, outcome: Outcome) -> None:
        """Keep what a cell left behind."""
        self._outcomes[outcome.cell.id] = outcome
        write_json(self.folder / "cells" / f"{outcome.cell.id}.json", outcome.plain())

    def add_plan(self, cell: str, text: str) -> None:
        """Keep the plan of a cell, as TOML."""
        write_text(self.folder / "plans" / f"{cell}.toml", text)

    def dropped(self, metric: str) -> dict[str, Dropped]:
        """The configurations that were given up by a score, by id."""
        paths = _files(self.folder / "dropped")
        found = [Dropped(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]
        return {entry.configuration: entry for entry in found if entry.metric == metric}

    def drop(self, entries: Sequence[Dropped]) -> None:
        """Keep which configurations were given up, when and why."""
        for entry in entries:
            write_json(self.folder / "dropped" / f"{entry.configuration}.json", vars(entry))


def _files(folder: Path) -> list[Path]:
    """The whole JSON files of a folder; those being written have a name that begins with a dot."""
    found = _entries(folder)
    return sorted(p for p in found if p.suffix == ".json" and not p.name.startswith("."))


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _write_once(path: Path, text: str) -> None:
    """Write a file that several processes may want to write: the first one wins."""
    own = path.with_name(f".{path.stem}.{uuid4().hex}")
    own.write_text(text, encoding="utf-8")
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        own.replace(path)
    finally:
        own.unlink(missing_ok=True)
