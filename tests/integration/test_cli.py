"""The command line: results, exit codes, and one clear error for each bad input."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from conftest import write_squares
from mapwright.cli import main
from mapwright.run import Run

QUICK = ["--set", "steps=2", "--set", "batch=2", "--set", "patch=32", "--set", "weights=random"]


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*arguments: object) -> str:
    """The message of a call that must fail with exit code 2 and say what to do."""
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_squares(tmp_path / "squares", count=5)


def test_every_command_has_help_with_an_example() -> None:
    for name in main.commands:
        result = call(name, "--help")
        assert result.exit_code == 0
        assert f"Example:  mapwright {name}" in result.output


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mapwright.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'rasterio', 'pydantic', 'rich', 'scipy'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_is_quick() -> None:
    def seconds() -> float:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "mapwright", "--help"], check=True, capture_output=True
        )
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.4


def test_init_writes_once_and_explains(folder: Path) -> None:
    result = call("init", folder)
    assert result.exit_code == 0
    text = (folder / "dataset.toml").read_text()
    assert 'name = "square"' in text
    assert "# band 4 is alpha" in text
    assert "already" in refused("init", folder)
    assert call("init", folder, "--force").exit_code == 0


def test_check_prints_a_table_or_json_and_sets_the_exit_code(folder: Path) -> None:
    fine = call("check", folder)
    assert fine.exit_code == 0
    assert "fit to train on" in fine.output
    (folder / "masks" / "01.png").write_bytes((folder / "masks" / "02.png").read_bytes())
    bad = call("check", folder)
    assert bad.exit_code == 1
    assert "the same mask but different images" in " ".join(bad.output.split())
    report = json.loads(call("check", folder, "--json").stdout)
    assert report["harmful"] is True
    assert report["findings"][0]["stems"] == ["01", "02"]


def test_train_evaluate_predict_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = call("train", folder, "-o", run, *QUICK, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["scores"]["images"]
    table = call("evaluate", run, folder, "--tta", "flips")
    assert table.exit_code == 0
    assert "baseline" in table.output
    maps = call("predict", run, folder / "images", "-o", tmp_path / "maps", "--json")
    assert maps.exit_code == 0
    assert len(json.loads(maps.stdout)) == 5
    assert len(list((tmp_path / "maps").iterdir())) == 5


def test_a_dataset_file_kept_elsewhere(folder: Path, tmp_path: Path) -> None:
    call("init", folder, "-o", tmp_path / "own.toml")
    text = (tmp_path / "own.toml").read_text()
    line = 'exclude = [{ stem = "03", why = "test" }]\n[[bands]]'
    (tmp_path / "own.toml").write_text(text.replace("[[bands]]", line, 1))
    report = json.loads(call("check", folder, "--dataset", tmp_path / "own.toml", "--json").stdout)
    assert report["images"] == 4
    assert not (folder / "dataset.toml").exists()


# --- bad input ---------------------------------------------------------------------------------


def test_a_folder_without_images(tmp_path: Path) -> None:
    for command in ("init", "check"):
        assert "no image found" in refused(command, tmp_path)
    assert "no image found" in refused("train", tmp_path, "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_where_a_folder_is_expected(folder: Path, tmp_path: Path) -> None:
    file = folder / "images" / "00.png"
    assert "not a folder" in refused("check", file)
    assert "a file stands where a folder" in refused("train", folder, "-o", file, *QUICK)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    assert "no such folder" in refused("check", tmp_path / "nowhere")


def test_an_output_folder_that_is_not_empty(folder: Path) -> None:
    assert "not empty" in refused("train", folder, "-o", folder, *QUICK)


def test_an_undeclared_mask_value(folder: Path, tmp_path: Path) -> None:
    call("init", folder)
    mask = np.asarray(Image.open(folder / "masks" / "02.png")).copy()
    mask[0, :3] = 7
    Image.fromarray(mask).save(folder / "masks" / "02.png")
    message = refused("train", folder, "-o", tmp_path / "run", *QUICK)
    assert "7 (3 pixels)" in message
    assert "02.png" in message
    result = call("check", folder)
    assert result.exit_code == 1
    assert "7 (3 pixels)" in result.output


def test_image_and_mask_of_different_size(folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((32, 64), np.uint8)).save(folder / "masks" / "01.png")
    message = refused("train", folder, "-o", tmp_path / "run", *QUICK)
    assert "32 x 64" in message
    assert "64 x 64" in message
    assert "01.png" in message


def test_a_truncated_png(folder: Path, tmp_path: Path, trained: Run) -> None:
    path = folder / "images" / "01.png"
    path.write_bytes(path.read_bytes()[:4000])
    assert "01.png" in refused("train", folder, "-o", tmp_path / "run", *QUICK)
    assert "can't be read" in refused("predict", trained.folder, path, "-o", tmp_path / "maps")
    assert not list((tmp_path / "maps").glob("*"))
    assert call("check", folder).exit_code == 1


def test_a_band_that_does_not_exist(folder: Path, tmp_path: Path, trained: Run) -> None:
    call("init", folder)
    text = (folder / "dataset.toml").read_text()
    (folder / "dataset.toml").write_text(text.replace("index = 3", "index = 9"))
    message = refused("train", folder, "-o", tmp_path / "run", *QUICK)
    assert "band 9 (blue) does not exist" in message
    grey = tmp_path / "grey.png"
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(grey)
    assert "band 2 (green)" in refused("predict", trained.folder, grey, "-o", tmp_path / "maps")


def test_a_model_file_that_is_none(folder: Path, tmp_path: Path, trained: Run) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes((trained.folder / "model.safetensors").read_bytes()[:-50])
    assert "cut short or altered" in refused("evaluate", path, folder)
    assert "no such model file" in refused("evaluate", tmp_path / "no.safetensors", folder)
    assert "can't be used" in refused("predict", folder / "images" / "00.png", folder, "-o", "x")


def test_a_wrong_setting(folder: Path, tmp_path: Path) -> None:
    message = refused("train", folder, "-o", tmp_path / "run", "--set", "stepz=3")
    assert "'steps'" in message
    assert not (tmp_path / "run").exists()


def test_a_model_of_other_classes(folder: Path, trained: Run) -> None:
    call("init", folder)
    text = (folder / "dataset.toml").read_text()
    (folder / "dataset.toml").write_text(
        text.replace('name = "square"\nvalues', 'name = "pool"\nvalues')
    )
    assert "the classes are background, pool" in refused("evaluate", trained.folder, folder)


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from mapwright.cli import main
main({arguments!r})
"""


def limited(limit: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command that can write no file beyond `limit` bytes, as on a full disk."""
    code = LIMITED.format(limit=limit, arguments=[str(a) for a in arguments])
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MPLCONFIGDIR": "/tmp"},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_leaves_nothing_half_written(
    trained: Run, squares: Path, folder: Path, tmp_path: Path
) -> None:
    image = squares / "images" / "08.png"
    out = tmp_path / "maps"
    done = limited(300, "predict", trained.folder, image, "-o", out)
    assert done.returncode == 2, done.stderr
    assert "could not write the file" in done.stderr
    assert list(out.iterdir()) == []
    done = limited(4000, "predict", trained.folder, image, "-o", out, "--probabilities")
    assert done.returncode == 2, done.stderr
    assert list(out.iterdir()) == []
    run = tmp_path / "run"
    done = limited(100_000, "train", folder, "-o", run, *QUICK)
    assert done.returncode == 2, done.stderr
    assert "could not write the file" in done.stderr
    assert not list(run.rglob("*.safetensors"))
