"""Groups of images that must stand on one side of a split, as a table: image, group."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mapwright.errors import SettingError
from mapwright.io.files import write_text

GROUPS_NAME = "groups.csv"
"""Where a data folder keeps its groups, unless its description says otherwise."""

_COLUMNS = ("image", "group")


def write_groups(path: Path, groups: Sequence[Sequence[str]]) -> None:
    """Write groups of stems, numbered from 1; an image that stands alone needs no row.

    Raises:
        OutputError: The file can't be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows((stem, number) for number, group in enumerate(groups, 1) for stem in group)
    write_text(path, text.getvalue())


def read_groups(path: Path) -> tuple[tuple[str, ...], ...]:
    """Read a table of groups. Its columns `image` and `group` count, in any order.

    Returns:
        The stems of each group, in order of appearance; an empty group means alone.

    Raises:
        SettingError: Unreadable, a column is missing, or an image stands in two groups.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as source:
            rows = list(csv.DictReader(source, restval="", skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _wrong(path, f"the groups can't be read: {error}") from error
    groups: dict[str, list[str]] = defaultdict(list)
    known: dict[str, str] = {}
    for row in rows:
        image, group = (row.get(column) for column in _COLUMNS)
        if image is None or group is None:
            raise _wrong(path, f"the columns are {', '.join(map(str, row))}")
        if known.setdefault(image, group) != group:
            raise _wrong(path, f"{image!r} is in group {known[image]!r} and in {group!r}")
        if group and image not in groups[group]:
            groups[group].append(image)
    return tuple(tuple(stems) for stems in groups.values())


def holds_groups(path: Path) -> bool:
    """Whether a file is there and begins like a table of groups."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as source:
            return set(_COLUMNS) <= set(next(csv.reader(source), []))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _wrong(path: Path, what: str) -> SettingError:
    return SettingError(
        what,
        where=path,
        expected="a CSV table with the columns image and group, each image once",
        fix="write it anew with `mapwright check FOLDER --groups FILE`",
    )
