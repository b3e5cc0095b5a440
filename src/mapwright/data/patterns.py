"""Patterns such as `images/*.tif`: which files they take, and what the `*` stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from mapwright.data.config import nearest
from mapwright.errors import DatasetError
from mapwright.io.raster import SUFFIXES

_CHOICE = re.compile(r"\{([^{}]*)\}")


def problem_of(pattern: str) -> str | None:
    """What is wrong with a pattern, or None."""
    if any(expanded.count("*") != 1 for _, expanded in expand(pattern)):
        return f"pattern {pattern!r} must hold exactly one *"
    counts = {len(words.split(",")) for words in _CHOICE.findall(pattern)}
    if len(counts) > 1:
        return f"pattern {pattern!r} must have as many words in each {{...}}"
    return None


def expand(pattern: str) -> list[tuple[str, str]]:
    """A pattern for each word of its `{train,val}`: (word, pattern); ("", pattern) without any.

    Several `{...}` vary together: the second word of one goes with the second of the others.
    """
    groups = [words.split(",") for words in _CHOICE.findall(pattern)]
    if not groups:
        return [("", pattern)]
    between = _CHOICE.split(pattern)[::2]
    return [
        (words[0], "".join(a + b for a, b in zip_longest(between, words, fillvalue="")))
        for words in zip(*groups, strict=False)
    ]


def match_files(root: Path, pattern: str, suffixes: frozenset[str] = SUFFIXES) -> dict[str, Path]:
    """Files below `root` that match, by stem, in natural order.

    Args:
        root: The folder.
        pattern: A relative path with one `*`, which stands for any part of a file's or folder's
            name. `{train,val}_scene/*.tif` takes both folders.
        suffixes: Endings of the files to take.

    Returns:
        Stem -> path. The stem is what the `*` stands for, after the word of `{...}` and a `_` if
        there is one: `train_7`. `tile_2` comes before `tile_10`.

    Raises:
        DatasetError: Two files have one stem.
    """
    found: dict[str, Path] = {}
    for word, single in expand(pattern):
        for star, path in _match(root, single, suffixes):
            stem = f"{word}_{star}" if word else star
            if stem in found:
                raise DatasetError(
                    f"two files have the stem {stem!r}",
                    where=f"{found[stem]} and {path}",
                    expected="one file for each stem",
                    fix="remove one, or name an ending in the pattern, such as *.tif",
                )
            found[stem] = path
    return dict(sorted(found.items(), key=lambda pair: natural_key(pair[0])))


def stem_of(path: Path, pattern: str) -> tuple[Path, str] | None:
    """The root and the stem of a file that a pattern takes, or None when it does not take it."""
    for word, single in expand(pattern):
        parts = Path(single).parts
        if len(path.parts) < len(parts):
            continue
        root = Path(*path.parts[: len(path.parts) - len(parts)])
        for star, found in _match(root, single, SUFFIXES):
            if found == path:
                return root, f"{word}_{star}" if word else star
    return None


def _match(root: Path, pattern: str, suffixes: frozenset[str]) -> Iterator[tuple[str, Path]]:
    """What the `*` stands for and the file, for each file that one plain pattern takes."""
    parts = Path(pattern).parts
    place = next(k for k, part in enumerate(parts) if "*" in part)
    head, _, tail = parts[place].partition("*")
    folder, rest = root.joinpath(*parts[:place]), parts[place + 1 :]
    for entry in folder.iterdir() if folder.is_dir() else ():
        name = entry.name
        if not (name.startswith(head) and name.endswith(tail)):
            continue
        path = entry.joinpath(*rest)
        if len(name) < len(head) + len(tail) or not is_image(path, suffixes):
            continue
        star = name[len(head) : len(name) - len(tail)]
        yield star if tail or rest else star.removesuffix(path.suffix), path


def is_image(path: Path, suffixes: frozenset[str] = SUFFIXES) -> bool:
    """Whether a file is taken for an image: by its ending, and not hidden."""
    return path.suffix.lower() in suffixes and path.name[0] != "." and path.is_file()


def natural_key(text: str) -> list[tuple[int, str]]:
    """Sort key that puts numbers in their order."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return [*((int(p), "") if p[0] in "0123456789" else (-1, p) for p in parts), (-2, text)]


def perhaps(word: str, choices: list[str]) -> str:
    """Advice on a name that is not there."""
    guess = nearest(word, choices)
    return f"perhaps {guess!r} is meant" if guess else "look at the names in the folder"
