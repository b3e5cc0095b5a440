"""The notebooks: kept without outputs, and each runs from top to bottom on generated data."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
ENVIRONMENT = {
    "clouds_onnx_cpu": {"MAPWRIGHT_ONNX": "", "MAPWRIGHT_SCENE": ""},
    "landcover": {"MAPWRIGHT_SCENES": "", "MAPWRIGHT_STEPS": "20"},
    "roofs_experiments": {"MAPWRIGHT_ROOFS": "", "MAPWRIGHT_ROOFS_STEPS": "6"},
    "ships_eda": {"MAPWRIGHT_SHIPS": "", "MAPWRIGHT_IMAGES": "20"},
}


def read(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


@pytest.fixture(scope="module", params=ENVIRONMENT)
def executed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, NotebookNode, Path]:
    """Name, the notebook with its outputs, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp(f"notebook {request.param}")
    (folder / "here").mkdir()
    (folder / "temporary").mkdir()
    notebook = read(request.param)
    with pytest.MonkeyPatch.context() as patch:
        for key, value in ENVIRONMENT[request.param].items():
            patch.setenv(key, value)
        patch.setenv("TMPDIR", str(folder / "temporary"))
        NotebookClient(
            notebook, timeout=400, resources={"metadata": {"path": str(folder / "here")}}
        ).execute()
    return request.param, notebook, folder


def outputs(notebook: NotebookNode, cell: str) -> list[NotebookNode]:
    (found,) = (entry for entry in notebook.cells if entry.id == cell)
    return list(found.outputs)


def text(notebook: NotebookNode, cell: str) -> str:
    """What a cell shows as plain text, without colours and line breaks."""
    shown = " ".join(
        output.data.get("text/plain", "") if "data" in output else output.get("text", "")
        for output in outputs(notebook, cell)
    )
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", shown).split())


def test_every_notebook_is_tested() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(ENVIRONMENT)


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_notebook_is_kept_without_outputs(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_every_code_cell_is_introduced_in_words(name: str) -> None:
    kinds = [cell.cell_type for cell in read(name).cells]
    assert kinds[0] == kinds[-1] == "markdown"
    assert ("code", "code") not in pairwise(kinds)


def test_a_notebook_runs_without_a_warning_and_leaves_nothing_behind(
    executed: tuple[str, NotebookNode, Path],
) -> None:
    _, notebook, folder = executed
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", (cell.id, output.text)
    assert not list((folder / "here").iterdir())


def test_the_land_cover_notebook_tells_its_story(
    executed: tuple[str, NotebookNode, Path],
) -> None:
    name, notebook, folder = executed
    if name != "landcover":
        pytest.skip("another notebook")
    assert "1 = urban, 2 = cropland, 3 = grass, 4 = forest" in text(notebook, "name")
    assert "fit to train on" in text(notebook, "check")
    assert "error" not in text(notebook, "check")
    faults = text(notebook, "faults")
    assert "something here would harm training" in faults
    assert "tra_0 share 256 columns x 40 rows" in faults
    assert "(red - nir) / (red +" in faults
    assert "20 steps" in text(notebook, "train")
    here, there = re.findall(r"0\.\d{6}", text(notebook, "sklearn"))
    assert here == there
    for cell in ("evaluate", "map"):
        assert any("image/jpeg" in output.get("data", {}) for output in outputs(notebook, cell))
    assert "val_scene_0.tif: COG, 256 x 256 pixels of 10 m" in text(notebook, "files")
    assert "forest" in text(notebook, "files")
    assert "400 points" in text(notebook, "sample")
    assert "overall accuracy" in text(notebook, "estimate")
    assert re.search(r"\d of \d intervals hold the true area", text(notebook, "figure"))
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook, "figure"))
    (results,) = (folder / "temporary").glob("mapwright-landcover-*")
    assert (results / "points.csv").is_file()
    assert (results / "maps" / "val_scene_0_polygons.gpkg").is_file()


def test_the_cloud_notebook_maps_every_pixel_with_onnx_runtime_alone(
    executed: tuple[str, NotebookNode, Path],
) -> None:
    name, notebook, _ = executed
    if name != "clouds_onnx_cpu":
        pytest.skip("another notebook")
    assert "values as in the files of red, green, blue, nir, in this order" in text(
        notebook, "file"
    )
    assert "4 bands, 500 x 731 pixels" in text(notebook, "scene")
    shown = text(notebook, "run")
    assert "12 tiles of 224 x 224 pixels" in shown
    assert "invalid: 8.2% of the pixels" in shown  # 60 of 731 columns
    (cloud,) = re.findall(r"cloud: (\d+\.\d)%", shown)
    assert 15 < float(cloud) < 40
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook, "map"))
    assert "neither torch nor Mapwright was loaded" in text(notebook, "alone")


def test_the_ships_notebook_shows_what_is_in_the_data(
    executed: tuple[str, NotebookNode, Path],
) -> None:
    name, notebook, folder = executed
    if name != "ships_eda":
        pytest.skip("another notebook")
    assert "20 images, 20 in the table" in text(notebook, "folder")
    (ships,) = re.findall(r"20 images, (\d+) ships in the whole table", text(notebook, "table"))
    looked = re.findall(r"(\d+) ships on (\d+) of 20 images", text(notebook, "look"))
    assert looked == [(ships, "6")]
    assert "finds no ship anywhere: 0.700" in text(notebook, "balance")
    (pairs,) = re.findall(r"(\d+) pairs share ground", text(notebook, "shared"))
    assert int(pairs) > 3
    assert "images show what others" in text(notebook, "check")
    figures = (
        "balance", "counts", "sizes", "shapes", "places", "bands", "images", "far", "shared",
        "montage",
    )  # fmt: skip
    for cell in figures:
        assert any("image/png" in output.get("data", {}) for output in outputs(notebook, cell)), (
            cell
        )
    (made,) = (folder / "temporary").glob("mapwright-ships-*")
    assert len(list((made / "ships" / "train_v2").iterdir())) == 20


def test_the_roofs_notebook_goes_from_a_baseline_to_maps(
    executed: tuple[str, NotebookNode, Path],
) -> None:
    name, notebook, folder = executed
    if name != "roofs_experiments":
        pytest.skip("another notebook")
    assert "8 images with a mask, 2 without" in text(notebook, "data")
    assert "every image is scored by a model that never saw it" in text(notebook, "baseline")
    assert "8 trainings of 4 configurations" in text(notebook, "forecast")
    assert text(notebook, "run").count("2/2") == 4
    verdicts = text(notebook, "verdicts")
    assert verdicts.count(" instead of base: ") == 3 and "not detectably worse" in verdicts
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook, "figure"))
    final = text(notebook, "final")
    assert "its score here flatters" in final
    assert re.search(r"with all augmentation: IoU of roofs 0\.\d{3}", final)
    assert text(notebook, "tta").count("test-time augmentation") == 2
    assert "2 maps in" in text(notebook, "predict")
    (results,) = (folder / "temporary").glob("mapwright-roofs-*")
    assert (results / "study" / "study.html").is_file()
    assert {path.stem for path in (results / "maps").glob("0[89].png")} == {"08", "09"}
