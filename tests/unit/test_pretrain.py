"""What a recipe may ask to learn before the real images, and to leave after them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mapwright.demo.generate import TILES
from mapwright.errors import MapwrightError
from mapwright.recipe import Task, _learn_first
from mapwright.recipes.form import Recipe


@pytest.mark.parametrize("kind", sorted(TILES))
def test_every_kind_of_made_up_tiles_can_be_asked_for(kind: str) -> None:
    recipe = Recipe.parse({"pretrain": {kind: 100}}, "a recipe")
    assert recipe.pretrain
    assert recipe.pretrain.tiles == (kind, 100)


@pytest.mark.parametrize(
    "asked", [{}, {"share": 0.3}, {"clouds": 100, "settlements": 100}, {"clouds": 3}, {"seas": 100}]
)
def test_anything_but_one_kind_in_numbers_is_refused(asked: dict[str, float]) -> None:
    with pytest.raises(MapwrightError, match="a recipe"):
        Recipe.parse({"pretrain": asked}, "a recipe")


@pytest.mark.parametrize("leave", [{"objects": True}, {"tile": 16}, {"tile": "any"}])
def test_an_export_that_can_not_be_is_refused_before_training(leave: dict[str, object]) -> None:
    with pytest.raises(MapwrightError, match="a recipe"):
        Recipe.parse({"export": leave}, "a recipe")
    fine = {"export": {"objects": True, "output": "probability", "tile": "planned"}}
    assert Recipe.parse(fine, "a recipe").export


def test_a_network_chosen_by_hand_is_the_one_that_learns_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: dict[str, Any] = {}

    def train_on(data: object, out: Path, options: Any) -> SimpleNamespace:
        trained.update(options.settings)
        return SimpleNamespace(model=None)

    monkeypatch.setattr("mapwright.recipe.make_tiles", lambda *given, **more: None)
    made = SimpleNamespace(spec=SimpleNamespace(used=(0, 1, 2, 3)))
    monkeypatch.setattr("mapwright.recipe.open_dataset", lambda root: made)
    monkeypatch.setattr("mapwright.recipe.train_on", train_on)
    plan = {"encoder": "mobilenet_v2", "architecture": "fpn", "folds": 5}
    recipe = Recipe.parse({"pretrain": {"clouds": 100}, "plan": plan}, "a recipe")
    task = Task(tmp_path / "a", tmp_path, tmp_path, 0.0, settings={"encoder": "resnet34"})
    _learn_first(recipe, task, None)
    assert (trained["encoder"], trained["architecture"]) == ("resnet34", "fpn")
    assert "folds" not in trained
    varied = trained["augmentation"]
    assert varied["reflect"], "what is learnt on made-up ground is to hold elsewhere"
    assert varied["brightness"] == 0.05, "four bands are a spectrum"
