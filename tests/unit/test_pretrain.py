"""What a recipe may ask to learn before the real images."""

from __future__ import annotations

import pytest

from mapwright.demo.generate import TILES
from mapwright.errors import MapwrightError
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
