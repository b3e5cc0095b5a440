"""What `check` finds, and how it says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that the check found.

    Args:
        level: `error` would harm training, `warning` may, `note` is good to know.
        kind: A fixed word for programs, such as `duplicate mask`.
        stems: The images that it concerns.
        text: What was found.
        advice: What to do.
    """

    level: Level
    kind: str
    stems: tuple[str, ...]
    text: str
    advice: str


def listed(words: Sequence[str], most: int | None = None) -> str:
    """Words as people list them: `a, b and c`; beyond `most`, how many more there are."""
    if most is not None and len(words) > most:
        return listed([*words[:most], f"{len(words) - most} more"])
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]
