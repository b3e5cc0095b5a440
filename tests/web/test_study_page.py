"""The page of a study in a real browser: what a click, a key or a choice does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import study_results
from browser import Browser, Page
from mapwright.report.study.page import write_study_page

EVIL = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>&amp;\''
STROKES = "[...document.querySelectorAll('#curves {}')].map((n) => n.style.stroke)"
Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """Open pages; none may complain, nor ask for anything but itself and what is inside it."""
    pages: list[tuple[Page, Path]] = []

    def opener(path: Path, **options: Any) -> Page:
        page = browser.open(path, **options)
        pages.append((page, path))
        return page

    yield opener
    for page, path in pages:
        foreign = [url for url in page.requests() if not url.startswith("data:")]
        complaints = page.complaints()
        page.close()
        assert foreign == [path.as_uri()]
        assert complaints == []


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return study_results.study(seeds=2, rows=12, images=4)


@pytest.fixture(scope="module")
def study_page(results: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study æ #1")
    study_results.write_predictions(results, folder / "predictions", 32)
    pictures = study_results.pictures(results, 32)
    return write_study_page(results, folder / "study.html", pictures)


def choose(page: Page, label: str, option: str) -> None:
    """Take an option of the list that has this label."""
    done = page.evaluate(
        f"""(() => {{
        const label = [...document.querySelectorAll('label')]
            .find((n) => n.firstChild.textContent === {json.dumps(label)});
        const list = label.querySelector('select');
        const option = [...list.options].find((n) => n.text === {json.dumps(option)});
        list.value = option.value;
        list.dispatchEvent(new Event('change'));
        return true; }})()"""
    )
    assert done


def tick(page: Page, text: str, within: str = "body") -> None:
    """Click the box of this label."""
    page.evaluate(
        f"""[...document.querySelectorAll({json.dumps(within + " label")})]
        .find((n) => n.textContent === {json.dumps(text)}).querySelector('input').click()"""
    )


def count(page: Page, selector: str) -> int:
    return int(page.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length"))


def text_of(page: Page, selector: str) -> str:
    return str(page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent"))


def column(page: Page, name: str) -> list[str]:
    """The texts of a column of the table."""
    cells: list[str] = page.evaluate(
        f"""(() => {{
        const heads = [...document.querySelectorAll('#table th')].map((n) => n.textContent);
        const place = heads.findIndex((t) => t.replace(/ [▲▼]$/, '') === {json.dumps(name)});
        return [...document.querySelectorAll('#table tbody tr')]
            .map((row) => row.cells[place].textContent); }})()"""
    )
    return cells


def sort_by(page: Page, name: str) -> None:
    page.evaluate(
        f"""[...document.querySelectorAll('#table th button')]
        .find((n) => n.textContent.startsWith({json.dumps(name)})).click()"""
    )


# --- curves, box plots, filters -------------------------------------------------------------------


def test_choosing_a_factor_changes_the_curves(opened: Opener, study_page: Path) -> None:
    page = opened(study_page)
    each, means = STROKES.format(".curve"), STROKES.format(".mean")
    before = page.evaluate(each)
    assert len(before) == 48 * 4  # runs, training and validation of loss and iou
    assert len(set(before)) == 3 and len(page.evaluate(means)) == 3 * 4
    choose(page, "Colour by", "loss")
    after = page.evaluate(each)
    assert len(after) == len(before) and after != before
    assert len(set(after)) == 2 and len(page.evaluate(means)) == 2 * 4
    choose(page, "Panels by", "encoder")
    assert count(page, "#curves figure") == 3 * 2
    assert count(page, "#boxes figure") == 3


def test_every_metric_of_the_logs_can_be_shown_by_part_smoothed_and_on_a_logarithmic_axis(
    opened: Opener, study_page: Path
) -> None:
    page = opened(study_page)
    assert text_of(page, "#metrics") == "Metrics lossiou"
    tick(page, "loss", "#metrics")
    assert count(page, "#curves figure") == 1
    choose(page, "Images", "validation only")
    assert count(page, "#curves .curve") == 48 and count(page, "#curves .training") == 0
    choose(page, "Lines", "group means")
    assert count(page, "#curves .curve") == 0 and count(page, "#curves .mean") == 3
    choose(page, "Lines", "runs")
    path = "document.querySelector('#curves .curve').getAttribute('d')"
    rough = page.evaluate(path)
    page.evaluate(
        "(() => { const s = document.getElementById('smooth'); s.value = 0.9;"
        "s.dispatchEvent(new Event('input')); })()"
    )
    smooth = page.evaluate(path)
    tick(page, "logarithmic")
    logarithmic = page.evaluate(path)
    assert len({rough, smooth, logarithmic}) == 3 and "NaN" not in rough + smooth + logarithmic
    tick(page, "iou", "#metrics")
    assert text_of(page, "#curves") == "Choose a metric."


def test_a_filter_takes_runs_out_of_every_view(opened: Opener, study_page: Path) -> None:
    page = opened(study_page)
    tick(page, "resnet18", "[data-filter=encoder]")
    assert text_of(page, "[data-filter=encoder] summary") == "encoder: 2 of 3"
    assert text_of(page, "#shown") == "32 of 48 runs shown."
    assert count(page, "#curves .curve") == 32 * 4
    assert set(column(page, "encoder")) == {"resnet34", "efficientnet-b0"}
    tick(page, "failed", "[data-filter=status]")
    assert "failed" not in column(page, "status")
    page.click_on("[data-filter=seed] summary")
    page.evaluate("document.querySelectorAll('[data-filter=seed] button')[1].click()")
    assert count(page, "#boxes svg") == 0 and count(page, "#curves svg") == 0
    page.click_on(".reset")
    assert text_of(page, "#shown").startswith("All 48 runs")


def test_box_plots_join_runs_that_differ_in_the_chosen_factor_alone(
    opened: Opener, study_page: Path, results: dict[str, Any]
) -> None:
    page = opened(study_page)
    runs = {k: run for k, run in enumerate(results["runs"])}
    settings = {entry["id"]: entry["settings"] for entry in results["configurations"]}
    chains = page.evaluate(
        "[...document.querySelectorAll('#boxes .pair')].map((n) => n.dataset.run.split(' '))"
    )
    assert len(chains) == 2 * 2 * 2 * 2  # the other factors, seeds and folds
    for chain in chains:
        members = [runs[int(place)] for place in chain]
        assert len({(run["seed"], run["fold"]) for run in members}) == 1
        assert len({settings[run["configuration"]]["encoder"] for run in members}) == len(chain)
        assert len({settings[run["configuration"]]["loss"] for run in members}) == 1
        assert len({settings[run["configuration"]]["learning_rate"] for run in members}) == 1
    tick(page, "join pairs")
    assert count(page, "#boxes .pair") == 0 and count(page, "#boxes .dot") == 45


# --- one run --------------------------------------------------------------------------------------


def dialog_pictures(page: Page) -> list[list[Any]]:
    """Caption and width of each picture of the first image, when all are read."""
    page.wait(
        "[...document.querySelectorAll('#detail img')].every((n) => n.complete)"
        " && [...document.querySelectorAll('#detail canvas')].every((n) => n.width > 1)"
    )
    shown: list[list[Any]] = page.evaluate(
        "[...document.querySelector('#detail .image').querySelectorAll('figure')].map((n) =>"
        "[n.textContent, n.querySelector('img')?.naturalWidth ?? n.querySelector('canvas').width])"
    )
    return shown


def test_clicking_a_row_shows_settings_scores_and_predictions_beside_the_truth(
    opened: Opener, study_page: Path, results: dict[str, Any]
) -> None:
    page = opened(study_page)
    page.click_on("#table tbody tr")
    names = ("image", "truth", "prediction", "errors")
    assert dialog_pictures(page) == [[name, 32] for name in names]
    run = results["runs"][0]
    said = text_of(page, "#detail")
    assert f"mean_iou{run['scores']['mean_iou']:.4f}" in said
    assert "learning_rate0.0003instead of 0.001" in said
    assert count(page, "#detail .image") == len(run["images"])
    worst = min(run["images"], key=lambda image: float(image["score"]))
    assert text_of(page, "#detail h4") == f"{worst['stem']}: mean_iou {worst['score']:.4f}"
    choose(page, "Order", "best first")
    assert worst["stem"] not in text_of(page, "#detail h4")
    # the prediction of another configuration is another picture
    source = "document.querySelectorAll('#detail img')[2].src"
    first = page.evaluate(source)
    page.press("Escape")
    assert not page.evaluate("document.getElementById('detail').open")
    page.click_on("#table tbody tr", 20)
    assert page.evaluate(source) != first


@pytest.mark.parametrize("view", ["#boxes .dot", "#curves .curve"])
def test_pointing_tells_a_run_and_a_click_opens_it(
    opened: Opener, study_page: Path, view: str
) -> None:
    page = opened(study_page)
    choose(page, "Lines", "runs")
    x, y = page.evaluate(
        f"""(() => {{
        const node = document.querySelectorAll('{view}')[3];
        node.scrollIntoView({{block: 'center'}});
        const box = node.getBoundingClientRect();
        if (!node.getTotalLength || node.tagName === 'circle')
            return [box.x + box.width / 2, box.y + box.height / 2];
        const half = node.getPointAtLength(node.getTotalLength() / 2);
        const at = half.matrixTransform(node.getScreenCTM());
        return [at.x, at.y]; }})()"""
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    page.wait("!document.getElementById('tip').hidden")
    told = page.evaluate("[...document.getElementById('tip').children].map((n) => n.textContent)")
    assert "seed" in told[0] and any(character.isdigit() for character in told[1])
    assert count(page, ".lit") > 0
    page.click(x, y)
    assert page.evaluate("document.getElementById('detail').open")
    assert text_of(page, "#detail-title") == told[0]


def test_keys_walk_through_a_chart_and_open_a_run(opened: Opener, study_page: Path) -> None:
    page = opened(study_page)
    page.evaluate("document.querySelector('#curves svg').focus()")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.press(key)
    said = text_of(page, "#spoken")
    assert said.endswith("step 30") and "seed" in said
    page.press("Enter")
    assert text_of(page, "#detail-title") in said
    page.press("Escape")
    assert page.evaluate("document.activeElement.tagName") == "svg"
    page.press("Escape")
    assert page.evaluate("document.getElementById('tip').hidden")


# --- the table ------------------------------------------------------------------------------------


def test_the_table_sorts_by_number_and_by_word_and_filters_by_text(
    opened: Opener, study_page: Path
) -> None:
    page = opened(study_page)
    sort_by(page, "mean_iou")
    cells = column(page, "mean_iou")
    numbers = [float(text) for text in cells if text != "–"]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == 45
    assert cells[-3:] == ["–"] * 3  # what has no score stands last either way
    assert page.evaluate("document.activeElement.textContent") == "mean_iou ▼"
    sort_by(page, "mean_iou")
    assert column(page, "mean_iou") == [f"{n:.4f}" for n in sorted(numbers)] + ["–"] * 3
    sort_by(page, "encoder")
    assert column(page, "encoder") == sorted(column(page, "encoder"))
    assert page.evaluate("document.querySelector('th[aria-sort]').ariaSort") == "ascending"
    page.evaluate(
        "(() => { const s = document.getElementById('search'); s.value = 'RESNET34 failed';"
        "s.dispatchEvent(new Event('input')); })()"
    )
    assert column(page, "run") == []
    page.evaluate(
        "(() => { const s = document.getElementById('search'); s.value = 'resnet34 dice';"
        "s.dispatchEvent(new Event('input')); })()"
    )
    assert set(column(page, "encoder")) == {"resnet34"} and set(column(page, "loss")) == {"dice"}
    assert text_of(page, "#table-count") == "8 of 48 runs"


def test_configurations_have_rows_of_their_own(
    opened: Opener, study_page: Path, results: dict[str, Any]
) -> None:
    page = opened(study_page)
    choose(page, "Rows", "configurations")
    assert len(column(page, "configuration")) == 12
    scores = [run["scores"]["mean_iou"] for run in results["runs"][:4]]
    place = column(page, "configuration").index(results["configurations"][0]["label"])
    assert column(page, "mean_iou, mean")[place] == f"{sum(scores) / 4:.4f}"
    page.click_on("#table tbody tr")
    assert page.evaluate("document.getElementById('detail').open")


# --- how it looks ---------------------------------------------------------------------------------


def test_dark_mode_changes_the_colours_by_system_by_switch_and_never_on_paper(
    opened: Opener, study_page: Path
) -> None:
    page = opened(study_page)
    paper = "getComputedStyle(document.body).backgroundColor"
    line = "getComputedStyle(document.querySelector('#curves .curve')).stroke"
    light = page.evaluate(f"[{paper}, {line}]")
    page.prefer("dark")
    dark = page.evaluate(f"[{paper}, {line}]")
    assert light[0] == "rgb(255, 255, 255)" and dark[0] != light[0] and dark[1] != light[1]
    page.click_on("#theme")
    assert page.evaluate(f"[{paper}, {line}]") == light
    page.click_on("#theme")
    assert page.evaluate(f"[{paper}, {line}]") == dark
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.evaluate(f"[{paper}, {line}]") == light
    shown = "getComputedStyle(document.querySelector('{}')).display"
    assert page.evaluate(shown.format("#theme")) == "none"
    assert page.evaluate(shown.format(".verdicts")) == "table"


@pytest.mark.parametrize("width", [1400, 420, 320])
def test_nothing_is_wider_than_the_window(opened: Opener, study_page: Path, width: int) -> None:
    page = opened(study_page, width=width)
    choose(page, "Panels by", "loss")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click_on("#table tbody tr")
    dialog = "document.getElementById('detail')"
    assert page.evaluate(f"{dialog}.scrollWidth <= {dialog}.clientWidth")


def test_verdicts_stand_on_one_axis_and_do_not_need_colours(
    opened: Opener, study_page: Path
) -> None:
    page = opened(study_page)
    zero = (
        "[...document.querySelectorAll('.verdicts .zero')].map((n) => n.getBoundingClientRect().x)"
    )
    assert len(set(page.evaluate(zero))) == 1
    said = page.evaluate(
        "[...document.querySelectorAll('.verdicts .said b')].map((n) => n.textContent)"
    )
    assert said == [
        "▲ better",
        "▼ worse",
        "≈ no detectable difference",
        "? needs more seeds (about 4)",
    ]
    left = "document.querySelector('.verdicts .zero').getBoundingClientRect().x"
    dots = page.evaluate(
        "[...document.querySelectorAll('.verdicts circle')].map("
        f"(n) => Math.sign(n.getBoundingClientRect().x - {left}))"
    )
    assert dots[:2] == [1, -1]


# --- strange studies ------------------------------------------------------------------------------


def test_names_never_become_tags(opened: Opener, tmp_path: Path) -> None:
    results = evil(study_results.study(seeds=2, rows=4, images=2))
    pictures = study_results.pictures(results, 16)
    page = opened(write_study_page(results, tmp_path / "study.html", pictures))
    choose(page, "Panels by", EVIL + "encoder")
    page.evaluate("document.querySelector('#boxes svg').focus()")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait("[...document.querySelectorAll('#detail img')].every((n) => n.complete)")
    assert page.evaluate("window.hacked === undefined")
    assert count(page, "script") == 3
    sources = page.evaluate("[...document.querySelectorAll('img')].map((n) => n.src.slice(0, 5))")
    assert sources and set(sources) == {"data:"}
    assert text_of(page, "h1") == EVIL + "Encoders on roofs"
    assert EVIL in text_of(page, "#detail")


def evil(value: Any, key: str = "") -> Any:
    """A study in which every name and text starts like a tag."""
    if isinstance(value, dict):
        wild = key in {"settings", "scores", "curves"}
        return {(EVIL + k if wild and k != "step" else k): evil(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [evil(item) for item in value]
    return EVIL + value if isinstance(value, str) and key != "color" else value


@pytest.mark.parametrize("kind", ["empty", "one run", "all failed", "bare"])
def test_small_and_failed_studies_open_and_say_so(
    opened: Opener, tmp_path: Path, kind: str
) -> None:
    results = study_results.study(seeds=1, folds=1, rows=1, images=1)
    if kind in {"empty", "bare"}:
        results = {"name": "Nothing yet"} if kind == "bare" else results | {"runs": []}
    elif kind == "one run":
        results["runs"] = results["runs"][:1]
    else:
        spoilt = {
            "status": "failed",
            "scores": {},
            "images": [],
            "curves": None,
            "error": "out of memory",
        }
        results["runs"] = [run | spoilt for run in results["runs"]]
    page = opened(write_study_page(results, tmp_path / "study.html"))
    said = text_of(page, "main")
    if kind in {"empty", "bare"}:
        assert "The study has no run yet." in said
        return
    assert column(page, "run")[0] == "r000"
    page.click_on("#table tbody tr")
    if kind == "one run":
        assert count(page, "#boxes .dot") == 1 and count(page, "#curves .curve") == 4
        assert "tile_00" in text_of(page, "#detail")
    else:
        assert said.count("out of memory") == 12
        assert "None of the runs that are shown has a score." in said
        assert text_of(page, "#detail pre") == "out of memory"


def test_a_configuration_that_only_failed_stands_among_the_others_with_its_error(
    opened: Opener, results: dict[str, Any], tmp_path: Path
) -> None:
    lost = {"status": "failed", "error": "it broke", "scores": {}, "images": [], "curves": {}}
    runs = [run | lost if place < 4 else run for place, run in enumerate(results["runs"])]
    page = opened(write_study_page(results | {"runs": runs}, tmp_path / "study.html"))
    assert count(page, "#boxes .dot") == 45 - 4
    assert count(page, "#curves .curve") == 44 * 4
    page.click_on("#table tbody tr")
    assert text_of(page, "#detail .failure") == "it broke"
    assert "This run scored no image." in text_of(page, "#detail")
    page.press("Escape")
    choose(page, "Rows", "configurations")
    place = column(page, "configuration").index(results["configurations"][0]["label"])
    assert column(page, "mean_iou, mean")[place] == "–"


def test_two_hundred_runs_open_within_two_seconds_and_weigh_less_than_12_mb(
    browser: Browser, tmp_path: Path
) -> None:
    results = study_results.study(seeds=17, folds=1, rows=200, images=50)
    study_results.write_predictions(results, tmp_path / "predictions", 96)
    path = write_study_page(results, tmp_path / "study.html", study_results.pictures(results, 96))
    assert len(results["runs"]) == 204 and len(results["runs"][0]["images"]) == 25
    assert path.stat().st_size < 12e6
    page = browser.open(path)
    assert count(page, "#curves .curve") == 4 * 204 and page.complaints() == []
    # processor time of the page's thread: other programs don't count
    assert page.busy() < 2
    page.close()
