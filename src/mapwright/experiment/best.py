"""The settings that did best, as a file that `mapwright train --plan` takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

from mapwright.experiment.keys import START, nest
from mapwright.io.files import write_text

BEST = "best.toml"


def write_best(folder: Path, settings: Mapping[str, Any], text: str) -> Path:
    """Write settings by dotted name, with what is to be said of them as a comment."""
    document = tomlkit.document()
    document.add(tomlkit.comment(text))
    own = dict(settings)
    if START in own:  # found from wherever the file is used
        own[START] = str(Path(own[START]).resolve())
    document.update(nest(own))
    write_text(folder / BEST, tomlkit.dumps(document))
    return folder / BEST
