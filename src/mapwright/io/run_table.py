"""Tables of run lengths: one row for each object, an empty row for an image without one."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from odc.geo.geobox import GeoBox

from mapwright.errors import DatasetError, OutputError
from mapwright.io.files import replacing
from mapwright.io.instances import InstanceMap, not_listed, stem_of
from mapwright.io.rle import decode_instances, require_disjoint
from mapwright.io.run_index import Columns, RowIndex, index_table, table_errors

COLUMNS = ("ImageId", "EncodedPixels")
"""The columns of Kaggle's tables."""


@dataclass(frozen=True)
class RunRow:
    """One object of a table.

    Args:
        line: Line of the file, counted from 1.
        text: Its run-length text.
        class_name: Its class; `object` where no column says.
    """

    line: int
    text: str
    class_name: str


@dataclass(frozen=True)
class RunTable:
    """Where the rows of each image stand in a table; the texts themselves stay in the file.

    Made by `RunTable.open`. It holds no open file and can be sent to other processes. An image is
    known by its stem: `a.jpg`, `a.png` and `a` are the same.

    Args:
        path: The file.
        columns: Which column is what.
        index: Where the rows are.
        stamp: Size and time of change of the file, which must stay as they are.
        disjoint: Whether objects of an image that overlap are refused.
    """

    path: Path
    columns: Columns
    index: RowIndex
    stamp: tuple[int, int]
    disjoint: bool

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        image_column: str | None = None,
        runs_column: str | None = None,
        class_column: str | None = None,
        disjoint: bool = False,
    ) -> Self:
        """Find the rows of every image, in one pass over the file.

        Args:
            path: A table with a header, separated by commas, semicolons or tabs.
            image_column: Column of the image's file name; None = found by its name.
            runs_column: Column of the run-length text; None = found by its name.
            class_column: Column of the class; None = found by its name, if there is one.
            disjoint: Refuse objects that overlap, as the competitions do with predictions.

        Raises:
            DatasetError: No such file, no such column, a row that does not fit the header, an
                image that is said to have no object and to have one, or two images of one stem.
        """
        with table_errors(path), path.open("rb") as source:
            stamp = _stamp(path)
            wanted = (image_column, runs_column, class_column)
            columns, index = index_table(source, path, wanted)
        return cls(path, columns, index, stamp, disjoint)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that occur, in alphabetic order."""
        return self.index.class_names

    @property
    def stems(self) -> Iterator[str]:
        """The images, in the order of the table."""
        return iter(self.index.places)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.index.places)

    def listed(self, name: str) -> bool:
        """Whether the table has a row for an image, given by file name or stem."""
        return stem_of(name) in self.index.places

    def count(self, name: str) -> int:
        """Number of objects of an image.

        Raises:
            ImageFileError: The image is not listed.
        """
        return len(self._span(name))

    def rows(self, name: str) -> list[RunRow]:
        """The objects of an image, in the order of the table.

        Raises:
            ImageFileError: The image is not listed.
            DatasetError: The file was changed after it was opened.
        """
        span = self._span(name)
        if not span:
            return []
        with table_errors(self.path), self.path.open("rb") as source:
            if _stamp(self.path) != self.stamp:
                raise DatasetError(
                    "the table was changed while it was in use",
                    where=self.path,
                    expected="the file as it was at the start",
                    fix="start again",
                )
            return [self._row(source, k) for k in span]

    def read(self, name: str, grid: GeoBox) -> InstanceMap:
        """The objects of an image; see `Instances.read`."""
        rows = self.rows(name)
        wheres = [f"{self.path}, line {row.line}, image {name}" for row in rows]
        texts = [row.text for row in rows]
        shape = int(grid.height), int(grid.width)
        ids = decode_instances(texts, shape, wheres, disjoint=self.disjoint)
        return InstanceMap(ids, tuple(row.class_name for row in rows))

    def _span(self, name: str) -> range:
        place = self.index.places.get(stem_of(name))
        if place is None:
            raise not_listed(name, self.path)
        return range(int(self.index.first[place]), int(self.index.first[place + 1]))

    def _row(self, source: IO[bytes], k: int) -> RunRow:
        source.seek(int(self.index.offsets[k]))
        lines = (line.decode() for line in source)
        row = next(csv.reader(lines, delimiter=self.columns.delimiter, strict=True))
        text = row[self.columns.runs]
        return RunRow(int(self.index.lines[k]), text, self.columns.class_of(row))


def write_run_table(
    path: Path,
    images: Iterable[tuple[str, Sequence[str]]],
    columns: tuple[str, str] = COLUMNS,
) -> None:
    """Write a table, such as a submission, whole or not at all.

    Args:
        path: The file.
        images: File name of each image and the run-length texts of its objects. They are written
            as they come, so a generator needs no memory for all of them.
        columns: Names of the two columns.

    Raises:
        OutputError: An image comes twice, or the file can't be written.
        ImageFileError: A text is broken or empty, or objects of an image overlap.
    """
    seen: set[str] = set()
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(columns)
        for name, texts in images:
            if stem_of(name) in seen:
                raise OutputError(
                    f"the image {name} comes twice",
                    where=path,
                    expected="each image once, with all of its objects",
                    fix="put its objects together",
                )
            seen.add(stem_of(name))
            require_disjoint(texts, f"image {name}")
            writer.writerows((name, text) for text in texts or [""])


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
