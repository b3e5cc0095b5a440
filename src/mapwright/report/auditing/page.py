"""Audit the masks of a run, and write what was found as a table and one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from mapwright.auditing.conduct import Task, conduct, open_task
from mapwright.auditing.result import Audit, Spot, Suspect
from mapwright.auditing.words import share_words
from mapwright.errors import SettingError
from mapwright.io.files import write_csv, write_text
from mapwright.io.picture import INVALID_COLOR
from mapwright.report.auditing.pictures import EXTRA, LACKS, Shown, show_suspects
from mapwright.report.auditing.table import reading, skipped_words
from mapwright.report.exploration.parts import Table, key
from mapwright.report.exploration.pictures import picture_tag, tile
from mapwright.report.template import fill
from mapwright.types import Tta

TABLE, PAGE = "audit.csv", "audit.html"
TOP = 20
"""Masks that the page shows unless more are asked for."""

_LISTED = 1000  # of the others, in the table of the page


def audit(
    run: str | Path,
    data: str | Path | None = None,
    *,
    out: str | Path | None = None,
    top: int = TOP,
    block: int | None = None,
    excluded: bool = False,
    dataset_file: str | Path | None = None,
    tta: Tta | None = None,
) -> Audit:
    """Rank the masks that are probably wrong, and write `audit.csv` and `audit.html`.

    Args:
        run: The run folder.
        data: The data folder; None = where it was when the model was trained.
        out: The folder for both files; None = the run folder.
        top: How many masks the page shows.
        block: Side of the blocks that masks are judged in, in pixels; None = images of up to 1024
            pixels whole, where there are ten or more, else blocks of about 256.
        excluded: Also judge images that the description leaves out.
        dataset_file: A `dataset.toml` kept elsewhere.
        tta: Test-time augmentation; None = as planned.

    Returns:
        What was found, most suspect first.

    Raises:
        MapwrightError: Something about the run, the data or the output is wrong.
    """
    if top < 1:
        raise SettingError(f"{top} masks to show", where="top", expected="1 or more")
    file = Path(dataset_file) if dataset_file else None
    folder = Path(data) if data else None
    task = open_task(Path(run), folder, dataset_file=file, excluded=excluded, tta=tta)
    found = conduct(task, block)
    worst = found.suspects[:top]
    page = render(task, found, list(zip(worst, show_suspects(task, found, worst), strict=True)))
    target = folder_of(Path(run), Path(out) if out else None)
    write_csv(target / TABLE, found.rows())
    write_text(target / PAGE, page)
    return found


def folder_of(run: Path, out: Path | None) -> Path:
    """The folder that the files go to."""
    return out or (run if run.is_dir() else run.parent)


def render(task: Task, found: Audit, shown: Sequence[tuple[Suspect, Shown]]) -> str:
    """The page.

    Args:
        task: What was audited.
        found: What was found.
        shown: The masks to show, with their pictures.
    """
    spec = task.dataset.spec
    rest = found.suspects[len(shown) :]
    told = {
        "name": spec.name,
        "summary": found.summary,
        "audit": found,
        "cards": _cards(found),
        "keys": [key(color, name) for color, name in _colors(spec.class_names, spec.colors)],
        "shown": [
            {
                "suspect": suspect,
                "tiles": [
                    tile(picture_tag(picture, f"{suspect.name}, {what}"), what)
                    for what, picture in pictures.named
                ],
                "judges": _judges(suspect, len(task.model.bundle.history.folds)),
                "regions": _regions(suspect.spots, len(spec.classes)),
            }
            for suspect, pictures in shown
        ],
        "rest": rest[:_LISTED],
        "more": max(len(rest) - _LISTED, 0),
        "notes": [*skipped_words(found), *found.notes],
        "reading": reading(found),
        "share_words": share_words,
        "version": version("mapwright"),
        "today": date.today().isoformat(),
    }
    return fill("auditing/page.html", told)


def _cards(found: Audit) -> list[tuple[str, str, str]]:
    """Number, what it is, a remark."""
    return [
        (f"{found.probable}", "probably wrong", f"score of {found.threshold:.2f} or more"),
        (f"{len(found.suspects):,}", f"{found.unit}s judged", "by models that never saw them"),
        (f"{len(found.skipped):,}", "not audited", "no model can judge what it learnt from"),
    ]


def _colors(names: Sequence[str], colors: Sequence[str]) -> list[tuple[str, str]]:
    """What colours mean."""
    pairs = list(zip(colors, names, strict=True))
    if len(names) == 2:
        marks = [(LACKS, f"{names[1]} in the model only"), (EXTRA, f"{names[1]} in the mask only")]
        pairs = pairs[1:]
    else:
        marks = [(EXTRA, "model and mask contradict each other")]
    return [*pairs, *marks, (INVALID_COLOR, "counts nowhere")]


def _judges(suspect: Suspect, members: int) -> str:
    """Who judged it, in words."""
    numbers = [str(number + 1) for number in suspect.place.members]
    if members == 1:
        return "judged by the model, which never saw it"
    if len(numbers) == members:
        return f"judged by all {members} members, which never saw it"
    word = "member" if len(numbers) == 1 else "members"
    return f"judged by {word} {', '.join(numbers)} of {members}, which never saw it"


def _regions(spots: Sequence[Spot], classes: int) -> Table | None:
    """The regions of a suspect."""
    if not spots:
        return None
    placed = any(spot.middle for spot in spots)
    head = ("what", "pixels", "sure", "row", "column", "height", "width")
    rows = [
        (
            f"{spot.mask} should be {spot.model}" if classes > 2 else f"{spot.kind}",
            *(f"{number:,}" for number in (spot.pixels, spot.sure)),
            *(str(number) for number in spot.window),
            *(
                f"{value:.6f}" if abs(value) < 360 else f"{value:.1f}"
                for value in spot.middle or ()
            ),
        )
        for spot in spots
    ]
    return Table((*head, "x", "y") if placed else head, tuple(rows))
