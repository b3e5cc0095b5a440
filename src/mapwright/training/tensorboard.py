"""The training log as event files for TensorBoard, beside the CSV that is always kept.

Every record is on disk before the next one is made, so whatever ends a training leaves all rows up
to then. A resumed training finds which steps are there and adds those that are not: its curves go
on, and no reader sees a step twice.
"""

from __future__ import annotations

import io
import math
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mapwright.errors import OutputError, SettingError
from mapwright.io.files import make_folder
from mapwright.metrics.summary import Scores
from mapwright.plan import PlanWithReasons

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]

FOLDER = "tensorboard"
"""Where the event files of a run folder or a study lie."""

_FILE = "events.out.tfevents.mapwright"  # readers know event files by "tfevents" in their names
_VERSION = "brain.Event:2"
_NOT_CURVES = ("step", "fold")


class Board:
    """The event files of a training: one run of TensorBoard for each fold, and one for all.

    Args:
        folder: Where they lie; a run is a folder in it, or itself.

    Raises:
        SettingError: The package tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        require_tensorboard()
        self._folder = folder
        self._last: dict[str, int] = {}

    def add_rows(
        self, run: str, rows: Sequence[Mapping[str, float]], planned: PlanWithReasons
    ) -> None:
        """Add what is new of a training log, each column a curve over steps.

        Args:
            run: The run that it belongs to.
            rows: The log so far; each has its `step`.
            planned: The plan, shown as text once.
        """
        texts = [] if self._steps(run) or not rows else [_text("plan", planned.to_toml())]
        new = [row for row in rows if row["step"] > self._steps(run)]
        self._append(run, [*texts, *map(_scalars, new)])
        if new:
            self._last[run] = int(new[-1]["step"])

    def add_end(self, planned: PlanWithReasons, scores: Mapping[str, float]) -> None:
        """Add what the whole training was and reached, anew if it stands there.

        Args:
            planned: The plan, shown as text, and beside the scores under HPARAMS.
            scores: By name; one that is not defined is left out.
        """
        self._path("").unlink(missing_ok=True)
        known = {name: value for name, value in scores.items() if math.isfinite(value)}
        events = [_text("plan", planned.to_toml()), _hparams(planned.plan.plain())]
        if known:
            events.append(_scalars({"step": planned.plan.steps, **known}))
        self._append("", events)

    def _path(self, run: str) -> Path:
        return self._folder / run / _FILE

    def _steps(self, run: str) -> int:
        """The last step that stands in a file; half a record behind it is cut off."""
        if run not in self._last:
            path = self._path(run)
            self._last[run] = _repair(path) if path.exists() else 0
        return self._last[run]

    def _append(self, run: str, events: Sequence[Event]) -> None:
        if not events:
            return
        path = self._path(run)
        make_folder(path.parent)
        first = [] if path.exists() and path.stat().st_size else [_event(file_version=_VERSION)]
        try:
            with path.open("ab") as file:
                file.write(b"".join(_record(event) for event in (*first, *events)))
        except OSError as error:
            raise OutputError(f"the file can't be written: {error.strerror}", where=path) from error


def final_scores(scores: Scores) -> dict[str, float]:
    """The scores of a training by the names of their curves."""
    whole = {"mean iou": scores.mean_iou, "accuracy": scores.accuracy}
    of_classes = {
        f"{kind} {entry.name}": float(getattr(entry, kind))
        for kind in ("iou", "f1", "precision", "recall")
        for entry in scores.classes
    }
    return {f"final {name}": value for name, value in (whole | of_classes).items()}


def require_tensorboard() -> None:
    """Raise a SettingError unless the package tensorboard is installed."""
    try:
        import tensorboard.summary.writer.record_writer  # type: ignore[import-untyped] # noqa: F401
    except ImportError as error:
        raise SettingError(
            "curves for TensorBoard need its package, which is not installed",
            where="--tensorboard",
            fix="pip install 'mapwright[tensorboard]', or leave --tensorboard out: the log is "
            "in progress.csv all the same",
        ) from error


def _event(**content: Any) -> Event:
    from tensorboard.compat.proto.event_pb2 import Event

    return Event(wall_time=time.time(), **content)


def _scalars(row: Mapping[str, float]) -> Event:
    """A row of the log; `iou roof` becomes `iou/roof`, so that scores of classes stand together."""
    from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]

    values = [
        Summary.Value(tag=name.replace(" ", "/", 1), simple_value=value)
        for name, value in row.items()
        if name not in _NOT_CURVES
    ]
    return _event(step=int(row["step"]), summary=Summary(value=values))


def _text(name: str, text: str) -> Event:
    """TOML as it stands; TensorBoard shows Markdown, in which indented lines are code."""
    from tensorboard.plugins.text.summary_v2 import text_pb  # type: ignore[import-untyped]

    return _event(summary=text_pb(name, "".join(f"    {line}\n" for line in text.splitlines())))


def _hparams(settings: Mapping[str, Any]) -> Event:
    from tensorboard.plugins.hparams.summary_v2 import (  # type: ignore[import-untyped]
        hparams_pb,
    )

    return _event(summary=hparams_pb(dict(_plain(settings))))


def _plain(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted name, each a number or a text."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _plain(value, f"{before}{name}.")
        else:
            known = isinstance(value, bool | int | float | str)
            yield f"{before}{name}", value if known else str(value)


def _record(event: Event) -> bytes:
    """A record as event files hold it: length, its checksum, the event, its checksum."""
    return _framed(event.SerializeToString())


def _framed(content: bytes) -> bytes:
    from tensorboard.summary.writer.record_writer import RecordWriter

    memory = io.BytesIO()
    RecordWriter(memory).write(content)
    return memory.getvalue()


def _repair(path: Path) -> int:
    """Cut off what a kill left behind the last whole record, and give the last step."""
    from tensorboard.compat.proto.event_pb2 import Event

    data, end, last = path.read_bytes(), 0, 0
    for content in _whole(data):
        end += len(content) + 16
        event = Event.FromString(content)
        last = max(last, event.step)
    if end < len(data):
        with path.open("r+b") as file:
            file.truncate(end)
    return last


def _whole(data: bytes) -> Iterator[bytes]:
    """The contents of records up to the first that is cut short or altered."""
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        content = data[at + 12 : at + 12 + length]
        if not content or _framed(content) != data[at : at + length + 16]:
            return
        at += length + 16
        yield content
