"""The study of the roofs that is shipped: what it compares, and that it fits its pretraining."""

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from mapwright.data.config import read_toml
from mapwright.data.spec import DatasetSpec
from mapwright.experiment.design import Layout, lay_out, order_cells
from mapwright.experiment.keys import KNOWN
from mapwright.experiment.screening import rung_of
from mapwright.experiment.spec import StudySpec, read_study
from mapwright.models.build import ARCHITECTURES

EXAMPLE = Path(__file__).parents[2] / "examples" / "roofs"


@pytest.fixture
def study(tmp_path: Path) -> tuple[StudySpec, Layout]:
    shutil.copy(EXAMPLE / "study.toml", tmp_path)
    for name in set(re.findall(r'"(pretrained/[^"]+)/"', (EXAMPLE / "study.toml").read_text())):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "model.safetensors").write_text(name)
    spec = read_study(tmp_path / "study.toml")
    return spec, lay_out(spec, KNOWN, tmp_path)


def test_it_holds_the_factors_of_the_exercise(study: tuple[StudySpec, Layout]) -> None:
    levels = {factor.name: set(map(str, factor.values)) for factor in study[1].factors}
    assert len(levels["encoder"]) == 4
    assert len(levels["architecture"]) == 4 and levels["architecture"] <= set(ARCHITECTURES)
    assert levels["optimizer"] == {"adamw", "adam", "sgd"}
    assert len(levels["loss"]) == 4
    assert levels["augmentation.reflect"] == {"True", "False"}
    starts = {entry.settings.get("start") for entry in study[1].configurations}
    assert None in starts and len(starts) == 8, "seven networks, and random weights"


def test_nothing_of_augmentation_is_left_where_it_is_off(study: tuple[StudySpec, Layout]) -> None:
    (off,) = (entry for entry in study[1].configurations if entry.label == "no augmentation")
    known = {name for name in KNOWN if name.startswith("augmentation.")}
    assert known <= set(off.settings)
    assert {name: off.settings[name] for name in known if off.settings[name]} == {
        "augmentation.zoom": 1.0
    }


def test_every_other_setting_is_shared_with_the_base(study: tuple[StudySpec, Layout]) -> None:
    base, *others = study[1].configurations
    for entry in others:
        changed = {n for n, v in entry.settings.items() if base.settings.get(n, KNOWN.get(n)) != v}
        kinds = {name.partition(".")[0] for name in changed} - {"start", "weights"}
        rate = {"learning_rate"} if "optimizer" in kinds else set()  # an optimizer has a rate
        assert len(kinds - rate) <= 1, entry.label


def test_the_trainings_are_as_many_as_it_says(study: tuple[StudySpec, Layout]) -> None:
    spec, layout = study
    cells = order_cells(layout.configurations, spec.seeds, spec.repeats, spec.folds)
    stages = Counter(rung_of(cell, spec.rungs, spec.seeds) for cell in cells)
    assert stages[0] == 60
    assert stages[1] * spec.rungs[0].keep / len(layout.configurations) == 48
    assert len(cells) == 300 and spec.budget_seconds == 75 * 60


def test_every_network_that_it_starts_from_is_made_before() -> None:
    text = (EXAMPLE / "study.toml").read_text()
    wanted = set(re.findall(r'"pretrained/([^"]+)/"', text))
    script = (EXAMPLE / "pretrain.sh").read_text()
    made = {f"{a}-{e}" for a, e in re.findall(r"\b([a-z0-9]+)/([a-z0-9_-]+\d)\b", script)}
    assert wanted <= made
    (patch,) = re.findall(r"^patch = (\d+)$", text, re.MULTILINE)
    assert f"--set patch={patch} " in script and "--folds 0" in script


def test_its_data_are_described_as_the_recipe_describes_them() -> None:
    spec = DatasetSpec.parse(read_toml(EXAMPLE / "dataset.toml"), EXAMPLE / "dataset.toml")
    recipe = Path(__file__).parents[2] / "src" / "mapwright" / "recipes" / "roofs.toml"
    asked = read_toml(recipe)["dataset"]
    assert [entry.plain() for entry in spec.classes] == [
        {"objects": False, **entry, "values": entry["values"]} for entry in asked["classes"]
    ]
    assert [e.stem for e in spec.exclude] == [e["stem"] for e in asked["exclude"]]
    assert spec.mask.threshold == asked["mask"]["threshold"]
