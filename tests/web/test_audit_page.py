"""The page of an audit in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from audits import make_audited, task_for, two_folds
from browser import Browser
from builders import write_png
from mapwright.auditing.conduct import conduct
from mapwright.report.auditing.page import render
from mapwright.report.auditing.pictures import EXTRA, LACKS, Shown, show_suspects

EVIL = '<img src=x onerror="window.hacked=1">&amp;'
SHOWN = 3
LOADED = "location.protocol === 'file:' && document.readyState === 'complete'"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Shown]]:
    """The page, and the pictures in it; 01 is unlabelled in its lower half."""
    folder = tmp_path_factory.mktemp("audit æ #1")
    classes = [
        {"name": "ground", "values": [0], "color": "#2b2f36"},
        {"name": EVIL, "values": [255], "color": "#59a14f"},
    ]
    dataset = make_audited(folder, classes=classes, mask={"ignore": [99]})
    mask = np.zeros((64, 64), np.uint8)
    mask[32:], mask[:5, 20:40] = 99, 255
    write_png(folder / "masks" / "01.png", mask)
    task = task_for(dataset, two_folds(dataset), [dataset.choose(["10"])[0].digest()])
    audit = conduct(task)
    worst = audit.suspects[:SHOWN]
    shown = list(show_suspects(task, audit, worst))
    return render(task, audit, list(zip(worst, shown, strict=True))), shown


def test_the_page_shows_the_worst_masks_and_asks_nothing_of_any_network(
    browser: Browser, made: tuple[str, list[Shown]], tmp_path: Path
) -> None:
    path = tmp_path / "audit.html"
    path.write_text(made[0], encoding="utf-8")
    for dark in (False, True):
        page = browser.open(path, dark=dark, ready=LOADED)
        heads = page.evaluate("[...document.querySelectorAll('article h2')].map(n => n.innerText)")
        assert len(heads) == SHOWN
        assert re.fullmatch(r"1\. 0[13] .*probably wrong", heads[0])
        loaded = "[...document.images].every(n => n.complete && n.naturalWidth > 0)"
        assert page.evaluate(loaded)
        assert page.evaluate("document.images.length") == 4 * SHOWN
        rows = page.evaluate("document.querySelectorAll('section > .wide tbody tr').length")
        assert rows == 11 - SHOWN
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        for width in (1200, 360):
            page.resize(width, 900)
            assert page.evaluate(wide), width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(22, 25, 29)" if dark else "rgb(255, 255, 255)")
        assert page.evaluate("window.hacked") is None
        text = page.evaluate("document.body.innerText")
        assert EVIL in text
        assert (
            "1 not audited, since the model that this one started from learnt from it: 10" in text
        )
        assert [url for url in page.requests() if not url.startswith("data:")] == [path.as_uri()]
        assert page.complaints() == []
        page.close()


def test_pictures_mark_what_contradicts_and_grey_out_what_counts_nowhere(
    made: tuple[str, list[Shown]],
) -> None:
    copied = next(shown for shown in made[1] if not is_grey(shown.mask[60, 2]))
    colors = {tuple(color) for color in copied.against.reshape(-1, 3).tolist()}
    for color in (LACKS, EXTRA):
        assert tuple(int(color[k : k + 2], 16) for k in (1, 3, 5)) in colors
    assert is_grey(copied.image[2, 2])  # transparent
    half = [shown for shown in made[1] if is_grey(shown.mask[60, 2])]
    for shown in half:
        for picture in (shown.mask, shown.guess, shown.against):
            assert (picture[32:] == picture[60, 2]).all()
        assert not is_grey(shown.image[60, 2])
    assert half


def is_grey(pixel: np.ndarray) -> bool:
    """Whether this is the colour of what counts nowhere."""
    return pixel.tolist() == [0x9A, 0x9A, 0x9A]
