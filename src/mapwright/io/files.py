"""Write files so that a reader sees the old one or the whole new one, never half of it."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

from mapwright.errors import OutputError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it to `target` when all went well.

    Args:
        target: The file to write. Its folder is made when missing.

    Yields:
        A path with the same suffix, in the same folder, to write to.

    Raises:
        OutputError: The file can't be written. Nothing is left behind.
    """
    make_folder(target.parent)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        raise _write_failure(target, error) from error
    finally:
        for leftover in target.parent.glob(f"{escape(temporary.name)}*"):  # also GDAL's side files
            leftover.unlink(missing_ok=True)


def make_folder(folder: Path) -> Path:
    """Make a folder and its parents.

    Raises:
        OutputError: A file is in the way, or the place is not writable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise _in_the_way(folder) from error
    except OSError as error:
        raise _write_failure(folder, error) from error
    return folder


def require_new(folder: Path) -> None:
    """Check that a folder does not hold anything yet; nothing is made.

    Raises:
        OutputError: It exists and is not empty, or a file is in the way.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.is_dir():
        raise OutputError(
            "the output folder is not empty",
            where=folder,
            expected="a new or empty folder",
            fix="choose another name, or remove the folder",
        )
    if folder.exists():
        raise _in_the_way(folder)


def new_folder(folder: Path) -> Path:
    """Make a folder that must not hold anything yet.

    Raises:
        OutputError: The folder exists and is not empty, or can't be made.
    """
    require_new(folder)
    return make_folder(folder)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 text to `target`, whole or not at all."""
    with replacing(target) as path:
        path.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write `value` as indented JSON to `target`, whole or not at all."""
    write_text(target, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_csv(target: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write at least one row to `target`, whole or not at all; all rows have the same keys."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_text(target, text.getvalue())


def _write_failure(target: Path, error: OSError) -> OutputError:
    return OutputError(
        f"could not write the file: {error.strerror or error}",
        where=target,
        expected="a writable place with enough room",
        fix="free some room or choose another output; nothing half-written was left",
    )


def _in_the_way(folder: Path) -> OutputError:
    return OutputError(
        "a file stands where a folder is needed",
        where=folder,
        expected="a folder, or a name that is free",
        fix="choose another output folder, or move the file away",
    )
