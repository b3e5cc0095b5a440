"""Reasons that stand in the comments of a recipe."""

from pathlib import Path

from mapwright.recipe import recipe_path
from mapwright.report.comments import HEAD, comments

TEXT = """\
# What it is for,
# in two lines.

top = 1

# Why there are bands.
[[dataset.bands]]
name = "red"

# And why this one is not used.
[[dataset.bands]]
name = "swir"

[plan]
folds = 5
# Small, so that
# five fit.
encoder = "x"  # not a reason
"""


def test_each_comment_belongs_to_what_stands_below_it(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(TEXT)
    assert comments(path) == {
        HEAD: "What it is for, in two lines.",
        "dataset.bands": "Why there are bands. And why this one is not used.",
        "plan.encoder": "Small, so that five fit.",
    }


def test_a_file_without_a_head_has_none(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[plan]\n# why\nsteps = 1\n\n# alone at the end\n")
    assert comments(path) == {"plan.steps": "why"}
    assert comments(tmp_path / "none.toml") == {}


def test_the_shipped_cloud_recipes_say_why() -> None:
    for name in ("clouds", "clouds-sentinel2"):
        said = comments(recipe_path(name))
        assert said[HEAD].startswith("Clouds from red, green, blue and near infrared")
        assert {"dataset.classes", "dataset.split.by", "plan.encoder", "export.tile"} <= set(said)
