"""What studies lead to, with real, tiny trainings: a verdict on splits, and a final training."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conftest import write_squares
from mapwright.apply import load
from mapwright.cli import main
from mapwright.data.blocks import parse_name

pytest.importorskip("optuna")

BASE = """
[base]
encoder = "tu-mobilenetv3_small_100"
weights = "random"
patch = 32
tile = 32
batch = 2
tta = "none"
"""


def call(*args: str | Path) -> str:
    found = CliRunner().invoke(main, [*map(str, args)])
    if found.exception:
        raise found.exception
    return found.stdout


def study(folder: Path, text: str) -> dict[str, Any]:
    (folder / "study.toml").write_text(text, encoding="utf-8")
    command = ["experiment", folder / "study.toml", "--data", folder / "squares"]
    found: dict[str, Any] = json.loads(call(*command, "-o", folder / "out", "--json"))
    return found


def test_real_trainings_are_scored_on_what_they_hold_out_and_on_ground_apart(
    tmp_path: Path,
) -> None:
    write_squares(tmp_path / "squares", count=4, size=64)
    text = 'name = "splits"\nmetric = "accuracy"\nfolds = 2\nsteps = 1\n'
    text += '[optimism]\nsplits = ["tiles", "block"]\ntile = 16\nblock = 32\nbuffer = 8\n'
    results = study(tmp_path, text + BASE)
    assert [run["status"] for run in results["runs"]] == ["done"] * 4
    for run in results["runs"]:
        cell = json.loads((tmp_path / "out" / "cells" / f"{run['id']}.json").read_text())
        held, apart = ({parse_name(n)[0] for n in cell[key]} for key in ("counts", "apart"))
        assert len(apart) == 2 and not held & apart
        pixels = sum(sum(map(sum, counts)) for counts in cell["apart"].values())
        assert pixels == 2 * (64 * 64 - 8 * 8), "all valid pixels of two scenes"
    assert [row["split"] for row in results["optimism"]["rows"]] == ["tiles", "block"]
    for row in results["optimism"]["rows"]:
        assert row["shown"] - row["kept"] == pytest.approx(row["difference"])
        assert row["text"] in (tmp_path / "out" / "study.html").read_text(encoding="utf-8")


def test_the_settings_that_did_best_train_the_final_model(tmp_path: Path) -> None:
    write_squares(tmp_path / "squares", count=4, size=32, masks=4)
    first = tmp_path / "first"
    pairs = ["encoder=tu-mobilenetv3_small_100", "weights=random", "patch=32", "tile=32"]
    options = [part for pair in (*pairs, "batch=2", "steps=1") for part in ("--set", pair)]
    call("train", tmp_path / "squares", "-o", first, *options)
    text = f'name = "s"\nfolds = 2\nsteps = 1\n{BASE}start = "{first}/"\n'
    text = text.replace('weights = "random"\n', "") + '[factors]\nloss = ["dice"]\n'
    study(tmp_path, text)
    best = tmp_path / "out" / "best.toml"
    call(
        "train", tmp_path / "squares", "-o", tmp_path / "final", "--plan", best, "--set", "steps=2"
    )
    bundle = load(tmp_path / "final").bundle
    assert bundle.history.parent == "squares", (
        "it starts from the model that the study started from"
    )
    assert bundle.plan.steps == 2 and bundle.plan.batch == 2, "--set wins, the file holds the rest"


def test_a_dry_run_says_how_long_and_writes_nothing(tmp_path: Path) -> None:
    write_squares(tmp_path / "squares", count=4, size=32)
    (tmp_path / "study.toml").write_text(
        'name = "s"\nfolds = 2\nsteps = 3\nbudget = "1h"\n' + BASE + '[factors]\nloss = ["dice"]\n'
    )
    command = ["experiment", tmp_path / "study.toml", "--data", tmp_path / "squares", "--dry-run"]
    said = call(*command, "-o", tmp_path / "out")
    assert "4 trainings of 2 configurations" in said
    assert "fits into the budget of 60 minutes" in said
    assert not (tmp_path / "out").exists()
    plain = json.loads(call(*command, "-o", tmp_path / "out", "--json"))
    assert len(plain["cells"]) == 4 and all(cell["seconds"] > 0 for cell in plain["cells"])
