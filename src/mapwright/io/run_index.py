"""One pass over a table of run lengths: what its columns are, and where each image has its rows."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from mapwright.errors import DatasetError
from mapwright.io.instances import OBJECT, stem_of

_IMAGE_NAMES = ("imageid", "image", "id", "img", "imgid", "filename", "file", "name", "imagename")
_RUN_NAMES = ("encodedpixels", "rle", "rlemask", "mask", "runs", "encodedmask", "segmentation")
_CLASS_NAMES = ("classid", "class", "label", "category", "classname", "categoryid")
_LONGEST_FIELD = 2**31 - 1  # characters; the csv module stops at 131 072 unless told


@dataclass(frozen=True)
class Columns:
    """Which column of a table is what; places count from 0.

    Args:
        delimiter: What separates them.
        count: Their number.
        image: The image's file name.
        runs: The run-length text.
        kind: The class, where there is such a column.
    """

    delimiter: str
    count: int
    image: int
    runs: int
    kind: int | None

    def class_of(self, row: Sequence[str]) -> str:
        """The class that a row names."""
        return OBJECT if self.kind is None else row[self.kind].strip()


@dataclass(frozen=True)
class RowIndex:
    """Where the rows of each image are; rows without a run are not among them.

    Args:
        places: Stem of each image to its place.
        first: (images + 1,) int64, the first row of the image at each place.
        offsets: (rows,) int64, bytes from the start of the file.
        lines: (rows,) int32, lines counted from 1.
        class_names: The classes that occur, in alphabetic order.
    """

    places: dict[str, int]
    first: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lines: NDArray[np.int32]
    class_names: tuple[str, ...]


def index_table(
    source: IO[bytes], path: Path, wanted: tuple[str | None, str | None, str | None]
) -> tuple[Columns, RowIndex]:
    """Read a table once.

    Args:
        source: The open file, at its start.
        path: Its name, for messages.
        wanted: Names of the columns of image, runs and class; None = find it.

    Raises:
        DatasetError: See `RunTable.open`.
    """
    rows = _Rows(source, path)
    columns = _find_columns(rows.header, rows.delimiter, wanted, path)
    gathered = _Gathered(path)
    for line, offset, row in rows.read(columns.count):
        gathered.add(line, offset, row, columns)
    return columns, gathered.index()


@contextmanager
def table_errors(path: Path) -> Iterator[None]:
    """Let fields be of any length; failures to read a table become ours."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(
            f"the table can't be read: {reason}",
            where=path,
            expected="a text file (UTF-8) of comma-separated values",
            fix="check the path, or export the table again",
        ) from error
    finally:
        csv.field_size_limit(before)


class _Rows:
    """Rows of a table with the line and the byte where each begins."""

    def __init__(self, source: IO[bytes], path: Path) -> None:
        self._path, self._offset, self._line = path, 0, 0
        self._lines = self._counted(source)
        first = next(self._lines, "").removeprefix("\ufeff")
        self.delimiter = max(",;\t", key=first.count)
        self.header = [name.strip() for name in next(csv.reader([first], delimiter=self.delimiter))]

    def read(self, fields: int) -> Iterator[tuple[int, int, list[str]]]:
        """Line, byte and fields of each row that is not blank."""
        reader = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
        while True:
            line, offset = self._line + 1, self._offset
            row = next(reader, None)
            if row is None:
                return
            if row and len(row) != fields:
                raise DatasetError(
                    f"a row of {len(row)} values under a header of {fields}",
                    where=f"{self._path}, line {line}",
                    expected="as many values as the header names",
                    fix="correct the row, or put the value with the separator in quotes",
                )
            if row:
                yield line, offset, row

    def _counted(self, source: IO[bytes]) -> Iterator[str]:
        for line in source:
            self._offset += len(line)
            self._line += 1
            yield line.decode()


class _Gathered:
    """What is known of each image so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, int] = {}
        self._names: list[str] = []
        self._empty = array("q")  # line that says an image has no object, or 0
        self._owners, self._offsets, self._lines = array("q"), array("q"), array("l")
        self._classes: set[str] = set()

    def add(self, line: int, offset: int, row: list[str], columns: Columns) -> None:
        """Take a row."""
        place = self._place(row[columns.image].strip(), line)
        if not row[columns.runs].strip():
            self._empty[place] = line
            return
        self._owners.append(place)
        self._offsets.append(offset)
        self._lines.append(line)
        self._classes.add(columns.class_of(row))

    def index(self) -> RowIndex:
        """All rows, ordered by image."""
        owners = np.array(self._owners, np.int64)
        order = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=len(self._names))
        lines = np.array(self._lines, np.int32)[order]
        first = np.concatenate([[0], np.cumsum(counts)])
        both = np.flatnonzero((np.array(self._empty, np.int64) > 0) & (counts > 0))
        if len(both):
            place = int(both[0])
            raise DatasetError(
                f"the image {self._names[place]} has an object in line {lines[first[place]]} "
                f"and none in line {self._empty[place]}",
                where=self._path,
                expected="an empty row only for an image without objects",
                fix="remove one of the two rows",
            )
        offsets = np.array(self._offsets, np.int64)[order]
        return RowIndex(self._places, first, offsets, lines, tuple(sorted(self._classes)))

    def _place(self, name: str, line: int) -> int:
        stem = stem_of(name)
        place = self._places.setdefault(stem, len(self._names))
        if place == len(self._names):
            self._names.append(name)
            self._empty.append(0)
        if not stem or self._names[place] != name:
            what = f"images {self._names[place]} and {name}" if stem else "a row without an image"
            raise DatasetError(
                what,
                where=f"{self._path}, line {line}",
                expected="a file name in each row, unique without its folder and ending",
                fix="rename one of the images, or add the name",
            )
        return place


def _find_columns(
    header: list[str], delimiter: str, wanted: tuple[str | None, str | None, str | None], path: Path
) -> Columns:
    image, runs, kind = (
        _find_column(header, name, known, path)
        for name, known in zip(wanted, (_IMAGE_NAMES, _RUN_NAMES, _CLASS_NAMES), strict=True)
    )
    if image is None or runs is None or image == runs:
        raise DatasetError(
            f"a table with the columns {', '.join(map(repr, header)) or 'none'}",
            where=path,
            expected="a header with a column of file names such as ImageId and one of run lengths "
            "such as EncodedPixels",
            fix="add the header, or say which columns are meant",
        )
    return Columns(delimiter, len(header), image, runs, kind)


def _find_column(
    header: list[str], name: str | None, known: tuple[str, ...], path: Path
) -> int | None:
    if name is None:
        plain = [text.lower().replace("_", "").replace(" ", "") for text in header]
        return next((plain.index(text) for text in known if text in plain), None)
    if name not in header:
        raise DatasetError(
            f"no column {name!r}",
            where=path,
            expected=f"one of {', '.join(map(repr, header))}",
            fix="correct the name of the column",
        )
    return header.index(name)
