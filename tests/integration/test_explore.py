"""`mapwright explore` as people use it, on made-up and on real data."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import mapwright
from mapwright.cli import main
from mapwright.data.dataset import Dataset
from mapwright.data.spec import DatasetSpec
from mapwright.demo.generate import generate
from mapwright.report.exploration.page import explore_dataset

_MOST = 6_000_000  # bytes of a page


def sections(page: Path) -> list[str]:
    assert page.stat().st_size < _MOST
    return re.findall(r'<section id="(\w+)">', page.read_text(encoding="utf-8"))


def folder_of(stored_data: Path, name: str) -> Path:
    folder = stored_data / name
    if not folder.is_dir():
        pytest.skip(f"no {name} in MAPWRIGHT_DATA")
    return folder


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made up") / "scenes"
    generate("landcover", root, images=3, size=128)
    return root


def test_the_command_writes_a_page_and_says_what_it_found(made_up: Path, tmp_path: Path) -> None:
    page = tmp_path / "a page.html"
    done = CliRunner().invoke(main, ["explore", str(made_up), "-o", str(page)])
    assert done.exit_code == 0, done.output
    assert "written to" in done.output and "images of 128 x 128 pixels" in done.output
    assert {"map", "bands", "objects"} <= set(sections(page))


def test_the_same_folder_gives_the_same_page(made_up: Path, tmp_path: Path) -> None:
    pages = [mapwright.explore(made_up, tmp_path / f"{k}.html").page for k in range(2)]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_a_wrong_number_and_a_file_in_the_way_end_with_2(made_up: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = CliRunner().invoke(main, ["explore", str(made_up), "-o", str(page), "--images", "0"])
    assert done.exit_code == 2 and "0 images" in done.output
    assert not page.exists()
    page.write_text("mine")
    done = CliRunner().invoke(main, ["explore", str(made_up), "-o", str(page)])
    assert done.exit_code == 2 and "in the way" in done.output


def test_a_browser_has_nothing_to_complain_of(made_up: Path, tmp_path: Path) -> None:
    """The page's own policy forbids every request, and a browser says so for each that it stops."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser on this machine")
    page = mapwright.explore(made_up, tmp_path / "page.html").page
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run([browser, *options], capture_output=True, text=True, timeout=300)
    assert "What was found" in done.stdout
    assert "CONSOLE" not in done.stderr


def test_the_real_ships(stored_data: Path, tmp_path: Path) -> None:
    explored = mapwright.explore(folder_of(stored_data, "ships"), tmp_path / "ships.html", images=4)
    assert sum(explored.inventory.listed.values()) == 9
    assert len(explored.inventory.images) == 4
    text = explored.page.read_text(encoding="utf-8")
    assert "lists 9 objects in 12 images; 3 of them (25.0 %) hold none" in text
    assert "drawn evenly" in text


def test_the_real_roofs(roofs: Path, tmp_path: Path) -> None:
    explored = mapwright.explore(roofs, tmp_path / "roofs.html")
    assert explored.inventory.valid_share == pytest.approx(0.938, abs=0.001)
    assert {"alike", "nodata", "objects"} <= set(sections(explored.page))
    text = explored.page.read_text(encoding="utf-8")
    assert "270 and 278 have the same mask" in text and "1 thing found here would harm" in text


def bands(*indices: int) -> list[dict[str, Any]]:
    return [{"name": f"band {k}", "index": k} for k in indices]


REAL: dict[str, dict[str, Any]] = {
    "landcover": {
        "images": "images/*.tif", "bands": bands(*range(1, 8)), "mask": {"source": "band:11"},
        "classes": [
            {"name": f"cover {v}", "values": [v], "color": f"#{20 * k:02x}80{250 - 20 * k:02x}"}
            for k, v in enumerate((10, 20, 30, 40, 50, 60, 70, 80, 90, 100))
        ],
    },
    "extras/spacenet_atlanta": {
        "images": "*_geotiff.tif", "masks": "geotiff_labels.geojson", "bands": bands(1),
        "mask": {"source": "polygons"}, "valid": {"nodata": 0},
        "split": {"by": "block", "block": 160},
        "classes": [
            {"name": "ground", "values": [0], "color": "#2b2f36"},
            {"name": "building", "values": [1], "color": "#ff5a36"},
        ],
    },
    "extras/sen1floods11": {
        "images": "*_S2Hand.tif", "masks": "*_LabelHand.tif", "bands": bands(*range(1, 14)),
        "mask": {"ignore": [-1]}, "valid": {"nodata": 0},
        "classes": [
            {"name": "land", "values": [0], "color": "#2b2f36"},
            {"name": "water", "values": [1], "color": "#4393c3"},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_data_of_many_kinds_have_a_page(stored_data: Path, tmp_path: Path, name: str) -> None:
    folder = folder_of(stored_data, name)
    dataset = Dataset(folder, DatasetSpec.parse({"name": name, **REAL[name]}, name))
    explored = explore_dataset(dataset, tmp_path / "page.html", 12)
    assert explored.inventory.class_pixels.sum() > 1000
    assert {"samples", "balance", "objects", "bands"} <= set(sections(explored.page))
    placed = name.startswith("extras")
    assert ("map" in sections(explored.page)) == placed
    assert bool(len(explored.inventory.areas(1))) == placed
