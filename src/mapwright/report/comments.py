"""What the comments of a TOML file say of its keys: a recipe gives its reasons there."""

from __future__ import annotations

from pathlib import Path

HEAD = ""
"""The key of a file's first comment, which stands alone."""


def comments(path: Path) -> dict[str, str]:
    """By key, such as `plan.encoder` or `dataset.classes`, the comment above it.

    Comments above tables of one name are put together; a file that is not there has none.
    """
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    table, block = "", list[str]()
    for line in path.read_text(encoding="utf-8").splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            block.append(bare.lstrip("# "))
            continue
        key = HEAD
        if bare.startswith("["):
            table = key = bare.split("]")[0].strip("[ ")
        elif "=" in bare:
            key = ".".join(filter(None, (table, bare.partition("=")[0].strip())))
        if block and (key or not found):
            found[key] = " ".join([*filter(None, [found.get(key)]), *block])
        block = []
    return found
