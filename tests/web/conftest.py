"""What all tests of pages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from browser import Browser, find_browser, running_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium without a window, when this machine has it."""
    binary = find_browser()
    if binary is None:
        pytest.skip("no Chromium on this machine; MAPWRIGHT_CHROMIUM can name one")
    with running_browser(binary, tmp_path_factory.mktemp("profile")) as running:
        yield running
