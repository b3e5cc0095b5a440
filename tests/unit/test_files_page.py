"""The page of all keys of all files, and the example in the README."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

from mapwright.data.spec import DatasetSpec
from mapwright.models.build import ARCHITECTURES

ROOT = Path(__file__).parents[2]


def test_the_page_says_what_the_code_says() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_files.py"))
    wrong = "run `python docs/make_files.py`"
    assert (ROOT / "docs" / "files.md").read_text(encoding="utf-8") == made["page"](), wrong


def test_the_page_names_every_architecture() -> None:
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `architecture` .*$", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) - {"architecture"} == set(ARCHITECTURES)


def test_the_description_in_the_readme_is_complete() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        DatasetSpec.parse(tomllib.loads(block), "README.md")
