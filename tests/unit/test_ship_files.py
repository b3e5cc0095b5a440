"""The files of examples/ships: what they need, the image that they make, and the rule for ships."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from scipy import ndimage

from mapwright.metrics.components import Cut, ObjectRule

ROOT = Path(__file__).parents[2]
SHIPS = ROOT / "examples" / "ships"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SHIPS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def requirements(path: Path) -> dict[str, Requirement]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {entry.name: entry for entry in found}


# --- what they need ----------------------------------------------------------------------------


def test_the_scripts_need_what_the_package_needs_in_the_versions_that_the_tests_run_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = {Requirement(text).name: Requirement(text) for text in project["dependencies"]}
    tested = requirements(ROOT / "constraints.txt")
    listed = requirements(SHIPS / "requirements.txt")
    assert listed.keys() == lowest.keys()
    for name, entry in listed.items():
        assert entry.specifier == tested.get(name, lowest[name]).specifier, name
    for name, entry in requirements(SHIPS / "requirements-onnx.txt").items():
        assert entry.specifier == tested[name].specifier, name


def test_what_runs_without_mapwright_imports_only_what_it_lists() -> None:
    named = {"PIL": "pillow"}
    listed = requirements(SHIPS / "requirements-onnx.txt").keys()
    needed = set()
    for name in ("onnx_inference", "ship_rule"):
        for node in ast.walk(ast.parse((SHIPS / f"{name}.py").read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            needed |= {text.partition(".")[0] for text in names}
    outside = needed - set(sys.stdlib_module_names) - {"ship_rule"}
    assert {named.get(name, name) for name in outside} == set(listed)


@pytest.mark.parametrize("name", ["train", "inference"])
def test_the_scripts_for_people_are_a_page_and_know_only_the_public_names(name: str) -> None:
    text = (SHIPS / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    assert "import mapwright as mw" in text
    assert not re.findall(r"from mapwright|import mapwright\.", text)


def test_every_file_is_in_the_readme_and_every_file_named_there_exists() -> None:
    text = (SHIPS / "README.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"[\w-]+\.(?:py|txt)|Dockerfile", text)}
    there = {path.name for path in SHIPS.iterdir() if path.is_file()}
    assert named <= there
    assert there - named <= {"README.md", ".dockerignore"}


# --- the image ---------------------------------------------------------------------------------


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    """Lint a Dockerfile; everything that is found fails."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    linter = shutil.which("hadolint", path=places)
    assert linter, "pip install -e '.[dev]' brings hadolint"
    command = [linter, "--no-color", "--failure-threshold", "style", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_linter_has_nothing_to_say_of_the_dockerfile() -> None:
    found = hadolint(SHIPS / "Dockerfile")
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        (("python:3.12.12-slim-bookworm", "python"), "DL3006"),
        (("WORKDIR /app", "WORKDIR app"), "DL3000"),
        ((" --no-cache-dir", ""), "DL3042"),
        (('ENTRYPOINT ["python", "onnx_inference.py"]', "ENTRYPOINT python x.py"), "DL3025"),
    ],
)
def test_the_linter_finds_what_is_wrong(tmp_path: Path, fault: tuple[str, str], rule: str) -> None:
    text = (SHIPS / "Dockerfile").read_text(encoding="utf-8")
    assert text.count(fault[0]) == 1
    (tmp_path / "Dockerfile").write_text(text.replace(*fault), encoding="utf-8")
    found = hadolint(tmp_path / "Dockerfile")
    assert found.returncode == 1
    assert rule in found.stdout


def instructions() -> list[tuple[str, str]]:
    text = (SHIPS / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and line[0] != "#"]
    return [(first, rest.strip()) for first, _, rest in (line.partition(" ") for line in lines)]


def test_what_is_copied_exists_and_is_sent_to_docker() -> None:
    patterns = (SHIPS / ".dockerignore").read_text(encoding="utf-8").split()
    copied = {name for what, rest in instructions() if what == "COPY" for name in rest.split()[:-1]}
    assert {"onnx_inference.py", "ship_rule.py", "requirements-onnx.txt"} == copied
    for name in copied:
        assert (SHIPS / name).is_file()
        sent = True
        for pattern in patterns:  # the last that fits decides
            if fnmatch(name, pattern.removeprefix("!")):
                sent = pattern.startswith("!")
        assert sent, name


def test_the_image_is_pinned_small_and_not_run_as_root() -> None:
    told = dict(instructions())
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", told["FROM"])
    assert int(told["USER"]) > 0
    order = [what for what, _ in instructions()]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert "torch" not in (SHIPS / "requirements-onnx.txt").read_text().replace("no torch", "")


# --- the rule ----------------------------------------------------------------------------------


def blobs(seed: int, smooth: float, side: int = 40) -> tuple[Any, Any]:
    """A map with shapes that touch, narrow and reach over the border, and one of borders."""
    rng = np.random.default_rng(seed)
    rough = ndimage.gaussian_filter(rng.normal(size=(2, side, side + 7)), (0, smooth, smooth))
    soft = 1 / (1 + np.exp(-3 * rough / rough.std()))
    soft[:, rng.random(soft.shape[1:]) < 0.01] = np.nan
    return soft.astype(np.float32)


@given(
    seed=st.integers(0, 10**6),
    smooth=st.sampled_from([0.7, 1.5, 3.0]),
    cut=st.builds(
        Cut,
        threshold=st.sampled_from([0.0, 0.3, 0.5, 0.6]),
        core=st.sampled_from([None, 0.8, 0.9]),
        border=st.sampled_from([None, 0.5, 0.7]),
        core_pixels=st.sampled_from([1, 8]),
        neck=st.sampled_from([None, 0.7]),
    ),
    smallest=st.sampled_from([1, 5, 40]),
    gate=st.sampled_from([0.0, 0.5, 0.95]),
    presence=st.sampled_from([None, 0.2, 0.9]),
)
@settings(max_examples=60, deadline=None)
def test_the_rule_of_the_example_is_the_rule_of_the_model(
    seed: int, smooth: float, cut: Cut, smallest: int, gate: float, presence: float | None
) -> None:
    soft, border = blobs(seed, smooth)
    rule = ObjectRule(cut, smallest, gate)
    expected = rule.objects(soft, border, presence)
    plain = {**vars(rule), "cut": dict(vars(cut))}
    found = module("ship_rule").find_ships(soft, border, presence, plain)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3)])
def test_the_smallest_maps_and_those_without_a_valid_pixel_hold_no_ship(
    shape: tuple[int, int],
) -> None:
    rule = {
        "cut": {"threshold": 0.5, "core": 0.8, "neck": 0.7, "border": None, "core_pixels": 8},
        "smallest": 1, "gate": 0.3,
    }  # fmt: skip
    find = module("ship_rule").find_ships
    assert not find(np.full(shape, np.nan, np.float32), None, None, rule).any()
    assert find(np.ones(shape, np.float32), None, None, rule).max() == 1


def test_runs_are_those_that_our_own_reader_takes_back() -> None:
    from mapwright.io.rle import decode_mask, encode_instances

    sys.path.insert(0, str(SHIPS))
    try:
        write = module("onnx_inference").run_lengths
    finally:
        sys.path.remove(str(SHIPS))
    for seed in range(20):
        mask = np.random.default_rng(seed).random((9, 13)) < 0.1 + seed / 25
        assert write(mask) == "".join(encode_instances(mask))
        assert np.array_equal(decode_mask(write(mask), mask.shape), mask)
    assert write(np.ones((2, 3), bool)) == "1 6"
    assert write(np.zeros((2, 3), bool)) == ""
