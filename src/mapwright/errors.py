"""What can go wrong, one short class per failure; every message is written for the user."""

from __future__ import annotations


class MapwrightError(Exception):
    """A failure that the user can understand and mend.

    Args:
        what: What was found, with the value itself.
        where: The file, band, class or setting that it was found in.
        expected: What would have been right.
        fix: What to do next.

    Attributes:
        exit_code: What a command ends with: 2 for bad input, 1 where a check failed.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: object | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.expected, self.fix = what, where, expected, fix
        parts = [("where", where), ("expected", expected), ("what to do", fix)]
        lines = [what, *(f"  {name}: {text}" for name, text in parts if text is not None)]
        super().__init__("\n".join(lines))


class DatasetError(MapwrightError):
    """The data folder or its `dataset.toml` can't be used as it is."""


class ImageFileError(MapwrightError):
    """One image or mask can't be read, or does not fit its pair."""


class SettingError(MapwrightError):
    """A setting, option or argument has a value that can't be used."""


class WeightsError(MapwrightError):
    """Starting weights that were demanded can't be had."""


class ModelFileError(MapwrightError):
    """A model file is cut short, altered, or not ours."""


class TrainingError(MapwrightError):
    """Training can't go on."""


class ExportError(MapwrightError):
    """A model was not exported: not proved equal, too large, too slow, or no ONNX can hold it."""

    exit_code = 1


class OutputError(MapwrightError):
    """A result can't be written where it was asked for."""
