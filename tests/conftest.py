"""Shared fixtures."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does; before torch
if "PYTEST_XDIST_WORKER" in os.environ:  # each has one core, and so has what it starts
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"  # a test that reaches for the network is a mistake


@pytest.fixture(scope="session")
def stored_data() -> Path:
    """The folder of real images, when this machine has it."""
    root = os.environ.get("MAPWRIGHT_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("MAPWRIGHT_DATA is not set")
    return Path(root)


@pytest.fixture(scope="session")
def roofs(stored_data: Path) -> Path:
    """The 30 real roof images."""
    folder = stored_data / "roofs"
    if not folder.is_dir():
        pytest.skip("no roofs in MAPWRIGHT_DATA")
    return folder
