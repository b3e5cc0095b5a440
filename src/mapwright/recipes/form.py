"""What a recipe may say, and where the shipped ones are."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mapwright.data.config import Config
from mapwright.data.patterns import problem_of
from mapwright.errors import SettingError
from mapwright.onnxfile import SOFT, Output, TileSide

SMALLEST = 64
"""Made-up tiles to learn from first; fewer teach nothing."""


class Pretrain(Config):
    """What to learn before the real images: made-up tiles of one kind.

    Args:
        settlements: Number of made-up settlement tiles with roofs, red, green and blue.
        clouds: Number of made-up tiles with clouds, red, green, blue and near infrared.
        share: Share of the budget that goes into making and learning them.
        steps: Training steps where there is no budget.
    """

    settlements: int | None = Field(default=None, ge=SMALLEST)
    clouds: int | None = Field(default=None, ge=SMALLEST)
    share: float = Field(default=0.5, gt=0, lt=1)
    steps: int = Field(default=2400, ge=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.settlements is None) == (self.clouds is None):
            raise ValueError("either settlements or clouds: a number of made-up tiles")
        return self

    @property
    def tiles(self) -> tuple[str, int]:
        """Kind and number of the tiles."""
        if self.settlements is not None:
            return "settlements", self.settlements
        assert self.clouds is not None
        return "clouds", self.clouds


class Prediction(Config):
    """Which images to predict when the model is trained, and what to write of each.

    Args:
        format: `native`: a map of each image. `kaggle`: no maps, but one table of the objects of
            all as run lengths, `submission.csv`.
        images: Patterns below the data folder of further images without a mask, such as
            `test/*.jpg`; what is not there is not missed.
        held_out: Map the held-out images too, and not only those without a mask.
        overlay: Also write each image with the classes laid over it.
        probabilities: Also write one band of probability per class.
    """

    format: Literal["native", "kaggle"] = "native"
    images: tuple[str, ...] = ()
    held_out: bool = False
    overlay: bool = True
    probabilities: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for problem in filter(None, map(problem_of, self.images)):
            raise ValueError(problem)
        asked = [
            key
            for key in ("held_out", "overlay", "probabilities")
            if key in self.model_fields_set and getattr(self, key)
        ]
        if self.format == "kaggle" and asked:
            raise ValueError(f"{' and '.join(asked)}: of maps, and kaggle writes a table instead")
        return self


class Leave(Config):
    """The file for other software that a task ends with; see `mapwright.exporting.write.export`.

    Args:
        tile: Height and width of its tiles in pixels; `planned` = those that maps are made from,
            so that it gives the maps of the model itself.
        output: What it gives.
        invalid: What a mask holds where the image is invalid.
        objects: Give all that the model's rule for objects needs, so that it makes the same ones.
        max_mb: Largest size in megabytes.
    """

    tile: TileSide | Literal["planned"] = 224
    output: Output = "mask"
    invalid: Literal[0, 255] = 255
    objects: bool = False
    max_mb: float | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.objects and self.output not in SOFT:
            raise ValueError(f"objects need the output probability or logits, not {self.output}")
        return self


class Recipe(Config):
    """A task.

    Args:
        dataset: Parts of a `dataset.toml` that override what is guessed from the files.
        together: Keep images that show the same content, as the check finds them, on one side of
            the split.
        pretrain: What to learn first; None = nothing.
        plan: Settings of the plan, and the number of `folds`.
        predict: Which images to predict.
        export: The file for other software; None = none.
        methodology: Also write the protocol on a page or two, `methodology.md`.
    """

    dataset: dict[str, Any] = Field(default_factory=dict)
    together: bool = False
    pretrain: Pretrain | None = None
    plan: dict[str, Any] = Field(default_factory=dict)
    predict: Prediction = Prediction()
    export: Leave | None = None
    methodology: bool = False


def recipe_path(name: str) -> Path:
    """The file of a recipe, by the name of one that is shipped or by its path.

    Raises:
        SettingError: There is no such recipe.
    """
    if name.endswith(".toml"):
        return Path(name)
    shipped = Path(str(files("mapwright.recipes")))
    path = shipped / f"{name}.toml"
    if not path.exists():
        names = sorted(found.stem for found in shipped.glob("*.toml"))
        raise SettingError(
            f"there is no recipe {name!r}",
            where="RECIPE",
            expected=f"one of {', '.join(names)}, or a path that ends in .toml",
        )
    return path
